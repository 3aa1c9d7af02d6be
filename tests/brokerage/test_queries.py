"""The list that people see: pins, vetoes, notes, refusals and places on top of the matches, for one viewer."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from kcz_match import worker
from kcz_match.brokerage import lists, places, service
from kcz_match.brokerage.models import MatchEntry, MatchList
from kcz_match.brokerage.queries import FEEDBACK, PLACES, fresh_for, recommended_for, side_for, suggestion_of
from kcz_match.core.db import db
from kcz_match.engagements import service as engagements
from kcz_match.matching.service import decide
from tests.factories import sign_in

ANSWERS = {"cooperation": "先做样件测试。", "unclear": "有没有大吨位的验证？", "about_us": "压铸企业，三百人。"}
ALIKE = {
    "title": "一体化压铸件在线缺陷检测装置",
    "keywords": "压铸 X射线 缺陷识别",
    "problem": "人工看片漏检率高，节拍跟不上，小气孔经常被放过，返修成本高。",
    "method": "压铸车间每天出件三千件，在线自动判定气孔和缩松。",
}
LESS = ALIKE | {"title": "压铸件射线看片服务", "method": "用射线和卷积网络判定气孔。"}
FAR = {
    "title": "荔枝冷链保鲜",
    "keywords": "荔枝 保鲜",
    "problem": "鲜果褐变，商超拒收。",
    "method": "预冷与气调包装。",
}


def work():
    db.session.commit()
    worker.do_all_jobs()
    db.session.expire_all()


@pytest.fixture
def three(world):
    """A need with a best answer and a lesser one, and one that has nothing to do with it."""
    for number in range(3):
        world.capability(**FAR | {"title": f"荔枝冷链保鲜{number}"})
    best, lesser = world.capability(**ALIKE), world.capability(**LESS, by=world.of(world.other_society))
    need = world.need()
    work()
    return need, best, lesser


def ids(suggestions, kind="capability"):
    return [getattr(one.match, kind).id for one in suggestions]


def seen(record, actor, kind="capability"):
    found = recommended_for(record, actor)
    groups = ("shown", "excluded", "refused", "vetoed")
    return {name: ids(getattr(found, name), kind) for name in groups if getattr(found, name)}


def test_the_owner_sees_the_matches_and_the_stored_list_that_stands_behind_them(world, three):
    need, best, lesser = three
    found = recommended_for(need, world.of(world.enterprise))
    assert ids(found.shown) == [best.id, lesser.id]
    assert found.stored.id == lists.current_list("need", need.id).id


def test_a_veto_moves_a_pair_apart_for_its_own_side_and_takes_it_away_for_the_other(world, three):
    need, best, lesser = three
    enterprise, society = world.of(world.enterprise), world.of(world.society)
    before = recommended_for(best, society).filter_counts()

    service.veto(need, best, enterprise)

    assert seen(need, enterprise) == {"shown": [lesser.id], "vetoed": [best.id]}
    assert seen(best, society, "need") == {}
    assert (before != [], recommended_for(best, society).filter_counts()) == (True, [])
    assert seen(need, world.office_manager) == {"shown": [lesser.id]}


def test_a_veto_of_the_other_side_leaves_no_trace_not_even_in_counts(world, three):
    need, best, lesser = three
    enterprise = world.of(world.enterprise)
    decide(need, best, enterprise, "refuse", reason="off_topic")
    service.veto(need, best, world.of(world.society))
    found = recommended_for(need, enterprise)
    assert seen(need, enterprise) == {"shown": [lesser.id]}
    assert {passed + failed for _, passed, failed in found.filter_counts()} == {1}
    assert suggestion_of(need, best, enterprise) is None


def test_a_pin_of_the_broker_lifts_for_both_sides_with_its_reason_and_one_of_the_society_for_its_own_record(
    world, three
):
    need, best, lesser = three
    enterprise = world.of(world.enterprise)

    service.pin(need, lesser, world.of(world.other_society), "我会同类案例多")
    assert ids(recommended_for(need, enterprise).shown) == [best.id, lesser.id]
    (own,) = recommended_for(lesser, world.of(world.other_society)).shown
    assert [(pin.reason, pin.who) for pin in own.pins] == [("我会同类案例多", world.other_society.name)]

    service.pin(need, lesser, world.of(world.district), "两家有合作基础")
    first = recommended_for(need, enterprise).shown[0]
    assert (first.match.capability.id, [pin.reason for pin in first.pins]) == (lesser.id, ["两家有合作基础"])
    reasons = {pin.reason for one in recommended_for(lesser, world.of(world.other_society)).shown for pin in one.pins}
    assert reasons == {"我会同类案例多", "两家有合作基础"}


def test_a_pin_brings_in_what_the_index_would_not_propose_and_never_lifts_over_a_failed_filter(world, client, three):
    need, best, lesser = three
    far = db.session.scalar(select(lists.Capability).where(lists.Capability.title == "荔枝冷链保鲜0"))
    enterprise = world.of(world.enterprise)
    service.pin(need, far, world.office_manager, "办公室推荐")
    assert ids(recommended_for(need, enterprise).shown) == [far.id, best.id, lesser.id]
    db.session.commit()
    sign_in(client, enterprise)
    page = client.get(f"/needs/{need.key}/matches").get_data(as_text=True)
    assert page.index("办公室推荐") < page.index(best.title)

    far.price_min, need.budget_max = 500, 10
    db.session.flush()

    found = recommended_for(need, enterprise)
    assert (ids(found.shown), ids(found.excluded)) == ([best.id, lesser.id], [far.id])


def test_a_note_is_read_by_both_sides_and_does_not_name_the_owner_of_the_need(world, three):
    need, best, _ = three
    service.note(need, best, world.of(world.enterprise), "我们两条线都可以试。")
    (theirs,) = recommended_for(best, world.of(world.society)).shown
    assert [note.sentence for note in theirs.remarks.notes] == ["我们两条线都可以试。"]
    assert world.enterprise.name not in theirs.remarks.notes[0].who
    assert world.enterprise.full_name not in theirs.remarks.notes[0].who


def test_what_is_like_a_refused_answer_is_lowered_for_who_refused_it_and_says_so(world, three):
    need, best, lesser = three
    twin = world.capability(**ALIKE)
    work()
    enterprise = world.of(world.enterprise)
    before = {one.match.capability.id: one.match.scored for one in recommended_for(need, enterprise).shown}

    decide(need, best, enterprise, "refuse", reason="off_topic")

    found = recommended_for(need, enterprise)
    after = {one.match.capability.id: one.match.scored for one in (*found.shown, *found.excluded)}
    assert ids(found.refused) == [best.id]
    lowered = after[twin.id]
    assert lowered.parts[FEEDBACK] < -0.9
    assert lowered.score == pytest.approx(before[twin.id].score + lowered.parts[FEEDBACK])
    assert lowered.score == pytest.approx(sum(lowered.parts.values()))
    office = {
        one.match.capability.id: one.match.scored.parts for one in recommended_for(need, world.office_manager).shown
    }
    assert FEEDBACK not in office[twin.id]


def test_a_need_without_a_place_reads_why_and_the_supplier_still_sees_the_need(world, three):
    need, best, lesser = three
    best.monthly_capacity = 2
    entry = db.session.scalar(
        select(MatchEntry).join(MatchList).where(MatchList.kind == "need", MatchEntry.record_id == best.id)
    )
    entry.holds_slot = False
    db.session.flush()

    found = recommended_for(need, world.of(world.enterprise))

    assert (ids(found.shown), ids(found.excluded)) == ([lesser.id], [best.id])
    (line,) = [line for line in found.excluded[0].match.filters if line.code == PLACES]
    assert line.detail == "每月可接 2 次，本月名额已优先给更匹配的需求"
    assert ids(recommended_for(best, world.of(world.society)).shown, "need") == [need.id]


def test_who_is_talking_already_is_not_put_aside(world, three):
    need, best, lesser = three
    engagements.send_interest(need, best, world.of(world.enterprise), **ANSWERS)
    best.monthly_capacity = 0
    db.session.flush()
    assert ids(recommended_for(need, world.of(world.enterprise)).shown) == [best.id, lesser.id]


def test_with_one_dominant_expert_no_more_needs_are_shown_the_expert_than_the_capacity(world, three):
    need, best, lesser = three
    needs = [need, *(world.need(title=f"一体化压铸件在线缺陷检测{number}") for number in range(4))]
    best.monthly_capacity, lesser.monthly_capacity = 2, 40
    work()
    places.share_places()
    db.session.commit()

    shown = [ids(recommended_for(one, world.of(world.enterprise)).shown) for one in needs]

    assert sum(best.id in answers for answers in shown) == 2
    assert all(lesser.id in answers for answers in shown)
    assert 0 < places.shared_now().loss < 0.5


def test_the_page_of_the_owner_follows_the_other_side_where_two_are_nearly_equal(world, three):
    need, best, _ = three
    twin = world.capability(**ALIKE)
    work()
    entries = {
        one: db.session.scalar(
            select(MatchEntry)
            .join(MatchList)
            .where(MatchList.kind == "capability", MatchList.record_id == one.id, MatchList.is_current)
        )
        for one in (best, twin)
    }
    for liked, other in ((best, twin), (twin, best)):
        for capability, back in ((liked, 9.0), (other, 5.0)):
            entries[capability].evidence = entries[capability].evidence | {"open_score": back}
        db.session.flush()
        assert ids(recommended_for(need, world.of(world.enterprise)).shown)[:2] == [liked.id, other.id]


def test_the_home_page_proposes_nothing_that_was_vetoed_or_decided(world, three):
    need, best, lesser = three
    enterprise = world.of(world.enterprise)
    assert [item.match.capability.id for item in fresh_for(enterprise)] == [best.id]
    service.veto(need, best, enterprise)
    found = [item.match.capability.id for item in fresh_for(enterprise)]
    assert best.id not in found


def test_everybody_looks_from_the_side_that_they_own_or_broker(world, three):
    need, best, _ = three
    for unit, side in (("enterprise", need), ("society", best), ("district", need)):
        assert side_for(need, best, world.of(getattr(world, unit))) is side
    assert side_for(need, best, world.office_manager) is need


def test_the_page_is_read_by_who_brokers_the_need_and_by_no_other(world, client, three):
    need, best, _ = three
    service.pin(need, best, world.of(world.district), "两家有合作基础")
    db.session.commit()
    number = lists.current_list("need", need.id).id
    for unit, status in (("district", 200), ("enterprise", 200), ("other_district", 404), ("society", 404)):
        sign_in(client, world.of(getattr(world, unit)))
        answer = client.get(f"/needs/{need.key}/matches")
        assert (unit, answer.status_code) == (unit, status)
        if status == 200:
            page = answer.get_data(as_text=True)
            assert "两家有合作基础" in page and f"存档名单第&#8201;{number}&#8201;号" in page
    sign_in(client, world.of(world.district))
    assert client.get(f"/matches/{need.key}/{best.key}").status_code == 200


def test_thirty_suggestions_take_as_many_queries_as_one(world, three, count_queries):
    need, best, lesser = three
    enterprise = world.of(world.enterprise)
    service.note(need, best, enterprise, "可以试。")

    def count():
        work()
        return count_queries(lambda: recommended_for(need, enterprise))

    few = count()
    for number in range(6):
        world.capability(**ALIKE | {"title": f"一体化压铸件在线缺陷检测{number}"})
    assert count() == few
