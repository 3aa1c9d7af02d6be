"""Jobs: kept with the deed, retried with growing waits, parked in the end, taken again when a worker died."""

from __future__ import annotations

import datetime as dt

import pytest

from kcz_match import worker
from kcz_match.core import audit, jobs
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Conflict, Forbidden, NotFound
from kcz_match.core.jobs import Job, JobStatus

SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def now() -> dt.datetime:
    return utc_now()


def leave(**more) -> Job:
    job = jobs.leave("nothing", **more)
    db.session.commit()
    return job


def standing(job: Job) -> tuple[JobStatus, int]:
    return job.status, job.attempts


def test_a_job_falls_with_the_deed_that_left_it(app):
    jobs.leave("nothing", record_id=1)
    db.session.rollback()
    assert jobs.count_by_status() == dict.fromkeys(JobStatus, 0)


def test_a_job_is_claimed_when_it_is_due_and_only_once(app, now):
    job = leave(run_at=now)
    assert jobs.claim(now - SECOND) is None
    assert jobs.claim(now) is job
    assert (standing(job), job.lease_until) == ((JobStatus.RUNNING, 1), now + jobs.LEASE)
    assert jobs.claim(now + jobs.LEASE) is None


def test_jobs_are_taken_in_the_order_they_are_due(app, now):
    late, early = leave(run_at=now, record_id=1), leave(run_at=now - SECOND, record_id=2)
    assert [jobs.claim(now), jobs.claim(now), jobs.claim(now)] == [early, late, None]


def test_a_done_job_is_not_taken_again(app, now):
    job = leave(run_at=now)
    jobs.finish(jobs.claim(now), now)
    db.session.commit()
    assert (standing(job), job.done_at, job.lease_until) == ((JobStatus.DONE, 1), now, None)
    assert jobs.claim(now + dt.timedelta(days=1)) is None


def test_a_failing_job_waits_twice_as_long_each_time_and_is_parked_in_the_end(app, now):
    job, waits = leave(run_at=now), []
    for _ in range(jobs.MOST_ATTEMPTS - 1):
        at = job.run_at
        jobs.put_back(jobs.claim(at), "it broke", at)
        waits.append((job.run_at - at).total_seconds())
    assert waits == [5, 10, 20, 40, 80, 160, 320]
    assert jobs.parked() == []
    jobs.put_back(jobs.claim(job.run_at), "it broke for good", job.run_at)
    assert (standing(job), job.error) == ((JobStatus.PARKED, 8), "it broke for good")
    assert jobs.parked() == [job]
    assert jobs.claim(now + dt.timedelta(days=99)) is None


def test_a_job_whose_worker_died_is_taken_again_after_its_lease(app, now):
    job = leave(run_at=now)
    jobs.claim(now)
    db.session.commit()
    assert jobs.claim(now + jobs.LEASE) is None
    assert jobs.claim(now + jobs.LEASE + SECOND) is job
    assert standing(job) == (JobStatus.RUNNING, 2)


def test_a_job_that_kills_its_worker_every_time_is_parked_and_the_next_one_is_done(app, now):
    killer = leave(run_at=now)
    for _ in range(jobs.MOST_ATTEMPTS):
        assert jobs.claim(now) is killer
        now += jobs.LEASE + SECOND
    harmless = leave(run_at=now)
    assert jobs.claim(now) is harmless
    assert (standing(killer), killer.error) == ((JobStatus.PARKED, 8), jobs.DIED)


def test_the_worker_keeps_the_parking_of_a_killer_when_nothing_else_is_due(app):
    killer = jobs.leave("nothing")
    killer.status, killer.attempts = JobStatus.RUNNING, jobs.MOST_ATTEMPTS
    killer.lease_until = utc_now() - SECOND
    db.session.commit()
    assert worker.do_one_job() is False
    db.session.rollback()
    assert standing(db.session.get(Job, killer.id)) == (JobStatus.PARKED, 8)


