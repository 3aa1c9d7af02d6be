"""Promises of the credit code check."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcz_match.accounts.credit_code import ALPHABET, check_digit, is_valid_credit_code, normal_form, why_invalid

digits = st.text("0123456789", min_size=6, max_size=6)
seventeen = st.builds(
    lambda head, district, rest: head + district + rest,
    st.text(ALPHABET, min_size=2, max_size=2),
    digits,
    st.text(ALPHABET, min_size=9, max_size=9),
)


def test_the_worked_example_of_the_standard_gets_its_check_digit() -> None:
    assert check_digit("91350100M000100Y4") == "3"


def test_a_right_code_is_accepted_whatever_its_spacing_and_case() -> None:
    assert is_valid_credit_code("91350100M000100Y43")
    assert is_valid_credit_code(" 91350100 m000100y43 ")
    assert normal_form(" 91350100-m000100y43 ") == "91350100M000100Y43"


@given(seventeen)
def test_every_code_completed_with_its_check_digit_is_valid(first: str) -> None:
    assert why_invalid(first + check_digit(first)) is None


@given(seventeen, st.integers(0, 16), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_always_noticed(first: str, place: int, letter: str) -> None:
    code = first + check_digit(first)
    wrong = code[:place] + letter + code[place + 1 :]
    assert is_valid_credit_code(wrong) == (wrong == code)


@given(seventeen, st.integers(0, 15))
def test_two_neighbours_swapped_are_noticed(first: str, place: int) -> None:
    code = first + check_digit(first)
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert is_valid_credit_code(swapped) == (swapped == code)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("91350100M000100Y44", "第 18 位校验码应为 3，请核对"),
        ("", "请填写统一社会信用代码（18 位）"),
        ("9135", "统一社会信用代码应为 18 位，现在是 4 位"),
        ("91350100M000I00Y43", "第 13 位“I”不是代码用字（只用数字和除 I、O、Z、S、V 外的大写字母），请核对"),
        ("91A50100M000100Y43", "第 3 至 8 位是登记机关行政区划码，应全为数字，请核对"),
    ],
)
def test_the_sentence_says_what_to_correct(text: str, sentence: str) -> None:
    assert why_invalid(text) == sentence


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert is_valid_credit_code(text) == (why_invalid(text) is None)


@pytest.mark.parametrize("text", ["", "123", "9135010OM000100Y4"])
def test_a_check_digit_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="seventeen"):
        check_digit(text)
