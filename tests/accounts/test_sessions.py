"""Signing in and sessions: counted tries, fresh tokens, and a table that alone decides."""

from __future__ import annotations

import datetime as dt

import pysqlite3.dbapi2 as sqlite
import pytest
import time_machine
from sqlalchemy import delete, select

from kcz_match.accounts import queries, service, sessions
from kcz_match.accounts.models import SignInTry, User, UserSession
from kcz_match.accounts.passwords import hash_password, is_right
from kcz_match.core import audit
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Forbidden
from kcz_match.core.policy import SYSTEM
from tests.factories import PASSWORD

EMAIL = "office@example.org"
HERE, ELSEWHERE = "10.0.0.1", "10.0.0.2"
NOON = dt.datetime(2026, 11, 24, 4, 0, tzinfo=dt.UTC)


def sign_in(password=PASSWORD, email=EMAIL, address=HERE):
    found = sessions.sign_in(email, password, address=address, device="Firefox")
    db.session.commit()
    return found


def fail(times: int, email=EMAIL, address=HERE) -> None:
    for _ in range(times):
        with pytest.raises(sessions.WrongPassword):
            sign_in("falsch", email, address)


def test_a_sign_in_makes_a_token_of_which_only_the_hash_is_kept_and_is_on_record(world):
    row, token = sign_in()
    assert len(token) >= 43
    assert token not in {str(value) for value in vars(row).values()}
    assert (row.user.email, row.organisation_id, row.address, row.device) == (EMAIL, world.office.id, HERE, "Firefox")
    assert sessions.live_session(token) == row
    assert sessions.live_session(token + "x") is None
    assert audit.entries_of(row.user)[-1].action == "session.start"
    assert sign_in()[1] != token


def test_five_wrong_passwords_pause_even_the_right_one_for_thirty_minutes(world):
    with time_machine.travel(NOON, tick=False):
        fail(5)
        with pytest.raises(sessions.Paused, match="30 分钟"):
            sign_in()
    with time_machine.travel(NOON + dt.timedelta(minutes=29), tick=False), pytest.raises(sessions.Paused):
        sign_in()
    with time_machine.travel(NOON + dt.timedelta(minutes=31), tick=False):
        assert sign_in()[0].user.email == EMAIL


def test_four_wrong_passwords_and_the_right_one_begin_counting_again(world):
    for _ in range(2):
        fail(4)
        sign_in()
    assert db.session.scalars(select(SignInTry)).all() == []


def test_nobody_is_locked_out_from_another_address_or_by_tries_for_another_account(world):
    fail(5)
    fail(1, address=ELSEWHERE)
    assert sign_in(address=ELSEWHERE)[0].address == ELSEWHERE
    assert sign_in(email=f"officer{world.park.id}@example.org")[0].organisation_id == world.park.id
    with pytest.raises(sessions.Paused):
        sign_in()


def test_letter_case_and_spaces_make_no_new_account_to_count_for(world):
    fail(3)
    fail(2, email="  OFFICE@example.org ")
    with pytest.raises(sessions.Paused):
        sign_in()


def test_an_account_that_does_not_exist_is_counted_and_answered_like_one_that_does(world):
    said = set()
    for email in (EMAIL, "nobody@example.org"):
        for _ in range(5):
            with pytest.raises(sessions.WrongPassword) as refusal:
                sign_in("falsch", email)
            said.add((refusal.value.sentence, refusal.value.status))
        with pytest.raises(sessions.Paused) as refusal:
            sign_in(email=email)
        said.add((refusal.value.sentence, refusal.value.status))
    assert len(said) == 2


def test_the_pause_of_an_account_is_on_record_once(world):
    user = queries.user_by_email(EMAIL)
    fail(5)
    for _ in range(2):
        with pytest.raises(sessions.Paused):
            sign_in()
    assert [entry.action for entry in audit.entries_of(user)] == ["session.pause"]
    assert audit.entries_of(user)[0].data == {"address": HERE}


def test_a_wrong_try_is_kept_although_its_request_is_rolled_back_and_nothing_else_is(world):
    world.park.intro = "halb geschrieben"
    with pytest.raises(sessions.WrongPassword):
        sessions.sign_in(EMAIL, "falsch", address=HERE, device="")
    db.session.rollback()
    assert [(item.account, item.address) for item in db.session.scalars(select(SignInTry))] == [(EMAIL, HERE)]
    assert world.park.intro == ""


def test_tries_that_no_longer_count_are_forgotten(world):
    with time_machine.travel(NOON, tick=False):
        fail(3, email="a@example.org")
    with time_machine.travel(NOON + dt.timedelta(minutes=31), tick=False):
        fail(1)
    assert [item.account for item in db.session.scalars(select(SignInTry))] == [EMAIL]


def test_a_disabled_account_is_answered_like_a_wrong_password(world):
    user = queries.user_by_email(f"officer{world.park.id}@example.org")
    service.set_disabled(user, world.office_manager, is_disabled=True)
    db.session.commit()
    with pytest.raises(sessions.WrongPassword):
        sign_in(email=user.email)


def test_a_session_ends_when_idle_and_in_any_case_after_its_longest_life(world):
    with time_machine.travel(NOON, tick=False):
        row, token = sign_in()
    with time_machine.travel(NOON + dt.timedelta(minutes=30), tick=False):
        assert sessions.live_session(token) == row
    with time_machine.travel(NOON + dt.timedelta(minutes=30, seconds=1), tick=False):
        assert sessions.live_session(token) is None
        assert sessions.live_sessions_of(row.user) == []
    row.seen_at = NOON + dt.timedelta(hours=12)
    with time_machine.travel(NOON + dt.timedelta(hours=12), tick=False):
        assert sessions.live_session(token) == row
    with time_machine.travel(NOON + dt.timedelta(hours=12, seconds=1), tick=False):
        assert sessions.live_session(token) is None
        assert sessions.live_sessions_of(row.user) == []


