"""Promises of the comparison of indicators with claims."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcz_match.catalogue.fields import Claim, Direction, Indicator
from kcz_match.catalogue.indicator_names import LIKE_ENOUGH, name_likeness
from kcz_match.catalogue.indicators import IndicatorResult, Verdict, compare, wanted, why_unverifiable

GE, LE, RANGE = Direction.AT_LEAST, Direction.AT_MOST, Direction.RANGE
MET, UNMET, NOT_STATED = Verdict.MET, Verdict.UNMET, Verdict.NOT_STATED


def judged(
    direction: Direction,
    target: str,
    unit: str,
    value: str,
    its_unit: str,
    name: str = "甲指标",
    present: str = "",
) -> Verdict:
    [result] = compare([Indicator(name, target, unit, direction, present)], [Claim(name, value, its_unit)])
    return result.verdict


@pytest.mark.parametrize(
    ("direction", "target", "unit", "value", "its_unit", "verdict"),
    [
        (LE, "0.1", "%", "0.06", "%", MET),
        (LE, "0.1", "%", "0.1", "%", MET),
        (LE, "0.1", "%", "0.5", "%", UNMET),
        (LE, "0.1", "%", "600", "ppm", MET),
        (LE, "0.1", "%", "2", "‰", UNMET),
        (LE, "8", "s", "0.1", "min", MET),
        (LE, "8", "s", "12 s/件", "", NOT_STATED),
        (GE, "8000", "h", "1", "年", MET),
        (GE, "8000", "h", "6000 h", "", UNMET),
        (GE, "8000", "h", "10000", "次", NOT_STATED),
        (GE, "60", "mg/mL", "65 g/L", "", MET),
        (GE, "5", "万次", "60000", "次", MET),
        (GE, "5万", "次", "3", "万次", UNMET),
        (LE, "30", "s", "由 90 s 降到 25 s", "", MET),
        (LE, "由90s降到30s", "", "28", "s", MET),
        (LE, "10", "ppt", "0.02", "ppb", UNMET),
        (LE, "≤10⁻⁶", "g/m²·d", "5×10⁻⁷ g/(m²·24h)", "", MET),
        (GE, "99.99", "%", "≥99.9%", "", UNMET),
        (GE, "99.9", "%", "≥99.99%", "", MET),
        (LE, "0.1", "%", "＜0.1%", "", MET),
        (LE, "<0.1", "%", "0.1", "%", UNMET),
        (LE, "<0.1", "%", "<0.1", "%", MET),
        (GE, "3", "MPa", "≤5 MPa", "", NOT_STATED),
        (GE, "3", "MPa", "≤2 MPa", "", UNMET),
        (LE, "8", "s", "6–10", "s", NOT_STATED),
        (LE, "8", "s", "6–8", "s", MET),
        (LE, "8", "s", "9–12", "s", UNMET),
        (LE, "±0.02", "mm", "±10 μm", "", MET),
        (LE, "0.02", "mm", "±0.05", "mm", UNMET),
        (LE, "±0.02", "mm", "0.01", "mm", MET),
        (LE, "8", "s", "约 8", "s", NOT_STATED),
        (LE, "8", "s", "约 5", "s", MET),
        (LE, "60", "dB(A)", "55", "dB", NOT_STATED),
        (LE, "8", "s", "6", "", NOT_STATED),
        (LE, "8", "", "6", "s", NOT_STATED),
        (LE, "8", "s", "国内领先", "", NOT_STATED),
        (LE, "领先", "", "6", "s", NOT_STATED),
        (GE, "≤8", "s", "6", "s", NOT_STATED),
        (LE, "45", "℃", "318", "K", MET),
    ],
)
def test_a_claim_of_the_same_name_is_judged(
    direction: Direction,
    target: str,
    unit: str,
    value: str,
    its_unit: str,
    verdict: Verdict,
) -> None:
    assert judged(direction, target, unit, value, its_unit) == verdict


@pytest.mark.parametrize(
    ("direction", "target", "unit", "value", "its_unit", "verdict"),
    [
        (GE, "95", "%", "0.97", "", MET),
        (GE, "95", "%", "0.93", "", UNMET),
        (GE, "95", "%", "97", "", MET),
        (LE, "0.1", "%", "0.06", "", NOT_STATED),
        (LE, "2", "%", "0.5", "", NOT_STATED),
        (GE, "0.95", "", "96", "%", MET),
        (LE, "5", "%", "0.0001", "", MET),
    ],
)
def test_a_share_without_its_sign_is_judged_only_when_both_readings_agree_or_one_is_absurd(
    direction: Direction,
    target: str,
    unit: str,
    value: str,
    its_unit: str,
    verdict: Verdict,
) -> None:
    assert judged(direction, target, unit, value, its_unit) == verdict


@pytest.mark.parametrize(
    ("target", "unit", "present", "value", "its_unit", "verdict"),
    [
        ("降低50%", "", "", "降低 60%", "", MET),
        ("降低50%", "", "", "降低 30%", "", UNMET),
        ("降低50%", "", "", "提升 60%", "", NOT_STATED),
        ("降低50%", "", "", "12 mg/kg", "", NOT_STATED),
        ("降低50%", "", "24 mg/kg", "11 mg/kg", "", MET),
        ("降低50%", "", "24 mg/kg", "13 mg/kg", "", UNMET),
        ("降低50%", "", "", "由 20 降到 8 mg/kg", "", MET),
        ("提升5%", "", "", "提高 6%", "", MET),
        ("提升5%", "", "", "提高 5 个百分点", "", NOT_STATED),
        ("12", "mg/kg", "24 mg/kg", "降低 60%", "", NOT_STATED),
    ],
)
def test_changes_are_compared_with_changes_or_with_the_needs_own_present_value(
    target: str,
    unit: str,
    present: str,
    value: str,
    its_unit: str,
    verdict: Verdict,
) -> None:
    assert judged(LE, target, unit, value, its_unit, present=present) == verdict


@pytest.mark.parametrize(
    ("name", "target", "value", "verdict"),
    [
        ("pH", "6–9", "7.2", MET),
        ("pH", "6–9", "10", UNMET),
        ("pH", "6–9", "8–10", NOT_STATED),
        ("pH", "6–9", "7–8", MET),
        ("工作温度", "-40–85 ℃", "-40–125 ℃", MET),
        ("工作温度", "-40–85 ℃", "-20–125 ℃", UNMET),
        ("工作温度", "-40–85 ℃", "25 ℃", NOT_STATED),
        ("压力", "3–5 MPa", "4 MPa", MET),
        ("压力", "3–5 MPa", "≥4 MPa", NOT_STATED),
        ("压力", "3 MPa", "4 MPa", NOT_STATED),
    ],
)
def test_a_working_range_must_be_covered_and_any_other_value_must_lie_inside(
    name: str,
    target: str,
    value: str,
    verdict: Verdict,
) -> None:
    assert judged(RANGE, target, "", value, "", name=name) == verdict


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("漏检率", "漏检"),
        ("寿命", "使用寿命"),
        ("节拍", "检测节拍"),
        ("节拍", "单件检测时间"),
        ("漏检率", "缺陷漏检率"),
        ("WVTR", "水蒸气透过率"),
        ("金属杂质", "金属杂质含量"),
        ("复溶时间", "冻干制剂复溶时间"),
        ("导热系数", "热导率"),
        ("动态载量", "载量"),
        ("漏检率（气孔）", "漏检率"),
        ("识别准确率", "准确率"),
        ("提取总收率", "提取收率"),
        ("30 天好果率", "荔枝30天好果率"),
        ("打磨合格率", "合格率"),
    ],
)
def test_names_of_one_measure_are_paired(one: str, other: str) -> None:
    assert name_likeness(one, other) == name_likeness(other, one) >= LIKE_ENOUGH


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("漏检率", "误检率"),
        ("充电时间", "放电时间"),
        ("定位精度", "重复定位精度"),
        ("拉伸强度", "弯曲强度"),
        ("强度", "剥离强度"),
        ("升温速率", "降温速率"),
        ("进水浓度", "出水浓度"),
        ("最高温度", "最低温度"),
        ("准确率", "召回率"),
        ("时间", "复溶时间"),
        ("寿命", "成本"),
        ("高温寿命", "低温寿命"),
        ("横向收缩率", "纵向收缩率"),
        ("", "寿命"),
        ("定位精度", "定位时间"),
        ("30 天好果率", "60 天好果率"),
        ("好果率", "30 天好果率"),
        ("皮料利用率", "面料利用率"),
        ("最长复溶时间", "平均复溶时间"),
        ("处理时间", "单页处理时间"),
        ("预热温度", "预热温度波动"),
        ("催化剂循环次数", "启停循环次数"),
        ("容量估计误差", "张力估计误差"),
        ("阻燃等级（1.6 mm）", "阻燃等级（3.2 mm）"),
        ("寿命", "寿命评估不确定度"),
    ],
)
def test_names_of_different_measures_are_kept_apart(one: str, other: str) -> None:
    assert name_likeness(one, other) < LIKE_ENOUGH


def test_the_best_named_claim_of_the_right_dimension_is_used() -> None:
    claims = [Claim("寿命", "6000", "次"), Claim("使用寿命", "9000", "h"), Claim("成本", "3", "万元")]
    [result] = compare([Indicator("寿命", "8000", "h")], claims)
    assert result == IndicatorResult(Indicator("寿命", "8000", "h"), MET, claims[1], "能力方写明 9000 h，要求 ≥8000 h")


def test_claims_that_contradict_each_other_are_not_stated_unless_dated() -> None:
    indicator = Indicator("漏检率", "0.1", "%", LE)
    both = [Claim("漏检率", "0.06", "%"), Claim("漏检率", "0.5", "%")]
    assert compare([indicator], both)[0].verdict == NOT_STATED
    dated = [Claim("漏检率", "0.06", "%", dated_on="2026-03-01"), Claim("漏检率", "0.5", "%", dated_on="2025-01-01")]
    assert compare([indicator], dated)[0].claim == dated[0]


def test_reasons_say_what_is_missing() -> None:
    indicators = [Indicator("漏检率", "0.1", "%", LE), Indicator("节拍", "8", "s", LE), Indicator("寿命", "5", "年")]
    claims = [Claim("漏检率", "0.5", "%"), Claim("节拍", "快"), Claim("良率", "99", "%")]
    assert [(result.label, result.reason) for result in compare(indicators, claims)] == [
        ("未满足", "能力方写明 0.5 %，达不到 ≤0.1 %"),
        ("未说明", "能力方写的“快”读不出唯一的数值"),
        ("未说明", "能力方没有写这项指标"),
    ]


def test_equal_grades_are_left_to_people() -> None:
    [result] = compare([Indicator("阻燃等级", "V-0")], [Claim("阻燃等级", "V-0")])
    assert (result.verdict, result.reason) == (NOT_STATED, "双方都写“V-0”，不是数值，请人工核对")


def test_a_near_miss_is_named_but_not_used() -> None:
    [result] = compare([Indicator("30 天好果率", "90", "%")], [Claim("60 天好果率", "94", "%")])
    assert (result.verdict, result.claim) == (NOT_STATED, None)
    assert result.reason == "能力方没有写这项指标（只写了相近的“60 天好果率”，条件或对象不同）"


def test_reasons_keep_the_units_people_typed_and_show_how_a_change_was_reckoned() -> None:
    [one] = compare([Indicator("样本量", "50", "张", LE)], [Claim("样本量", "35", "张")])
    assert one.reason == "能力方写明 35 张，要求 ≤50 张"
    [two] = compare([Indicator("释放量", "降低50%", present="24 mg/kg")], [Claim("释放量", "11", "mg/kg")])
    assert two.reason == "能力方写明 11 mg/kg，要求 降低50%（由 24 mg/kg 算得 ≤12 mg/kg）"


def test_an_indicator_that_contradicts_itself_is_reported() -> None:
    assert why_unverifiable(Indicator("漏检率", "≤0.1", "%", GE)) == "指标方向选了“≥”，目标却写成“≤0.1”，请需求方核对"
    assert why_unverifiable(Indicator("漏检率", "0.1", "%", LE)) == ""
    assert wanted(Indicator("漏检率", "领先")) is None


indicator_rows = st.builds(
    Indicator,
    st.sampled_from(["漏检率", "寿命", "节拍", "工作温度"]),
    st.text("0123.≤-~%由到降 ", max_size=8),
    st.sampled_from(["%", "h", "", "万次", "℃", "怪"]),
    st.sampled_from(list(Direction)),
    st.text("0123% ", max_size=4),
)
claim_rows = st.builds(
    Claim,
    st.sampled_from(["漏检", "使用寿命", "检测节拍", "温度"]),
    st.text("0123.≥-~%约升降 ", max_size=8),
    st.sampled_from(["%", "min", "", "次", "K"]),
)


@settings(deadline=None)  # the first call loads the unit registry
@given(st.lists(indicator_rows, max_size=4), st.lists(claim_rows, max_size=4))
def test_any_rows_give_one_reasoned_result_each_from_the_claims_given(
    rows: list[Indicator],
    claims: list[Claim],
) -> None:
    results = compare(rows, claims)
    assert [result.indicator for result in results] == rows
    assert all(result.reason for result in results)
    assert all(result.claim in claims for result in results if result.verdict is not NOT_STATED)
