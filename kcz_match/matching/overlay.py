"""What changed in one list since its generation was built: held in memory, extended by each change at its own cost.

Vectors are appended to a buffer that grows by doubling; what a newer change replaces is marked and skipped.  A reader
that holds an older overlay of the same buffer sees exactly the rows it had, because nobody writes below its count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kcz_match.matching.stored_lists import exact

SMALLEST = 64
GONE = -1
SAME_SCORE = 1e-5
NO_IDS = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Overlay:
    """The changes up to ``change``: which places of the base they close, and the vectors that are in the list now.

    ``closed`` are rising places of the base whose record changed or left; ``ids`` (m,) names the rows of ``buffer``,
    ``GONE`` where a newer change replaced one.
    """

    change: int
    closed: np.ndarray = field(default_factory=lambda: NO_IDS)
    ids: np.ndarray = field(default_factory=lambda: NO_IDS)
    buffer: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    @property
    def dimension(self) -> int:
        """How many numbers one vector has; 0 when there never was one."""
        return self.buffer.shape[1]

    @property
    def count(self) -> int:
        """How many records it adds or replaces."""
        return int(np.count_nonzero(self.ids != GONE))

    def extended(self, found: Sequence[tuple[int, np.ndarray | None, int]], base_ids: np.ndarray) -> Overlay:
        """Return the overlay after further changes: (record id, vector (d,) or None when it left, change number).

        Each record comes once.  ``base_ids`` are the rising ids of the list that it lies over.
        """
        changed = np.array([record_id for record_id, _, _ in found], np.int64)
        news = [(record_id, vector) for record_id, vector, _ in found if vector is not None]
        ids = np.append(self.ids, np.array([record_id for record_id, _ in news], np.int64))
        ids[: len(self.ids)][np.isin(self.ids, changed)] = GONE
        buffer = self._with_room_for(len(news), news[0][1].shape[0] if news else 0)
        for row, (_, vector) in enumerate(news, len(self.ids)):
            buffer[row] = vector
        closed = _inserted(self.closed, places_of(base_ids, changed))
        return replace(self, change=max(number for *_, number in found), closed=closed, ids=ids, buffer=buffer)

    def best(self, vector: np.ndarray, limit: int, allowed: np.ndarray | None) -> list[tuple[int, float]]:
        """Return the (record id, score) of the ``limit`` nearest (of the rising ids ``allowed``) and what may tie."""
        rows = np.flatnonzero(self.ids != GONE)
        if allowed is not None:
            rows = rows[_are_among(self.ids[rows], allowed)]
        if not len(rows) or limit < 1:
            return []
        rough = (self.buffer[: len(self.ids)] @ vector)[rows]
        if len(rows) > limit:
            rows = rows[rough >= np.partition(rough, len(rough) - limit)[len(rough) - limit] - SAME_SCORE]
        scores = exact(self.buffer[rows], vector).astype(np.float32)
        return list(zip(self.ids[rows].tolist(), scores.tolist(), strict=True))

    def _with_room_for(self, count: int, dimension: int) -> np.ndarray:
        """Return a buffer with ``count`` free rows after those in use; the old one is kept as it is when it is full."""
        used = len(self.ids)
        if used + count <= len(self.buffer) or not count:
            return self.buffer
        buffer = np.zeros((max(SMALLEST, 2 * (used + count)), self.dimension or dimension), np.float32)
        if used:
            buffer[:used] = self.buffer[:used]
        return buffer


def places_of(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the places in the rising ``ids`` of those of ``wanted`` that are there."""
    places = np.searchsorted(ids, wanted)
    inside = places < len(ids)
    places, wanted = places[inside], wanted[inside]
    return places[ids[places] == wanted]


def _are_among(wanted: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Return for each of ``wanted`` whether it is in the rising ``ids``: few are looked up in many."""
    if not len(ids):
        return np.zeros(len(wanted), bool)
    return ids[np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)] == wanted


def _inserted(places: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Return the rising ``places`` with those of ``more`` that they lack."""
    more = np.unique(more)
    fresh = more[~np.isin(more, places)]
    return np.insert(places, np.searchsorted(places, fresh), fresh)
