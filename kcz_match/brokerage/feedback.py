"""What a refusal does besides putting a pair aside: a signal to the ranking, or a task for one of the sides.  Pure.

``EFFECTS`` is the whole of it: one line for each of the twelve codes.  Whatever its code, a refused pair is not
proposed again to whoever refused it; the table says what happens beyond that.

* ``ALIKE`` lowers what is near the refused answer, for the record that asked only: see ``penalties``.
* ``MONTH`` counts as "no place left" until the month is over (``month_began``), for everybody: a capacity, not a score.
* ``PAIR`` has no effect beyond the pair.

A task goes to the record it is about.  When the one who refused owns that very record, it goes to the other side if
the code has a line for it, and to nobody otherwise; only ``solved_elsewhere`` comes back to its own writer.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kcz_match.core.calendar import ZONE, local_day
from kcz_match.matching.late import DEFAULT_BACKGROUND, Background

NEED, CAPABILITY, BROKER = "need", "capability", "broker"
UNLIKE = 3.0
SAME = 6.0


class Signal(enum.StrEnum):
    """How far a refusal reaches in the ranking."""

    ALIKE = "alike"
    MONTH = "month"
    PAIR = "pair"


@dataclass(frozen=True)
class Task:
    """Something the owner of a record can do about refusals: which side, the sentence, the form field to edit.

    Without a field the deed is an arrow of the lifecycle, named by ``verb``.
    """

    side: str
    sentence: str
    field: str = ""
    verb: str = "revise"


@dataclass(frozen=True)
class Effect:
    """What one code does; ``most`` is the largest penalty of an ``ALIKE`` signal, in score units."""

    signal: Signal = Signal.PAIR
    most: float = 0.0
    tasks: tuple[Task, ...] = ()
    comes_back: bool = False


EFFECTS: dict[str, Effect] = {
    "too_early": Effect(tasks=(Task(CAPABILITY, "成熟度不清：请补测试报告", "trl_proof"),)),
    "benefit_unclear": Effect(tasks=(Task(CAPABILITY, "优势不清：请补与现有做法的比较", "comparison"),)),
    "cost_unclear": Effect(tasks=(Task(CAPABILITY, "成本不清：请补报价区间", "price_min"),)),
    "too_vague": Effect(
        tasks=(
            Task(NEED, "描述太笼统：请把难题和指标写具体", "problem"),
            Task(CAPABILITY, "描述太笼统：请把技术路线和指标写具体", "method"),
        )
    ),
    "spec_gap": Effect(
        Signal.ALIKE, 1.5, (Task(CAPABILITY, "指标达不到：请补已达到的指标和证据，或写明不适用的情形", "claims"),)
    ),
    "off_topic": Effect(Signal.ALIKE, 3.0),
    "no_capacity": Effect(Signal.MONTH),
    "avoid": Effect(),
    "solved_elsewhere": Effect(
        tasks=(Task(NEED, "可能已自行解决：请确认是否关闭这条需求", verb="withdraw"),), comes_back=True
    ),
    "budget": Effect(),
    "ip": Effect(
        tasks=(
            Task(CAPABILITY, "知识产权不清：请写明权利人和有无负担", "ip"),
            Task(NEED, "知识产权有障碍：请写明归属设想，能否商量", "ip_terms"),
        )
    ),
    "other": Effect(),
}


@dataclass(frozen=True)
class Refusal:
    """A refusal of a pair: its code, when, and which of the two records is owned by who refused (else ``BROKER``)."""

    code: str
    at: dt.datetime
    by: str


def task_of(refusal: Refusal) -> Task | None:
    """Return the task that a refusal leads to, None when it leads to none."""
    effect = EFFECTS[refusal.code]
    return next((task for task in effect.tasks if effect.comes_back or task.side != refusal.by), None)


def open_tasks(side: str, refusals: Iterable[Refusal], edited_at: dt.datetime) -> tuple[Task, ...]:
    """Return the tasks of a record on ``side`` from the refusals of its pairs, each once, in the order of the table.

    A refusal counts only when it was given after the record was last edited, so an edit is the answer to all of them.
    """
    asked = {task_of(refusal) for refusal in refusals if refusal.at > edited_at}
    return tuple(task for effect in EFFECTS.values() for task in effect.tasks if task.side == side and task in asked)


def month_began(now: dt.datetime) -> dt.datetime:
    """Return when the month of ``now`` began in China: "no capacity" said since then still holds."""
    return dt.datetime.combine(local_day(now).replace(day=1), dt.time(), ZONE).astimezone(dt.UTC)


def penalties(
    refused_vectors: NDArray[np.float32],
    codes: Sequence[str],
    candidate_vectors: NDArray[np.float32],
    background: Background = DEFAULT_BACKGROUND,
) -> NDArray[np.float64]:
    """Return by how much each candidate (c,) is lowered, in units of the score: 0 or more, to be subtracted.

    ``refused_vectors`` (r, d) and ``candidate_vectors`` (c, d) are unit rows, ``codes`` the code of each refused row.
    With ``near = (cosine - background.cosine_mean) / background.cosine_spread``, the unit in which scores are sums,

        penalty of a candidate = max over the refused of  most(code) * clip((near - UNLIKE) / (SAME - UNLIKE), 0, 1)

    so what lies below ``UNLIKE`` spreads of a refused answer (19 of 20 unrelated pairs do) is not touched, and the same
    text loses ``most``: a refused direction costs a band, a missed indicator half of one.  It is the greatest and not
    the sum, so refusing ten of the same kind says no more than refusing one.
    """
    most = np.array([EFFECTS[code].most for code in codes], dtype=np.float64)
    if len(most) != len(refused_vectors):
        raise ValueError("every refused row needs its code")
    if not len(refused_vectors) or not len(candidate_vectors):
        return np.zeros(len(candidate_vectors))
    cosines = candidate_vectors.astype(np.float64) @ refused_vectors.astype(np.float64).T
    near = (cosines - background.cosine_mean) / background.cosine_spread
    likeness = np.clip((near - UNLIKE) / (SAME - UNLIKE), 0.0, 1.0)
    lowered: NDArray[np.float64] = (likeness * most).max(axis=1)
    return lowered
