"""An encoder made of letters, and the engine of the test's application with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from flask import Flask

from kcz_match.core.db import db
from kcz_match.matching import engine as engines
from kcz_match.matching.engine import Engine
from kcz_match.matching.models import Vector
from kcz_match.matching.vectors import next_change, to_bytes


class Letters:
    """Encodes a text by its pairs of neighbouring letters; remembers what it was given."""

    dimension = 64

    def __init__(self, name: str = "letters@1") -> None:
        self.name = name
        self.seen: list[tuple[str, str]] = []

    def encode(self, texts: Sequence[str], role: str = "query") -> np.ndarray:
        """Return unit rows; texts that share pairs are near."""
        self.seen += [(role, text) for text in texts]
        rows = np.full((len(texts), self.dimension), 1e-3, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for one, two in zip(text, text[1:] + " ", strict=True):
                row[int.from_bytes(hashlib.md5((one + two).encode()).digest()[:4]) % self.dimension] += 1
        return rows / np.linalg.norm(rows, axis=1)[:, None]


@pytest.fixture
def letters() -> Iterator[Letters]:
    """The encoder of letters, in place of the configured one."""
    encoder = Letters()
    engines.set_encoder_for_tests(encoder)
    yield encoder
    engines.set_encoder_for_tests(None)


@pytest.fixture
def engine(app: Flask, letters: Letters) -> Engine:
    """The engine of this test: its own folder, folding after 20 changes."""
    engines.configure(app.config["ENCODER"], app.config["INDEXES"], 20)
    return engines.engine()


@pytest.fixture
def store(app: Flask):
    """A function that stores the searched vector of a record (or its leaving, for None) in a commit of its own."""

    def put(record_id: int, vector: np.ndarray | None, kind: str = "need", tier: str = "public",
            encoder: str = "letters@1") -> None:
        row = db.session.query(Vector).filter_by(
            kind=kind, record_id=record_id, tier=tier, encoder=encoder, field="whole", part=0).one_or_none()
        row = row or Vector(kind=kind, record_id=record_id, tier=tier, encoder=encoder, role="passage", field="whole",
                            part=0, text_hash="", data=b"")
        row.is_live, row.change = vector is not None, next_change()
        row.data = row.data if vector is None else to_bytes(vector)
        db.session.add(row)
        db.session.commit()

    return put
