"""Choose the fewest providers that together cover the parts of a need.  Pure.

What counts, in this order: as many parts as possible, as few providers as possible, the best total fit, the providers
that come first.  Up to ``MOST_PARTS`` parts and ``MOST_PROVIDERS`` providers the choice is exact, by working through
the sets of parts; beyond, providers are taken greedily, and ``at_least`` says how few there could be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MOST_PARTS = 10
MOST_PROVIDERS = 40
GRAIN = 1000

Scores = Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class Cover:
    """Who takes which part.

    ``given`` maps a part to its provider and ``chosen`` are these providers, both by their places in the input.
    ``gaps`` are parts that nobody can take; ``crowded`` parts that somebody could take whose places are all needed for
    others.  No cover of as many parts has fewer than ``at_least`` providers, which is exact if ``is_exact``.
    """

    given: Mapping[int, int]
    chosen: tuple[int, ...]
    gaps: tuple[int, ...]
    crowded: tuple[int, ...]
    at_least: int
    is_exact: bool


@dataclass(frozen=True)
class _Table:
    """The scores as whole thousandths by provider and part, and how many parts each provider may take."""

    fits: tuple[Mapping[int, int], ...]
    limits: tuple[int, ...]
    parts: int


@dataclass(frozen=True)
class _Plan:
    """The best way to take one set of parts: its cost, the provider who came last with their parts, and what before."""

    cost: tuple[int, int, int]
    provider: int
    parts: int
    before: _Plan | None


_NOTHING = _Plan((0, 0, 0), -1, 0, None)


def cover(scores: Scores, limits: Sequence[int | None] | None = None) -> Cover:
    """Return the cover of ``scores[part][provider]``; None or NaN where a provider does not answer a part.

    ``limits`` are the numbers of parts that each provider may be given, None for any number.
    """
    table = _table(scores, limits)
    if not table.fits:
        return Cover({}, (), tuple(range(table.parts)), (), 0, True)
    is_exact = table.parts <= MOST_PARTS and len(table.fits) <= MOST_PROVIDERS
    given = _exact(table) if is_exact else _greedy(table)
    chosen = tuple(sorted(set(given.values())))
    missing = [part for part in range(table.parts) if part not in given]
    wanted = [part for part in missing if any(part in fit for fit in table.fits)]
    widest = max(min(len(fit), limit) for fit, limit in zip(table.fits, table.limits, strict=True))
    return Cover(
        given={part: given[part] for part in sorted(given)},
        chosen=chosen,
        gaps=tuple(part for part in missing if part not in wanted),
        crowded=tuple(wanted),
        at_least=len(chosen) if is_exact else math.ceil(len(given) / max(1, widest)),
        is_exact=is_exact,
    )


def _table(scores: Scores, limits: Sequence[int | None] | None) -> _Table:
    providers = len(scores[0]) if scores else 0
    if any(len(row) != providers for row in scores):
        raise ValueError("every part needs one score for each provider")
    allowed = [None] * providers if limits is None else list(limits)
    if len(allowed) != providers:
        raise ValueError("every provider needs one limit")
    fits = tuple(
        {
            part: round(value * GRAIN)
            for part, row in enumerate(scores)
            if (value := row[provider]) is not None and math.isfinite(value)
        }
        for provider in range(providers)
    )
    return _Table(fits, tuple(len(scores) if one is None else max(0, one) for one in allowed), len(scores))


def _exact(table: _Table) -> dict[int, int]:
    """Offer the providers one by one; for every set of parts keep the cheapest plan that takes exactly this set."""
    best: list[_Plan | None] = [None] * (1 << table.parts)
    best[0] = _NOTHING
    for provider, fit in enumerate(table.fits):
        shares = dict(_shares(fit, table.limits[provider]))
        able = sum(1 << part for part in fit)
        first = 1 << (len(table.fits) - provider)
        for taken, plan in [(taken, plan) for taken, plan in enumerate(best) if plan is not None]:
            for share in _subsets(able & ~taken):
                if share not in shares:
                    continue
                fewest, fit_so_far, places = plan.cost
                cost = (fewest + 1, fit_so_far - shares[share], places - first)
                known = best[taken | share]
                if known is None or cost < known.cost:
                    best[taken | share] = _Plan(cost, provider, share, plan)
    plans = [(taken, plan) for taken, plan in enumerate(best) if plan is not None]
    _, chosen = min(plans, key=lambda one: (-one[0].bit_count(), one[1].cost, _members(one[0])))
    return _given(chosen)


def _given(plan: _Plan) -> dict[int, int]:
    given: dict[int, int] = {}
    step: _Plan | None = plan
    while step is not None:
        given |= dict.fromkeys(_members(step.parts), step.provider)
        step = step.before
    return given


def _shares(fit: Mapping[int, int], limit: int) -> Iterator[tuple[int, int]]:
    """Yield every set of parts that a provider may take, with its total fit."""
    able = sum(1 << part for part in fit)
    for share in _subsets(able):
        if share.bit_count() <= limit:
            yield share, sum(fit[part] for part in _members(share))


def _subsets(parts: int) -> Iterator[int]:
    """Yield the sets within a set of parts, the empty one left out."""
    share = parts
    while share:
        yield share
        share = (share - 1) & parts


def _members(parts: int) -> tuple[int, ...]:
    return tuple(part for part in range(parts.bit_length()) if parts >> part & 1)


def _greedy(table: _Table) -> dict[int, int]:
    """Take the provider with most parts still open, then the best fit, until nobody adds anything."""
    given: dict[int, int] = {}
    while True:
        offers = [_offer(table, provider, given) for provider in range(len(table.fits))]
        sizes = [(len(offer), sum(fit for fit, _ in offer), -place) for place, offer in enumerate(offers)]
        place = -max(sizes)[2]
        if not offers[place]:
            return given
        given |= {part: place for _, part in offers[place]}


def _offer(table: _Table, provider: int, given: Mapping[int, int]) -> list[tuple[int, int]]:
    """Return (fit, part) of the open parts that a provider would take, the best first; none if already taken."""
    if provider in given.values():
        return []
    able = [(fit, part) for part, fit in table.fits[provider].items() if part not in given]
    return sorted(able, key=lambda one: (-one[0], one[1]))[: table.limits[provider]]
