"""Stored lists: the matches of a record as its owner would see them, kept with all that is needed to make them again.

``store_list`` follows the index and tells the partners' lists; ``refresh_list`` makes one list and tells nobody, so
that news runs one step and no further.  What is slow is computed in a reading transaction; the write lock is held for
the rows only.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Select, and_, delete, select, text, union
from sqlalchemy.orm import selectinload

from kcz_match.brokerage.evidence import packed
from kcz_match.brokerage.models import MatchEntry, MatchList
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.visibility import Record
from kcz_match.core import jobs
from kcz_match.core.calendar import ZONE, local_day
from kcz_match.core.db import db, utc_now
from kcz_match.core.policy import Actor
from kcz_match.engagements.models import Interest
from kcz_match.matching import filters, queries, ranking, vectors
from kcz_match.matching.documents import digest
from kcz_match.matching.encoder import EncodingError
from kcz_match.matching.engine import engine
from kcz_match.matching.models import SEARCHED, MatchDecision, Vector
from kcz_match.matching.queries import Match

MODELS: dict[str, type[Need] | type[Capability]] = {"need": Need, "capability": Capability}
OTHER = {"need": "capability", "capability": "need"}
MOST_ENTRIES = 30
MOST_PARTNERS = 20
RANK = 3
PAGE = 200
KEPT = dt.timedelta(days=90)
AT_NIGHT = dt.time(1)
STRANGER = Actor(user_id=None, name="成员", organisation_id=0, is_verified=True)


@dataclass(frozen=True)
class Made:
    """A list just made, as values: the columns of the list, and of each entry."""

    columns: dict[str, Any]
    entries: list[dict[str, Any]] = field(default_factory=list)

    def says_the_same_as(self, stored: MatchList) -> bool:
        """Whether a stored list has the same answers in the same order, from the same texts in the same way."""
        kept = [(entry.record_id, entry.text_hash, entry.band, list(entry.failed)) for entry in stored.entries]
        made = [(one["record_id"], one["text_hash"], one["band"], one["failed"]) for one in self.entries]
        same = ("tier", "text_hash", "encoder", "filters")
        return kept == made and all(getattr(stored, name) == self.columns[name] for name in same)


def store_list(kind: str, record_id: int) -> None:
    """Job: store the list of a record that changed, and leave the lists of its partners to be made again."""
    before, after = _renewed(kind, record_id)
    for partner in list(dict.fromkeys([*after, *before]))[:MOST_PARTNERS]:
        _leave_refresh(OTHER[kind], partner)
    leave_sharing()


def refresh_list(kind: str, record_id: int) -> None:
    """Job: make the list of one record; it is kept only when it says something new.

    A record that is not listed any more has no current list; its old ones stay.
    """
    _renewed(kind, record_id)


def _renewed(kind: str, record_id: int) -> tuple[list[int], list[int]]:
    """Make the list of a record and return its partners before and after."""
    with reading_first():
        made = _make(kind, record_id)
    current = current_list(kind, record_id)
    before = _partners(current)
    if current is not None and made is not None and made.says_the_same_as(current):
        return before, before
    if current is not None:
        current.is_current = False
        db.session.flush()
    if made is not None:
        held = {entry.record_id: entry.holds_slot for entry in current.entries} if current else {}
        entries = [MatchEntry(**one, holds_slot=held.get(one["record_id"])) for one in made.entries]
        db.session.add(MatchList(**made.columns, entries=entries))
    leave_sharing()
    return before, [one["record_id"] for one in made.entries if not one["failed"]] if made else []


def refresh_lists(kind: str = "need", after: int = 0) -> None:
    """Job: leave the making of every open record's list, a page at a time; then forget old lists, and come tomorrow."""
    query = catalogue.open_needs() if kind == "need" else catalogue.listed_capabilities()
    model = MODELS[kind]
    page = db.session.scalars(query.with_only_columns(model.id).where(model.id > after).order_by(model.id).limit(PAGE))
    ids = list(page)
    for record_id in ids:
        _leave_refresh(kind, record_id)
    if len(ids) == PAGE:
        _leave_round(kind, ids[-1])
    elif kind == "need":
        _leave_round("capability", 0)
    else:
        jobs.leave("forget_lists", key="forget_lists", rank=RANK + 1)
        leave_sharing()
        _leave_round("need", 0, run_at=_next_night())


