"""Passwords: strong enough, kept as argon2id, and told apart in the same time whether the account exists or not."""

from __future__ import annotations

import pytest
from argon2 import extract_parameters

from kcz_match.accounts import passwords
from kcz_match.accounts.passwords import hash_password, is_right, why_weak

GOOD = "早茶两件 一壶普洱 7 点"


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("Ab1!xyz", "10–128 个字符，现在是 7 个"),
        ("Ab1" * 43, "现在是 129 个"),
        ("Password2026!", "太常见"),
        ("Admin20267788", "太常见"),
        ("zhangwei-2026A", "您的邮箱、姓名或单位名"),
        ("示例科技有限公司 2026A", "您的邮箱、姓名或单位名"),
        ("abcdefghij", "三类"),
        ("abcdefgh12", "三类"),
    ],
)
def test_a_weak_password_is_refused_with_what_to_do(password, why):
    assert why in (why_weak(password, "zhangwei@example.org", "示例科技有限公司") or "")


@pytest.mark.parametrize(
    "password", [GOOD, "Ab3 defghij", "twenty letters are enough here", "早茶🍵两件，一壶普洱 Seven", "Xy7-" * 16]
)
def test_a_phrase_or_three_kinds_of_characters_are_enough(password):
    assert why_weak(password, "li@example.org", "李", "示例科技有限公司") is None


def test_what_was_typed_is_what_counts_and_only_argon2id_is_kept():
    kept = hash_password("早茶🍵 Café 2026")
    assert kept.startswith("$argon2id$")
    assert is_right(kept, "早茶🍵 Café 2026")
    assert is_right(kept, "早茶🍵 Café 2026")
    assert not is_right(kept, "早茶🍵 Cafe 2026")
    assert not is_right(kept, "早茶🍵 Café 2026 ")


def test_an_account_without_a_password_lets_nobody_in_and_costs_as_much_to_say_so(monkeypatch):
    real, checked = passwords._state["hasher"], []

    class Counting:
        def verify(self, stored, password):
            checked.append(stored)
            return real.verify(stored, password)

        def hash(self, password):
            return real.hash(password)

    kept = hash_password(GOOD)
    monkeypatch.setitem(passwords._state, "hasher", Counting())
    assert not is_right("", "falsch 2026 ABC")
    assert not is_right(kept, "falsch 2026 ABC")
    assert [extract_parameters(stored) for stored in checked] == [extract_parameters(kept)] * 2


def test_a_broken_hash_lets_nobody_in():
    assert not is_right("not a hash", GOOD)
