"""One searched list in memory or in files, and how its nearest vectors are found (docs/decisions/0010-large-index.md).

    need-public.faiss        the vectors themselves, by rising record id (FAISS IndexFlatIP, memory-mapped)
    need-public.ids          the record ids, little-endian int64
    need-public.codes        long lists only: 4 bits for every two numbers of a centred vector (FAISS PQ, fast scan)

A short list is compared number by number.  In a long one the codes propose candidates in the order of an estimate, and
these are scored from the stored vectors until the next estimate lies so far below the answer that only an error of
more than ``SURE`` standard deviations, as measured on the candidates of this very query, could hide anything.  Where
that does not come true the whole list is compared, so codes make a search fast and never move an answer by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kcz_match.matching.documents import KINDS, SEARCHED_TIERS

IDS = np.dtype("<i8")
LONG = 50_000
NUMBERS_A_CODE = 2
SAMPLE = 20_000
CHUNK = 50_000
FIRST_SCORED = 1_000
PROPOSED = (4_096, 16_384)
MOST_PROPOSED = 131_072
SURE = 4.0
FEW_CLOSED = 1_000

Step = Callable[[str], object]


class Slice(NamedTuple):
    """One searched list: the records of a kind as a tier reads them."""

    kind: str
    tier: str

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"{self.kind}-{self.tier}"


SLICES = tuple(Slice(kind, tier) for kind in KINDS for tier in SEARCHED_TIERS)


class Damage(Exception):
    """The files do not say what they said when they were written; the message tells which and how."""


class Open(NamedTuple):
    """The places of a list that may be answered: a mask (n,) of bool, and how many are open."""

    mask: np.ndarray
    count: int


@dataclass(frozen=True)
class Rows:
    """Ids (n,) int64, rising, and their unit vectors (n, d) float32, in memory: searched exactly with numpy."""

    ids: np.ndarray
    vectors: np.ndarray

    @property
    def count(self) -> int:
        """How many vectors there are."""
        return len(self.ids)

    @property
    def dimension(self) -> int:
        """How many numbers one vector has; 0 when there is none."""
        return self.vectors.shape[1] if self.count else 0

    def at(self, places: np.ndarray) -> np.ndarray:
        """Return the vectors at these places."""
        return self.vectors[places]

    def nearest(self, vector: np.ndarray, limit: int, chosen: Open | None) -> np.ndarray:
        """Return the places of the ``limit`` nearest to ``vector`` (of those chosen), in any order."""
        scores = self.vectors @ vector
        places = np.arange(self.count) if chosen is None else np.flatnonzero(chosen.mask)
        if len(places) > limit:
            places = places[np.argpartition(-scores[places], limit - 1)[:limit]]
        return places


@dataclass(frozen=True)
class Mapped:
    """The same from files.  Vectors take no memory of their own and are shared between processes; codes are read."""

    ids: np.ndarray
    index: Any
    codes: Any = None

    @property
    def count(self) -> int:
        """How many vectors there are."""
        return len(self.ids)

    @property
    def dimension(self) -> int:
        """How many numbers one vector has; 0 when there is none."""
        return self.index.d if self.count else 0

    def at(self, places: np.ndarray) -> np.ndarray:
        """Return the vectors at these places."""
        return self.index.reconstruct_batch(places.astype(np.int64))

    def nearest(self, vector: np.ndarray, limit: int, chosen: Open | None) -> np.ndarray:
        """Return the places of the ``limit`` nearest to ``vector`` (of those chosen), in any order."""
        if self.codes is None or (chosen is not None and chosen.count < LONG // 2):
            return self._compared(vector, limit, chosen)
        share = 1.0 if chosen is None else chosen.count / self.count
        for wanted in PROPOSED:
            proposed = min(self.count, MOST_PROPOSED, int(wanted / share))
            found = self._estimated(vector, limit, chosen, proposed)
            if found is not None:
                return found
        return self._compared(vector, limit, chosen)

    def _compared(self, vector: np.ndarray, limit: int, chosen: Open | None) -> np.ndarray:
        """Compare every vector; a few closed places are cheaper dropped afterwards than asked about before."""
        closed = 0 if chosen is None else self.count - chosen.count
        if chosen is None or closed <= FEW_CLOSED:
            found = self.index.search(vector[None, :], min(self.count, limit + closed))[1][0]
            found = found[found >= 0]
            return found if chosen is None else found[chosen.mask[found]][:limit]
        selector = faiss().IDSelectorBitmap(np.packbits(chosen.mask, bitorder="little"))
        found = self.index.search(vector[None, :], limit, params=faiss().SearchParameters(sel=selector))[1][0]
        return found[found >= 0]

    def _estimated(self, vector: np.ndarray, limit: int, chosen: Open | None, proposed: int) -> np.ndarray | None:
        """Score candidates in the order of the estimate until it is sure that none is missing; None if it never is."""
        distances, places = (found[0] for found in self.codes.search(vector[None, :], proposed))
        kept = places >= 0 if chosen is None else (places >= 0) & chosen.mask[places]
        places, estimates = places[kept], 1 - distances[kept].astype(np.float64) / 2
        scores = np.zeros(len(places))
        done, until = 0, max(FIRST_SCORED, 4 * limit)
        while done < len(places):
            until = min(until, len(places))
            scores[done:until] = exact(self.at(places[done:until]), vector)
            done, until = until, 2 * until
            if done >= limit and is_sure(scores[:done], estimates[:done], limit):
                return _best(places[:done], scores[:done], limit)
        return None


def is_sure(scores: np.ndarray, estimates: np.ndarray, limit: int) -> bool:
    """Say whether whatever is estimated below the last of ``estimates`` (falling) lies below the ``limit`` best scores.

    Takes the scores and the estimates of the same vectors; what was not scored yet may err like those, up to ``SURE``
    standard deviations.
    """
    errors = scores - estimates
    worst = np.partition(scores, len(scores) - limit)[len(scores) - limit]
    return bool(worst > estimates[-1] + errors.mean() + SURE * errors.std())


def exact(rows: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Return the cosines (n,) of unit rows (n, d) with a unit vector (d,), computed in double precision."""
    return rows.astype(np.float64) @ vector.astype(np.float64)


