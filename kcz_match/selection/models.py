"""Certificates: which organisation holds which title.  Rounds and applications join this domain later."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kcz_match.accounts.models import Organisation
from kcz_match.core.db import Base, choice, new_key, utc_now
from kcz_match.selection.states import CERTIFICATES, TITLE_LABELS, CertificateState

_OPEN = "state IN ('certified', 'rectifying')"


class Certificate(Base):
    """A title held by a district or a park; at most one open one per organisation."""

    __tablename__ = "certificate"
    lifecycle = CERTIFICATES

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, default=new_key)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    title: Mapped[str]
    number: Mapped[str] = mapped_column(unique=True)
    state: Mapped[CertificateState] = mapped_column(choice(CertificateState), default=CertificateState.CERTIFIED)
    state_since: Mapped[dt.datetime] = mapped_column(default=utc_now)
    decided_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    reason: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)

    organisation: Mapped[Organisation] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("title IN ('district', 'park')", name="title"),
        Index(
            "uq_certificate_open",
            "organisation_id",
            "title",
            unique=True,
            sqlite_where=text(_OPEN),
            postgresql_where=text(_OPEN),
        ),
    )

    @property
    def title_label(self) -> str:
        """The word for the title."""
        return TITLE_LABELS[self.title]
