"""Vectors, questions and exact answers for the tests of the index: what the definition says, straight from the rows."""

from __future__ import annotations

import numpy as np

from kcz_match.core.db import db
from kcz_match.matching.index import RecordIndex, snapshot
from kcz_match.matching.models import Vector
from kcz_match.matching.stored_lists import Slice
from kcz_match.matching.vectors import next_change, reading, to_bytes

ENCODER = "letters@1"
DIMENSION = 16


def vector(seed: int) -> np.ndarray:
    """Return a unit vector in a random direction, the same for the same seed."""
    row = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return row / np.linalg.norm(row)


def row(record_id: int, data: np.ndarray, **more: object) -> Vector:
    """Return the searched row of a need that is listed for everybody, under the next change number if none is given."""
    place = {"kind": "need", "tier": "public", "encoder": ENCODER, "role": "passage", "field": "whole", "part": 0}
    facts = place | {"text_hash": "", "is_live": True} | more
    facts["change"] = facts.get("change") or next_change()
    return Vector(record_id=record_id, data=to_bytes(data), **facts)


def store_many(ids: range, encoder: str = ENCODER, seed: int = 0) -> None:
    """Store the searched rows of many needs in one commit; ``seed`` and its id are the seed of a vector."""
    change = next_change()
    db.session.add_all(row(one, vector(seed + one), encoder=encoder, change=change) for one in ids)
    db.session.commit()


def ask(
    index: RecordIndex, seed: int = 1000, limit: int = 10, kind: str = "need", tier: str = "public", allowed=None
) -> list[tuple[int, float]]:
    """Return what the index answers."""
    return index.channel(kind, tier, allowed).search({"whole": vector(seed)}, {"whole": 1.0}, limit)


def exact(
    seed: int = 1000, limit: int = 10, kind: str = "need", tier: str = "public", allowed=None
) -> list[tuple[int, float]]:
    """Return the answer of a rebuild from the rows as they are now."""
    with reading() as connection:
        rows = snapshot(connection, ENCODER, Slice(kind, tier))
    if not rows.count:
        return []
    scores = (rows.vectors.astype(np.float64) @ vector(seed).astype(np.float64)).astype(np.float32)
    pairs = [
        (int(one), float(score))
        for one, score in zip(rows.ids, scores, strict=True)
        if allowed is None or one in allowed
    ]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:limit]
