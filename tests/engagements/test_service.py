import datetime as dt

import pytest
from sqlalchemy import select

from kcz_match.catalogue import need_service
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Consent
from kcz_match.catalogue.visibility import readable_fields, tiers_open_to
from kcz_match.core import audit
from kcz_match.core.audit import AuditEntry
from kcz_match.core.calendar import local_day, workdays_between
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Conflict, Forbidden, Invalid, NotFound
from kcz_match.core.jobs import Job
from kcz_match.core.notify import notices_of
from kcz_match.engagements import queries, service
from kcz_match.engagements.states import InterestState

ANSWERS = {"cooperation": "先做样件测试。", "unclear": "有没有大吨位的验证？", "about_us": "压铸企业，三百人。"}


def ask(world, need=None, capability=None, by=None):
    need, capability = need or world.need(), capability or world.capability()
    interest = service.send_interest(need, capability, by or world.of(world.enterprise), **ANSWERS)
    db.session.commit()
    return interest


def phones(record, actor):
    fields = readable_fields(record, tiers_open_to(actor, record))
    return {field.name: value for field, value in fields if field.name.endswith("phone")}


def test_an_interest_gives_the_other_side_five_working_days_and_hides_both_contacts(world):
    interest = ask(world)
    assert (interest.state, interest.answerer_id) == (InterestState.SENT, world.society.id)
    assert workdays_between(local_day(utc_now()), interest.due_at.date()) == 5
    assert phones(interest.need, world.of(world.society)) == {}
    assert phones(interest.capability, world.of(world.enterprise)) == {}
    assert any("请回复" in notice.sentence for notice in notices_of(world.society.id))


def test_acceptance_reveals_both_contacts_to_both_sides_and_is_on_the_audit_chain(world):
    interest = ask(world)
    service.act(interest, "accept", world.of(world.society), remark="欢迎来谈。")
    assert interest.state == InterestState.ACCEPTED
    assert interest.need.state == "engaged"
    assert set(phones(interest.need, world.of(world.society))) == {"owner_phone", "technical_phone"}
    assert phones(interest.capability, world.of(world.enterprise)) == {"contact_phone": "13800000003"}
    assert phones(interest.need, world.of(world.other_society)) == {}
    reveals = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "consent.reveal")).all()
    assert [entry.data["to"] for entry in reveals] == [world.society.id, world.enterprise.id]
    assert audit.verify()[1] is None


def test_a_decline_needs_a_code_reveals_nothing_and_tells_the_asker_why(world):
    interest = ask(world)
    with pytest.raises(Invalid):
        service.act(interest, "decline", world.of(world.society))
    db.session.rollback()
    service.act(interest, "decline", world.of(world.society), reason="no_capacity", remark="下半年再谈。")
    assert (interest.state, interest.reason, interest.need.state) == (InterestState.DECLINED, "no_capacity", "matching")
    assert db.session.scalars(select(Consent)).all() == []
    assert any("时间或人手不足" in notice.sentence for notice in notices_of(world.enterprise.id))


def test_either_side_may_ask_and_a_third_party_may_not(world):
    need, capability = world.need(), world.capability()
    for outsider in (world.of(world.other_society), world.of(world.park)):
        with pytest.raises(Forbidden):
            service.send_interest(need, capability, outsider, **ANSWERS)
    interest = ask(world, need, capability, world.of(world.society))
    assert interest.answerer_id == world.enterprise.id


def test_a_pair_has_one_open_interest_at_a_time(world):
    first = ask(world)
    with pytest.raises(Conflict, match="进行中"):
        ask(world, first.need, first.capability)
    service.act(first, "withdraw", world.of(world.enterprise))
    db.session.commit()
    assert ask(world, first.need, first.capability).id != first.id


def test_only_the_asked_side_answers_and_only_the_asker_withdraws(world):
    interest = ask(world)
    with pytest.raises(Forbidden):
        service.act(interest, "accept", world.of(world.enterprise))
    with pytest.raises(Forbidden):
        service.act(interest, "withdraw", world.of(world.society))
    assert interest.state == InterestState.SENT


