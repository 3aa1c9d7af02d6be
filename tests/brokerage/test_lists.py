"""Stored lists: what the worker keeps, when it keeps it anew, and who holds a place of the month."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select

from kcz_match import worker
from kcz_match.brokerage import lists, places
from kcz_match.brokerage.models import MatchEntry, MatchList, MatchPin
from kcz_match.catalogue import capability_service
from kcz_match.catalogue.need_service import leave_followers
from kcz_match.core.db import db, utc_now
from kcz_match.core.jobs import Job
from kcz_match.core.policy import Actor
from kcz_match.engagements import service as engagements
from kcz_match.matching import queries
from kcz_match.matching.documents import digest
from kcz_match.matching.models import MatchDecision
from kcz_match.matching.ranking import WEIGHTS
from tests.brokerage.stored import store

ANSWERS = {"cooperation": "先做样件测试。", "unclear": "有没有大吨位的验证？", "about_us": "压铸企业，三百人。"}
ALIKE = {
    "title": "一体化压铸件在线缺陷检测装置",
    "keywords": "压铸 X射线 缺陷识别",
    "problem": "人工看片漏检率高，节拍跟不上，小气孔经常被放过，返修成本高。",
    "method": "压铸车间每天出件三千件，在线自动判定气孔和缩松。",
}


def work():
    """Let the worker do what is due."""
    db.session.commit()
    worker.do_all_jobs()
    db.session.expire_all()


def all_lists():
    return db.session.scalars(select(MatchList).order_by(MatchList.id)).all()


def current(record):
    return lists.current_list(record.lifecycle.kind, record.id)


def holders(capability):
    query = (
        select(MatchList.record_id)
        .join(MatchEntry, MatchEntry.list_id == MatchList.id)
        .where(MatchList.kind == "need", MatchList.is_current, MatchEntry.record_id == capability.id)
    )
    return set(db.session.scalars(query.where(MatchEntry.holds_slot)))


@pytest.fixture
def pair(world):
    """A need and a capability in nearly its words, both indexed, each with its list."""
    need, capability = world.need(), world.capability(**ALIKE)
    work()
    return need, capability


def test_publication_stores_both_lists_with_all_they_were_made_of(world, pair):
    need, capability = pair

    stored = current(need)

    document = queries.own_document(need, lists.owner_of(need))
    assert (stored.tier, stored.encoder, stored.text_hash) == ("members", "letters@1", digest(document.whole))
    assert stored.filters == ["industry", "kind", "modes", "trl", "budget", "region", "organisation", "open"]
    assert {name: stored.weights[name] for name in ("tokens", "words")} == {
        "tokens": WEIGHTS.tokens,
        "words": WEIGHTS.words,
    }
    (entry,) = stored.entries
    assert (entry.rank, entry.record_id, entry.band, entry.failed) == (1, capability.id, "strong", [])
    assert entry.score == pytest.approx(sum(entry.parts.values()))
    assert set(entry.evidence) == {"cosines", "token_similarity", "words", "terms", "open_score"}
    assert [one.record_id for one in current(capability).entries] == [need.id]


def test_the_stored_list_is_the_list_of_the_owners_page(world, pair):
    need, _ = pair
    world.capability(**ALIKE | {"title": "一体化压铸件检测"}, price_min=500)
    need.budget_max = 10
    leave_followers(need)
    work()

    seen = queries.matches_of(need, world.of(world.enterprise))

    stored = [(entry.record_id, entry.score, entry.failed) for entry in current(need).entries]
    page = sorted([*seen.shown, *seen.excluded], key=lambda match: -match.scored.score)
    assert stored == [
        (match.capability.id, match.scored.score, [line.code for line in match.filters if not line.passed])
        for match in page
    ]
    assert ["budget"] in [failed for _, _, failed in stored]


def test_a_list_that_says_nothing_new_is_not_stored_again(world, pair):
    before = [one.id for one in all_lists()]
    for record in pair:
        lists.store_list(record.lifecycle.kind, record.id)
    work()
    assert [one.id for one in all_lists()] == before


def test_a_new_capability_makes_the_lists_of_its_partners_anew_and_the_past_ones_stay(world, pair):
    need, capability = pair
    before = current(need).id

    newer = world.capability(**ALIKE | {"title": "压铸件在线缺陷检测"})
    work()

    assert {entry.record_id for entry in current(need).entries} == {capability.id, newer.id}
    past = db.session.get(MatchList, before)
    assert (past.is_current, [entry.record_id for entry in past.entries]) == (False, [capability.id])


def test_a_record_that_leaves_has_no_current_list_and_leaves_the_lists_of_others(world, pair):
    need, capability = pair

    capability_service.act(capability, "withdraw", world.of(world.society), reason="示例")
    work()

    assert current(capability) is None
    assert current(need).entries == []
    assert len([one for one in all_lists() if one.kind == "capability"]) == 1


def test_news_runs_one_step_and_no_further(world, pair):
    need, capability = pair
    lists.store_list("need", need.id)
    db.session.flush()
    waiting = select(Job.task, Job.args).where(Job.status == "waiting", Job.task.in_(["store_list", "refresh_list"]))
    assert [tuple(row) for row in db.session.execute(waiting)] == [
        ("refresh_list", {"kind": "capability", "record_id": capability.id})
    ]


def test_every_night_each_open_record_gets_its_list_a_page_at_a_time(world, pair, monkeypatch):
    need, capability = pair
    world.draft()
    for one in all_lists():
        db.session.delete(one)
    monkeypatch.setattr(lists, "PAGE", 1)

    lists.refresh_lists()
    work()

    assert {(one.kind, one.record_id) for one in all_lists()} == {("need", need.id), ("capability", capability.id)}
    again = db.session.scalars(select(Job).where(Job.key == "refresh_lists", Job.status == "waiting")).one()
    assert again.args == {"kind": "need", "after": 0}
    assert dt.timedelta() < again.run_at - utc_now() < dt.timedelta(days=2)


def test_old_lists_go_unless_somebody_decided_or_asked(world, pair):
    need, capability = pair
    old = utc_now() - dt.timedelta(days=91)
    kept, gone = (
        MatchList(kind=kind, record_id=record.id, tier="members", text_hash="", encoder="", generation=0, change=0,
                  weights={}, filters=[], is_current=False, made_at=old)
        for kind, record in (("need", need), ("need", need))
    )  # fmt: skip
    for one, partner in ((kept, capability.id), (gone, capability.id + 77)):
        one.entries = [
            MatchEntry(rank=1, record_id=partner, text_hash="", score=1.0, band="weak", parts={}, evidence={})
        ]
    db.session.add_all([kept, gone])
    db.session.add(
        MatchDecision(
            need_id=need.id,
            capability_id=capability.id,
            organisation_id=world.enterprise.id,
            decision="adopt",
            reason="",
        )
    )
    db.session.flush()
    before = {one.id for one in all_lists()}

    lists.forget_lists()

    assert {one.id for one in all_lists()} == before - {gone.id}


def test_hidden_text_moves_the_owners_own_order_and_nothing_that_others_see_of_it(world):
    """What only the owner reads counts for the owner's list; the score for others is that by members' text."""
    need = world.need()
    need.tiers = {"background": "consent"}
    capability = world.capability(**ALIKE)
    leave_followers(need)
    work()

    entry = next(one for one in current(need).entries if one.record_id == capability.id)

    member = Actor(user_id=None, name="成员", organisation_id=world.society.id, is_verified=True)
    as_member = queries.candidates_of(need, member).pairs[0].scored.score
    assert entry.evidence["open_score"] == pytest.approx(as_member)
    assert entry.score != pytest.approx(as_member)


def test_a_star_is_shown_to_as_many_needs_as_it_takes_contacts(world):
    star = world.capability(**ALIKE, monthly_capacity=2)
    other = world.capability(**ALIKE | {"title": "缺陷检测"}, monthly_capacity=40)
    needs = [world.need(title=f"一体化压铸件在线缺陷检测第{number}线") for number in range(4)]
    work()

    assert len(holders(star)) == 2
    for need in needs:
        held = {entry.record_id: entry.holds_slot for entry in current(need).entries}
        assert held == {star.id: need.id in holders(star), other.id: True}
    shared = places.shared_now()
    assert 0 < shared.loss < 1
    crowd = next(one for one in shared.crowds if one.capability == star.id)
    assert (crowd.wanted, crowd.places, crowd.held) == (4, 2, 2)


def test_an_accepted_contact_uses_a_place_up_and_who_asked_keeps_theirs(world):
    star = world.capability(**ALIKE, monthly_capacity=2)
    first, second, third = (world.need(title=f"压铸件在线缺陷检测{number}") for number in range(3))
    work()
    accepted = engagements.send_interest(first, star, world.of(world.enterprise), **ANSWERS)
    engagements.act(accepted, "accept", world.of(world.society))
    asked = next(need for need in (second, third) if need.id not in holders(star))
    engagements.send_interest(asked, star, world.of(world.enterprise), **ANSWERS)
    db.session.commit()

    places.share_places()

    assert places.monthly()[star.id] == places.Monthly(2, 1)
    assert holders(star) & {second.id, third.id} == {asked.id}


def test_a_supplier_without_time_this_month_has_no_places_left(world, pair):
    need, capability = pair
    db.session.add(
        MatchDecision(
            need_id=need.id, capability_id=capability.id, organisation_id=world.society.id,
            decision="refuse", reason="no_capacity",
        )
    )  # fmt: skip
    db.session.flush()
    assert places.monthly()[capability.id].left == 0


def test_a_pin_of_the_need_broker_keeps_a_place_and_a_pin_of_the_owner_does_not(world):
    star = world.capability(**ALIKE, monthly_capacity=1)
    needs = [world.need(title=f"压铸件在线缺陷检测{number}") for number in range(3)]
    work()
    out = [need for need in needs if need.id not in holders(star)]
    pin = {"capability_id": star.id, "reason": "熟悉"}
    db.session.add(MatchPin(need_id=out[0].id, organisation_id=world.enterprise.id, **pin))
    db.session.commit()
    places.share_places()
    assert out[0].id not in holders(star)
    db.session.add(MatchPin(need_id=out[1].id, organisation_id=world.district.id, **pin))
    db.session.commit()
    places.share_places()
    assert holders(star) == {out[1].id}


def test_an_unseen_newcomer_is_marked_in_the_list_where_it_fits_best(world):
    old = [world.capability(monthly_capacity=40) for _ in range(5)]
    late, later = world.capability(monthly_capacity=40), world.capability(monthly_capacity=40)
    for one in old:
        one.published_at = utc_now() - dt.timedelta(days=61)
    needs = [world.need(), world.need()]
    fit = {"score": 6.5, "band": "possible"}
    for need, news in zip(
        needs, ([(late, fit | {"score": 7.0}), (later, fit)], [(late, fit), (later, fit)]), strict=True
    ):
        store(need, [(one, {"score": 9.0}) for one in old] + news, is_current=True)

    places.share_places()
    db.session.commit()
    db.session.expire_all()

    marked = [[entry.record_id for entry in current(need).entries if entry.is_newcomer] for need in needs]
    assert marked == [[late.id], [later.id]]
    assert {entry.holds_slot for need in needs for entry in current(need).entries} == {True}
