"""What ``flask doctor`` looks at: each line says what was examined, whether it is well, and what to do if not."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import select

from kcz_match import migrating
from kcz_match.core import audit, jobs
from kcz_match.core.db import db, utc_now
from kcz_match.matching import generations, reconciliation
from kcz_match.matching.engine import Settings, engine
from kcz_match.matching.vectors import reading

SAFE_SQLITE = (3, 51, 3)
ENOUGH_DISK = 1 << 30
PATIENCE = dt.timedelta(minutes=2)


@dataclass(frozen=True)
class Line:
    """One thing that was examined."""

    name: str
    is_well: bool
    finding: str


def examine() -> list[Line]:
    """Examine the installation and return one line for each thing; what cannot be examined is not well."""
    return [_guarded(name, check) for name, check in CHECKS.items()]


def sqlite_version() -> tuple[bool, str]:
    """Older SQLite may corrupt a database in WAL mode that two processes write."""
    found = sqlite.sqlite_version
    well = tuple(int(part) for part in found.split(".")) >= SAFE_SQLITE
    return well, f"SQLite {found}" if well else f"SQLite {found} is older than 3.51.3: install pysqlite3 0.6.1 or newer"


def database() -> tuple[bool, str]:
    """The file itself is sound."""
    with reading() as connection:
        found = connection.exec_driver_sql("PRAGMA quick_check(3)").scalars().all()
    well = found == ["ok"]
    return well, "database file is sound" if well else f"database file is damaged, restore a backup: {'; '.join(found)}"


def schema() -> tuple[bool, str]:
    """The newest migration has run."""
    well = migrating.is_current()
    return well, "schema is current" if well else "schema is not current: run flask --app app db-upgrade"


def encoder() -> tuple[bool, str]:
    """The model is there; it is not loaded."""
    location = engine().settings.encoder_location
    if Path(location).is_absolute() and not (Path(location) / "modules.json").is_file():
        return False, f"no sentence-transformers folder at {location}: run make run, or set KCZ_ENCODER"
    return True, engine().encoder.name


def index_files() -> tuple[bool, str]:
    """The current generation is what was written."""
    settings, name = engine().settings, engine().encoder.name
    try:
        found = generations.open_current(generations.folder_of(settings.indexes), name)
    except (generations.Damage, OSError) as error:
        return False, f"{error}; searches are answered exactly from the database; run flask --app app reindex"
    waiting, due = engine().index.changes_waiting(), engine().index.fold_after(settings.fold_rows)
    if found is None:
        return waiting < 4 * due, f"no generation of this encoder yet, {waiting} changes in the database"
    counts = ", ".join(f"{one.name} {rows.count}" for one, rows in found.lists.items())
    well = waiting < 4 * due
    return well, f"generation {found.number} holds {counts}; {waiting} changes since" + (
        "" if well else ": the worker does not fold, look at its log"
    )


def index_rows() -> tuple[bool, str]:
    """Vectors and words hold the listed records and no others; a record changed a moment ago may be on its way."""
    with reading() as connection:
        found = reconciliation.differences(connection, engine().encoder.name)
    if not found:
        return True, "vectors and words agree with the records"
    parts = [f"{one.what}: {len(one.missing)} missing, {len(one.surplus)} too many" for one in found]
    return False, "; ".join(parts) + "; if no job waits, run flask --app app reindex"


def parked_jobs() -> tuple[bool, str]:
    """No job was given up."""
    with reading() as connection:
        found = connection.execute(
            select(jobs.Job.task, jobs.Job.id, jobs.Job.error)
            .where(jobs.Job.status == jobs.JobStatus.PARKED)
            .order_by(jobs.Job.id)
        ).all()
    if not found:
        return True, "no job was given up"
    task, job_id, error = found[0]
    last = error.strip().splitlines()[-1:] or ["no message"]
    return False, f"{len(found)} jobs were given up, first {task} (job {job_id}): {last[0]}"


def worker() -> tuple[bool, str]:
    """Somebody does the jobs."""
    now = utc_now()
    with reading() as connection:
        oldest = connection.execute(
            select(jobs.Job.run_at)
            .where(jobs.Job.status == jobs.JobStatus.WAITING, jobs.Job.run_at < now)
            .order_by(jobs.Job.run_at)
            .limit(1)
        ).scalar()
    if oldest is None or now - oldest < PATIENCE:
        return True, "no job waits for long"
    return False, f"a job is due since {oldest:%Y-%m-%d %H:%M} UTC: start flask --app app worker"


def audit_chain() -> tuple[bool, str]:
    """Nobody changed the past."""
    count, broken = audit.verify()
    finding = f"{count} rows hold" if broken is None else f"row {broken} does not hold; {count} rows before it do"
    return broken is None, finding


def free_disk() -> tuple[bool, str]:
    """There is room for the next generation and for the database."""
    free = min(shutil.disk_usage(folder).free for folder in _folders(engine().settings))
    well = free >= ENOUGH_DISK
    return well, f"{free / (1 << 30):.1f} GiB free" + ("" if well else ": less than 1 GiB, make room")


CHECKS: dict[str, Callable[[], tuple[bool, str]]] = {
    "sqlite": sqlite_version,
    "database": database,
    "schema": schema,
    "encoder": encoder,
    "index files": index_files,
    "index rows": index_rows,
    "jobs": parked_jobs,
    "worker": worker,
    "disk": free_disk,
    "audit": audit_chain,
}


def _guarded(name: str, check: Callable[[], tuple[bool, str]]) -> Line:
    try:
        return Line(name, *check())
    except Exception as error:  # whatever stops one examination must not stop the others
        return Line(name, False, f"cannot be examined: {type(error).__name__}: {str(error)[:200]}")


def _folders(settings: Settings) -> list[Path]:
    file = db.engine.url.database
    places = [settings.indexes, Path(file).parent] if file else [settings.indexes]
    return [
        next(place for place in (folder, *folder.parents) if place.exists())
        for folder in (path.resolve() for path in places)
    ]
