"""States of an interest (对接意向)."""

from __future__ import annotations

import enum

from kcz_match.core.lifecycle import Hue, Lifecycle, arrow
from kcz_match.matching.reasons import DECLINE_REASONS


class InterestState(enum.StrEnum):
    """Where an interest stands."""

    SENT = "sent"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    LAPSED = "lapsed"


INTERESTS = Lifecycle(
    kind="interest",
    label="对接意向",
    states=InterestState,
    words={
        InterestState.SENT: ("待回复", Hue.WAITING),
        InterestState.ACCEPTED: ("已接受", Hue.DONE),
        InterestState.DECLINED: ("已婉拒", Hue.STOPPED),
        InterestState.WITHDRAWN: ("已撤回", Hue.STOPPED),
        InterestState.EXPIRED: ("逾期未回复", Hue.STOPPED),
        InterestState.LAPSED: ("已失效", Hue.STOPPED),
    },
    arrows={
        "accept": arrow("sent", InterestState.ACCEPTED, "接受，公开双方联系方式", is_primary=True),
        "decline": arrow(
            "sent", InterestState.DECLINED, "婉拒", needs_reason=True, reasons=DECLINE_REASONS, is_loss=True
        ),
        "withdraw": arrow("sent", InterestState.WITHDRAWN, "撤回意向", is_loss=True),
        "expire": arrow("sent", InterestState.EXPIRED, "逾期"),
        "lapse": arrow("sent", InterestState.LAPSED, "需求或能力已不再公开"),
    },
)
