"""Diagnoses of needs: made on demand, and by the clock for needs that stay open without a partner.

Nothing here commits.  A diagnosis is made with the eyes of the poster, whoever asks for it: it counts what the poster's
own list counts, and what happened since the need was last published.  Whom somebody avoids or vetoes is in no figure.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, or_, select

from kcz_match.brokerage.diagnosis import Advice, Diagnosis, Facts, diagnose
from kcz_match.brokerage.models import NeedDiagnosis
from kcz_match.brokerage.parts import parts_of, trial_cover
from kcz_match.brokerage.queries import Recommended, recommended_for
from kcz_match.catalogue import need_service
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.indicators import Verdict, compare
from kcz_match.catalogue.models import Need
from kcz_match.catalogue.states import NeedState
from kcz_match.catalogue.visibility import readable_rows, tiers_open_to
from kcz_match.core import audit, jobs, policy
from kcz_match.core.db import db, utc_now
from kcz_match.core.notify import notify
from kcz_match.core.policy import SYSTEM, Actor
from kcz_match.engagements.models import Interest
from kcz_match.engagements.states import InterestState
from kcz_match.matching import filters
from kcz_match.matching.models import MatchDecision
from kcz_match.matching.queries import Match
from kcz_match.matching.reasons import Decision
from kcz_match.matching.terms import capability_terms, need_terms

PATIENCE = dt.timedelta(days=30)
EACH = 5
WORTH = ("strong", "possible")
TASK = "diagnose_needs"
NEVER_TOLD = "avoid"
# What keeps a need from being clear, the weightiest first; other remarks of the coach come after, in form order.
WEIGHTY = (
    "no_problem",
    "problem_short",
    "problem_empty",
    "no_number",
    "no_indicator",
    "indicator_unreadable",
    "no_unit",
    "no_must",
    "no_owner",
)


def diagnosis_of(need: Need) -> Diagnosis:
    """Return why a need has no partner as things stand at this moment; nothing is kept."""
    return diagnose(facts_of(need))


def newest_diagnosis(need: Need, actor: Actor) -> NeedDiagnosis | None:
    """Return the last kept diagnosis of the present time open, for those who may read the need's matches."""
    if not policy.can(actor, "match.read", need) or not need.is_open:
        return None
    found = db.session.scalar(_kept(need).order_by(NeedDiagnosis.id.desc()).limit(1))
    return found if found is not None and found.at >= need.state_since else None


def diagnose_need(need: Need) -> NeedDiagnosis | None:
    """Keep a diagnosis and tell the poster; nothing while somebody is at it, who may yet make it needless."""
    facts = facts_of(need)
    found = diagnose(facts)
    if found.cause == "waiting":
        return None
    row = NeedDiagnosis(
        need_id=need.id,
        cause=found.cause,
        figures=_figures(facts, found),
        field=found.field,
        suggestion=found.suggestion,
        at=utc_now(),
    )
    db.session.add(row)
    audit.write(SYSTEM, "need.diagnose", need, after=found.cause)
    told = f"诊断：{found.label}，{found.reason}。建议：{found.suggestion}"
    notify(need.organisation_id, need, f"“{need.title}”公开 {facts.days} 天还没有对接上。{told}")
    return row


def diagnose_needs(after: int = 0) -> None:
    """Job: diagnose needs that are open for 30 days or were last diagnosed 30 days ago, a few at a time; then daily.

    ``after`` is the id of the last need that this round has looked at.
    """
    due = list(db.session.scalars(_due().where(Need.id > after).order_by(Need.id).limit(EACH)))
    for need in due:
        diagnose_need(need)
    if len(due) == EACH:
        jobs.leave(TASK, key=TASK, rank=1, after=due[-1].id)
    else:
        jobs.leave(TASK, key=TASK, rank=1, run_at=utc_now() + dt.timedelta(days=1), after=0)


def facts_of(need: Need) -> Facts:
    """Return what a diagnosis of this need rests on."""
    poster = _poster(need)
    listed = recommended_for(need, poster)
    interests = _interests(need)
    states = Counter(row.state for row in interests if row.answerer_id != need.organisation_id)
    advice = need_service.advice_on(need)
    weightiest = min(advice.warnings, key=lambda one: _weight(one.code), default=None)
    worth = [one.match for one in listed.shown if one.match.band in WORTH]
    asked = {row.capability_id for row in interests}
    trial = trial_cover(need, poster) if not worth and need.is_listed and not parts_of(need) else None
    return Facts(
        days=(utc_now() - need.state_since).days,
        terms=need_terms(need),
        strong=sum(match.band == "strong" for match in worth),
        possible=sum(match.band == "possible" for match in worth),
        left=sum(match.capability.id not in asked for match in worth),
        excluded=[(code, capability_terms(match.capability)) for code, match in _kept_out(listed)],
        clarity=advice.clarity,
        advice=Advice(weightiest.field, weightiest.sentence, weightiest.example) if weightiest else None,
        refusals=_refusals(need, interests),
        waiting=states[InterestState.SENT],
        to_answer=sum(row.state == InterestState.SENT for row in interests) - states[InterestState.SENT],
        accepted=sum(row.state == InterestState.ACCEPTED for row in interests) if _is_engaged(need) else 0,
        expired=states[InterestState.EXPIRED],
        unmet=_unmet(need, worth, poster),
        parts=len(trial.parts) if trial else 0,
        parts_found=trial.covered if trial else 0,
    )


