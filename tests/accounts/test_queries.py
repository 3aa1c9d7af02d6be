"""Questions about organisations and people."""

from __future__ import annotations

import pytest

from kcz_match.accounts import queries, service
from kcz_match.accounts.credit_code import check_digit
from kcz_match.accounts.states import OrganisationKind
from kcz_match.core.db import db
from kcz_match.core.errors import NotFound
from kcz_match.core.policy import Actor
from tests.factories import PASSWORD

LAST = check_digit("91440101MA5D1B2C3")


def names(**choice) -> list[str]:
    return [unit.full_name for unit in queries.organisations(**choice)]


def test_organisations_are_found_by_any_name_by_code_by_kind_and_by_state(world):
    service.edit_organisation(world.park, world.office_manager, intro="", aliases=["东区百分百 100% 园"])
    world.unit("review_body", "示例·评审中心", credit_code=f"91440101-MA5D 1B2C-3{LAST}")
    assert names(text="百分百") == names(text="100%") == ["示例·黄埔园区"]
    assert names(text=f"91440101ma5d1b2c3{LAST}") == ["示例·评审中心"]
    assert names(text="_") == names(text="%%") == names(text="没有") == []
    assert names(kind="society") == ["示例·铸造学会", "示例·材料学会"]
    assert names(kind="society", text="材料") == ["示例·材料学会"]
    assert names(state="closed") == []


def test_the_office_and_the_association_of_a_district_are_found(world):
    assert queries.office() == world.office
    assert queries.association_of("440112") == world.district
    assert queries.association_of("440103") is None


@pytest.mark.parametrize(
    "find",
    [
        lambda: queries.organisation_by_key("nothing"),
        lambda: queries.organisation(99999),
        lambda: queries.user_by_key("nothing"),
        lambda: queries.session_by_key("nothing"),
    ],
    ids=["organisation by key", "organisation", "user", "session"],
)
def test_what_does_not_exist_is_not_found(app, find):
    with pytest.raises(NotFound):
        find()


def test_a_member_is_found_only_in_their_own_unit_and_only_while_they_belong(world):
    membership = queries.members_of(world.park)[0]
    assert queries.member_by_key(world.park, membership.key) == membership
    with pytest.raises(NotFound):
        queries.member_by_key(world.society, membership.key)


def test_letter_case_of_an_address_does_not_matter(world):
    assert queries.user_by_email(" OFFICE@Example.ORG ").email == "office@example.org"
    assert queries.user_by_email("nobody@example.org") is None


def test_somebody_acts_as_nobodys_member_where_they_do_not_belong(world):
    user = queries.user_by_email("office@example.org")
    assert queries.actor_for(user, world.park.id) == Actor(user_id=user.id, name=user.name)
    assert queries.actor_for(user, None) == Actor(user_id=user.id, name=user.name)
    assert queries.actor_for(user, world.office.id) == Actor(
        user_id=user.id,
        name=user.name,
        organisation_id=world.office.id,
        organisation_kind="office",
        organisation_name=world.office.full_name,
        role="manager",
        is_verified=True,
        district_code="",
    )


def test_units_to_choose_from_are_the_running_ones_verified_first(world):
    user = queries.user_by_email("office@example.org")
    fresh = service.register_organisation(world.office_manager, kind="society", full_name="示例·新学会", level="city")
    for unit in (fresh, world.park, world.society):
        secret = service.invite(unit, world.office_manager, email=user.email, name="甲", role="viewer")
        db.session.commit()
        service.accept_invitation(secret, password=PASSWORD)
    service.move_organisation(world.society, "suspend", world.office_manager, reason="查")
    db.session.commit()
    assert queries.organisations_of(user) == [world.office, world.park, fresh]


def test_people_and_organisations_are_counted_by_kind_and_unit(world):
    world.join(world.park, "zweite@example.org", "viewer")
    assert queries.member_counts([world.park.id, world.society.id, 99999]) == {world.park.id: 2, world.society.id: 1}
    service.move_organisation(world.team, "close", world.office_manager, reason="并入")
    assert queries.counts_by_kind() == dict.fromkeys(OrganisationKind, 1) | {
        OrganisationKind.DISTRICT: 2,
        OrganisationKind.SOCIETY: 2,
        OrganisationKind.SERVICE_TEAM: 0,
        OrganisationKind.REVIEW_BODY: 0,
    }
