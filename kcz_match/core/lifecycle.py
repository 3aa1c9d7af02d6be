"""One door for every change of state.

A domain draws its arrows in a ``Lifecycle`` table (``states.py``); ``move`` alone assigns ``.state``: it asks the
policy table, then the arrow table, then changes the record and writes the audit row.  ``moves_open_to`` reads the
same tables to draw the buttons, so a new arrow needs no page edit.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcz_match.core import audit, policy
from kcz_match.core.db import utc_now
from kcz_match.core.errors import Conflict, Invalid
from kcz_match.core.policy import Actor

LONGEST_REASON = 1000


class Hue(enum.StrEnum):
    """What a state means to the person who looks: somebody waits, work goes on, it is done, it has stopped."""

    WAITING = "waiting"
    ACTING = "acting"
    DONE = "done"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Arrow:
    """One verb: the states it leaves, the state it reaches, the word on its button, and what must be said with it."""

    sources: frozenset[enum.StrEnum]
    target: enum.StrEnum
    label: str
    needs_reason: bool = False
    reasons: Mapping[str, str] = field(default_factory=dict)
    is_primary: bool = False
    is_loss: bool = False


@dataclass(frozen=True)
class Lifecycle:
    """The arrows of one kind of record, with the words and hues of its states."""

    kind: str
    label: str
    states: type[enum.StrEnum]
    words: Mapping[enum.StrEnum, tuple[str, Hue]]
    arrows: Mapping[str, Arrow]

    def word(self, state: enum.StrEnum | str) -> str:
        """Return the Chinese word of a state."""
        return self.words[self.states(state)][0]

    def hue(self, state: enum.StrEnum | str) -> Hue:
        """Return the hue of a state."""
        return self.words[self.states(state)][1]


@dataclass(frozen=True)
class Move:
    """A verb that this actor may take now: what a page needs to draw its button."""

    verb: str
    label: str
    needs_reason: bool
    reasons: Mapping[str, str]
    is_primary: bool
    is_loss: bool


def arrow(sources: str, target: enum.StrEnum, label: str, **more: Any) -> Arrow:
    """Return an arrow from the states named in ``sources`` (values separated by spaces) to ``target``."""
    states = type(target)
    return Arrow(frozenset(states(name) for name in sources.split()), target, label, **more)


def move(record: Any, verb: str, actor: Actor, *, reason: str = "", remark: str = "", **note: Any) -> None:
    """Carry ``record`` along the arrow ``verb``: policy, table, change, audit row, in this order.

    ``reason`` is a code of the arrow's closed list, or free text when the arrow has no list; ``remark`` is free text.
    Raises ``Forbidden``, ``Conflict`` when the record is not in a state the arrow leaves, and ``Invalid`` when a
    reason is required and missing or not in the list.  Does not commit.
    """
    lifecycle: Lifecycle = record.lifecycle
    step = lifecycle.arrows[verb]
    reason = "".join(letter for letter in reason if letter.isprintable() or letter == "\n")[:LONGEST_REASON]
    policy.require(actor, f"{lifecycle.kind}.{verb}", record)
    if record.state not in step.sources:
        raise Conflict(
            f"这条{lifecycle.label}现在是“{lifecycle.word(record.state)}”，不能再“{step.label}”。"
            "可能有人先处理了，请刷新页面查看最新状态。"
        )
    _check_reason(step, reason)
    before = record.state
    record.state = step.target
    record.state_since = utc_now()
    audit.write(
        actor,
        f"{lifecycle.kind}.{verb}",
        record,
        before=str(before),
        after=str(step.target),
        reason=reason,
        remark=remark,
        **note,
    )


def moves_open_to(actor: Actor, record: Any) -> list[Move]:
    """Return the verbs that ``actor`` may take with ``record`` now, the likely one first."""
    lifecycle: Lifecycle = record.lifecycle
    moves = [
        Move(verb, step.label, step.needs_reason, step.reasons, step.is_primary, step.is_loss)
        for verb, step in lifecycle.arrows.items()
        if record.state in step.sources and policy.can(actor, f"{lifecycle.kind}.{verb}", record)
    ]
    return sorted(moves, key=lambda item: (not item.is_primary, item.is_loss))


def _check_reason(step: Arrow, reason: str) -> None:
    if not step.needs_reason:
        return
    if not reason.strip():
        raise Invalid({"reason": f"“{step.label}”要写明原因，会记入往来记录。"})
    if step.reasons and reason not in step.reasons:
        raise Invalid({"reason": "请从列表里选一个原因。"})
