"""Matches of a need or a capability, free-text search, and likeness between needs: always for one viewer.

The index proposes; the database decides what this viewer may know of at this moment; hard filters come before any
score; the explanation is read from the two records as this viewer may read them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.visibility import Record, tiers_open_to
from kcz_match.core import jobs, policy
from kcz_match.core.db import db, utc_now
from kcz_match.core.policy import Actor
from kcz_match.matching import documents, filters, ranking, reading, vectors
from kcz_match.matching.documents import Document
from kcz_match.matching.encoder import EncodingError
from kcz_match.matching.engine import engine
from kcz_match.matching.filters import FilterResult
from kcz_match.matching.lexical import LexicalIndex
from kcz_match.matching.models import MatchDecision
from kcz_match.matching.ranking import Scored
from kcz_match.matching.reasons import Decision
from kcz_match.matching.retrieval import Query, propose, rank
from kcz_match.matching.terms import capability_terms, need_terms

log = logging.getLogger(__name__)
CANDIDATES, MOST_CANDIDATES, ENOUGH = 60, 4000, 30
MOST_HITS = 40
MOST_UNWORDED = 5
NEAR = 6.0  # spreads above unrelated texts: a few words say so little that even this is a guess, hence MOST_UNWORDED
SAME_NEARNESS = 1.0  # of the hits without a shared word only those about as near as the nearest are worth a look


@dataclass(frozen=True)
class Match:
    """One pair as proposed: the records, the band, the hard filters, and what the viewer decided about it."""

    need: Need
    capability: Capability
    scored: Scored
    band: str
    filters: tuple[FilterResult, ...]
    decision: MatchDecision | None = None

    @property
    def is_barred(self) -> bool:
        """Whether the two may not meet at present, for a reason that is nobody else's business."""
        return any(line.code == filters.OPEN and not line.passed for line in self.filters)

    @property
    def is_refused(self) -> bool:
        """Whether the viewer's organisation said that it does not fit."""
        return self.decision is not None and self.decision.decision == Decision.REFUSE

    @property
    def passes(self) -> bool:
        """Whether every hard filter passes."""
        return all(line.passed for line in self.filters)


@dataclass(frozen=True)
class Candidates:
    """Every pair that the index proposes for one record and this viewer may know of, best first, below the floor too.

    The rest is what the order rests on: the ``document`` that asked, the ``tier`` that was searched, and ``pool``, all
    that was compared, whoever may know of it: a score depends on what else was in view.
    """

    pairs: list[Match]
    document: Document
    tier: str
    pool: list[Scored]


@dataclass(frozen=True)
class Matches:
    """The list for one record: what passes the filters and reaches a band, what a filter excluded, what was refused."""

    shown: list[Match]
    excluded: list[Match]
    refused: list[Match]
    encoder: str
    generation: int

    def filter_counts(self) -> list[tuple[str, int, int]]:
        """Return (filter, passing, excluded) over all candidates, in the order of the filter table."""
        counts: dict[str, list[int]] = {}
        for match in (*self.shown, *self.excluded, *self.refused):
            for line in match.filters:
                counts.setdefault(line.name, [0, 0])[not line.passed] += 1
        return [(name, passed, failed) for name, (passed, failed) in counts.items()]


@dataclass(frozen=True)
class Hit:
    """One record that answers a free-text search."""

    record: Record
    band: str
    scored: Scored
    problem: str = ""

    @property
    def terms(self) -> tuple[str, ...]:
        """The words that the search and the record share, rarest first."""
        return tuple(term for term, _ in self.scored.terms)

    @property
    def is_near(self) -> bool:
        """Whether it says something near the search, whatever the words."""
        return self.nearness >= NEAR

    @property
    def nearness(self) -> float:
        """How near it comes to the search in meaning, in spreads above unrelated texts."""
        return self.scored.parts["tokens"] + self.scored.parts["meaning"]


