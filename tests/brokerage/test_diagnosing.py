"""Diagnoses by the clock: who gets one, when, what it counts, and what it never tells."""

import contextlib
import datetime as dt

import pytest
import time_machine
from sqlalchemy import select

from kcz_match import worker
from kcz_match.brokerage import diagnosing, parts
from kcz_match.brokerage.models import MatchVeto, NeedDiagnosis
from kcz_match.catalogue import need_service
from kcz_match.core import jobs
from kcz_match.core.db import db, utc_now
from kcz_match.core.notify import Notice
from kcz_match.engagements import service as engagements
from kcz_match.matching import service as matching
from tests.brokerage.test_parts import LEAK
from tests.web.test_matches import ALIKE, index_everything

ASKING = {"cooperation": "合作开发", "unclear": "", "about_us": "示例单位"}


FAR = (
    "展馆讲解机器人听不清观众带口音的提问",
    "荔枝运输三天以后褐变严重商超拒收",
    "岸桥防风锚定在台风来之前费时费力",
)


@contextlib.contextmanager
def days_later(days):
    with time_machine.travel(utc_now() + dt.timedelta(days=days), tick=False):
        yield


def diagnose():
    diagnosing.diagnose_needs()
    db.session.commit()


def kept():
    return list(db.session.scalars(select(NeedDiagnosis).order_by(NeedDiagnosis.id)))


def news_of(unit):
    rows = select(Notice).where(Notice.organisation_id == unit.id, Notice.sentence.contains("还没有对接上"))
    return [row.sentence for row in db.session.scalars(rows)]


@pytest.fixture
def need(world):
    return world.need()


def test_nobody_is_diagnosed_before_thirty_days_and_then_once_in_thirty(world, need):
    for days, expected in ((29, 0), (31, 1), (45, 1), (60, 1), (62, 2)):
        with days_later(days):
            diagnose()
        assert len(kept()) == expected
    assert len(news_of(world.enterprise)) == 2


def test_the_poster_is_told_cause_and_suggestion_and_nobody_else_is(world, need):
    with days_later(31):
        diagnose()
    (row,) = kept()
    assert (row.need_id, row.cause, row.figures["days"], row.figures["deed"]) == (need.id, "no_supply", 31, "call")
    (told,) = news_of(world.enterprise)
    assert need.title in told and "没有供给" in told and row.suggestion in told
    for unit in (world.society, world.district, world.park, world.office):
        assert news_of(unit) == []


def test_the_clock_starts_again_when_the_need_is_published_again(world, need):
    with days_later(20):
        need_service.act(need, "revise", world.of(world.enterprise), reason="补指标")
        for verb, actor in (
            ("submit", world.of(world.enterprise)),
            ("approve", world.of(world.district)),
            ("publish", world.office_manager),
        ):
            need_service.act(need, verb, actor)
        db.session.commit()
    with days_later(35):
        diagnose()
    assert kept() == []
    with days_later(51):
        diagnose()
    assert [row.figures["days"] for row in kept()] == [31]


def test_needs_that_are_not_open_are_left_in_peace(world, need):
    world.draft()
    world.need("submitted")
    need_service.act(need, "withdraw", world.of(world.enterprise), reason="changed")
    db.session.commit()
    with days_later(31):
        diagnose()
    assert kept() == []


def test_a_need_of_somebody_without_a_title_is_left_in_peace(world, need):
    from kcz_match.selection import service as selection
    from kcz_match.selection.queries import certificates_of

    selection.move_certificate(certificates_of(world.park.id)[0], "revoke", world.office_manager, reason="示例")
    db.session.commit()
    with days_later(31):
        diagnose()
    assert kept() == []


def test_a_filter_that_alone_keeps_answers_out_is_the_cause_and_its_step_the_suggestion(world):
    need = world.need(min_trl="9")
    world.capability(**ALIKE)
    index_everything()
    found = diagnosing.diagnosis_of(need)
    assert (found.cause, found.field) == ("filtered", "min_trl")
    assert found.suggestion == "把最低成熟度由 9 级放宽到 7 级，可多出 1 项"
    assert kept() == []


def test_where_nobody_answers_the_whole_it_is_told_how_many_of_its_parts_find_somebody(world):
    need = world.need(problem=f"{LEAK}。" + "".join(f"{line}。" for line in FAR), target="全部解决。")
    world.capability(title="油封", keywords="油封", problem=f"{LEAK}。", method="滚压。", rows=())
    index_everything()
    found = diagnosing.diagnosis_of(need)
    assert (found.cause, found.deed, found.suggestion) == (
        "no_supply",
        "split",
        "拆成 4 个子问题分别找：其中 1 个有够得上的能力",
    )
    assert parts.parts_of(need) == []


