"""Which line of a record met a search: a sentence as it stands, never a summary.  Pure.

The words that search and record share come first, the rarer the better; among sentences that hold equally rare ones,
and where no word is shared, the nearest in meaning.  A title and a row of keywords repeat what the reader sees anyway,
so they are quoted only when they hold much more of the shared words than any sentence of the text does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kcz_match.matching.lexical import is_identifier, pairs, words
from kcz_match.matching.ranking import LexicalMatch
from kcz_match.matching.sentences import split

TITLE = "title"
TITLE_HOLDS = 3.0


@dataclass(frozen=True)
class Line:
    """One sentence, verbatim, and the compared field of the record that it stands in."""

    field: str
    text: str


@dataclass(frozen=True)
class _Weighed:
    line: Line
    held: float
    near: float


def shared(asked: Sequence[str], held: frozenset[str], rarity: Mapping[str, float]) -> LexicalMatch:
    """Return what a record that holds the words ``held`` shares with a search for the words ``asked``.

    The same figures as ``LexicalIndex.matches`` but for the score, which compares records and is of no use for one.
    """
    terms = sorted(((word, rarity[word]) for word in dict.fromkeys(asked) if word in held), key=lambda one: -one[1])
    whole = sum(rarity[word] for word in dict.fromkeys(asked)) or 1.0
    coverage = sum(weight for _, weight in terms) / whole
    return LexicalMatch(coverage, coverage, sum(weight for word, weight in terms if is_identifier(word)), tuple(terms))


def line_that_met(
    texts: Mapping[str, str],
    terms: Mapping[str, float],
    asked: str,
    nearness: Mapping[str, Sequence[float]] | None = None,
) -> Line | None:
    """Return the sentence of ``texts`` (compared field -> text) that answers a search best, None when there is none.

    ``terms`` are the shared words with their rarity.  ``nearness`` holds for a field how near each of its sentences is
    to the search; a field without gets the share of letter pairs that the sentence has in common with ``asked``.
    """
    weighed = list(_weighed(texts, terms, asked, nearness or {}))
    body = max((one for one in weighed if one.line.field != TITLE), key=_rank, default=None)
    head = max((one for one in weighed if one.line.field == TITLE), key=_rank, default=None)
    if body is None or (head is not None and head.held > TITLE_HOLDS * body.held):
        return head.line if head is not None else None
    return body.line


def _weighed(
    texts: Mapping[str, str], terms: Mapping[str, float], asked: str, nearness: Mapping[str, Sequence[float]]
) -> Iterator[_Weighed]:
    wanted = set(pairs(asked))
    for field, text in texts.items():
        sentences = split(text)
        known = nearness.get(field, ())
        for place, sentence in enumerate(sentences):
            held = sum(terms.get(word, 0.0) for word in set(words(sentence)))
            near = known[place] if len(known) == len(sentences) else _letters(wanted, sentence)
            yield _Weighed(Line(field, sentence), held, float(near))


def _rank(one: _Weighed) -> tuple[float, float]:
    return round(one.held, 6), one.near


def _letters(wanted: set[str], sentence: str) -> float:
    own = set(pairs(sentence))
    return len(wanted & own) / max(1, min(len(wanted), len(own)))
