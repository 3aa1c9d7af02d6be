"""Promises of the verbs of brokers, and of the tasks that refusals lead to."""

import datetime as dt

import pytest
from sqlalchemy import select

from kcz_match.brokerage import refusals, service
from kcz_match.brokerage.models import MatchNote, MatchPin, MatchVeto
from kcz_match.catalogue import capability_service, need_service
from kcz_match.core import audit
from kcz_match.core.audit import AuditEntry
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Conflict, Forbidden, Invalid, NotFound
from kcz_match.core.notify import Notice
from kcz_match.engagements import service as engagements
from kcz_match.matching.models import MatchDecision
from kcz_match.matching.service import decide, undo_decision
from tests.brokerage.answers import write_list

VERBS = {
    "pin": lambda pair, who: service.pin(*pair, who, "现场看过"),
    "veto": lambda pair, who: service.veto(*pair, who),
    "note": lambda pair, who: service.note(*pair, who, "工艺对得上"),
    "decide": lambda pair, who: decide(*pair, who, "adopt"),
}
QUESTIONS = {"cooperation": "合作开发", "unclear": "", "about_us": "示例单位"}


@pytest.fixture
def pair(world):
    """A need and a capability that a current list of each proposes for the other."""
    need, capability = world.need(), world.capability()
    write_list(need, [capability])
    write_list(capability, [need])
    db.session.commit()
    return need, capability


def rows(model):
    return db.session.scalars(select(model)).all()


def deeds():
    return [entry.action for entry in db.session.scalars(select(AuditEntry)) if entry.action.startswith("match.")]


@pytest.mark.parametrize("verb", VERBS)
def test_owners_and_brokers_of_either_side_may_and_strangers_may_not(world, pair, verb):
    may = [world.enterprise, world.district, world.society]
    for unit in may:
        assert VERBS[verb](pair, world.of(unit)).organisation_id == unit.id
    for unit in (world.other_district, world.other_society, world.park, world.team):
        with pytest.raises(Forbidden):
            VERBS[verb](pair, world.of(unit))
    assert deeds() == [f"match.{verb}"] * 3


def test_the_office_pins_notes_and_decides_but_vetoes_nothing(world, pair):
    for verb in ("pin", "note", "decide"):
        VERBS[verb](pair, world.office_manager)
    with pytest.raises(Forbidden):
        VERBS["veto"](pair, world.office_manager)
    assert rows(MatchVeto) == []


def test_a_viewer_of_the_district_only_looks(world, pair):
    viewer = world.join(world.district, "viewer@example.org", "viewer")
    for verb in VERBS:
        with pytest.raises(Forbidden):
            VERBS[verb](pair, viewer)


def test_a_draft_is_not_there_for_others_whatever_is_tried(world, pair):
    hidden = world.capability("draft")
    for verb in VERBS:
        with pytest.raises(NotFound):
            VERBS[verb]((pair[0], hidden), world.of(world.district))


def test_each_organisation_has_one_decision_of_its_own_and_takes_back_only_that(world, pair):
    decide(*pair, world.of(world.district), "adopt")
    decide(*pair, world.of(world.society), "refuse", reason="off_topic", sentence="不是一类缺陷")
    decide(*pair, world.of(world.district), "ignore")
    undo_decision(*pair, world.of(world.enterprise))
    found = {(row.organisation_id, str(row.decision), row.reason) for row in rows(MatchDecision)}
    assert found == {(world.district.id, "ignore", ""), (world.society.id, "refuse", "off_topic")}
    undo_decision(*pair, world.of(world.district))
    assert [row.organisation_id for row in rows(MatchDecision)] == [world.society.id]


@pytest.mark.parametrize(
    ("text", "ok"), [("", False), ("  \n", False), ("看", True), ("看" * 100, True), ("看" * 101, False)]
)
def test_a_pin_needs_a_reason_of_a_hundred_characters_at_most(world, pair, text, ok):
    if ok:
        assert service.pin(*pair, world.of(world.district), f" {text} ").reason == text
    else:
        with pytest.raises(Invalid):
            service.pin(*pair, world.of(world.district), text)
    assert len(rows(MatchPin)) == ok