def _kept(need: Need) -> Select[tuple[NeedDiagnosis]]:
    return select(NeedDiagnosis).where(NeedDiagnosis.need_id == need.id)


def _due() -> Select[tuple[Need]]:
    """Return the query of open needs whose patience is over; an accepted interest takes a need out of the open ones."""
    long_ago = utc_now() - PATIENCE
    lately = select(NeedDiagnosis.id).where(
        NeedDiagnosis.need_id == Need.id,
        NeedDiagnosis.at >= Need.state_since,
        NeedDiagnosis.at > long_ago,
    )
    return catalogue.open_needs().where(Need.state_since <= long_ago, ~lately.exists())


def _figures(facts: Facts, found: Diagnosis) -> dict[str, Any]:
    return {
        "days": facts.days,
        "reason": found.reason,
        "deed": found.deed,
        "strong": facts.strong,
        "possible": facts.possible,
        "left": facts.left,
        "excluded": dict(Counter(code for code, _ in facts.excluded)),
        "refusals": dict(facts.refusals),
        "expired": facts.expired,
        "clarity": facts.clarity,
    }


def _poster(need: Need) -> Actor:
    """Return an actor who reads what the poster's organisation reads and may do nothing."""
    unit = need.organisation
    return Actor(
        user_id=None,
        name=SYSTEM.name,
        organisation_id=unit.id,
        organisation_kind=str(unit.kind),
        organisation_name=unit.full_name,
        is_verified=unit.is_verified,
        district_code=unit.district_code,
    )


def _is_engaged(need: Need) -> bool:
    return need.state in (NeedState.ENGAGED, NeedState.CONTRACTED)


def _interests(need: Need) -> list[Interest]:
    """Return the interests about a need that are open or ended in its present time open; all while it is engaged."""
    rows = select(Interest).where(Interest.need_id == need.id)
    if not _is_engaged(need):
        is_recent = or_(Interest.state == InterestState.SENT, Interest.state_since >= need.state_since)
        rows = rows.where(is_recent)
    return list(db.session.scalars(rows))


def _refusals(need: Need, interests: Iterable[Interest]) -> Counter[str]:
    """Return how often each reason was given, once for each pair and organisation.

    What others noted down for themselves counts without a name; that somebody avoids the poster is not even counted.
    """
    given: dict[tuple[int, int], str] = {}
    decisions = select(MatchDecision).where(
        MatchDecision.need_id == need.id,
        MatchDecision.decision == Decision.REFUSE,
        MatchDecision.at >= need.state_since,
        or_(MatchDecision.organisation_id == need.organisation_id, MatchDecision.reason != NEVER_TOLD),
    )
    for row in db.session.scalars(decisions):
        given[row.capability_id, row.organisation_id] = row.reason
    for interest in interests:
        if interest.state == InterestState.DECLINED:
            given[interest.capability_id, interest.answerer_id] = interest.reason
    return Counter(given.values())


def _kept_out(listed: Recommended) -> list[tuple[str, Match]]:
    """Return the good answers that one hard filter alone keeps out, with its code."""
    found = []
    for one in listed.excluded:
        failed = [line.code for line in one.match.filters if not line.passed]
        if one.match.band in WORTH and len(failed) == 1 and failed[0] != filters.OPEN:
            found.append((failed[0], one.match))
    return found


def _unmet(need: Need, worth: Iterable[Match], poster: Actor) -> Counter[str]:
    """Return by the name of a must indicator how many answers say that they miss it."""
    counts: Counter[str] = Counter()
    for match in worth:
        rows = readable_rows(match.capability, tiers_open_to(poster, match.capability))
        verdicts = compare(need.rows, rows)
        counts.update(one.indicator.name for one in verdicts if one.indicator.must and one.verdict is Verdict.UNMET)
    return counts


def _weight(code: str) -> int:
    return WEIGHTY.index(code) if code in WEIGHTY else len(WEIGHTY)
