"""Questions about organisations and people."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from kcz_match.accounts.credit_code import normal_form
from kcz_match.accounts.models import Invitation, Membership, Organisation, OrganisationAlias, User, UserSession
from kcz_match.accounts.states import OrganisationKind, OrganisationState
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import NotFound
from kcz_match.core.policy import Actor


def organisation_by_key(key: str) -> Organisation:
    """Return the organisation with this key, or raise ``NotFound``."""
    found = db.session.scalar(select(Organisation).where(Organisation.key == key))
    if found is None:
        raise NotFound
    return found


def organisation(organisation_id: int) -> Organisation:
    """Return the organisation with this id, or raise ``NotFound``."""
    found = db.session.get(Organisation, organisation_id)
    if found is None:
        raise NotFound
    return found


def organisations(*, kind: str = "", state: str = "", text: str = "") -> Sequence[Organisation]:
    """Return organisations by kind, state and a piece of any of their names or credit code."""
    return db.session.scalars(organisations_query(kind=kind, state=state, text=text)).all()


def organisations_query(*, kind: str = "", state: str = "", text: str = "") -> Select[tuple[Organisation]]:
    """Return the query behind ``organisations``, for lists that are shown page by page.

    Raises ``ValueError`` for a kind or state that does not exist.
    """
    query = select(Organisation).order_by(Organisation.kind, Organisation.district_code, Organisation.id)
    if kind:
        query = query.where(Organisation.kind == OrganisationKind(kind))
    if state:
        query = query.where(Organisation.state == OrganisationState(state))
    if text:
        names = (Organisation.full_name, Organisation.short_name, OrganisationAlias.name)
        full, short, alias = (name.contains(text, autoescape=True) for name in names)
        query = query.where(
            or_(
                full,
                short,
                Organisation.credit_code == normal_form(text),
                Organisation.id.in_(select(OrganisationAlias.organisation_id).where(alias)),
            )
        )
    return query.options(selectinload(Organisation.parent))


def office() -> Organisation | None:
    """Return the Office, None before it was set up."""
    return db.session.scalar(select(Organisation).where(Organisation.kind == OrganisationKind.OFFICE))


def enterprises_of(organisation_id: int) -> Sequence[Organisation]:
    """Return the enterprises that act through a park or district."""
    return db.session.scalars(
        select(Organisation)
        .where(Organisation.parent_id == organisation_id, Organisation.kind == OrganisationKind.ENTERPRISE)
        .order_by(Organisation.id)
    ).all()


def association_of(district_code: str) -> Organisation | None:
    """Return the 区科协 that acts for a district, None when it is not registered."""
    return db.session.scalar(
        select(Organisation).where(
            Organisation.kind == OrganisationKind.DISTRICT, Organisation.district_code == district_code
        )
    )


def user_by_email(email: str) -> User | None:
    """Return the person who signs in with this address; letter case does not matter."""
    return db.session.scalar(select(User).where(User.email == email.strip().lower()))


def user_by_key(key: str) -> User:
    """Return the person with this key, or raise ``NotFound``."""
    found = db.session.scalar(select(User).where(User.key == key))
    if found is None:
        raise NotFound
    return found


def users_query(text: str = "") -> Select[tuple[User]]:
    """Return the query of people by a piece of their name or address, with memberships and organisations loaded."""
    query = select(User).order_by(User.id.desc())
    if text:
        query = query.where(or_(User.name.contains(text, autoescape=True), User.email.contains(text, autoescape=True)))
    return query.options(selectinload(User.memberships).joinedload(Membership.organisation))


def session_by_key(key: str) -> UserSession:
    """Return the session with this key, or raise ``NotFound``."""
    found = db.session.scalar(select(UserSession).where(UserSession.key == key))
    if found is None:
        raise NotFound
    return found


def members_of(organisation: Organisation) -> Sequence[Membership]:
    """Return the live memberships of an organisation with their people, in the order they joined."""
    return db.session.scalars(
        select(Membership)
        .where(Membership.organisation_id == organisation.id, Membership.ended_at.is_(None))
        .options(joinedload(Membership.user))
        .order_by(Membership.id)
    ).all()


def member_by_key(organisation: Organisation, key: str) -> Membership:
    """Return the live membership with this key in this organisation, or raise ``NotFound``."""
    found = db.session.scalar(
        select(Membership).where(
            Membership.key == key, Membership.organisation_id == organisation.id, Membership.ended_at.is_(None)
        )
    )
    if found is None:
        raise NotFound
    return found


def member_counts(organisation_ids: Sequence[int]) -> dict[int, int]:
    """Return how many people each of these organisations has; one without people is left out."""
    rows = db.session.execute(
        select(Membership.organisation_id, func.count())
        .where(Membership.organisation_id.in_(organisation_ids), Membership.ended_at.is_(None))
        .group_by(Membership.organisation_id)
    )
    return dict(rows.all())


def counts_by_kind() -> dict[OrganisationKind, int]:
    """Return how many organisations there are of each kind, closed ones left out; every kind is there."""
    rows = db.session.execute(
        select(Organisation.kind, func.count())
        .where(Organisation.state != OrganisationState.CLOSED)
        .group_by(Organisation.kind)
    )
    return dict.fromkeys(OrganisationKind, 0) | dict(rows.all())


def open_invitations(organisation: Organisation) -> Sequence[Invitation]:
    """Return the invitations to an organisation that can still be used, oldest first."""
    return db.session.scalars(
        select(Invitation)
        .where(
            Invitation.organisation_id == organisation.id,
            Invitation.used_at.is_(None),
            Invitation.expires_at > utc_now(),
            Invitation.resets_password.is_(False),
        )
        .order_by(Invitation.id)
    ).all()


def organisations_of(user: User) -> list[Organisation]:
    """Return the organisations that a person may act or prepare for: verified ones first, none that is stopped."""
    found = db.session.scalars(
        select(Organisation)
        .join(Membership)
        .where(
            Membership.user_id == user.id,
            Membership.ended_at.is_(None),
            Organisation.state.in_([OrganisationState.VERIFIED, OrganisationState.UNVERIFIED]),
        )
        .order_by(Membership.id)
    )
    return sorted(found, key=lambda unit: not unit.is_verified)


def live_memberships(user: User) -> list[Membership]:
    """Return the person's memberships that have not ended, oldest first."""
    return list(
        db.session.scalars(
            select(Membership)
            .where(Membership.user_id == user.id, Membership.ended_at.is_(None))
            .options(joinedload(Membership.organisation))
            .order_by(Membership.id)
        )
    )


def actor_for(user: User, organisation_id: int | None) -> Actor:
    """Return who ``user`` is when acting for an organisation; without a live membership there, nobody's member."""
    membership = db.session.scalar(
        select(Membership).where(
            Membership.user_id == user.id, Membership.organisation_id == organisation_id, Membership.ended_at.is_(None)
        )
    )
    if membership is None:
        return Actor(user_id=user.id, name=user.name)
    unit = membership.organisation
    return Actor(
        user_id=user.id,
        name=user.name,
        organisation_id=unit.id,
        organisation_kind=str(unit.kind),
        organisation_name=unit.full_name,
        role=str(membership.role),
        is_verified=unit.is_verified,
        district_code=unit.district_code,
    )
