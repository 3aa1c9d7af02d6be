"""The places of this month: what is wanted, how many there are, and who holds one, from the current lists.

Only what passes the hard filters and reaches 可谈 is a suggestion, so only that takes a place.  The scores are those by
the text that any member may read: the places of one need must tell nothing of the hidden text of another.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select, update
from sqlalchemy.orm import aliased

from kcz_match.accounts.models import Organisation
from kcz_match.brokerage import exposure
from kcz_match.brokerage.exposure import FLOOR, Shared, Wish, mutual
from kcz_match.brokerage.feedback import month_began
from kcz_match.brokerage.lists import reading_first
from kcz_match.brokerage.models import MatchEntry, MatchList, MatchPin
from kcz_match.brokerage.refusals import full_capabilities
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Capability, Need
from kcz_match.core.db import db, utc_now
from kcz_match.engagements.models import Interest
from kcz_match.engagements.states import InterestState
from kcz_match.matching.models import MatchDecision
from kcz_match.matching.reasons import Decision

WORTH = ("strong", "possible")
BROKERS_OF_NEEDS = ("district", "office")
FRESH = dt.timedelta(days=60)
MOST_AT_ONCE = 500
Pair = tuple[int, int]


@dataclass(frozen=True)
class Monthly:
    """How many contacts a month a capability takes, and how many of them are still free."""

    capacity: int
    left: int


def share_places() -> None:
    """Job: say on every current list of a need who holds a place this month, and which newcomer is let in."""
    with reading_first():
        asked, shared = _shared()
        placed = _newcomers(asked, shared)
        limited = set(monthly())
        changes: dict[tuple[bool | None, bool], list[int]] = defaultdict(list)
        for row in asked:
            pair = (row.need_id, row.capability_id)
            holds = pair in shared.held if row.capability_id in limited else None
            is_newcomer = placed.get(row.need_id) == row.capability_id
            if (row.holds_slot, row.is_newcomer) != (holds, is_newcomer):
                changes[holds, is_newcomer].append(row.id)
    for (holds, is_newcomer), ids in changes.items():
        for start in range(0, len(ids), MOST_AT_ONCE):
            db.session.execute(
                update(MatchEntry)
                .where(MatchEntry.id.in_(ids[start : start + MOST_AT_ONCE]))
                .values(holds_slot=holds, is_newcomer=is_newcomer)
            )


def shared_now() -> Shared:
    """Return how the places stand by the current lists: for the Office's figures; nothing is written."""
    return _shared()[1]


def monthly(among: Collection[int] | None = None) -> dict[int, Monthly]:
    """Return capacity and free places of the capabilities (``among`` these) that limit their contacts.

    A contact is used up when an interest is accepted; a supplier that refused a pair or declined an interest
    this month because it has no capacity has none left.
    """
    since = month_began(utc_now())
    accepted: Counter[int] = Counter(
        db.session.scalars(
            select(Interest.capability_id).where(Interest.state == InterestState.ACCEPTED, Interest.decided_at >= since)
        )
    )
    closed = full_capabilities(utc_now())
    query = select(Capability.id, Capability.monthly_capacity).where(
        Capability.monthly_capacity.is_not(None) | Capability.id.in_(closed)
    )
    rows = db.session.execute(query if among is None else query.where(Capability.id.in_(among)))
    return {
        one: Monthly(int(capacity or 0), 0 if one in closed else max(0, int(capacity or 0) - accepted[one]))
        for one, capacity in rows
    }


def open_score(entry: Any) -> ColumnElement[float]:
    """Say in SQL what an entry's pair scores by the text that any member may read."""
    return func.coalesce(entry.evidence["open_score"].as_float(), entry.score)


def _shared() -> tuple[list[Row], Shared]:  # type: ignore[type-arg]
    asked, back, first = _asked(), _back_scores(), _first_pairs()
    listed = _listed_capabilities()
    wishes = [
        Wish(row.need_id, row.capability_id, _mutual(row, back, listed), (row.need_id, row.capability_id) in first)
        for row in asked
    ]
    return asked, exposure.share(wishes, {one: month.left for one, month in monthly().items()})


def _mutual(row: Row, back: Mapping[Pair, float], listed: set[int]) -> float:  # type: ignore[type-arg]
    there = FLOOR if row.capability_id in listed else None
    return mutual(row.open_score, back.get((row.need_id, row.capability_id), there))


def _asked() -> list[Row]:  # type: ignore[type-arg]
    """Return the entries of the current lists of open needs that are suggestions, in the order of the lists.

    Two who have already agreed to talk are past being suggested: their contact is among those used up.
    """
    open_now = catalogue.open_needs().with_only_columns(Need.id)
    agreed = set(
        db.session.execute(
            select(Interest.need_id, Interest.capability_id).where(Interest.state == InterestState.ACCEPTED)
        )
    )
    return [
        row
        for row in db.session.execute(
            select(
                MatchEntry.id,
                MatchList.record_id.label("need_id"),
                MatchEntry.record_id.label("capability_id"),
                MatchEntry.score,
                open_score(MatchEntry).label("open_score"),
                MatchEntry.holds_slot,
                MatchEntry.is_newcomer,
            )
            .join(MatchList, MatchList.id == MatchEntry.list_id)
            .where(
                MatchList.kind == "need",
                MatchList.is_current,
                MatchList.record_id.in_(open_now),
                MatchEntry.band.in_(WORTH),
                _has_not_failed(),
            )
            .order_by(MatchList.record_id, MatchEntry.rank)
        )
        if (row.need_id, row.capability_id) not in agreed
    ]


def _has_not_failed():  # type: ignore[no-untyped-def]
    return func.json_array_length(MatchEntry.failed) == 0


def _back_scores() -> dict[Pair, float]:
    """Return (need, capability) -> the score that the capability's current list gives the need."""
    entry, held = aliased(MatchEntry), aliased(MatchList)
    rows = db.session.execute(
        select(entry.record_id, held.record_id, open_score(entry))
        .join(held, held.id == entry.list_id)
        .where(held.kind == "capability", held.is_current)
    )
    return {(need, one): score for need, one, score in rows}


def _listed_capabilities() -> set[int]:
    return set(
        db.session.scalars(select(MatchList.record_id).where(MatchList.kind == "capability", MatchList.is_current))
    )


def _first_pairs() -> set[Pair]:
    """Return the pairs that come first: asked about, adopted this month, pinned by the 区科协 or the Office."""
    asked = select(Interest.need_id, Interest.capability_id).where(Interest.state == InterestState.SENT)
    adopted = select(MatchDecision.need_id, MatchDecision.capability_id).where(
        MatchDecision.decision == Decision.ADOPT, MatchDecision.at >= month_began(utc_now())
    )
    pinned = (
        select(MatchPin.need_id, MatchPin.capability_id)
        .join(Organisation, Organisation.id == MatchPin.organisation_id)
        .where(Organisation.kind.in_(BROKERS_OF_NEEDS))
    )
    return {(need, one) for query in (asked, adopted, pinned) for need, one in db.session.execute(query)}


def _newcomers(asked: list[Row], shared: Shared) -> dict[int, int]:  # type: ignore[type-arg]
    lists: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for row in asked:
        if (row.need_id, row.capability_id) not in shared.turned_away:
            lists[row.need_id].append((row.capability_id, row.score))
    fresh = db.session.scalars(
        catalogue.listed_capabilities()
        .with_only_columns(Capability.id)
        .where(Capability.published_at >= utc_now() - FRESH)
    )
    return exposure.newcomers(lists, set(fresh))
