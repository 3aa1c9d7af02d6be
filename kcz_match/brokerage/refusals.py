"""Refusals as they stand in the database, and what follows from them (the table is ``feedback.EFFECTS``).

A refusal is a decision of an organisation or an interest that was declined.  Nothing is kept beside them: tasks and
signals are read off, and are gone when the record was edited, the decision taken back, or the month is over.  A task
never says who refused.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, Subquery, select, union_all
from sqlalchemy.orm import contains_eager

from kcz_match.brokerage import feedback
from kcz_match.brokerage.feedback import BROKER, CAPABILITY, EFFECTS, NEED, Refusal, Signal, Task
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.states import (
    EDITABLE_CAPABILITY_STATES,
    EDITABLE_NEED_STATES,
    LISTED_CAPABILITY_STATES,
    OPEN_NEED_STATES,
)
from kcz_match.catalogue.visibility import Record
from kcz_match.core import policy
from kcz_match.core.db import db
from kcz_match.core.policy import Actor
from kcz_match.engagements.models import Interest
from kcz_match.engagements.states import InterestState
from kcz_match.matching.models import MatchDecision
from kcz_match.matching.reasons import Decision

Todo = tuple[Record, tuple[Task, ...]]
IMPROVABLE: dict[type[Any], frozenset[Any]] = {
    Need: OPEN_NEED_STATES | EDITABLE_NEED_STATES,
    Capability: LISTED_CAPABILITY_STATES | EDITABLE_CAPABILITY_STATES,
}


def tasks_of(record: Record, actor: Actor) -> tuple[Task, ...]:
    """Return what refusals ask the owner of a record to do; nothing for anybody else."""
    if not policy.belongs_to_owner(actor, record):
        return ()
    model = type(record)
    return next((tasks for _, tasks in _todos(model, model.id == record.id)), ())


def tasks_waiting_for(actor: Actor) -> list[Todo]:
    """Return the actor's own records that refusals ask to be improved, with their tasks, in two queries."""
    if actor.organisation_id is None:
        return []
    return [
        todo for model in (Need, Capability) for todo in _todos(model, model.organisation_id == actor.organisation_id)
    ]


def full_capabilities(now: dt.datetime) -> set[int]:
    """Return the ids of capabilities without a place left until the month is over, in the words of their own side.

    To be read as ``capacity_left`` 0 of ``filters.CapabilityTerms``: the other filters and the score do not change.
    """
    given = _given()
    full = [code for code, effect in EFFECTS.items() if effect.signal is Signal.MONTH]
    rows = (
        select(given.c.capability_id)
        .join(Capability, Capability.id == given.c.capability_id)
        .where(
            given.c.code.in_(full),
            given.c.at >= feedback.month_began(now),
            given.c.organisation_id.in_([Capability.organisation_id, Capability.approver_id]),
        )
    )
    return set(db.session.scalars(rows))


def _given() -> Subquery:
    """Every refusal: which pair, by which organisation, with which code, when."""
    decided = select(
        MatchDecision.need_id,
        MatchDecision.capability_id,
        MatchDecision.organisation_id,
        MatchDecision.reason.label("code"),
        MatchDecision.at.label("at"),
    ).where(MatchDecision.decision == Decision.REFUSE)
    declined = select(
        Interest.need_id, Interest.capability_id, Interest.answerer_id, Interest.reason, Interest.decided_at
    ).where(Interest.state == InterestState.DECLINED)
    return union_all(decided, declined).subquery("given")


def _todos(model: Any, chosen: ColumnElement[bool]) -> list[Todo]:
    given = _given()
    rows = db.session.execute(
        select(
            model, given.c.code, given.c.at, given.c.organisation_id, Need.organisation_id, Capability.organisation_id
        )
        .select_from(given)
        .join(Need, Need.id == given.c.need_id)
        .join(Capability, Capability.id == given.c.capability_id)
        .join(model.organisation)
        .options(contains_eager(model.organisation))
        .where(chosen, model.state.in_(IMPROVABLE[model]), given.c.at > model.saved_at)
        .order_by(model.id)
    ).all()
    found: dict[int, tuple[Record, list[Refusal]]] = {}
    for record, code, at, who, asker, offerer in rows:
        by = NEED if who == asker else CAPABILITY if who == offerer else BROKER
        found.setdefault(record.id, (record, []))[1].append(Refusal(code, at, by))
    side = NEED if model is Need else CAPABILITY
    todos = [(record, feedback.open_tasks(side, refusals, record.saved_at)) for record, refusals in found.values()]
    return [todo for todo in todos if todo[1]]
