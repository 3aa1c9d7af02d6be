"""Index generations on disk: immutable, named in a manifest, reached through one pointer file.

    <indexes>/generations/CURRENT                    {encoder: {"generation": 7, "manifest": sha256}}
    <indexes>/generations/7/manifest.json            encoder, dimension, change number, files with sha256 and count
    <indexes>/generations/7/need-public.faiss        IndexFlatIP over the ``whole`` vectors, by rising record id
    <indexes>/generations/7/need-public.ids          the record ids, little-endian int64

A generation is written into a folder that nobody reads yet; files, folder and pointer are flushed to the disk in this
order, and replacing the pointer is the one step that makes it count.  Files are never written twice (a mapped file
that shrinks kills its reader) and never believed before their hash was checked (a flipped bit loads silently).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kcz_match.matching.documents import KINDS, SEARCHED_TIERS

POINTER = "CURRENT"
MANIFEST = "manifest.json"
IDS = np.dtype("<i8")
GRACE_SECONDS = 600.0

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

    def nearest(self, vector: np.ndarray, limit: int, open_places: np.ndarray | None) -> np.ndarray:
        """Return the places of the ``limit`` nearest to ``vector`` (of ``open_places``), in any order."""
        places = np.arange(self.count) if open_places is None else open_places
        scores = self.vectors[places] @ vector if open_places is not None else self.vectors @ vector
        if len(places) > limit:
            places = places[np.argpartition(-scores, limit - 1)[:limit]]
        return places


@dataclass(frozen=True)
class Mapped:
    """The same, from memory-mapped files: no memory of its own, shared between processes, searched by FAISS."""

    ids: np.ndarray
    index: Any

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

    def nearest(self, vector: np.ndarray, limit: int, open_places: np.ndarray | None) -> np.ndarray:
        """Return the places of the ``limit`` nearest to ``vector`` (of ``open_places``), in any order."""
        if open_places is None:
            found = self.index.search(vector[None, :], limit)[1][0]
        else:
            bits = np.zeros(self.count, bool)
            bits[open_places] = True
            chosen = _faiss().IDSelectorBitmap(np.packbits(bits, bitorder="little"))
            wanted = _faiss().SearchParameters(sel=chosen)
            found = self.index.search(vector[None, :], limit, params=wanted)[1][0]
        return found[found >= 0]


@dataclass(frozen=True)
class Generation:
    """What searches start from: the state of every list at one change number.  Number 0 was never a file."""

    number: int
    encoder: str
    change: int
    lists: Mapping[Slice, Rows | Mapped] = field(default_factory=dict)


def folder_of(indexes: Path) -> Path:
    """Return the folder of all generations."""
    return indexes / "generations"


def stamp(folder: Path) -> tuple[int, int, int] | None:
    """Return what changes when the pointer is replaced (cheap: one ``stat``), None when there is none."""
    try:
        found = (folder / POINTER).stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def pointer(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the pointer file's content, {} when there is none; ``Damage`` when it cannot be read."""
    try:
        content = json.loads((folder / POINTER).read_text(encoding="utf-8"))
        return {
            str(encoder): {"generation": int(entry["generation"]), "manifest": str(entry["manifest"])}
            for encoder, entry in content.items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise Damage(f"pointer file {POINTER} cannot be read ({type(error).__name__})") from error


def open_current(folder: Path, encoder: str) -> Generation | None:
    """Open and verify the generation of ``encoder``; None when there is none, ``Damage`` when anything is amiss."""
    entry = pointer(folder).get(encoder)
    if entry is None:
        return None
    home = folder / str(entry["generation"])
    manifest = _manifest(home, entry["manifest"])
    if manifest["encoder"] != encoder:
        raise Damage(f"generation {home.name} was made by another encoder ({manifest['encoder']})")
    lists = {one: _open(home, one, manifest) for one in SLICES}
    return Generation(entry["generation"], encoder, manifest["change"], lists)


def write(
    folder: Path, encoder: str, change: int, lists: Iterator[tuple[Slice, Rows]], at: Step = lambda step: None
) -> Generation:
    """Write the next generation from ``lists`` (one at a time is in memory) and make it the current one.

    ``at`` is told each step as it is done: ``rows``, ``file``, ``ids`` for each list, then ``manifest``, ``folder``,
    ``before pointer``, ``pointer``.  The caller holds ``building``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = _next_number(folder)
    home = folder / str(number)
    home.mkdir()
    manifest: dict[str, Any] = {"encoder": encoder, "change": change, "dimension": 0, "files": {}, "counts": {}}
    for one, rows in lists:
        at("rows")
        _write_list(home, one, rows, manifest, at)
    (home / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
    _flush(home / MANIFEST)
    at("manifest")
    _flush(home)
    _flush(folder)
    at("folder")
    _point(folder, encoder, number, at)
    opened = open_current(folder, encoder)
    if opened is None:
        raise Damage(f"generation {number} vanished while it was written")
    return opened


@contextmanager
def building(folder: Path) -> Iterator[bool]:
    """Hold the right to build; gives False when another process builds at this moment.  Ends with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "LOCK").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def clear_old(folder: Path, grace: float = GRACE_SECONDS) -> list[int]:
    """Delete generations that no encoder points to and that are older than ``grace`` seconds; return their numbers.

    A process that still has one mapped keeps reading it: the file lives until its last reader lets go.
    """
    with suppress(Damage):
        kept = {entry["generation"] for entry in pointer(folder).values()}
        old = [
            number
            for number in _numbers(folder)
            if number not in kept and time.time() - (folder / str(number)).stat().st_mtime >= grace
        ]
        for number in old:
            shutil.rmtree(folder / str(number), ignore_errors=True)
        return old
    return []


