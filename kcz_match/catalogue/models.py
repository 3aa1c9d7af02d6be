"""Needs and capabilities with their rows, remarks, shared needs, import batches and consents."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Float, ForeignKey, Index, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kcz_match.accounts.models import Organisation
from kcz_match.catalogue.fields import (
    CAPABILITY_FIELD,
    CAPABILITY_FIELDS,
    DIRECTION_LABELS,
    NEED_FIELD,
    NEED_FIELDS,
    Claim,
    Direction,
    Indicator,
    Tier,
)
from kcz_match.catalogue.states import (
    CAPABILITIES,
    LISTED_CAPABILITY_STATES,
    LISTED_NEED_STATES,
    NEEDS,
    OPEN_NEED_STATES,
    CapabilityState,
    Clarity,
    NeedState,
)
from kcz_match.core.db import Base, choice, db, new_key, utc_now
from kcz_match.selection.queries import is_certified


class SharedNeed(Base):
    """A need that several districts have in common (共性需求); each member keeps its own indicators."""

    __tablename__ = "shared_need"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, default=new_key)
    title: Mapped[str]
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)

    needs: Mapped[list[Need]] = relationship(back_populates="shared_need")


class NeedBatch(Base):
    """A technology needs list read from a file: looked at first, then confirmed, and undone as a whole if wanted."""

    __tablename__ = "need_batch"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, default=new_key)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    file_name: Mapped[str]
    file_hash: Mapped[str]
    rows: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    confirmed_at: Mapped[dt.datetime | None]
    undone_at: Mapped[dt.datetime | None]

    needs: Mapped[list[Need]] = relationship(back_populates="batch")


class NeedAvoid(Base):
    """An organisation that the owner of a need does not want to be matched with; seen by the owner only."""

    __tablename__ = "need_avoid"

    need_id: Mapped[int] = mapped_column(ForeignKey("need.id"), primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)


class Need(Base):
    """A technology need of a district, park or enterprise."""

    __tablename__ = "need"
    lifecycle = NEEDS
    field_table = NEED_FIELDS
    rows_name = "indicators"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, default=new_key)
    code: Mapped[str | None] = mapped_column(unique=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    district_code: Mapped[str] = mapped_column(index=True)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    submitted_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    origin: Mapped[str] = mapped_column(default="form")
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("need_batch.id"), index=True)
    shared_need_id: Mapped[int | None] = mapped_column(ForeignKey("shared_need.id"), index=True)
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("need.id"), index=True)
    state: Mapped[NeedState] = mapped_column(choice(NeedState), default=NeedState.DRAFT)
    state_since: Mapped[dt.datetime] = mapped_column(default=utc_now)
    clarity: Mapped[Clarity] = mapped_column(choice(Clarity), default=Clarity.CONCEPT)
    tiers: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    saved_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    submitted_at: Mapped[dt.datetime | None]
    published_at: Mapped[dt.datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    title: Mapped[str] = mapped_column(default="")
    kind: Mapped[str] = mapped_column(default="")
    industry: Mapped[str] = mapped_column(default="")
    keywords: Mapped[str] = mapped_column(default="")
    background: Mapped[str] = mapped_column(default="")
    problem: Mapped[str] = mapped_column(default="")
    target: Mapped[str] = mapped_column(default="")
    tried: Mapped[str] = mapped_column(default="")
    benefit: Mapped[str] = mapped_column(default="")
    modes: Mapped[list[str]] = mapped_column(JSON, default=list)
    min_trl: Mapped[str] = mapped_column(default="")
    urgency: Mapped[str] = mapped_column(default="normal")
    starts_on: Mapped[dt.date | None]
    due_on: Mapped[dt.date | None]
    budget_min: Mapped[float | None] = mapped_column(Float)
    budget_max: Mapped[float | None] = mapped_column(Float)
    payer: Mapped[str] = mapped_column(default="")
    cash_payable: Mapped[bool] = mapped_column(default=False)
    ip_terms: Mapped[str] = mapped_column(default="")
    solver_conditions: Mapped[str] = mapped_column(default="")
    not_alone: Mapped[str] = mapped_column(default="")
    activity: Mapped[str] = mapped_column(default="")
    partners: Mapped[str] = mapped_column(default="")
    owner_name: Mapped[str] = mapped_column(default="")
    owner_phone: Mapped[str] = mapped_column(default="")
    technical_contact: Mapped[str] = mapped_column(default="")
    technical_phone: Mapped[str] = mapped_column(default="")
    signer: Mapped[str] = mapped_column(default="")
    valid_until: Mapped[dt.date | None]

    organisation: Mapped[Organisation] = relationship()
    indicators: Mapped[list[NeedIndicator]] = relationship(
        cascade="all, delete-orphan", order_by="NeedIndicator.position"
    )
    avoided: Mapped[list[Organisation]] = relationship(secondary="need_avoid")
    remarks: Mapped[list[NeedRemark]] = relationship(order_by="NeedRemark.id", cascade="all, delete-orphan")
    shared_need: Mapped[SharedNeed | None] = relationship(back_populates="needs")
    batch: Mapped[NeedBatch | None] = relationship(back_populates="needs")
    merged_into: Mapped[Need | None] = relationship(remote_side="Need.id")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("code IS NOT NULL OR state IN ('draft', 'withdrawn')", name="code_once_submitted"),
        CheckConstraint("state != 'merged' OR merged_into_id IS NOT NULL", name="merged_into_another"),
        CheckConstraint("merged_into_id != id", name="not_into_itself"),
        CheckConstraint("budget_min <= budget_max", name="budget_in_order"),
        Index("ix_need_state_published_at", "state", "published_at"),
    )

    @property
    def rows(self) -> list[Indicator]:
        """The indicator rows as values."""
        return [row.value() for row in self.indicators]

    def has_consented_to(self, organisation_id: int) -> bool:
        """Say whether an acceptance opened this need to the organisation."""
        return _has_consent("need", self.id, organisation_id)

    @property
    def is_listed(self) -> bool:
        """Whether everybody may know of it: in a listed state, and its organisation certified at this moment."""
        return self.state in LISTED_NEED_STATES and is_certified(self.organisation_id)

    @property
    def is_open(self) -> bool:
        """Whether it takes new interests, as far as its state goes."""
        return self.state in OPEN_NEED_STATES

    def tier_of(self, name: str) -> Tier:
        """Return who may read the field ``name`` (or the rows, by the name ``indicators``)."""
        return Tier(self.tiers.get(name) or (NEED_FIELD[name].tier if name in NEED_FIELD else Tier.PUBLIC))


class NeedIndicator(Base):
    """One indicator row of a need."""

    __tablename__ = "need_indicator"

    id: Mapped[int] = mapped_column(primary_key=True)
    need_id: Mapped[int] = mapped_column(ForeignKey("need.id"), index=True)
    position: Mapped[int]
    name: Mapped[str]
    present: Mapped[str] = mapped_column(default="")
    target: Mapped[str]
    unit: Mapped[str] = mapped_column(default="")
    direction: Mapped[Direction] = mapped_column(choice(Direction))
    method: Mapped[str] = mapped_column(default="")
    must: Mapped[bool] = mapped_column(default=True)

    def value(self) -> Indicator:
        """Return the row as a plain value."""
        return Indicator(
            name=self.name,
            target=self.target,
            unit=self.unit,
            direction=Direction(self.direction),
            present=self.present,
            method=self.method,
            must=self.must,
        )

    @property
    def sign(self) -> str:
        """The sign before the target."""
        return DIRECTION_LABELS[Direction(self.direction)]


class NeedRemark(Base):
    """One entry of the thread that poster, 区科协 and Office share."""

    __tablename__ = "need_remark"

    id: Mapped[int] = mapped_column(primary_key=True)
    need_id: Mapped[int] = mapped_column(ForeignKey("need.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    author: Mapped[str]
    unit: Mapped[str]
    at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    field: Mapped[str] = mapped_column(default="")
    sentence: Mapped[str]


class Capability(Base):
    """What a society or service team can do for others."""

    __tablename__ = "capability"
    lifecycle = CAPABILITIES
    field_table = CAPABILITY_FIELDS
    rows_name = "claims"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, default=new_key)
    code: Mapped[str | None] = mapped_column(unique=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    approver_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    state: Mapped[CapabilityState] = mapped_column(choice(CapabilityState), default=CapabilityState.DRAFT)
    state_since: Mapped[dt.datetime] = mapped_column(default=utc_now)
    tiers: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    details: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    saved_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    published_at: Mapped[dt.datetime | None]
    confirmed_at: Mapped[dt.datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    title: Mapped[str] = mapped_column(default="")
    type: Mapped[str] = mapped_column(default="")
    industries: Mapped[list[str]] = mapped_column(JSON, default=list)
    keywords: Mapped[str] = mapped_column(default="")
    problem: Mapped[str] = mapped_column(default="")
    method: Mapped[str] = mapped_column(default="")
    trl: Mapped[str] = mapped_column(default="")
    trl_proof: Mapped[str] = mapped_column(default="")
    comparison: Mapped[str] = mapped_column(default="")
    cases: Mapped[str] = mapped_column(default="")
    limits: Mapped[str] = mapped_column(default="")
    ip: Mapped[str] = mapped_column(default="")
    modes: Mapped[list[str]] = mapped_column(JSON, default=list)
    price_min: Mapped[float | None] = mapped_column(Float)
    price_max: Mapped[float | None] = mapped_column(Float)
    regions: Mapped[list[str]] = mapped_column(JSON, default=list)
    monthly_capacity: Mapped[float | None] = mapped_column(Float)
    contact_name: Mapped[str] = mapped_column(default="")
    contact_phone: Mapped[str] = mapped_column(default="")

    organisation: Mapped[Organisation] = relationship(foreign_keys=organisation_id)
    approver: Mapped[Organisation] = relationship(foreign_keys=approver_id)
    claims: Mapped[list[CapabilityClaim]] = relationship(
        cascade="all, delete-orphan", order_by="CapabilityClaim.position"
    )

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("code IS NOT NULL OR state IN ('draft', 'withdrawn')", name="code_once_submitted"),
        CheckConstraint("price_min <= price_max", name="price_in_order"),
        Index("ix_capability_state_published_at", "state", "published_at"),
    )

    @property
    def rows(self) -> list[Claim]:
        """The claim rows as values."""
        return [row.value() for row in self.claims]

    def has_consented_to(self, organisation_id: int) -> bool:
        """Say whether an acceptance opened this capability to the organisation."""
        return _has_consent("capability", self.id, organisation_id)

    @property
    def is_listed(self) -> bool:
        """Whether everybody may know of it: in a listed state, and its organisation verified at this moment."""
        return self.state in LISTED_CAPABILITY_STATES and self.organisation.is_verified

    def tier_of(self, name: str) -> Tier:
        """Return who may read the field ``name`` (or the rows, by the name ``claims``)."""
        return Tier(self.tiers.get(name) or (CAPABILITY_FIELD[name].tier if name in CAPABILITY_FIELD else Tier.PUBLIC))


class CapabilityClaim(Base):
    """One claim row of a capability."""

    __tablename__ = "capability_claim"

    id: Mapped[int] = mapped_column(primary_key=True)
    capability_id: Mapped[int] = mapped_column(ForeignKey("capability.id"), index=True)
    position: Mapped[int]
    name: Mapped[str]
    value_text: Mapped[str]
    unit: Mapped[str] = mapped_column(default="")
    evidence: Mapped[str] = mapped_column(default="")
    dated_on: Mapped[str] = mapped_column(default="")

    def value(self) -> Claim:
        """Return the row as a plain value."""
        return Claim(
            name=self.name, value=self.value_text, unit=self.unit, evidence=self.evidence, dated_on=self.dated_on
        )


class Consent(Base):
    """The fact that an organisation may read the after-consent fields of a record, granted by an acceptance."""

    __tablename__ = "consent"

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_kind: Mapped[str]
    subject_id: Mapped[int]
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    granted_at: Mapped[dt.datetime] = mapped_column(default=utc_now)

    __table_args__ = (UniqueConstraint("subject_kind", "subject_id", "organisation_id"),)


def _has_consent(kind: str, record_id: int, organisation_id: int) -> bool:
    return (
        db.session.scalar(
            select(Consent.id).where(
                Consent.subject_kind == kind,
                Consent.subject_id == record_id,
                Consent.organisation_id == organisation_id,
            )
        )
        is not None
    )
