"""Notices in the inbox of an organisation: what happened, what to do, by when, what happens otherwise.

What still waits for somebody is derived from the records themselves (see ``inbox`` in the domains); a notice is the
news that something changed.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from kcz_match.core.db import Base, db, new_key, utc_now


class Notice(Base):
    """One piece of news for one organisation."""

    __tablename__ = "notice"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, default=new_key)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    subject_kind: Mapped[str]
    subject_key: Mapped[str]
    sentence: Mapped[str]
    due_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    read_at: Mapped[dt.datetime | None]

    __table_args__ = (Index("ix_notice_organisation_id_created_at", "organisation_id", "created_at"),)


def notify(organisation_id: int, subject: Any, sentence: str, due_at: dt.datetime | None = None) -> Notice:
    """Put a notice about ``subject`` (a record with a key) in the inbox of an organisation; does not commit."""
    db.session.flush()
    notice = Notice(
        organisation_id=organisation_id,
        subject_kind=subject.__tablename__,
        subject_key=subject.key,
        sentence=sentence,
        due_at=due_at,
        created_at=utc_now(),
    )
    db.session.add(notice)
    return notice


def notices_of(organisation_id: int, limit: int = 50, offset: int = 0) -> list[Notice]:
    """Return the organisation's notices, newest first."""
    return list(
        db.session.scalars(
            select(Notice)
            .where(Notice.organisation_id == organisation_id)
            .order_by(Notice.created_at.desc(), Notice.id.desc())
            .limit(limit)
            .offset(offset)
        )
    )


def unread_of(organisation_id: int, limit: int) -> list[Notice]:
    """Return the organisation's newest notices that nobody of it has read."""
    return list(
        db.session.scalars(
            select(Notice)
            .where(Notice.organisation_id == organisation_id, Notice.read_at.is_(None))
            .order_by(Notice.created_at.desc(), Notice.id.desc())
            .limit(limit)
        )
    )


def unread_count(organisation_id: int) -> int:
    """Return how many notices nobody of the organisation has read."""
    return (
        db.session.scalar(
            select(func.count())
            .select_from(Notice)
            .where(Notice.organisation_id == organisation_id, Notice.read_at.is_(None))
        )
        or 0
    )


def mark_all_read(organisation_id: int) -> None:
    """Mark every notice of the organisation as read."""
    db.session.execute(
        update(Notice)
        .where(Notice.organisation_id == organisation_id, Notice.read_at.is_(None))
        .values(read_at=utc_now())
    )
