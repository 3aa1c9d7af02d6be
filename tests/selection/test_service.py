"""Certificates: granted with a reason, one at a time, moved along the arrows, and felt by needs at once."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from kcz_match.accounts import service as accounts
from kcz_match.core import audit, notify
from kcz_match.core.db import db
from kcz_match.core.errors import Conflict, Forbidden, Invalid, NotFound
from kcz_match.core.policy import SYSTEM
from kcz_match.selection import queries, service
from kcz_match.selection.models import Certificate
from kcz_match.selection.states import CERTIFICATES, CertificateState


def held_by(unit) -> Certificate:
    return queries.certificates_of(unit.id)[0]


@pytest.mark.parametrize("state", CertificateState)
@pytest.mark.parametrize("verb", CERTIFICATES.arrows)
def test_a_verb_works_from_the_states_its_arrow_leaves_and_from_no_other(world, verb, state):
    certificate, step = held_by(world.park), CERTIFICATES.arrows[verb]
    db.session.execute(update(Certificate).where(Certificate.id == certificate.id).values(state=state))
    db.session.refresh(certificate)
    actor = SYSTEM if verb == "expire" else world.office_manager
    deeds, notices = len(audit.entries_of(certificate)), notify.unread_count(world.park.id)
    if state in step.sources:
        service.move_certificate(certificate, verb, actor, reason="纪要 2 号")
        assert certificate.state == step.target
        assert (len(audit.entries_of(certificate)), notify.unread_count(world.park.id)) == (deeds + 1, notices + 1)
    else:
        with pytest.raises(Conflict):
            service.move_certificate(certificate, verb, actor, reason="纪要 2 号")
        assert certificate.state == state
        assert (len(audit.entries_of(certificate)), notify.unread_count(world.park.id)) == (deeds, notices)


@pytest.mark.parametrize("verb", [verb for verb, step in CERTIFICATES.arrows.items() if step.needs_reason])
def test_a_decision_about_a_title_needs_a_reason(world, verb):
    certificate = held_by(world.park)
    if verb == "restore":
        service.move_certificate(certificate, "rectify", world.office_manager, reason="台账不全")
    before = certificate.state
    with pytest.raises(Invalid) as refusal:
        service.move_certificate(certificate, verb, world.office_manager, reason=" ")
    assert (list(refusal.value.errors), certificate.state) == (["reason"], before)


def test_a_granted_title_has_a_number_a_reason_and_a_notice_for_its_holder(world):
    made = service.grant_certificate(world.other_district, world.office_manager, reason=" 纪要 3 号 ")
    assert (made.title, made.state, made.reason, made.decided_by) == (
        "district",
        "certified",
        "纪要 3 号",
        world.office_manager.user_id,
    )
    assert made.number.endswith("-002")
    assert held_by(world.district).number != made.number
    assert notify.notices_of(world.other_district.id)[0].subject_key == made.key
    assert audit.entries_of(made)[-1].data == {"after": "certified", "reason": "纪要 3 号"}


def test_a_title_is_refused_without_a_reason_verification_a_fitting_kind_or_when_it_is_held(world):
    office, count = world.office_manager, len(queries.certificates())
    with pytest.raises(Invalid):
        service.grant_certificate(world.other_district, office, reason=" ")
    with pytest.raises(Conflict, match="只有区和园区"):
        service.grant_certificate(world.enterprise, office, reason="x")
    with pytest.raises(Conflict, match="已经持有"):
        service.grant_certificate(world.park, office, reason="x")
    accounts.move_organisation(world.other_district, "suspend", office, reason="查")
    with pytest.raises(Conflict, match="请先核验"):
        service.grant_certificate(world.other_district, office, reason="x")
    with pytest.raises(Forbidden):
        service.grant_certificate(world.park, world.of(world.park), reason="x")
    assert len(queries.certificates()) == count


def test_the_database_keeps_one_open_title_for_each_holder(world):
    db.session.add(Certificate(organisation_id=world.park.id, title="park", number="第二个", reason="x"))
    with pytest.raises(Exception, match="UNIQUE"):
        db.session.flush()


def test_a_revoked_holder_can_be_granted_the_title_again_under_a_new_number(world):
    first = held_by(world.park)
    service.move_certificate(first, "revoke", world.office_manager, reason="弄虚作假")
    second = service.grant_certificate(world.park, world.office_manager, reason="复评合格")
    db.session.commit()
    assert (first.state, second.state) == ("revoked", "certified")
    assert first.number != second.number
    assert queries.open_certificates([world.park.id, world.society.id]) == {world.park.id: second}


@pytest.mark.parametrize(
    ("verb", "reason"), [("rectify", "台账不全"), ("revoke", "弄虚作假"), ("withdraw", "不再参加")]
)
def test_a_lost_title_counts_at_once_for_the_holder_and_its_enterprises_and_for_nobody_else(world, verb, reason):
    assert [queries.is_certified(unit.id) for unit in (world.park, world.enterprise, world.district)] == [True] * 3
    service.move_certificate(held_by(world.park), verb, world.office_manager, reason=reason)
    assert [queries.is_certified(unit.id) for unit in (world.park, world.enterprise, world.district)] == [
        False,
        False,
        True,
    ]


def test_a_suspended_holder_is_not_certified_and_an_uncertified_unit_never_was(world):
    accounts.move_organisation(world.park, "suspend", world.office_manager, reason="查")
    assert not queries.is_certified(world.park.id)
    others = (world.other_district, world.society, world.office)
    assert [queries.is_certified(unit.id) for unit in others] == [False] * 3


def test_certificates_are_found_by_key_newest_first(world):
    assert queries.certificate_by_key(held_by(world.park).key) == held_by(world.park)
    assert [item.organisation for item in queries.certificates()] == [world.park, world.district]
    with pytest.raises(NotFound):
        queries.certificate_by_key("nothing")
