"""Questions about organisations and people."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import or_, select

from kcz_match.accounts.models import Membership, Organisation, OrganisationAlias, User
from kcz_match.accounts.states import OrganisationKind, OrganisationState
from kcz_match.core.db import db
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
    query = select(Organisation).order_by(Organisation.kind, Organisation.district_code, Organisation.id)
    if kind:
        query = query.where(Organisation.kind == OrganisationKind(kind))
    if state:
        query = query.where(Organisation.state == OrganisationState(state))
    if text:
        aliases = select(OrganisationAlias.organisation_id).where(OrganisationAlias.name.contains(text, autoescape=True))
        query = query.where(or_(
            Organisation.full_name.contains(text, autoescape=True), Organisation.short_name.contains(text, autoescape=True),
            Organisation.credit_code == text.upper(), Organisation.id.in_(aliases),
        ))
    return db.session.scalars(query).all()


def office() -> Organisation | None:
    """Return the Office, None before it was set up."""
    return db.session.scalar(select(Organisation).where(Organisation.kind == OrganisationKind.OFFICE))


def association_of(district_code: str) -> Organisation | None:
    """Return the 区科协 that acts for a district, None when it is not registered."""
    return db.session.scalar(select(Organisation).where(
        Organisation.kind == OrganisationKind.DISTRICT, Organisation.district_code == district_code))


def user_by_email(email: str) -> User | None:
    """Return the person who signs in with this address; letter case does not matter."""
    return db.session.scalar(select(User).where(User.email == email.strip().lower()))


def user_by_key(key: str) -> User:
    """Return the person with this key, or raise ``NotFound``."""
    found = db.session.scalar(select(User).where(User.key == key))
    if found is None:
        raise NotFound
    return found


def live_memberships(user: User) -> list[Membership]:
    """Return the person's memberships that have not ended, oldest first."""
    return list(db.session.scalars(
        select(Membership).where(Membership.user_id == user.id, Membership.ended_at.is_(None)).order_by(Membership.id)))


def actor_for(user: User, organisation_id: int | None) -> Actor:
    """Return who ``user`` is when acting for an organisation; without a live membership there, nobody's member."""
    membership = db.session.scalar(select(Membership).where(
        Membership.user_id == user.id, Membership.organisation_id == organisation_id, Membership.ended_at.is_(None)))
    if membership is None:
        return Actor(user_id=user.id, name=user.name)
    unit = membership.organisation
    return Actor(
        user_id=user.id, name=user.name, organisation_id=unit.id, organisation_kind=str(unit.kind),
        organisation_name=unit.full_name, role=str(membership.role), is_verified=unit.is_verified,
        district_code=unit.district_code,
    )