def test_pinning_again_changes_the_reason_and_unpinning_leaves_other_pins(world, pair):
    service.pin(*pair, world.of(world.district), "甲")
    service.pin(*pair, world.of(world.district), "乙")
    service.pin(*pair, world.office_manager, "丙")
    assert sorted(row.reason for row in rows(MatchPin)) == ["丙", "乙"]
    service.unpin(*pair, world.of(world.district))
    service.unpin(*pair, world.of(world.society))
    assert [row.reason for row in rows(MatchPin)] == ["丙"]
    assert deeds() == ["match.pin", "match.pin", "match.pin", "match.unpin"]


def test_a_pair_that_a_hard_filter_excludes_is_not_pinned_and_the_filter_says_why(world, pair):
    pair[0].min_trl = "9"
    for verb in ("pin", "note"):
        with pytest.raises(Conflict, match="硬性条件“成熟度≥9”不符"):
            VERBS[verb](pair, world.of(world.district))
    assert rows(MatchPin) == rows(MatchNote) == []


def test_the_supply_side_learns_no_budget_by_pinning(world, pair):
    pair[0].budget_max, pair[1].price_min = 10, 5000
    db.session.flush()
    assert VERBS["pin"](pair, world.of(world.society)).reason
    with pytest.raises(Conflict, match="预算"):
        VERBS["pin"](pair, world.of(world.district))


@pytest.mark.parametrize("verb", ["pin", "note"])
def test_an_avoided_society_cannot_tell_avoidance_from_distance(world, pair, verb):
    told = []
    far = world.need(title="毫不相干")
    pair[0].avoided = [world.society]
    db.session.flush()
    for need in (pair[0], far):
        with pytest.raises(NotFound) as refusal:
            VERBS[verb]((need, pair[1]), world.of(world.society))
        told.append(refusal.value.sentence)
    assert told[0] == told[1] and "目前不能对接" not in told[0]


@pytest.mark.parametrize("first", ["pin", "veto"])
def test_nobody_pins_and_vetoes_the_same_pair(world, pair, first):
    second = {"pin": "veto", "veto": "pin"}[first]
    VERBS[first](pair, world.of(world.district))
    with pytest.raises(Conflict):
        VERBS[second](pair, world.of(world.district))
    VERBS[second](pair, world.of(world.society))
    assert len(rows(MatchPin)) == len(rows(MatchVeto)) == 1


def test_a_veto_tells_nobody_and_its_audit_row_does_not_say_of_which_pair(world, pair):
    told = len(rows(Notice))
    service.veto(*pair, world.of(world.society), "去年谈崩了")
    service.lift_veto(*pair, world.of(world.society))
    assert len(rows(Notice)) == told and rows(MatchVeto) == []
    entries = [entry for entry in db.session.scalars(select(AuditEntry)) if entry.action.endswith("veto")]
    assert [(entry.action, entry.data) for entry in entries] == [("match.veto", {}), ("match.lift_veto", {})]
    assert audit.verify()[1] is None


def test_a_note_is_replaced_by_its_writer_and_taken_away_with_a_trace(world, pair):
    district = world.of(world.district)
    service.note(*pair, district, "一")
    service.note(*pair, district, "二")
    assert service.words_of(*pair, district, "note") == "二"
    service.unnote(*pair, district)
    assert rows(MatchNote) == [] and service.words_of(*pair, district, "note") == ""
    last = audit.entries_query(action="match.unnote")
    assert db.session.scalar(last).data == {"need": pair[0].key, "capability": pair[1].key, "before": "二"}


def test_no_deed_with_a_pair_puts_anything_into_an_inbox(world, pair):
    told = len(rows(Notice))
    for verb in ("pin", "note", "decide"):
        VERBS[verb](pair, world.of(world.district))
    assert len(rows(Notice)) == told


# --- tasks ------------------------------------------------------------------------------------------------------


def sentences(record, who):
    return [task.sentence for task in refusals.tasks_of(record, who)]


