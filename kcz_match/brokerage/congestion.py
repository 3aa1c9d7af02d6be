"""Which needs want a crowded capability, and capabilities that no list ever suggested.

How crowded a capability is, and what its limits cost, is ``places.shared_now``; here are the records behind it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select

from kcz_match.brokerage.figures import is_suggested, pair_columns
from kcz_match.brokerage.models import MatchEntry, MatchList
from kcz_match.brokerage.places import WORTH
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Capability, Need
from kcz_match.engagements.models import Interest
from kcz_match.engagements.states import InterestState


def who_wants(capability_id: int) -> Select[Any]:
    """Return the query of open needs whose current list suggests a capability, those without a place last.

    Rows have need_id, capability_id, place, band, holds_slot (None where nothing limits it), made_at.  Two who have
    agreed to talk are past wanting.
    """
    return (
        select(
            MatchList.record_id.label("need_id"),
            MatchEntry.record_id.label("capability_id"),
            MatchEntry.rank.label("place"),
            MatchEntry.band,
            MatchEntry.holds_slot,
            MatchList.made_at,
        )
        .join_from(MatchEntry, MatchList)
        .where(
            MatchEntry.record_id == capability_id,
            MatchList.kind == "need",
            MatchList.is_current,
            MatchList.record_id.in_(catalogue.open_needs().with_only_columns(Need.id)),
            MatchEntry.band.in_(WORTH),
            func.json_array_length(MatchEntry.failed) == 0,
            ~_have_agreed(),
        )
        .order_by(MatchEntry.holds_slot.is_(False), MatchEntry.score.desc(), MatchList.record_id)
    )


def never_suggested() -> Select[tuple[Capability]]:
    """Return the query of capabilities that may be matched and that no stored list ever suggested, the oldest first."""
    seen = select(pair_columns()[1]).join_from(MatchEntry, MatchList).where(is_suggested(), MatchEntry.band.in_(WORTH))
    return (
        catalogue.listed_capabilities()
        .where(Capability.id.not_in(seen))
        .order_by(Capability.published_at, Capability.id)
    )


def _have_agreed() -> ColumnElement[bool]:
    return exists().where(
        Interest.need_id == MatchList.record_id,
        Interest.capability_id == MatchEntry.record_id,
        Interest.state == InterestState.ACCEPTED,
    )
