"""Promises of the queue: which pairs wait for whom, in which order, and what leaves no trace."""

import datetime as dt

import pytest

from kcz_match.brokerage import queue, service
from kcz_match.brokerage.models import MatchVeto
from kcz_match.brokerage.queue import Wanted
from kcz_match.brokerage.remarks import remarks_about
from kcz_match.catalogue import need_service
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import NotFound
from kcz_match.engagements import service as engagements
from kcz_match.matching.service import decide
from kcz_match.selection import service as selection
from kcz_match.selection.queries import certificates_of
from tests.brokerage.answers import write_list

QUESTIONS = {"cooperation": "合作开发", "unclear": "", "about_us": "示例单位"}


@pytest.fixture
def pair(world):
    """A need and a capability that a current list of each proposes for the other."""
    need, capability = world.need(), world.capability()
    write_list(need, [capability])
    write_list(capability, [need])
    db.session.commit()
    return need, capability


def waiting(actor, **wanted):
    """Return (need title, capability title) of the rows that wait, in order."""
    entries = db.session.scalars(queue.waiting_entries(actor, Wanted(**wanted))).all()
    return [(row.match.need.title, row.match.capability.title) for row in queue.rows_of(entries, actor)]


def everybody(world):
    """Return the three who broker the pair."""
    return {"district": world.of(world.district), "society": world.of(world.society), "office": world.office_manager}


def sees(world):
    return [name for name, who in everybody(world).items() if waiting(who)]


def test_a_pair_waits_for_the_district_of_the_need_the_society_of_the_capability_and_the_office(world, pair):
    assert sees(world) == ["district", "society", "office"]
    assert waiting(world.of(world.enterprise)) == waiting(world.of(world.district))
    for unit in (world.other_district, world.other_society, world.team, world.park):
        assert waiting(world.of(unit)) == []


def test_a_society_answers_for_what_it_approves_and_the_team_for_its_own(world):
    need, capability = world.need(), world.capability(by=world.of(world.team))
    write_list(capability, [need])
    db.session.commit()
    assert waiting(world.of(world.society)) == waiting(world.of(world.team)) == [(need.title, capability.title)]
    assert waiting(world.of(world.other_society)) == []


def test_each_organisation_settles_a_pair_for_itself_alone(world, pair):
    decide(*pair, world.of(world.district), "ignore")
    assert sees(world) == ["society", "office"]
    assert waiting(world.of(world.enterprise)) != []


def test_a_past_list_a_failed_filter_and_no_place_of_the_month_propose_nothing(world, pair):
    need, capability = pair
    for facts in ({"failed": ["trl"]}, {"holds_slot": False}, {"band": "none"}):
        write_list(need, [capability], **facts)
        assert waiting(world.of(world.district)) == []
    write_list(need, [])
    assert waiting(world.of(world.district)) == []
    write_list(need, [capability], holds_slot=True)
    assert len(waiting(world.of(world.district))) == 1


def test_the_pinned_come_first_then_the_strong_then_who_has_waited_longest(world):
    capability = world.capability()
    needs = {name: world.need(title=f"需求{name}") for name in "甲乙丙丁"}
    for days, (name, band) in enumerate({"甲": "strong", "乙": "strong", "丙": "possible", "丁": "possible"}.items()):
        needs[name].published_at = utc_now() - dt.timedelta(days=days + 1)
        write_list(needs[name], [capability], band=band)
    db.session.commit()
    district = world.of(world.district)
    order = [need[-1] for need, _ in waiting(district)]
    assert order == ["乙", "甲", "丁", "丙"]
    service.pin(needs["丙"], capability, district, "现场看过")
    assert [need[-1] for need, _ in waiting(district)] == ["丙", "乙", "甲", "丁"]
    assert [need[-1] for need, _ in waiting(world.office_manager)] == ["乙", "甲", "丁", "丙"]


def test_the_queue_can_be_asked_for_a_band_a_district_an_industry_a_title_and_the_pinned(world):
    capability = world.capability()
    here = world.need(title="黄埔的需求")
    there = world.need(title="海上的需求", industry="marine", by=world.of(world.district))
    write_list(here, [capability])
    write_list(there, [capability], band="weak")
    db.session.commit()
    office = world.office_manager
    service.pin(here, capability, office, "理由")
    found = {
        "": waiting(office),
        "weak": waiting(office, band="weak"),
        "industry": waiting(office, industry="marine", band="weak"),
        "nothing": waiting(office, industry="bio"),
        "district": waiting(office, district="440112"),
        "elsewhere": waiting(office, district="440111"),
        "title": waiting(office, text="黄埔"),
        "code": waiting(office, text=(here.code or "").lower()),
        "percent": waiting(office, text="%"),
        "pinned": waiting(office, only_pinned=True),
    }
    titles = {name: [need for need, _ in rows] for name, rows in found.items()}
    assert titles == {
        "": ["黄埔的需求"],
        "weak": ["海上的需求"],
        "industry": ["海上的需求"],
        "nothing": [],
        "district": ["黄埔的需求"],
        "elsewhere": [],
        "title": ["黄埔的需求"],
        "code": ["黄埔的需求"],
        "percent": [],
        "pinned": ["黄埔的需求"],
    }
    assert queue.waiting_counts(office) == {"strong": 1, "possible": 0, "weak": 1, "pinned": 1}
    assert queue.waiting_counts(office, Wanted(industry="marine"))["strong"] == 0


