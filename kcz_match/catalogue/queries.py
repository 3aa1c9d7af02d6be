"""Questions about needs and capabilities.  Lists come from ``*_visible_to``; one test compares them with the rules."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, and_, false, func, or_, select, true
from sqlalchemy.orm import selectinload

from kcz_match.accounts.models import Organisation
from kcz_match.catalogue.models import Capability, Consent, Need, NeedBatch
from kcz_match.catalogue.states import (
    LISTED_CAPABILITY_STATES,
    LISTED_NEED_STATES,
    OPEN_NEED_STATES,
    CapabilityState,
    NeedState,
)
from kcz_match.core import policy
from kcz_match.core.db import db
from kcz_match.core.errors import NotFound
from kcz_match.core.policy import Actor
from kcz_match.selection.queries import certified_ids


def needs_visible_to(actor: Actor) -> Select[tuple[Need]]:
    """Return the query of needs that ``actor`` may know of: the same answer as the rule ``need.read``, in SQL."""
    listed = and_(Need.state.in_(LISTED_NEED_STATES), Need.organisation_id.in_(certified_ids()))
    return (
        select(Need)
        .options(selectinload(Need.organisation))
        .where(or_(listed, _needs_of_own_side(actor), _consented(Need, actor)))
    )


def needs_on_own_side(actor: Actor) -> Select[tuple[Need]]:
    """Return the query of needs that ``actor`` reads whole: its own, its district's, or for the Office all."""
    return select(Need).options(selectinload(Need.organisation)).where(_needs_of_own_side(actor))


def open_needs() -> Select[tuple[Need]]:
    """Return the query of needs that may be matched now: open and of certified organisations."""
    return select(Need).where(Need.state.in_(OPEN_NEED_STATES), Need.organisation_id.in_(certified_ids()))


def capabilities_visible_to(actor: Actor) -> Select[tuple[Capability]]:
    """Return the query of capabilities that ``actor`` may know of: the same answer as ``capability.read``, in SQL."""
    return (
        select(Capability)
        .options(selectinload(Capability.organisation))
        .where(or_(_capability_listed(), _capabilities_of_own_side(actor), _consented(Capability, actor)))
    )


def capabilities_on_own_side(actor: Actor) -> Select[tuple[Capability]]:
    """Return the query of capabilities that ``actor`` reads whole: its own, those it approves; the Office all."""
    return select(Capability).options(selectinload(Capability.organisation)).where(_capabilities_of_own_side(actor))


def listed_capabilities() -> Select[tuple[Capability]]:
    """Return the query of capabilities that may be matched now."""
    return select(Capability).where(_capability_listed())


def need_by_key(key: str, actor: Actor) -> Need:
    """Return the need with this key if ``actor`` may know of it, otherwise raise ``NotFound``."""
    need = db.session.scalar(select(Need).where(Need.key == key))
    if need is None or not policy.can(actor, "need.read", need):
        raise NotFound
    return need


def capability_by_key(key: str, actor: Actor) -> Capability:
    """Return the capability with this key if ``actor`` may know of it, otherwise raise ``NotFound``."""
    capability = db.session.scalar(select(Capability).where(Capability.key == key))
    if capability is None or not policy.can(actor, "capability.read", capability):
        raise NotFound
    return capability


def consents_of(actor: Actor, records: Sequence[Need | Capability]) -> set[tuple[str, int]]:
    """Return (kind, id) of those records whose after-consent fields the actor's organisation was granted."""
    if actor.organisation_id is None:
        return set()
    ids = {kind: [one.id for one in records if one.lifecycle.kind == kind] for kind in ("need", "capability")}
    rows = select(Consent.subject_kind, Consent.subject_id).where(
        Consent.organisation_id == actor.organisation_id,
        or_(*(and_(Consent.subject_kind == kind, Consent.subject_id.in_(some)) for kind, some in ids.items())),
    )
    return {(kind, number) for kind, number in db.session.execute(rows)}


def batch_by_key(key: str, actor: Actor) -> NeedBatch:
    """Return an import batch of the actor's own organisation, otherwise raise ``NotFound``."""
    batch = db.session.scalar(select(NeedBatch).where(NeedBatch.key == key))
    if batch is None or not policy.can(actor, "need.edit", batch):
        raise NotFound
    return batch


def twins_of(need: Need, actor: Actor) -> Sequence[Need]:
    """Return the other needs of the same shared need that ``actor`` may know of."""
    if need.shared_need_id is None:
        return []
    others = needs_visible_to(actor).where(Need.shared_need_id == need.shared_need_id, Need.id != need.id)
    return db.session.scalars(others.order_by(Need.id)).all()


