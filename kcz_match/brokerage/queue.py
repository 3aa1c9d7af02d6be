"""Pairs that wait for an organisation's word: from the stored lists of the records that it owns or brokers.

A district, a park and an enterprise answer for needs, societies and service teams for capabilities, the Office for all
needs.  What the lists propose is checked against the records as they stand now; what the organisation decided is out,
and so is what anybody vetoed or an owner avoids, without a trace of why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import selectinload

from kcz_match.brokerage.models import MatchEntry, MatchList, MatchPin, MatchVeto
from kcz_match.brokerage.remarks import Keys, Remarks, remarks_about
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Capability, Need, NeedAvoid
from kcz_match.core import policy
from kcz_match.core.db import db
from kcz_match.core.errors import NotFound
from kcz_match.core.policy import Actor
from kcz_match.engagements import queries as engagements
from kcz_match.engagements.models import Interest
from kcz_match.matching import filters, queries
from kcz_match.matching.explaining import explain_all
from kcz_match.matching.explanation import Explanation
from kcz_match.matching.models import MatchDecision
from kcz_match.matching.queries import Match
from kcz_match.matching.ranking import LexicalMatch, Scored
from kcz_match.matching.service import decision_of
from kcz_match.matching.terms import capability_terms, need_terms

BANDS = ("strong", "possible", "weak")
WORTH = ("strong", "possible")
BY_CAPABILITY = frozenset({"society", "service_team"})
PINNED = MatchPin.id.is_not(None)
BOTH_SIDES = Actor(user_id=None, name="双方", organisation_id=0, is_verified=True)
LONGEST_QUOTE = 80
NOT_PROPOSED = "这一对现在不在推荐范围内：双方相距太远，或其中一条已经不再公开。"


@dataclass(frozen=True)
class Wanted:
    """What of the queue is asked for; '' means whatever there is, and without a band the weak ones are left out."""

    band: str = ""
    district: str = ""
    industry: str = ""
    text: str = ""
    only_pinned: bool = False


@dataclass(frozen=True)
class Row:
    """One pair with what a broker decides by."""

    match: Match
    why: Explanation
    remarks: Remarks
    interest_key: str = ""


def answers_for(actor: Actor) -> str:
    """Return the kind of record whose lists are the actor's queue: ``need`` or ``capability``."""
    return "capability" if actor.organisation_kind in BY_CAPABILITY else "need"


def waiting_entries(actor: Actor, wanted: Wanted = Wanted()) -> Select[tuple[MatchEntry]]:
    """Return the query of list entries that wait for the actor's organisation: pinned first, then band, then age."""
    place = case({band: number for number, band in enumerate(BANDS)}, value=MatchEntry.band)
    return (
        _joined(select(MatchEntry), actor)
        .where(*_is_waiting(actor), *_is_chosen(wanted), *_has_band(wanted))
        .order_by(PINNED.desc(), place, Need.published_at, MatchEntry.score.desc(), MatchEntry.id)
    )


def waiting_counts(actor: Actor, wanted: Wanted = Wanted()) -> dict[str, int]:
    """Return how many pairs wait, by band, and under ``pinned`` how many of them the organisation has pinned."""
    columns = select(MatchEntry.band, func.count(), func.sum(case((PINNED, 1), else_=0)))
    rows = db.session.execute(
        _joined(columns, actor).where(*_is_waiting(actor), *_is_chosen(wanted)).group_by(MatchEntry.band)
    ).all()
    found = {band: number for band, number, _ in rows if band in BANDS}
    return {band: found.get(band, 0) for band in BANDS} | {"pinned": sum(pinned for _, _, pinned in rows)}


def rows_of(entries: Sequence[MatchEntry], actor: Actor) -> list[Row]:
    """Return the rows of one page in the order of its entries, in as many queries for thirty as for one."""
    keys = _keys_of(entries)
    needs = _load(Need, [need for need, _ in keys], Need.indicators, Need.avoided, Need.organisation)
    offers = _load(Capability, [offer for _, offer in keys], Capability.claims, Capability.organisation)
    matches = [
        _match(needs[need], offers[offer], entry, actor) for entry, (need, offer) in zip(entries, keys, strict=True)
    ]
    said, whys = remarks_about(matches, actor), explain_all(matches, actor)
    return [Row(match, why, said[_key(match)]) for match, why in zip(matches, whys, strict=True)]


