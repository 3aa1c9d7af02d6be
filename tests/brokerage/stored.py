"""Stored lists and what followed on them, written straight into the tables, at chosen days."""

from __future__ import annotations

import datetime as dt
from typing import Any

from kcz_match.brokerage.models import MatchEntry, MatchList
from kcz_match.catalogue.models import Capability, Need
from kcz_match.core.db import db, utc_now
from kcz_match.engagements.models import Interest
from kcz_match.matching.models import MatchDecision


def ago(days: float) -> dt.datetime:
    """Return the moment so many days before now."""
    return utc_now() - dt.timedelta(days=days)


def store(asker: Need | Capability, answers: list[Any], days: float = 0, encoder: str = "e5", **more: Any) -> MatchList:
    """Store a list made so many days ago; an answer is a record, or (record, facts of its entry)."""
    kind = "need" if isinstance(asker, Need) else "capability"
    made = MatchList(
        kind=kind, record_id=asker.id, tier="own", text_hash="", encoder=encoder, generation=1, change=1,
        weights={}, filters=[], made_at=ago(days), **{"is_current": False} | more,
    )  # fmt: skip
    for rank, answer in enumerate(answers, 1):
        record, facts = answer if isinstance(answer, tuple) else (answer, {})
        score = facts.get("score", 10.0 - rank)
        usual = {"rank": rank, "score": score, "band": "strong", "failed": [], "evidence": {"open_score": score}}
        made.entries.append(MatchEntry(record_id=record.id, text_hash="", parts={}, **usual | facts))
    db.session.add(made)
    db.session.commit()
    return made


def decide(
    need: Need, capability: Capability, decision: str, days: float = 0, reason: str = "", by: Any = None
) -> MatchDecision:
    """Keep a decision of the need's organisation (or of ``by``) from so many days ago."""
    row = MatchDecision(
        need_id=need.id, capability_id=capability.id, organisation_id=by.id if by else need.organisation_id,
        decision=decision, reason=reason, at=ago(days),
    )  # fmt: skip
    db.session.add(row)
    db.session.commit()
    return row


def ask(
    need: Need, capability: Capability, days: float = 0, state: str = "sent", answered: float = 0, reason: str = ""
) -> Interest:
    """Keep an interest that the need's side sent so many days ago and the other answered later."""
    is_answered = state in ("accepted", "declined")
    row = Interest(
        need_id=need.id, capability_id=capability.id, asker_id=need.organisation_id,
        answerer_id=capability.organisation_id, cooperation="合作", about_us="我们", state=state, sent_at=ago(days),
        due_at=ago(days - 5), decided_at=ago(answered) if is_answered else None,
        decided_by=1 if is_answered else None, reason=reason,
    )  # fmt: skip
    db.session.add(row)
    db.session.commit()
    return row
