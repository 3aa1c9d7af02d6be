"""The list that people see: the matches of a record with what brokers, places and refusals add to it.

Who vetoes a pair is nobody's business but the vetoer's: for everybody else the pair is not there, in no group and in no
count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from sqlalchemy import select, text
from sqlalchemy.orm import aliased

from kcz_match.accounts.models import Organisation
from kcz_match.brokerage import places
from kcz_match.brokerage.exposure import FLOOR
from kcz_match.brokerage.feedback import EFFECTS, Signal, penalties
from kcz_match.brokerage.lists import MOST_ENTRIES, OTHER, current_list
from kcz_match.brokerage.models import MatchEntry, MatchList, MatchPin, MatchVeto
from kcz_match.brokerage.ordering import Standing, arrange
from kcz_match.brokerage.remarks import Remarks, remarks_about
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.visibility import Record
from kcz_match.core import policy
from kcz_match.core.db import db
from kcz_match.core.policy import Actor
from kcz_match.engagements.models import Interest
from kcz_match.engagements.queries import OPEN_STATES
from kcz_match.matching import explanation, queries, ranking
from kcz_match.matching.documents import MEMBERS, PUBLIC
from kcz_match.matching.engine import engine
from kcz_match.matching.explaining import explain_all
from kcz_match.matching.filters import FilterResult
from kcz_match.matching.models import SEARCHED, Vector
from kcz_match.matching.queries import Match
from kcz_match.matching.vectors import from_bytes

PLACES, FEEDBACK = "places", "feedback"
OWN_LIMIT, FRESH_LIMIT = 4, 5
Row = TypeVar("Row", MatchPin, MatchVeto)


@dataclass(frozen=True)
class Pinned:
    """Who put a pair at the top of the list, and why."""

    who: str
    reason: str


@dataclass(frozen=True)
class Suggestion:
    """One pair as it is shown: the match, who pinned it, what people say about it, and whether it is new."""

    match: Match
    pins: tuple[Pinned, ...] = ()
    remarks: Remarks = Remarks()
    is_newcomer: bool = False


@dataclass(frozen=True)
class Recommended:
    """The list of one record for one viewer, in groups; ``stored`` is the list that stands behind it, if one does."""

    shown: list[Suggestion]
    excluded: list[Suggestion]
    refused: list[Suggestion]
    vetoed: list[Suggestion]
    stored: MatchList | None

    def every(self) -> list[Suggestion]:
        """Return the suggestions of all groups."""
        return [*self.shown, *self.excluded, *self.refused, *self.vetoed]

    def filter_counts(self) -> list[tuple[str, int, int]]:
        """Return (filter, passing, excluded) over the candidates, in the order of the filter table."""
        counts: dict[str, list[int]] = {}
        for one in (*self.shown, *self.excluded, *self.refused):
            for line in one.match.filters:
                counts.setdefault(line.name, [0, 0])[not line.passed] += 1
        return [(name, passed, failed) for name, (passed, failed) in counts.items()]


@dataclass(frozen=True)
class Fresh:
    """A match to look at on the home page."""

    match: Match
    own: Record
    quote: str


def recommended_for(record: Record, actor: Actor) -> Recommended:
    """Return the list of a need or a capability for ``actor``, with all that brokerage adds to the matches."""
    pins, vetoes = _pins_of(record), _rows_of(MatchVeto, record)
    found = queries.candidates_of(record, actor, also=list(pins)).pairs
    found = [one for one in found if not _is_gone(vetoes.get(_partner(one), []), actor)]
    found = _lowered(record, found, actor)
    stored = current_list(record.lifecycle.kind, record.id)
    if isinstance(record, Need):
        found = _with_places(record, found, stored, pins)
    fresh = {entry.record_id for entry in stored.entries if entry.is_newcomer} if stored else set()
    said = remarks_about(found, actor)
    every = [
        Suggestion(
            one,
            tuple(Pinned(unit.name, row.reason) for row, unit in pins.get(_partner(one), ())),
            said[one.need.id, one.capability.id],
            _partner(one) in fresh,
        )
        for one in found
    ]
    vetoed = [one for one in every if _partner(one.match) in vetoes]
    refused = [one for one in every if one not in vetoed and one.match.is_refused]
    rest = [one for one in every if one not in vetoed and one not in refused and (one.match.band != "none" or one.pins)]
    shown = _arranged(record, [one for one in rest if one.match.passes])
    return Recommended(shown, [one for one in rest if not one.match.passes], refused, vetoed, stored)


def side_for(need: Need, capability: Capability, actor: Actor) -> Record:
    """Return the record of a pair in whose list the actor looks: the own one, otherwise one that they broker."""
    sides: list[Record] = [need, capability]
    sides.sort(key=lambda record: record.organisation_id != actor.organisation_id)
    return next((record for record in sides if policy.can(actor, "match.read", record)), sides[0])


def suggestion_of(need: Need, capability: Capability, actor: Actor) -> Suggestion | None:
    """Return one pair as it stands in the list of the actor's side; None when it is not in it."""
    listed = recommended_for(side_for(need, capability, actor), actor)
    pair = (need.id, capability.id)
    return next((one for one in listed.every() if (one.match.need.id, one.match.capability.id) == pair), None)


