"""Places of the month: what is promised of the sharing for any needs, any scores and any capacities."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcz_match.brokerage.exposure import BEST, FULL, OUTRANKED, Wish, mutual, newcomers, share, value
from kcz_match.brokerage.ordering import Standing, arrange

NEEDS, CAPABILITIES = 8, 6
scores = st.integers(0, 20).map(lambda number: number / 10)
wishes = st.dictionaries(
    st.tuples(st.integers(1, NEEDS), st.integers(1, CAPABILITIES)), st.tuples(scores, st.booleans())
).map(lambda found: [Wish(need, one, score, first) for (need, one), (score, first) in found.items()])
plain = wishes.map(lambda found: [Wish(one.need, one.capability, one.score) for one in found])
places = st.dictionaries(st.integers(1, CAPABILITIES), st.one_of(st.none(), st.integers(0, 4)))


def holders(shared, capability):
    return sorted(need for need, one in shared.held if one == capability)


@given(wishes, places)
def test_nobody_is_suggested_beyond_the_capacity_and_every_wish_is_either_held_or_turned_away(found, limits):
    shared = share(found, limits)
    for capability, limit in limits.items():
        assert limit is None or len(holders(shared, capability)) <= limit
    assert set(shared.held) | set(shared.turned_away) == {wish.pair for wish in found}
    assert set(shared.held) & set(shared.turned_away) == set()


@given(wishes, places)
def test_nobody_is_turned_away_while_a_place_is_free(found, limits):
    shared = share(found, limits)
    for (_, capability), reason in shared.turned_away.items():
        assert len(holders(shared, capability)) == limits[capability]
        assert reason == (OUTRANKED if limits[capability] else FULL)


@given(plain, places)
def test_no_need_and_capability_would_rather_have_each_other_than_what_they_got(found, limits):
    """Stability: whoever was turned away fits less than all holders, or has its best five already, all better."""
    shared = share(found, limits)
    score = {wish.pair: wish.score for wish in found}
    mine = defaultdict(list)
    for need, capability in shared.held:
        mine[need].append(score[need, capability])
    for need, capability in shared.turned_away:
        worst_holder = min((score[other, capability] for other in holders(shared, capability)), default=9.9)
        has_better = sorted(mine[need], reverse=True)[BEST - 1 :][:1]
        assert score[need, capability] <= worst_holder or (has_better and has_better[0] >= score[need, capability])


@given(plain, st.integers(1, CAPABILITIES), st.integers(0, 3))
def test_one_more_place_never_leaves_fewer_suggested_nor_the_match_quality_lower(found, capability, limit):
    fewer, more = share(found, {capability: limit}), share(found, {capability: limit + 1})
    assert len(holders(more, capability)) >= len(holders(fewer, capability))
    assert more.kept >= fewer.kept - 1e-9


@given(plain)
def test_without_limits_everybody_gets_everything_and_nothing_is_lost(found):
    shared = share(found, {})
    assert (shared.held, shared.turned_away, shared.loss) == (frozenset(wish.pair for wish in found), {}, 0.0)


def test_a_star_is_suggested_to_the_two_needs_it_fits_best_and_the_others_get_their_second_best():
    """Fifty needs, one expert whom all want, two contacts a month; a plain one for each need beside."""
    found = [Wish(need, 1, 1.0 + need / 100) for need in range(1, 51)]
    found += [Wish(need, 100 + need, 0.6) for need in range(1, 51)]

    shared = share(found, {1: 2})

    assert holders(shared, 1) == [49, 50]
    assert {need for need, one in shared.held if one == 100 + need} == set(range(1, 51))
    assert set(shared.turned_away.values()) == {OUTRANKED}
    star = next(crowd for crowd in shared.crowds if crowd.capability == 1)
    assert (star.wanted, star.places, star.held, star.turned_away) == (50, 2, 2, 48)
    lost = sum(1.0 + need / 100 for need in range(1, 49))
    assert shared.possible == pytest.approx(sum(1.6 + need / 100 for need in range(1, 51)))
    assert shared.loss == pytest.approx(lost / shared.possible)
    assert share(found, {1: 0}).turned_away[50, 1] == FULL


def test_who_is_talking_already_keeps_the_place_against_a_better_fit():
    found = [Wish(1, 1, 0.7, is_first=True), Wish(2, 1, 1.9)]
    assert holders(share(found, {1: 1}), 1) == [1]


def test_a_place_goes_first_to_whom_it_is_among_the_best_five():
    """The other need has five better ones: it takes the place only when it is left over."""
    rich = [Wish(1, one, 1.5) for one in range(2, 2 + BEST)] + [Wish(1, 1, 1.4)]
    assert holders(share([*rich, Wish(2, 1, 0.8)], {1: 1}), 1) == [2]
    assert holders(share(rich, {1: 1}), 1) == [1]


def test_scores_are_put_on_the_scale_of_the_bands_and_both_sides_count_alike():
    assert [value(score) for score in (-3.0, 0.0, 5.0, 6.0, 8.5, 17.0)] == pytest.approx([0, 0, 1 / 3, 2 / 3, 1, 2])
    assert mutual(8.5, 6.0) == mutual(6.0, 8.5) == pytest.approx((2 / 3) ** 0.5)
    assert mutual(8.5, 0.0) == 0.0
    assert mutual(6.0, None) == pytest.approx(2 / 3)


def test_an_unseen_newcomer_is_let_in_where_it_fits_best_and_each_need_lets_one_in():
    old = [(one, 9.0) for one in range(1, BEST + 1)]
    lists = {1: [*old, (70, 7.0), (71, 6.9)], 2: [*old, (70, 6.5), (71, 6.4)], 3: [(72, 9.0), *old]}
    assert newcomers(lists, {70, 71, 72}) == {1: 70, 2: 71}
    assert newcomers(lists, set()) == {}


def test_between_nearly_equal_answers_the_other_side_decides_and_a_band_is_never_left():
    answers = [
        Standing(1, "possible", 8.0, back=5.0),
        Standing(2, "possible", 7.9, back=8.0),
        Standing(3, "strong", 8.6, back=5.0),
        Standing(4, "weak", 5.9, back=99.0),
        Standing(5, "possible", 7.0, back=9.9),
        Standing(6, "possible", 7.95),
    ]
    assert arrange(answers) == [3, 2, 1, 6, 5, 4]


def test_a_pinned_pair_stands_first_and_a_newcomer_among_the_first_five():
    answers = [Standing(number, "strong", 20.0 - number) for number in range(1, 9)]
    answers += [Standing(50, "weak", 5.1, is_pinned=True), Standing(60, "possible", 6.1, is_newcomer=True)]
    assert arrange(answers) == [50, 1, 2, 3, 60, 4, 5, 6, 7, 8]
