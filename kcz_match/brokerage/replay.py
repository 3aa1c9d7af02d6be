"""Make a stored list again: first from its own evidence, then from what still stands of its texts.

The first must give the stored order to the last digit, whatever has happened since: the list holds all that the ranking
was given.  The second asks the vector rows again for every text that is still the same, so that it shows whether the
list could be made today; words are always taken from the list, because the rarity of a word changes with the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import select

from kcz_match.brokerage.evidence import Evidence, ranked, weights_of, words_of
from kcz_match.brokerage.lists import MODELS, OTHER, owner_of, text_hashes
from kcz_match.brokerage.models import MatchEntry, MatchList
from kcz_match.catalogue.models import Capability, Need
from kcz_match.core.db import db
from kcz_match.core.errors import NotFound
from kcz_match.matching import late, ranking
from kcz_match.matching.channel import Channel
from kcz_match.matching.documents import digest
from kcz_match.matching.late import Background
from kcz_match.matching.models import Vector
from kcz_match.matching.queries import own_document
from kcz_match.matching.ranking import Scored
from kcz_match.matching.retrieval import WHOLE, token_similarity
from kcz_match.matching.stored_lists import Slice
from kcz_match.matching.vectors import QUERY, TOKENS, from_bytes

SAME = 1e-6
ROUNDING = 1e-6  # float32 sums over a batch of another shape end in other last digits
BAND_WORDS = {"strong": "强", "possible": "可谈", "weak": "弱", "none": "-"}


@dataclass(frozen=True)
class Place:
    """One answer: where it stood and stands, by which score, what has happened to its record since, and its title."""

    entry: MatchEntry
    title: str
    rank: int
    score: float
    changes: tuple[str, ...]

    @property
    def formula(self) -> int:
        """The number of the formula that the list was made by; evidence of another gives other scores."""
        return int(self.stored.weights.get("formula", 1))

    @property
    def is_same(self) -> bool:
        """Whether rank and score are those that were stored."""
        return self.rank == self.entry.rank and abs(self.score - self.entry.score) <= SAME


@dataclass(frozen=True)
class Replay:
    """A list made again.  ``is_sound``: its own evidence gives its order; ``asks_the_same``: its record still does."""

    stored: MatchList
    title: str
    places: list[Place]
    is_sound: bool
    asks_the_same: bool

    @property
    def formula(self) -> int:
        """The number of the formula that the list was made by; evidence of another gives other scores."""
        return int(self.stored.weights.get("formula", 1))

    @property
    def is_same(self) -> bool:
        """Whether everything stands as it was stored."""
        return self.is_sound and all(place.is_same for place in self.places)

    def lines(self) -> list[str]:
        """Return the list in text: what it was made with, its answers, and the verdict."""
        one = self.stored
        names = ", ".join(f"{name}={value}" for name, value in one.weights.items() if isinstance(value, int | float))
        head = [
            f"list {one.id} of {one.kind} “{self.title}”, made {one.made_at:%Y-%m-%d %H:%M} UTC, tier {one.tier}",
            f"encoder {one.encoder}, generation {one.generation}, change {one.change}",
            f"weights {names}",
            f"filters {', '.join(one.filters)}",
        ]
        if not self.asks_the_same:
            head.append(
                "the record that asks has changed: vectors of its old text are gone, so the list's own are used"
            )
        return [*head, *(_line(place) for place in self.places), self._verdict()]

    def _verdict(self) -> str:
        if self.formula != ranking.FORMULA:
            return f"made by formula {self.formula}, this is formula {ranking.FORMULA}: scores cannot be compared"
        if not self.is_sound:
            return "BROKEN: the stored evidence does not give the stored order"
        moved = [place for place in self.places if not place.is_same]
        if not moved:
            return "same"
        return f"differs in {len(moved)} of {len(self.places)} places; the stored evidence gives the stored order"


def replay(list_id: int) -> Replay:
    """Make one stored list again; ``NotFound`` when there is none of this number."""
    stored = db.session.get(MatchList, list_id)
    if stored is None:
        raise NotFound
    kept = _kept(stored)
    is_sound = _is_in_order(stored, _ranked(stored, kept))
    asks, fresh, hashes = _from_rows(stored, kept)
    again = {one.record_id: one for one in _ranked(stored, kept | fresh)}
    entries = sorted(stored.entries, key=lambda entry: (-again[entry.record_id].score, entry.record_id))
    partners = _records(OTHER[stored.kind], [entry.record_id for entry in entries])
    asker = _records(stored.kind, [stored.record_id]).get(stored.record_id)
    places = [
        Place(
            entry,
            partners[entry.record_id].title if entry.record_id in partners else "(gone)",
            rank,
            again[entry.record_id].score,
            _changes(entry, partners.get(entry.record_id), hashes),
        )
        for rank, entry in enumerate(entries, 1)
    ]
    return Replay(stored, asker.title if asker else "(gone)", places, is_sound, asks)


def _kept(stored: MatchList) -> dict[int, Evidence]:
    """Return the evidence of everything that was compared, by record."""
    entries: dict[int, Evidence] = {entry.record_id: entry.evidence for entry in stored.entries}
    return entries | dict(stored.weights["compared"])


def _ranked(stored: MatchList, evidence: Mapping[int, Evidence]) -> list[Scored]:
    return ranked(evidence, weights_of(stored.weights), Background(**stored.weights["background"]))


def _is_in_order(stored: MatchList, scored: list[Scored]) -> bool:
    by_record = {entry.record_id: entry for entry in stored.entries}
    again = [one for one in scored if one.record_id in by_record]
    return [one.record_id for one in again] == [entry.record_id for entry in stored.entries] and all(
        abs(one.score - by_record[one.record_id].score) <= SAME for one in again
    )


def _from_rows(stored: MatchList, kept: Mapping[int, Evidence]) -> tuple[bool, dict[int, Evidence], dict[int, str]]:
    """Return whether the same text asks, evidence anew for the texts that still stand, and the present hashes."""
    entries = {entry.record_id: entry.text_hash for entry in stored.entries}
    hashes = text_hashes(OTHER[stored.kind], stored.tier, stored.encoder, list(entries))
    record = db.session.get(MODELS[stored.kind], stored.record_id)
    asks = record is not None and digest(own_document(record, owner_of(record)).whole) == stored.text_hash
    asked = _query_rows(stored)
    if asked is None:
        return asks, {}, hashes
    standing = [one for one, text_hash in entries.items() if hashes.get(one) == text_hash]
    channel = Channel(_OfEncoder(stored.encoder), Slice(OTHER[stored.kind], stored.tier))
    cosines = channel.field_scores({WHOLE: asked[0]}, standing)[WHOLE]
    rows = channel.token_rows(standing)
    ceiling = ranking.ceiling(map(words_of, kept.values()), weights_of(stored.weights))
    alike = token_similarity(asked[1], rows, standing, ceiling)
    fresh: dict[int, Evidence] = {
        one: _again(kept[one], float(cosine), float(value))
        for one, cosine, value in zip(standing, cosines, alike, strict=True)
    }
    return asks, fresh, hashes


def _again(kept: Evidence, cosine: float, alike: float) -> Evidence:
    """Return the evidence of one answer with what its rows say now; a difference of rounding is none."""
    before = kept["cosines"].get(WHOLE, np.nan), kept["token_similarity"]
    if np.allclose([cosine, alike], np.array(before, float), rtol=0, atol=ROUNDING, equal_nan=True):
        return kept
    return {
        **kept,
        "cosines": {WHOLE: cosine} if np.isfinite(cosine) else {},
        "token_similarity": alike if np.isfinite(alike) else None,
    }


def _query_rows(stored: MatchList) -> tuple[np.ndarray, Any] | None:
    """Return the vector and the tokens that the list asked with, None when they are not stored any more."""
    rows = select(Vector.role, Vector.data).where(
        Vector.text_hash == stored.text_hash,
        Vector.encoder == stored.encoder,
        Vector.role.in_([QUERY, TOKENS[QUERY]]),
        Vector.field == WHOLE,
    )
    found = dict(db.session.execute(rows).all())
    if not found.get(QUERY) or not found.get(TOKENS[QUERY]):
        return None
    return from_bytes(found[QUERY]), late.unpack_query(found[TOKENS[QUERY]])


def _records(kind: str, ids: list[int]) -> dict[int, Need | Capability]:
    model = MODELS[kind]
    return {one.id: one for one in db.session.scalars(select(model).where(model.id.in_(ids)))}


def _changes(entry: MatchEntry, partner: Need | Capability | None, hashes: Mapping[int, str]) -> tuple[str, ...]:
    if partner is None or entry.record_id not in hashes:
        return ("record left the index",)
    changes = [] if partner.is_listed else ["record is not listed any more"]
    return (*changes, "text changed") if hashes[entry.record_id] != entry.text_hash else tuple(changes)


def _line(place: Place) -> str:
    entry = place.entry
    excluded = f"  excluded by {', '.join(entry.failed)}" if entry.failed else ""
    moved = "" if place.is_same else f"  was {entry.rank}. {entry.score:.6f}"
    why = f"  ({'; '.join(place.changes)})" if place.changes else ""
    return f"{place.rank:>3}. {place.score:9.6f} {BAND_WORDS[entry.band]} {place.title}{excluded}{moved}{why}"


@dataclass(frozen=True)
class _OfEncoder:
    """The stored rows of one encoder: all that a channel needs to score records that are named to it."""

    encoder: str

    def present(self, one: Slice) -> Any:
        """Never asked: nothing is searched for here."""
        raise NotImplementedError
