"""The smallest set of providers: compared with trying everything."""

import itertools
import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcz_match.brokerage.cover import MOST_PARTS, MOST_PROVIDERS, cover

MARKS = st.one_of(st.none(), st.integers(min_value=1, max_value=9).map(float))


@st.composite
def tables(draw, parts=5, providers=5):
    rows, columns = draw(st.integers(1, parts)), draw(st.integers(1, providers))
    scores = draw(
        st.lists(st.lists(MARKS, min_size=columns, max_size=columns), min_size=rows, max_size=rows),
    )
    limits = draw(st.none() | st.lists(st.none() | st.integers(0, 3), min_size=columns, max_size=columns))
    return scores, limits


def every_assignment(scores, limits):
    """Yield part -> provider for each way to give parts away within the limits."""
    providers = range(len(scores[0]))
    options = [[None, *(one for one in providers if row[one] is not None)] for row in scores]
    for choice in itertools.product(*options):
        numbers = [choice.count(one) for one in providers]
        if limits is None or all(
            limit is None or number <= limit for number, limit in zip(numbers, limits, strict=True)
        ):
            yield {part: one for part, one in enumerate(choice) if one is not None}


def worth(assignment, scores):
    """Most parts, then fewest providers, then best fit, then the providers that come first."""
    chosen = sorted(set(assignment.values()))
    return (
        -len(assignment),
        len(chosen),
        -sum(scores[part][one] for part, one in assignment.items()),
        chosen,
    )


@settings(max_examples=300, deadline=None)
@given(tables())
def test_no_other_way_is_better_in_parts_providers_fit_or_order(case):
    scores, limits = case
    best = min(worth(one, scores) for one in every_assignment(scores, limits))
    found = cover(scores, limits)
    assert worth(found.given, scores) == best
    assert found.chosen == tuple(best[3])


@settings(max_examples=200, deadline=None)
@given(tables())
def test_every_part_is_given_or_named_as_missing_once(case):
    scores, limits = case
    found = cover(scores, limits)
    assert sorted([*found.given, *found.gaps, *found.crowded]) == list(range(len(scores)))
    assert [part for part in found.gaps if any(one is not None for one in scores[part])] == []
    assert [part for part in found.crowded if all(one is None for one in scores[part])] == []
    assert [part for part, one in found.given.items() if scores[part][one] is None] == []
    if limits is None:
        assert found.crowded == ()


@settings(max_examples=100, deadline=None)
@given(tables(parts=4, providers=4))
def test_beyond_the_exact_size_the_answer_is_valid_and_its_bound_holds(case):
    scores, limits = case
    wide = [[*row, *[None] * (MOST_PROVIDERS + 1)] for row in scores]
    more = None if limits is None else [*limits, *[None] * (MOST_PROVIDERS + 1)]
    exact, rough = cover(scores, limits), cover(wide, more)
    assert (exact.is_exact, rough.is_exact) == (True, False)
    assert rough.at_least <= len(rough.chosen)
    assert len(rough.given) <= len(exact.given)
    if limits is None:
        assert len(rough.given) == len(exact.given)
        assert rough.at_least <= len(exact.chosen) <= len(rough.chosen)
        assert len(rough.chosen) <= len(exact.chosen) * sum(1 / step for step in range(1, len(scores) + 1)) + 1e-9


@settings(max_examples=50, deadline=None)
@given(tables())
def test_the_same_question_has_the_same_answer_and_nan_means_none(case):
    scores, limits = case
    again = [[math.nan if one is None else one for one in row] for row in scores]
    assert cover(scores, limits) == cover(again, limits)


@pytest.mark.parametrize(
    ("scores", "limits", "given_to", "gaps", "crowded"),
    [
        ([], None, {}, (), ()),
        ([[], []], None, {}, (0, 1), ()),
        ([[None, None], [7, None]], None, {1: 0}, (0,), ()),
        ([[9, 6, None], [None, 6, 9]], None, {0: 1, 1: 1}, (), ()),
        ([[9, 6], [9, 6]], [1, None], {0: 1, 1: 1}, (), ()),
        ([[9, None], [9, None]], [1, None], {0: 0}, (), (1,)),
        ([[7, 7], [7, 7]], None, {0: 0, 1: 0}, (), ()),
        ([[7]], [0], {}, (), (0,)),
    ],
    ids=["nothing", "nobody", "a gap", "one for two beats two", "a full one", "crowded", "a tie", "no place at all"],
)
def test_small_cases(scores, limits, given_to, gaps, crowded):
    found = cover(scores, limits)
    assert (dict(found.given), found.gaps, found.crowded) == (given_to, gaps, crowded)


def test_the_largest_exact_case_is_answered_while_a_page_waits():
    scores = [[6 + (part * 7 + one * 3) % 5 for one in range(MOST_PROVIDERS)] for part in range(MOST_PARTS - 2)]
    started = time.perf_counter()
    found = cover(scores, [2] * MOST_PROVIDERS)
    assert time.perf_counter() - started < 5
    assert (len(found.chosen), found.is_exact) == (4, True)


def test_uneven_rows_are_a_mistake_of_the_caller():
    for scores, limits in (([[1.0], [1.0, 2.0]], None), ([[1.0]], [1, 2])):
        with pytest.raises(ValueError):
            cover(scores, limits)
