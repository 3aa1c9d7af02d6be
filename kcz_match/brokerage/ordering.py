"""The order of a list as people see it.  Pure.

The ranking decides the band, and within a band almost the whole order: where two answers are nearly equal, the one
that also looks for this record comes first.  ``BACK`` is the most of the other side's score that cost no nDCG@10:
0.8999 with and without on `tests/data/match-small`, 0.5802 on the dev split of `tests/data/match`.  Ordering a band by
mutual fit alone cost 0.009 and 0.035, so ``exposure.mutual`` shares out places and does not order pages.

What a broker pinned stands above everything, and a newcomer with a guaranteed place stands among the first few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kcz_match.brokerage.exposure import BEST, FLOOR

BACK = 0.1
BAND_ORDER = ("strong", "possible", "weak", "none")


@dataclass(frozen=True)
class Standing:
    """What decides the place of one answer.

    ``back`` is the score that the partner's own list gives this record, None when it has no list yet: then nothing
    speaks for it or against it.
    """

    record_id: int
    band: str
    score: float
    back: float | None = None
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
    back = FLOOR if one.back is None else one.back
    return not one.is_pinned, BAND_ORDER.index(one.band), -(one.score + BACK * back), -one.score, one.record_id