def write_list(home: Path, one: Slice, rows: Rows, at: Step) -> list[Path]:
    """Write the files of one list into ``home`` and return them; ``at`` is told what has been written."""
    vectors = np.ascontiguousarray(rows.vectors, np.float32)
    paths = [_path(home, one, "faiss"), _path(home, one, "ids")]
    flat = faiss().IndexFlatIP(vectors.shape[1])
    if rows.count:
        flat.add(vectors)
    faiss().write_index(flat, str(paths[0]))
    at("vectors written")
    if rows.count >= LONG and vectors.shape[1] % NUMBERS_A_CODE == 0:
        paths.append(_path(home, one, "codes"))
        faiss().write_index(_coded(vectors), str(paths[2]))
        at("codes written")
    paths[1].write_bytes(rows.ids.astype(IDS).tobytes())
    at("ids written")
    return paths


def files_of(home: Path, one: Slice, named: Mapping[str, object]) -> list[Path]:
    """Return the files that make up a list, of those that a manifest names."""
    wanted = ("faiss", "ids", "codes") if _path(home, one, "codes").name in named else ("faiss", "ids")
    return [_path(home, one, suffix) for suffix in wanted]


def open_list(home: Path, one: Slice, paths: list[Path]) -> Mapped:
    """Open the files of one list, whose content has been verified; ``Damage`` when they do not fit together."""
    try:
        index = faiss().read_index(str(paths[0]), faiss().IO_FLAG_MMAP_IFC)
        codes = faiss().read_index(str(paths[2])) if len(paths) > 2 else None
    except RuntimeError as error:
        raise Damage(f"{home.name}/{one.name} cannot be opened") from error
    ids = np.fromfile(paths[1], IDS)
    if not len(ids) == index.ntotal == (codes or index).ntotal:
        raise Damage(f"{home.name}/{one.name}: its files hold different numbers of records")
    return Mapped(ids, index, codes)


def faiss() -> Any:
    """Load FAISS at the first use, which is after a web worker forked, with one thread: requests run side by side."""
    import faiss as library

    if library.omp_get_max_threads() != 1:
        library.omp_set_num_threads(1)
    return library


def _coded(vectors: np.ndarray) -> Any:
    """Return the codes of all vectors (n, d), learnt from an even sample of them: the same rows give the same codes.

    Unit vectors in the order of their distance are in the order of their cosine, whatever centre is subtracted; and
    what is left after the shared direction is subtracted is small, so that few bits say it well.
    """
    dimension = vectors.shape[1]
    codes = faiss().IndexPreTransform(
        faiss().CenteringTransform(dimension),
        faiss().IndexPQFastScan(dimension, dimension // NUMBERS_A_CODE, 4, faiss().METRIC_L2),
    )
    codes.train(np.ascontiguousarray(vectors[:: max(1, len(vectors) // SAMPLE)]))
    for start in range(0, len(vectors), CHUNK):
        codes.add(vectors[start : start + CHUNK])
    return codes


def _best(places: np.ndarray, scores: np.ndarray, limit: int) -> np.ndarray:
    return places[np.argpartition(-scores, limit - 1)[:limit]] if len(places) > limit else places


def _path(home: Path, one: Slice, suffix: str) -> Path:
    return home / f"{one.name}.{suffix}"
