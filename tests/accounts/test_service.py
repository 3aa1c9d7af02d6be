"""Organisations and their people: who may do what in which state, and what every deed leaves behind."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from sqlalchemy import select, update

from kcz_match.accounts import queries, service, sessions
from kcz_match.accounts.credit_code import check_digit
from kcz_match.accounts.models import Invitation, Membership, Organisation, TeamMember, User, UserSession
from kcz_match.accounts.passwords import is_right
from kcz_match.accounts.states import ORGANISATIONS, OrganisationState
from kcz_match.core import audit
from kcz_match.core.db import db
from kcz_match.core.errors import Conflict, Forbidden, Invalid, NotFound
from tests.factories import PASSWORD

NEW_PASSWORD = "珠江夜游 船票两张 9"
CODE = "91440101MA5D1B2C3" + check_digit("91440101MA5D1B2C3")
SOCIETY = {"kind": "society", "full_name": "示例·新学会", "level": "city"}


def in_state(record, state) -> None:
    db.session.execute(update(type(record)).where(type(record).id == record.id).values(state=state))
    db.session.refresh(record)


@pytest.mark.parametrize("state", OrganisationState)
@pytest.mark.parametrize("verb", ORGANISATIONS.arrows)
def test_a_verb_works_from_the_states_its_arrow_leaves_and_from_no_other(world, verb, state):
    park, step = world.park, ORGANISATIONS.arrows[verb]
    in_state(park, state)
    count = len(audit.entries_of(park))
    if state in step.sources:
        service.move_organisation(park, verb, world.office_manager, reason="理由")
        assert (park.state, len(audit.entries_of(park))) == (step.target, count + 1)
    else:
        with pytest.raises(Conflict):
            service.move_organisation(park, verb, world.office_manager, reason="理由")
        assert (park.state, len(audit.entries_of(park))) == (state, count)


@pytest.mark.parametrize("verb", ORGANISATIONS.arrows)
def test_nobody_verifies_suspends_or_closes_their_own_unit(world, verb):
    in_state(world.park, next(iter(ORGANISATIONS.arrows[verb].sources)))
    before = world.park.state
    with pytest.raises(Forbidden):
        service.move_organisation(world.park, verb, world.of(world.park), reason="理由")
    assert world.park.state == before


def test_a_registered_organisation_waits_for_verification_and_is_kept_tidy(world):
    unit = service.register_organisation(
        world.office_manager,
        full_name=" 示例·新园区 ",
        kind="park",
        credit_code=f"{CODE[:8]} {CODE[8:].lower()}",
        district_code="440111",
        level="national",
        parent_id=world.society.id,
        aliases=["旧名", " 旧名 ", ""],
        member_ids=[world.society.id],
    )
    assert (unit.full_name, unit.credit_code, unit.state) == ("示例·新园区", CODE, "unverified")
    assert (unit.level, unit.parent_id, [item.name for item in unit.aliases]) == ("", None, ["旧名"])
    assert db.session.scalars(select(TeamMember).where(TeamMember.team_id == unit.id)).all() == []
    assert audit.entries_of(unit)[-1].action == "organisation.register"


def test_a_service_team_keeps_its_lead_and_each_member_once(world):
    team = service.register_organisation(
        world.office_manager,
        kind="service_team",
        full_name="示例·新团",
        level="regional",
        parent_id=world.society.id,
        member_ids=[world.society.id, world.other_society.id, world.society.id],
    )
    assert (team.parent, team.members) == (world.society, [world.society, world.other_society])


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"kind": ""}, "kind"),
        ({"kind": "king"}, "kind"),
        ({"kind": "office"}, "kind"),
        ({"full_name": " "}, "full_name"),
        ({"full_name": "示例·铸造学会"}, "full_name"),
        ({"full_name": "长" * 121}, "full_name"),
        ({"short_name": "长" * 41}, "short_name"),
        ({"intro": "长" * 2001}, "intro"),
        ({"credit_code": "91440101"}, "credit_code"),
        ({"credit_code": CODE[:-1] + ("0" if CODE[-1] != "0" else "1")}, "credit_code"),
        ({"level": ""}, "level"),
        ({"level": "industry"}, "level"),
        ({"district_code": "110000"}, "district_code"),
        ({"kind": "district", "district_code": "440112"}, "district_code"),
        ({"kind": "park"}, "district_code"),
        ({"kind": "enterprise", "district_code": "440112"}, "parent_id"),
        ({"aliases": [str(n) for n in range(21)]}, "aliases"),
        ({"kind": "service_team", "level": "industry"}, "parent_id"),
        ({"aliases": ["长" * 121]}, "aliases"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_registration_is_refused_at_its_field_and_nothing_is_written(world, facts, field):
    count = len(queries.organisations())
    with pytest.raises(Invalid) as refusal:
        service.register_organisation(world.office_manager, **SOCIETY | facts)
    assert list(refusal.value.errors) == [field]
    assert len(queries.organisations()) == count


def test_everything_that_is_wrong_is_said_at_once(world):
    with pytest.raises(Invalid) as refusal:
        service.register_organisation(world.office_manager, kind="", full_name="", credit_code="1", district_code="9")
    assert set(refusal.value.errors) == {"kind", "full_name", "credit_code", "district_code"}


def test_a_parent_must_be_of_the_right_kind_and_running(world):
    enterprise = {"kind": "enterprise", "full_name": "示例·新厂", "district_code": "440112"}
    service.move_organisation(world.park, "suspend", world.office_manager, reason="查")
    for parent in (world.society, world.park):
        with pytest.raises(Invalid) as refusal:
            service.register_organisation(world.office_manager, **enterprise, parent_id=parent.id)
        assert list(refusal.value.errors) == ["parent_id"]


def test_a_code_is_one_organisations_however_it_is_typed(world):
    service.register_organisation(world.office_manager, **SOCIETY, credit_code=CODE)
    with pytest.raises(Invalid) as refusal:
        service.register_organisation(
            world.office_manager,
            kind="society",
            level="city",
            full_name="示例·又一学会",
            credit_code=f" {CODE[:4]}-{CODE[4:].lower()} ",
        )
    assert list(refusal.value.errors) == ["credit_code"]


def test_only_the_office_registers_and_there_is_one_office(world):
    with pytest.raises(Forbidden):
        service.register_organisation(world.of(world.park), **SOCIETY)
    with pytest.raises(Conflict):
        service.found_office("示例·第二办公室", email="a@example.org", name="甲")


def test_suspending_a_unit_ends_its_peoples_sessions_there_and_no_others(world):
    user = queries.user_by_email(f"officer{world.park.id}@example.org")
    here, _ = sessions.start_session(user, world.park.id, address="", device="")
    elsewhere, _ = sessions.start_session(user, None, address="", device="")
    service.move_organisation(world.park, "suspend", world.office_manager, reason="查")
    db.session.refresh(here)
    assert (here.end_reason, elsewhere.ended_at) == ("单位已停用", None)
    assert queries.organisations_of(user) == []


def test_a_manager_edits_introduction_and_names_of_their_own_unit_only(world):
    manager = world.of(world.park)
    service.edit_organisation(world.park, manager, intro=" 服务汽车零部件 ", aliases=["旧园", ""])
    assert (world.park.intro, [item.name for item in world.park.aliases]) == ("服务汽车零部件", ["旧园"])
    count = audit.verify()[0]
    service.edit_organisation(world.park, manager, intro="服务汽车零部件", aliases=["旧园"])
    assert audit.verify()[0] == count
    with pytest.raises(Forbidden):
        service.edit_organisation(world.society, manager, intro="x", aliases=[])
    with pytest.raises(Invalid) as refusal:
        service.edit_organisation(world.park, manager, intro="长" * 2001, aliases=["名" * 121])
    assert set(refusal.value.errors) == {"intro", "aliases"}
    assert world.park.intro == "服务汽车零部件"


def invite(world, unit=None, email="neu@example.org", role="officer", by=None) -> str:
    secret = service.invite(unit or world.park, by or world.of(unit or world.park), email=email, name="新人", role=role)
    db.session.commit()
    return secret


def test_an_invited_person_chooses_a_password_and_has_the_role(world):
    secret = invite(world)
    user = service.accept_invitation(secret, password=NEW_PASSWORD)
    assert (user.email, user.name, is_right(user.password_hash, NEW_PASSWORD)) == ("neu@example.org", "新人", True)
    assert [(item.organisation, item.role) for item in queries.live_memberships(user)] == [(world.park, "officer")]


def test_only_the_hash_of_an_invitation_is_kept(world):
    secret = invite(world)
    row = db.session.scalar(select(Invitation).where(Invitation.email == "neu@example.org"))
    assert secret not in {str(value) for value in vars(row).values()}
    assert secret not in str([entry.data for entry in audit.entries_of(world.park)])


def test_an_invitation_works_once_for_seven_days_and_the_latest_one_only(world):
    first, second = invite(world), invite(world)
    with pytest.raises(NotFound):
        service.open_invitation(first)
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(days=7, minutes=1)), pytest.raises(NotFound):
        service.open_invitation(second)
    service.accept_invitation(second, password=NEW_PASSWORD)
    for secret in (second, "x", ""):
        with pytest.raises(NotFound):
            service.accept_invitation(secret, password=NEW_PASSWORD)


def test_a_weak_password_leaves_the_invitation_usable_and_no_account_behind(world):
    secret = invite(world)
    with pytest.raises(Invalid) as refusal:
        service.accept_invitation(secret, password="kurz")
    assert list(refusal.value.errors) == ["password"]
    assert queries.user_by_email("neu@example.org") is None
    assert service.open_invitation(secret).used_at is None


def test_a_person_with_an_account_proves_it_and_keeps_their_password(world):
    email = f"officer{world.society.id}@example.org"
    secret = invite(world, email=email.upper())
    with pytest.raises(Invalid):
        service.accept_invitation(secret, password=NEW_PASSWORD, address="1.1.1.1")
    user = service.accept_invitation(secret, password=PASSWORD, address="1.1.1.1")
    assert is_right(user.password_hash, PASSWORD)
    assert [item.organisation for item in queries.live_memberships(user)] == [world.society, world.park]


def test_a_link_is_no_way_to_guess_the_password_of_an_account(world):
    secret = invite(world, email="office@example.org")
    for _ in range(5):
        with pytest.raises(Invalid):
            service.accept_invitation(secret, password="geraten 2026 A", address="6.6.6.6")
    with pytest.raises(sessions.Paused):
        service.accept_invitation(secret, password=PASSWORD, address="6.6.6.6")
    with pytest.raises(sessions.Paused):
        sessions.sign_in("office@example.org", PASSWORD, address="6.6.6.6", device="")


def test_names_are_kept_on_one_line_without_characters_that_cannot_be_seen(world):
    unit = service.register_organisation(
        world.office_manager,
        **SOCIETY | {"full_name": " 示例·\x00新\x0b学会\u202e "},
        short_name="新\n学会\x07",
        intro="一\r\n二\x1b",
        aliases=["别\x00名", "别名", "\x07"],
    )
    assert (unit.full_name, unit.short_name, unit.intro) == ("示例·新学会", "新 学会", "一\n二")
    assert [item.name for item in unit.aliases] == ["别名"]
    with pytest.raises(Invalid) as refusal:
        service.register_organisation(world.office_manager, **SOCIETY | {"full_name": "示例·新\x00学会"})
    assert "已经登记" in refusal.value.errors["full_name"]
    with pytest.raises(Invalid) as refusal:
        service.invite(unit, world.office_manager, email="x@example.org", name="\x00\u202e", role="viewer")
    assert refusal.value.errors == {"name": "请填写姓名。"}
    user = queries.user_by_email("office@example.org")
    service.edit_profile(user, world.office_manager, name="李\x00雷", phone="020\x0083120000", post="主\u2066任")
    assert (user.name, user.phone, user.post) == ("李雷", "02083120000", "主任")
    service.edit_organisation(unit, world.office_manager, intro="三\x00", aliases=["另\x00名"])
    assert (unit.intro, [item.name for item in unit.aliases]) == ("三", ["另名"])


def test_a_disabled_account_joins_nothing(world):
    email = f"officer{world.society.id}@example.org"
    secret = invite(world, email=email)
    service.set_disabled(queries.user_by_email(email), world.office_manager, is_disabled=True)
    db.session.commit()
    with pytest.raises(Invalid):
        service.accept_invitation(secret, password=PASSWORD)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "ohne-at"}, "email"),
        ({"email": "a b@example.org"}, "email"),
        ({"email": "a" * 200 + "@example.org"}, "email"),
        ({"name": " "}, "name"),
        ({"name": "长" * 41}, "name"),
        ({"role": ""}, "role"),
        ({"role": "king"}, "role"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_invitation_is_refused_at_its_field(world, change, field):
    typed = {"email": "a@example.org", "name": "甲", "role": "viewer"} | change
    with pytest.raises(Invalid) as refusal:
        service.invite(world.park, world.of(world.park), **typed)
    assert list(refusal.value.errors) == [field]


def test_members_and_stopped_units_are_not_invited(world):
    with pytest.raises(Conflict):
        invite(world, email=f"officer{world.park.id}@example.org")
    with pytest.raises(Forbidden):
        invite(world, unit=world.society, by=world.of(world.park))
    secret = invite(world)
    service.move_organisation(world.park, "suspend", world.office_manager, reason="查")
    with pytest.raises(Conflict):
        invite(world, by=world.office_manager)
    with pytest.raises(NotFound):
        service.open_invitation(secret)


def test_a_withdrawn_invitation_is_worth_nothing(world):
    secret = invite(world)
    service.withdraw_invitation(world.park, world.of(world.park), email="NEU@example.org")
    with pytest.raises(NotFound):
        service.open_invitation(secret)
    assert queries.open_invitations(world.park) == []
    count = audit.verify()[0]
    service.withdraw_invitation(world.park, world.of(world.park), email="neu@example.org")
    assert audit.verify()[0] == count


def member(world, email="zweite@example.org", role="officer") -> Membership:
    world.join(world.park, email, role)
    user = queries.user_by_email(email)
    return db.session.scalar(select(Membership).where(Membership.user_id == user.id))


def test_a_changed_role_counts_at_the_next_question(world):
    one = member(world)
    service.change_role(one, world.of(world.park), role="viewer")
    assert world.actor("zweite@example.org", world.park).role == "viewer"
    assert audit.entries_of(one)[-1].data == {"before": "officer", "after": "viewer"}


def test_an_ended_membership_ends_its_sessions_and_can_begin_again_by_invitation(world):
    one = member(world)
    row, _ = sessions.start_session(one.user, world.park.id, address="", device="")
    service.change_role(one, world.of(world.park), role=None)
    db.session.refresh(row)
    assert (row.end_reason, world.actor("zweite@example.org", world.park).organisation_id) == ("不再是该单位成员", None)
    with pytest.raises(Conflict):
        service.change_role(one, world.of(world.park), role="manager")
    service.accept_invitation(invite(world, email="zweite@example.org", role="viewer"), password=PASSWORD)
    assert world.actor("zweite@example.org", world.park).role == "viewer"


def test_the_last_manager_who_can_act_stays_manager(world):
    manager = db.session.scalar(select(Membership).where(Membership.organisation_id == world.park.id))
    second = member(world, role="manager")
    service.set_disabled(second.user, world.office_manager, is_disabled=True)
    for role in ("officer", None):
        with pytest.raises(Conflict, match="唯一的管理员"):
            service.change_role(manager, world.of(world.park), role=role)
    service.set_disabled(second.user, world.office_manager, is_disabled=False)
    service.change_role(manager, world.of(world.park), role="officer")
    assert (manager.role, manager.ended_at) == ("officer", None)


def test_roles_are_changed_by_ones_own_manager_or_a_manager_of_the_office_only(world):
    one = member(world)
    for stranger in (world.of(world.society), world.actor("zweite@example.org", world.park)):
        with pytest.raises(Forbidden):
            service.change_role(one, stranger, role="manager")
    with pytest.raises(Invalid):
        service.change_role(one, world.office_manager, role="king")
    assert one.role == "officer"


def test_disabling_ends_every_session_and_nobody_disables_themselves(world):
    user = queries.user_by_email(f"officer{world.park.id}@example.org")
    rows = [sessions.start_session(user, unit, address="", device="")[0] for unit in (world.park.id, None)]
    with pytest.raises(Forbidden):
        service.set_disabled(user, world.of(world.society), is_disabled=True)
    service.set_disabled(user, world.office_manager, is_disabled=True)
    for row in rows:
        db.session.refresh(row)
    assert [row.end_reason for row in rows] == ["账号已停用", "账号已停用"]
    with pytest.raises(Conflict):
        service.set_disabled(queries.user_by_email("office@example.org"), world.office_manager, is_disabled=True)


def test_a_person_edits_their_own_profile_only(world):
    actor = world.of(world.park)
    user = db.session.get(User, actor.user_id)
    service.edit_profile(user, actor, name=" 李雷 ", phone="020-8312 0000", post="主任")
    assert (user.name, user.phone, user.post) == ("李雷", "020-8312 0000", "主任")
    with pytest.raises(Invalid) as refusal:
        service.edit_profile(user, actor, name=" ", phone="打我手机", post="长" * 61)
    assert set(refusal.value.errors) == {"name", "phone", "post"}
    with pytest.raises(Forbidden):
        service.edit_profile(user, world.office_manager, name="x", phone="", post="")
    assert user.name == "李雷"


def test_a_new_password_ends_every_session_and_the_old_one_is_worth_nothing(world):
    actor = world.of(world.park)
    user = db.session.get(User, actor.user_id)
    row, _ = sessions.start_session(user, world.park.id, address="", device="")
    db.session.commit()
    for old, new, field in (("falsch", NEW_PASSWORD, "old"), (PASSWORD, "kurz", "new"), (PASSWORD, PASSWORD, "new")):
        with pytest.raises(Invalid) as refusal:
            service.change_password(user, actor, old=old, new=new)
        assert list(refusal.value.errors) == [field]
    service.change_password(user, actor, old=PASSWORD, new=NEW_PASSWORD)
    db.session.refresh(row)
    assert (row.end_reason, is_right(user.password_hash, PASSWORD)) == ("密码已更改", False)


def test_a_forgotten_password_is_set_anew_by_a_one_time_link_of_a_day(world):
    user = queries.user_by_email(f"officer{world.park.id}@example.org")
    row, _ = sessions.start_session(user, world.park.id, address="", device="")
    for stranger in (world.of(world.park), world.of(world.society)):
        with pytest.raises(Forbidden):
            service.make_password_link(user, stranger)
    secret = service.make_password_link(user, world.office_manager)
    assert queries.open_invitations(world.park) == []
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(days=1, minutes=1)), pytest.raises(NotFound):
        service.open_invitation(secret)
    service.accept_invitation(secret, password=NEW_PASSWORD)
    db.session.refresh(row)
    assert (is_right(user.password_hash, NEW_PASSWORD), row.end_reason) == (True, "密码已重新设置")
    assert [item.role for item in queries.live_memberships(user)] == ["manager"]
    with pytest.raises(NotFound):
        service.open_invitation(secret)


def test_a_person_belongs_to_a_unit_once(world):
    one = member(world)
    db.session.add(Membership(user_id=one.user_id, organisation_id=world.park.id, role="viewer"))
    with pytest.raises(Exception, match="UNIQUE"):
        db.session.flush()


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": "enterprise", "district_code": "440112"},
        {"kind": "service_team"},
        {"kind": "district", "district_code": "440112"},
    ],
    ids=lambda facts: facts["kind"],
)
def test_the_database_refuses_units_without_parent_and_a_second_association(world, facts):
    db.session.add(Organisation(full_name="示例·不该有", **facts))
    with pytest.raises(Exception, match="CHECK|UNIQUE"):
        db.session.flush()


def test_a_link_for_a_password_needs_a_running_account(world):
    user = queries.user_by_email(f"officer{world.park.id}@example.org")
    service.set_disabled(user, world.office_manager, is_disabled=True)
    with pytest.raises(Conflict):
        service.make_password_link(user, world.office_manager)
    assert db.session.scalars(select(UserSession).where(UserSession.user_id == user.id)).all() == []
