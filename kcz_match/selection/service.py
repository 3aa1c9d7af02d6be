"""Verbs on certificates.  Until selection rounds exist the Office grants titles by hand, with a reason."""

from __future__ import annotations

from sqlalchemy import func, select

from kcz_match.accounts import queries as accounts
from kcz_match.accounts.models import Organisation
from kcz_match.accounts.states import OrganisationKind
from kcz_match.core import audit, policy
from kcz_match.core.calendar import local_day
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Conflict, Invalid
from kcz_match.core.lifecycle import move
from kcz_match.core.notify import notify
from kcz_match.core.policy import Actor
from kcz_match.selection.models import Certificate
from kcz_match.selection.states import TITLE_LABELS, CertificateState

TITLE_OF_KIND = {OrganisationKind.DISTRICT: "district", OrganisationKind.PARK: "park"}


def grant_certificate(organisation: Organisation, actor: Actor, *, reason: str) -> Certificate:
    """Grant a district or park its title at once and tell it; return the certificate.

    Raises ``Invalid`` without a reason, ``Conflict`` when the organisation is not verified, cannot hold a title, or
    holds one already.
    """
    policy.require(actor, "certificate.grant", organisation)
    if not reason.strip():
        raise Invalid({"reason": "请写明依据，例如会议纪要文号。认定记录会长期保存。"})
    title = TITLE_OF_KIND.get(organisation.kind)
    if title is None:
        raise Conflict("只有区和园区可以认定。企业通过所属的园区或区参加。")
    if not organisation.is_verified:
        raise Conflict("请先核验这个单位，再认定。")
    held = db.session.scalar(
        select(Certificate).where(
            Certificate.organisation_id == organisation.id,
            Certificate.title == title,
            Certificate.state.in_([CertificateState.CERTIFIED, CertificateState.RECTIFYING]),
        )
    )
    if held is not None:
        raise Conflict(f"{organisation.full_name} 已经持有{TITLE_LABELS[title]}认定（{held.number}）。")
    certificate = Certificate(
        organisation_id=organisation.id,
        title=title,
        number=_next_number(title),
        reason=reason.strip(),
        state=CertificateState.CERTIFIED,
        state_since=utc_now(),
        decided_at=utc_now(),
        decided_by=actor.user_id,
    )
    db.session.add(certificate)
    audit.write(actor, "certificate.grant", certificate, after="certified", reason=reason.strip())
    notify(
        organisation.id,
        certificate,
        f"贵单位已认定为{TITLE_LABELS[title]}，编号 {certificate.number}。现在可以发布需求。",
    )
    return certificate


def move_certificate(certificate: Certificate, verb: str, actor: Actor, *, reason: str = "") -> None:
    """Rectify, restore, revoke or withdraw a title and tell its holder.

    The effect on needs is immediate, because "needs of certified organisations" is a join and not a copy.
    """
    move(certificate, verb, actor, reason=reason)
    word = certificate.lifecycle.word(certificate.state)
    for unit in accounts.enterprises_of(certificate.organisation_id):
        notify(
            unit.id,
            certificate,
            f"{certificate.organisation.name}的认定现为“{word}”，贵单位需求的公开随之变化。",
        )
    notify(
        certificate.organisation_id,
        certificate,
        f"贵单位的{certificate.title_label}认定（{certificate.number}）现为“{word}”。原因：{reason or '到期'}。",
    )


def _next_number(title: str) -> str:
    year = local_day(utc_now()).year
    letters = {"district": "SD", "park": "SF"}[title]
    prefix = f"GZKC-{letters}-{year}-"
    count = (
        db.session.scalar(select(func.count()).select_from(Certificate).where(Certificate.number.startswith(prefix)))
        or 0
    )
    return f"{prefix}{count + 1:03d}"
