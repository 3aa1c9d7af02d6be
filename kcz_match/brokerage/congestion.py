"""Where too many needs want the same capability, what its limits cost, and capabilities that no list ever showed.

Read from the current stored lists of needs: the state of this month, not of a period.  A need wants a capability that
passes its filters in one of the bands ``WANTED``; places are what ``exposure`` gave out (``MatchEntry.holds_slot``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, case, func, or_, select

from kcz_match.brokerage.exposure import BEST
from kcz_match.brokerage.figures import is_suggested, pair_columns
from kcz_match.brokerage.models import MatchEntry, MatchList
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Capability, Need
from kcz_match.core.db import db

WANTED = ("strong", "possible")


@dataclass(frozen=True)
class Cost:
    """What limits cost: sums of every need's ``BEST`` highest scores, with them (``kept``), without (``possible``)."""

    needs: int
    short: int
    kept: float
    possible: float

    @property
    def loss(self) -> float | None:
        """The share that is lost; None when there is nothing to lose."""
        return 1 - self.kept / self.possible if self.possible else None


def crowds(district: str = "") -> Select[Any]:
    """Return the query of capabilities wanted by more needs than they have places for, the most crowded first.

    Rows have capability_id, wanted, held, turned_away, places (None: no limit stated).
    """
    turned_away = func.coalesce(func.sum(case((MatchEntry.holds_slot.is_(False), 1), else_=0)), 0)
    held = func.coalesce(func.sum(case((MatchEntry.holds_slot.is_(True), 1), else_=0)), 0)
    wanted = func.count(MatchEntry.id)
    query = (
        select(
            MatchEntry.record_id.label("capability_id"),
            wanted.label("wanted"),
            held.label("held"),
            turned_away.label("turned_away"),
            Capability.monthly_capacity.label("places"),
        )
        .join_from(MatchEntry, MatchList)
        .join(Capability, Capability.id == MatchEntry.record_id)
        .where(*_wanting(district))
        .group_by(MatchEntry.record_id)
        .order_by(turned_away.desc(), wanted.desc(), MatchEntry.record_id)
    )
    return query.having(or_(turned_away > 0, wanted > Capability.monthly_capacity))


def who_wants(capability_id: int, district: str = "") -> Select[Any]:
    """Return the query of needs that want a capability, those turned away last, with place and band.

    ``holds_slot`` is None where nobody has given out places.
    """
    return (
        select(
            MatchList.record_id.label("need_id"),
            MatchEntry.record_id.label("capability_id"),
            MatchEntry.rank.label("place"),
            MatchEntry.band,
            MatchEntry.holds_slot,
            MatchList.encoder,
            MatchList.made_at,
        )
        .join_from(MatchEntry, MatchList)
        .where(MatchEntry.record_id == capability_id, *_wanting(district))
        .order_by(MatchEntry.holds_slot.is_(False), MatchEntry.score.desc(), MatchList.record_id)
    )


def cost(district: str = "") -> Cost:
    """Return what the limits cost over all current lists, and how many needs lost one of their ``BEST`` by them."""
    score, held = func.max(MatchEntry.score, 0.0), MatchEntry.holds_slot.is_not(False)
    kept_score = case((held, score))
    listed = (
        select(
            MatchEntry.list_id,
            score.label("score"),
            kept_score.label("kept"),
            _place(score).label("place"),
            _place(kept_score).label("kept_place"),
        )
        .join_from(MatchEntry, MatchList)
        .where(*_wanting(district))
        .subquery()
    )
    possible = func.coalesce(func.sum(case((listed.c.place <= BEST, listed.c.score))), 0.0)
    kept = func.coalesce(func.sum(case((listed.c.kept_place <= BEST, listed.c.kept))), 0.0)
    lost = func.max(case((and_(listed.c.place <= BEST, listed.c.kept.is_(None)), 1), else_=0), type_=Integer)
    each = (
        select(possible.label("possible"), kept.label("kept"), lost.label("lost")).group_by(listed.c.list_id).subquery()
    )
    row = db.session.execute(
        select(func.count(), func.sum(each.c.lost), func.sum(each.c.kept), func.sum(each.c.possible)).select_from(each)
    ).one()
    return Cost(row[0], row[1] or 0, row[2] or 0.0, row[3] or 0.0)


def never_suggested() -> Select[tuple[Capability]]:
    """Return the query of capabilities that may be matched and that no stored list ever suggested, the oldest first."""
    seen = select(pair_columns()[1]).join_from(MatchEntry, MatchList).where(is_suggested())
    return (
        catalogue.listed_capabilities()
        .where(Capability.id.not_in(seen))
        .order_by(Capability.published_at, Capability.id)
    )


def _place(score: ColumnElement[Any]) -> ColumnElement[int]:
    return func.row_number().over(partition_by=MatchEntry.list_id, order_by=(score.desc().nulls_last(), MatchEntry.id))


def _wanting(district: str) -> tuple[ColumnElement[bool], ...]:
    wanting = (
        MatchList.kind == "need",
        MatchList.is_current,
        MatchEntry.band.in_(WANTED),
        func.json_array_length(MatchEntry.failed) == 0,
    )
    of_district = select(Need.id).where(Need.district_code == district)
    return (*wanting, MatchList.record_id.in_(of_district)) if district else wanting
