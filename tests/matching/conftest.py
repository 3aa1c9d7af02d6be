"""An encoder made of letters, and the engine of the test's application with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flask import Flask

from kcz_match.core.db import db
from kcz_match.matching import encoder_build
from kcz_match.matching import engine as engines
from kcz_match.matching.encoder import Encoder, load
from kcz_match.matching.engine import Engine
from kcz_match.matching.models import Vector
from kcz_match.matching.vectors import next_change, to_bytes
from tests.letters import Letters

ROOT = Path(__file__).resolve().parents[2]


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

    def put(
        record_id: int, vector: np.ndarray | None, kind: str = "need", tier: str = "public", encoder: str = "letters@1"
    ) -> None:
        row = (
            db.session.query(Vector)
            .filter_by(kind=kind, record_id=record_id, tier=tier, encoder=encoder, field="whole", part=0)
            .one_or_none()
        )
        row = row or Vector(
            kind=kind,
            record_id=record_id,
            tier=tier,
            encoder=encoder,
            role="passage",
            field="whole",
            part=0,
            text_hash="",
            data=b"",
        )
        row.is_live, row.change = vector is not None, next_change()
        row.data = row.data if vector is None else to_bytes(vector)
        db.session.add(row)
        db.session.commit()

    return put


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    """The real default encoder, built once into ``indexes/encoder``; its weights load at the first text."""
    return load(encoder_build.build(ROOT / "indexes" / "encoder", say=lambda sentence: None), threads=2)
