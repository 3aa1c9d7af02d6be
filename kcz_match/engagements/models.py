"""Interests: one side asks the other about a need and a capability."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kcz_match.accounts.models import Organisation
from kcz_match.catalogue.models import Capability, Need
from kcz_match.core.db import Base, choice, new_key, utc_now
from kcz_match.engagements.states import INTERESTS, InterestState


class Interest(Base):
    """A question with a reply clock: what cooperation, what is unclear, who we are."""

    __tablename__ = "interest"
    lifecycle = INTERESTS

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, default=new_key)
    need_id: Mapped[int] = mapped_column(ForeignKey("need.id"), index=True)
    capability_id: Mapped[int] = mapped_column(ForeignKey("capability.id"), index=True)
    asker_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    answerer_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    sent_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    cooperation: Mapped[str]
    unclear: Mapped[str] = mapped_column(default="")
    about_us: Mapped[str]
    state: Mapped[InterestState] = mapped_column(choice(InterestState), default=InterestState.SENT)
    state_since: Mapped[dt.datetime] = mapped_column(default=utc_now)
    sent_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    due_at: Mapped[dt.datetime]
    decided_at: Mapped[dt.datetime | None]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    reason: Mapped[str] = mapped_column(default="")
    answer: Mapped[str] = mapped_column(default="")
    version: Mapped[int] = mapped_column(default=1)

    need: Mapped[Need] = relationship()
    capability: Mapped[Capability] = relationship()
    asker: Mapped[Organisation] = relationship(foreign_keys=asker_id)
    answerer: Mapped[Organisation] = relationship(foreign_keys=answerer_id)

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint(
            "(state IN ('accepted', 'declined')) = (decided_at IS NOT NULL AND decided_by IS NOT NULL)",
            name="decided_by_somebody",
        ),
        CheckConstraint("state != 'declined' OR reason != ''", name="declined_with_reason"),
        CheckConstraint("asker_id != answerer_id", name="two_sides"),
        Index(
            "uq_interest_open_pair",
            "need_id",
            "capability_id",
            unique=True,
            sqlite_where=text("state IN ('sent', 'accepted')"),
            postgresql_where=text("state IN ('sent', 'accepted')"),
        ),
    )

    def name_of(self, unit: Organisation) -> str:
        """Return the name by which the other side knows a party.

        The poster of a need stays unnamed until it accepts, unless it asked and so introduced itself.
        """
        is_unnamed_poster = unit.id == self.need.organisation_id and unit.id != self.asker_id
        if is_unnamed_poster and self.state != InterestState.ACCEPTED:
            return f"{unit.district_name}一家{unit.kind_label}" if unit.kind == "enterprise" else unit.name
        return unit.name
