"""The drafting coach: what a need still lacks, said while it is being written.  Pure rules, no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Clarity = Literal["clear", "vague", "concept"]
CLARITY_LABELS: dict[str, str] = {"clear": "清晰", "vague": "模糊", "concept": "概念"}


@dataclass(frozen=True)
class Warning:
    """One remark: the rule's ``code``, the form ``field``, a ``sentence`` on what to write, an ``example`` of how."""

    code: str
    field: str
    sentence: str
    example: str = ""


@dataclass(frozen=True)
class Advice:
    """Everything the coach says about one draft: remarks in the order of the form, clarity, and the score's parts.

    ``parts`` maps a Chinese part name to (reached, reachable); ``score`` is their sum out of 100.
    """

    warnings: tuple[Warning, ...]
    clarity: Clarity
    parts: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def score(self) -> int:
        """Return the sum of the parts reached, 0 to 100."""
        return sum(reached for reached, _ in self.parts.values())

    @property
    def clarity_label(self) -> str:
        """Return the clarity class in Chinese."""
        return CLARITY_LABELS[self.clarity]


def may_be_published_as(advice: Advice) -> Literal["matching", "diagnosing"]:
    """Return the state a published need may enter: only a clear one may be matched, any other is first diagnosed."""
    return "matching" if advice.clarity == "clear" else "diagnosing"
