"""The database: aware times, checked choices, keys that cannot be walked, one writer and many readers."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError

from kcz_match.accounts.models import Organisation
from kcz_match.core import db as database
from kcz_match.core.db import KEY_ALPHABET, db, new_key


def test_a_time_without_a_zone_is_refused(world):
    world.park.state_since = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - a naive time is the point of this test
    with pytest.raises(StatementError, match="without a zone"):
        db.session.flush()


def test_a_time_of_any_zone_comes_back_as_the_same_moment_in_utc(world):
    moment = dt.datetime(2026, 1, 1, 8, tzinfo=dt.timezone(dt.timedelta(hours=8)))
    world.park.state_since = moment
    db.session.commit()
    found = db.session.scalar(select(Organisation.state_since).where(Organisation.id == world.park.id))
    assert (found, found.tzinfo) == (moment, dt.UTC)
    assert db.session.scalar(text("SELECT state_since FROM organisation WHERE id = :id"), {"id": world.park.id}) == (
        "2026-01-01 00:00:00.000000"
    )


def test_a_choice_is_kept_as_its_value_and_the_database_refuses_others(world):
    assert db.session.scalar(text("SELECT DISTINCT state FROM organisation")) == "verified"
    with pytest.raises(IntegrityError):
        db.session.execute(text("UPDATE organisation SET state = 'VERIFIED'"))


def test_keys_are_twelve_readable_characters_and_do_not_repeat():
    keys = {new_key() for _ in range(2000)}
    assert len(keys) == 2000
    assert {len(key) for key in keys} == {12}
    assert set("".join(keys)) == set(KEY_ALPHABET)
    assert set(KEY_ALPHABET) & set("01lio") == set()


def test_a_reader_is_not_kept_waiting_by_a_writer_and_sees_what_was_committed(world):
    db.session.execute(update(Organisation).values(intro="还没有提交"))
    with db.engine.connect().execution_options(reading=True) as reader:
        seen = reader.execute(select(Organisation.intro).where(Organisation.id == world.park.id)).scalar()
    assert seen == ""


def test_two_writers_wait_for_each_other_and_a_database_that_stays_busy_says_so(app, world, monkeypatch):
    monkeypatch.setattr(database, "BUSY_MILLISECONDS", 50)
    db.session.execute(update(Organisation).values(intro="还没有提交"))
    with db.engine.connect() as other, pytest.raises(OperationalError, match="locked"):
        other.execute(update(Organisation).values(intro="抢先"))


def test_foreign_keys_and_wal_are_in_force_on_every_connection(app):
    with db.engine.connect() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("foreign_keys", "journal_mode", "synchronous")
        ]
    assert found == [1, "wal", 2]


def test_a_busy_database_answers_a_page_that_says_try_again(app, world, client, monkeypatch):
    monkeypatch.setattr(database, "BUSY_MILLISECONDS", 50)
    db.session.rollback()
    db.engine.dispose()
    blocker = db.engine.connect().execution_options(reading=False)
    try:
        with blocker.begin():
            answer = client.post("/login", data={"email": "a@example.org", "password": "x"})
    finally:
        blocker.close()
    assert answer.status_code == 503
    assert "系统正忙，您的操作没有保存" in answer.text
