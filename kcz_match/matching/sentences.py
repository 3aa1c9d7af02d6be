"""Cut Chinese text into sentences that can be quoted: every sentence is a verbatim slice of the text.  Pure."""

from __future__ import annotations

from collections.abc import Iterator

ENDS = "。！？!?；;\n\r…"
CLOSERS = "”’\"'）)】]》〉」』"
SOFT_ENDS = "，,、：:"
LONGEST = 120
SHORTEST = 6


def spans(text: str, longest: int = LONGEST) -> list[tuple[int, int]]:
    """Return (start, end) of each sentence, in order, without surrounding spaces; empty ones are left out.

    A sentence ends after 。！？；… or a line end, with closing quotes kept, or after a full stop that no digit or
    letter follows.  Longer ones than ``longest`` are cut after the last comma that fits, or hard.  A piece shorter than
    ``SHORTEST`` characters joins the one before it on the same line.
    """
    found: list[tuple[int, int]] = []
    for start, end in _whole(text):
        found.extend(_cut(text, start, end, longest))
    return _joined(text, found, longest)


def split(text: str, longest: int = LONGEST) -> list[str]:
    """Return the sentences of ``text`` as verbatim slices; see ``spans``."""
    return [text[start:end] for start, end in spans(text, longest)]


def _ends_here(text: str, place: int) -> bool:
    if text[place] in ENDS:
        return True
    after = text[place + 1 : place + 2]
    return text[place] == "." and not (after.isascii() and after.isalnum()) and after != "."


def _whole(text: str) -> Iterator[tuple[int, int]]:
    start = place = 0
    while place < len(text):
        if not _ends_here(text, place):
            place += 1
            continue
        place += 1
        while place < len(text) and text[place] in ENDS + CLOSERS and text[place] not in "\n\r":
            place += 1
        yield from _trimmed(text, start, place)
        start = place
    yield from _trimmed(text, start, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        yield start, end


def _cut(text: str, start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    while end - start > longest:
        fitting = [place + 1 for place in range(start + longest // 3, start + longest) if text[place] in SOFT_ENDS]
        middle = fitting[-1] if fitting else start + longest
        yield from _trimmed(text, start, middle)
        start = middle
    yield from _trimmed(text, start, end)


def _joined(text: str, found: list[tuple[int, int]], longest: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in found:
        near = bool(joined) and "\n" not in text[joined[-1][1] : start] and "\r" not in text[joined[-1][1] : start]
        if near and end - start < SHORTEST and end - joined[-1][0] <= longest:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
