"""Bring every vector and word in line with the records, while the site serves.

The caller commits after every step, so it can be stopped at any time and goes on where it stopped: text that is
stored already is never encoded again.  With a new encoder the rows and the generation are built beside the old ones,
which go on being served until the site starts with the new setting.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from kcz_match.core.db import db
from kcz_match.matching import vectors
from kcz_match.matching.documents import KINDS
from kcz_match.matching.engine import engine
from kcz_match.matching.generations import SLICES
from kcz_match.matching.index_tasks import fold_index, reconcile, reconcile_sentences, texts_of
from kcz_match.matching.reconciliation import indexed_ids, listed_ids, worded_ids
from kcz_match.matching.vectors import Known

BATCH = 16


@dataclass(frozen=True)
class Progress:
    """How far it is: records done and to do, records whose rows changed, texts encoded, seconds."""

    done: int
    total: int
    changed: int
    encoded: int
    seconds: float

    def sentence(self) -> str:
        """Return the progress as one line with the rate."""
        rate = self.done / self.seconds if self.seconds else 0.0
        return (
            f"{self.done}/{self.total} records, {self.changed} changed, {self.encoded} texts encoded, "
            f"{self.seconds:.1f} s, {rate:.1f} records/s"
        )


def steps(batch: int = BATCH) -> Iterator[Progress]:
    """Do one batch at a time and yield after each; commit then.  The last step builds a generation.

    The write lock is held only while rows are written, never while texts are encoded.
    """
    started = time.monotonic()
    todo = _records()
    changed = encoded = 0
    for start in range(0, len(todo), batch):
        part = todo[start : start + batch]
        known, fresh = _encoded(part)
        for kind, record_id in part:
            has_changed = reconcile(kind, record_id, known)
            changed += reconcile_sentences(kind, record_id, known) or has_changed
        encoded += fresh
        yield Progress(start + len(part), len(todo), changed, encoded, time.monotonic() - started)
    fold_index("reindex")
    yield Progress(len(todo), len(todo), changed, encoded, time.monotonic() - started)


def _records() -> list[tuple[str, int]]:
    """Return every record that is listed, or that vectors or words still hold."""
    with vectors.reading() as connection:
        name = engine().encoder.name
        found = {(kind, record_id) for kind in KINDS for record_id in listed_ids(connection, kind)}
        for one in SLICES:
            held = indexed_ids(connection, name, one) | worded_ids(connection, one)
            found |= {(one.kind, record_id) for record_id in held}
    return sorted(found)


def _encoded(part: list[tuple[str, int]]) -> tuple[Known, int]:
    """Return the vectors of these records, encoding what no row holds, and how many that were."""
    db.session.expire_all()
    with vectors.reading() as connection, Session(connection) as session:
        wanted = [
            (place.role, content)
            for kind, record_id in part
            for sentences in (False, True)
            for place, content in texts_of(kind, record_id, session, sentences=sentences).items()
        ]
        known = vectors.lookup(connection, engine().encoder.name, wanted)
    complete = vectors.encode_missing(engine().encoder, wanted, known)
    return complete, sum(role in vectors.TOKENS for role, _hash in complete.keys() - known.keys())
