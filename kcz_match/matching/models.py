"""Tables of matching: vectors with their change numbers, built generations, and decisions.

The rows of ``vector`` are the truth; files in the indexes folder are only a fast copy of some of them.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kcz_match.core.db import Base, choice, utc_now
from kcz_match.matching.reasons import Decision

SEARCHED = "role = 'passage' AND field = 'whole' AND part = 0"


class Vector(Base):
    """One text of one record as the encoder sees it.

    ``tier`` is what the text was read with: ``public`` and ``members`` are searched, ``own`` only asks.  ``role`` is
    the encoder's prompt: ``passage`` for what is searched, ``query`` for a record that asks.  ``part`` 0 is the whole
    field, n >= 1 its n-th sentence.  ``data`` is little-endian float32; with the roles ``query_tokens`` and
    ``passage_tokens`` it is the packed token rows of the text (``late.pack``).

    A record that leaves the lists keeps its rows with ``is_live`` false and a new ``change``: readers that only look
    at newer changes hear of it, and its text is not encoded again should it come back.
    """

    __tablename__ = "vector"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    record_id: Mapped[int]
    encoder: Mapped[str]
    tier: Mapped[str]
    role: Mapped[str]
    field: Mapped[str]
    part: Mapped[int]
    text_hash: Mapped[str]
    data: Mapped[bytes]
    is_live: Mapped[bool]
    change: Mapped[int]

    __table_args__ = (
        UniqueConstraint("kind", "record_id", "encoder", "tier", "role", "field", "part", name="uq_vector_place"),
        CheckConstraint("kind IN ('need', 'capability')", name="kind"),
        CheckConstraint("tier IN ('public', 'members', 'own')", name="tier"),
        CheckConstraint("role IN ('query', 'passage', 'query_tokens', 'passage_tokens')", name="role"),
        CheckConstraint("tier != 'own' OR role IN ('query', 'query_tokens')", name="own_text_only_asks"),
        CheckConstraint("part >= 0", name="part"),
        Index("ix_vector_text", "text_hash", "encoder", "role"),
        Index(
            "ix_vector_searched",
            "encoder",
            "kind",
            "tier",
            "change",
            sqlite_where=text(SEARCHED),
            postgresql_where=text(SEARCHED),
        ),
    )


class IndexChange(Base):
    """One row with the number of the last change.

    Taking the next number locks the row until commit, so numbers become visible in the order in which they rise.
    """

    __tablename__ = "index_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]

    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)


class IndexBuild(Base):
    """The log of generations: what each was made of, for stored lists that name it after its files are gone."""

    __tablename__ = "index_build"

    id: Mapped[int] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(unique=True)
    encoder: Mapped[str]
    change: Mapped[int]
    counts: Mapped[dict[str, int]] = mapped_column(JSON)
    reason: Mapped[str]
    seconds: Mapped[float]
    built_at: Mapped[dt.datetime] = mapped_column(default=utc_now)


class MatchDecision(Base):
    """What one organisation decided about one proposed pair; the last decision stands.  Kept as training data."""

    __tablename__ = "match_decision"

    id: Mapped[int] = mapped_column(primary_key=True)
    need_id: Mapped[int] = mapped_column(ForeignKey("need.id"))
    capability_id: Mapped[int] = mapped_column(ForeignKey("capability.id"), index=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    decision: Mapped[Decision] = mapped_column(choice(Decision))
    reason: Mapped[str] = mapped_column(default="")
    sentence: Mapped[str] = mapped_column(default="")
    at: Mapped[dt.datetime] = mapped_column(default=utc_now)

    __table_args__ = (
        UniqueConstraint("need_id", "capability_id", "organisation_id", name="uq_match_decision_pair"),
        CheckConstraint("(decision = 'refuse') = (reason != '')", name="a_refusal_has_a_reason"),
    )
