"""Which saved searches a record meets, by text and facets alone.  Reads committed rows and never the write lock.

The record is compared with the searches, not the searches with the catalogue: its words are cut once, its vector and
its token rows are read once, and the rarity of all words of a chunk comes from one look-up.  What a search asks with is
encoded once in the life of a process and remembered (``Memory``); what a need asks with is stored already.

The evidence is that of the search page and of the match list.  A search of words is met by a record that holds half of
the rarity of its words, or that the search page calls near in meaning; a need by one that stands at 可谈 or above.  The
figures behind both are in docs/matching.md.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session, selectinload

from kcz_match.accounts.models import Organisation
from kcz_match.accounts.states import OrganisationState
from kcz_match.brokerage.lines import Line, line_that_met, shared
from kcz_match.brokerage.models import SavedSearch, SearchAlert
from kcz_match.brokerage.searches import has_facets
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.visibility import Record
from kcz_match.core.audit import AuditEntry
from kcz_match.matching import documents, explanation, late, lexical, ranking, reading, vectors
from kcz_match.matching.documents import MEMBERS, OWN, READ_BY, Document, digest
from kcz_match.matching.engine import engine
from kcz_match.matching.explanation import Side
from kcz_match.matching.late import QueryTokens
from kcz_match.matching.lexical import LexicalIndex
from kcz_match.matching.queries import NEAR
from kcz_match.matching.ranking import Scored
from kcz_match.matching.retrieval import WHOLE
from kcz_match.matching.vectors import PASSAGE, QUERY, TOKENS

MODELS: dict[str, type[Need] | type[Capability]] = {"need": Need, "capability": Capability}
CHUNK = 60  # above searches.MOST_SEARCHES; a chunk that was never encoded takes some two seconds
ENOUGH_WORDS = 0.5
ENOUGH_FOR_NEED = ("strong", "possible")
REMEMBERED = 5_000
COMES_INTO_LISTS = {
    "need": ("need.publish", "need.renew", "need.resume", "need.reopen"),
    "capability": ("capability.approve", "capability.relist"),
}


@dataclass(frozen=True)
class Met:
    """A saved search that a record meets, and the line of the record that met it."""

    search_id: int
    line: Line


@dataclass(frozen=True)
class _Asked:
    """What one search asks with: its compared texts and their words."""

    search_id: int
    document: Document
    words: tuple[str, ...]
    is_need: bool


@dataclass(frozen=True)
class _Answer:
    """What a record answers with: its text as members read it, its words, and its stored vector and token rows."""

    document: Document
    words: frozenset[str]
    vector: np.ndarray | None
    tokens: np.ndarray | None


@dataclass
class _Reading:
    """Everything read for one chunk: what answers, what asks, how rare its words are, and the stored vectors."""

    answer: _Answer
    asked: list[_Asked]
    rarity: Mapping[str, float]
    known: vectors.Known


@dataclass
class Memory:
    """Query vectors and tokens by encoder and text, the least recently used forgotten first.

    A thousand searches take about 16 MB.  Without it some 40 s of computing would go into every record published, with
    it half a second.
    """

    most: int = REMEMBERED
    held: OrderedDict[tuple[str, str], tuple[np.ndarray, QueryTokens]] = field(default_factory=OrderedDict)

    def recall(self, text: str) -> tuple[np.ndarray, QueryTokens] | None:
        """Return what a text asks with, None when it is not known."""
        place = (engine().encoder.name, text)
        if place in self.held:
            self.held.move_to_end(place)
        return self.held.get(place)

    def learn(self, texts: Sequence[str], known: vectors.Known) -> None:
        """Encode those of ``texts`` that are neither held nor in ``known``, in one batch, and remember all."""
        encoder = engine().encoder
        lacking = [text for text in dict.fromkeys(texts) if self.recall(text) is None]
        wanted = [(role, text) for text in lacking for role in (QUERY, TOKENS[QUERY])]
        complete = vectors.encode_missing(encoder, wanted, known)
        for text in lacking:
            vector = vectors.from_bytes(complete[QUERY, digest(text)])
            self.held[encoder.name, text] = (vector, late.unpack_query(complete[TOKENS[QUERY], digest(text)]))
        while len(self.held) > self.most:
            self.held.popitem(last=False)


memory = Memory()


def met_by(kind: str, record_id: int, after: int = 0, chunk: int = CHUNK) -> tuple[list[Met], int | None]:
    """Return the running searches that a record meets, of the next organisations behind ``after``.

    The second value is the organisation to go on behind, None when all were asked.  Left out are the record's own
    organisation, organisations that may not act, searches that were saved after the record came into the lists, and
    those that were told of it before.
    """
    with vectors.reading() as connection, Session(connection) as session:
        record = session.get(MODELS[kind], record_id)
        if record is None or not reading.is_in_listed_state(record):
            return [], None
        searches, last = _chunk(session, record, after, chunk)
        found = _read(connection, record, searches)
    memory.learn([one.document.whole for one in found.asked], found.known)
    scored = [(one, _score(one, found.answer, found.rarity)) for one in found.asked]
    met = [(one, score) for one, score in scored if _meets(one, score)]
    near = vectors.stored_sentence_vectors(engine().encoder, found.answer.document) if met else {}
    lines = [(one, _line(one, score, found.answer, near)) for one, score in met]
    return [Met(one.search_id, line) for one, line in lines if line is not None], last


def _read(connection: Connection, record: Record, searches: Sequence[SavedSearch]) -> _Reading:
    kind = record.lifecycle.kind
    document = reading.document(record, READ_BY[MEMBERS])
    asked = [_asked(one) for one in searches if has_facets(record, one.facets)]
    rarity = LexicalIndex(connection, kind, MEMBERS).rarity({word for one in asked for word in one.words})
    wanted = [(role, one.document.whole) for one in asked if one.is_need for role in (QUERY, TOKENS[QUERY])]
    passage = [(role, document.whole) for role in (PASSAGE, TOKENS[PASSAGE])]
    known = vectors.lookup(connection, engine().encoder.name, [*wanted, *passage])
    vector, tokens = (known.get((role, digest(document.whole))) for role in (PASSAGE, TOKENS[PASSAGE]))
    answer = _Answer(
        document,
        frozenset(lexical.words("\n".join(document.texts.values()))),
        vectors.from_bytes(vector) if vector else None,
        late.unpack(tokens) if tokens else None,
    )
    return _Reading(answer, asked, rarity, known)


def _chunk(session: Session, record: Record, after: int, chunk: int) -> tuple[list[SavedSearch], int | None]:
    """Return the searches of the next organisations, never a part of one's, and the last of these organisations."""
    kind = record.lifecycle.kind
    listed_at = session.scalar(
        select(func.max(AuditEntry.at)).where(
            AuditEntry.subject_kind == kind,
            AuditEntry.subject_id == record.id,
            AuditEntry.action.in_(COMES_INTO_LISTS[kind]),
        )
    )
    told = select(SearchAlert.id).where(
        SearchAlert.search_id == SavedSearch.id, SearchAlert.kind == kind, SearchAlert.record_id == record.id
    )
    query = (
        select(SavedSearch)
        .join(Organisation, Organisation.id == SavedSearch.organisation_id)
        .where(
            Organisation.state == OrganisationState.VERIFIED,
            SavedSearch.organisation_id > after,
            SavedSearch.organisation_id != record.organisation_id,
            SavedSearch.kind == kind,
            SavedSearch.is_on,
            SavedSearch.created_at < (listed_at or dt.datetime.min.replace(tzinfo=dt.UTC)),
            ~told.exists(),
        )
        .options(selectinload(SavedSearch.need).selectinload(Need.indicators))
        .order_by(SavedSearch.organisation_id, SavedSearch.id)
    )
    rows = list(session.scalars(query.limit(chunk + 1)))
    if len(rows) <= chunk:
        return rows, None
    whole = [row for row in rows if row.organisation_id != rows[-1].organisation_id] or rows
    return whole, whole[-1].organisation_id


