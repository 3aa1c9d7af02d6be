"""The audit chain: who did what to which record, in the same transaction as the deed.

Each row carries the hash of the row before it, so that a row changed, removed or put in later is found by
``verify``.  Updates and deletes are refused by database triggers.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Any

from sqlalchemy import DDL, JSON, ForeignKey, Index, Select, event, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from kcz_match.core.db import Base, db, utc_now
from kcz_match.core.policy import Actor

FIRST = "0" * 64


class AuditEntry(Base):
    """One deed."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    user_name: Mapped[str]
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    organisation_name: Mapped[str]
    action: Mapped[str] = mapped_column(index=True)
    subject_kind: Mapped[str]
    subject_id: Mapped[int]
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous_hash: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)

    __table_args__ = (Index("ix_audit_subject", "subject_kind", "subject_id"),)


TRIGGERS = tuple(
    f"CREATE TRIGGER audit_no_{deed} BEFORE {deed.upper()} ON audit "
    f"BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
    for deed in ("update", "delete")
)
for _statement in TRIGGERS:
    event.listen(AuditEntry.__table__, "after_create", DDL(_statement).execute_if(dialect="sqlite"))


def write(actor: Actor, action: str, subject: Any, **data: Any) -> AuditEntry:
    """Add the row for a deed to the running transaction and return it.

    ``subject`` is a record with an ``id`` (it is flushed when it has none yet); ``data`` holds JSON values such as
    ``before``, ``after`` and ``reason``.
    """
    db.session.flush()
    last = db.session.scalar(select(AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1))
    entry = AuditEntry(
        at=utc_now(),
        user_id=actor.user_id,
        user_name=actor.name,
        organisation_id=actor.organisation_id,
        organisation_name=actor.organisation_name,
        action=action,
        subject_kind=subject.__tablename__,
        subject_id=subject.id,
        data={name: value for name, value in data.items() if value not in (None, "")},
        previous_hash=last or FIRST,
    )
    entry.hash = _hash(entry)
    db.session.add(entry)
    db.session.flush()
    return entry


def entries_of(subject: Any) -> list[AuditEntry]:
    """Return the history of one record, oldest first."""
    return list(
        db.session.scalars(
            select(AuditEntry)
            .where(AuditEntry.subject_kind == subject.__tablename__, AuditEntry.subject_id == subject.id)
            .order_by(AuditEntry.id)
        )
    )


def entries_query(*, action: str = "", kind: str = "", who: str = "") -> Select[tuple[AuditEntry]]:
    """Return the query of entries by action, by the kind that an action begins with, and by a piece of a name.

    ``who`` is looked for in the names of the person and of the organisation.  Newest first.
    """
    query = select(AuditEntry).order_by(AuditEntry.id.desc())
    if action:
        query = query.where(AuditEntry.action == action)
    if kind:
        query = query.where(AuditEntry.action.startswith(f"{kind}.", autoescape=True))
    if who:
        query = query.where(
            or_(
                AuditEntry.user_name.contains(who, autoescape=True),
                AuditEntry.organisation_name.contains(who, autoescape=True),
            )
        )
    return query


def actions() -> list[str]:
    """Return every action that occurs in the chain."""
    return list(db.session.scalars(select(AuditEntry.action).distinct()))


def verify() -> tuple[int, int | None]:
    """Walk the chain; return (rows that hold, id of the first row that does not, or None)."""
    previous, count = FIRST, 0
    for entry in db.session.scalars(select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=1000)):
        if entry.previous_hash != previous or entry.hash != _hash(entry):
            return count, entry.id
        previous, count = entry.hash, count + 1
    return count, None


def _hash(entry: AuditEntry) -> str:
    content = [
        entry.at.isoformat(),
        entry.user_id,
        entry.user_name,
        entry.organisation_id,
        entry.organisation_name,
        entry.action,
        entry.subject_kind,
        entry.subject_id,
        entry.data,
        entry.previous_hash,
    ]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
