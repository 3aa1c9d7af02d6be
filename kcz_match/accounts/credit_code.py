"""The unified social credit code (GB 32100-2015): is it well formed, and if not, where exactly.

Eighteen characters: department, kind, six digits of the registering district, nine of the subject, one check
character.  The alphabet leaves out I, O, Z, S and V; the check is a weighted sum modulo 31.  Pure.
"""

from __future__ import annotations

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
LENGTH = 18
_WEIGHTS = tuple(pow(3, place, 31) for place in range(LENGTH - 1))


def normal_form(text: str) -> str:
    """Return ``text`` in capitals without spaces and hyphens: the form that is stored."""
    return "".join(text.split()).replace("-", "").upper()


def check_digit(first17: str) -> str:
    """Return the check character of the first seventeen characters.

    Raises ValueError when there are not seventeen characters of the standard's alphabet.
    """
    if len(first17) != LENGTH - 1 or any(letter not in ALPHABET for letter in first17):
        raise ValueError("seventeen characters of the credit code alphabet are needed")
    total = sum(weight * ALPHABET.index(letter) for weight, letter in zip(_WEIGHTS, first17, strict=True))
    return ALPHABET[-total % 31]


def why_invalid(text: str) -> str | None:
    """Return one Chinese sentence that says what to correct in ``text``, or None when the code is right."""
    code = normal_form(text)
    if not code:
        return "请填写统一社会信用代码（18 位）"
    if len(code) != LENGTH:
        return f"统一社会信用代码应为 18 位，现在是 {len(code)} 位"
    for place, letter in enumerate(code, start=1):
        if letter not in ALPHABET:
            return f"第 {place} 位“{letter}”不是代码用字（只用数字和除 I、O、Z、S、V 外的大写字母），请核对"
    if not code[2:8].isdigit():
        return "第 3 至 8 位是登记机关行政区划码，应全为数字，请核对"
    expected = check_digit(code[:-1])
    if code[-1] != expected:
        return f"第 18 位校验码应为 {expected}，请核对"
    return None


def is_valid_credit_code(text: str) -> bool:
    """Return whether ``text``, spaces and letter case aside, is a well-formed code with the right check character."""
    return why_invalid(text) is None
