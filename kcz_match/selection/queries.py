"""Who is certified.  An enterprise is certified through its park or district, so this is always a join."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import aliased

from kcz_match.accounts.models import Organisation
from kcz_match.core.db import db
from kcz_match.core.errors import NotFound
from kcz_match.selection.models import Certificate
from kcz_match.selection.states import LIVE_STATES, OPEN_STATES


def certified_ids() -> Select[tuple[int]]:
    """Return the query of ids of organisations whose needs may be seen and matched.

    Those are holders of a live title and enterprises whose park or district holds one, each while verified itself.
    """
    holder = aliased(Organisation)
    holders = (
        select(Certificate.organisation_id)
        .join(holder, holder.id == Certificate.organisation_id)
        .where(Certificate.state.in_(LIVE_STATES), holder.state == "verified")
    )
    return select(Organisation.id).where(
        Organisation.state == "verified", or_(Organisation.id.in_(holders), Organisation.parent_id.in_(holders))
    )


def is_certified(organisation_id: int) -> bool:
    """Say whether needs of this organisation may be published now."""
    return db.session.scalar(certified_ids().where(Organisation.id == organisation_id)) is not None


def certificates() -> Sequence[Certificate]:
    """Return all certificates, the newest decision first."""
    return db.session.scalars(select(Certificate).order_by(Certificate.decided_at.desc(), Certificate.id.desc())).all()


def certificates_of(organisation_id: int) -> Sequence[Certificate]:
    """Return the certificates of one organisation, newest first."""
    return db.session.scalars(
        select(Certificate).where(Certificate.organisation_id == organisation_id).order_by(Certificate.id.desc())
    ).all()


def open_certificates(organisation_ids: Sequence[int]) -> dict[int, Certificate]:
    """Return the certificate that each of these organisations holds now; one that holds none is left out."""
    rows = db.session.scalars(
        select(Certificate).where(Certificate.organisation_id.in_(organisation_ids), Certificate.state.in_(OPEN_STATES))
    )
    return {row.organisation_id: row for row in rows}


def certificate_by_key(key: str) -> Certificate:
    """Return the certificate with this key, or raise ``NotFound``."""
    found = db.session.scalar(select(Certificate).where(Certificate.key == key))
    if found is None:
        raise NotFound
    return found
