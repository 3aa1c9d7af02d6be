"""Who is suggested to whom when a provider can take only so many contacts a month.  Pure.

Mutual fit
----------
``mutual`` joins the score of the need's side and the score of the capability's side by their geometric mean, after
each is put on the scale of the bands.  Both have to be good: one side's enthusiasm does not make up for the other's
lack of fit.  The geometric mean is one of the usual choices of reciprocal recommendation (Neve and Palomares,
"Latent factor models and aggregation operators for collaborative filtering in reciprocal recommender systems",
RecSys 2019; RECON, Pizzato et al. 2010, takes the harmonic mean, which punishes a gap still more).

Places
------
``share`` gives out the places of the month by deferred acceptance: a need asks for its best first, a full provider
keeps the needs that fit it best and sends the others on to their second-best.  Both sides rank a pair by the same
mutual score, and then deferred acceptance is nothing but going through all pairs from the best down and taking each
that both sides still have room for: the outcome is the only stable one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kcz_match.matching.ranking import BANDS

BEST = 5
FLOOR = BANDS[-1][1]
FULL, OUTRANKED = "full", "outranked"


@dataclass(frozen=True)
class Wish:
    """A need would be shown this capability.  ``is_first``: before others, because the two are already talking."""

    need: int
    capability: int
    score: float
    is_first: bool = False

    @property
    def pair(self) -> tuple[int, int]:
        """The need and the capability."""
        return self.need, self.capability


@dataclass(frozen=True)
class Crowd:
    """How many needs would be shown a capability, how many places it has (None: no limit), how many needs hold one."""

    capability: int
    wanted: int
    places: int | None
    held: int

    @property
    def turned_away(self) -> int:
        """How many needs do without it this month."""
        return self.wanted - self.held


@dataclass(frozen=True)
class Shared:
    """The places given out: who holds one, who was turned away and why, how crowded each capability is, and the cost.

    ``kept`` and ``possible`` are the sums of the best ``BEST`` scores of every need, with and without limits.
    """

    held: frozenset[tuple[int, int]]
    turned_away: Mapping[tuple[int, int], str]
    crowds: tuple[Crowd, ...]
    kept: float
    possible: float

    @property
    def loss(self) -> float:
        """The share of match quality that the limits cost, 0 when nothing is lost."""
        return 1 - self.kept / self.possible if self.possible else 0.0


def value(score: float, bands: Sequence[tuple[str, float]] = BANDS) -> float:
    """Return a score on the scale of the bands: 0 at nothing, 1 where the best band begins, even steps between."""
    marks = [(0.0, 0.0)]
    marks += [(least, step / len(bands)) for step, (_, least) in enumerate(reversed(bands), 1)]
    for (low, start), (high, end) in pairwise(marks):
        if score < high:
            return max(0.0, start + (score - low) / (high - low) * (end - start))
    return score / marks[-1][0]


def mutual(there: float, back: float | None) -> float:
    """Return how well a pair fits both sides; without a view from the other side that of this side alone."""
    return value(there) if back is None else float((value(there) * value(back)) ** 0.5)


def share(wishes: Collection[Wish], places: Mapping[int, int | None], best: int = BEST) -> Shared:
    """Give out the places of every capability that ``places`` limits; one that it does not name has no limit.

    First every need gets up to ``best`` capabilities, then what is left over goes to whom it fits, so that nobody is
    turned away while a place is free.
    """
    left = {capability: number for capability, number in places.items() if number is not None}
    order = sorted(wishes, key=lambda wish: (not wish.is_first, -wish.score, wish.need, wish.capability))
    held: set[tuple[int, int]] = set()
    count: Counter[int] = Counter()
    for is_second_round in (False, True):
        for wish in order:
            is_open = is_second_round or wish.is_first or count[wish.need] < best
            if wish.pair in held or not is_open or left.get(wish.capability, 1) <= 0:
                continue
            held.add(wish.pair)
            count[wish.need] += 1
            if wish.capability in left:
                left[wish.capability] -= 1
    reasons = {wish.pair: OUTRANKED if places[wish.capability] else FULL for wish in order if wish.pair not in held}
    return Shared(
        frozenset(held), reasons, _crowds(order, held, places), _quality(order, best, held), _quality(order, best)
    )


def newcomers(
    lists: Mapping[int, Sequence[tuple[int, float]]], fresh: Collection[int], within: int = BEST
) -> dict[int, int]:
    """Return need -> the newcomer that gets a place among its first ``within``.

    ``lists`` gives for each need the capabilities suggested to it, best first, with their scores.  A newcomer
    (one of ``fresh``) that stands among the first of some list needs no help; any other gets the need where it fits
    best.  A need helps at most one.
    """
    seen = {capability for answers in lists.values() for capability, _ in answers[:within]}
    chances = sorted(
        (-score, capability, need)
        for need, answers in lists.items()
        for capability, score in answers[within:]
        if capability in fresh and capability not in seen
    )
    placed: dict[int, int] = {}
    for _, capability, need in chances:
        if need not in placed and capability not in placed.values():
            placed[need] = capability
    return placed


def _crowds(
    order: Sequence[Wish], held: Collection[tuple[int, int]], places: Mapping[int, int | None]
) -> tuple[Crowd, ...]:
    wanted = Counter(wish.capability for wish in order)
    taken = Counter(capability for _, capability in held)
    crowds = [Crowd(one, number, places.get(one), taken[one]) for one, number in wanted.items()]
    return tuple(sorted(crowds, key=lambda crowd: (-crowd.turned_away, -crowd.wanted, crowd.capability)))


def _quality(order: Sequence[Wish], best: int, held: Collection[tuple[int, int]] | None = None) -> float:
    scores: dict[int, list[float]] = defaultdict(list)
    for wish in order:
        if held is None or wish.pair in held:
            scores[wish.need].append(wish.score)
    return sum(sum(sorted(each, reverse=True)[:best]) for each in scores.values())
