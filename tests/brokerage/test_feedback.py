"""Promises of what a refusal leads to."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcz_match.brokerage.feedback import (
    BROKER,
    CAPABILITY,
    EFFECTS,
    NEED,
    SAME,
    UNLIKE,
    Refusal,
    Signal,
    month_began,
    open_tasks,
    penalties,
    task_of,
)
from kcz_match.catalogue.fields import CAPABILITY_FIELD, NEED_FIELD
from kcz_match.catalogue.states import CAPABILITIES, NEEDS
from kcz_match.matching.late import Background
from kcz_match.matching.reasons import DECLINE_REASONS

EDITED = dt.datetime(2026, 11, 10, tzinfo=dt.UTC)
LATER, EARLIER = EDITED + dt.timedelta(hours=1), EDITED - dt.timedelta(hours=1)
PLAIN = Background(0.0, 0.1, 0.0, 0.1)
MOST = max(effect.most for effect in EFFECTS.values())


def sentences(side, *refusals, edited=EDITED):
    return [task.sentence for task in open_tasks(side, refusals, edited)]


def at_cosine(value):
    """Return a unit row whose cosine with the first axis is ``value``."""
    return np.array([value, np.sqrt(1 - value**2), 0.0], np.float32)


@st.composite
def unit_rows(draw, most=6):
    rows = draw(
        st.lists(
            st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda row: np.linalg.norm(row) > 0.1),
            max_size=most,
        )
    )
    table = np.array(rows, np.float32).reshape(len(rows), 4)
    return table / np.linalg.norm(table, axis=1, keepdims=True)


def test_every_one_of_the_twelve_codes_has_its_line_and_no_other_has():
    assert list(EFFECTS) == list(DECLINE_REASONS)


def test_every_task_names_a_field_of_the_form_or_an_arrow_of_the_lifecycle_of_its_side():
    for task in (task for effect in EFFECTS.values() for task in effect.tasks):
        fields, lifecycle = (NEED_FIELD, NEEDS) if task.side == NEED else (CAPABILITY_FIELD, CAPABILITIES)
        assert task.field in {*fields, "claims", ""}
        assert task.verb in lifecycle.arrows


def test_only_a_code_that_lowers_what_is_alike_has_a_penalty():
    assert {code for code, effect in EFFECTS.items() if effect.most} == {"off_topic", "spec_gap"}
    assert [code for code, effect in EFFECTS.items() if effect.signal is Signal.MONTH] == ["no_capacity"]


@pytest.mark.parametrize(
    ("code", "by", "side", "field"),
    [
        ("too_early", NEED, CAPABILITY, "trl_proof"),
        ("too_early", BROKER, CAPABILITY, "trl_proof"),
        ("benefit_unclear", NEED, CAPABILITY, "comparison"),
        ("cost_unclear", NEED, CAPABILITY, "price_min"),
        ("spec_gap", NEED, CAPABILITY, "claims"),
        ("too_vague", CAPABILITY, NEED, "problem"),
        ("too_vague", BROKER, NEED, "problem"),
        ("too_vague", NEED, CAPABILITY, "method"),
        ("ip", NEED, CAPABILITY, "ip"),
        ("ip", CAPABILITY, NEED, "ip_terms"),
        ("solved_elsewhere", CAPABILITY, NEED, ""),
        ("solved_elsewhere", NEED, NEED, ""),
    ],
)
def test_a_code_becomes_a_task_for_the_side_it_is_about(code, by, side, field):
    task = task_of(Refusal(code, LATER, by))
    assert (task.side, task.field) == (side, field)


@pytest.mark.parametrize(("code", "by"), [("too_early", CAPABILITY), ("spec_gap", CAPABILITY)])
def test_nobody_gets_a_task_from_a_refusal_of_their_own(code, by):
    assert task_of(Refusal(code, LATER, by)) is None


@pytest.mark.parametrize("code", ["off_topic", "no_capacity", "avoid", "budget", "other"])
@pytest.mark.parametrize("by", [NEED, CAPABILITY, BROKER])
def test_some_codes_ask_nothing_of_anybody(code, by):
    assert task_of(Refusal(code, LATER, by)) is None


def test_an_immature_capability_is_asked_for_its_test_report():
    assert sentences(CAPABILITY, Refusal("too_early", LATER, NEED)) == ["成熟度不清：请补测试报告"]


def test_an_edit_answers_every_refusal_before_it():
    early, late = Refusal("too_early", EARLIER, NEED), Refusal("cost_unclear", LATER, NEED)
    assert sentences(CAPABILITY, early, late) == ["成本不清：请补报价区间"]
    assert sentences(CAPABILITY, early, late, edited=LATER) == []


def test_ten_refusals_for_one_reason_are_one_task_and_the_other_side_has_none():
    many = [Refusal("too_early", LATER + dt.timedelta(minutes=n), NEED) for n in range(10)]
    assert len(sentences(CAPABILITY, *many)) == 1
    assert sentences(NEED, *many) == []


@pytest.mark.parametrize(
    ("now", "began"),
    [
        (dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC), dt.datetime(2026, 10, 31, 16, tzinfo=dt.UTC)),
        (dt.datetime(2026, 11, 30, 15, 59, tzinfo=dt.UTC), dt.datetime(2026, 10, 31, 16, tzinfo=dt.UTC)),
        (dt.datetime(2026, 11, 30, 16, tzinfo=dt.UTC), dt.datetime(2026, 11, 30, 16, tzinfo=dt.UTC)),
    ],
)
def test_the_month_begins_at_midnight_in_china(now, began):
    assert month_began(now) == began


@pytest.mark.parametrize(
    ("near", "code", "lowered"),
    [
        (UNLIKE, "off_topic", 0.0),
        (UNLIKE - 2, "off_topic", 0.0),
        ((UNLIKE + SAME) / 2, "off_topic", EFFECTS["off_topic"].most / 2),
        (SAME, "off_topic", EFFECTS["off_topic"].most),
        (SAME + 2, "off_topic", EFFECTS["off_topic"].most),
        (SAME, "spec_gap", EFFECTS["spec_gap"].most),
        (SAME, "budget", 0.0),
        (SAME, "too_early", 0.0),
    ],
)
def test_the_penalty_grows_from_unlike_to_the_same(near, code, lowered):
    refused, candidate = at_cosine(1.0)[None, :], at_cosine(near * PLAIN.cosine_spread)[None, :]
    assert penalties(refused, [code], candidate, PLAIN)[0] == pytest.approx(lowered, abs=1e-4)


@given(unit_rows(), unit_rows(), st.data())
def test_no_refusal_ever_lifts_and_none_costs_more_than_the_table_says(refused, candidates, data):
    codes = data.draw(st.lists(st.sampled_from(list(EFFECTS)), min_size=len(refused), max_size=len(refused)))
    lowered = penalties(refused, codes, candidates, PLAIN)
    assert lowered.shape == (len(candidates),)
    assert (lowered >= 0).all() and (lowered <= MOST).all()


@given(unit_rows(most=4), unit_rows(), st.data())
def test_one_more_refusal_never_makes_a_penalty_smaller(refused, candidates, data):
    codes = data.draw(st.lists(st.sampled_from(list(EFFECTS)), min_size=len(refused), max_size=len(refused)))
    if len(refused):
        fewer = penalties(refused[:-1], codes[:-1], candidates, PLAIN)
        assert (penalties(refused, codes, candidates, PLAIN) >= fewer).all()


@given(unit_rows(most=4), unit_rows(), st.data())
def test_a_candidates_penalty_depends_on_no_other_candidate(refused, candidates, data):
    codes = data.draw(st.lists(st.sampled_from(list(EFFECTS)), min_size=len(refused), max_size=len(refused)))
    together = penalties(refused, codes, candidates, PLAIN)
    alone = [float(penalties(refused, codes, row[None, :], PLAIN)[0]) for row in candidates]
    assert together.tolist() == pytest.approx(alone, abs=1e-9)


def test_every_refused_row_needs_its_code():
    with pytest.raises(ValueError, match="code"):
        penalties(at_cosine(1.0)[None, :], [], at_cosine(1.0)[None, :])
