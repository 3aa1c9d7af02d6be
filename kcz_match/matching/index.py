"""The dense index: an immutable generation plus the rows that changed since, so that one change costs one row.

The database is the truth.  A search starts from the newest generation (or, when there is none or it is damaged, from
an exact copy of the rows in memory), leaves out every record that changed since, and scores those exactly from their
rows; it asks the database for them by change number at every search, so a commit is found at once in every process.
Scores are computed in double precision from the stored vectors either way: files never move an answer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import ColumnElement, Connection, TextClause, bindparam, func, select, text

from kcz_match.matching import generations
from kcz_match.matching.generations import SLICES, Damage, Generation, Mapped, Rows, Slice, Step
from kcz_match.matching.models import SEARCHED, Vector
from kcz_match.matching.retrieval import WHOLE
from kcz_match.matching.vectors import MOST_VARIABLES, PASSAGE, STORED, TOKENS, from_bytes, last_change, reading

log = logging.getLogger(__name__)

SAME_SCORE = 1e-5
VECTORS = Vector.__table__.c
CHANGED = select(VECTORS.record_id, VECTORS.is_live, VECTORS.data, VECTORS.change).where(
    VECTORS.encoder == bindparam("encoder"),
    VECTORS.kind == bindparam("kind"),
    VECTORS.tier == bindparam("tier"),
    text(SEARCHED),
    VECTORS.change > bindparam("change"),
)
NOTHING = Rows(np.zeros(0, np.int64), np.zeros((0, 1), np.float32))


@dataclass(frozen=True)
class Overlay:
    """What changed in one list since its generation: ids that changed or left (rising), and the rows that are in it."""

    change: int
    touched: np.ndarray
    rows: Rows = NOTHING

    def extended(self, found: Sequence[tuple[int, bytes | None, int]], dimension: int) -> Overlay:
        """Return the overlay after further changes: (record id, data or None when it left, change number).

        A vector that has not the ``dimension`` of the base (0: any) is left out, and the log says so.
        """
        content = dict(zip(self.rows.ids.tolist(), self.rows.vectors, strict=True))
        dimension = dimension or self.rows.dimension
        for record_id, data, _ in found:
            content.pop(record_id, None)
            if data is not None and _is_sound(record_id, data, dimension):
                content[record_id] = from_bytes(data)
                dimension = dimension or len(content[record_id])
        touched = np.union1d(self.touched, np.array([record_id for record_id, _, _ in found], np.int64))
        return Overlay(max(change for _, _, change in found), touched, _rows(content))


class RecordIndex:
    """The searched lists of one encoder in this process; safe for many threads."""

    def __init__(self, indexes: Path, encoder: str) -> None:
        self.folder = generations.folder_of(indexes)
        self.encoder = encoder
        self.finding = ""
        self._lock = threading.Lock()
        self._stamp: object = "never looked"
        self._generation = Generation(0, encoder, 0)
        self._overlays: dict[Slice, Overlay] = {}

    @property
    def generation(self) -> Generation:
        """The generation that searches start from now; number 0 means exact from rows (``finding`` says why)."""
        with self._lock:
            self._follow_pointer()
            return self._generation

    def channel(self, kind: str, tier: str, allowed: Collection[int] | None = None) -> Channel:
        """Return the dense channel of one list; with ``allowed`` only these records are answered."""
        return Channel(self, Slice(kind, tier), None if allowed is None else _sorted(allowed))

    def present(self, one: Slice) -> tuple[Rows | Mapped, Overlay]:
        """Return the list's base and its overlay, with everything that was committed before the call."""
        with self._lock:
            self._follow_pointer()
            base = self._generation.lists.get(one, NOTHING)
            overlay = self._overlays.get(one) or Overlay(self._generation.change, np.zeros(0, np.int64))
            with reading() as connection:
                found = _changed_since(connection, self.encoder, one, overlay.change)
            if found:
                overlay = self._overlays[one] = overlay.extended(found, base.dimension)
            return base, overlay

    def changes_waiting(self) -> int:
        """Return how many changes were made since the generation was built."""
        change = self.generation.change if self.generation.number else 0
        with reading() as connection:
            return last_change(connection) - change

    def fold(self, reason: str, at: Step = lambda step: None) -> Fold | None:
        """Build the next generation from the committed rows, make it current, and delete old ones after a while.

        Returns what was built, or None when another process is building.  Reads one snapshot of the database and
        takes no lock in it; killed at any ``at`` step, the next start answers as if nothing had been built.
        """
        started = time.monotonic()
        with generations.building(self.folder) as mine:
            if not mine:
                return None
            with reading() as connection:
                change = last_change(connection)
                lists = ((one, snapshot(connection, self.encoder, one)) for one in SLICES)
                built = generations.write(self.folder, self.encoder, change, lists, at)
            generations.clear_old(self.folder)
        counts = {one.name: rows.count for one, rows in built.lists.items()}
        return Fold(built.number, self.encoder, change, counts, reason, time.monotonic() - started)

    def _follow_pointer(self) -> None:
        stamp = generations.stamp(self.folder)
        if stamp == self._stamp:
            return
        try:
            opened = generations.open_current(self.folder, self.encoder)
            self.finding = "" if opened else "no generation of this encoder has been built yet"
        except (Damage, OSError) as error:
            opened, self.finding = None, f"index generation is damaged: {error}"
            log.warning("%s; answering exactly from the database until it is rebuilt", self.finding)
        self._generation = opened or _from_rows(self.encoder)
        self._overlays = {}
        self._stamp = stamp


