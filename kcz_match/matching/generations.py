"""Index generations on disk: immutable, named in a manifest, reached through one pointer file.

    <indexes>/generations/CURRENT            {encoder: {"generation": 7, "manifest": sha256}}
    <indexes>/generations/7/manifest.json    encoder, dimension, change number, files with sha256, counts
    <indexes>/generations/7/…                the files of each list (``stored_lists.py``)

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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kcz_match.matching.stored_lists import (
    SLICES,
    Damage,
    Mapped,
    Rows,
    Slice,
    Step,
    files_of,
    open_list,
    write_list,
)

POINTER = "CURRENT"
MANIFEST = "manifest.json"
GRACE_SECONDS = 600.0

POINTS = {
    "row written": "the transaction is undone: the record is as before",
    "row committed": "rows are ahead of the files: every search reads them after the files",
    "rows read": "an empty folder that no pointer names",
    "vectors written": "a folder with part of a list",
    "codes written": "a folder with part of a list",
    "ids written": "a folder with some lists",
    "manifest written": "a folder that is complete, perhaps not on the disk yet",
    "folder flushed": "a folder that is complete, and no pointer to it",
    "pointer prepared": "a new pointer file beside the old one, which counts",
    "pointer replaced": "the new generation counts",
}
"""Where a process may be killed between a change and the generation that holds it, and what that leaves behind.

The first two are told by whoever stores the row, the others by ``write``.  ``tests/matching/test_faults.py`` kills at
each of them.
"""


@dataclass(frozen=True)
class Generation:
    """What searches start from: the state of every list at one change number.  Number 0 was never a file."""

    number: int
    encoder: str
    change: int
    lists: Mapping[Slice, Rows | Mapped] = field(default_factory=dict)
    manifest: str = ""

    @property
    def longest(self) -> int:
        """How many records its longest list has."""
        return max((rows.count for rows in self.lists.values()), default=0)


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
    return Generation(entry["generation"], encoder, manifest["change"], lists, entry["manifest"])


def is_current(folder: Path, generation: Generation) -> bool:
    """Say whether the pointer still names this very generation, which was verified when it was opened."""
    entry = pointer(folder).get(generation.encoder)
    return entry == {"generation": generation.number, "manifest": generation.manifest}


def write(
    folder: Path, encoder: str, change: int, lists: Iterator[tuple[Slice, Rows]], at: Step = lambda step: None
) -> Generation:
    """Write the next generation from ``lists`` (one at a time is in memory) and make it the current one.

    ``at`` is told each of ``POINTS`` as it is reached, for each list those of a list.  The caller holds ``building``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = _next_number(folder)
    home = folder / str(number)
    home.mkdir()
    manifest: dict[str, Any] = {"encoder": encoder, "change": change, "dimension": 0, "files": {}, "counts": {}}
    for one, rows in lists:
        at("rows read")
        for path in write_list(home, one, rows, at):
            _flush(path)
            manifest["files"][path.name] = hash_of(path)
        manifest["counts"][one.name] = rows.count
        manifest["dimension"] = rows.dimension or manifest["dimension"]
    (home / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
    _flush(home / MANIFEST)
    at("manifest written")
    _flush(home)
    _flush(folder)
    at("folder flushed")
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


def hash_of(path: Path) -> str:
    """Return the sha256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open(home: Path, one: Slice, manifest: Mapping[str, Any]) -> Mapped:
    paths = files_of(home, one, manifest["files"])
    for path in paths:
        if not path.is_file():
            raise Damage(f"{home.name}/{path.name} is missing")
        if hash_of(path) != manifest["files"].get(path.name):
            raise Damage(f"{home.name}/{path.name} is not what was written: its hash differs")
    opened = open_list(home, one, paths)
    if opened.count != manifest["counts"][one.name] or (opened.count and opened.dimension != manifest["dimension"]):
        raise Damage(f"{home.name}/{one.name}: count or dimension differs from the manifest")
    return opened


def _manifest(home: Path, expected: str) -> dict[str, Any]:
    path = home / MANIFEST
    if not path.is_file():
        raise Damage(f"{home.name}/{MANIFEST} is missing")
    if hash_of(path) != expected:
        raise Damage(f"{home.name}/{MANIFEST} is not what was written: its hash differs")
    return json.loads(path.read_text(encoding="utf-8"))


def _point(folder: Path, encoder: str, number: int, at: Step) -> None:
    try:
        entries = pointer(folder)
    except Damage:
        entries = {}
    entries[encoder] = {"generation": number, "manifest": hash_of(folder / str(number) / MANIFEST)}
    fresh = folder / f"{POINTER}.next"
    fresh.write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")
    _flush(fresh)
    at("pointer prepared")
    fresh.replace(folder / POINTER)
    _flush(folder)
    at("pointer replaced")


def _numbers(folder: Path) -> list[int]:
    return sorted(int(path.name) for path in folder.iterdir() if path.is_dir() and path.name.isdigit())


def _next_number(folder: Path) -> int:
    used = _numbers(folder)
    with suppress(Damage):
        used += [entry["generation"] for entry in pointer(folder).values()]
    return max(used, default=0) + 1


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
