"""One door for every change of state: policy, then the table, then the change and its audit row."""

from __future__ import annotations

import datetime as dt

import pytest

from kcz_match.accounts.states import ORGANISATIONS
from kcz_match.catalogue.states import CAPABILITIES, NEEDS, RETURN_REASONS
from kcz_match.core import audit, lifecycle, policy
from kcz_match.core.db import db
from kcz_match.core.errors import Conflict, Forbidden, Invalid
from kcz_match.core.lifecycle import move, moves_open_to
from kcz_match.engagements.states import INTERESTS
from kcz_match.selection.states import CERTIFICATES

ALL = [ORGANISATIONS, CERTIFICATES, NEEDS, CAPABILITIES, INTERESTS]


def test_a_move_changes_the_state_notes_the_time_and_writes_one_audit_row(world):
    park, count = world.park, audit.verify()[0]
    move(park, "suspend", world.office_manager, reason="信息不实")
    entry = audit.entries_of(park)[-1]
    assert park.state == "suspended"
    assert dt.datetime.now(dt.UTC) - park.state_since < dt.timedelta(seconds=10)
    assert (entry.action, entry.data) == (
        "organisation.suspend",
        {"before": "verified", "after": "suspended", "reason": "信息不实"},
    )
    assert audit.verify() == (count + 1, None)


def test_who_may_not_is_refused_before_the_state_is_looked_at(world):
    with pytest.raises(Forbidden):
        move(world.park, "verify", world.of(world.park))
    with pytest.raises(Conflict):
        move(world.park, "verify", world.office_manager)


def test_a_refused_move_changes_nothing(world):
    since, count = world.park.state_since, audit.verify()[0]
    for verb, actor, reason in (
        ("suspend", world.of(world.park), "x"),
        ("verify", world.office_manager, ""),
        ("suspend", world.office_manager, "  "),
    ):
        with pytest.raises((Forbidden, Conflict, Invalid)):
            move(world.park, verb, actor, reason=reason)
    assert (world.park.state, world.park.state_since, audit.verify()[0]) == ("verified", since, count)


def test_the_conflict_says_what_the_state_is_now_and_what_to_do(world):
    with pytest.raises(Conflict, match="这条单位现在是“已核验”，不能再“核验通过”。.*请刷新页面") as refusal:
        move(world.park, "verify", world.office_manager)
    assert refusal.value.status == 409


def test_a_reason_comes_from_the_closed_list_where_there_is_one(world):
    need = world.need("submitted")
    reviewer = world.of(world.district)
    for reason in ("", "随便写写"):
        with pytest.raises(Invalid) as refusal:
            move(need, "return", reviewer, reason=reason)
        assert list(refusal.value.errors) == ["reason"]
    move(need, "return", reviewer, reason="no_indicator", remark="请补漏检率")
    assert need.state == "returned"
    assert audit.entries_of(need)[-1].data["remark"] == "请补漏检率"
    assert "no_indicator" in RETURN_REASONS


def test_the_offered_moves_are_those_that_succeed_with_the_likely_one_first(world):
    need = world.need("submitted")
    offered = moves_open_to(world.of(world.district), need)
    assert [(item.verb, item.is_primary, item.is_loss) for item in offered] == [
        ("approve", True, False),
        ("return", False, False),
        ("decline", False, True),
    ]
    assert [item.verb for item in moves_open_to(world.of(world.enterprise), need)] == ["take_back", "withdraw"]
    assert moves_open_to(world.of(world.society), need) == []


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.kind)
def test_every_arrow_has_a_rule_and_every_state_a_word_and_a_way_in(table):
    assert [verb for verb in table.arrows if f"{table.kind}.{verb}" not in policy.RULES] == []
    assert set(table.words) == set(table.states)
    first = next(iter(table.states))
    reached = {step.target for step in table.arrows.values()} | {first}
    assert [str(state) for state in table.states if state not in reached] == []
    assert (table.word(str(first)), table.hue(str(first))) == table.words[first]


def test_an_unknown_verb_is_a_mistake_in_the_program(world):
    with pytest.raises(KeyError):
        move(world.park, "fly", world.office_manager)


def test_an_arrow_names_its_sources_by_value():
    made = lifecycle.arrow("verified suspended", ORGANISATIONS.states.CLOSED, "注销")
    assert made.sources == {ORGANISATIONS.states.VERIFIED, ORGANISATIONS.states.SUSPENDED}
    with pytest.raises(ValueError):
        lifecycle.arrow("nowhere", ORGANISATIONS.states.CLOSED, "注销")


def test_a_record_that_somebody_else_saved_meanwhile_is_not_overwritten(app, world):
    from sqlalchemy import update
    from sqlalchemy.orm.exc import StaleDataError

    from kcz_match.accounts.models import Organisation

    park = world.park
    assert park.version >= 1
    db.session.execute(
        update(Organisation)
        .where(Organisation.id == park.id)
        .values(version=Organisation.version + 1)
        .execution_options(synchronize_session=False)
    )
    with pytest.raises(StaleDataError):
        move(park, "suspend", world.office_manager, reason="x")
