"""Propose how to cut a need into sub-problems.  Pure.

Nothing is invented: every proposal is a verbatim slice of what the owner wrote.  An enumeration (1. 2. 3., 一是 二是,
circled digits, or dashes at line starts) is the owner's own cut and comes first; otherwise the sentences of the problem
are proposed, and where these are too few, those of the target that speak of something else: a target mostly tells how
the whole is accepted.  A need that says one thing only gets no proposal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kcz_match.catalogue import coach_words
from kcz_match.catalogue.fields import Indicator
from kcz_match.matching import sentences

FEWEST, MOST = 2, 6
SHORTEST, LONGEST = 6, 200
SPECIFIC = 8
SAME = 0.5
NAMED = 0.6
EDGES = " \t\u3000，,。；;：:、.．!！?？"

_CHINESE = "一二三四五六七八九十"
_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩"
_MARKS = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"(?:^|(?<=[\s。；;：:，,]))[（(]?(\d{1,2})(?:[）)、．]|\.(?![\d.]))",
        rf"([{_CIRCLED}])",
        rf"(?:^|(?<=[\s。；;：:，,]))[（(]?([{_CHINESE}])(?:[）)、]|是)",
        rf"(?:^|(?<=[\s。；;：:，,]))第([{_CHINESE}])(?:[，,、：:]|是)",
        rf"(?:^|(?<=[\s。；;：:，,]))其([{_CHINESE}])(?:[，,、：:]|是)?",
    )
)
_BULLET = re.compile(r"^[ \t]*[-–—•·●*][ \t]*(?=\S)", re.MULTILINE)


def propose(problem: str, target: str, rows: Sequence[Indicator] = ()) -> list[str]:
    """Return two to six sub-problems as verbatim slices of ``problem`` or ``target``, in their order; none when one.

    ``rows`` are the indicators: of too many sentences those are kept first that an indicator speaks of.
    """
    for text in (problem, target):
        if len(items := _items(text)) >= FEWEST:
            return _fewer(items, rows)
    found = _told(problem)
    if len(found) < FEWEST:
        found += [one for one in _told(target) if all(_likeness(one, other) < SAME for other in found)]
    return _fewer(found, rows) if len(found) >= FEWEST else []


def named_in(sentence: str, rows: Sequence[Indicator]) -> list[Indicator]:
    """Return the indicators that a sentence speaks of: their names, or most letter pairs of them, stand in it."""
    return [row for row in rows if _says(sentence, row.name)]


def _says(sentence: str, name: str) -> bool:
    plain, whole = re.sub(r"\s", "", name.lower()), re.sub(r"\s", "", sentence.lower())
    if not plain:
        return False
    pairs = _pairs(plain)
    return plain in whole or (len(plain) > 3 and len(pairs & _pairs(whole)) >= NAMED * len(pairs))


def _items(text: str) -> list[str]:
    """Return the items of the longest enumeration in ``text``, each as a slice without its mark."""
    found = [_between(text, marks) for marks in (*(_run(one, text) for one in _MARKS), _bullets(text))]
    return max(found, key=len)


def _run(pattern: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    """Return (start, end) of the marks of one style that count 1, 2, 3, …"""
    marks: list[tuple[int, int]] = []
    for match in pattern.finditer(text):
        if _number(match[1]) == len(marks) + 1:
            marks.append(match.span())
    return marks


def _bullets(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _BULLET.finditer(text)]


def _number(mark: str) -> int:
    return next((row.index(mark) + 1 for row in (_CHINESE, _CIRCLED) if mark in row), 0) or int(mark)


def _between(text: str, marks: Sequence[tuple[int, int]]) -> list[str]:
    """Return what stands between marks; the last item ends with its line, and none is longer than allowed."""
    ends = [start for start, _ in marks[1:]]
    if marks:
        line = text.find("\n", marks[-1][1])
        ends.append(len(text) if line < 0 else line)
    items = (_short(text[start:end]) for (_, start), end in zip(marks, ends, strict=True))
    return list(dict.fromkeys(item for item in items if len(item) >= SHORTEST))


def _short(text: str) -> str:
    """Return ``text`` without the punctuation round it, or its first sentence when it is too long for a part."""
    whole = text.strip(EDGES + "\n")
    if "\n" not in whole and len(whole) <= LONGEST:
        return whole
    return next((piece.strip(EDGES) for piece in sentences.split(whole, LONGEST)), "")


def _told(text: str) -> list[str]:
    pieces = (piece.strip(EDGES) for piece in sentences.split(text, LONGEST))
    return list(dict.fromkeys(piece for piece in pieces if _specifics(piece) >= SPECIFIC))


def _specifics(text: str) -> int:
    """Return how many characters say something once wishes and empty words are taken out."""
    return len(coach_words.STOP.sub("", coach_words.WISHES.sub("", text)))


def _fewer(found: Sequence[str], rows: Sequence[Indicator]) -> list[str]:
    """Keep at most ``MOST``, in order: those an indicator speaks of, then the longest."""
    kept = sorted(found, key=lambda one: (not named_in(one, rows), -len(one)))[:MOST]
    return [one for one in found if one in kept]


def _likeness(one: str, other: str) -> float:
    first, second = _pairs(one), _pairs(other)
    return len(first & second) / max(1, min(len(first), len(second)))


def _pairs(text: str) -> set[str]:
    letters = "".join(letter for letter in text.lower() if letter.isalnum())
    return {letters[place : place + 2] for place in range(len(letters) - 1)}
