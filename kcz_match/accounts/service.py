"""Verbs on organisations and their people.  Nothing here commits."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy import select

from kcz_match.accounts import queries, sessions
from kcz_match.accounts.credit_code import normal_form
from kcz_match.accounts.models import Invitation, Membership, Organisation, OrganisationAlias, TeamMember, User
from kcz_match.accounts.passwords import hash_password, why_weak
from kcz_match.accounts.registration import (
    EMAIL,
    MUST_HAVE_PARENT,
    PHONE,
    alias_errors,
    organisation_errors,
    tidy,
    too_long,
)
from kcz_match.accounts.states import LEVELS_OF_KIND, STOPPED, OrganisationKind, OrganisationState, Role
from kcz_match.core import audit, policy
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Conflict, Invalid, NotFound
from kcz_match.core.lifecycle import move
from kcz_match.core.policy import SYSTEM, Actor
from kcz_match.core.text import clean, clean_line


def register_organisation(
    actor: Actor,
    *,
    kind: str,
    full_name: str,
    short_name: str = "",
    credit_code: str = "",
    district_code: str = "",
    level: str = "",
    parent_id: int | None = None,
    intro: str = "",
    aliases: Sequence[str] = (),
    member_ids: Sequence[int] = (),
    is_demo: bool = False,
) -> Organisation:
    """Put an organisation on file as ``unverified`` and return it.

    Level, parent and members are kept for the kinds that have them and dropped for others.  Raises ``Invalid`` with a
    sentence per field (name taken, credit code with a wrong check digit, missing district, level, parent or lead
    society) and ``Forbidden`` unless the Office acts.
    """
    policy.require(actor, "organisation.register")
    kind = OrganisationKind(kind) if kind in set(OrganisationKind) else ""
    level = level if kind in LEVELS_OF_KIND else ""
    parent_id = parent_id if kind in MUST_HAVE_PARENT else None
    aliases, intro = tidy(aliases), clean(intro)
    full_name, short_name = clean_line(full_name), clean_line(short_name)
    errors = (
        organisation_errors(kind, full_name, credit_code, district_code, level, parent_id)
        | alias_errors(aliases)
        | too_long(full_name=full_name, short_name=short_name, intro=intro)
    )
    if errors:
        raise Invalid(errors)
    unit = Organisation(
        kind=kind,
        full_name=full_name,
        short_name=short_name,
        district_code=district_code,
        credit_code=normal_form(credit_code) or None,
        level=level,
        parent_id=parent_id,
        intro=intro,
        is_demo=is_demo,
        state=OrganisationState.UNVERIFIED,
        state_since=utc_now(),
        aliases=[OrganisationAlias(name=name) for name in aliases],
    )
    db.session.add(unit)
    db.session.flush()
    if kind == OrganisationKind.SERVICE_TEAM:
        db.session.add_all(TeamMember(team_id=unit.id, organisation_id=member) for member in dict.fromkeys(member_ids))
    audit.write(actor, "organisation.register", unit, after=unit.full_name)
    return unit


def found_office(full_name: str, *, email: str, name: str, is_demo: bool = False) -> tuple[Organisation, str]:
    """Set up the Office and invite its first manager; return it with the invitation's secret.

    For the command line on an empty site: raises ``Conflict`` when there is an Office already.
    """
    if queries.office() is not None:
        raise Conflict("领导小组办公室已经建立。")
    full_name = clean_line(full_name)
    unit = Organisation(
        kind=OrganisationKind.OFFICE,
        full_name=full_name,
        is_demo=is_demo,
        state=OrganisationState.VERIFIED,
        state_since=utc_now(),
    )
    db.session.add(unit)
    audit.write(SYSTEM, "organisation.register", unit, after=full_name)
    return unit, _make_invitation(SYSTEM, unit, email=email, name=name, role=Role.MANAGER)


def edit_organisation(organisation: Organisation, actor: Actor, *, intro: str, aliases: Sequence[str]) -> None:
    """Replace the introduction and the other names of an organisation; ``Invalid`` when one is too long."""
    policy.require(actor, "organisation.edit", organisation)
    aliases, intro = tidy(aliases), clean(intro)
    errors = alias_errors(aliases) | too_long(intro=intro)
    if errors:
        raise Invalid(errors)
    before = {"intro": organisation.intro, "aliases": sorted(item.name for item in organisation.aliases)}
    after = {"intro": intro, "aliases": sorted(aliases)}
    if before == after:
        return
    organisation.intro = intro
    organisation.aliases = [OrganisationAlias(name=name) for name in aliases]
    audit.write(actor, "organisation.edit", organisation, before=before, after=after)


def move_organisation(organisation: Organisation, verb: str, actor: Actor, *, reason: str = "") -> None:
    """Verify, suspend, restore or close an organisation; suspending or closing ends its people's sessions there."""
    move(organisation, verb, actor, reason=reason)
    if not organisation.is_verified:
        sessions.end_sessions_for_organisation(organisation, "单位已停用")


