"""A need's indicators against a capability's claims: met, unmet or not stated, each with its reason.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kcz_match.catalogue.fields import Claim, Indicator


class Verdict(StrEnum):
    """What the claims say about one indicator."""

    MET = "met"
    UNMET = "unmet"
    NOT_STATED = "not_stated"


VERDICT_LABELS = {Verdict.MET: "满足", Verdict.UNMET: "未满足", Verdict.NOT_STATED: "未说明"}


@dataclass(frozen=True)
class IndicatorResult:
    """One indicator with its verdict, the claim it was read from (None if none fits) and a Chinese reason."""

    indicator: Indicator
    verdict: Verdict
    claim: Claim | None
    reason: str

    @property
    def label(self) -> str:
        """Return the word people read: 满足, 未满足 or 未说明."""
        return VERDICT_LABELS[self.verdict]