@dataclass(frozen=True)
class Fold:
    """What one fold made: the fields of an ``IndexBuild``."""

    generation: int
    encoder: str
    change: int
    counts: dict[str, int]
    reason: str
    seconds: float


class Channel:
    """One list as the ranking asks it (the protocol ``DenseChannel``)."""

    def __init__(self, index: RecordIndex, one: Slice, allowed: np.ndarray | None = None) -> None:
        self._index = index
        self._slice = one
        self._allowed = allowed

    def search(
        self, vectors: Mapping[str, np.ndarray], weights: Mapping[str, float], limit: int
    ) -> list[tuple[int, float]]:
        """Return up to ``limit`` (record id, cosine of ``whole``), best first, equal scores by rising id.

        ``weights`` must name ``whole`` alone: ``ValueError`` otherwise, and when the vector is not finite or not of
        the index's dimension.
        """
        if set(weights) != {WHOLE}:
            raise ValueError(f"the index searches by {WHOLE} only, not by {sorted(weights)}")
        vector = np.ascontiguousarray(vectors[WHOLE], np.float32)
        if vector.ndim != 1 or not np.all(np.isfinite(vector)):
            raise ValueError("a query vector has one dimension and finite numbers")
        base, overlay = self._index.present(self._slice)
        for rows in (base, overlay.rows):
            if rows.count and rows.dimension != len(vector):
                raise ValueError(f"a vector of {len(vector)} numbers cannot be compared with one of {rows.dimension}")
        found = self._from_base(base, overlay, vector, limit) + self._from_overlay(overlay, vector)
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:limit]

    def field_scores(self, vectors: Mapping[str, np.ndarray], ids: Sequence[int]) -> dict[str, np.ndarray]:
        """Return for each field the exact cosines with ``ids``, from the rows: float32 (n,), NaN where missing."""
        scores = {name: np.full(len(ids), np.nan, np.float32) for name in vectors}
        places: dict[int, list[int]] = {}
        for place, record_id in enumerate(ids):
            places.setdefault(record_id, []).append(place)
        with reading() as connection:
            for record_id, name, data in self._field_rows(connection, list(vectors), list(places)):
                scores[name][places[record_id]] = _score(from_bytes(data)[None, :], vectors[name])[0]
        return scores

    def token_rows(self, ids: Sequence[int]) -> dict[int, bytes]:
        """Return the packed token rows (``late.record_tokens``) of those of ``ids`` that have them."""
        found: dict[int, bytes] = {}
        with reading() as connection:
            for start in range(0, len(ids), MOST_VARIABLES):
                found.update(
                    connection.execute(
                        select(Vector.record_id, Vector.data).where(
                            Vector.kind == self._slice.kind,
                            Vector.record_id.in_(ids[start : start + MOST_VARIABLES]),
                            Vector.encoder == self._index.encoder,
                            Vector.tier == self._slice.tier,
                            Vector.role == TOKENS[PASSAGE],
                            Vector.field == WHOLE,
                            Vector.is_live,
                        )
                    ).all()
                )
        return found

    def _from_base(
        self, base: Rows | Mapped, overlay: Overlay, vector: np.ndarray, limit: int
    ) -> list[tuple[int, float]]:
        if not base.count or limit < 1:
            return []
        stale = _places(base.ids, overlay.touched)
        open_places = None if self._allowed is None else np.setdiff1d(_places(base.ids, self._allowed), stale)
        size = base.count if open_places is None else len(open_places)
        fetch = min(size, limit + len(stale) + 1)
        while fetch:
            places = np.setdiff1d(base.nearest(vector, fetch, open_places), stale)
            scores = _score(base.at(places), vector)
            kept = np.lexsort((places, -scores))
            last = min(limit, len(kept)) - 1
            if fetch == size or (last >= 0 and scores[kept[-1]] < scores[kept[last]] - SAME_SCORE):
                return [(int(base.ids[places[at]]), float(scores[at])) for at in kept[:limit]]
            fetch = min(size, fetch * 2)
        return []

    def _from_overlay(self, overlay: Overlay, vector: np.ndarray) -> list[tuple[int, float]]:
        rows = overlay.rows
        keep = np.arange(rows.count) if self._allowed is None else _places(rows.ids, self._allowed)
        if not len(keep):
            return []
        return list(zip(rows.ids[keep].tolist(), _score(rows.at(keep), vector).tolist(), strict=True))

    def _field_rows(
        self, connection: Connection, fields: list[str], ids: list[int]
    ) -> Iterator[tuple[int, str, bytes]]:
        for start in range(0, len(ids), MOST_VARIABLES):
            yield from connection.execute(
                select(Vector.record_id, Vector.field, Vector.data).where(
                    Vector.kind == self._slice.kind,
                    Vector.record_id.in_(ids[start : start + MOST_VARIABLES]),
                    Vector.encoder == self._index.encoder,
                    Vector.tier == self._slice.tier,
                    Vector.role == PASSAGE,
                    Vector.field.in_(fields),
                    Vector.part == 0,
                    Vector.is_live,
                )
            )


