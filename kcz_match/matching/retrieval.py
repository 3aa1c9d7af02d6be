"""Find the records that answer a query: two channels propose, one ranking decides.

``retrieve`` is the only door.  It asks a dense channel (vectors) and a lexical channel (words) for candidates, collects
the evidence of both for every candidate, and hands it to ``ranking.fuse``.  The channels are protocols, so the site
(FAISS generation with overlay, FTS5 tables) and ``evaluate`` (``MemoryDense``, FTS5 in memory) run the same code.

Compared fields
---------------
A record is compared by four texts, each encoded to one vector (role ``passage``):

- ``whole``   the three fields below, joined by line ends in this order; always present.  Candidates are searched by it.
- ``title``   title and keywords
- ``problem`` the problem (need), or the problem solved and the method (capability)
- ``target``  target and indicators (need), or claims and comparison (capability)

A missing field has no vector; its score is NaN and the ranking leaves it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

FIELDS = ("title", "problem", "target")
WHOLE = "whole"
VECTOR_FIELDS = (WHOLE, *FIELDS)


def whole_text(texts: Mapping[str, str]) -> str:
    """Return the text of the ``whole`` field: the non-empty compared fields in fixed order, one a line."""
    return "\n".join(texts[name].strip() for name in FIELDS if texts.get(name, "").strip())


@dataclass(frozen=True)
class Query:
    """What is looked for: its compared texts and their unit vectors (role ``query``), by field.

    A free-text search has only ``{"problem": text}`` in ``texts``; ``vectors`` then holds ``whole`` alone or with
    ``problem``.  ``vectors`` needs ``whole``; each is float32 of shape (d,).
    """

    texts: Mapping[str, str]
    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class LexicalMatch:
    """The shared words of a query and one record.

    ``score`` is BM25 (larger is better).  ``coverage`` is the share (0..1) of the query's rarity that the record holds.
    ``terms`` are the shared tokens with their rarity (idf), rarest first.
    """

    score: float = 0.0
    coverage: float = 0.0
    terms: tuple[tuple[str, float], ...] = ()


class DenseChannel(Protocol):
    """Vectors of the indexed records of one (kind, tier)."""

    def search(
        self, vectors: Mapping[str, np.ndarray], weights: Mapping[str, float], limit: int
    ) -> list[tuple[int, float]]:
        """Return up to ``limit`` (record id, score), best first.

        Score is the weighted mean of the cosines over the fields named in ``weights`` that both sides have.  The
        ranking asks with ``{"whole": 1.0}`` only, so one index, of the whole field, is enough; a channel may answer
        approximately, but must not return an id twice or a record that is gone.
        """
        ...

    def field_scores(self, vectors: Mapping[str, np.ndarray], ids: Sequence[int]) -> dict[str, np.ndarray]:
        """Return for each field of ``vectors`` the exact cosines with ``ids``, float32 (len(ids),), NaN where missing."""
        ...


class LexicalChannel(Protocol):
    """Words of the indexed records of one (kind, tier)."""

    def search(self, texts: Mapping[str, str], limit: int) -> list[tuple[int, float]]:
        """Return up to ``limit`` (record id, BM25 score), best first; records sharing no word are left out."""
        ...

    def matches(self, texts: Mapping[str, str], ids: Sequence[int]) -> dict[int, LexicalMatch]:
        """Return the shared words of the query with each of ``ids``; a record sharing none may be left out."""
        ...