def _faiss() -> Any:
    """Load FAISS at the first use, which is after a web worker forked, with one thread: requests run side by side."""
    import faiss

    if faiss.omp_get_max_threads() != 1:
        faiss.omp_set_num_threads(1)
    return faiss


def _write_list(home: Path, one: Slice, rows: Rows, manifest: dict[str, Any], at: Step) -> None:
    dimension = rows.vectors.shape[1]
    index = _faiss().IndexFlatIP(dimension)
    if rows.count:
        index.add(np.ascontiguousarray(rows.vectors, np.float32))
        manifest["dimension"] = dimension
    _faiss().write_index(index, str(home / f"{one.name}.faiss"))
    at("file")
    (home / f"{one.name}.ids").write_bytes(rows.ids.astype(IDS).tobytes())
    at("ids")
    for path in (home / f"{one.name}.faiss", home / f"{one.name}.ids"):
        _flush(path)
        manifest["files"][path.name] = _hash(path)
    manifest["counts"][one.name] = rows.count


def _open(home: Path, one: Slice, manifest: Mapping[str, Any]) -> Mapped:
    paths = [home / f"{one.name}.faiss", home / f"{one.name}.ids"]
    for path in paths:
        if not path.is_file():
            raise Damage(f"{home.name}/{path.name} is missing")
        if _hash(path) != manifest["files"].get(path.name):
            raise Damage(f"{home.name}/{path.name} is not what was written: its hash differs")
    try:
        index = _faiss().read_index(str(paths[0]), _faiss().IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise Damage(f"{home.name}/{paths[0].name} cannot be opened") from error
    ids = np.fromfile(paths[1], IDS)
    dimension = manifest["dimension"]
    if not len(ids) == index.ntotal == manifest["counts"][one.name] or (len(ids) and index.d != dimension):
        raise Damage(f"{home.name}/{one.name}: count or dimension differs from the manifest")
    return Mapped(ids, index)


def _manifest(home: Path, expected: str) -> dict[str, Any]:
    path = home / MANIFEST
    if not path.is_file():
        raise Damage(f"{home.name}/{MANIFEST} is missing")
    if _hash(path) != expected:
        raise Damage(f"{home.name}/{MANIFEST} is not what was written: its hash differs")
    return json.loads(path.read_text(encoding="utf-8"))


def _point(folder: Path, encoder: str, number: int, at: Step) -> None:
    try:
        entries = pointer(folder)
    except Damage:
        entries = {}
    entries[encoder] = {"generation": number, "manifest": _hash(folder / str(number) / MANIFEST)}
    fresh = folder / f"{POINTER}.next"
    fresh.write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")
    _flush(fresh)
    at("before pointer")
    fresh.replace(folder / POINTER)
    _flush(folder)
    at("pointer")


def _numbers(folder: Path) -> list[int]:
    return sorted(int(path.name) for path in folder.iterdir() if path.is_dir() and path.name.isdigit())


def _next_number(folder: Path) -> int:
    used = _numbers(folder)
    with suppress(Damage):
        used += [entry["generation"] for entry in pointer(folder).values()]
    return max(used, default=0) + 1


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
