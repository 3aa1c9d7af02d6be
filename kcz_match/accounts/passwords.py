"""Passwords: argon2id, and a plain word on what makes one weak."""

from __future__ import annotations

import functools
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 10, 128
CLASSES_NEEDED = 3
COMMON = ("password", "admin", "qwerty", "abc123", "123456", "iloveyou", "kczmatch", "woaini", "guangzhou", "a1b2c3")
AT_ONCE = threading.BoundedSemaphore(2)

_state = {"hasher": PasswordHasher()}


def set_memory(kib: int) -> None:
    """Let a hash take so many KiB of memory; called once when the application is made."""
    if _state["hasher"].memory_cost != kib:
        _state["hasher"] = PasswordHasher(memory_cost=kib)
        _hash_of_nobody.cache_clear()


@functools.cache
def _hash_of_nobody() -> str:
    return _state["hasher"].hash("nobody has this password")


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password, taken as typed after NFC; at most two are computed at once."""
    with AT_ONCE:
        return _state["hasher"].hash(unicodedata.normalize("NFC", password))


def is_right(stored: str, password: str) -> bool:
    """Say whether ``password`` has the hash ``stored``; an empty ``stored`` costs the same time and is False."""
    with AT_ONCE:
        try:
            _state["hasher"].verify(stored or _hash_of_nobody(), unicodedata.normalize("NFC", password))
        except (VerificationError, InvalidHashError):
            return False
    return bool(stored)


def why_weak(password: str, *known: str) -> str | None:
    """Return what is wrong with a new password and what to do, or None.

    Asks for ten characters of three classes (lower case, upper case, digits, Chinese characters, others), as
    等级保护三级 does, and refuses common words and pieces of ``known`` names.  A phrase of 20 or more characters needs
    no classes.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        return (
            f"密码要 {SHORTEST}–{LONGEST} 个字符，现在是 {len(password)} 个。"
            "一句话更好记，例如“早茶两件 一壶普洱 7 点”。"
        )
    folded = password.lower()
    if any(word in folded for word in COMMON):
        return "密码里有太常见的词，容易被猜到。请换一个。"
    if any(len(piece) >= 4 and piece.lower() in folded for name in known for piece in (name, name.split("@")[0])):
        return "密码里有您的邮箱、姓名或单位名，容易被猜到。请换一个。"
    kinds = {_class_of(character) for character in password}
    if len(password) < 20 and len(kinds) < CLASSES_NEEDED:
        return "密码要有大写字母、小写字母、数字、汉字、符号（空格也算）中的三类，或者写到 20 个字符以上。"
    return None


def _class_of(character: str) -> str:
    if character.isascii() and character.isalpha():
        return "upper" if character.isupper() else "lower"
    if character.isdigit():
        return "digit"
    return "letter" if character.isalpha() else "other"