def test_what_is_closed_since_the_list_was_made_is_out_at_once(world, pair):
    need, capability = pair
    certificate = certificates_of(world.park.id)[0]
    selection.move_certificate(certificate, "revoke", world.office_manager, reason="示例")
    assert sees(world) == []
    with pytest.raises(NotFound):
        service.note(need, capability, world.of(world.society), "很合适")


def test_a_withdrawn_need_waits_for_nobody(world, pair):
    need_service.act(pair[0], "withdraw", world.of(world.enterprise), reason="changed")
    assert sees(world) == []


def test_avoidance_takes_the_pair_away_from_everybody_without_a_word(world, pair):
    pair[0].avoided = [world.society]
    db.session.flush()
    assert sees(world) == []
    assert queue.waiting_counts(world.of(world.society)) == {"strong": 0, "possible": 0, "weak": 0, "pinned": 0}
    with pytest.raises(NotFound, match="不在推荐范围"):
        queue.row_of(*pair, world.of(world.society))


def test_the_lead_society_is_avoided_with_its_team(world):
    need, capability = world.need(), world.capability(by=world.of(world.team))
    write_list(capability, [need])
    need.avoided = [world.society]
    db.session.flush()
    assert waiting(world.of(world.team)) == []


@pytest.mark.parametrize("who", ["district", "society"])
def test_a_veto_takes_the_pair_away_from_everybody_and_stays_with_its_writer(world, pair, who):
    service.veto(*pair, everybody(world)[who], "去年谈崩了")
    assert sees(world) == []
    assert [row.reason for row in db.session.scalars(queue.vetoed(everybody(world)[who]))] == ["去年谈崩了"]
    for name, actor in everybody(world).items():
        assert name == who or db.session.scalars(queue.vetoed(actor)).all() == []


def test_two_who_talk_already_wait_for_neither_but_their_broker_does_not_learn_of_it(world, pair):
    engagements.send_interest(*pair, world.of(world.enterprise), **QUESTIONS)
    assert sees(world) == ["district"]
    assert waiting(world.of(world.enterprise)) == []


def test_settled_pairs_are_listed_only_while_both_records_may_be_known(world, pair):
    society = world.of(world.society)
    decide(*pair, society, "refuse", reason="off_topic")
    service.veto(*pair, society)
    assert len(db.session.scalars(queue.decided(society)).all()) == 1
    need_service.act(pair[0], "withdraw", world.of(world.enterprise), reason="changed")
    assert db.session.scalars(queue.decided(society)).all() == []
    assert db.session.scalars(queue.vetoed(society)).all() == []
    assert db.session.get(MatchVeto, 1) is not None


def test_a_row_tells_only_what_its_viewer_may_read(world):
    need, capability = world.need(), world.capability()
    need.background, need.tiers = "", {"problem": "consent"}
    need.problem = "绝密配方甲的铸造企业靠人眼判读射线底片，漏判多、速度慢。"
    write_list(need, [capability])
    write_list(capability, [need])
    db.session.flush()
    district = queue.row_of(need, capability, world.of(world.district))
    society = queue.row_of(need, capability, world.of(world.society))
    assert "绝密配方甲" not in repr(society.why) and "绝密配方甲" not in queue.reason_for_both(district.match)
    assert "绝密配方甲" in repr(district.why)


def test_the_reason_to_start_from_is_quoted_from_both_records(world, pair):
    reason = queue.reason_for_both(queue.row_of(*pair, world.of(world.district)).match)
    quotes = [part.split("”")[0] for part in reason.split("“")[1:]]
    need_text = "\n".join([pair[0].title, pair[0].problem, pair[0].background, pair[0].target])
    assert len(quotes) == 2 and len(reason) <= service.LONGEST_NOTE
    assert quotes[0] in need_text + "\n".join(row.text() for row in pair[0].rows)


def test_an_owner_who_writes_a_note_stays_unnamed_to_the_other_side(world, pair):
    service.note(*pair, world.of(world.enterprise), "我们试过，请联系")
    service.note(*pair, world.of(world.district), "区里看过现场")
    match = queue.row_of(*pair, world.of(world.society)).match
    said = {
        name: [
            (note.who, note.is_own) for note in remarks_about([match], who)[match.need.id, match.capability.id].notes
        ]
        for name, who in {"society": world.of(world.society), "district": world.of(world.district)}.items()
    }
    assert said == {
        "society": [("需求方", False), (world.district.name, False)],
        "district": [(world.enterprise.name, False), ("本单位", True)],
    }


def test_thirty_rows_take_as_many_queries_as_one(world, count_queries):
    needs = [world.need(title=f"需求{number}") for number in range(30)]
    capability = world.capability()
    for need in needs[:1]:
        write_list(need, [capability])
    db.session.commit()
    district = world.of(world.district)

    def page():
        db.session.expire_all()
        entries = db.session.scalars(queue.waiting_entries(district).limit(30)).all()
        assert len(queue.rows_of(entries, district)) == len(entries)
        return len(entries)

    one = count_queries(page)
    for need in needs:
        write_list(need, [capability])
        service.note(need, capability, district, "看过")
    db.session.commit()
    assert page() == 30
    assert count_queries(page) == one
