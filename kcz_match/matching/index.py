"""The dense index: an immutable generation plus the rows that changed since, so that one change costs one row.

The database is the truth.  A search starts from a generation (or, when there is none or it is damaged, from an exact
copy of the rows in memory), leaves out every record that changed since, and scores those exactly from their rows; it
asks the database for them by change number at every search, so a commit is found at once in every process.  Scores are
computed in double precision from the stored vectors either way: files never move an answer.

A newer generation is verified and opened beside the searches, which go on with the older one and its changes: the
answers are the same, so nobody has to wait.  Only the first search of a process does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import ColumnElement, Connection, TextClause, bindparam, func, select, text

from kcz_match.matching import generations
from kcz_match.matching.channel import Channel
from kcz_match.matching.generations import Generation
from kcz_match.matching.models import SEARCHED, Vector
from kcz_match.matching.overlay import Overlay
from kcz_match.matching.stored_lists import SLICES, Damage, Mapped, Rows, Slice, Step
from kcz_match.matching.vectors import STORED, from_bytes, last_change, reading

log = logging.getLogger(__name__)

FOLD_SHARE = 50
READ_AT_ONCE = 2000
VECTORS = Vector.__table__.c
CHANGED = select(VECTORS.record_id, VECTORS.is_live, VECTORS.data, VECTORS.change).where(
    VECTORS.encoder == bindparam("encoder"),
    VECTORS.kind == bindparam("kind"),
    VECTORS.tier == bindparam("tier"),
    text(SEARCHED),
    VECTORS.change > bindparam("change"),
)
NOTHING = Rows(np.zeros(0, np.int64), np.zeros((0, 1), np.float32))


NEVER_LOOKED = object()


class RecordIndex:
    """The searched lists of one encoder in this process; safe for many threads."""

    def __init__(self, indexes: Path, encoder: str) -> None:
        self.folder = generations.folder_of(indexes)
        self.encoder = encoder
        self.finding = ""
        self._lock = threading.Lock()
        self._stamp: object = NEVER_LOOKED
        self._opener: threading.Thread | None = None
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
            overlay = self._overlays.get(one) or Overlay(self._generation.change)
            with reading() as connection:
                found = _changed_since(connection, self.encoder, one, overlay.change)
            if found:
                sound = _sound(found, base.dimension or overlay.dimension)
                overlay = self._overlays[one] = overlay.extended(sound, base.ids)
            return base, overlay

    def settle(self) -> None:
        """Wait until a generation that is being opened beside the searches is in use."""
        with self._lock:
            self._follow_pointer()
            opener = self._opener
        if opener is not None:
            opener.join()

    def changes_waiting(self) -> int:
        """Return how many changes were made since the generation was built."""
        change = self.generation.change if self.generation.number else 0
        with reading() as connection:
            return last_change(connection) - change

    def fold_after(self, rows: int) -> int:
        """Return after how many changes a fold is due: ``rows``, in a long list one in ``FOLD_SHARE``.

        A fold costs what the catalogue costs and the changes cost each search what they are, so the share keeps both
        in proportion.
        """
        return max(rows, self.generation.longest // FOLD_SHARE)

    def fold(self, reason: str, at: Step = lambda step: None) -> Fold | None:
        """Build the next generation from the committed rows, make it current, and delete old ones after a while.

        Returns what was built, or None when another process is building.  Reads one snapshot of the database and
        takes no lock in it; killed at any of ``generations.POINTS``, the next start answers as if nothing had happened.
        """
        started = time.monotonic()
        with generations.building(self.folder) as mine:
            if not mine:
                return None
            with reading() as connection:
                change = last_change(connection)
                lists = ((one, snapshot(connection, self.encoder, one)) for one in SLICES)
                built = generations.write(self.folder, self.encoder, change, lists, at)
            stamp = generations.stamp(self.folder)
            generations.clear_old(self.folder)
        with self._lock:
            self._take(stamp, built, "")
        counts = {one.name: rows.count for one, rows in built.lists.items()}
        return Fold(built.number, self.encoder, change, counts, reason, time.monotonic() - started)

    def damage(self) -> str:
        """Read the current generation's files once more, whole; return what is wrong with them, "" when nothing is."""
        try:
            generations.open_current(self.folder, self.encoder)
        except (Damage, OSError) as error:
            return str(error)
        return ""

    def _follow_pointer(self) -> None:
        """Notice a new pointer: the first time open it and wait, later start to open it beside.  Holds the lock."""
        stamp = generations.stamp(self.folder)
        if stamp == self._stamp:
            return
        if self._stamp is NEVER_LOOKED:
            opened, finding = self._open()
            self._take(stamp, opened or _from_rows(self.encoder), finding)
        elif self._opener is None or not self._opener.is_alive():
            self._opener = threading.Thread(target=self._open_beside, args=(stamp,), name="open index", daemon=True)
            self._opener.start()

    def _open_beside(self, stamp: object) -> None:
        opened, finding = self._open()
        with self._lock:
            if stamp == generations.stamp(self.folder):
                self._take(stamp, opened, finding)

    def _open(self) -> tuple[Generation | None, str]:
        try:
            if generations.is_current(self.folder, self._generation):
                return self._generation, ""
            opened = generations.open_current(self.folder, self.encoder)
        except (Damage, OSError) as error:
            finding = f"index generation is damaged: {error}"
            log.warning("%s; answering exactly without it until it is rebuilt", finding)
            return None, finding
        return opened, "" if opened else "no generation of this encoder has been built yet"

    def _take(self, stamp: object, opened: Generation | None, finding: str) -> None:
        """Search from ``opened`` from now on, without one as before, which changes keep exact.  Holds the lock."""
        self._stamp, self.finding = stamp, finding
        if opened is not None and opened is not self._generation:
            self._generation, self._overlays = opened, {}


@dataclass(frozen=True)
class Fold:
    """What one fold made: the fields of an ``IndexBuild``."""

    generation: int
    encoder: str
    change: int
    counts: dict[str, int]
    reason: str
    seconds: float


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
    found = connection.execution_options(yield_per=READ_AT_ONCE).execute(
        select(Vector.record_id, Vector.data).where(*live)
    )
    place = 0
    for part in found.partitions():
        sound = [(record_id, data) for record_id, data in part if _is_sound(record_id, data, width // STORED.itemsize)]
        until = place + len(sound)
        ids[place:until] = [record_id for record_id, _ in sound]
        rows[place:until] = np.frombuffer(b"".join(data for _, data in sound), STORED).reshape(len(sound), -1)
        place = until
    order = np.argsort(ids[:place])
    if np.array_equal(order, np.arange(count)):
        return Rows(ids, rows)
    return Rows(ids[order], rows[order])


def _sound(found: Sequence[tuple[int, bytes | None, int]], dimension: int) -> list[tuple[int, np.ndarray | None, int]]:
    """Return changes with their vectors; one without ``dimension`` numbers (0: any) counts as left, and is logged."""
    sound: list[tuple[int, np.ndarray | None, int]] = []
    for record_id, data, change in found:
        vector = from_bytes(data) if data is not None and _is_sound(record_id, data, dimension) else None
        dimension = dimension or (0 if vector is None else len(vector))
        sound.append((record_id, vector, change))
    return sound


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


def _sorted(ids: Collection[int]) -> np.ndarray:
    return np.unique(np.fromiter(ids, np.int64, len(ids)))
