"""Turn the evidence of both channels into one order; a score is only the sum of its parts.  Pure numpy.

Four kinds of evidence, in units of the spread of unrelated texts, so that one table serves any encoder:

- ``tokens``  late interaction over token vectors: the same thing said in other words.  The main one.
- ``meaning`` mean cosine of the compared fields, times the trust.
- ``words``   BM25 relative to the best candidate, times the trust.
- ``exact``   rarity of shared model numbers, standards, and values of the title, up to a ceiling.

The *trust* (0..1) says how far the words of the query can be trusted: it rises with the share of the query's rarity
that the best candidate holds.  Where no record speaks the query's language, words count for nothing and a repeated word
is worth no more than a good paraphrase (``ceiling``); where one does, they decide between records that mean nearly the
same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kcz_match.matching.late import Background

FORMULA = 2  # raised whenever ``fuse`` makes another score of the same evidence and weights
PARTS = ("tokens", "meaning", "words", "exact")
TOKENS_OF_COSINE = (1.3, 1.7)


@dataclass(frozen=True)
class Weights:
    """The one table of ranking weights; chosen as docs/decisions/0004-fusion.md tells."""

    tokens: float = 1.0
    meaning: float = 0.4
    words: float = 6.0
    exact: float = 0.2
    exact_ceiling: float = 8.0
    token_ceiling: float = 0.75
    trust_from: float = 0.25
    trust_to: float = 0.75
    fields: Mapping[str, float] = field(default_factory=lambda: {"whole": 1.0})


WEIGHTS = Weights()


@dataclass(frozen=True)
class LexicalMatch:
    """The shared words of a query and one record.

    ``score`` is BM25 (larger is better).  ``coverage`` is the share (0..1) of the query's rarity that the record holds.
    ``exact`` is the rarity of the shared identifiers and values of the title (``lexical.exact_words``), ``named``
    of those that stand in the title.  ``terms`` are the shared words with their rarity, rarest first.
    """

    score: float = 0.0
    coverage: float = 0.0
    exact: float = 0.0
    terms: tuple[tuple[str, float], ...] = ()
    named: float = 0.0


NO_MATCH = LexicalMatch()


@dataclass(frozen=True)
class Scored:
    """One answer: the record, its score, the parts that sum to it, and the raw evidence for explanations.

    ``cosines`` holds the cosine by field (only fields both sides have), ``token_similarity`` is NaN when the record has
    no stored token rows yet.  ``chance`` is that of being a right answer, see ``chances``.
    """

    record_id: int
    score: float
    parts: Mapping[str, float]
    cosines: Mapping[str, float] = field(default_factory=dict)
    token_similarity: float = float("nan")
    words: LexicalMatch = NO_MATCH
    chance: float = float("nan")

    @property
    def terms(self) -> tuple[tuple[str, float], ...]:
        """The shared words with their rarity, rarest first."""
        return self.words.terms


def mean_cosine(cosines: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """Return the weighted mean (n,) over the fields that are not NaN; a record without any field gets NaN."""
    names = [name for name in cosines if weights.get(name, 0.0) > 0]
    table = np.stack([np.asarray(cosines[name], np.float32) for name in names])
    weight = np.array([weights[name] for name in names], np.float32)[:, None] * np.isfinite(table)
    total = weight.sum(axis=0)
    summed = (np.nan_to_num(table) * weight).sum(axis=0)
    return np.where(total > 0, summed / np.maximum(total, 1e-9), np.nan)


def trust(matches: Iterable[LexicalMatch], weights: Weights = WEIGHTS) -> float:
    """Return how far the words of a query can be trusted (0..1), from what the candidates share with it."""
    best = max((match.coverage for match in matches), default=0.0)
    return min(max((best - weights.trust_from) / (weights.trust_to - weights.trust_from), 0.0), 1.0)


def ceiling(matches: Iterable[LexicalMatch], weights: Weights = WEIGHTS) -> float:
    """Return the most that the similarity of one token may count for: 1 where words can be trusted, less where not."""
    return weights.token_ceiling + (1 - weights.token_ceiling) * trust(matches, weights)


def fuse(
    ids: Sequence[int],
    cosines: Mapping[str, np.ndarray],
    token_similarity: np.ndarray,
    matches: Mapping[int, LexicalMatch],
    background: Background,
    weights: Weights = WEIGHTS,
) -> list[Scored]:
    """Return the candidates best first; equal scores keep the smaller id first.

    ``cosines`` and ``token_similarity`` are arrays (len(ids),), NaN where unknown.  A record without token rows gets an
    estimate from its cosine, so that it is neither favoured nor lost; one without vectors stands at the background.
    """
    if not ids:
        return []
    near = mean_cosine(cosines, weights.fields) if cosines else np.full(len(ids), np.nan)
    above = _above_background(near, background.cosine_mean, background.cosine_spread)
    alike = _above_background(np.asarray(token_similarity), background.token_mean, background.token_spread)
    tokens = _with_estimates(alike, above)
    found = [matches.get(record, NO_MATCH) for record in ids]
    trusted = trust(found, weights)
    parts = {
        "tokens": weights.tokens * tokens,
        "meaning": weights.meaning * trusted * np.nan_to_num(above),
        "words": weights.words * trusted * _words(found),
        "exact": weights.exact * np.minimum([match.exact for match in found], weights.exact_ceiling),
    }
    likely = chances(np.sum(list(parts.values()), axis=0), np.array([match.named for match in found]))
    scored = [
        _scored(place, ids, parts, cosines, token_similarity, found[place], float(likely[place]))
        for place in range(len(ids))
    ]
    return sorted(scored, key=lambda one: (-one.score, one.record_id))


def _above_background(values: np.ndarray, mean: float, spread: float) -> np.ndarray:
    return (values - mean) / spread


def _with_estimates(alike: np.ndarray, above: np.ndarray) -> np.ndarray:
    known = np.isfinite(alike)
    guess = TOKENS_OF_COSINE[0] + TOKENS_OF_COSINE[1] * above
    both = known & np.isfinite(above)
    shift = float((alike[both] - guess[both]).mean()) if both.any() else 0.0
    return np.where(known, alike, np.nan_to_num(guess + shift))


def _words(found: Sequence[LexicalMatch]) -> np.ndarray:
    scores = np.array([match.score for match in found])
    best: np.ndarray = scores / max(float(scores.max()), 1e-9)
    return best


def _scored(
    place: int,
    ids: Sequence[int],
    parts: Mapping[str, np.ndarray],
    cosines: Mapping[str, np.ndarray],
    token_similarity: np.ndarray,
    match: LexicalMatch,
    chance: float,
) -> Scored:
    mine = {name: float(values[place]) for name, values in parts.items()}
    fields = {name: float(values[place]) for name, values in cosines.items() if np.isfinite(values[place])}
    return Scored(ids[place], sum(mine.values()), mine, fields, float(token_similarity[place]), match, chance)


BANDS: tuple[tuple[str, float], ...] = (("strong", 8.5), ("possible", 6.0), ("weak", 5.0))
CHANCES: tuple[tuple[str, float], ...] = (("strong", 0.9), ("possible", 0.4), ("weak", 0.1))
CHANCE_OF = (-2.86, 0.435, 0.83)
LEADERS, FIELD_SIZE, LEAST_FIELD, FARTHEST_LEAD = 3, 50, 20, 3.0
MISSED, CHANCE_OF_MISSED = 1.0, 0.7
LEAST_STRONG = 6.5


def chances(scores: np.ndarray, named: np.ndarray) -> np.ndarray:
    """Return for each of the scores (n,) the chance (0..1) that its record is a right answer; NaN for a short list.

    What tells a right answer is less its score than how it stands in its own list: how many standard deviations above
    the field (the candidates behind the first three, at most 47 of them), and how far ahead of the best other one. Both
    go through a logistic curve whose constants are fitted by `scripts/calibrate_bands.py`.  Fewer than 20 candidates
    are no field to stand out from.  ``named`` (n,) is what each shares of the exact things that the title names: where
    another candidate has more of them, the answer is about a neighbour (304 for 316L), and never 强.
    """
    if len(scores) < LEAST_FIELD:
        return np.full(len(scores), np.nan)
    above, lead = standing(scores)
    start, by_above, by_lead = CHANCE_OF
    likely = 1 / (1 + np.exp(-(start + by_above * above + by_lead * lead)))
    found: np.ndarray = np.where(named < named.max() - MISSED, np.minimum(likely, CHANCE_OF_MISSED), likely)
    return found


def standing(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how each of at least five scores (n,) stands: deviations above the field, and lead on the best other."""
    ordered = np.sort(scores)[::-1]
    behind = ordered[LEADERS:FIELD_SIZE]
    above = (scores - behind.mean()) / max(float(behind.std()), 1e-6)
    others = np.where(scores == ordered[0], ordered[1], ordered[0])
    return above, np.clip(scores - others, -FARTHEST_LEAD, FARTHEST_LEAD)


def band(scored: Scored) -> str:
    """Return ``strong`` (强), ``possible`` (可谈), ``weak`` (弱) or ``none`` for one answer of a whole list.

    ``CHANCES`` are chances of being right, see docs/matching.md; 强 needs a score of its own too, so that the best of a
    poor lot is not praised.  An answer without a field to stand out from is judged by its score alone.
    """
    if np.isnan(scored.chance):
        return band_by_score(scored)
    found = next((name for name, least in CHANCES if scored.chance >= least), "none")
    return "possible" if found == "strong" and scored.score < LEAST_STRONG else found


def band_by_score(scored: Scored, bands: Sequence[tuple[str, float]] = BANDS) -> str:
    """Return the band of an answer that was compared alone, or with records of its own kind."""
    return next((name for name, least in bands if scored.score >= least), "none")