def needs_waiting_for(actor: Actor) -> Select[tuple[Need]]:
    """Return the query of needs on which ``actor``'s organisation must act now, the oldest first.

    Its own returned and expired ones; as 区科协 those submitted in its district; as Office those a district approved.
    """
    own = and_(Need.organisation_id == actor.organisation_id, Need.state.in_([NeedState.RETURNED, NeedState.EXPIRED]))
    conditions = [own]
    if actor.organisation_kind == "district" and policy.is_working(actor):
        conditions.append(and_(Need.district_code == actor.district_code, Need.state == NeedState.SUBMITTED))
    if policy.is_office(actor, None):
        conditions.append(Need.state == NeedState.DISTRICT_APPROVED)
    return (
        select(Need)
        .options(selectinload(Need.organisation), selectinload(Need.remarks))
        .where(or_(*conditions))
        .order_by(Need.state_since, Need.id)
    )


def capabilities_waiting_for(actor: Actor) -> Select[tuple[Capability]]:
    """Return the query of capabilities on which ``actor``'s organisation must act now, the oldest first."""
    own = and_(
        Capability.organisation_id == actor.organisation_id,
        Capability.state.in_([CapabilityState.RETURNED, CapabilityState.STALE]),
    )
    review = and_(Capability.approver_id == actor.organisation_id, Capability.state == CapabilityState.SUBMITTED)
    return (
        select(Capability)
        .options(selectinload(Capability.organisation))
        .where(or_(own, review))
        .order_by(Capability.state_since, Capability.id)
    )


def suppliers_in(industry: str, limit: int = 6) -> list[tuple[Organisation, int]]:
    """Return the organisations with most listed capabilities in an industry, and how many they have there."""
    entries = func.json_each(Capability.industries).table_valued("value")
    listed = (
        listed_capabilities()
        .with_only_columns(Capability.organisation_id)
        .where(select(1).select_from(entries).where(entries.c.value == industry).exists())
        .subquery()
    )
    rows = db.session.execute(
        select(Organisation, func.count())
        .join(listed, listed.c.organisation_id == Organisation.id)
        .group_by(Organisation.id)
        .order_by(func.count().desc(), Organisation.id)
        .limit(limit)
    ).all()
    return [(unit, number) for unit, number in rows]


def count(query: Select[tuple[Need]] | Select[tuple[Capability]]) -> int:
    """Return how many rows a query has."""
    return db.session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0


def counts_by_state(query: Select[tuple[Need]], state: object) -> dict[str, int]:
    """Return how many rows of ``query`` are in each state; ``state`` is the column."""
    inner = query.order_by(None).with_only_columns(state).subquery()  # type: ignore[call-overload]
    rows = db.session.execute(select(inner.c[0], func.count()).group_by(inner.c[0])).all()
    return {str(value): number for value, number in rows}


def next_number(model: type[Need] | type[Capability], prefix: str) -> int:
    """Return the next running number among codes that start with ``prefix``.

    Safe because writers hold the database's write lock from the start of their transaction.
    """
    codes = db.session.scalars(
        select(model.code)
        .where(model.code.startswith(prefix, autoescape=True))
        .order_by(func.length(model.code).desc(), model.code.desc())
        .limit(1)
    ).all()
    return int(codes[0].removeprefix(prefix)) + 1 if codes and codes[0] else 1


def _needs_of_own_side(actor: Actor):  # type: ignore[no-untyped-def]
    if policy.is_office(actor, None):
        return true()
    own = Need.organisation_id == actor.organisation_id if actor.organisation_id is not None else false()
    if actor.organisation_kind == "district" and actor.is_verified:
        return or_(own, and_(Need.district_code == actor.district_code, Need.submitted_at.is_not(None)))
    return own


def _capability_listed():  # type: ignore[no-untyped-def]
    verified = select(Organisation.id).where(Organisation.state == "verified")
    return and_(Capability.state.in_(LISTED_CAPABILITY_STATES), Capability.organisation_id.in_(verified))


def _capabilities_of_own_side(actor: Actor):  # type: ignore[no-untyped-def]
    if policy.is_office(actor, None):
        return true()
    if actor.organisation_id is None:
        return false()
    return or_(Capability.organisation_id == actor.organisation_id, Capability.approver_id == actor.organisation_id)


def _consented(model, actor: Actor):  # type: ignore[no-untyped-def]
    granted = select(Consent.subject_id).where(
        Consent.subject_kind == model.__tablename__, Consent.organisation_id == actor.organisation_id
    )
    return model.id.in_(granted) if actor.organisation_id is not None else false()
