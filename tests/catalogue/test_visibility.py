from dataclasses import replace

import pytest
from sqlalchemy import select

from kcz_match.accounts.models import Membership
from kcz_match.accounts.queries import actor_for
from kcz_match.catalogue import queries
from kcz_match.catalogue.fields import Tier
from kcz_match.catalogue.models import Capability, Consent, Need
from kcz_match.catalogue.visibility import hidden_labels, readable_fields, readable_rows, tiers_open_to
from kcz_match.core import policy
from kcz_match.core.db import db, utc_now
from kcz_match.core.policy import ANYONE
from kcz_match.engagements import queries as engagements
from kcz_match.engagements import service
from kcz_match.engagements.models import Interest
from kcz_match.selection import service as selection
from kcz_match.selection.queries import certificates_of


def names(record, actor):
    return {field.name for field, _ in readable_fields(record, tiers_open_to(actor, record))}


def test_each_viewer_reads_the_fields_of_their_tier_and_no_others(world):
    need = world.need()
    stranger, member = names(need, ANYONE), names(need, world.of(world.society))
    owner = names(need, world.of(world.enterprise))
    assert {"title", "problem", "target"} <= stranger
    assert stranger & {"tried", "owner_phone", "technical_phone"} == set()
    assert "tried" in member and member & {"owner_phone", "technical_phone"} == set()
    assert {"tried", "owner_phone", "technical_phone"} <= owner


def test_a_poster_can_move_a_field_to_another_tier(world):
    need = world.need()
    need.tiers = {"background": "consent", "indicators": "members"}
    assert "background" not in names(need, world.of(world.society))
    assert readable_rows(need, tiers_open_to(ANYONE, need)) == []
    assert len(readable_rows(need, tiers_open_to(world.of(world.society), need))) == 2
    assert ("需求背景", Tier.CONSENT) in hidden_labels(need, tiers_open_to(ANYONE, need))


def test_consent_opens_everything_to_that_organisation_alone(world):
    need = world.need()
    db.session.add(
        Consent(subject_kind="need", subject_id=need.id, organisation_id=world.society.id, granted_at=utc_now())
    )
    db.session.flush()
    assert "owner_phone" in names(need, world.of(world.society))
    assert "owner_phone" not in names(need, world.of(world.other_society))


@pytest.fixture
def many_records(world):
    """Records of every reachable state, of certified and uncertified owners, with interests."""
    for state in ("draft", "submitted", "district_approved", "matching"):
        world.need(state)
    world.need("diagnosing", rows=())
    world.need("submitted", by=world.of(world.other_district))
    hidden = world.need(by=world.of(world.district))
    selection.move_certificate(certificates_of(world.district.id)[0], "revoke", world.office_manager, reason="示例")
    for state in ("draft", "submitted", "published"):
        world.capability(state)
    world.capability(by=world.of(world.team))
    need = db.session.scalar(select(Need).where(Need.state == "matching", Need.id != hidden.id))
    capability = db.session.scalar(select(Capability).where(Capability.state == "published"))
    service.send_interest(need, capability, world.of(world.enterprise), cooperation="样件", unclear="", about_us="我们")
    db.session.commit()
    return world


LISTS = {
    "need.read": (Need, queries.needs_visible_to),
    "need.read_own": (Need, queries.needs_on_own_side),
    "capability.read": (Capability, queries.capabilities_visible_to),
    "capability.read_own": (Capability, queries.capabilities_on_own_side),
    "interest.read": (Interest, engagements.interests_visible_to),
}


@pytest.mark.parametrize("action", LISTS)
def test_every_list_agrees_with_its_rule_for_everybody(many_records, action):
    model, listed_for = LISTS[action]
    managers = [actor_for(row.user, row.organisation_id) for row in db.session.scalars(select(Membership))]
    assert len(managers) == 8
    viewers = [replace(person, role="viewer") for person in managers]
    unverified = [replace(person, is_verified=False) for person in managers]
    people = [ANYONE, *managers, *viewers, *unverified]
    for person in people:
        listed = set(db.session.scalars(listed_for(person)).all())
        allowed = {record for record in db.session.scalars(select(model)) if policy.can(person, action, record)}
        assert listed == allowed, (person.organisation_name, action)