@dataclass(frozen=True)
class Found:
    """Hits of one kind, best first, and how many of them have each code of each facet."""

    hits: list[Hit]
    facets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def matches_of(record: Record, actor: Actor) -> Matches:
    """Return the matches of a need (capabilities) or of a capability (needs) for ``actor``."""
    found = candidates_of(record, actor).pairs
    refused = [match for match in found if match.is_refused]
    rest = [match for match in found if match not in refused and match.band != "none"]
    return Matches(
        shown=[match for match in rest if match.passes],
        excluded=[match for match in rest if not match.passes],
        refused=refused,
        encoder=engine().encoder.name,
        generation=engine().index.generation.number,
    )


def candidates_of(record: Record, actor: Actor, also: Collection[int] = ()) -> Candidates:
    """Return what the index proposes for a need or a capability, and the pairs with the partners ``also`` in any case.

    A record that is not listed at this moment matches nothing.  Pairs that avoidance or a conflict forbids are left out
    for everybody but the need's own side, so that nobody learns who avoids whom.
    """
    other = "capability" if isinstance(record, Need) else "need"
    document = own_document(record, actor)
    ranked = _ranked(document, other, actor, _open(other), also) if record.is_listed else _Ranked()
    decided = _decisions(record, actor)
    pairs = [_match(record, partner, one, decided, actor) for one, partner in ranked.answers]
    pairs = [match for match in pairs if match.need.organisation_id == actor.organisation_id or not match.is_barred]
    return Candidates(pairs, document, _tier(actor), ranked.pool)


def similar_needs(
    values: Mapping[str, object], rows: Sequence[object], actor: Actor, *, but: str = "", limit: int = 5
) -> list[Hit]:
    """Return needs the actor may know of that are like a typed one; ``but`` is the key of the typed one itself."""
    document = documents.build("need", values, rows)  # type: ignore[arg-type]
    answers = _answers(document, "need", actor, catalogue.needs_visible_to(actor))
    hits = [Hit(need, ranking.band_by_score(one), one) for one, need in answers if need.key != but]
    return [hit for hit in hits if hit.band in ("strong", "possible")][:limit]


def search(text: str, kind: str, actor: Actor, keep: Callable[[Record], bool] = lambda record: True) -> Found:
    """Return the records of ``kind`` that answer ``text``, as far as ``actor`` may know of them, with facet counts.

    A hit shares a word with ``text``, or is one of the few that say something near it.  Bands are set for whole records
    and mean nothing for a few words, so a hit tells what it shares instead.  ``keep`` applies chosen facets; the counts
    are those of all hits, so that a choice can be changed.
    """
    document = documents.free_text(text)
    if not document.texts:
        return Found([])
    visible = catalogue.needs_visible_to(actor) if kind == "need" else catalogue.capabilities_visible_to(actor)
    answers = _answers(document, kind, actor, visible)
    hits = [Hit(record, ranking.band_by_score(one), one, _readable_problem(record, actor)) for one, record in answers]
    hits = worth_a_look(hits)[:MOST_HITS]
    return Found([hit for hit in hits if keep(hit.record)], _facets([hit.record for hit in hits]))


