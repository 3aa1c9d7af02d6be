"""What a stored list keeps of the ranking's evidence, and the ranking made from it again.  Pure.

A score depends on what else was in view (``ranking.fuse`` compares words with the best candidate's), so a list keeps
the raw evidence of everything that was compared, of its answers in their entries and of the rest in one row of numbers
each.  Numbers survive the way through JSON exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kcz_match.matching import ranking
from kcz_match.matching.late import Background
from kcz_match.matching.ranking import LexicalMatch, Scored, Weights

Evidence = Mapping[str, Any]


def packed(scored: Scored, *, with_terms: bool = True) -> dict[str, Any]:
    """Return the raw evidence of one candidate as JSON values; without terms what the score needs and no more."""
    words = scored.words
    kept = {
        "cosines": dict(scored.cosines),
        "token_similarity": None if math.isnan(scored.token_similarity) else scored.token_similarity,
        "words": [words.score, words.coverage, words.exact, words.named],
    }
    return kept | {"terms": [list(term) for term in words.terms]} if with_terms else kept


def words_of(evidence: Evidence) -> LexicalMatch:
    """Return the shared words as the ranking takes them."""
    terms = tuple((str(term), float(rarity)) for term, rarity in evidence.get("terms", ()))
    score, coverage, exact, *named = evidence["words"]
    return LexicalMatch(score, coverage, exact, terms, named[0] if named else 0.0)


def ranked(evidence: Mapping[int, Evidence], weights: Weights, background: Background) -> list[Scored]:
    """Return the candidates best first, as ``ranking.fuse`` orders what it is given."""
    ids = list(evidence)
    return ranking.fuse(
        ids,
        _columns([evidence[record]["cosines"] for record in ids]),
        _column([evidence[record]["token_similarity"] for record in ids]),
        {record: words_of(evidence[record]) for record in ids},
        background,
        weights,
    )


def weights_of(kept: Mapping[str, Any]) -> Weights:
    """Return the weights of a stored list; names that the ranking no longer knows are left out."""
    return Weights(**{name: kept[name] for name in Weights.__dataclass_fields__ if name in kept})


def _columns(rows: Sequence[Mapping[str, float]]) -> dict[str, np.ndarray]:
    names = sorted({name for row in rows for name in row})
    return {name: _column([row.get(name) for row in rows]) for name in names}


def _column(values: Iterable[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], np.float32)