def forget_lists() -> None:
    """Job: delete past lists older than ``KEPT`` on which nobody decided or asked; the others are training data."""
    old = MatchList.made_at < utc_now() - KEPT
    ids = list(
        db.session.scalars(
            select(MatchList.id).where(old, ~MatchList.is_current, MatchList.id.not_in(_with_outcome())).limit(PAGE)
        )
    )
    db.session.execute(delete(MatchEntry).where(MatchEntry.list_id.in_(ids)))
    db.session.execute(delete(MatchList).where(MatchList.id.in_(ids)))
    if len(ids) == PAGE:
        jobs.leave("forget_lists", key="forget_lists", rank=RANK + 1)


def leave_sharing() -> None:
    """Leave the sharing of places to be done when the lists that wait are made."""
    jobs.leave("share_places", key="share_places", rank=RANK + 1)


def current_list(kind: str, record_id: int) -> MatchList | None:
    """Return the list of a record that stands at this moment, if one was made."""
    return db.session.scalar(
        select(MatchList)
        .where(MatchList.kind == kind, MatchList.record_id == record_id, MatchList.is_current)
        .options(selectinload(MatchList.entries))
    )


def lists_of(kind: str, record_id: int) -> list[MatchList]:
    """Return all stored lists of a record, newest first."""
    return list(
        db.session.scalars(
            select(MatchList)
            .where(MatchList.kind == kind, MatchList.record_id == record_id)
            .options(selectinload(MatchList.entries))
            .order_by(MatchList.id.desc())
        )
    )


def lists_by_key(key: str) -> list[MatchList] | None:
    """Return the stored lists of the need or capability with this key, newest first; None when there is no such."""
    for kind, model in MODELS.items():
        record_id = db.session.scalar(select(model.id).where(model.key == key))
        if record_id is not None:
            return lists_of(kind, record_id)
    return None


def owner_of(record: Record) -> Actor:
    """Return the owner of a record as a reader, without anybody's hand: what its organisation would see."""
    unit = record.organisation
    return Actor(None, "系统", unit.id, unit.kind, unit.name, is_verified=unit.is_verified)


def text_hashes(kind: str, tier: str, encoder: str, ids: list[int]) -> dict[int, str]:
    """Return the hash of the searched text of those of ``ids`` that are in the index now."""
    rows = select(Vector.record_id, Vector.text_hash).where(
        Vector.encoder == encoder,
        Vector.kind == kind,
        Vector.tier == tier,
        Vector.record_id.in_(ids),
        Vector.is_live,
        text(SEARCHED),
    )
    return dict(db.session.execute(rows).all())


def _make(kind: str, record_id: int) -> Made | None:
    record = db.session.get(MODELS[kind], record_id)
    if record is None or not record.is_listed:
        return None
    encoder, generation = engine().encoder, engine().index.generation.number
    change = vectors.last_change(db.session)
    found = queries.candidates_of(record, owner_of(record))
    if found.pool and not any(one.cosines for one in found.pool):
        raise EncodingError("a list is stored only when the encoder works")
    worth = [match for match in found.pairs if match.band != "none"]
    passing = [match for match in worth if match.passes][:MOST_ENTRIES]
    failing = [match for match in worth if not match.passes][:MOST_ENTRIES]
    kept = [match for match in worth if match in passing or match in failing]
    ids = [match.scored.record_id for match in kept]
    rest = [one for one in found.pool if one.record_id not in set(ids)]
    columns = {
        "kind": kind,
        "record_id": record_id,
        "tier": found.tier,
        "text_hash": digest(found.document.whole),
        "encoder": encoder.name,
        "generation": generation,
        "change": change,
        "filters": filter_codes(),
        "weights": asdict(ranking.WEIGHTS)
        | {
            "background": asdict(encoder.background),
            "formula": ranking.FORMULA,
            "bands": dict(ranking.CHANCES),
            "chance_of": list(ranking.CHANCE_OF),
            "compared": [[one.record_id, packed(one, with_terms=False)] for one in rest],
        },
    }
    hashes = text_hashes(OTHER[kind], found.tier, encoder.name, ids)
    open_scores = _scores_for_members(record, kept, ids)
    entries = [
        _entry(rank, match, hashes.get(match.scored.record_id, ""), open_scores) for rank, match in enumerate(kept, 1)
    ]
    return Made(columns, entries)


