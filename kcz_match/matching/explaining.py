"""Explanations of many pairs at once for one viewer: a list of them takes as many queries as a single one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from kcz_match.catalogue.fields import Tier
from kcz_match.catalogue.indicators import compare
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.states import CapabilityState
from kcz_match.catalogue.visibility import Record, readable_rows, tiers_open_to_each
from kcz_match.core.calendar import local_day
from kcz_match.core.db import utc_now
from kcz_match.core.policy import Actor
from kcz_match.matching import explanation, reading, vectors
from kcz_match.matching.documents import Document, digest
from kcz_match.matching.engine import engine
from kcz_match.matching.explanation import Explanation, Facts, Side
from kcz_match.matching.filters import FilterResult
from kcz_match.matching.ranking import Scored
from kcz_match.matching.vectors import PASSAGE, Known

Tiers = frozenset[Tier]


class Pair(Protocol):
    """What is explained: the records, the score with its shared words, and the hard filters."""

    @property
    def need(self) -> Need:
        """The need."""
        ...

    @property
    def capability(self) -> Capability:
        """The capability."""
        ...

    @property
    def scored(self) -> Scored:
        """The score and what it rests on."""
        ...

    @property
    def filters(self) -> tuple[FilterResult, ...]:
        """The hard filters."""
        ...


def explain_all(pairs: Sequence[Pair], actor: Actor) -> list[Explanation]:
    """Return for each pair why it belongs together and why not, quoting only what ``actor`` may read of each record.

    Sentence vectors are those that are stored; nothing is encoded for a page.
    """
    records: list[Record] = list(dict.fromkeys(record for pair in pairs for record in (pair.need, pair.capability)))
    tiers = dict(zip(records, tiers_open_to_each(actor, records), strict=True))
    texts = {record: reading.document(record, tiers[record]) for record in records}
    wanted = {(PASSAGE, sentence) for text in texts.values() for _, sentence in text.sentences()}
    with vectors.reading() as connection:
        known = vectors.lookup(connection, engine().encoder.name, wanted)
    sides = {record: _side(text, known) for record, text in texts.items()}
    return [_explain(pair, sides, tiers) for pair in pairs]


def _explain(pair: Pair, sides: dict[Record, Side], tiers: dict[Record, Tiers]) -> Explanation:
    need, capability = pair.need, pair.capability
    verdicts = compare(readable_rows(need, tiers[need]), readable_rows(capability, tiers[capability]))
    facts = _facts(need, capability, tiers[capability])
    return explanation.explain(sides[need], sides[capability], pair.scored.terms, pair.filters, verdicts, facts)


def _facts(need: Need, capability: Capability, tiers: Tiers) -> Facts:
    confirmed = (local_day(utc_now()) - local_day(capability.confirmed_at)).days if capability.confirmed_at else None
    return Facts(
        limits=capability.limits if capability.tier_of("limits") in tiers else "",
        trl=int(capability.trl) if capability.trl else None,
        min_trl=int(need.min_trl) if need.min_trl else None,
        confirmed_days=confirmed,
        stale=capability.state == CapabilityState.STALE,
    )


def _side(document: Document, known: Known) -> Side:
    """Return a record's readable texts with the rows of those fields whose sentences are all stored."""
    rows: dict[str, list[bytes | None]] = {}
    for field, sentence in document.sentences():
        rows.setdefault(field, []).append(known.get((PASSAGE, digest(sentence))))
    stored = {
        field: np.stack([vectors.from_bytes(row) for row in found if row])
        for field, found in rows.items()
        if all(found)
    }
    return Side(document.texts, stored)
