"""What became of the pairs that stored lists suggested, and why pairs were refused: counts, and the pairs behind them.

**How a pair is counted.**  A pair is suggested when it stands in a stored list (of either record) without a failed
filter and without having been turned away for lack of capacity, at least 可谈; only the figures by band count weak ones
too.  However many lists repeat it, it counts once: at its place among the suggested, in the band and on the day of the
first list that shows it within the choice.  It does not count when somebody
had already decided on it, or asked about it, before that list.  What happens within ``FOLLOW_DAYS`` days of that list
is what followed.  Comparing encoders, each encoder's first list counts for it.

**A hit** is a pair that either side adopted, or about which an interest was sent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)

from kcz_match.brokerage.models import MatchEntry, MatchList
from kcz_match.catalogue.models import Capability, Need
from kcz_match.core.db import db
from kcz_match.engagements.models import Interest
from kcz_match.engagements.states import InterestState
from kcz_match.matching.models import MatchDecision
from kcz_match.matching.reasons import Decision

FOLLOW_DAYS = 30
LAST_RANK = 10
BEYOND = LAST_RANK + 1
WEAK = "weak"
SIDES = ("need", "capability", "broker")
DIMENSIONS = ("rank", "encoder", "industry", "band", "week")
OUTCOMES = ("hit", "adopted", "asked", "accepted", "refused")


@dataclass(frozen=True)
class Choice:
    """Which lists are looked at: made from ``since`` until ``until``, by one encoder, for needs of one district."""

    since: dt.datetime
    until: dt.datetime
    encoder: str = ""
    district: str = ""


@dataclass(frozen=True)
class Tally:
    """How many pairs were suggested, what followed, and for how many the time of following is not over (``open``)."""

    suggested: int = 0
    hit: int = 0
    adopted: int = 0
    asked: int = 0
    accepted: int = 0
    refused: int = 0
    open: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Add count by count."""
        return Tally(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Tally)))

    @property
    def rate(self) -> float | None:
        """The share of hits; None when nothing was suggested."""
        return self.hit / self.suggested if self.suggested else None


@dataclass(frozen=True)
class Hits:
    """Tallies of one choice: together, and by each of ``DIMENSIONS`` (value -> tally, in order of the value)."""

    total: Tally
    by: dict[str, dict[Any, Tally]]


@dataclass(frozen=True)
class Refusals:
    """How often one code was given, by each of ``SIDES``."""

    code: str
    need: int = 0
    capability: int = 0
    broker: int = 0

    @property
    def total(self) -> int:
        """By whomever."""
        return self.need + self.capability + self.broker


def is_suggested() -> ColumnElement[bool]:
    """Return the condition on a ``MatchEntry`` that somebody was shown it as a suggestion."""
    return and_(
        func.json_array_length(MatchEntry.failed) == 0,
        or_(MatchEntry.holds_slot.is_(None), MatchEntry.holds_slot),
        MatchEntry.band != "none",
    )


