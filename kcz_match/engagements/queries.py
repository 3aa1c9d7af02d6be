"""Questions about interests."""

from __future__ import annotations

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import selectinload

from kcz_match.catalogue.models import Capability, Need
from kcz_match.core import policy
from kcz_match.core.db import db
from kcz_match.core.errors import NotFound
from kcz_match.core.policy import Actor
from kcz_match.engagements.models import Interest
from kcz_match.engagements.states import InterestState

OPEN_STATES = (InterestState.SENT, InterestState.ACCEPTED)
BOTH_SIDES = tuple(
    selectinload(side) for side in (Interest.need, Interest.capability, Interest.asker, Interest.answerer)
)


def interests_visible_to(actor: Actor) -> Select[tuple[Interest]]:
    """Return the query of interests that ``actor`` may read: the same answer as ``interest.read``, in SQL."""
    query = select(Interest).options(*BOTH_SIDES).order_by(Interest.sent_at.desc(), Interest.id.desc())
    if policy.is_office(actor, None):
        return query
    return query.where(or_(Interest.asker_id == actor.organisation_id, Interest.answerer_id == actor.organisation_id))


def interest_by_key(key: str, actor: Actor) -> Interest:
    """Return the interest with this key if ``actor`` may read it, otherwise raise ``NotFound``."""
    interest = db.session.scalar(select(Interest).where(Interest.key == key))
    if interest is None or not policy.can(actor, "interest.read", interest):
        raise NotFound
    return interest


def open_interest(need: Need, capability: Capability) -> Interest | None:
    """Return the open (sent or accepted) interest between a need and a capability, if any."""
    return db.session.scalar(
        select(Interest).where(
            Interest.need_id == need.id, Interest.capability_id == capability.id, Interest.state.in_(OPEN_STATES)
        )
    )


def last_decline(need: Need, capability: Capability, actor: Actor) -> str:
    """Return the reason code of the last declined interest for a pair that ``actor`` may read, '' without one."""
    query = interests_visible_to(actor).where(
        Interest.need_id == need.id, Interest.capability_id == capability.id, Interest.state == InterestState.DECLINED
    )
    found = db.session.scalars(query.limit(1)).first()
    return found.reason if found else ""


def interests_waiting_for(actor: Actor) -> Select[tuple[Interest]]:
    """Return the query of interests that the actor's organisation must answer, the most urgent first."""
    return (
        select(Interest)
        .options(*BOTH_SIDES)
        .where(Interest.answerer_id == actor.organisation_id, Interest.state == InterestState.SENT)
        .order_by(Interest.due_at, Interest.id)
    )


def interests_of(record: Need | Capability, actor: Actor) -> list[Interest]:
    """Return the interests about a record that ``actor`` may read, newest first."""
    column = Interest.need_id if isinstance(record, Need) else Interest.capability_id
    return list(db.session.scalars(interests_visible_to(actor).where(column == record.id)))


def unanswered_count(organisation_id: int) -> tuple[int, int]:
    """Return (interests the organisation let expire, interests it was ever asked and whose time is over)."""
    asked = select(Interest.state).where(
        Interest.answerer_id == organisation_id,
        Interest.state.in_([InterestState.ACCEPTED, InterestState.DECLINED, InterestState.EXPIRED]),
    )
    states = list(db.session.scalars(asked))
    return states.count(InterestState.EXPIRED), len(states)


def late_interests() -> Select[tuple[Interest]]:
    """Return the query of interests that ended unanswered, newest first: silence has an owner."""
    return (
        select(Interest)
        .options(*BOTH_SIDES)
        .where(Interest.state == InterestState.EXPIRED)
        .order_by(Interest.due_at.desc())
    )