def worth_a_look(hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits that share a word, and of the others the few that come about as near as the nearest of them."""
    unworded = [hit for hit in hits if not hit.terms and hit.is_near]
    nearest = max((hit.nearness for hit in unworded), default=0.0)
    near = [hit for hit in unworded if hit.nearness > nearest - SAME_NEARNESS][:MOST_UNWORDED]
    return [hit for hit in hits if hit.terms or hit in near]


def waiting_for_index() -> int:
    """Return how many published records the worker has not put into the index yet: lists are incomplete meanwhile."""
    return jobs.count_due("index_record", utc_now())


def own_document(record: Record, actor: Actor) -> Document:
    """Return what a record asks with for this viewer: all that they may read of it."""
    tiers = tiers_open_to(actor, record)
    return reading.document(record, documents.READ_BY[documents.tier_for(tiers)])


@dataclass(frozen=True)
class _Ranked:
    """Answers with their records, best first, and everything they were compared with."""

    answers: list[tuple[Scored, Record]] = field(default_factory=list)
    pool: list[Scored] = field(default_factory=list)


def _answers(document: Document, kind: str, actor: Actor, allowed: Select) -> list[tuple[Scored, Record]]:  # type: ignore[type-arg]
    return _ranked(document, kind, actor, allowed).answers


def _ranked(
    document: Document,
    kind: str,
    actor: Actor,
    allowed: Select,  # type: ignore[type-arg]
    also: Collection[int] = (),
) -> _Ranked:
    """Return the records that answer a document and that the query ``allowed`` yields now, best first.

    The index knows nothing of rights, so it is asked for more until enough of its answers are allowed or it has none.
    Records ``also`` wanted are scored beside the others and come last, without moving any other's score.
    """
    if not document.texts:
        return _Ranked()
    tier = _tier(actor)
    query, channel = _query(document), engine().index.channel(kind, tier)
    words = LexicalIndex(db.session.connection(), kind, tier)
    limit = CANDIDATES
    while True:
        ids = propose(query, channel, words, limit)
        pool = rank(query, channel, words, ids)
        found = _load(kind, pool[:limit], allowed)
        if len(found) >= ENOUGH or len(pool) < limit or limit >= MOST_CANDIDATES:
            break
        limit *= 4
    if missing := set(also) - {one.record_id for one, _ in found}:
        beside = rank(query, channel, words, list(dict.fromkeys([*ids, *sorted(missing)])))
        found += _load(kind, [one for one in beside if one.record_id in missing], allowed)
    return _Ranked(found, pool)


def _tier(actor: Actor) -> str:
    return documents.MEMBERS if policy.is_member(actor, None) else documents.PUBLIC


def _readable_problem(record: Record, actor: Actor) -> str:
    """Return what the tier that this viewer searches reads of the problem: no more than it is found by."""
    return reading.document(record, documents.READ_BY[_tier(actor)]).texts.get("problem", "")


def _query(document: Document) -> Query:
    """Return what a document asks with; without a working encoder it asks by words alone, and the page says so."""
    try:
        return vectors.query(engine().encoder, document)
    except EncodingError:
        log.exception("the encoder does not work; searching by words only")
        return Query(document.texts)


def _open(kind: str) -> Select:  # type: ignore[type-arg]
    return catalogue.open_needs() if kind == "need" else catalogue.listed_capabilities()


def _load(kind: str, scored: Sequence[Scored], allowed: Select) -> list[tuple[Scored, Record]]:  # type: ignore[type-arg]
    """Return the scored records that the query ``allowed`` yields now, in the order of their scores."""
    model = Need if kind == "need" else Capability
    rows = (Need.indicators, Need.avoided) if kind == "need" else (Capability.claims,)
    found = {
        record.id: record
        for record in db.session.scalars(
            allowed.where(model.id.in_([one.record_id for one in scored])).options(
                *(selectinload(each) for each in (*rows, model.organisation))
            )
        )
    }
    return [(one, found[one.record_id]) for one in scored if one.record_id in found]


def _match(
    record: Record, partner: Record, scored: Scored, decided: Mapping[int, MatchDecision], actor: Actor
) -> Match:
    need, capability = (record, partner) if isinstance(record, Need) else (partner, record)
    assert isinstance(need, Need) and isinstance(capability, Capability)  # noqa: S101 - one of each kind
    asked = need_terms(need, with_budget=policy.can(actor, "need.read_own", need))
    lines = tuple(filters.check(asked, capability_terms(capability)))
    return Match(need, capability, scored, ranking.band(scored), lines, decided.get(partner.id))


def _decisions(record: Record, actor: Actor) -> dict[int, MatchDecision]:
    mine, other = (
        (MatchDecision.need_id, "capability_id")
        if isinstance(record, Need)
        else (MatchDecision.capability_id, "need_id")
    )
    rows = db.session.scalars(
        select(MatchDecision).where(mine == record.id, MatchDecision.organisation_id == actor.organisation_id)
    )
    return {getattr(row, other): row for row in rows}


def _facets(records: Sequence[Record]) -> dict[str, Counter[str]]:
    facets: dict[str, Counter[str]] = {"industry": Counter(), "district": Counter(), "type": Counter()}
    for record in records:
        if isinstance(record, Need):
            facets["industry"][record.industry] += 1
            facets["district"][record.district_code] += 1
            facets["type"][record.kind] += 1
        else:
            facets["industry"].update(record.industries)
            facets["district"].update(record.regions)
            facets["type"][record.type] += 1
    return facets
