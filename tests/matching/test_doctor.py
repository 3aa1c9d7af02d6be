"""The doctor names what is wrong, and what to do."""

from __future__ import annotations

import pytest
from sqlalchemy import text, update

from kcz_match import doctor
from kcz_match.core import jobs
from kcz_match.core.db import db, utc_now
from kcz_match.matching import index_tasks


@pytest.fixture
def model(app, engine):
    """A folder that looks like a sentence-transformers model."""
    folder = app.config["INDEXES"] / "encoder"
    folder.mkdir(parents=True)
    (folder / "modules.json").write_text("[]", "utf-8")


def _lines() -> dict[str, tuple[bool, str]]:
    db.session.commit()
    return {line.name: (line.is_well, line.finding) for line in doctor.examine()}


def _unwell() -> dict[str, str]:
    return {name: finding for name, (is_well, finding) in _lines().items() if not is_well}


def test_a_fresh_installation_is_well(app, engine, model):
    assert _unwell() == {}
    assert list(_lines()) == [
        "sqlite",
        "database",
        "schema",
        "encoder",
        "index files",
        "index rows",
        "jobs",
        "worker",
        "disk",
        "audit",
    ]


def test_a_missing_model_is_told(app, engine):
    assert list(_unwell()) == ["encoder"]
    assert "run make run, or set KCZ_ENCODER" in _unwell()["encoder"]


def test_a_damaged_index_file_is_told_with_its_name(world, engine, model):
    index_tasks.index_record("need", world.need().id)
    index_tasks.fold_index()
    db.session.commit()
    assert "index files" not in _unwell()
    assert "need-public 1" not in _lines()["index files"][1]
    index_tasks.fold_index()
    db.session.commit()
    assert _lines()["index files"][1].startswith("generation 2 holds need-public 1, need-members 1, ")

    file = engine.index.folder / "2" / "need-public.ids"
    file.write_bytes(b"\x01" * 8)

    assert _unwell()["index files"].startswith("2/need-public.ids is not what was written")
    assert "reindex" in _unwell()["index files"]


def test_a_listed_record_that_is_in_no_index_is_told(world, engine, model):
    world.need()

    assert _unwell()["index rows"] == (
        "vectors need-public: 1 missing, 0 too many; words need-public: 1 missing, 0 too many; "
        "vectors need-members: 1 missing, 0 too many; words need-members: 1 missing, 0 too many; "
        "if no job waits, run flask --app app reindex"
    )


def test_a_job_that_was_given_up_is_told_with_its_last_words(app, engine, model):
    job = jobs.leave("fold_index")
    db.session.flush()
    db.session.execute(
        update(jobs.Job).where(jobs.Job.id == job.id).values(status="parked", error="Traceback\nOSError: no space left")
    )

    assert _unwell() == {"jobs": f"1 jobs were given up, first fold_index (job {job.id}): OSError: no space left"}


def test_a_job_that_nobody_does_is_told(app, engine, model):
    jobs.leave("fold_index", run_at=utc_now() - 2 * doctor.PATIENCE)

    assert list(_unwell()) == ["worker"]
    assert "start flask --app app worker" in _unwell()["worker"]


def test_an_old_schema_is_told(app, engine, model):
    db.session.execute(text("UPDATE alembic_version SET version_num = '0001'"))

    assert _unwell()["schema"] == "schema is not current: run flask --app app db-upgrade"


def test_a_changed_past_is_told(world, engine, model):
    db.session.execute(text("DROP TRIGGER audit_no_update"))
    db.session.execute(text("UPDATE audit SET action = 'need.never' WHERE id = 2"))

    assert _unwell() == {"audit": "row 2 does not hold; 1 rows before it do"}


def test_an_examination_that_fails_does_not_stop_the_others(app, engine, model, tmp_path):
    db.session.execute(text("DROP TABLE words_need_public"))

    found = _unwell()

    assert list(found) == ["index rows"]
    assert found["index rows"].startswith("cannot be examined: OperationalError")
