import datetime as dt
from dataclasses import replace

import pytest
from sqlalchemy import select

from kcz_match.accounts import service as accounts_service
from kcz_match.catalogue import need_service, queries
from kcz_match.catalogue.models import Need, NeedRemark
from kcz_match.catalogue.states import NeedState
from kcz_match.core import audit, policy
from kcz_match.core.db import db
from kcz_match.core.errors import Conflict, Forbidden, Invalid, Stale
from kcz_match.core.jobs import Job
from kcz_match.core.lifecycle import moves_open_to
from kcz_match.core.notify import notices_of
from kcz_match.selection import service as selection
from kcz_match.selection.queries import certificates_of
from tests import factories


def sentences(unit):
    return [notice.sentence for notice in notices_of(unit.id)]


def test_a_complete_need_goes_from_draft_to_matching_and_everybody_concerned_is_told(world):
    need = world.need()
    assert (need.state, need.code, need.clarity) == (NeedState.MATCHING, need.code, "clear")
    assert need.code.startswith("GZ-HP-") and need.code.endswith("-N0001")
    actions = [entry.action for entry in audit.entries_of(need)]
    assert actions == ["need.draft", "need.submit", "need.approve", "need.publish", "need.start_matching"]
    assert any("请审核" in sentence for sentence in sentences(world.district))
    assert any("请办公室审核" in sentence for sentence in sentences(world.office))
    assert any("已发布" in sentence for sentence in sentences(world.enterprise))
    assert audit.verify()[1] is None


def test_an_incomplete_need_is_refused_with_a_sentence_per_field_and_stays_a_draft(world):
    need = world.draft(problem="", modes=[], keywords="")
    with pytest.raises(Invalid) as refused:
        need_service.act(need, "submit", world.of(world.enterprise))
    assert set(refused.value.errors) == {"problem", "modes", "keywords"}
    assert (need.state, need.code) == (NeedState.DRAFT, None)


@pytest.mark.parametrize(("changes", "rows"), [({"owner_name": ""}, factories.INDICATORS), ({}, ())])
def test_a_need_without_an_owner_or_without_an_indicator_is_published_only_for_diagnosis(world, changes, rows):
    need = world.need("diagnosing", rows=rows, **changes)
    assert need.state == NeedState.DIAGNOSING


def test_only_a_certified_organisation_can_have_a_need_published(world):
    owner = world.of(world.other_district)
    need = world.need("district_approved", by=owner)
    with pytest.raises(Conflict, match="没有有效认定"):
        need_service.act(need, "publish", world.office_manager)
    assert need.state == NeedState.DISTRICT_APPROVED


def test_revoking_the_title_hides_the_needs_of_its_enterprises_at_once(world):
    need = world.need()
    assert need in db.session.scalars(queries.open_needs()).all()
    certificate = certificates_of(world.park.id)[0]
    selection.move_certificate(certificate, "revoke", world.office_manager, reason="示例：弄虚作假")
    assert db.session.scalars(queries.open_needs()).all() == []
    assert need.is_listed is False
    assert need.state == NeedState.MATCHING


def test_a_returned_need_tells_why_in_the_shared_thread_and_can_be_submitted_again(world):
    need = world.need("submitted")
    need_service.act(need, "return", world.of(world.district), reason="no_indicator", remark="请写漏检率。")
    assert need.state == NeedState.RETURNED
    assert [remark.sentence for remark in db.session.scalars(select(NeedRemark))] == ["没有可检验的指标：请写漏检率。"]
    assert any("没有可检验的指标" in sentence for sentence in sentences(world.enterprise))
    need_service.act(need, "submit", world.of(world.enterprise))
    assert need.state == NeedState.SUBMITTED


def test_a_return_needs_a_reason_from_the_list(world):
    need = world.need("submitted")
    for reason in ("", "因为"):
        with pytest.raises(Invalid):
            need_service.act(need, "return", world.of(world.district), reason=reason)
    assert need.state == NeedState.SUBMITTED


def test_a_neighbouring_district_cannot_review(world):
    need = world.need("submitted")
    with pytest.raises(Forbidden):
        need_service.act(need, "approve", world.of(world.other_district))
    assert need.state == NeedState.SUBMITTED


def test_the_second_of_two_people_deciding_at_once_is_told_to_reload(world):
    need = world.need("submitted")
    need_service.act(need, "approve", world.of(world.district))
    with pytest.raises(Conflict, match="刷新"):
        need_service.act(need, "return", world.of(world.district), reason="no_owner")
    assert need.state == NeedState.DISTRICT_APPROVED


def test_saving_over_somebody_elses_save_is_refused_and_their_text_stays(world):
    need = world.draft()
    opened_on = need.version
    need_service.save_need(need, world.of(world.enterprise), {"title": "先保存的"}, version=opened_on)
    db.session.commit()
    with pytest.raises(Stale):
        need_service.save_need(need, world.of(world.enterprise), {"title": "后保存的"}, version=opened_on)
    assert need.title == "先保存的"


def test_a_need_under_review_cannot_be_edited(world):
    need = world.need("submitted")
    with pytest.raises(Conflict, match="不能直接修改"):
        need_service.save_need(need, world.of(world.enterprise), {"title": "改一下"})
    assert need.title == factories.NEED["title"]


