"""Why two records were put side by side: quoted sentence pairs, shared terms, filters, indicators, a reason against.

Extractive and pure: every quote is a slice of a text the caller says *this viewer may read*; nothing is composed about
the content.  Cosines of the encoder sit in a narrow band, so people get a word (``Cell``), never the number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kcz_match.catalogue.indicators import IndicatorResult, Verdict
from kcz_match.catalogue.terms import word
from kcz_match.matching.filters import FilterResult
from kcz_match.matching.sentences import split

Vectors = NDArray[np.float32]

CLOSE, NEAR, FAINT, SILENT = "很接近", "接近", "略有关联", "一方未写"
MOST_TERMS = 12
RARE_IDF = 5.0
FEW_TERMS = 3
FRESH_DAYS = 180
_ORDER = (CLOSE, NEAR, FAINT, SILENT)
_TERM_WEIGHT = 0.02


@dataclass(frozen=True)
class Cell:
    """One line of the field grid: its label and which text of the need stands against which of the capability.

    ``close`` and ``near`` are the cosines from which the best sentence pair is called 很接近 or 接近.
    """

    label: str
    need: str
    capability: str
    close: float = 0.94
    near: float = 0.925


# Set for the default encoder by `scripts/calibrate_bands.py`: one in a hundred best pairs of unrelated records is as
# close as ``close``, about one in six as ``near``.  Rows of indicators are short and look alike: figures of their own.
GRID = (
    Cell("问题↔方法", "problem", "problem", 0.93, 0.916),
    Cell("目标↔指标", "target", "target", 0.958, 0.94),
    Cell("名称↔名称", "title", "title", 0.93, 0.914),
)
_NEED_LABELS = {"problem": "问题", "target": "目标", "title": "名称"}
_CAPABILITY_LABELS = {"problem": "方法", "target": "指标", "title": "名称"}


@dataclass(frozen=True)
class Side:
    """One record as this viewer may read it: field key -> text, and optionally field key -> sentence vectors.

    Vectors are unit rows, one for each sentence of ``sentences.split(text)``.  A field whose rows do not fit its
    sentences is compared by words, as if it had no vectors.
    """

    texts: Mapping[str, str]
    vectors: Mapping[str, Vectors] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """What the reason against may draw on; ``limits`` only if the viewer may read it.

    ``confirmed_days`` is the age of the last confirmation in days, None when there has been none.
    """

    limits: str = ""
    trl: int | None = None
    min_trl: int | None = None
    confirmed_days: int | None = None
    stale: bool = False


@dataclass(frozen=True)
class QuotedPair:
    """Two sentences, each verbatim from its record, the grid label they stand for and how close they are, in a word."""

    label: str
    need_quote: str
    capability_quote: str
    strength: str
    terms: tuple[str, ...] = ()


@dataclass(frozen=True)
class SharedTerm:
    """A term both records use; ``rare`` when few other records do."""

    term: str
    idf: float
    rare: bool


@dataclass(frozen=True)
class GridLine:
    """One field comparison in a word; 一方未写 when one side has no text there that the viewer may read."""

    label: str
    strength: str


@dataclass(frozen=True)
class Explanation:
    """Everything the match page shows under 为什么, strongest pair first; ``against_code`` names the kind of reason."""

    pairs: tuple[QuotedPair, ...]
    shared_terms: tuple[SharedTerm, ...]
    filters: tuple[FilterResult, ...]
    indicators: tuple[IndicatorResult, ...]
    against: str
    against_code: str
    grid: tuple[GridLine, ...]


@dataclass(frozen=True)
class _Found:
    """A pair with the figure it is sorted by; the figure stays inside."""

    pair: QuotedPair
    value: float


def _grams(text: str) -> set[str]:
    letters = "".join(letter for letter in text.lower() if letter.isalnum())
    return {letters[place : place + 2] for place in range(len(letters) - 1)} or set(letters)


def _term_matrix(left: Sequence[str], right: Sequence[str], terms: Mapping[str, float]) -> NDArray[np.float64]:
    """Return (len(left), len(right)): the summed rarity of the terms that both sentences of a pair contain."""
    lower = [term.lower() for term in terms]
    marks = [
        np.array([[term in sentence.lower() for term in lower] for sentence in side], dtype=float).reshape(
            len(side), len(lower)
        )
        for side in (left, right)
    ]
    weighed: NDArray[np.float64] = (marks[0] * np.array(list(terms.values()), dtype=float)) @ marks[1].T
    return weighed


def _letter_matrix(left: Sequence[str], right: Sequence[str]) -> NDArray[np.float64]:
    """Return (len(left), len(right)): the share of letter pairs two sentences have in common, 0 to 1."""
    rows, columns = [_grams(sentence) for sentence in left], [_grams(sentence) for sentence in right]
    return np.array([[len(one & two) / max(1, min(len(one), len(two))) for two in columns] for one in rows])


def _shared_in(one: str, other: str, terms: Mapping[str, float]) -> tuple[str, ...]:
    first, second = one.lower(), other.lower()
    return tuple(term for term in terms if term.lower() in first and term.lower() in second)


def _fitting(vectors: Vectors | None, sentences: Sequence[str]) -> Vectors | None:
    return vectors if vectors is not None and vectors.ndim == 2 and len(vectors) == len(sentences) else None


def _best(cell: Cell, need: Side, offer: Side, terms: Mapping[str, float]) -> _Found | None:
    """Return the sentence pair of one grid cell that carried most, or None when one side is silent there."""
    left, right = split(need.texts.get(cell.need, "")), split(offer.texts.get(cell.capability, ""))
    if not left or not right:
        return None
    rows = _fitting(need.vectors.get(cell.need), left)
    columns = _fitting(offer.vectors.get(cell.capability), right)
    words = _term_matrix(left, right, terms)
    if rows is None or columns is None or rows.shape[1] != columns.shape[1]:
        matrix, cosines = words + _letter_matrix(left, right), None
    else:
        cosines = rows @ columns.T
        matrix = cosines + _TERM_WEIGHT * words / max(1.0, float(words.max()))
    row, column = divmod(int(np.argmax(matrix)), len(right))
    shared = _shared_in(left[row], right[column], terms)
    if cosines is None:
        strength = NEAR if len(shared) >= 2 else FAINT
    else:
        cosine = float(cosines[row, column])
        strength = CLOSE if cosine >= cell.close else NEAR if cosine >= cell.near else FAINT
    return _Found(QuotedPair(cell.label, left[row], right[column], strength, shared), float(matrix[row, column]))


def _any_pair(need: Side, offer: Side, terms: Mapping[str, float]) -> _Found | None:
    """Return the best pair over all field combinations: for viewers who may read little of either record."""
    cells = [
        Cell(f"{_NEED_LABELS.get(left, left)}↔{_CAPABILITY_LABELS.get(right, right)}", left, right)
        for left in need.texts
        for right in offer.texts
    ]
    found = [one for cell in cells if (one := _best(cell, need, offer, terms)) is not None]
    return max(found, key=_rank, default=None)


def _rank(found: _Found) -> tuple[int, float]:
    return -_ORDER.index(found.pair.strength), found.value


def _readable_terms(need: Side, offer: Side, shared: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Keep the terms that stand in texts of both sides that the viewer may read, rarest first."""
    left, right = "\n".join(need.texts.values()).lower(), "\n".join(offer.texts.values()).lower()
    words = ((term, idf) for term, idf in shared if term.strip() and not term.replace(".", "").isdigit())
    kept = {term: idf for term, idf in words if term.lower() in left and term.lower() in right}
    return dict(sorted(kept.items(), key=lambda item: (-item[1], item[0])))


