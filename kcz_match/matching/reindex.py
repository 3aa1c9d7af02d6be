"""Bring every vector and word in line with the records, while the site serves.

The caller commits after every step, so it can be stopped or killed at any time and goes on where it stopped: text that
is stored already is never encoded again.  With a new encoder (``KCZ_ENCODER`` set for this command alone) the rows and
the generation are built beside the old ones, which go on being served; the site switches when it is started with the
setting, to a generation that holds also what was published or changed in the meantime.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from kcz_match.core.db import db
from kcz_match.matching import vectors
from kcz_match.matching.documents import KINDS
from kcz_match.matching.engine import engine
from kcz_match.matching.generations import SLICES
from kcz_match.matching.index_tasks import fold_index, reconcile, reconcile_sentences, texts_of
from kcz_match.matching.models import Vector
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
    with vectors.reading() as connection:
        since = vectors.last_change(connection)
    todo, at, changed, encoded = _records(), 0, 0, 0
    while at < len(todo):
        part = todo[at : at + batch]
        known, fresh = _encoded(part)
        for kind, record_id in part:
            has_changed = reconcile(kind, record_id, known)
            changed += reconcile_sentences(kind, record_id, known) or has_changed
        at, encoded = at + len(part), encoded + fresh
        yield Progress(at, len(todo), changed, encoded, time.monotonic() - started)
        if at == len(todo):
            since, more = _changed_by_others(since)
            todo += more
    fold_index("reindex")
    yield Progress(at, len(todo), changed, encoded, time.monotonic() - started)


def _changed_by_others(since: int) -> tuple[int, list[tuple[str, int]]]:
    """Return the last change number, and the records that a worker with another encoder has indexed after ``since``."""
    with vectors.reading() as connection:
        last = vectors.last_change(connection)
        found = connection.execute(
            select(Vector.kind, Vector.record_id)
            .where(Vector.encoder != engine().encoder.name, Vector.change > since, Vector.change <= last)
            .distinct()
        )
        return last, sorted((kind, record_id) for kind, record_id in found)


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