def test_one_key_waits_once_and_moves_to_the_new_time(app, now):
    first = leave(key="need-1", run_at=now, record_id=1)
    second = leave(key="need-1", run_at=now + SECOND, record_id=2)
    leave(key="need-2", run_at=now)
    assert second is first
    assert (first.run_at, first.args) == (now + SECOND, {"record_id": 2})
    assert jobs.count_by_status()[JobStatus.WAITING] == 2


def test_a_key_may_wait_again_while_its_former_job_runs_and_the_failed_one_gives_way(app, now):
    running = leave(key="need-1", run_at=now)
    jobs.claim(now)
    again = leave(key="need-1", run_at=now)
    assert again is not running
    jobs.put_back(running, "it broke", now)
    db.session.commit()
    assert (running.status, again.status) == (JobStatus.DONE, JobStatus.WAITING)


def test_a_parked_job_gets_all_its_attempts_again_and_the_deed_is_on_record(world, now):
    job = leave(run_at=now)
    job.status, job.attempts = JobStatus.PARKED, jobs.MOST_ATTEMPTS
    jobs.retry(job, world.office_manager)
    assert standing(job) == (JobStatus.WAITING, 0)
    assert [entry.action for entry in audit.entries_of(job)] == ["job.retry"]
    with pytest.raises(Conflict):
        jobs.retry(job, world.office_manager)


def test_a_parked_job_whose_key_waits_already_is_done_by_the_other(world, now):
    job = leave(key="need-1", run_at=now)
    job.status = JobStatus.PARKED
    twin = leave(key="need-1", run_at=now)
    jobs.retry(job, world.office_manager)
    db.session.commit()
    assert (job.status, twin.status) == (JobStatus.DONE, JobStatus.WAITING)


def test_only_a_manager_of_the_office_retries_a_job(world, now):
    job = leave(run_at=now)
    job.status = JobStatus.PARKED
    with pytest.raises(Forbidden):
        jobs.retry(job, world.of(world.park))
    assert job.status == JobStatus.PARKED
    with pytest.raises(NotFound):
        jobs.job(12345)


def test_the_worker_tells_a_failure_from_a_success_and_keeps_the_story(app, monkeypatch):
    done = []
    monkeypatch.setitem(worker.TASKS, "works", lambda record_id: done.append(record_id))
    monkeypatch.setitem(worker.TASKS, "breaks", lambda record_id: 1 / record_id)
    good, bad = jobs.leave("works", record_id=7), jobs.leave("breaks", record_id=0)
    db.session.commit()
    assert worker.do_all_jobs() == 2
    assert (done, standing(good), standing(bad)) == ([7], (JobStatus.DONE, 1), (JobStatus.WAITING, 1))
    assert "ZeroDivisionError" in bad.error


def test_what_a_failed_job_had_written_is_taken_back(world, monkeypatch):
    def half() -> None:
        world.park.intro = "写了一半"
        db.session.flush()
        raise RuntimeError("stopped half way")

    monkeypatch.setitem(worker.TASKS, "half", half)
    jobs.leave("half")
    db.session.commit()
    worker.do_one_job()
    assert world.park.intro == ""


def test_done_jobs_are_forgotten_after_their_time_and_parked_ones_never(app, now):
    old, fresh, parked = (leave(run_at=now, record_id=number) for number in range(3))
    old.status, old.done_at = JobStatus.DONE, now - jobs.KEPT - SECOND
    fresh.status, fresh.done_at = JobStatus.DONE, now - jobs.KEPT + 60 * SECOND
    parked.status = JobStatus.PARKED
    db.session.flush()
    jobs.forget_done_jobs()
    db.session.commit()
    (tomorrow,) = set(db.session.query(Job)) - {fresh, parked}
    assert (tomorrow.task, tomorrow.run_at > now) == ("forget_done_jobs", True)
    assert old not in db.session
