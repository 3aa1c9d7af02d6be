"""Promises of the quantity parser: a table of real-looking phrases, and no text that breaks it."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcz_match.catalogue.quantities import Comparator, Quantity, convert, parse

TABLE = Path(__file__).parents[1] / "data" / "quantities.tsv"
Row = tuple[str, str, Quantity | None]


def rows() -> list[Row]:
    """Return (phrase, column unit, what it means) of every line of the table."""
    read: list[Row] = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        phrase, column, comparator, low, high, unit, change = (line.split("\t") + [""] * 7)[:7]
        ends = [float(end) if end else None for end in (low, high)]
        meant = None if comparator == "none" else Quantity(Comparator(comparator), ends[0], ends[1], unit, change)
        read.append((phrase, column, meant))
    return read


def alike(found: Quantity | None, meant: Quantity | None) -> bool:
    """Return whether two readings agree: comparator, ends up to rounding, unit and direction of change."""
    if found is None or meant is None:
        return found is meant
    same = (found.comparator, found.unit, found.change) == (meant.comparator, meant.unit, meant.change)
    return same and all(
        one is other if one is None or other is None else math.isclose(one, other, rel_tol=1e-6)
        for one, other in ((found.low, meant.low), (found.high, meant.high))
    )


def test_at_least_99_percent_of_the_table_is_read_right() -> None:
    wrong = [
        (phrase, parse(phrase, column), meant)
        for phrase, column, meant in rows()
        if not alike(parse(phrase, column), meant)
    ]
    assert len(rows()) >= 150
    assert len(wrong) <= 0.01 * len(rows()), wrong


@settings(deadline=None)  # the first call loads the unit registry
@given(st.text(max_size=40))
def test_no_text_raises(text: str) -> None:
    assert parse(text) is None or isinstance(parse(text), Quantity)


WORDS = (*"019.-~±≤由万半一%℃/()^×e每且:,→", "降到", "提升", "个月", "mm", "10", "分之", "以下", "m²")


@settings(deadline=None)  # the first call loads the unit registry
@given(st.lists(st.sampled_from(WORDS)).map("".join), st.sampled_from(["", "%", "万次", "℃", "没有这个单位", "g/m²·d"]))
def test_no_heap_of_number_words_raises_and_ends_are_in_order(text: str, column: str) -> None:
    found = parse(text, column)
    if found is not None and found.low is not None and found.high is not None:
        assert found.low <= found.high
    assert found is None or not (found.low is None and found.high is None)


@settings(deadline=None)  # the first call loads the unit registry
@given(
    st.integers(1, 9999999).map(lambda value: value / 1000), st.sampled_from(["mm", "%", "MPa", "次", "h", "g/(m²·d)"])
)
def test_a_quantity_written_out_is_read_back(value: float, unit: str) -> None:
    assert alike(parse(f"≥{value} {unit}"), Quantity(Comparator.GE, value, None, unit))
    assert alike(parse(f"≤{value} {unit}"), Quantity(Comparator.LE, None, value, unit))
    assert alike(parse(f"{value} {unit}"), Quantity(Comparator.EQ, value, value, unit))


@pytest.mark.parametrize(
    ("phrase", "unit", "low", "high"),
    [
        ("≤0.1%", "ppm", None, 1000),
        ("≥60 g/L", "mg/mL", 60, None),
        ("20–30 min", "s", 1200, 1800),
        ("25 ℃", "K", 298.15, 298.15),
        ("±5 ℃", "K", -5, 5),
        ("212 ℉", "℃", 100, 100),
        ("60 个月", "年", 5, 5),
        ("10 万元", "万元", 10, 10),
        ("50 万次", "次", 500000, 500000),
        ("0.95", "%", 95, 95),
        ("1 MPa", "bar", 10, 10),
        ("3000 r/min", "r/s", 50, 50),
        ("120 g/㎡", "kg/m²", 0.12, 0.12),
        ("0.2 W/(m·℃)", "W/m·K", 0.2, 0.2),
        ("2 倍", "%", 200, 200),
        ("15 kW·h/t", "MJ/kg", 0.054, 0.054),
        ("2 万吨/年", "t/a", 20000, 20000),
    ],
)
def test_units_are_converted(phrase: str, unit: str, low: float | None, high: float | None) -> None:
    quantity = parse(phrase)
    assert quantity is not None
    turned = convert(quantity, unit)
    assert turned is not None
    for found, wanted in ((turned.low, low), (turned.high, high)):
        assert (found is None) == (wanted is None)
        assert found is None or wanted is None or math.isclose(found, wanted, rel_tol=1e-9)


@pytest.mark.parametrize(
    ("phrase", "unit"),
    [
        ("5 次", "件"),
        ("5 Hz", "rpm"),
        ("60 dB", "dB(A)"),
        ("60 dB", ""),
        ("5 个百分点", "%"),
        ("5 ppm", "mg/L"),
        ("60 HRC", "HV"),
        ("5 mm", "mm²"),
        ("5 元", "美元"),
        ("5 工作日", "天"),
        ("5 %", "没有这个单位"),
    ],
)
def test_what_would_be_a_guess_is_not_converted(phrase: str, unit: str) -> None:
    quantity = parse(phrase)
    assert quantity is not None
    assert convert(quantity, unit) is None


@pytest.mark.parametrize(
    ("phrase", "start"),
    [
        ("由90s降到30s", 90),
        ("从 60% 提高到 85%以上", 60),
        ("90s→30s", 90),
        ("≤30 s", None),
    ],
)
def test_a_from_to_phrase_keeps_where_it_starts(phrase: str, start: float | None) -> None:
    found = parse(phrase)
    assert found is not None
    assert found.start == start


def test_about_is_remembered_and_a_column_unit_out_of_the_table_is_kept() -> None:
    about = parse("约 5%")
    assert about is not None
    assert about.approximate
    assert parse("≥5", "级台") == Quantity(Comparator.GE, 5, None, "级台")


def test_a_quantity_reads_back_as_a_phrase() -> None:
    phrases = (
        "≤0.1 %",
        "≥1,000,000 次",
        "≤10⁻⁶ Pa",
        "2.5×10⁻⁶ Pa",
        "123.456 mm",
        "3–5 MPa",
        "±0.02 mm",
        "提高 5 %",
        "约 5 %",
        "降低 ≥20 %",
    )
    assert [quantity.text() for phrase in phrases if (quantity := parse(phrase))] == list(phrases)


def test_a_very_long_text_is_not_a_quantity() -> None:
    assert parse("5 mm " * 100) is None