def explain(
    need: Side,
    capability: Side,
    shared: Sequence[tuple[str, float]] = (),
    filters: Sequence[FilterResult] = (),
    indicators: Sequence[IndicatorResult] = (),
    facts: Facts | None = None,
    grid: Sequence[Cell] = GRID,
) -> Explanation:
    """Return the explanation of one pair for one viewer.

    ``shared`` are (term, idf) of both records' words; those the viewer cannot read on both sides are dropped.
    There is at least one quoted pair as soon as each side has one readable sentence.  ``against`` is never empty.
    """
    facts = facts or Facts()
    terms = _readable_terms(need, capability, shared)
    found = [one for cell in grid if (one := _best(cell, need, capability, terms)) is not None]
    strengths = {one.pair.label: one.pair.strength for one in found}
    if not found and (last := _any_pair(need, capability, terms)) is not None:
        found = [last]
    lines = tuple(GridLine(cell.label, strengths.get(cell.label, SILENT)) for cell in grid)
    code, against = reason_against(filters, indicators, facts, terms, lines)
    return Explanation(
        tuple(one.pair for one in sorted(found, key=_rank, reverse=True)),
        tuple(SharedTerm(term, idf, idf >= RARE_IDF) for term, idf in list(terms.items())[:MOST_TERMS]),
        tuple(filters),
        tuple(indicators),
        against,
        code,
        lines,
    )


