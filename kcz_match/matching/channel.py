"""One searched list as the ranking asks it: the protocol ``DenseChannel`` over a base and its overlay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from sqlalchemy import Connection, select

from kcz_match.matching.models import Vector
from kcz_match.matching.overlay import NO_IDS, SAME_SCORE, Overlay, places_of
from kcz_match.matching.retrieval import WHOLE
from kcz_match.matching.stored_lists import Mapped, Open, Rows, Slice, exact
from kcz_match.matching.vectors import MOST_VARIABLES, PASSAGE, TOKENS, from_bytes, reading


class Lists(Protocol):
    """What a channel needs of the index."""

    encoder: str

    def present(self, one: Slice) -> tuple[Rows | Mapped, Overlay]:
        """Return the list's base and its overlay, with everything that was committed before the call."""
        ...


class Channel:
    """One list as the ranking asks it (the protocol ``DenseChannel``)."""

    def __init__(self, index: Lists, one: Slice, allowed: np.ndarray | None = None) -> None:
        self._index = index
        self._slice = one
        self._allowed = allowed
        self._mask: tuple[object, np.ndarray] = (None, NO_IDS)

    def search(
        self, vectors: Mapping[str, np.ndarray], weights: Mapping[str, float], limit: int
    ) -> list[tuple[int, float]]:
        """Return up to ``limit`` (record id, cosine of ``whole``), best first, equal scores by rising id.

        ``weights`` must name ``whole`` alone: ``ValueError`` otherwise, and when the vector is not finite or not of
        the index's dimension.
        """
        if set(weights) != {WHOLE}:
            raise ValueError(f"the index searches by {WHOLE} only, not by {sorted(weights)}")
        vector = np.ascontiguousarray(vectors[WHOLE], np.float32)
        if vector.ndim != 1 or not np.all(np.isfinite(vector)):
            raise ValueError("a query vector has one dimension and finite numbers")
        base, overlay = self._index.present(self._slice)
        for held in (base, overlay):
            if held.dimension not in (0, len(vector)):
                raise ValueError(f"a vector of {len(vector)} numbers cannot be compared with one of {held.dimension}")
        found = self._from_base(base, overlay, vector, limit) + overlay.best(vector, limit, self._allowed)
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:limit]

    def field_scores(self, vectors: Mapping[str, np.ndarray], ids: Sequence[int]) -> dict[str, np.ndarray]:
        """Return for each field the exact cosines with ``ids``, from the rows: float32 (n,), NaN where missing."""
        scores = {name: np.full(len(ids), np.nan, np.float32) for name in vectors}
        places: dict[int, list[int]] = {}
        for place, record_id in enumerate(ids):
            places.setdefault(record_id, []).append(place)
        with reading() as connection:
            for record_id, name, data in self._field_rows(connection, list(vectors), list(places)):
                scores[name][places[record_id]] = _score(from_bytes(data)[None, :], vectors[name])[0]
        return scores

    def token_rows(self, ids: Sequence[int]) -> dict[int, bytes]:
        """Return the packed token rows (``late.record_tokens``) of those of ``ids`` that have them."""
        found: dict[int, bytes] = {}
        with reading() as connection:
            for start in range(0, len(ids), MOST_VARIABLES):
                found.update(
                    connection.execute(
                        select(Vector.record_id, Vector.data).where(
                            Vector.kind == self._slice.kind,
                            Vector.record_id.in_(ids[start : start + MOST_VARIABLES]),
                            Vector.encoder == self._index.encoder,
                            Vector.tier == self._slice.tier,
                            Vector.role == TOKENS[PASSAGE],
                            Vector.field == WHOLE,
                            Vector.is_live,
                        )
                    ).all()
                )
        return found

    def _from_base(
        self, base: Rows | Mapped, overlay: Overlay, vector: np.ndarray, limit: int
    ) -> list[tuple[int, float]]:
        chosen = self._open(base, overlay.closed)
        size = base.count if chosen is None else chosen.count
        fetch = min(size, limit + 1) if limit > 0 else 0
        while fetch:
            places = base.nearest(vector, fetch, chosen)
            scores = _score(base.at(places), vector)
            kept = np.lexsort((places, -scores))
            last = min(limit, len(kept)) - 1
            if fetch == size or (last >= 0 and scores[kept[-1]] < scores[kept[last]] - SAME_SCORE):
                return [(int(base.ids[places[at]]), float(scores[at])) for at in kept[:limit]]
            fetch = min(size, fetch * 2)
        return []

    def _open(self, base: Rows | Mapped, closed: np.ndarray) -> Open | None:
        """Return which places of the base may be answered, None for all."""
        if self._allowed is None and not len(closed):
            return None
        if self._mask[0] is not base:
            mask = np.full(base.count, self._allowed is None)
            mask[NO_IDS if self._allowed is None else places_of(base.ids, self._allowed)] = True
            self._mask = (base, mask)
        mask = self._mask[1].copy()
        mask[closed] = False
        return Open(mask, int(np.count_nonzero(mask)))

    def _field_rows(
        self, connection: Connection, fields: list[str], ids: list[int]
    ) -> Iterator[tuple[int, str, bytes]]:
        for start in range(0, len(ids), MOST_VARIABLES):
            yield from connection.execute(
                select(Vector.record_id, Vector.field, Vector.data).where(
                    Vector.kind == self._slice.kind,
                    Vector.record_id.in_(ids[start : start + MOST_VARIABLES]),
                    Vector.encoder == self._index.encoder,
                    Vector.tier == self._slice.tier,
                    Vector.role == PASSAGE,
                    Vector.field.in_(fields),
                    Vector.part == 0,
                    Vector.is_live,
                )
            )


def _score(rows: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return exact(rows, vector).astype(np.float32)
