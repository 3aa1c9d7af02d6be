"""Jobs: promises of later work, kept in the same commit as the deed that caused them.

A job names a task and carries ids only.  The worker claims it for a while (a lease), does it, and marks it done in
the commit of its effects; a failed job waits longer each time and is parked after ``MOST_ATTEMPTS``.  A worker that
dies leaves a lease that runs out, and the job is taken again, so tasks are idempotent.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Collection
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, Index, and_, delete, func, or_, select, text
from sqlalchemy.orm import Mapped, mapped_column

from kcz_match.core import audit, policy
from kcz_match.core.db import Base, choice, db, utc_now
from kcz_match.core.errors import Conflict, NotFound
from kcz_match.core.policy import Actor

MOST_ATTEMPTS = 8
LEASE = dt.timedelta(minutes=10)
FIRST_WAIT = dt.timedelta(seconds=5)
DIED = "the worker ended while it did this job, every time"
KEPT = dt.timedelta(days=30)


class JobStatus(enum.StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    PARKED = "parked"


class Job(Base):
    """One promise."""

    __tablename__ = "job"

    id: Mapped[int] = mapped_column(primary_key=True)
    task: Mapped[str]
    key: Mapped[str | None]
    args: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[JobStatus] = mapped_column(choice(JobStatus), default=JobStatus.WAITING)
    rank: Mapped[int] = mapped_column(default=0)
    run_at: Mapped[dt.datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[dt.datetime | None]
    error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    done_at: Mapped[dt.datetime | None]

    __table_args__ = (
        Index("ix_job_status_rank_run_at", "status", "rank", "run_at"),
        Index(
            "uq_job_waiting_key",
            "key",
            unique=True,
            sqlite_where=text("status = 'waiting' AND key IS NOT NULL"),
            postgresql_where=text("status = 'waiting' AND key IS NOT NULL"),
        ),
    )


def leave(task: str, *, key: str | None = None, run_at: dt.datetime | None = None, rank: int = 0, **ids: Any) -> Job:
    """Leave a job in the running transaction; of jobs that are due, those of a smaller ``rank`` are done first.

    With a ``key`` at most one such job waits at a time: a second call moves the waiting one to the new time.
    """
    run_at = run_at or utc_now()
    if key is not None:
        waiting = db.session.scalar(select(Job).where(Job.key == key, Job.status == JobStatus.WAITING))
        if waiting is not None:
            waiting.run_at, waiting.args = run_at, ids
            return waiting
    job = Job(task=task, key=key, args=ids, rank=rank, run_at=run_at, status=JobStatus.WAITING, attempts=0, error="")
    db.session.add(job)
    return job


def is_due(connection: Connection, now: dt.datetime, *, only: Collection[str] = (), but: Collection[str] = ()) -> bool:
    """Say whether any job waits for being claimed, of the tasks ``only`` names if any, and not of those in ``but``."""
    return connection.execute(select(Job.id).where(_claimable(now, only, but)).limit(1)).first() is not None


def count_due(task: str, now: dt.datetime) -> int:
    """Return how many jobs of one task wait for the worker at this moment."""
    return (
        db.session.scalar(
            select(func.count())
            .select_from(Job)
            .where(Job.task == task, Job.status.in_([JobStatus.WAITING, JobStatus.RUNNING]), Job.run_at <= now)
        )
        or 0
    )


def claim(now: dt.datetime, *, only: Collection[str] = (), but: Collection[str] = ()) -> Job | None:
    """Take the next due job (see ``is_due``) for ``LEASE`` in the running write transaction; the caller commits.

    A job whose worker died at its last attempt is parked here, because nobody lived to put it back.
    """
    claimable = select(Job).where(_claimable(now, only, but))
    for job in db.session.scalars(claimable.order_by(Job.rank, Job.run_at, Job.id).limit(20)):
        if job.attempts >= MOST_ATTEMPTS:
            job.status, job.lease_until, job.error = JobStatus.PARKED, None, job.error or DIED
            continue
        job.status, job.lease_until, job.attempts = JobStatus.RUNNING, now + LEASE, job.attempts + 1
        return job
    return None


def _claimable(now: dt.datetime, only: Collection[str], but: Collection[str]) -> ColumnElement[bool]:
    due = and_(Job.status == JobStatus.WAITING, Job.run_at <= now)
    abandoned = and_(Job.status == JobStatus.RUNNING, Job.lease_until < now)
    lane = [Job.task.in_(only)] if only else [Job.task.not_in(but)] if but else []
    return and_(or_(due, abandoned), *lane)


def finish(job: Job, now: dt.datetime) -> None:
    """Mark a job done; the caller commits it together with the job's effects."""
    job.status, job.done_at, job.lease_until, job.error = JobStatus.DONE, now, None, ""


def put_back(job: Job, error: str, now: dt.datetime) -> None:
    """Record a failure: wait twice as long as before, or park the job after ``MOST_ATTEMPTS``."""
    job.error, job.lease_until = error[:2000], None
    if job.attempts >= MOST_ATTEMPTS:
        job.status = JobStatus.PARKED
        return
    twin = job.key and db.session.scalar(select(Job.id).where(Job.key == job.key, Job.status == JobStatus.WAITING))
    if twin:
        job.status, job.done_at = JobStatus.DONE, now
        return
    job.status, job.run_at = JobStatus.WAITING, now + FIRST_WAIT * 2 ** (job.attempts - 1)


def parked() -> list[Job]:
    """Return the jobs that were given up, for ``flask doctor`` and the admin page."""
    return list(db.session.scalars(select(Job).where(Job.status == JobStatus.PARKED).order_by(Job.id)))


def count_by_status() -> dict[JobStatus, int]:
    """Return how many jobs stand at each status; every status is there."""
    rows = db.session.execute(select(Job.status, func.count()).group_by(Job.status))
    return dict.fromkeys(JobStatus, 0) | dict(rows.all())


def job(job_id: int) -> Job:
    """Return the job with this id, or raise ``NotFound``."""
    found = db.session.get(Job, job_id)
    if found is None:
        raise NotFound
    return found


def retry(job: Job, actor: Actor) -> None:
    """Give a parked job all its attempts again, from now on; ``Conflict`` when it is not parked any more.

    When another job of the same key waits already, that one does the work and this one is done.
    """
    policy.require(actor, "job.retry", job)
    if job.status != JobStatus.PARKED:
        raise Conflict("这个任务已经不在搁置状态，可能有人先处理了。请刷新页面。")
    now = utc_now()
    twin = job.key and db.session.scalar(select(Job.id).where(Job.key == job.key, Job.status == JobStatus.WAITING))
    if twin:
        job.status, job.done_at = JobStatus.DONE, now
    else:
        job.status, job.run_at, job.attempts = JobStatus.WAITING, now, 0
    audit.write(actor, "job.retry", job, after=str(job.status))


def forget_done_jobs() -> None:
    """Job: delete jobs that were done more than ``KEPT`` ago, and come again tomorrow."""
    now = utc_now()
    db.session.execute(delete(Job).where(Job.status == JobStatus.DONE, Job.done_at < now - KEPT))
    leave("forget_done_jobs", key="forget_done_jobs", run_at=now + dt.timedelta(days=1))
