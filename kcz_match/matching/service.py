"""Verbs on matches.  Nothing here commits."""

from __future__ import annotations

from sqlalchemy import select

from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.parsing import clean
from kcz_match.core import audit, policy
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Invalid
from kcz_match.core.policy import Actor
from kcz_match.matching.models import MatchDecision
from kcz_match.matching.reasons import DECLINE_REASONS, Decision

LONGEST = 500


def decide(
    need: Need, capability: Capability, actor: Actor, decision: str, *, reason: str = "", sentence: str = ""
) -> MatchDecision:
    """Keep what the actor's organisation thinks of a proposed pair; the last decision stands.

    Owners of either side decide for themselves; a refusal needs one of the twelve codes (``Invalid``).  The other
    side is not told: this is a note to the ranking, not a message.
    """
    own = need if need.organisation_id == actor.organisation_id else capability
    policy.require(actor, "match.decide", own)
    chosen = Decision(decision)
    if (chosen is Decision.REFUSE) != (reason in DECLINE_REASONS):
        raise Invalid({"reason": "请从列表里选一个不合适的原因。"})
    row = db.session.scalar(
        select(MatchDecision).where(
            MatchDecision.need_id == need.id,
            MatchDecision.capability_id == capability.id,
            MatchDecision.organisation_id == actor.organisation_id,
        )
    )
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
    own = need if need.organisation_id == actor.organisation_id else capability
    policy.require(actor, "match.decide", own)
    row = db.session.scalar(
        select(MatchDecision).where(
            MatchDecision.need_id == need.id,
            MatchDecision.capability_id == capability.id,
            MatchDecision.organisation_id == actor.organisation_id,
        )
    )
    if row is not None:
        audit.write(actor, "match.undo_decision", row, before=str(row.decision))
        db.session.delete(row)