def _asked(search: SavedSearch) -> _Asked:
    need = search.need
    document = documents.free_text(search.words) if need is None else reading.document(need, READ_BY[OWN])
    text = "\n".join(document.texts.values())
    return _Asked(search.id, document, tuple(lexical.words(text)), need is not None)


def _score(asked: _Asked, answer: _Answer, rarity: Mapping[str, float]) -> Scored:
    vector, tokens = memory.recall(asked.document.whole) or (None, None)
    cosine, alike = np.nan, np.full(1, np.nan, np.float32)
    if vector is not None and answer.vector is not None:
        cosine = float(vector @ answer.vector)
    words = {0: shared(asked.words, answer.words, rarity)}
    if tokens is not None and answer.tokens is not None:
        alike = late.similarities(tokens.rows, tokens.weights, [answer.tokens], ranking.ceiling(words.values()))
    cosines = {WHOLE: np.array([cosine], np.float32)} if np.isfinite(cosine) else {}
    return ranking.fuse([0], cosines, alike, words, engine().encoder.background)[0]


def _meets(asked: _Asked, scored: Scored) -> bool:
    if asked.is_need:
        return ranking.band_by_score(scored) in ENOUGH_FOR_NEED
    return scored.words.coverage >= ENOUGH_WORDS or scored.parts["tokens"] + scored.parts["meaning"] >= NEAR


def _line(asked: _Asked, scored: Scored, answer: _Answer, near: Mapping[str, np.ndarray]) -> Line | None:
    if asked.is_need:
        return _line_for_need(asked, scored, answer, near)
    found = memory.recall(asked.document.whole)
    nearness = {name: (rows @ found[0]).tolist() for name, rows in near.items()} if found is not None else {}
    return line_that_met(answer.document.texts, dict(scored.terms), asked.document.whole, nearness)


def _line_for_need(asked: _Asked, scored: Scored, answer: _Answer, near: Mapping[str, np.ndarray]) -> Line | None:
    """Return the sentence of the pair that the match page would quote first."""
    sentences = vectors.stored_sentence_vectors(engine().encoder, asked.document)
    why = explanation.explain(Side(asked.document.texts, sentences), Side(answer.document.texts, near), scored.terms)
    fields = {cell.label: cell.capability for cell in explanation.GRID}
    pair = next((pair for pair in why.pairs if pair.label in fields), None)
    return Line(fields[pair.label], pair.capability_quote) if pair is not None else None
