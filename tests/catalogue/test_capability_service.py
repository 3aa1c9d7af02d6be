import datetime as dt

import pytest

from kcz_match.catalogue import capability_service, queries
from kcz_match.catalogue.states import CapabilityState
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Forbidden, Invalid
from kcz_match.core.notify import notices_of


def listed():
    return db.session.scalars(queries.listed_capabilities()).all()


def test_a_society_publishes_its_own_capability_after_its_managers_approval(world):
    capability = world.capability()
    assert (capability.state, capability.approver_id) == (CapabilityState.PUBLISHED, world.society.id)
    assert listed() == [capability]


def test_a_teams_item_is_approved_by_its_lead_society_and_by_nobody_else(world):
    team = world.of(world.team)
    capability = world.capability("submitted", by=team)
    assert capability.approver_id == world.society.id
    for actor in (team, world.of(world.other_society), world.office_manager):
        with pytest.raises(Forbidden):
            capability_service.act(capability, "approve", actor)
    assert capability.state == CapabilityState.SUBMITTED
    capability_service.act(capability, "approve", world.of(world.society))
    assert capability.state == CapabilityState.PUBLISHED


def test_an_officer_of_the_society_cannot_approve(world):
    officer = world.join(world.society, "second@example.org", "officer")
    capability = world.capability("submitted")
    with pytest.raises(Forbidden):
        capability_service.act(capability, "approve", officer)
    assert capability.state == CapabilityState.SUBMITTED


def test_the_office_can_unlist_and_relist(world):
    capability = world.capability()
    capability_service.act(capability, "unlist", world.office_manager, reason="示例：有投诉待查")
    assert listed() == []
    capability_service.act(capability, "relist", world.office_manager, reason="示例：查无此事")
    assert listed() == [capability]


def test_an_incomplete_capability_names_every_missing_field(world):
    capability = world.capability("draft", method="", contact_phone="")
    with pytest.raises(Invalid) as refused:
        capability_service.act(capability, "submit", world.of(world.society))
    assert set(refused.value.errors) == {"method", "contact_phone"}


def test_half_a_year_without_confirmation_makes_it_stale_and_one_tap_makes_it_fresh(world):
    capability = world.capability()
    capability_service.mark_stale(capability.id)
    assert capability.state == CapabilityState.PUBLISHED
    capability.confirmed_at = utc_now() - dt.timedelta(days=200)
    capability_service.mark_stale(capability.id)
    assert capability.state == CapabilityState.STALE
    assert listed() == [capability]
    assert any("半年没有确认" in notice.sentence for notice in notices_of(world.society.id))
    capability_service.act(capability, "confirm", world.of(world.society))
    assert capability.state == CapabilityState.PUBLISHED
    assert utc_now() - capability.confirmed_at < dt.timedelta(minutes=1)


def test_type_specific_fields_are_kept_and_read_back(world):
    capability = world.capability("draft", type="testing", equipment="微焦点射线机", open_hours="工作日")
    assert capability.details == {"equipment": "微焦点射线机", "open_hours": "工作日"}
