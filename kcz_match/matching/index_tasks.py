"""What the worker does for the index.  Every task makes rows equal to the record's present state: twice is once.

Texts are encoded before the write lock is taken, from what committed rows say; under the lock the record is read again
and only what changed in between is encoded there.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.visibility import Record
from kcz_match.core import jobs
from kcz_match.core.db import db, utc_now
from kcz_match.matching import reading as records
from kcz_match.matching import vectors
from kcz_match.matching.documents import SEARCHED_TIERS, Document
from kcz_match.matching.engine import engine
from kcz_match.matching.lexical import LexicalIndex
from kcz_match.matching.models import IndexBuild
from kcz_match.matching.vectors import Known, Place

MODELS: dict[str, type[Need] | type[Capability]] = {"need": Need, "capability": Capability}
SENTENCES_LATER = dt.timedelta(seconds=5)


def index_record(kind: str, record_id: int) -> None:
    """Make vectors and words of a record equal its present state; then leave the jobs that follow from it."""
    known = _encoded_ahead(kind, record_id, sentences=False)
    reconcile(kind, record_id, known)
    jobs.leave("index_sentences", key=f"sentences:{kind}:{record_id}", run_at=utc_now() + SENTENCES_LATER,
               kind=kind, record_id=record_id)
    db.session.flush()
    if engine().wants_fold():
        jobs.leave("fold_index", key="fold_index")


def index_sentences(kind: str, record_id: int) -> None:
    """Make the sentence vectors of a record equal its present sentences; a record out of the lists keeps its own."""
    reconcile_sentences(kind, record_id, _encoded_ahead(kind, record_id, sentences=True))


def fold_index(reason: str = "enough changed") -> None:
    """Build the next index generation and log it; nothing happens while another process builds."""
    built = engine().index.fold(reason)
    if built is not None:
        db.session.add(IndexBuild(**vars(built)))


def reconcile(kind: str, record_id: int, known: Known) -> bool:
    """Put a listed record's rows in order, take any other out, in the running transaction; return whether any changed.

    ``known`` holds vectors that were encoded before; what it lacks is encoded here, under the write lock.
    """
    record = db.session.get(MODELS[kind], record_id)
    documents = _documents(record)
    _put_words(kind, record_id, documents)
    if not documents:
        return vectors.remove(kind, record_id, forget=record is None)
    return vectors.put(engine().encoder, kind, record_id, vectors.wanted_rows(documents), known)


def reconcile_sentences(kind: str, record_id: int, known: Known) -> bool:
    """Put a listed record's sentence rows in order, as ``reconcile`` does; a record out of the lists keeps its own."""
    documents = _documents(db.session.get(MODELS[kind], record_id))
    wanted = vectors.wanted_sentences(documents) if documents else {}
    return bool(documents) and vectors.put(engine().encoder, kind, record_id, wanted, known, sentences=True)


def texts_of(kind: str, record_id: int, session: Session, *, sentences: bool = False) -> dict[Place, str]:
    """Return the texts that the record wants encoded, {} when it is not listed."""
    documents = _documents(session.get(MODELS[kind], record_id))
    if not documents:
        return {}
    return vectors.wanted_sentences(documents) if sentences else vectors.wanted_rows(documents)


def _encoded_ahead(kind: str, record_id: int, *, sentences: bool) -> Known:
    with vectors.reading() as connection, Session(connection) as session:
        texts = texts_of(kind, record_id, session, sentences=sentences)
        wanted = [(place.role, content) for place, content in texts.items()]
        known = vectors.lookup(connection, engine().encoder.name, wanted)
    return vectors.encode_missing(engine().encoder, wanted, known)


def _documents(record: Record | None) -> dict[str, Document]:
    if record is None or not records.is_in_listed_state(record):
        return {}
    return records.documents(record)


def _put_words(kind: str, record_id: int, documents: dict[str, Document]) -> None:
    connection = db.session.connection()
    for tier in SEARCHED_TIERS:
        words = LexicalIndex(connection, kind, tier)
        if documents:
            words.put(record_id, documents[tier].texts)
        else:
            words.remove(record_id)
