"""The worker: one process beside the web server that keeps the promises left as jobs.

``TASKS`` says who picks up which job.  A task takes ids only, is idempotent, and does not commit: its effects and
the mark that the job is done are one commit.  Tasks in ``LONG`` cost what the whole catalogue costs, so a second thread
does them, and no publication waits for one.
"""

from __future__ import annotations

import logging
import signal
import threading
import traceback
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

from sqlalchemy.exc import OperationalError

from kcz_match.brokerage import alerts, diagnosing, lists, places
from kcz_match.catalogue import capability_service, list_service, need_service
from kcz_match.core import jobs
from kcz_match.core.db import db, utc_now
from kcz_match.engagements import service as engagements
from kcz_match.matching import index_tasks
from kcz_match.matching.engine import engine

log = logging.getLogger(__name__)

TASKS: dict[str, Callable[..., None]] = {
    "index_record": index_tasks.index_record,
    "index_query": index_tasks.index_query,
    "index_sentences": index_tasks.index_sentences,
    "fold_index": index_tasks.fold_index,
    "check_index": index_tasks.check_index,
    "store_list": lists.store_list,
    "refresh_list": lists.refresh_list,
    "refresh_lists": lists.refresh_lists,
    "forget_lists": lists.forget_lists,
    "share_places": places.share_places,
    "forget_done_jobs": jobs.forget_done_jobs,
    "forget_preview": list_service.forget_preview,
    "expire_need": need_service.expire_need,
    "mark_stale": capability_service.mark_stale,
    "lapse_interests": engagements.lapse_interests,
    "expire_interest": engagements.expire_interest,
    "alert_searches": alerts.alert_searches,
    "digest_alerts": alerts.digest_alerts,
    "diagnose_needs": diagnosing.diagnose_needs,
}
LONG = frozenset({"fold_index", "check_index"})
PATIENCE_AT_THE_END = 10.0


def run(context: Callable[[], AbstractContextManager[object]], pause: float) -> None:
    """Do due jobs until SIGTERM or SIGINT; a job under way is finished first, a long one only if it takes seconds.

    ``context`` opens the application's context for one job; ``pause`` is the wait in seconds before an empty queue is
    looked at again.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    engine().warm_up()
    with context():
        for task in ("forget_done_jobs", "check_index", "refresh_lists", "diagnose_needs"):
            jobs.leave(task, key=task)
        db.session.commit()
    beside = threading.Thread(target=_do_jobs, args=(context, pause, stop, LONG), name="long jobs", daemon=True)
    beside.start()
    log.info("worker is ready")
    _do_jobs(context, pause, stop, but=LONG)
    beside.join(PATIENCE_AT_THE_END)


def _do_jobs(
    context: Callable[[], AbstractContextManager[object]],
    pause: float,
    stop: threading.Event,
    only: Collection[str] = (),
    but: Collection[str] = (),
) -> None:
    while not stop.is_set():
        with context():
            busy = _try_one_job(only, but)
        if not busy:
            stop.wait(pause)


def _try_one_job(only: Collection[str], but: Collection[str]) -> bool:
    """Do the next due job; a database that is busy or away for a while is waited for, never the end of the worker."""
    try:
        return do_one_job(only=only, but=but)
    except OperationalError:
        log.exception("the database did not answer; trying again")
        db.session.rollback()
        return False


def do_one_job(*, only: Collection[str] = (), but: Collection[str] = ()) -> bool:
    """Do the next due job, if any (``jobs.is_due`` tells which are meant); say whether there was one."""
    if not _is_work_due(only, but):
        return False
    job = jobs.claim(utc_now(), only=only, but=but)
    if job is None:
        db.session.commit()
        return False
    job_id, task, args = job.id, job.task, dict(job.args)
    db.session.commit()
    try:
        TASKS[task](**args)
        jobs.finish(db.session.get_one(jobs.Job, job_id), utc_now())
        db.session.commit()
    except Exception:  # a task may fail in any way; the job keeps the story and waits longer
        db.session.rollback()
        log.exception("job %s (%s) failed", job_id, task)
        jobs.put_back(db.session.get_one(jobs.Job, job_id), traceback.format_exc(limit=5), utc_now())
        db.session.commit()
    return True


def do_all_jobs() -> int:
    """Do due jobs until none is left and return how many were done; for tests and seeding."""
    count = 0
    while do_one_job():
        count += 1
    return count


def _is_work_due(only: Collection[str], but: Collection[str]) -> bool:
    """Look at the queue in a reading transaction, so that an idle worker never takes the write lock."""
    with db.engine.connect().execution_options(reading=True) as connection:
        return jobs.is_due(connection, utc_now(), only=only, but=but)