def test_an_avoided_or_vetoed_answer_is_in_no_figure(world):
    need, capability = world.need(min_trl="9"), world.capability(**ALIKE)
    index_everything()
    need.avoided = [world.society]
    db.session.commit()
    assert diagnosing.facts_of(need).excluded == []
    need.avoided = []
    db.session.add(MatchVeto(need_id=need.id, capability_id=capability.id, organisation_id=world.society.id))
    db.session.commit()
    facts = diagnosing.facts_of(need)
    assert (facts.excluded, facts.left) == ([], 0)


def test_that_somebody_avoids_the_poster_is_not_counted_as_a_refusal(world, need):
    capability, other = world.capability(**ALIKE), world.capability(**ALIKE | {"title": "压铸件缺陷检测"})
    index_everything()
    matching.decide(need, capability, world.of(world.society), "refuse", reason="avoid")
    matching.decide(need, other, world.of(world.society), "refuse", reason="budget")
    db.session.commit()
    assert dict(diagnosing.facts_of(need).refusals) == {"budget": 1}


def test_good_answers_that_nobody_asked_are_named_first(world, need):
    world.capability(**ALIKE)
    index_everything()
    facts = diagnosing.facts_of(need)
    assert (facts.strong + facts.possible, facts.left) == (1, 1)
    assert diagnosing.diagnosis_of(need).cause == "unasked"


def asked(world, need, capability):
    interest = engagements.send_interest(need, capability, world.of(world.enterprise), **ASKING)
    db.session.commit()
    return interest


def test_while_somebody_is_at_it_nothing_is_kept_and_it_is_looked_at_again(world, need):
    capability = world.capability(**ALIKE)
    index_everything()
    with days_later(30):
        interest = asked(world, need, capability)
    with days_later(31):
        assert diagnosing.diagnosis_of(need).cause == "waiting"
        diagnose()
    assert (kept(), news_of(world.enterprise)) == ([], [])
    with days_later(33):
        engagements.act(interest, "decline", world.of(world.society), reason="spec_gap")
        db.session.commit()
    with days_later(34):
        diagnose()
    (row,) = kept()
    assert (row.cause, row.field, row.figures["refusals"]) == ("refused", "indicators", {"spec_gap": 1})


def test_silence_is_a_cause_and_an_interest_of_the_other_side_waits_for_the_poster(world, need):
    capability = world.capability(**ALIKE)
    index_everything()
    interest = asked(world, need, capability)
    with days_later(12):
        engagements.expire_interest(interest.id)
        db.session.commit()
        assert diagnosing.diagnosis_of(need).cause == "unanswered"
        engagements.send_interest(need, capability, world.of(world.society), **ASKING)
        db.session.commit()
        facts = diagnosing.facts_of(need)
    assert (facts.to_answer, facts.waiting, facts.expired) == (1, 0, 1)


def test_a_refusal_before_the_need_was_published_again_is_forgotten(world, need):
    capability = world.capability(**ALIKE)
    index_everything()
    interest = asked(world, need, capability)
    engagements.act(interest, "decline", world.of(world.society), reason="ip")
    db.session.commit()
    assert diagnosing.diagnosis_of(need).cause == "refused"
    need.state_since = utc_now() + dt.timedelta(seconds=1)
    db.session.commit()
    facts = diagnosing.facts_of(need)
    assert (dict(facts.refusals), facts.left) == ({}, 1)


def test_the_job_pages_through_many_needs_and_comes_again_tomorrow(world):
    for number in range(diagnosing.EACH + 2):
        world.need(title=f"示例需求 {number}")
    with days_later(31):
        jobs.leave("diagnose_needs", key="diagnose_needs")
        db.session.commit()
        worker.do_all_jobs()
        waiting = db.session.scalars(
            select(jobs.Job).where(jobs.Job.task == "diagnose_needs", jobs.Job.status == "waiting")
        )
        assert [(job.run_at - utc_now(), job.args) for job in waiting] == [(dt.timedelta(days=1), {"after": 0})]
    assert len({row.need_id for row in kept()}) == len(kept()) == diagnosing.EACH + 2


def test_only_those_who_read_the_matches_see_a_kept_diagnosis_and_only_of_this_time_open(world, need):
    with days_later(31):
        diagnose()
        for unit, expected in ((world.enterprise, 1), (world.district, 1), (world.society, 0), (world.park, 0)):
            assert bool(diagnosing.newest_diagnosis(need, world.of(unit))) == bool(expected)
        assert diagnosing.newest_diagnosis(need, world.office_manager) is not None
        need_service.act(need, "revise", world.of(world.enterprise), reason="补指标")
        db.session.commit()
        assert diagnosing.newest_diagnosis(need, world.of(world.enterprise)) is None
