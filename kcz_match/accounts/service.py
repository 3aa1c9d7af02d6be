"""Verbs on organisations and their people.  Nothing here commits."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
from collections.abc import Sequence

from sqlalchemy import select

from kcz_match.accounts import queries, sessions
from kcz_match.accounts.credit_code import why_invalid
from kcz_match.accounts.districts import DISTRICT
from kcz_match.accounts.models import Invitation, Membership, Organisation, OrganisationAlias, TeamMember, User
from kcz_match.accounts.passwords import hash_password, why_weak
from kcz_match.accounts.states import LEVEL_LABELS, OrganisationKind, OrganisationState, Role
from kcz_match.core import audit, policy
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Conflict, Invalid, NotFound
from kcz_match.core.lifecycle import move
from kcz_match.core.policy import SYSTEM, Actor

EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
MUST_HAVE_PARENT = {OrganisationKind.ENTERPRISE: "请选择企业所属的园区或区科协。",
                    OrganisationKind.SERVICE_TEAM: "请选择服务团的牵头学会。"}
PARENT_KINDS = {OrganisationKind.ENTERPRISE: {OrganisationKind.PARK, OrganisationKind.DISTRICT},
                OrganisationKind.SERVICE_TEAM: {OrganisationKind.SOCIETY}}


def register_organisation(
    actor: Actor, *, kind: str, full_name: str, short_name: str = "", credit_code: str = "", district_code: str = "",
    level: str = "", parent_id: int | None = None, intro: str = "", aliases: Sequence[str] = (),
    member_ids: Sequence[int] = (), is_demo: bool = False,
) -> Organisation:
    """Put an organisation on file as ``unverified`` and return it.

    Raises ``Invalid`` with a sentence per field (name taken, credit code with a wrong check digit, missing district,
    parent or lead society) and ``Forbidden`` unless the Office acts.
    """
    policy.require(actor, "organisation.register")
    kind = OrganisationKind(kind)
    errors = _organisation_errors(kind, full_name, credit_code, district_code, level, parent_id)
    if errors:
        raise Invalid(errors)
    unit = Organisation(
        kind=kind, full_name=full_name.strip(), short_name=short_name.strip(), district_code=district_code,
        credit_code=credit_code.strip().upper() or None, level=level, parent_id=parent_id, intro=intro.strip(),
        is_demo=is_demo, state=OrganisationState.UNVERIFIED, state_since=utc_now(),
        aliases=[OrganisationAlias(name=name.strip()) for name in aliases if name.strip()],
    )
    db.session.add(unit)
    db.session.flush()
    db.session.add_all(TeamMember(team_id=unit.id, organisation_id=member) for member in dict.fromkeys(member_ids))
    audit.write(actor, "organisation.register", unit, after=unit.full_name)
    return unit


def found_office(full_name: str, *, email: str, name: str, is_demo: bool = False) -> tuple[Organisation, str]:
    """Set up the Office and invite its first manager; return it with the invitation's secret.

    For the command line on an empty site: raises ``Conflict`` when there is an Office already.
    """
    if queries.office() is not None:
        raise Conflict("领导小组办公室已经建立。")
    unit = Organisation(kind=OrganisationKind.OFFICE, full_name=full_name, is_demo=is_demo,
                        state=OrganisationState.VERIFIED, state_since=utc_now())
    db.session.add(unit)
    audit.write(SYSTEM, "organisation.register", unit, after=full_name)
    return unit, _make_invitation(SYSTEM, unit, email=email, name=name, role=Role.MANAGER)


def move_organisation(organisation: Organisation, verb: str, actor: Actor, *, reason: str = "") -> None:
    """Verify, suspend, restore or close an organisation; suspending or closing ends its people's sessions there."""
    move(organisation, verb, actor, reason=reason)
    if not organisation.is_verified:
        sessions.end_sessions_for_organisation(organisation, "单位已停用")


def invite(organisation: Organisation, actor: Actor, *, email: str, name: str, role: str) -> str:
    """Invite a person by a one-time link and return the secret in it; only its hash is kept.

    An earlier unused invitation of the same address to the same organisation stops working.  Raises ``Invalid`` for a
    malformed address or a missing name, ``Conflict`` when the person is a member already.
    """
    policy.require(actor, "organisation.invite", organisation)
    errors = {}
    if not EMAIL.fullmatch(email.strip()):
        errors["email"] = "请填写完整的邮箱，例如 zhang@example.org。"
    if not name.strip():
        errors["name"] = "请填写姓名。"
    if errors:
        raise Invalid(errors)
    user = queries.user_by_email(email)
    if user and any(item.organisation_id == organisation.id for item in queries.live_memberships(user)):
        raise Conflict(f"{user.name} 已经是本单位成员，不必再邀请。")
    return _make_invitation(actor, organisation, email=email, name=name, role=Role(role))


def open_invitation(secret: str) -> Invitation:
    """Return the invitation behind a link; ``NotFound`` when it is unknown, used or expired."""
    invitation = db.session.scalar(select(Invitation).where(Invitation.token_hash == _digest(secret)))
    if invitation is None or invitation.used_at is not None or invitation.expires_at <= utc_now():
        raise NotFound("这个邀请链接已经用过、过期或不完整。请联系邀请您的人重新发一个。")
    return invitation


