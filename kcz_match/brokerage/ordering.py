"""The order of a list as people see it.  Pure.

The ranking decides the band.  Within a band the mutual fit decides, so that a pair comes first that suits both sides;
what a broker pinned stands above everything, and a newcomer with a guaranteed place stands among the first few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kcz_match.brokerage.exposure import BEST, mutual

BAND_ORDER = ("strong", "possible", "weak", "none")


@dataclass(frozen=True)
class Standing:
    """What decides the place of one answer.

    ``back`` is the score that the partner's own list gives this record, None when it has no list yet; ``penalty`` is
    taken off the score because the organisation refused alike ones.
    """

    record_id: int
    band: str
    score: float
    back: float | None = None
    penalty: float = 0.0
    is_pinned: bool = False
    is_newcomer: bool = False


def arrange(answers: Sequence[Standing]) -> list[int]:
    """Return the record ids in the order of the page."""
    order = [one.record_id for one in sorted(answers, key=_key)]
    pinned = {one.record_id for one in answers if one.is_pinned}
    for one in answers:
        place = order.index(one.record_id)
        if one.is_newcomer and not one.is_pinned and place >= BEST:
            order.remove(one.record_id)
            order.insert(max(BEST - 1, len(pinned)), one.record_id)
    return order


def _key(one: Standing) -> tuple[bool, int, float, float, int]:
    score = one.score - one.penalty
    return not one.is_pinned, BAND_ORDER.index(one.band), -mutual(score, one.back), -score, one.record_id
