"""Verbs on matches.  Nothing here commits."""

from __future__ import annotations

from sqlalchemy import select

from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.parsing import clean
from kcz_match.catalogue.visibility import Record
from kcz_match.core import audit, policy
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Invalid, NotFound
from kcz_match.core.policy import Actor
from kcz_match.matching.models import MatchDecision
from kcz_match.matching.reasons import DECLINE_REASONS, Decision

LONGEST = 500


def decide(
    need: Need, capability: Capability, actor: Actor, decision: str, *, reason: str = "", sentence: str = ""
) -> MatchDecision:
    """Keep what the actor's organisation thinks of a proposed pair; the last decision stands.

    Owners and brokers of either side and the Office decide, each for itself; a refusal needs one of the twelve codes
    (``Invalid``).  The other side is not told: this is a note to the ranking, not a message.
    """
    side_of(need, capability, actor, "match.decide")
    chosen = Decision(decision)
    if (chosen is Decision.REFUSE) != (reason in DECLINE_REASONS):
        raise Invalid({"reason": "请从列表里选一个不合适的原因。"})
    row = decision_of(need, capability, actor)
    if row is None:
        row = MatchDecision(need_id=need.id, capability_id=capability.id, organisation_id=actor.organisation_id)
        db.session.add(row)
    before = str(row.decision or "")
    row.user_id, row.decision, row.at = actor.user_id, chosen, utc_now()
    row.reason, row.sentence = reason if chosen is Decision.REFUSE else "", clean(sentence)[:LONGEST]
    audit.write(actor, "match.decide", row, before=before, after=str(chosen), reason=row.reason)
    return row


def undo_decision(need: Need, capability: Capability, actor: Actor) -> None:
    """Take the organisation's decision on a pair back."""
    side_of(need, capability, actor, "match.decide")
    row = decision_of(need, capability, actor)
    if row is not None:
        audit.write(actor, "match.undo_decision", row, before=str(row.decision))
        db.session.delete(row)


def decision_of(need: Need, capability: Capability, actor: Actor) -> MatchDecision | None:
    """Return what the actor's organisation decided about a pair, None as long as it has not."""
    return db.session.scalar(
        select(MatchDecision).where(
            MatchDecision.need_id == need.id,
            MatchDecision.capability_id == capability.id,
            MatchDecision.organisation_id == actor.organisation_id,
        )
    )


def side_of(need: Need, capability: Capability, actor: Actor, action: str) -> Record:
    """Return the record of a pair for which the actor may take ``action``: the own one before a brokered one.

    ``NotFound`` when the actor may not know of one of the two, ``Forbidden`` when it has a say on neither side.
    """
    if not (policy.can(actor, "need.read", need) and policy.can(actor, "capability.read", capability)):
        raise NotFound
    sides: list[Record] = [need, capability]
    sides.sort(key=lambda record: record.organisation_id != actor.organisation_id)
    found = next((record for record in sides if policy.can(actor, action, record)), None)
    if found is None:
        policy.require(actor, action, sides[0])
    return found or sides[0]