def test_a_need_expires_when_its_validity_has_passed_and_can_be_renewed(world):
    need = world.need()
    job = db.session.scalar(select(Job).where(Job.key == f"expire:need:{need.id}"))
    assert job.run_at.date() == need.valid_until
    need.valid_until = dt.date(2026, 1, 1)
    need_service.expire_need(need.id)
    assert need.state == NeedState.EXPIRED
    need_service.act(need, "renew", world.of(world.enterprise))
    assert need.state == NeedState.MATCHING
    assert need.valid_until > dt.date(2026, 1, 1)


def test_a_job_that_comes_too_early_leaves_itself_for_later(world):
    need = world.need()
    need_service.expire_need(need.id)
    assert need.state == NeedState.MATCHING
    assert len(db.session.scalars(select(Job).where(Job.key == f"expire:need:{need.id}")).all()) == 1


def test_only_a_draft_that_was_never_submitted_can_be_deleted(world):
    kept, gone = world.need("submitted"), world.draft()
    need_service.delete_draft(gone, world.of(world.enterprise))
    with pytest.raises(Conflict):
        need_service.delete_draft(kept, world.of(world.enterprise))
    assert db.session.scalars(select(Need)).all() == [kept]


def test_near_twins_become_one_shared_need_and_keep_their_own_indicators(world):
    one, other = world.need(), world.need(by=world.of(world.district), rows=factories.INDICATORS[:1])
    shared = need_service.share_needs([one, other], "压铸件在线检测", world.office_manager)
    assert {need.id for need in shared.needs} == {one.id, other.id}
    assert (len(one.indicators), len(other.indicators)) == (2, 1)
    assert any("共性需求" in sentence for sentence in sentences(world.district))


def test_a_merged_need_points_to_the_one_that_goes_on(world):
    one, other = world.need(), world.need()
    need_service.merge_needs(one, other, world.office_manager, reason="同一件事")
    assert (one.state, one.merged_into_id) == (NeedState.MERGED, other.id)
    with pytest.raises(Conflict):
        need_service.merge_needs(other, one, world.office_manager, reason="反过来")


def test_the_buttons_are_the_arrows_that_this_person_may_take(world):
    need = world.need("submitted")
    verbs = {
        name: [move.verb for move in moves_open_to(actor, need)]
        for name, actor in {
            "owner": world.of(world.enterprise),
            "district": world.of(world.district),
            "neighbour": world.of(world.other_district),
            "office": world.office_manager,
        }.items()
    }
    assert verbs == {
        "owner": ["take_back", "withdraw"],
        "district": ["approve", "return", "decline"],
        "neighbour": [],
        "office": [],
    }


def test_a_call_to_societies_is_kept_in_the_thread_and_reaches_them(world):
    need = world.need("diagnosing", rows=())
    need_service.call_societies(need, [world.society], world.of(world.enterprise))
    assert any("请贵单位看一看" in sentence for sentence in sentences(world.society))
    assert sentences(world.other_society) == []
    assert "示例·铸造学会" in need.remarks[-1].sentence


def test_codes_count_up_within_a_district_and_year_and_are_never_used_twice(world):
    codes = [world.need("submitted").code for _ in range(3)]
    assert [code[-5:] for code in codes] == ["N0001", "N0002", "N0003"]
    assert world.need("submitted", by=world.of(world.other_district)).code.startswith("GZ-BY-")


def test_a_park_that_is_suspended_certifies_nobody(world):
    need = world.need()
    accounts_service.move_organisation(world.park, "suspend", world.office_manager, reason="示例")
    assert db.session.scalars(queries.open_needs()).all() == []
    assert need.is_listed is False


def test_the_association_does_not_read_what_was_never_submitted(world):
    need = world.draft()
    reviewer = world.of(world.district)
    assert not policy.can(reviewer, "need.read", need)
    assert need not in db.session.scalars(queries.needs_visible_to(reviewer)).all()
    need_service.act(need, "submit", world.of(world.enterprise))
    assert policy.can(reviewer, "need.read", need)


def test_one_person_in_two_offices_does_not_review_twice(world):
    need = world.need("submitted")
    reviewer = world.of(world.district)
    need_service.act(need, "approve", reviewer)
    both = replace(world.office_manager, user_id=reviewer.user_id)
    with pytest.raises(Forbidden):
        need_service.act(need, "publish", both)
    need_service.act(need, "publish", world.office_manager)
    assert need.state == NeedState.MATCHING


def test_a_validity_of_decades_is_refused_at_submission(world):
    need = world.draft(valid_until=dt.date(9999, 12, 31))
    with pytest.raises(Invalid) as refused:
        need_service.act(need, "submit", world.of(world.enterprise))
    assert set(refused.value.errors) == {"valid_until"}


def test_an_owners_remark_reaches_whoever_has_the_need_under_review(world):
    need = world.need("submitted")
    need_service.add_remark(need, world.of(world.enterprise), "现状已补上")
    assert any("现状已补上" in sentence for sentence in sentences(world.district))
    assert not any("现状已补上" in sentence for sentence in sentences(world.office))