def snapshot(connection: Connection, encoder: str, one: Slice) -> Rows:
    """Return the present content of one list from its rows.

    A vector of another length than most is left out, and the log says so: one bad row must not stop every search.
    """
    live = (*_searched(encoder, one), Vector.is_live)
    size = func.length(Vector.data)
    sizes = connection.execute(select(size, func.count()).where(*live).group_by(size)).all()
    if not sizes:
        return NOTHING
    width, count = max(sizes, key=lambda pair: pair[1])
    ids, rows = np.zeros(count, np.int64), np.zeros((count, width // STORED.itemsize), np.float32)
    found = connection.execution_options(yield_per=1000).execute(select(Vector.record_id, Vector.data).where(*live))
    place = 0
    for record_id, data in found:
        if _is_sound(record_id, data, width // STORED.itemsize):
            ids[place], rows[place] = record_id, np.frombuffer(data, STORED)
            place += 1
    order = np.argsort(ids[:place])
    return Rows(ids[order], rows[order])


def _is_sound(record_id: int, data: bytes, dimension: int) -> bool:
    sound = len(data) == dimension * STORED.itemsize if dimension else len(data) >= STORED.itemsize
    if not sound:
        log.error("the stored vector of record %s has %s bytes; run reindex", record_id, len(data))
    return sound


def _from_rows(encoder: str) -> Generation:
    with reading() as connection:
        change = last_change(connection)
        return Generation(0, encoder, change, {one: snapshot(connection, encoder, one) for one in SLICES})


def _searched(encoder: str, one: Slice) -> tuple[ColumnElement[bool] | TextClause, ...]:
    return Vector.encoder == encoder, Vector.kind == one.kind, Vector.tier == one.tier, text(SEARCHED)


def _changed_since(
    connection: Connection, encoder: str, one: Slice, change: int
) -> list[tuple[int, bytes | None, int]]:
    found = connection.execute(CHANGED, {"encoder": encoder, "kind": one.kind, "tier": one.tier, "change": change})
    return [(record_id, data if is_live else None, number) for record_id, is_live, data, number in found]


def _rows(content: Mapping[int, np.ndarray]) -> Rows:
    if not content:
        return NOTHING
    ids = sorted(content)
    return Rows(np.array(ids, np.int64), np.stack([content[one] for one in ids]))


def _places(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the places in the rising ``ids`` of those of ``wanted`` that are there."""
    places = np.searchsorted(ids, wanted)
    inside = places < len(ids)
    places, wanted = places[inside], wanted[inside]
    return places[ids[places] == wanted]


def _score(rows: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return (rows.astype(np.float64) @ vector.astype(np.float64)).astype(np.float32)


def _sorted(ids: Collection[int]) -> np.ndarray:
    return np.unique(np.fromiter(ids, np.int64, len(ids)))
