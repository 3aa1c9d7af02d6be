"""Promises of the hard filters."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcz_match.catalogue.terms import CAPABILITY_TYPES, INDUSTRIES, MODES, NEED_KINDS
from kcz_match.matching.filters import (
    MODE_FAMILIES,
    SUPPLIERS,
    TYPES_FOR_KIND,
    CapabilityTerms,
    FilterResult,
    NeedTerms,
    check,
    industry_tie,
    passes,
)

NEED = NeedTerms(1, "nev", "rd", ("entrust",), 6, 100.0, "440112")
OFFER = CapabilityTerms(2, "result", ("nev",), ("entrust",), 7, 50.0, ("440112",), capacity_left=3)
TRADES = sorted(set(INDUSTRIES) - set(SUPPLIERS))


def line(code: str, need: NeedTerms = NEED, offer: CapabilityTerms = OFFER) -> FilterResult:
    return next(result for result in check(need, offer) if result.code == code)


def test_a_fitting_pair_passes_every_filter_and_nothing_is_unknown() -> None:
    results = check(NEED, OFFER)
    assert [(result.name, result.passed, result.unknown) for result in results] == [
        (name, True, False)
        for name in ("产业", "需求类型", "合作方式", "成熟度≥6", "预算与报价", "服务区域", "单位", "对接状态")
    ]
    assert passes(results)


def test_two_silent_records_pass_and_the_lines_say_not_stated() -> None:
    results = check(NeedTerms(1), CapabilityTerms(2))
    assert passes(results)
    assert [result.code for result in results if result.unknown] == ["industry", "kind", "modes", "trl", "budget"]
    assert all("未说明" in result.detail for result in results if result.unknown)


@pytest.mark.parametrize("kind", NEED_KINDS)
@pytest.mark.parametrize("capability_type", CAPABILITY_TYPES)
def test_the_kind_of_need_decides_which_types_it_reaches(kind: str, capability_type: str) -> None:
    offer = dataclasses.replace(OFFER, type=capability_type, modes=("service",))
    need = dataclasses.replace(NEED, kind=kind)
    assert line("kind", need, offer).passed == (capability_type in TYPES_FOR_KIND[kind])


@pytest.mark.parametrize("capability_type", CAPABILITY_TYPES)
@pytest.mark.parametrize("mode", ["entrust", "joint", "lab"])
def test_a_financing_wish_never_reaches_a_research_team(capability_type: str, mode: str) -> None:
    offer = dataclasses.replace(OFFER, type=capability_type, modes=(mode,))
    assert not line("kind", dataclasses.replace(NEED, kind="finance"), offer).passed


@pytest.mark.parametrize(
    ("industry", "offered", "passed"),
    [
        ("nev", ("nev", "bio"), True),
        ("nev", ("energy",), True),
        ("nev", ("ai",), True),
        ("nev", ("bio",), False),
        ("bio", ("marine", "rail"), False),
        ("fashion", ("chem",), True),
    ],
)
def test_industry_excludes_only_where_nothing_connects_the_two(
    industry: str,
    offered: tuple[str, ...],
    passed: bool,
) -> None:
    offer = dataclasses.replace(OFFER, industries=offered)
    result = line("industry", dataclasses.replace(NEED, industry=industry), offer)
    assert (result.passed, result.unknown) == (passed, False)


def test_an_adjacent_industry_says_why_it_counts() -> None:
    assert industry_tie("nev", ("energy",)) == "新能源与新型储能：动力电池与储能同源"
    assert line("industry", offer=dataclasses.replace(OFFER, industries=("energy",))).detail.startswith("相邻产业（")


@pytest.mark.parametrize(
    ("offered", "passed", "detail"),
    [
        (("entrust", "license"), True, "委托开发"),
        (("joint",), True, "同属研发类，具体方式可商量"),
        (("testing",), False, "能力方只提供检验检测"),
    ],
)
def test_modes_are_compared_by_family(offered: tuple[str, ...], passed: bool, detail: str) -> None:
    result = line("modes", offer=dataclasses.replace(OFFER, modes=offered))
    assert (result.passed, result.detail) == (passed, detail)


def test_every_mode_belongs_to_exactly_one_family() -> None:
    assert sorted(code for _, codes in MODE_FAMILIES for code in codes) == sorted(MODES)


@pytest.mark.parametrize(
    ("trl", "passed", "unknown"),
    [
        (5, False, False),
        (6, True, False),
        (9, True, False),
        (None, True, True),
    ],
)
def test_maturity_below_the_minimum_fails(trl: int | None, passed: bool, unknown: bool) -> None:
    result = line("trl", offer=dataclasses.replace(OFFER, trl=trl))
    assert (result.passed, result.unknown) == (passed, unknown)


@pytest.mark.parametrize(("price", "passed"), [(100.0, True), (100.1, False)])
def test_a_price_floor_above_the_budget_ceiling_fails_without_naming_a_sum(price: float, passed: bool) -> None:
    result = line("budget", offer=dataclasses.replace(OFFER, price_min=price))
    assert result.passed == passed
    assert not any(letter.isdigit() for letter in result.detail)


@pytest.mark.parametrize(("regions", "passed"), [((), True), (("440112", "440106"), True), (("440106",), False)])
def test_a_region_list_without_the_needs_district_fails(regions: tuple[str, ...], passed: bool) -> None:
    assert line("region", offer=dataclasses.replace(OFFER, regions=regions)).passed == passed


def test_an_organisation_is_never_matched_with_itself_not_even_through_its_expert() -> None:
    assert not line("organisation", offer=dataclasses.replace(OFFER, organisation_id=1)).passed
    assert not line("organisation", offer=dataclasses.replace(OFFER, organisation_ids=frozenset({1}))).passed


def test_nobody_can_tell_avoidance_conflict_and_withdrawal_apart() -> None:
    cases = [
        check(dataclasses.replace(NEED, avoided=frozenset({2})), OFFER),
        check(dataclasses.replace(NEED, conflicts=frozenset({2})), OFFER),
        check(NEED, dataclasses.replace(OFFER, avoided=frozenset({1}))),
        check(
            dataclasses.replace(NEED, avoided=frozenset({7})),
            dataclasses.replace(OFFER, organisation_ids=frozenset({7})),
        ),
        check(NEED, dataclasses.replace(OFFER, published=False)),
    ]
    assert all(case == cases[0] for case in cases)
    assert not passes(cases[0])


def test_a_full_month_fails_and_a_stale_capability_only_warns() -> None:
    assert not line("open", offer=dataclasses.replace(OFFER, capacity_left=0)).passed
    stale = line("open", offer=dataclasses.replace(OFFER, stale=True))
    assert (stale.passed, stale.detail) == (True, "可对接（超过期限未确认，请先核实）")


@given(st.sampled_from(TRADES), st.sampled_from(TRADES))
def test_a_tie_between_two_trades_holds_in_both_directions(one: str, other: str) -> None:
    assert (industry_tie(one, (other,)) is None) == (industry_tie(other, (one,)) is None)