def row_of(need: Need, capability: Capability, actor: Actor) -> Row:
    """Return the row of one pair, decided or not; ``NotFound`` when no list of today proposes it to this actor."""
    match = _written(need, capability, actor) or _found(need, capability, actor)
    if match is None or (match.is_barred and not policy.can(actor, "need.read_own", need)):
        raise NotFound(NOT_PROPOSED)
    interest = engagements.open_interest(need, capability)
    is_readable = interest is not None and policy.can(actor, "interest.read", interest)
    key = interest.key if interest is not None and is_readable else ""
    return Row(match, explain_all([match], actor)[0], remarks_about([match], actor)[_key(match)], key)


def reason_for_both(match: Match) -> str:
    """Return why a pair fits in quoted words that both sides may read: what a broker's own note starts from."""
    pairs = explain_all([match], BOTH_SIDES)[0].pairs
    if not pairs:
        return ""
    return f"需求方说“{_cut(pairs[0].need_quote)}”，能力方说“{_cut(pairs[0].capability_quote)}”。"


def decided(actor: Actor) -> Select[tuple[MatchDecision]]:
    """Return the query of what the actor's organisation decided about pairs that it may still know of, newest first."""
    return _still_known(select(MatchDecision), MatchDecision, actor)


def vetoed(actor: Actor) -> Select[tuple[MatchVeto]]:
    """Return the query of the pairs that the actor's organisation vetoed and may still know of, newest first."""
    return _still_known(select(MatchVeto), MatchVeto, actor)


def pairs_of(rows: Sequence[MatchDecision | MatchVeto]) -> list[tuple[Need, Capability]]:
    """Return the two records of each row, in order."""
    needs = _load(Need, [row.need_id for row in rows], Need.organisation)
    offers = _load(Capability, [row.capability_id for row in rows], Capability.organisation)
    return [(needs[row.need_id], offers[row.capability_id]) for row in rows]


def _still_known(query: Any, model: Any, actor: Actor) -> Any:
    needs = catalogue.needs_visible_to(actor).with_only_columns(Need.id)
    offers = catalogue.capabilities_visible_to(actor).with_only_columns(Capability.id)
    return query.where(
        model.organisation_id == actor.organisation_id, model.need_id.in_(needs), model.capability_id.in_(offers)
    ).order_by(model.at.desc(), model.id.desc())


def _joined(query: Any, actor: Actor) -> Any:
    """Join the entries of the lists that the actor answers for with their two records and the organisation's pin."""
    asks, answers = (MatchList.record_id, MatchEntry.record_id)
    need_id, offer_id = (answers, asks) if answers_for(actor) == "capability" else (asks, answers)
    return (
        query.select_from(MatchEntry)
        .join(MatchList, MatchList.id == MatchEntry.list_id)
        .join(Need, Need.id == need_id)
        .join(Capability, Capability.id == offer_id)
        .outerjoin(
            MatchPin,
            and_(
                MatchPin.need_id == Need.id,
                MatchPin.capability_id == Capability.id,
                MatchPin.organisation_id == actor.organisation_id,
            ),
        )
        .where(MatchList.is_current, MatchList.kind == answers_for(actor))
    )


def _is_waiting(actor: Actor) -> list[ColumnElement[bool]]:
    own = (
        Capability.id.in_(catalogue.capabilities_on_own_side(actor).with_only_columns(Capability.id))
        if answers_for(actor) == "capability"
        else Need.id.in_(catalogue.needs_on_own_side(actor).with_only_columns(Need.id))
    )
    return [
        own,
        Need.id.in_(catalogue.open_needs().with_only_columns(Need.id)),
        Capability.id.in_(catalogue.listed_capabilities().with_only_columns(Capability.id)),
        Need.organisation_id != Capability.organisation_id,
        func.json_array_length(MatchEntry.failed) == 0,
        or_(MatchEntry.holds_slot.is_not(False), PINNED),
        ~_of_pair(MatchDecision, MatchDecision.organisation_id == actor.organisation_id),
        ~_of_pair(MatchVeto),
        ~_of_pair(Interest, Interest.state.in_(engagements.OPEN_STATES), *_knows_interest(actor)),
        ~select(NeedAvoid.need_id)
        .where(
            NeedAvoid.need_id == Need.id,
            NeedAvoid.organisation_id.in_([Capability.organisation_id, Capability.approver_id]),
        )
        .exists(),
    ]