def fresh_for(actor: Actor) -> list[Fresh]:
    """Return the best undecided match of each of the organisation's latest open records, the best bands first."""
    if policy.is_demand_side(actor, None):
        model, query = Need, catalogue.open_needs()
    elif policy.is_supply_side(actor, None):
        model, query = Capability, catalogue.listed_capabilities()  # type: ignore[assignment]
    else:
        return []
    own = db.session.scalars(
        query.where(model.organisation_id == actor.organisation_id).order_by(model.published_at.desc()).limit(OWN_LIMIT)
    ).all()
    best = [(record, match) for record in own if (match := _best_undecided(record, actor))]
    best.sort(key=lambda pair: pair[1].band != "strong")
    return [Fresh(match, record, _quote(match, record, actor)) for record, match in best[:FRESH_LIMIT]]


def _best_undecided(record: Record, actor: Actor) -> Match | None:
    shown = recommended_for(record, actor).shown
    return next((one.match for one in shown if one.match.decision is None and one.match.band in places.WORTH), None)


def _quote(match: Match, own: Record, actor: Actor) -> str:
    pairs = explain_all([match], actor)[0].pairs
    if not pairs:
        return ""
    told = next((pair for pair in pairs if pair.label == explanation.GRID[0].label), pairs[0])
    return told.capability_quote if isinstance(own, Need) else told.need_quote


def _partner(match: Match) -> int:
    return match.scored.record_id


def _rows_of(model: type[Row], record: Record) -> dict[int, list[tuple[Row, Organisation]]]:
    """Return the rows about a record's pairs with their organisations, by partner."""
    mine, other = (model.need_id, "capability_id") if isinstance(record, Need) else (model.capability_id, "need_id")
    found: dict[int, list[tuple[Row, Organisation]]] = defaultdict(list)
    rows = select(model, Organisation).join(Organisation, Organisation.id == model.organisation_id)
    for row, unit in db.session.execute(rows.where(mine == record.id).order_by(model.id)):
        found[getattr(row, other)].append((row, unit))
    return found


def _pins_of(record: Record) -> dict[int, list[tuple[MatchPin, Organisation]]]:
    """Return the pins that lift pairs in this record's list: of the Office and the need's 区科协, and of its own side.

    An owner or a society lifts a pair in the list of its own record only, never in that of the other side.
    """
    own_side = {record.organisation_id, getattr(record, "approver_id", None)}
    found = _rows_of(MatchPin, record)
    needs = {row.need_id for rows in found.values() for row, _ in rows}
    codes = dict(db.session.execute(select(Need.id, Need.district_code).where(Need.id.in_(needs))).all())
    lifting = {
        partner: [
            (row, unit)
            for row, unit in rows
            if unit.kind == "office"
            or unit.id in own_side
            or (unit.kind == "district" and unit.district_code == codes[row.need_id])
        ]
        for partner, rows in found.items()
    }
    return {partner: rows for partner, rows in lifting.items() if rows}


def _is_gone(vetoes: Sequence[tuple[MatchVeto, Organisation]], actor: Actor) -> bool:
    """Say whether others vetoed a pair; one that the viewer vetoed too stays where the viewer put it."""
    by = {row.organisation_id for row, _ in vetoes}
    return bool(by) and actor.organisation_id not in by