def pair_columns() -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Return the need's and the capability's id of an entry joined with its list, whichever of the two asked."""
    asked_by_need = MatchList.kind == "need"
    return (
        case((asked_by_need, MatchList.record_id), else_=MatchEntry.record_id).label("need_id"),
        case((asked_by_need, MatchEntry.record_id), else_=MatchList.record_id).label("capability_id"),
    )


def encoders() -> list[str]:
    """Return the encoders that ever made a stored list, in the order of their names."""
    return list(db.session.scalars(select(MatchList.encoder).distinct().order_by(MatchList.encoder)))


def hits(choice: Choice) -> Hits:
    """Return what became of the pairs suggested within a choice, together and by every dimension, in one query."""
    found = _followed(choice)
    sums = [func.count(), *(func.coalesce(func.sum(found.c[name], type_=Integer), 0) for name in (*OUTCOMES, "open"))]
    together = select(literal("").label("dimension"), literal(None).label("value"), *sums).where(*_counting(found, ()))
    each = [
        select(literal(name), found.c[name], *sums).where(*_counting(found, (name,))).group_by(found.c[name])
        for name in DIMENSIONS
    ]
    by: dict[str, dict[Any, Tally]] = {name: {} for name in DIMENSIONS}
    for dimension, value, *counts in db.session.execute(union_all(together, *each)):
        by.setdefault(dimension, {})[value] = Tally(*counts)
    return Hits(by.pop("")[None], {name: dict(sorted(tallies.items())) for name, tallies in by.items()})


def pairs(choice: Choice, narrowed: dict[str, Any], outcome: str = "") -> Select[Any]:
    """Return the query of the pairs behind a number of ``hits``, newest first.

    ``narrowed`` gives values of ``DIMENSIONS``, ``outcome`` one of ``OUTCOMES``, '' for all that were suggested.  Rows
    have need_id, capability_id, rank (not capped), band, encoder, made_at, and 0 or 1 for each outcome.
    """
    found = _followed(choice)
    query = select(found).where(*_counting(found, narrowed)).order_by(found.c.made_at.desc(), found.c.entry_id.desc())
    for name, value in narrowed.items():
        query = query.where(found.c[name] == value)
    return query.where(found.c[outcome] == 1) if outcome else query


def refusal_counts(choice: Choice) -> list[Refusals]:
    """Return how often each code was given, the most frequent first."""
    found = refusals(choice).order_by(None).subquery()
    rows = db.session.execute(select(found.c.code, found.c.side, func.count()).group_by(found.c.code, found.c.side))
    counts: dict[str, dict[str, int]] = {}
    for code, side, count in rows:
        counts.setdefault(code, {})[side] = count
    return sorted((Refusals(code, **sides) for code, sides in counts.items()), key=lambda one: (-one.total, one.code))


def refusals(choice: Choice, code: str = "", side: str = "") -> Select[Any]:
    """Return the query of refusals in the time of a choice, newest first: decisions and declined interests alike.

    An organisation that gave one code for one pair twice counts once.  Rows have need_id, capability_id,
    organisation_id, code, side, at.
    """
    given = _refusals_given(choice)
    who = case(
        (given.c.organisation_id == Need.organisation_id, "need"),
        (given.c.organisation_id == Capability.organisation_id, "capability"),
        else_="broker",
    ).label("side")
    query = (
        select(given, who)
        .join(Need, Need.id == given.c.need_id)
        .join(Capability, Capability.id == given.c.capability_id)
        .order_by(given.c.at.desc(), given.c.need_id, given.c.capability_id)
    )
    if choice.district:
        query = query.where(Need.district_code == choice.district)
    if code:
        query = query.where(given.c.code == code)
    return query.where(who == side) if side else query


def _refusals_given(choice: Choice) -> Subquery:
    decided = select(
        MatchDecision.need_id,
        MatchDecision.capability_id,
        MatchDecision.organisation_id,
        MatchDecision.reason,
        MatchDecision.at,
    ).where(
        MatchDecision.decision == Decision.REFUSE, MatchDecision.at >= choice.since, MatchDecision.at < choice.until
    )
    declined = select(
        Interest.need_id, Interest.capability_id, Interest.answerer_id, Interest.reason, Interest.decided_at
    ).where(
        Interest.state == InterestState.DECLINED,
        Interest.decided_at >= choice.since,
        Interest.decided_at < choice.until,
    )
    both = union_all(decided, declined).subquery("refusal")
    keys = (both.c.need_id, both.c.capability_id, both.c.organisation_id, both.c.reason.label("code"))
    query = select(*keys, func.min(both.c.at, type_=MatchDecision.at.type).label("at")).group_by(*keys)
    if choice.encoder:
        named = select(*pair_columns()).join_from(MatchEntry, MatchList).where(MatchList.encoder == choice.encoder)
        shown = named.where(is_suggested()).distinct().subquery()
        same = and_(shown.c.need_id == both.c.need_id, shown.c.capability_id == both.c.capability_id)
        query = query.join(shown, same)
    return query.subquery("given")


def _counting(found: CTE, dimensions: Collection[str]) -> list[ColumnElement[bool]]:
    """Return what counts by these dimensions: only by encoder more than one list, only by band weak pairs."""
    first = [] if "encoder" in dimensions else [found.c.is_first == 1]
    return first if "band" in dimensions else [*first, found.c.band != WEAK]


def _followed(choice: Choice) -> CTE:
    """Return one row for each pair and encoder that counts, with 0 or 1 for each outcome."""
    first = _first_lists(choice)
    followed = _outcomes(first)
    capped = case((first.c.place > LAST_RANK, BEYOND), else_=first.c.place).label("rank")
    is_open = first.c.made_at > choice.until - dt.timedelta(days=FOLLOW_DAYS)
    return (
        select(
            *(column for column in first.c if column.name != "nth"),
            capped,
            case((first.c.nth == 1, 1), else_=0).label("is_first"),
            *(func.coalesce(followed.c[name], 0).label(name) for name in OUTCOMES),
            case((is_open, 1), else_=0).label("open"),
        )
        .outerjoin(followed, followed.c.entry_id == first.c.entry_id)
        .where(func.coalesce(followed.c.was_known, 0) == 0)
        .cte("followed")
        .prefix_with("MATERIALIZED")
    )


def _outcomes(first: CTE) -> CTE:
    """Return one row for each entry about whose pair anything was ever done, with 0 or 1 for each outcome.

    ``was_known`` says that it was done before the list was made.
    """
    event = _events()
    is_after = and_(event.c.at >= first.c.made_at, event.c.at < _end(first.c.made_at))

    def came(name: str, *deeds: str) -> ColumnElement[int]:
        return func.max(case((and_(event.c.deed.in_(deeds), is_after), 1), else_=0)).label(name)

    same = and_(event.c.need_id == first.c.need_id, event.c.capability_id == first.c.capability_id)
    return (
        select(
            first.c.entry_id,
            func.max(event.c.at < first.c.made_at).label("was_known"),
            came("hit", "adopt", "asked"),
            came("adopted", "adopt"),
            came("asked", "asked"),
            came("accepted", "accepted"),
            came("refused", "refuse"),
        )
        .join_from(first, event, same)
        .group_by(first.c.entry_id)
        .cte("outcome")
    )


def _first_lists(choice: Choice) -> CTE:
    """Return each encoder's first suggested entry of each pair, numbered (``nth``) among all lists of the pair."""
    need_id, capability_id = pair_columns()
    pair = (need_id, capability_id, MatchEntry.band == WEAK)
    listed = (
        select(
            MatchEntry.id.label("entry_id"),
            need_id,
            capability_id,
            _number((MatchList.id,), MatchEntry.rank).label("place"),
            MatchEntry.band,
            MatchList.encoder,
            MatchList.made_at,
            _monday(MatchList.made_at).label("week"),
            Need.industry,
            _number(pair, MatchList.made_at, MatchEntry.id).label("nth"),
            _number((*pair, MatchList.encoder), MatchList.made_at, MatchEntry.id).label("nth_of_encoder"),
        )
        .join_from(MatchEntry, MatchList)
        .join(Need, Need.id == need_id)
        .where(is_suggested(), MatchList.made_at >= choice.since, MatchList.made_at < choice.until)
    )
    if choice.encoder:
        listed = listed.where(MatchList.encoder == choice.encoder)
    if choice.district:
        listed = listed.where(Need.district_code == choice.district)
    found = listed.subquery("listed")
    return (
        select(*(column for column in found.c if column.name != "nth_of_encoder"))
        .where(found.c.nth_of_encoder == 1)
        .cte("first")
        .prefix_with("MATERIALIZED")
    )


def _number(within: tuple[Any, ...], *order: Any) -> ColumnElement[int]:
    return func.row_number().over(partition_by=within, order_by=order)


def _events() -> CTE:
    """Return everything that anybody ever did about a pair: need_id, capability_id, at, deed."""
    asked = select(
        Interest.need_id, Interest.capability_id, Interest.sent_at.label("at"), literal("asked").label("deed")
    )
    answered = select(
        Interest.need_id,
        Interest.capability_id,
        Interest.decided_at,
        case((Interest.state == InterestState.ACCEPTED, "accepted"), else_="refuse"),
    ).where(Interest.decided_at.is_not(None))
    decided = select(MatchDecision.need_id, MatchDecision.capability_id, MatchDecision.at, MatchDecision.decision)
    return union_all(asked, answered, decided).cte("event")


def _end(moment: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the end of the time of following, as SQLite writes it."""
    return func.datetime(moment, f"+{FOLLOW_DAYS} days")


def _monday(moment: Any) -> ColumnElement[str]:
    """Return the Monday (ISO text) of a moment's week in China."""
    return func.date(moment, "+8 hours", "weekday 0", "-6 days")