def invite(organisation: Organisation, actor: Actor, *, email: str, name: str, role: str) -> str:
    """Invite a person by a one-time link and return the secret in it; only its hash is kept.

    An earlier unused invitation of the same address to the same organisation stops working.  Raises ``Invalid`` for a
    malformed address, a missing name or role, ``Conflict`` when the person is a member already or the organisation
    is stopped.
    """
    policy.require(actor, "organisation.invite", organisation)
    if organisation.state in STOPPED:
        raise Conflict("这个单位已经停用或注销，不能邀请成员。")
    name = clean_line(name)
    errors = too_long(email=email, name=name)
    if not EMAIL.fullmatch(email.strip()):
        errors["email"] = "请填写完整的邮箱，例如 zhang@example.org。"
    if not name:
        errors["name"] = "请填写姓名。"
    if role not in set(Role):
        errors["role"] = "请选择角色。"
    if errors:
        raise Invalid(errors)
    user = queries.user_by_email(email)
    if user and any(item.organisation_id == organisation.id for item in queries.live_memberships(user)):
        raise Conflict(f"{user.name} 已经是本单位成员，不必再邀请。")
    return _make_invitation(actor, organisation, email=email, name=name, role=Role(role))


def withdraw_invitation(organisation: Organisation, actor: Actor, *, email: str) -> None:
    """Make the open invitation of an address to an organisation useless; nothing happens when there is none."""
    policy.require(actor, "organisation.invite", organisation)
    if _expire_invitations(organisation, email.strip().lower()):
        audit.write(actor, "organisation.withdraw_invitation", organisation, before=email.strip().lower())


def open_invitation(secret: str) -> Invitation:
    """Return the invitation behind a link; ``NotFound`` when it is unknown, used, expired or of a stopped unit.

    Raises ``Conflict`` for a link for a new password whose account has been disabled since.
    """
    invitation = db.session.scalar(select(Invitation).where(Invitation.token_hash == _digest(secret)))
    if (
        invitation is None
        or invitation.used_at is not None
        or invitation.expires_at <= utc_now()
        or (invitation.organisation.state in STOPPED and not invitation.resets_password)
    ):
        raise NotFound("这个邀请链接已经用过、过期或不完整。请联系邀请您的人重新发一个。")
    if invitation.resets_password:
        user = queries.user_by_email(invitation.email)
        if user is not None and user.is_disabled:
            raise Conflict("这个账号已停用，不能重新设置密码。请联系办公室启用账号。")
    return invitation


def accept_invitation(secret: str, *, password: str = "", address: str = "") -> User:
    """Use an invitation: make or find the person, give them the role, and return them.

    A new person must choose a password (``Invalid`` says what is wrong with it); a person with an account keeps
    theirs and proves it, so ``password`` is then checked, not set, and wrong ones from ``address`` are counted as at
    sign-in (``Paused`` after too many).  A link that resets the password sets it, ends every session, and changes no
    role.  Raises what ``open_invitation`` raises.
    """
    invitation = open_invitation(secret)
    user = queries.user_by_email(invitation.email)
    if user is not None and not invitation.resets_password:
        try:
            user = sessions.prove_password(user.email, password, address=address)
        except sessions.WrongPassword:
            raise Invalid({"password": "密码不对。您已有账号，请输入这个账号的密码。"})
        invitation = open_invitation(secret)  # read anew: proving a password gives the transaction up
    else:
        user = _with_new_password(invitation, user, password)
    invitation.used_at = utc_now()
    actor = queries.actor_for(user, invitation.organisation_id)
    if invitation.resets_password:
        sessions.end_all_sessions(user, "密码已重新设置")
        audit.write(actor, "user.reset_password", user)
        return user
    _join(user, invitation.organisation, invitation.role)
    audit.write(
        queries.actor_for(user, invitation.organisation_id),
        "membership.join",
        invitation.organisation,
        after=str(invitation.role),
    )
    return user


def make_password_link(user: User, actor: Actor) -> str:
    """Return the secret of a one-time link by which a person who forgot their password chooses a new one.

    It lives a day; an earlier one stops working.  For managers of the Office only, because a person may act for
    several organisations.  Raises ``Conflict`` for a disabled account.
    """
    policy.require(actor, "user.reset_password", user)
    if user.is_disabled:
        raise Conflict("这个账号已停用。请先启用，再重设密码。")
    membership = min(user.memberships, key=lambda item: item.id)
    return _make_invitation(
        actor, membership.organisation, email=user.email, name=user.name, role=membership.role, resets=user
    )


