"""The rules, action by action: exactly these roles may, and nobody else."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from kcz_match.accounts import queries
from kcz_match.catalogue.models import Capability, Need
from kcz_match.core import policy
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Forbidden
from kcz_match.core.policy import ANYONE, RULES, SYSTEM, Actor
from kcz_match.engagements.models import Interest
from kcz_match.selection.models import Certificate

OFFICE = {"office manager", "office officer"}
OFFICE_MANAGER = {"office manager"}
IS_SYSTEM = {"system"}
NEED_OWNER = {"enterprise manager", "enterprise officer"}
NEED_OWNER_ANY = NEED_OWNER | {"enterprise viewer", "unverified enterprise manager"}
ASSOCIATION = {"district manager", "district officer"}
ASSOCIATION_ANY = ASSOCIATION | {"district viewer"}
CAPABILITY_OWNER = {"team manager", "team officer"}
CAPABILITY_OWNER_ANY = CAPABILITY_OWNER | {"team viewer"}
APPROVER_ANY = {"society manager", "society officer"}
DEMAND = NEED_OWNER | ASSOCIATION | {"park manager", "other district manager"}
SUPPLY = CAPABILITY_OWNER | APPROVER_ANY | {"other society manager"}
VIEWERS = {"office viewer", "district viewer", "enterprise viewer", "team viewer"}
PARTIES = NEED_OWNER | CAPABILITY_OWNER

# A submitted need of the enterprise, a submitted capability of the team, an interest of the enterprise in it,
# the park's certificate, the enterprise itself, and the account and the session of the enterprise's manager.
EXPECTED: dict[str, set[str]] = {
    "organisation.register": OFFICE,
    "organisation.verify": OFFICE,
    "organisation.suspend": OFFICE_MANAGER,
    "organisation.restore": OFFICE_MANAGER,
    "organisation.close": OFFICE_MANAGER,
    "organisation.edit": OFFICE | {"enterprise manager", "unverified enterprise manager"},
    "organisation.invite": OFFICE | {"enterprise manager", "unverified enterprise manager"},
    "membership.change": OFFICE_MANAGER | {"enterprise manager", "unverified enterprise manager"},
    "session.end": OFFICE_MANAGER | {"enterprise manager", "unverified enterprise manager"},
    "user.edit": {"enterprise manager", "unverified enterprise manager"},
    "user.reset_password": OFFICE_MANAGER,
    "user.disable": OFFICE_MANAGER,
    "user.enable": OFFICE_MANAGER,
    "admin.read": OFFICE,
    "job.retry": OFFICE_MANAGER,
    "certificate.grant": OFFICE,
    "certificate.rectify": OFFICE,
    "certificate.restore": OFFICE,
    "certificate.revoke": OFFICE,
    "certificate.withdraw": OFFICE,
    "certificate.expire": IS_SYSTEM,
    "need.write": DEMAND,
    "need.import": DEMAND,
    "need.read": NEED_OWNER_ANY | ASSOCIATION_ANY | OFFICE,
    "need.read_own": NEED_OWNER_ANY | ASSOCIATION_ANY | OFFICE,
    "need.edit": NEED_OWNER,
    "need.submit": NEED_OWNER,
    "need.take_back": NEED_OWNER,
    "need.approve": ASSOCIATION,
    "need.return": ASSOCIATION,
    "need.decline": ASSOCIATION,
    "need.publish": OFFICE,
    "need.send_back": OFFICE,
    "need.reject": OFFICE,
    "need.start_matching": IS_SYSTEM,
    "need.start_diagnosis": IS_SYSTEM,
    "need.revise": NEED_OWNER,
    "need.engage": IS_SYSTEM,
    "need.contract": NEED_OWNER,
    "need.solve": NEED_OWNER,
    "need.reopen": NEED_OWNER,
    "need.renew": NEED_OWNER,
    "need.expire": IS_SYSTEM,
    "need.merge": OFFICE,
    "need.withdraw": NEED_OWNER,
    "need.hold": OFFICE,
    "need.resume": OFFICE,
    "need.remark": NEED_OWNER | ASSOCIATION | OFFICE,
    "need.share": OFFICE,
    "capability.write": SUPPLY,
    "capability.read": CAPABILITY_OWNER_ANY | APPROVER_ANY | OFFICE,
    "capability.read_own": CAPABILITY_OWNER_ANY | APPROVER_ANY | OFFICE,
    "capability.edit": CAPABILITY_OWNER,
    "capability.submit": CAPABILITY_OWNER,
    "capability.approve": {"society manager"},
    "capability.return": {"society manager"},
    "capability.confirm": CAPABILITY_OWNER,
    "capability.mark_stale": IS_SYSTEM,
    "capability.revise": CAPABILITY_OWNER,
    "capability.withdraw": CAPABILITY_OWNER,
    "capability.unlist": OFFICE,
    "capability.relist": OFFICE,
    "match.queue": DEMAND | SUPPLY | OFFICE,
    "match.read": NEED_OWNER_ANY | ASSOCIATION_ANY | OFFICE,
    "match.decide": NEED_OWNER | ASSOCIATION | OFFICE,
    "match.pin": NEED_OWNER | ASSOCIATION | OFFICE,
    "match.veto": NEED_OWNER | ASSOCIATION,
    "match.note": NEED_OWNER | ASSOCIATION | OFFICE,
    "need.split": NEED_OWNER | ASSOCIATION | OFFICE,
    "search.save": DEMAND | SUPPLY | VIEWERS | OFFICE,
    "search.change": NEED_OWNER,
    "interest.send": DEMAND | SUPPLY,
    "interest.read": PARTIES | OFFICE | {"enterprise viewer", "unverified enterprise manager", "team viewer"},
    "interest.accept": CAPABILITY_OWNER,
    "interest.decline": CAPABILITY_OWNER,
    "interest.withdraw": NEED_OWNER,
    "interest.expire": IS_SYSTEM,
    "interest.lapse": IS_SYSTEM,
    "inbox.clear": NEED_OWNER | {"unverified enterprise manager"},
}


@pytest.fixture
def roles(world) -> dict[str, Actor]:
    """Every kind of person: managers as they stand in the database, the others with another role of the same unit."""
    managers = {
        "office": world.office_manager,
        "district": world.of(world.district),
        "park": world.of(world.park),
        "enterprise": world.of(world.enterprise),
        "society": world.of(world.society),
        "team": world.of(world.team),
        "other district": world.of(world.other_district),
        "other society": world.of(world.other_society),
    }
    found = {"visitor": ANYONE, "system": SYSTEM} | {f"{unit} manager": who for unit, who in managers.items()}
    for unit, role in (
        ("office", "officer"),
        ("office", "viewer"),
        ("district", "officer"),
        ("district", "viewer"),
        ("enterprise", "officer"),
        ("enterprise", "viewer"),
        ("society", "officer"),
        ("team", "officer"),
        ("team", "viewer"),
    ):
        found[f"{unit} {role}"] = replace(managers[unit], role=role, user_id=1000 + len(found))
    found["unverified enterprise manager"] = replace(managers["enterprise"], is_verified=False)
    return found


@pytest.fixture
def records(world) -> dict[str, object]:
    """One record of each kind that rules are asked about, none of them listed."""
    enterprise = world.of(world.enterprise)
    user = queries.user_by_email(f"officer{world.enterprise.id}@example.org")
    need = Need(
        organisation_id=world.enterprise.id,
        district_code="440112",
        state="submitted",
        submitted_by=enterprise.user_id,
        submitted_at=utc_now(),
        organisation=world.enterprise,
    )
    return {
        "organisation": world.enterprise,
        "membership": world.enterprise,
        "inbox": world.enterprise,
        "user": user,
        "session": SimpleNamespace(user_id=user.id),
        "certificate": Certificate(organisation_id=world.park.id),
        "need": need,
        "capability": Capability(
            organisation_id=world.team.id, approver_id=world.society.id, state="submitted", organisation=world.team
        ),
        "match": need,
        "search": SimpleNamespace(organisation_id=world.enterprise.id),
        "interest": Interest(asker_id=world.enterprise.id, answerer_id=world.team.id),
    }


def test_every_rule_has_its_expected_roles_here_and_nothing_more():
    assert sorted(EXPECTED) == sorted(RULES)


def test_exactly_the_expected_roles_may_do_each_action(app, roles, records):
    with db.session.no_autoflush:
        found = {
            action: {
                name for name, who in roles.items() if policy.can(who, action, records.get(action.partition(".")[0]))
            }
            for action in RULES
        }
    wrong = [
        f"{action}: may but should not {sorted(found[action] - EXPECTED[action])}, "
        f"should but may not {sorted(EXPECTED[action] - found[action])}"
        for action in RULES
        if found[action] != EXPECTED[action]
    ]
    assert wrong == []


def test_a_member_of_another_unit_may_do_nothing_to_a_record_that_is_not_listed(app, roles, records):
    strangers = ("other society manager", "other district manager", "park manager", "visitor")
    open_to_all_of_a_kind = {
        "need.write",
        "need.import",
        "capability.write",
        "interest.send",
        "search.save",
        "match.queue",
    }
    with db.session.no_autoflush:
        may = {
            (name, action)
            for name in strangers
            for action in RULES
            if action not in open_to_all_of_a_kind
            and policy.can(roles[name], action, records.get(action.partition(".")[0]))
        }
    assert may == set()


def test_nobody_reviews_in_the_first_place_what_they_submitted_themselves_for_another_unit(roles, records):
    reviewer = roles["district manager"]
    records["need"].submitted_by = reviewer.user_id
    assert not policy.can(reviewer, "need.approve", records["need"])
    records["need"].organisation_id = reviewer.organisation_id
    assert policy.can(reviewer, "need.approve", records["need"])


def test_the_society_that_approves_a_capability_brokers_it_and_other_societies_do_not(roles, records):
    capability = records["capability"]
    with db.session.no_autoflush:
        may = {name for name, who in roles.items() if policy.can(who, "match.pin", capability)}
    assert may == CAPABILITY_OWNER | APPROVER_ANY | OFFICE


def test_an_officer_of_the_office_cannot_invite_into_the_office(world, roles):
    assert not policy.can(roles["office officer"], "organisation.invite", world.office)
    assert policy.can(roles["office manager"], "organisation.invite", world.office)
    assert policy.can(roles["office officer"], "organisation.invite", world.park)


def test_an_action_that_is_not_in_the_table_is_a_mistake_in_the_program():
    with pytest.raises(KeyError):
        policy.can(SYSTEM, "need.fly")
    with pytest.raises(KeyError):
        policy.require(SYSTEM, "need.fly")


def test_a_refusal_names_who_may():
    with pytest.raises(Forbidden, match="办公室的经办人或管理员") as refusal:
        policy.require(ANYONE, "admin.read")
    assert refusal.value.status == 403


def test_every_rule_says_in_words_whom_it_lets_through():
    assert [rule.__name__ for rules in RULES.values() for rule in rules if not (rule.__doc__ or "").strip()] == []
