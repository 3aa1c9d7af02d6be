"""What the worker does for the index.  Every task makes rows equal to the record's present state: twice is once.

Texts are encoded before the write lock is taken, from what committed rows say; under the lock the record is read again
and only what changed in between is encoded there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection

from sqlalchemy.orm import Session

from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.visibility import Record
from kcz_match.core import jobs
from kcz_match.core.db import db, utc_now
from kcz_match.matching import reading as records
from kcz_match.matching import vectors
from kcz_match.matching.documents import SEARCHED_TIERS, Document, digest
from kcz_match.matching.engine import engine
from kcz_match.matching.lexical import LexicalIndex
from kcz_match.matching.models import IndexBuild
from kcz_match.matching.vectors import Known, Place

MODELS: dict[str, type[Need] | type[Capability]] = {"need": Need, "capability": Capability}
SENTENCES_LATER = dt.timedelta(seconds=3)
ALERTS_LATER = dt.timedelta(seconds=6)
MOST_SENTENCES = 16
CHECKED_EVERY = dt.timedelta(hours=1)


def index_record(kind: str, record_id: int) -> None:
    """Make a record found, or no longer found, as its present state wants; then leave the jobs that follow from it.

    Only what a search needs is encoded here, so that a record is searchable soon and a burst of publications does not
    wait for the rest of each.
    """
    known, _ = _encoded_ahead(kind, record_id, wants=vectors.is_needed_to_be_found)
    if reconcile(kind, record_id, known, first_part=True):
        _leave_alerts(kind, record_id)
    jobs.leave("index_query", key=f"query:{kind}:{record_id}", rank=1, kind=kind, record_id=record_id)
    db.session.flush()
    if engine().wants_fold():
        jobs.leave("fold_index", key="fold_index")


def index_query(kind: str, record_id: int) -> None:
    """Complete the vectors of a record with what it asks with; sentences follow later."""
    known, _ = _encoded_ahead(kind, record_id)
    reconcile(kind, record_id, known)
    _leave_sentences(kind, record_id)
    jobs.leave("store_list", key=f"store:{kind}:{record_id}", rank=3, kind=kind, record_id=record_id)


def index_sentences(kind: str, record_id: int) -> None:
    """Make the sentence vectors of a record equal its sentences, a few at a time, so that no publication waits long.

    A record out of the lists keeps those it has.
    """
    known, left = _encoded_ahead(kind, record_id, sentences=True, most=MOST_SENTENCES)
    reconcile_sentences(kind, record_id, known, later=left)
    if left:
        _leave_sentences(kind, record_id)


def fold_index(reason: str = "enough changed") -> None:
    """Build the next index generation and log it; nothing happens while another process builds."""
    built = engine().index.fold(reason)
    if built is not None:
        db.session.add(IndexBuild(**vars(built)))


def check_index() -> None:
    """Read the index files whole, build them anew from the rows when they are not sound, and come again later."""
    index = engine().index
    if index.damage() or index.finding:
        fold_index("files were missing or damaged")
    jobs.leave("check_index", key="check_index", run_at=utc_now() + CHECKED_EVERY)


def reconcile(kind: str, record_id: int, known: Known, *, first_part: bool = False) -> bool:
    """Put a listed record's rows in order, take any other out, in the running transaction; return whether any changed.

    ``known`` holds vectors that were encoded before; what it lacks is encoded here, under the write lock.  With
    ``first_part`` only what a search needs is: other rows are filled if ``known``, or dropped if their text changed.
    """
    record = db.session.get(MODELS[kind], record_id)
    documents = _documents(record)
    _put_words(kind, record_id, documents)
    if not documents:
        return vectors.remove(kind, record_id, forget=record is None)
    wanted = vectors.wanted_rows(documents)
    later = {place for place in wanted if first_part and not vectors.is_needed_to_be_found(place)}
    return vectors.put(engine().encoder, kind, record_id, wanted, known, later=later)


def reconcile_sentences(kind: str, record_id: int, known: Known, *, later: Collection[Place] = frozenset()) -> bool:
    """Put a listed record's sentence rows in order, as ``reconcile`` does; a record out of the lists keeps its own."""
    documents = _documents(db.session.get(MODELS[kind], record_id))
    wanted = vectors.wanted_sentences(documents) if documents else {}
    return bool(documents) and vectors.put(
        engine().encoder, kind, record_id, wanted, known, sentences=True, later=later
    )


def texts_of(kind: str, record_id: int, session: Session, *, sentences: bool = False) -> dict[Place, str]:
    """Return the texts that the record wants encoded, {} when it is not listed."""
    documents = _documents(session.get(MODELS[kind], record_id))
    if not documents:
        return {}
    return vectors.wanted_sentences(documents) if sentences else vectors.wanted_rows(documents)


def _encoded_ahead(
    kind: str,
    record_id: int,
    *,
    wants: Callable[[Place], bool] = lambda place: True,
    sentences: bool = False,
    most: int | None = None,
) -> tuple[Known, set[Place]]:
    """Return the stored vectors of a record with those of the first ``most`` lacking places that ``wants`` names.

    The second value is the places that still lack theirs.  Holds no transaction while the texts are encoded.
    """
    encoder = engine().encoder
    with vectors.reading() as connection, Session(connection) as session:
        texts = texts_of(kind, record_id, session, sentences=sentences)
        known = vectors.lookup(connection, encoder.name, [(place.role, text) for place, text in texts.items()])
    lacking = [place for place, text in texts.items() if (place.role, digest(text)) not in known]
    now = [place for place in lacking if wants(place)][:most]
    known = vectors.encode_missing(encoder, [(place.role, texts[place]) for place in now], known)
    return known, {place for place in lacking if (place.role, digest(texts[place])) not in known}


def _leave_sentences(kind: str, record_id: int) -> None:
    jobs.leave(
        "index_sentences",
        key=f"sentences:{kind}:{record_id}",
        run_at=utc_now() + SENTENCES_LATER,
        rank=2,
        kind=kind,
        record_id=record_id,
    )


def _leave_alerts(kind: str, record_id: int) -> None:
    """Let saved searches hear of what changed, when the sentences that may be quoted have their vectors."""
    jobs.leave(
        "alert_searches",
        key=f"alert:{kind}:{record_id}",
        run_at=utc_now() + ALERTS_LATER,
        rank=2,
        kind=kind,
        record_id=record_id,
    )


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