def reason_against(
    filters: Sequence[FilterResult],
    indicators: Sequence[IndicatorResult],
    facts: Facts,
    terms: Mapping[str, float],
    grid: Sequence[GridLine],
) -> tuple[str, str]:
    """Return (code, sentence) of the strongest reason against, from a failed filter down to few shared words."""
    for reason in (
        _failed(filters),
        _unmet(indicators, must=True),
        _limits(facts),
        _immature(facts),
        _unmet(indicators, must=False),
        _unstated(indicators),
        _unconfirmed(facts),
        _few_words(terms),
    ):
        if reason is not None:
            return reason
    weakest = max(grid, key=lambda line: _ORDER.index(line.strength), default=None)
    if weakest is None:
        return "unknown", "没有可比较的内容，请先当面核实"
    return "weakest", f"没有明显的反对理由；相对最弱的是“{weakest.label}”（{weakest.strength}）"


def _failed(filters: Sequence[FilterResult]) -> tuple[str, str] | None:
    failed = next((line for line in filters if not line.passed), None)
    return ("filter", f"硬性条件“{failed.name}”不符：{failed.detail}") if failed else None


def _unmet(indicators: Sequence[IndicatorResult], must: bool) -> tuple[str, str] | None:
    missed = next((one for one in indicators if one.verdict is Verdict.UNMET and one.indicator.must is must), None)
    if missed is None:
        return None
    return "indicator", f"{'必须' if must else '期望'}指标“{missed.indicator.text()}”未满足：{missed.reason}"


def _limits(facts: Facts) -> tuple[str, str] | None:
    sentences = split(facts.limits)
    return ("limits", f"能力方说明不适用的情形：{sentences[0]}") if sentences else None


def _immature(facts: Facts) -> tuple[str, str] | None:
    if facts.trl is None or facts.trl >= (facts.min_trl or 6):
        return None
    wanted = f"需求最低要求 {word('trl', facts.min_trl)}" if facts.min_trl else "离批量应用还要中试"
    return "trl", f"成熟度只到 {word('trl', facts.trl)}，{wanted}"


def _unstated(indicators: Sequence[IndicatorResult]) -> tuple[str, str] | None:
    if not indicators:
        return "no_indicators", "需求没有可核对的指标，无法判断做到什么程度"
    silent = [one for one in indicators if one.verdict is Verdict.NOT_STATED]
    silent.sort(key=lambda one: not one.indicator.must)
    if not silent:
        return None
    names = "、".join(one.indicator.name for one in silent[:3])
    how_many = f"{len(indicators)} 项指标里有 {len(silent)} 项能力方未说明"
    return "not_stated", f"{how_many}：{names}"


def _unconfirmed(facts: Facts) -> tuple[str, str] | None:
    if facts.confirmed_days is None and not facts.stale:
        return None
    if facts.stale or (facts.confirmed_days or 0) > FRESH_DAYS:
        when = f"上次确认在 {facts.confirmed_days} 天前" if facts.confirmed_days is not None else "发布后没有确认过"
        return "stale", f"{when}，内容可能已变"
    return None


def _few_words(terms: Mapping[str, float]) -> tuple[str, str] | None:
    if len(terms) >= FEW_TERMS:
        return None
    said = f"只有“{'”“'.join(terms)}”" if terms else "没有"
    return "few_words", f"双方共同的专业词{said}，可能说的不是一回事"
