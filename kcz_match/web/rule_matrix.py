"""The rules table as pages show it, computed from ``policy.RULES`` itself: who may, and role by action.

The matrix asks every rule twice for each role: once about a record that is the role's own in every way (its
organisation's, in its district, to be approved or answered by it), once about a record that is a stranger's in every
way.  So it says what the rules say, and goes on saying it when they change.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kcz_match.core import policy
from kcz_match.core.policy import ANYONE, RULES, SYSTEM, Actor
from kcz_match.web.deeds import SUBJECTS, action_word

OWN, OTHER, SOMEBODY = 1, 2, 3


class Reach(enum.StrEnum):
    """Whose records a role may do something to."""

    ALL = "all"
    OWN = "own"
    NONE = "none"


REACH_WORDS = {Reach.ALL: "可以", Reach.OWN: "自己的", Reach.NONE: ""}


def _member(kind: str, role: str, *, is_verified: bool = True) -> Actor:
    return Actor(
        user_id=OWN,
        name="",
        organisation_id=OWN,
        organisation_kind=kind,
        role=role,
        is_verified=is_verified,
        district_code="own",
    )


ROLES: dict[str, Actor] = {
    "访客": ANYONE,
    "只读成员": _member("enterprise", "viewer"),
    "未核验单位管理员": _member("enterprise", "manager", is_verified=False),
    "企业、园区经办": _member("enterprise", "officer"),
    "企业、园区管理员": _member("enterprise", "manager"),
    "区科协经办": _member("district", "officer"),
    "学会、服务团经办": _member("society", "officer"),
    "学会、服务团管理员": _member("society", "manager"),
    "评审机构经办": _member("review_body", "officer"),
    "办公室经办": _member("office", "officer"),
    "办公室管理员": _member("office", "manager"),
    "系统": SYSTEM,
}


@dataclass(frozen=True)
class RuleRow:
    """One action: its code, its word, the sentences of who may, and how far each role of ``ROLES`` reaches."""

    action: str
    word: str
    who: tuple[str, ...]
    reach: tuple[Reach, ...]


class _Record:
    """A record that is ``whose`` in every way; it is not listed, and ``submitted_by`` is always a third person."""

    def __init__(self, whose: int) -> None:
        self.whose = whose

    def __getattr__(self, name: str) -> Any:
        if name.startswith("is_"):
            return False
        if name.startswith("has_"):
            return lambda *_: False
        if name == "submitted_by":
            return SOMEBODY
        if name == "district_code":
            return "own" if self.whose == OWN else "other"
        return self.whose


def tables() -> Iterator[tuple[str, list[RuleRow]]]:
    """Yield what actions are about (a word) with its rows, in the order of ``SUBJECTS``, unknown kinds last."""
    kinds = dict.fromkeys([*SUBJECTS, *(action.partition(".")[0] for action in RULES)])
    for kind in kinds:
        rows = [_row(action) for action in RULES if action.partition(".")[0] == kind]
        if rows:
            yield SUBJECTS.get(kind, kind), rows


def reach(actor: Actor, action: str) -> Reach:
    """Return whose records ``actor`` may do ``action`` to."""
    if policy.can(actor, action, _Record(OTHER)):
        return Reach.ALL
    return Reach.OWN if policy.can(actor, action, _Record(OWN)) else Reach.NONE


def _row(action: str) -> RuleRow:
    who = tuple((rule.__doc__ or rule.__name__).strip("。") for rule in RULES[action])
    return RuleRow(action, action_word(action), who, tuple(reach(actor, action) for actor in ROLES.values()))