def accept_invitation(secret: str, *, password: str = "") -> User:
    """Use an invitation: make or find the person, give them the role, and return them.

    A new person must choose a password (``Invalid`` says what is wrong with it); a person with an account keeps
    theirs and proves it by signing in, so ``password`` is then checked, not set.
    """
    invitation = open_invitation(secret)
    user = queries.user_by_email(invitation.email)
    if user is None:
        weak = why_weak(password, invitation.email, invitation.organisation.full_name)
        if weak:
            raise Invalid({"password": weak})
        user = User(email=invitation.email, name=invitation.name, password_hash=hash_password(password))
        db.session.add(user)
        db.session.flush()
    elif not sessions.password_is_right(user, password):
        raise Invalid({"password": "您已有账号，请输入这个账号的密码。"})
    _join(user, invitation.organisation, invitation.role)
    invitation.used_at = utc_now()
    audit.write(queries.actor_for(user, invitation.organisation_id), "membership.join", invitation.organisation,
                after=str(invitation.role))
    return user


def change_role(membership: Membership, actor: Actor, *, role: str | None) -> None:
    """Give a member another role, or with None end the membership and its sessions.

    Raises ``Conflict`` when the organisation would be left without a manager.
    """
    policy.require(actor, "membership.change", membership.organisation)
    managers = [item for item in membership.organisation.memberships
                if item.ended_at is None and item.role == Role.MANAGER]
    if role != Role.MANAGER and managers == [membership]:
        raise Conflict("这是本单位唯一的管理员。请先指定另一位管理员。")
    before = str(membership.role)
    if role is None:
        membership.ended_at = utc_now()
        sessions.end_sessions_of_member(membership, "不再是该单位成员")
    else:
        membership.role = Role(role)
    audit.write(actor, "membership.change", membership, before=before, after=role or "ended")


def set_disabled(user: User, actor: Actor, *, is_disabled: bool) -> None:
    """Disable an account, which ends every session of it at once, or enable it again."""
    policy.require(actor, "user.disable" if is_disabled else "user.enable", user)
    user.is_disabled = is_disabled
    if is_disabled:
        sessions.end_all_sessions(user, "账号已停用")
    audit.write(actor, "user.disable" if is_disabled else "user.enable", user)


def change_password(user: User, actor: Actor, *, old: str, new: str) -> None:
    """Replace a person's own password; every other session of theirs ends.  ``Invalid`` says what is wrong."""
    if not sessions.password_is_right(user, old):
        raise Invalid({"old": "原密码不对。"})
    weak = why_weak(new, user.email, user.name)
    if weak:
        raise Invalid({"new": weak})
    user.password_hash = hash_password(new)
    sessions.end_all_sessions(user, "密码已更改")
    audit.write(actor, "user.change_password", user)


def _organisation_errors(kind: OrganisationKind, full_name: str, credit_code: str, district_code: str, level: str,
                         parent_id: int | None) -> dict[str, str]:
    errors: dict[str, str] = {}
    if not full_name.strip():
        errors["full_name"] = "请填写单位全称。"
    elif db.session.scalar(select(Organisation.id).where(Organisation.full_name == full_name.strip())):
        errors["full_name"] = "这个单位已经登记。请在列表里查找，或核对全称。"
    wrong = why_invalid(credit_code) if credit_code.strip() else None
    if wrong:
        errors["credit_code"] = wrong
    elif credit_code.strip() and db.session.scalar(
            select(Organisation.id).where(Organisation.credit_code == credit_code.strip().upper())):
        errors["credit_code"] = "这个统一社会信用代码已经登记在另一个单位名下。"
    in_district = kind in {OrganisationKind.DISTRICT, OrganisationKind.PARK, OrganisationKind.ENTERPRISE}
    if in_district and district_code not in DISTRICT:
        errors["district_code"] = "请选择所在的区。"
    if kind == OrganisationKind.DISTRICT and queries.association_of(district_code):
        errors["district_code"] = "这个区已经有区科协登记。"
    if level not in LEVEL_LABELS:
        errors["level"] = "请从列表里选择级别。"
    parent = db.session.get(Organisation, parent_id) if parent_id else None
    if kind in MUST_HAVE_PARENT and (parent is None or parent.kind not in PARENT_KINDS[kind]):
        errors["parent_id"] = MUST_HAVE_PARENT[kind]
    return errors


def _make_invitation(actor: Actor, organisation: Organisation, *, email: str, name: str, role: Role) -> str:
    address = email.strip().lower()
    for earlier in db.session.scalars(select(Invitation).where(
            Invitation.organisation_id == organisation.id, Invitation.email == address, Invitation.used_at.is_(None))):
        earlier.expires_at = utc_now()
    secret = secrets.token_urlsafe(32)
    db.session.add(Invitation(
        token_hash=_digest(secret), organisation_id=organisation.id, email=address, name=name.strip(), role=role,
        invited_by=actor.user_id, expires_at=utc_now() + dt.timedelta(days=sessions.limits().invitation_days)))
    audit.write(actor, "organisation.invite", organisation, after=address, role=str(role))
    return secret


def _join(user: User, organisation: Organisation, role: Role) -> None:
    membership = db.session.scalar(select(Membership).where(
        Membership.user_id == user.id, Membership.organisation_id == organisation.id))
    if membership is None:
        db.session.add(Membership(user_id=user.id, organisation_id=organisation.id, role=role))
    else:
        membership.role, membership.ended_at = role, None
    db.session.flush()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
