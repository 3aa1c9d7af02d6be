"""The one text that stands for a record: its compared fields, a line each, with an unprintable mark behind every field.

The marks tell field from field where only the text is at hand (a vector row is found again by its text); typed text
cannot hold them (``core.text.clean``), and no model ever reads them.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

FIELDS = ("title", "problem", "target")
MARKS = {"title": "\x1c", "problem": "\x1d", "target": "\x1e"}
NO_MARKS = str.maketrans("", "", "".join(MARKS.values()))


def whole_text(texts: Mapping[str, str]) -> str:
    """Return the non-empty compared fields in fixed order, one a line and each marked; '' when there is none."""
    plain = {name: texts.get(name, "").translate(NO_MARKS).strip() for name in FIELDS}
    return "\n".join(plain[name] + MARKS[name] for name in FIELDS if plain[name])


def plain_text(whole: str) -> str:
    """Return the text as a model reads it: without the marks."""
    return whole.translate(NO_MARKS)


def pieces(whole: str) -> list[tuple[str, str]]:
    """Return (field, its text) in order; text without a mark counts as the problem."""
    found = []
    rest = whole
    for name in FIELDS:
        before, mark, after = rest.partition(MARKS[name])
        if mark:
            found.append((name, before.strip()))
            rest = after.lstrip("\n")
    return found + ([("problem", rest.strip())] if rest.strip() else [])
