"""Find the records that answer a query: two channels propose, one ranking decides.

``retrieve`` is the only door.  It asks a dense channel (vectors) and a lexical channel (words) for candidates, collects
the evidence of both for every candidate, and hands it to ``ranking.fuse``.  The channels are protocols, so the site
(FAISS generation with overlay, FTS5 tables) and ``evaluate`` (``MemoryDense``, FTS5 in memory) run the same code.

Compared texts
--------------
A record has three compared texts: ``title`` (title and keywords), ``problem`` (the problem, or what a capability solves
and how) and ``target`` (target and indicators, or claims and comparison).  Words are looked up in each of them.  The
vector and the token rows are those of ``whole``, the three joined by line ends: vectors of the single fields were
measured and added nothing to token rows (docs/decisions/0004-fusion.md), so they are not made.  Sentence vectors, which
the explanation compares field by field, are another matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from kcz_match.matching import late, ranking
from kcz_match.matching.late import Background, QueryTokens
from kcz_match.matching.ranking import WEIGHTS, LexicalMatch, Scored, Weights, band
from kcz_match.matching.whole import FIELDS, whole_text

__all__ = [
    "FIELDS", "WHOLE", "DenseChannel", "LexicalChannel", "LexicalMatch", "MemoryDense", "Query",
    "Scored", "Weights", "band", "propose", "rank", "retrieve", "token_similarity", "whole_text",
]  # fmt: skip

WHOLE = "whole"
DENSE_CANDIDATES = 100
LEXICAL_CANDIDATES = 60


@dataclass(frozen=True)
class Query:
    """What is looked for: its compared texts, their unit vectors (role ``query``) by field, its tokens.

    A free-text search has only ``{"problem": text}`` in ``texts``; ``vectors`` then holds ``whole`` alone or with
    ``problem``.  ``vectors`` needs ``whole``; each is float32 of shape (d,).  ``tokens`` turns late interaction on, for
    a dense channel that has token rows; ``background`` belongs to the encoder.
    """

    texts: Mapping[str, str]
    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)
    tokens: QueryTokens | None = None
    background: Background = late.DEFAULT_BACKGROUND


class DenseChannel(Protocol):
    """Vectors of the indexed records of one (kind, tier).

    A channel that also has ``token_rows`` (see ``TokenChannel``) makes late interaction possible.
    """

    def search(
        self, vectors: Mapping[str, np.ndarray], weights: Mapping[str, float], limit: int
    ) -> list[tuple[int, float]]:
        """Return up to ``limit`` (record id, score), best first.

        Score is the weighted mean of the cosines over the fields named in ``weights`` that both sides have.  The
        ranking asks with ``{"whole": 1.0}`` only, so one index, of the whole field, is enough; a channel may answer
        approximately, but must not return an id twice or a record that is gone.
        """
        ...

    def field_scores(self, vectors: Mapping[str, np.ndarray], ids: Sequence[int]) -> Mapping[str, np.ndarray]:
        """Return for each field of ``vectors`` the exact cosines with ``ids``, float32 (n,), NaN where missing."""
        ...


class TokenChannel(DenseChannel, Protocol):
    """A dense channel that also keeps token rows."""

    def token_rows(self, ids: Sequence[int]) -> Mapping[int, bytes]:
        """Return the packed token rows (``late.record_tokens``) of those of ``ids`` that have them."""
        ...


class LexicalChannel(Protocol):
    """Words of the indexed records of one (kind, tier)."""

    def search(self, texts: Mapping[str, str], limit: int) -> list[tuple[int, float]]:
        """Return up to ``limit`` (record id, BM25 score), best first; records sharing no word are left out."""
        ...

    def matches(self, texts: Mapping[str, str], record_ids: Sequence[int]) -> Mapping[int, LexicalMatch]:
        """Return the shared words of the query with each of ``record_ids``; one sharing none may be left out."""
        ...


def retrieve(
    query: Query, dense: DenseChannel, lexical: LexicalChannel, limit: int, weights: Weights = WEIGHTS
) -> list[Scored]:
    """Return the ``limit`` best records of both channels, best first, each with the parts of its score.

    Records that only one channel proposed are scored by the evidence of both.
    """
    return rank(query, dense, lexical, propose(query, dense, lexical, limit), weights)[:limit]


def propose(query: Query, dense: DenseChannel, lexical: LexicalChannel, limit: int) -> list[int]:
    """Return the candidates from which the ``limit`` best are chosen: what either channel puts in front."""
    near = dense.search(query.vectors, {WHOLE: 1.0}, max(limit, DENSE_CANDIDATES)) if query.vectors else []
    worded = lexical.search(query.texts, max(limit, LEXICAL_CANDIDATES))
    return list(dict.fromkeys([record for record, _score in near] + [record for record, _score in worded]))


def rank(
    query: Query, dense: DenseChannel, lexical: LexicalChannel, ids: Sequence[int], weights: Weights = WEIGHTS
) -> list[Scored]:
    """Return all of these candidates best first; each is scored in view of the others, so the same ids score alike."""
    if not ids:
        return []
    cosines = dense.field_scores(query.vectors, ids) if query.vectors else {}
    matches = lexical.matches(query.texts, ids)
    reader = getattr(dense, "token_rows", None)
    held = reader(ids) if query.tokens is not None and reader is not None else {}
    alike = token_similarity(query.tokens, held, ids, ranking.ceiling(matches.values(), weights))
    return ranking.fuse(ids, cosines, alike, matches, query.background, weights)


def token_similarity(
    tokens: QueryTokens | None, held: Mapping[int, bytes], ids: Sequence[int], ceiling: float
) -> np.ndarray:
    """Return the late-interaction similarity (len(ids),) with packed rows by id; NaN for an id without rows."""
    if tokens is None:
        return np.full(len(ids), np.nan, np.float32)
    none = np.zeros((0, tokens.rows.shape[1]), np.float32)
    rows = [late.unpack(held[record]) if record in held else none for record in ids]
    return late.similarities(tokens.rows, tokens.weights, rows, ceiling)


class MemoryDense:
    """An exact dense channel over arrays: the twin of the site's index for ``evaluate`` and tests."""

    def __init__(
        self, ids: Sequence[int], vectors: Mapping[str, np.ndarray], tokens: Mapping[int, bytes] | None = None
    ) -> None:
        """Take per field the unit rows (len(ids), d), a missing field as a row of NaN, and packed token rows by id."""
        self._ids = np.asarray(ids, np.int64)
        self._place = {int(record): place for place, record in enumerate(ids)}
        self._vectors = {name: np.asarray(rows, np.float32) for name, rows in vectors.items()}
        self._tokens = dict(tokens or {})

    def search(
        self, vectors: Mapping[str, np.ndarray], weights: Mapping[str, float], limit: int
    ) -> list[tuple[int, float]]:
        """Return up to ``limit`` (record id, weighted mean cosine), best first, equal scores by rising id."""
        if not len(self._ids):
            return []
        asked = {name: vectors[name] for name in weights if name in vectors}
        scores = ranking.mean_cosine(self.field_scores(asked, self._ids.tolist()), weights)
        found = np.flatnonzero(np.isfinite(scores))
        order = found[np.lexsort((self._ids[found], -scores[found]))][:limit]
        return [(int(self._ids[place]), float(scores[place])) for place in order]

    def field_scores(self, vectors: Mapping[str, np.ndarray], ids: Sequence[int]) -> dict[str, np.ndarray]:
        """Return for each field the cosines with ``ids``, NaN for an unknown id or a missing field."""
        places = np.array([self._place.get(record, -1) for record in ids], np.int64)
        scores = {}
        for name, vector in vectors.items():
            rows = self._vectors.get(name)
            found = np.full(len(ids), np.nan, np.float32)
            if rows is not None and len(rows):
                found[places >= 0] = rows[places[places >= 0]] @ vector
            scores[name] = found
        return scores

    def token_rows(self, ids: Sequence[int]) -> dict[int, bytes]:
        """Return the packed token rows of those of ``ids`` that have them."""
        return {record: self._tokens[record] for record in ids if record in self._tokens}
