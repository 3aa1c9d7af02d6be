"""Vectors as database rows: what a record wants stored, what is stored already, and what has to be encoded.

Bytes are little-endian float32: the site then ranks with the very numbers that ``evaluate`` measures, and a generation
built from rows answers exactly like the rows (half precision would halve 18 kB a record and move cosines by 1e-4, in
an encoder whose scores all lie within 0.1).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import numpy as np
from sqlalchemy import Connection, select, text
from sqlalchemy.orm import Session

from kcz_match.core.db import db
from kcz_match.matching import late
from kcz_match.matching.documents import MEMBERS, OWN, PUBLIC, SEARCHED_TIERS, Document, digest
from kcz_match.matching.late import Background
from kcz_match.matching.models import Vector
from kcz_match.matching.retrieval import WHOLE, Query

PASSAGE, QUERY = "passage", "query"
TOKENS = {PASSAGE: "passage_tokens", QUERY: "query_tokens"}
STORED = np.dtype("<f4")
MOST_VARIABLES = 500


class Place(NamedTuple):
    """Where one vector of a record belongs."""

    tier: str
    role: str
    field: str
    part: int = 0


class Encodes(Protocol):
    """What is needed of an encoder here."""

    @property
    def name(self) -> str:
        """The fingerprint stored with every vector."""
        ...

    @property
    def background(self) -> Background:
        """How alike unrelated texts are."""
        ...

    def encode(self, texts: Sequence[str], role: str = ...) -> np.ndarray:
        """Return float32 unit rows (n, d), one for each text."""
        ...

    def encode_both(self, texts: Sequence[str], role: str = ...) -> tuple[np.ndarray, list[bytes]]:
        """Return the unit rows (n, d) and the packed token rows of each text."""
        ...


Known = dict[tuple[str, str], bytes]


@contextmanager
def reading() -> Iterator[Connection]:
    """Give a connection of its own that sees committed rows only and never takes the write lock."""
    with db.engine.connect().execution_options(reading=True) as connection:
        yield connection


def wanted_rows(documents: Mapping[str, Document]) -> dict[Place, str]:
    """Return the text of every vector of a record and of its token rows, from its documents by tier.

    Each searched tier has a passage of its own.  Query vectors are for asking, and are found again by their text: a
    tier gets one only where its text differs from what a wider tier reads.
    """
    texts = {Place(tier, PASSAGE, WHOLE): documents[tier].whole for tier in SEARCHED_TIERS}
    for tier in (OWN, MEMBERS, PUBLIC):
        if documents[tier].whole not in [content for place, content in texts.items() if place.role == QUERY]:
            texts[Place(tier, QUERY, WHOLE)] = documents[tier].whole
    wanted = {place: content for place, content in texts.items() if content}
    return wanted | {place._replace(role=TOKENS[place.role]): content for place, content in wanted.items()}


def is_needed_to_be_found(place: Place) -> bool:
    """Say whether a record is not rightly found without the vector of this place; the others may follow a bit later."""
    return place.field == WHOLE and place.part == 0 and place.role in (PASSAGE, TOKENS[PASSAGE])


def wanted_sentences(documents: Mapping[str, Document]) -> dict[Place, str]:
    """Return the text of every sentence vector: part n is the n-th sentence that this tier adds to narrower tiers."""
    wanted: dict[Place, str] = {}
    held: set[str] = set()
    for tier in SEARCHED_TIERS:
        numbers: dict[str, int] = {}
        for field, sentence in documents[tier].sentences():
            if sentence not in held:
                held.add(sentence)
                numbers[field] = numbers.get(field, 0) + 1
                wanted[Place(tier, PASSAGE, field, numbers[field])] = sentence
    return wanted


def lookup(connection: Connection | Session, encoder: str, wanted: Iterable[tuple[str, str]]) -> Known:
    """Return the stored bytes of those (role, text) pairs that any record has under ``encoder``, keyed by (role, hash).

    Whoever asks holds the text already, so finding it under another record tells nothing new.
    """
    keys = {(role, digest(content)) for role, content in wanted}
    hashes = sorted({hashed for _, hashed in keys})
    found: Known = {}
    for start in range(0, len(hashes), MOST_VARIABLES):
        rows = connection.execute(
            select(Vector.role, Vector.text_hash, Vector.data).where(
                Vector.text_hash.in_(hashes[start : start + MOST_VARIABLES]), Vector.encoder == encoder
            )
        )
        found.update({(role, hashed): data for role, hashed, data in rows if (role, hashed) in keys and data})
    return found


def encode_missing(encoder: Encodes, wanted: Iterable[tuple[str, str]], known: Known) -> Known:
    """Return ``known`` together with the bytes of every (role, text) it lacks, encoded in one batch for each role.

    Where tokens are wanted, the same pass gives the vector too.
    """
    complete = dict(known)
    asked = {(role, digest(content)): content for role, content in wanted}
    lacking = {key: content for key, content in asked.items() if key not in complete}
    for role in (PASSAGE, QUERY):
        both = {hashed: content for (one, hashed), content in lacking.items() if one == TOKENS[role]}
        plain = {hashed: content for (one, hashed), content in lacking.items() if one == role and hashed not in both}
        if both:
            rows, packed = encoder.encode_both(list(both.values()), role=role)
            complete.update({(role, hashed): to_bytes(row) for hashed, row in zip(both, checked(rows), strict=True)})
            complete.update({(TOKENS[role], hashed): data for hashed, data in zip(both, packed, strict=True)})
        if plain:
            rows = checked(encoder.encode(list(plain.values()), role=role))
            complete.update({(role, hashed): to_bytes(row) for hashed, row in zip(plain, rows, strict=True)})
    return complete


def put(
    encoder: Encodes,
    kind: str,
    record_id: int,
    wanted: Mapping[Place, str],
    known: Known,
    *,
    sentences: bool = False,
    later: Collection[Place] = frozenset(),
) -> bool:
    """Make the stored rows of a record equal ``wanted`` in the running transaction; return whether any row changed.

    With ``sentences`` the rows of parts n >= 1 are meant, otherwise those of part 0.  What ``known`` lacks is encoded,
    except for places in ``later``: those stay empty for now, so that no row ever stands for a text that has changed.
    A row that stays as it was keeps its change number, so doing it twice does nothing the second time.
    """
    rows = {_place(row): row for row in _rows(kind, record_id, encoder.name) if (row.part > 0) == sentences}
    news = {
        place: content
        for place, content in wanted.items()
        if place not in rows or not rows[place].is_live or rows[place].text_hash != digest(content)
    }
    held = {(row.role, row.text_hash): row.data for row in rows.values() if row.data} | known
    empty = {place for place in news if place in later and (place.role, digest(news[place])) not in held}
    news = {place: content for place, content in news.items() if place not in empty}
    gone = [row for place, row in rows.items() if place in empty or place not in wanted]
    gone = [row for row in gone if row.is_live or not _is_searched(row)]
    if not news and not gone:
        return False
    complete = encode_missing(encoder, [(place.role, content) for place, content in news.items()], held)
    number = next_change()
    for place, content in news.items():
        row = rows.get(place) or Vector(kind=kind, record_id=record_id, encoder=encoder.name, **place._asdict())
        row.text_hash, row.is_live, row.change = digest(content), True, number
        row.data = complete[place.role, row.text_hash]
        db.session.add(row)
    for row in gone:
        _put_away(row, number)
    db.session.flush()
    return True


def remove(kind: str, record_id: int, *, forget: bool = False) -> bool:
    """Take a record out of every searched list in the running transaction; return whether any row changed.

    Its vectors stay for the day it comes back.  With ``forget`` (the record itself is gone) they are erased, and only
    the notice that it left remains.  This holds for the vectors of every encoder.
    """
    rows = [row for row in _rows(kind, record_id) if row.is_live or (forget and row.data)]
    if not rows:
        return False
    number = next_change()
    for row in rows:
        row.is_live, row.change = False, number
        if forget:
            row.data, row.text_hash = b"", ""
            _put_away(row, number)
    db.session.flush()
    return True


def next_change() -> int:
    """Take the next change number in the running transaction.

    The row of the counter stays locked until commit, so numbers become visible to others in the order they rise.
    """
    return db.session.execute(
        text(
            "INSERT INTO index_change (id, number) VALUES (1, 1) "
            "ON CONFLICT (id) DO UPDATE SET number = index_change.number + 1 RETURNING number"
        )
    ).scalar_one()


def query(encoder: Encodes, document: Document) -> Query:
    """Return what a document asks with: its texts, unit vector, and tokens; stored ones are not made again.

    A document without text gives a query without vectors.
    """
    return queries(encoder, [document])[0]


def queries(encoder: Encodes, documents: Sequence[Document]) -> list[Query]:
    """Return what each document asks with, as ``query`` does, encoding all that is not stored in one batch."""
    wanted = [(role, one.whole) for one in documents if one.whole for role in (QUERY, TOKENS[QUERY])]
    with reading() as connection:
        known = lookup(connection, encoder.name, wanted)
    complete = encode_missing(encoder, wanted, known)
    return [_query(encoder, document, complete) for document in documents]


def _query(encoder: Encodes, document: Document, complete: Known) -> Query:
    if not document.whole:
        return Query({})
    vector = from_bytes(complete[QUERY, digest(document.whole)])
    tokens = late.unpack_query(complete[TOKENS[QUERY], digest(document.whole)])
    return Query(document.texts, {WHOLE: vector}, tokens, encoder.background)


def stored_sentence_vectors(encoder: Encodes, document: Document) -> dict[str, np.ndarray]:
    """Return for each compared field the unit rows of its sentences, in order (float32 (n, d), role ``passage``).

    Nothing is encoded here: a field with a sentence that is not stored is left out, and compared by words instead.
    """
    sentences = list(document.sentences())
    with reading() as connection:
        known = lookup(connection, encoder.name, [(PASSAGE, sentence) for _, sentence in sentences])
    rows: dict[str, list[bytes | None]] = {}
    for field, sentence in sentences:
        rows.setdefault(field, []).append(known.get((PASSAGE, digest(sentence))))
    return {field: np.stack([from_bytes(row) for row in found if row]) for field, found in rows.items() if all(found)}


def to_bytes(row: np.ndarray) -> bytes:
    """Return one vector (d,) as it is stored."""
    return np.ascontiguousarray(row, STORED).tobytes()


def from_bytes(data: bytes) -> np.ndarray:
    """Return a stored vector as float32 (d,)."""
    return np.frombuffer(data, STORED).astype(np.float32)


def checked(rows: np.ndarray) -> np.ndarray:
    """Return ``rows`` (n, d) unless one is not a unit vector of finite numbers: that is a ``ValueError``."""
    lengths = np.linalg.norm(rows, axis=1)
    if not np.all(np.abs(lengths - 1) < 1e-3):
        raise ValueError("the encoder returned a vector that is not finite or not of length 1")
    return rows


def last_change(connection: Connection | Session) -> int:
    """Return the number of the last change, 0 when there was none."""
    return connection.execute(text("SELECT number FROM index_change WHERE id = 1")).scalar() or 0


def _rows(kind: str, record_id: int, encoder_name: str | None = None) -> Sequence[Vector]:
    rows = select(Vector).where(Vector.kind == kind, Vector.record_id == record_id)
    return db.session.scalars(rows if encoder_name is None else rows.where(Vector.encoder == encoder_name)).all()


def _place(row: Vector) -> Place:
    return Place(row.tier, row.role, row.field, row.part)


def _is_searched(row: Vector) -> bool:
    return (row.role, row.field, row.part) == (PASSAGE, WHOLE, 0)


def _put_away(row: Vector, number: int) -> None:
    """Drop a row whose text is gone; a searched one stays as the notice that its record left this tier."""
    if _is_searched(row):
        row.is_live, row.change = False, number
    else:
        db.session.delete(row)
