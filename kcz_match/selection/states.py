"""States of a certificate (认定): the title of a pilot district or demonstration park."""

from __future__ import annotations

import enum

from kcz_match.core.lifecycle import Hue, Lifecycle, arrow


class CertificateState(enum.StrEnum):
    """Where a title stands."""

    CERTIFIED = "certified"
    RECTIFYING = "rectifying"
    REVOKED = "revoked"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


LIVE_STATES = (CertificateState.CERTIFIED,)
OPEN_STATES = (CertificateState.CERTIFIED, CertificateState.RECTIFYING)
TITLE_LABELS = {"district": "试点区", "park": "示范园区"}

CERTIFICATES = Lifecycle(
    kind="certificate",
    label="认定",
    states=CertificateState,
    words={
        CertificateState.CERTIFIED: ("已认定", Hue.DONE),
        CertificateState.RECTIFYING: ("限期整改", Hue.WAITING),
        CertificateState.REVOKED: ("已撤销", Hue.STOPPED),
        CertificateState.EXPIRED: ("已到期", Hue.STOPPED),
        CertificateState.WITHDRAWN: ("主动退出", Hue.STOPPED),
    },
    arrows={
        "rectify": arrow("certified", CertificateState.RECTIFYING, "限期整改", needs_reason=True, is_loss=True),
        "restore": arrow("rectifying", CertificateState.CERTIFIED, "整改合格", needs_reason=True, is_primary=True),
        "revoke": arrow("certified rectifying", CertificateState.REVOKED, "撤销认定", needs_reason=True, is_loss=True),
        "withdraw": arrow(
            "certified rectifying", CertificateState.WITHDRAWN, "主动退出", needs_reason=True, is_loss=True
        ),
        "expire": arrow("certified rectifying", CertificateState.EXPIRED, "到期"),
    },
)