def test_the_time_of_the_last_request_is_written_at_most_once_a_minute(world):
    with time_machine.travel(NOON, tick=False):
        row, _ = sign_in()
    with time_machine.travel(NOON + dt.timedelta(seconds=60), tick=False):
        assert not sessions.needs_touch(row)
    with time_machine.travel(NOON + dt.timedelta(seconds=61), tick=False):
        assert sessions.needs_touch(row)
        row_id = row.id
        db.session.rollback()
        with db.engine.begin() as connection:
            sessions.touch(connection, row_id)
        assert row.seen_at == utc_now()


def test_a_session_is_ended_by_its_person_or_a_manager_of_the_office_and_by_nobody_else(world):
    email = f"officer{world.park.id}@example.org"
    row, token = sign_in(email=email)
    with pytest.raises(Forbidden):
        sessions.end_session(row, world.of(world.society), "x")
    assert sessions.live_session(token) == row
    sessions.end_session(row, world.office_manager, "由办公室结束")
    assert sessions.live_session(token) is None
    count = audit.verify()[0]
    sessions.end_session(row, world.of(world.park), "noch einmal")
    assert (row.end_reason, audit.verify()[0]) == ("由办公室结束", count)


def test_a_disabled_account_loses_its_living_session_at_once(world):
    row, token = sign_in(email=f"officer{world.park.id}@example.org")
    db.session.get(User, row.user_id).is_disabled = True
    assert sessions.live_session(token) is None


def test_one_switches_to_running_units_of_ones_own_only(world):
    row, _ = sign_in()
    world.join(world.society, EMAIL)
    actor = world.office_manager
    sessions.switch_organisation(row, world.society, actor)
    assert (row.organisation_id, audit.entries_of(world.society)[-1].action) == (world.society.id, "session.switch")
    with pytest.raises(Forbidden):
        sessions.switch_organisation(row, world.park, actor)
    service.move_organisation(world.society, "suspend", actor, reason="查")
    with pytest.raises(Forbidden):
        sessions.switch_organisation(row, world.society, actor)


def test_one_begins_in_the_first_verified_unit_and_in_none_when_all_are_stopped(world):
    fresh = service.register_organisation(world.office_manager, kind="society", full_name="示例·新学会", level="city")
    world.join(fresh, "neu@example.org")
    db.session.commit()
    assert sign_in(email="neu@example.org")[0].organisation_id == fresh.id
    world.join(world.park, "neu@example.org", "viewer")
    db.session.commit()
    assert sign_in(email="neu@example.org")[0].organisation_id == world.park.id
    for unit in (fresh, world.park):
        service.move_organisation(unit, "close", world.office_manager, reason="并入")
    db.session.commit()
    row, _ = sign_in(email="neu@example.org")
    assert row.organisation_id is None
    assert queries.actor_for(row.user, None).role == ""


def test_ended_sessions_say_why_and_stay_on_file(world):
    row, _ = sign_in()
    sessions.end_all_sessions(row.user, "密码已更改")
    db.session.commit()
    assert [(item.end_reason, item.ended_at is None) for item in db.session.scalars(select(UserSession))] == [
        ("密码已更改", False)
    ]


def test_the_system_has_no_sessions_to_end(world):
    row, token = sign_in()
    with pytest.raises(Forbidden):
        sessions.end_session(row, SYSTEM, "x")
    assert sessions.live_session(token) == row


def test_others_can_write_while_a_password_is_verified(app, world, client, monkeypatch):
    seen = []

    def verify(stored: str, password: str) -> bool:
        with sqlite.connect(db.engine.url.database, timeout=0) as other:
            other.execute("BEGIN IMMEDIATE")
            other.rollback()
        seen.append(password)
        return is_right(stored, password)

    monkeypatch.setattr(sessions, "is_right", verify)
    for password, status in (("falsch", 401), (PASSWORD, 302)):
        assert client.post("/login", data={"email": EMAIL, "password": password}).status_code == status
    assert client.post("/login", data={"email": "nobody@example.org", "password": PASSWORD}).status_code == 401
    assert seen == ["falsch", PASSWORD, PASSWORD]


def test_of_many_tries_at_once_only_five_are_answered_and_then_not_even_the_right_one(world, monkeypatch):
    def verify_while_others_fail(stored: str, password: str) -> bool:
        monkeypatch.setattr(sessions, "is_right", is_right)
        fail(5)
        monkeypatch.setattr(sessions, "is_right", verify_while_others_fail)
        return is_right(stored, password)

    for password in (PASSWORD, "falsch"):
        monkeypatch.setattr(sessions, "is_right", verify_while_others_fail)
        with pytest.raises(sessions.Paused):
            sign_in(password)
        db.session.rollback()
        assert len(db.session.scalars(select(SignInTry)).all()) == 5
        db.session.execute(delete(SignInTry))
        db.session.commit()


def test_a_password_changed_or_an_account_disabled_while_it_is_verified_opens_no_session(world, monkeypatch):
    changes = [{"is_disabled": False, "password_hash": hash_password("neu")}, {"is_disabled": True}]

    def verify_while_it_changes(stored: str, password: str) -> bool:
        right = is_right(stored, password)
        for name, value in changes.pop().items():
            setattr(queries.user_by_email(EMAIL), name, value)
        db.session.commit()
        return right

    monkeypatch.setattr(sessions, "is_right", verify_while_it_changes)
    while changes:
        with pytest.raises(sessions.WrongPassword):
            sign_in()
    assert db.session.scalars(select(UserSession)).all() == []
