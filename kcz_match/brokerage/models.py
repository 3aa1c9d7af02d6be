"""Tables of brokerage: stored lists, what brokers add to a pair, split needs, saved searches, diagnoses, quality."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kcz_match.catalogue.models import Need
from kcz_match.core.db import Base, new_key, utc_now


class MatchList(Base):
    """The matches of one record as they stood at one moment, with all that is needed to make the list again.

    ``kind`` and ``record_id`` name the record that asks, ``text_hash`` the text it asked with; the answers are of the
    other kind.  ``change`` is the index change up to which the rows were read.  ``filters`` are the codes of the hard
    filters in force.  A newer list of the same record takes ``is_current`` from the older.
    """

    __tablename__ = "match_list"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    record_id: Mapped[int]
    tier: Mapped[str]
    text_hash: Mapped[str]
    encoder: Mapped[str]
    generation: Mapped[int]
    change: Mapped[int]
    weights: Mapped[dict[str, Any]] = mapped_column(JSON)
    filters: Mapped[list[str]] = mapped_column(JSON)
    is_current: Mapped[bool] = mapped_column(default=True)
    made_at: Mapped[dt.datetime] = mapped_column(default=utc_now)

    entries: Mapped[list[MatchEntry]] = relationship(cascade="all, delete-orphan", order_by="MatchEntry.rank")

    __table_args__ = (
        CheckConstraint("kind IN ('need', 'capability')", name="kind"),
        Index("ix_match_list_record", "kind", "record_id", "made_at"),
        Index(
            "uq_match_list_current",
            "kind",
            "record_id",
            unique=True,
            sqlite_where=text("is_current"),
            postgresql_where=text("is_current"),
        ),
    )


class MatchEntry(Base):
    """One answer of a stored list: its place, its score with the parts that sum to it, and the raw evidence.

    ``evidence`` is what ``ranking.fuse`` was given for this answer.  ``failed`` are the codes of the hard filters that
    it did not pass.  ``holds_slot`` says whether it holds one of the answerer's places of this month (see
    ``exposure``); None while nobody has shared them out, or where nothing limits them.
    """

    __tablename__ = "match_entry"

    id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("match_list.id"), index=True)
    rank: Mapped[int]
    record_id: Mapped[int] = mapped_column(index=True)
    text_hash: Mapped[str]
    score: Mapped[float]
    band: Mapped[str]
    parts: Mapped[dict[str, float]] = mapped_column(JSON)
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON)
    failed: Mapped[list[str]] = mapped_column(JSON, default=list)
    holds_slot: Mapped[bool | None]
    is_newcomer: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        UniqueConstraint("list_id", "rank", name="uq_match_entry_rank"),
        UniqueConstraint("list_id", "record_id", name="uq_match_entry_record"),
        CheckConstraint("rank >= 1", name="rank"),
    )


class MatchPin(Base):
    """A pair that an organisation put at the top of the lists it answers for, with the reason that is shown."""

    __tablename__ = "match_pin"

    id: Mapped[int] = mapped_column(primary_key=True)
    need_id: Mapped[int] = mapped_column(ForeignKey("need.id"))
    capability_id: Mapped[int] = mapped_column(ForeignKey("capability.id"), index=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    reason: Mapped[str]
    at: Mapped[dt.datetime] = mapped_column(default=utc_now)

    __table_args__ = (
        UniqueConstraint("need_id", "capability_id", "organisation_id", name="uq_match_pin_pair"),
        CheckConstraint("reason != ''", name="pinned_with_reason"),
    )


class MatchVeto(Base):
    """A pair that an organisation never wants proposed again; nobody else learns of it."""

    __tablename__ = "match_veto"

    id: Mapped[int] = mapped_column(primary_key=True)
    need_id: Mapped[int] = mapped_column(ForeignKey("need.id"))
    capability_id: Mapped[int] = mapped_column(ForeignKey("capability.id"), index=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    reason: Mapped[str] = mapped_column(default="")
    at: Mapped[dt.datetime] = mapped_column(default=utc_now)

    __table_args__ = (UniqueConstraint("need_id", "capability_id", "organisation_id", name="uq_match_veto_pair"),)


class MatchNote(Base):
    """What a broker wrote about a pair, for both sides to read beside the quoted sentences."""

    __tablename__ = "match_note"

    id: Mapped[int] = mapped_column(primary_key=True)
    need_id: Mapped[int] = mapped_column(ForeignKey("need.id"))
    capability_id: Mapped[int] = mapped_column(ForeignKey("capability.id"), index=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    sentence: Mapped[str]
    at: Mapped[dt.datetime] = mapped_column(default=utc_now)

    __table_args__ = (
        UniqueConstraint("need_id", "capability_id", "organisation_id", name="uq_match_note_pair"),
        CheckConstraint("sentence != ''", name="says_something"),
    )


class NeedPart(Base):
    """One sub-problem of a need that no single provider is likely to solve."""

    __tablename__ = "need_part"

    id: Mapped[int] = mapped_column(primary_key=True)
    need_id: Mapped[int] = mapped_column(ForeignKey("need.id"), index=True)
    position: Mapped[int]
    sentence: Mapped[str]

    __table_args__ = (
        UniqueConstraint("need_id", "position", name="uq_need_part_position"),
        CheckConstraint("sentence != ''", name="says_something"),
    )


class SavedSearch(Base):
    """A search that an organisation wants answered when something new is published.

    ``kind`` is what is looked for; ``facets`` are the chosen values by facet, as the search page names them.
    ``need_id`` is set when the search was saved from a need without a good match.
    """

    __tablename__ = "saved_search"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, default=new_key)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    need_id: Mapped[int | None] = mapped_column(ForeignKey("need.id"), index=True)
    kind: Mapped[str]
    words: Mapped[str]
    facets: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    is_on: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)

    need: Mapped[Need | None] = relationship()
    alerts: Mapped[list[SearchAlert]] = relationship(cascade="all, delete-orphan", order_by="SearchAlert.id.desc()")

    __table_args__ = (
        CheckConstraint("kind IN ('need', 'capability')", name="kind"),
        CheckConstraint("words != '' OR need_id IS NOT NULL", name="looks_for_something"),
    )


class SearchAlert(Base):
    """A new record that met a saved search, and the line of it that did: verbatim, as the searcher may read it."""

    __tablename__ = "search_alert"

    id: Mapped[int] = mapped_column(primary_key=True)
    search_id: Mapped[int] = mapped_column(ForeignKey("saved_search.id"), index=True)
    kind: Mapped[str]
    record_id: Mapped[int]
    field: Mapped[str]
    line: Mapped[str]
    at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    seen_at: Mapped[dt.datetime | None]

    __table_args__ = (UniqueConstraint("search_id", "kind", "record_id", name="uq_search_alert_record"),)


class NeedDiagnosis(Base):
    """Why a need is still without a partner after its time of waiting, and the one change that would help most.

    ``cause`` is a code of ``diagnosis.CAUSES``; ``figures`` are the counts it rests on; ``field`` is the form field
    that ``suggestion`` is about, '' when no edit helps.
    """

    __tablename__ = "need_diagnosis"

    id: Mapped[int] = mapped_column(primary_key=True)
    need_id: Mapped[int] = mapped_column(ForeignKey("need.id"), index=True)
    cause: Mapped[str]
    figures: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    field: Mapped[str] = mapped_column(default="")
    suggestion: Mapped[str]
    at: Mapped[dt.datetime] = mapped_column(default=utc_now)

    need: Mapped[Need] = relationship()


class QualityRun(Base):
    """The figures of the ranking on a labelled set, kept so that the administration page can show their course."""

    __tablename__ = "quality_run"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    encoder: Mapped[str]
    weights: Mapped[dict[str, Any]] = mapped_column(JSON)
    figures: Mapped[dict[str, Any]] = mapped_column(JSON)
    made_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