def test_silence_ends_an_interest_when_the_clock_runs_out_and_both_sides_hear_of_it(world):
    interest = ask(world)
    job = db.session.scalar(select(Job).where(Job.key == f"expire:interest:{interest.id}"))
    assert job.run_at == interest.due_at
    service.expire_interest(interest.id)
    assert interest.state == InterestState.SENT
    interest.due_at = utc_now() - dt.timedelta(minutes=1)
    service.expire_interest(interest.id)
    assert interest.state == InterestState.EXPIRED
    assert any("没有在期限内回复" in notice.sentence for notice in notices_of(world.enterprise.id))
    assert any("未回复数" in notice.sentence for notice in notices_of(world.society.id))


def test_empty_or_endless_answers_are_refused_by_name(world):
    need, capability = world.need(), world.capability()
    with pytest.raises(Invalid) as refused:
        service.send_interest(
            need, capability, world.of(world.enterprise), cooperation="", unclear="问" * 501, about_us="我们"
        )
    assert set(refused.value.errors) == {"cooperation", "unclear"}


def test_a_need_that_is_no_longer_open_takes_no_interest(world):
    interest = ask(world)
    service.act(interest, "accept", world.of(world.society))
    with pytest.raises(Conflict, match="不再接收"):
        ask(world, interest.need, world.capability())


def test_an_avoided_society_cannot_ask_and_is_not_told_why(world):
    need, capability = world.need(), world.capability()
    need.avoided = [world.society]
    db.session.commit()
    with pytest.raises(Conflict) as refused:
        ask(world, need, capability, world.of(world.society))
    assert refused.value.sentence == "这一对目前不能对接。"


def test_the_poster_of_a_need_stays_unnamed_until_it_accepts(world):
    interest = ask(world, by=world.of(world.society))
    assert interest.name_of(world.enterprise) == "黄埔区一家企业"
    assert interest.name_of(world.society) == "示例·铸造学会"
    service.act(interest, "accept", world.of(world.enterprise))
    assert interest.name_of(world.enterprise) == "示例·珠江压铸"


def test_closing_the_need_ends_the_questions_about_it_and_nothing_is_revealed(world):
    interest = ask(world, by=world.of(world.society))
    need_service.act(interest.need, "withdraw", world.of(world.enterprise), reason="no_budget")
    with pytest.raises(Conflict, match="不再公开"):
        service.act(interest, "accept", world.of(world.enterprise))
    db.session.rollback()
    need_service.act(interest.need, "withdraw", world.of(world.enterprise), reason="no_budget")
    service.lapse_interests("need", interest.need_id)
    assert interest.state == InterestState.LAPSED
    assert db.session.scalars(select(Consent)).all() == []
    assert any("失效" in notice.sentence for notice in notices_of(world.society.id))


def test_an_open_record_keeps_its_questions(world):
    interest = ask(world)
    service.lapse_interests("need", interest.need_id)
    service.lapse_interests("capability", interest.capability_id)
    assert interest.state == InterestState.SENT


def test_silence_is_counted_and_reaches_the_association_and_the_office(world):
    interest = ask(world)
    interest.due_at = utc_now() - dt.timedelta(minutes=1)
    service.expire_interest(interest.id)
    assert queries.unanswered_count(world.society.id) == (1, 1)
    for unit in (world.district, world.office):
        assert any("没有在五个工作日内回复" in notice.sentence for notice in notices_of(unit.id))


def test_the_other_side_can_still_read_the_need_after_the_contract(world):
    interest = ask(world)
    service.act(interest, "accept", world.of(world.society))
    need_service.act(interest.need, "contract", world.of(world.enterprise))
    db.session.commit()
    assert catalogue.need_by_key(interest.need.key, world.of(world.society)) is interest.need
    with pytest.raises(NotFound):
        catalogue.need_by_key(interest.need.key, world.of(world.other_society))