def _entry(rank: int, match: Match, text_hash: str, open_scores: dict[int, float]) -> dict[str, Any]:
    scored = match.scored
    evidence = packed(scored) | {"open_score": open_scores.get(scored.record_id, scored.score)}
    return {
        "rank": rank,
        "record_id": scored.record_id,
        "text_hash": text_hash,
        "score": scored.score,
        "band": match.band,
        "parts": dict(scored.parts),
        "evidence": evidence,
        "failed": [line.code for line in match.filters if not line.passed],
    }


def _scores_for_members(record: Record, kept: list[Match], ids: list[int]) -> dict[int, float]:
    """Return the scores by the text that any member may read, where the owner's text says more than that.

    They are what the other side's order and the sharing of places go by: hidden text must move nothing of others'.
    """
    own, theirs = (queries.own_document(record, actor) for actor in (owner_of(record), STRANGER))
    if not kept or own.whole == theirs.whole:
        return {}
    found = queries.candidates_of(record, STRANGER, also=ids)
    return {match.scored.record_id: match.scored.score for match in found.pairs}


def filter_codes() -> list[str]:
    """Return the codes of the hard filters in force, in their order."""
    return [line.code for line in filters.check(filters.NeedTerms(0), filters.CapabilityTerms(1))]


def _partners(stored: MatchList | None) -> list[int]:
    return [entry.record_id for entry in stored.entries if not entry.failed] if stored else []


def _leave_refresh(kind: str, record_id: int) -> None:
    jobs.leave("refresh_list", key=f"list:{kind}:{record_id}", rank=RANK, kind=kind, record_id=record_id)


def _leave_round(kind: str, after: int, run_at: dt.datetime | None = None) -> None:
    jobs.leave("refresh_lists", key="refresh_lists", run_at=run_at, rank=RANK + 1, kind=kind, after=after)


def _next_night() -> dt.datetime:
    """Return one o'clock of the next day in China: a new month begins with its places."""
    tomorrow = local_day(utc_now()) + dt.timedelta(days=1)
    return dt.datetime.combine(tomorrow, AT_NIGHT, ZONE).astimezone(dt.UTC)


def _with_outcome() -> Select[tuple[int]]:
    """Return the query of past lists with a pair that somebody decided about, or asked the other side about."""
    queries_of_ids = [
        select(MatchEntry.list_id)
        .join(MatchList, MatchList.id == MatchEntry.list_id)
        .join(model, and_(own == MatchList.record_id, other == MatchEntry.record_id))
        .where(MatchList.kind == kind, ~MatchList.is_current)
        for model in (MatchDecision, Interest)
        for kind, own, other in (
            ("need", model.need_id, model.capability_id),
            ("capability", model.capability_id, model.need_id),
        )
    ]
    return union(*queries_of_ids)  # type: ignore[return-value]


@contextmanager
def reading_first() -> Iterator[None]:
    """Give a reading transaction to work in and end it; within a running transaction that one is used and goes on."""
    if db.session.in_transaction():
        yield
        return
    db.session.connection(execution_options={"reading": True})
    try:
        yield
    finally:
        db.session.rollback()