def change_role(membership: Membership, actor: Actor, *, role: str | None) -> None:
    """Give a member another role, or with None end the membership and its sessions.

    Raises ``Conflict`` when the organisation would be left without a manager whose account is enabled or when the
    membership has ended already, ``Invalid`` for an unknown role.
    """
    policy.require(actor, "membership.change", membership.organisation)
    if membership.ended_at is not None:
        raise Conflict("这个人已经不是本单位成员。请刷新页面。")
    if role is not None and role not in set(Role):
        raise Invalid({"role": "请选择角色。"})
    managers = [
        item
        for item in membership.organisation.memberships
        if item.ended_at is None and item.role == Role.MANAGER and not item.user.is_disabled
    ]
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
    """Disable an account, which ends every session of it at once, or enable it again.

    Raises ``Conflict`` for one's own account, so that nobody shuts themselves out.
    """
    policy.require(actor, "user.disable" if is_disabled else "user.enable", user)
    if user.id == actor.user_id:
        raise Conflict("不能停用自己的账号。请由另一位办公室管理员办理。")
    if user.is_disabled == is_disabled:
        return
    user.is_disabled = is_disabled
    if is_disabled:
        sessions.end_all_sessions(user, "账号已停用")
    audit.write(actor, "user.disable" if is_disabled else "user.enable", user)


def edit_profile(user: User, actor: Actor, *, name: str, phone: str, post: str) -> None:
    """Change a person's own name, telephone and post.  ``Invalid`` says what is wrong."""
    policy.require(actor, "user.edit", user)
    name, phone, post = clean_line(name), clean_line(phone), clean_line(post)
    errors = too_long(name=name, phone=phone, post=post)
    if not name:
        errors["name"] = "请填写姓名。"
    if phone and not PHONE.fullmatch(phone):
        errors["phone"] = "电话只写数字、空格、“-”和“+”，例如 020-83120000。"
    if errors:
        raise Invalid(errors)
    user.name, user.phone, user.post = name, phone, post
    audit.write(actor, "user.edit", user)


def change_password(user: User, actor: Actor, *, old: str, new: str, address: str = "") -> None:
    """Replace a person's own password and end every session of theirs, the present one too.

    ``Invalid`` says what is wrong; wrong old passwords from ``address`` are counted as at sign-in (``Paused``).
    """
    policy.require(actor, "user.edit", user)
    try:
        sessions.prove_password(user.email, old, address=address)
    except sessions.WrongPassword:
        raise Invalid({"old": "原密码不对。"})
    weak = why_weak(new, user.email, user.name)
    if not weak and new == old:
        weak = "新密码和原密码一样。请换一个。"
    if weak:
        raise Invalid({"new": weak})
    user.password_hash = hash_password(new)
    sessions.end_all_sessions(user, "密码已更改")
    audit.write(actor, "user.change_password", user)


def _expire_invitations(organisation: Organisation, address: str) -> bool:
    found = db.session.scalars(
        select(Invitation).where(
            Invitation.organisation_id == organisation.id,
            Invitation.email == address,
            Invitation.used_at.is_(None),
            Invitation.expires_at > utc_now(),
        )
    ).all()
    for invitation in found:
        invitation.expires_at = utc_now()
    return bool(found)


def _with_new_password(invitation: Invitation, user: User | None, password: str) -> User:
    weak = why_weak(password, invitation.email, invitation.name, invitation.organisation.full_name)
    if weak:
        raise Invalid({"password": weak})
    if user is None:
        user = User(email=invitation.email, name=invitation.name)
        db.session.add(user)
    user.password_hash = hash_password(password)
    db.session.flush()
    return user


def _make_invitation(
    actor: Actor, organisation: Organisation, *, email: str, name: str, role: Role, resets: User | None = None
) -> str:
    address = email.strip().lower()
    _expire_invitations(organisation, address)
    secret = secrets.token_urlsafe(32)
    db.session.add(
        Invitation(
            token_hash=_digest(secret),
            organisation_id=organisation.id,
            email=address,
            name=clean_line(name),
            role=role,
            invited_by=actor.user_id,
            resets_password=resets is not None,
            expires_at=utc_now() + dt.timedelta(days=1 if resets else sessions.limits().invitation_days),
        )
    )
    if resets:
        audit.write(actor, "user.make_password_link", resets)
    else:
        audit.write(actor, "organisation.invite", organisation, after=address, role=str(role))
    return secret


def _join(user: User, organisation: Organisation, role: Role) -> None:
    membership = db.session.scalar(
        select(Membership).where(Membership.user_id == user.id, Membership.organisation_id == organisation.id)
    )
    if membership is None:
        db.session.add(Membership(user_id=user.id, organisation_id=organisation.id, role=role))
    else:
        membership.role, membership.ended_at = role, None
    db.session.flush()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