def test_a_refused_capability_is_asked_for_a_test_report_until_it_is_edited(world, pair):
    society = world.of(world.society)
    decide(*pair, world.of(world.enterprise), "refuse", reason="too_early", sentence="只有样机")
    assert sentences(pair[1], society) == ["成熟度不清：请补测试报告"]
    assert refusals.tasks_waiting_for(society) == [(pair[1], refusals.tasks_of(pair[1], society))]
    capability_service.act(pair[1], "revise", society, reason="补测试报告")
    assert sentences(pair[1], society) == ["成熟度不清：请补测试报告"]
    capability_service.save_capability(pair[1], society, {"trl_proof": "第三方测试报告 2026-031"})
    assert sentences(pair[1], society) == [] and refusals.tasks_waiting_for(society) == []


def test_a_declined_interest_counts_like_a_decision(world, pair):
    interest = engagements.send_interest(*pair, world.of(world.enterprise), **QUESTIONS)
    engagements.act(interest, "decline", world.of(world.society), reason="too_vague")
    assert sentences(pair[0], world.of(world.enterprise)) == ["描述太笼统：请把难题和指标写具体"]
    assert sentences(pair[1], world.of(world.society)) == []


def test_a_task_is_for_the_owner_only_and_never_names_who_refused(world, pair):
    decide(*pair, world.of(world.district), "refuse", reason="benefit_unclear", sentence="黄埔区科协觉得贵")
    for unit in (world.district, world.enterprise, world.team, world.other_society):
        assert refusals.tasks_of(pair[1], world.of(unit)) == ()
    assert refusals.tasks_of(pair[1], world.office_manager) == ()
    said = repr(refusals.tasks_of(pair[1], world.of(world.society)))
    assert "与现有做法的比较" in said and world.district.name not in said and "觉得贵" not in said


def test_taking_a_refusal_back_takes_its_task_back(world, pair):
    decide(*pair, world.of(world.enterprise), "refuse", reason="cost_unclear")
    undo_decision(*pair, world.of(world.enterprise))
    assert sentences(pair[1], world.of(world.society)) == []


def test_adopting_and_ignoring_ask_nothing_of_anybody(world, pair):
    decide(*pair, world.of(world.enterprise), "ignore")
    decide(*pair, world.of(world.district), "adopt")
    assert sentences(pair[0], world.of(world.enterprise)) == sentences(pair[1], world.of(world.society)) == []


def test_a_withdrawn_record_has_no_tasks(world, pair):
    decide(*pair, world.of(world.society), "refuse", reason="too_vague")
    assert len(refusals.tasks_waiting_for(world.of(world.enterprise))) == 1
    need_service.act(pair[0], "withdraw", world.of(world.enterprise), reason="changed")
    assert refusals.tasks_waiting_for(world.of(world.enterprise)) == []


def test_no_capacity_counts_until_the_month_is_over_and_only_from_the_supply_side(world, pair):
    now = utc_now()
    decide(*pair, world.of(world.district), "refuse", reason="no_capacity")
    assert refusals.full_capabilities(now) == set()
    decide(*pair, world.of(world.society), "refuse", reason="no_capacity")
    assert refusals.full_capabilities(now) == {pair[1].id}
    assert refusals.full_capabilities(now + dt.timedelta(days=32)) == set()


def test_the_tasks_of_thirty_records_take_as_many_queries_as_those_of_one(world, count_queries):
    capabilities = [world.capability(title=f"能力{number}") for number in range(30)]
    need, society = world.need(), world.of(world.society)
    decide(need, capabilities[0], world.of(world.enterprise), "refuse", reason="too_early")
    db.session.commit()
    one = count_queries(lambda: refusals.tasks_waiting_for(society))
    for capability in capabilities:
        decide(need, capability, world.of(world.enterprise), "refuse", reason="too_early")
    db.session.commit()
    db.session.expire_all()
    assert len(refusals.tasks_waiting_for(society)) == 30
    db.session.commit()
    db.session.expire_all()
    assert count_queries(lambda: refusals.tasks_waiting_for(society)) == one
