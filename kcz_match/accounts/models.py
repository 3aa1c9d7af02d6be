"""Organisations, people, memberships, sessions, invitations and counted sign-in tries."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kcz_match.accounts.districts import DISTRICT
from kcz_match.accounts.states import (
    KIND_LABELS,
    LEVEL_LABELS,
    ORGANISATIONS,
    ROLE_LABELS,
    OrganisationKind,
    OrganisationState,
    Role,
)
from kcz_match.core.db import Base, choice, new_key, utc_now


class Organisation(Base):
    """A unit that acts on the platform; it acts only while ``verified``."""

    __tablename__ = "organisation"
    lifecycle = ORGANISATIONS

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, default=new_key)
    kind: Mapped[OrganisationKind] = mapped_column(choice(OrganisationKind))
    level: Mapped[str] = mapped_column(default="")
    full_name: Mapped[str] = mapped_column(unique=True)
    short_name: Mapped[str] = mapped_column(default="")
    credit_code: Mapped[str | None] = mapped_column(unique=True)
    district_code: Mapped[str] = mapped_column(default="")
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    intro: Mapped[str] = mapped_column(default="")
    state: Mapped[OrganisationState] = mapped_column(choice(OrganisationState), default=OrganisationState.UNVERIFIED)
    state_since: Mapped[dt.datetime] = mapped_column(default=utc_now)
    is_demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    version: Mapped[int] = mapped_column(default=1)

    parent: Mapped[Organisation | None] = relationship(remote_side="Organisation.id")
    aliases: Mapped[list[OrganisationAlias]] = relationship(cascade="all, delete-orphan")
    memberships: Mapped[list[Membership]] = relationship(back_populates="organisation")
    members: Mapped[list[Organisation]] = relationship(
        secondary="team_member",
        primaryjoin="Organisation.id == TeamMember.team_id",
        secondaryjoin="Organisation.id == TeamMember.organisation_id",
    )

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index(
            "uq_organisation_district_kind",
            "district_code",
            unique=True,
            sqlite_where=text("kind = 'district'"),
            postgresql_where=text("kind = 'district'"),
        ),
        CheckConstraint("kind != 'enterprise' OR parent_id IS NOT NULL", name="enterprise_has_parent"),
        CheckConstraint("kind != 'service_team' OR parent_id IS NOT NULL", name="team_has_lead_society"),
    )

    @property
    def name(self) -> str:
        """The name on pages: the short one when there is one."""
        return self.short_name or self.full_name

    @property
    def kind_label(self) -> str:
        """The word for its kind, with the level of a society or team."""
        return LEVEL_LABELS.get(self.level) or KIND_LABELS[self.kind]

    @property
    def district_name(self) -> str:
        """The name of its district, or ''."""
        return DISTRICT[self.district_code].name if self.district_code in DISTRICT else ""

    @property
    def is_verified(self) -> bool:
        """Whether it may act."""
        return self.state == OrganisationState.VERIFIED


class OrganisationAlias(Base):
    """Another name that an organisation is or was known by."""

    __tablename__ = "organisation_alias"

    id: Mapped[int] = mapped_column(primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    name: Mapped[str] = mapped_column(index=True)


class TeamMember(Base):
    """A society or other unit that belongs to a service team."""

    __tablename__ = "team_member"

    team_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)


class User(Base):
    """A person with a password of their own choosing."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, default=new_key)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    phone: Mapped[str] = mapped_column(default="")
    post: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str] = mapped_column(default="")
    is_disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)

    memberships: Mapped[list[Membership]] = relationship(back_populates="user")


class Membership(Base):
    """A person's role in an organisation."""

    __tablename__ = "membership"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, default=new_key)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    role: Mapped[Role] = mapped_column(choice(Role))
    ended_at: Mapped[dt.datetime | None]

    user: Mapped[User] = relationship(back_populates="memberships")
    organisation: Mapped[Organisation] = relationship(back_populates="memberships")

    __table_args__ = (UniqueConstraint("user_id", "organisation_id"),)

    @property
    def role_label(self) -> str:
        """The word for the role."""
        return ROLE_LABELS[self.role]


class UserSession(Base):
    """One sign-in on one device; it alone decides whether a cookie is still good."""

    __tablename__ = "user_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, default=new_key)
    token_hash: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    address: Mapped[str] = mapped_column(default="")
    device: Mapped[str] = mapped_column(default="")
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    seen_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    ended_at: Mapped[dt.datetime | None]
    end_reason: Mapped[str] = mapped_column(default="")

    user: Mapped[User] = relationship()
    organisation: Mapped[Organisation | None] = relationship()


class Invitation(Base):
    """A one-time link that lets a person choose a password and join an organisation, or only choose a new one."""

    __tablename__ = "invitation"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    email: Mapped[str]
    name: Mapped[str]
    role: Mapped[Role] = mapped_column(choice(Role))
    invited_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]
    resets_password: Mapped[bool] = mapped_column(default=False, server_default=false())

    organisation: Mapped[Organisation] = relationship()


class SignInTry(Base):
    """A wrong password: counted per (account, address), so that nobody can lock another person out from afar."""

    __tablename__ = "sign_in_try"

    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str]
    address: Mapped[str]
    at: Mapped[dt.datetime] = mapped_column(default=utc_now)

    __table_args__ = (Index("ix_sign_in_try_account_address_at", "account", "address", "at"),)