def _of_pair(model: Any, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    pair = select(model.id).where(model.need_id == Need.id, model.capability_id == Capability.id, *conditions)
    return pair.correlate(Need, Capability).exists()


def _knows_interest(actor: Actor) -> list[ColumnElement[bool]]:
    if policy.is_office(actor, None):
        return []
    return [or_(Interest.asker_id == actor.organisation_id, Interest.answerer_id == actor.organisation_id)]


def _is_chosen(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.district:
        conditions.append(Need.district_code == wanted.district)
    if wanted.industry:
        conditions.append(Need.industry == wanted.industry)
    if wanted.text:
        titles = (record.title.contains(wanted.text, autoescape=True) for record in (Need, Capability))
        codes = (record.code == wanted.text.upper() for record in (Need, Capability))
        conditions.append(or_(*titles, *codes))
    return conditions


def _has_band(wanted: Wanted) -> list[ColumnElement[bool]]:
    if wanted.only_pinned:
        return [PINNED]
    return [MatchEntry.band == wanted.band if wanted.band else or_(MatchEntry.band.in_(WORTH), PINNED)]


def _keys_of(entries: Sequence[MatchEntry]) -> list[Keys]:
    ids = {entry.list_id for entry in entries}
    lists = {one.id: one for one in db.session.scalars(select(MatchList).where(MatchList.id.in_(ids)))}
    return [
        (lists[entry.list_id].record_id, entry.record_id)
        if lists[entry.list_id].kind == "need"
        else (entry.record_id, lists[entry.list_id].record_id)
        for entry in entries
    ]


def _load(model: Any, ids: Sequence[int], *related: Any) -> dict[int, Any]:
    query = select(model).where(model.id.in_(set(ids))).options(*(selectinload(one) for one in related))
    return {record.id: record for record in db.session.scalars(query)}


def _match(need: Need, capability: Capability, entry: MatchEntry, actor: Actor) -> Match:
    asked = need_terms(need, with_budget=policy.can(actor, "need.read_own", need))
    lines = tuple(filters.check(asked, capability_terms(capability)))
    terms = tuple((str(term), float(idf)) for term, idf in entry.evidence.get("terms", ()))
    scored = Scored(entry.record_id, entry.score, entry.parts, words=LexicalMatch(terms=terms))
    return Match(need, capability, scored, entry.band, lines)


def _written(need: Need, capability: Capability, actor: Actor) -> Match | None:
    """Return the pair as a current list of either record has it, the list the actor answers for before the other."""
    sides = {"need": (need.id, capability.id), "capability": (capability.id, need.id)}
    query = select(MatchEntry).join(MatchList, MatchList.id == MatchEntry.list_id).where(MatchList.is_current)
    for kind in sorted(sides, key=lambda kind: kind != answers_for(actor)):
        asks, answers = sides[kind]
        entry = db.session.scalar(
            query.where(MatchList.kind == kind, MatchList.record_id == asks, MatchEntry.record_id == answers)
        )
        if entry is not None:
            match = _match(need, capability, entry, actor)
            return Match(
                need, capability, match.scored, match.band, match.filters, decision_of(need, capability, actor)
            )
    return None


def _found(need: Need, capability: Capability, actor: Actor) -> Match | None:
    """Return the pair as the list of today has it, for lists that are not written down yet."""
    own = capability if answers_for(actor) == "capability" else need
    listed = queries.matches_of(own, actor)
    everything = (*listed.shown, *listed.excluded, *listed.refused)
    return next((one for one in everything if _key(one) == (need.id, capability.id)), None)


def _key(match: Match) -> Keys:
    return match.need.id, match.capability.id


def _cut(quote: str) -> str:
    return quote if len(quote) <= LONGEST_QUOTE else f"{quote[: LONGEST_QUOTE - 1]}…"