def _lowered(record: Record, found: list[Match], actor: Actor) -> list[Match]:
    """Return the matches with what is like a refused one lowered, as ``feedback`` says; the score names the part."""
    codes = {
        _partner(one): one.decision.reason
        for one in found
        if one.is_refused and one.decision and EFFECTS[one.decision.reason].signal is Signal.ALIKE
    }
    if not codes:
        return found
    vectors = _vectors(record, actor, [_partner(one) for one in found])
    refused = [(partner, code) for partner, code in codes.items() if partner in vectors]
    rest = [_partner(one) for one in found if _partner(one) in vectors and _partner(one) not in codes]
    if not refused or not rest:
        return found
    rows = np.stack([vectors[partner] for partner, _ in refused])
    near = np.stack([vectors[partner] for partner in rest])
    lowered = penalties(rows, [code for _, code in refused], near, engine().encoder.background)
    by_partner = dict(zip(rest, lowered.tolist(), strict=True))
    return [_less(one, by_partner.get(_partner(one), 0.0)) for one in found]


def _less(match: Match, penalty: float) -> Match:
    if not penalty:
        return match
    scored = match.scored
    scored = replace(scored, score=scored.score - penalty, parts={**scored.parts, FEEDBACK: -penalty})
    return replace(match, scored=scored, band=ranking.band(scored))


def _vectors(record: Record, actor: Actor, ids: list[int]) -> dict[int, np.ndarray]:
    """Return the searched vectors of a record's partners."""
    rows = select(Vector.record_id, Vector.data).where(
        Vector.encoder == engine().encoder.name,
        Vector.kind == OTHER[record.lifecycle.kind],
        Vector.tier == (MEMBERS if policy.is_member(actor, None) else PUBLIC),
        Vector.record_id.in_(ids),
        Vector.is_live,
        text(SEARCHED),
    )
    return {record_id: from_bytes(data) for record_id, data in db.session.execute(rows)}


def _with_places(need: Need, found: list[Match], stored: MatchList | None, pins: Mapping[int, object]) -> list[Match]:
    """Return the matches with the line of the month's places, for capabilities that take only so many contacts.

    Two who are already talking need no place.  In a full list, what stands behind its last entry has none either.
    """
    months = places.monthly([_partner(one) for one in found])
    talking = set(
        db.session.scalars(
            select(Interest.capability_id).where(Interest.need_id == need.id, Interest.state.in_(OPEN_STATES))
        )
    )
    held = {entry.record_id: entry.holds_slot for entry in stored.entries} if stored else {}
    is_full = stored is not None and sum(not entry.failed for entry in stored.entries) >= MOST_ENTRIES
    return [
        one
        if (partner := _partner(one)) not in months or partner in talking or one.band not in places.WORTH
        else _with_line(one, months[partner], held.get(partner, False if is_full and partner not in pins else None))
        for one in found
    ]


def _with_line(match: Match, month: places.Monthly, holds: bool | None) -> Match:
    takes = f"每月可接 {month.capacity} 次，" if month.capacity else ""
    if not month.left:
        line = FilterResult("本月名额", False, f"{takes}本月名额已用完", code=PLACES)
    elif holds is False:
        line = FilterResult("本月名额", False, f"{takes}本月名额已优先给更匹配的需求", code=PLACES)
    else:
        line = FilterResult("本月名额", True, f"{takes}本月有名额", code=PLACES)
    return replace(match, filters=(*match.filters, line))


def _back_scores(record: Record, partners: list[int]) -> dict[int, float]:
    """Return the score that each partner's own list gives this record, by text that any member may read.

    A partner that has a list without this record gets the floor; one that has no list yet is left out.
    """
    entry, held = aliased(MatchEntry), aliased(MatchList)
    here = (held.kind == OTHER[record.lifecycle.kind], held.is_current, held.record_id.in_(partners))
    back = dict.fromkeys(db.session.scalars(select(held.record_id).where(*here)), FLOOR)
    rows = select(held.record_id, places.open_score(entry)).join(held, held.id == entry.list_id)
    back.update(db.session.execute(rows.where(*here, entry.record_id == record.id)).all())
    return back


def _arranged(record: Record, shown: list[Suggestion]) -> list[Suggestion]:
    back = _back_scores(record, [_partner(one.match) for one in shown])
    standings = [
        Standing(
            _partner(one.match),
            one.match.band,
            one.match.scored.score,
            back.get(_partner(one.match)),
            is_pinned=bool(one.pins),
            is_newcomer=one.is_newcomer,
        )
        for one in shown
    ]
    by_id = {_partner(one.match): one for one in shown}
    return [by_id[record_id] for record_id in arrange(standings)]
