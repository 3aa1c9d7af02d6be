"""Quantities in Chinese technical phrases: comparator, value or range, unit.  Pure; never raises on any text.

``parse("漏检率 ≤0.1%")`` gives ≤ 0.1 %, ``parse("由 90 s 降到 30 s")`` gives ≤ 30 s from 90 s, ``parse("提升 5%")`` a
relative change.  A phrase with two quantities of equal standing, a model number, a date or a standard: None.
The steps: tidy the typography, find the numbers with their units (*atoms*), join atoms over the text between them
(range, tolerance, from–to), read the comparator around each, and keep the one that stands out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from functools import cache

from kcz_match.catalogue import quantity_phrases as phrase
from kcz_match.catalogue.numerals import with_digits
from kcz_match.catalogue.quantity_atoms import Atom, atoms
from kcz_match.catalogue.units import (
    Factor,
    convert_value,
    read_unit,
    same_dimension,
    spell,
    tidy,
    unit_named,
)

LONGEST = 300


class Comparator(StrEnum):
    """How the number is meant: at least, more than, at most, less than, just that, between two, plus or minus."""

    GE = "ge"
    GT = "gt"
    LE = "le"
    LT = "lt"
    EQ = "eq"
    RANGE = "range"
    TOLERANCE = "tolerance"


SIGNS = {
    Comparator.GE: "≥",
    Comparator.GT: ">",
    Comparator.LE: "≤",
    Comparator.LT: "<",
    Comparator.EQ: "",
    Comparator.TOLERANCE: "±",
}


@dataclass(frozen=True)
class Quantity:
    """A parsed quantity: the values from ``low`` to ``high`` in ``unit`` satisfy it; None is an open end.

    ``change`` is 'up' or 'down' when the number is a change (提升 5%), in which case low and high are its size.
    ``start`` is the present value of a from–to phrase.  ``approximate`` marks 约 and 左右.
    ``unit`` is the canonical spelling of ``units.py``, '' for a plain number.
    """

    comparator: Comparator
    low: float | None
    high: float | None
    unit: str
    change: str = ""
    start: float | None = None
    approximate: bool = False

    def text(self) -> str:
        """Return the quantity as one readable phrase, e.g. ``≤0.1 %``, ``3–5 MPa``, ``提高 5 %``."""
        number = self.low if self.high is None else self.high
        body = f"{SIGNS.get(self.comparator, '')}{_written(number)}"
        if self.comparator is Comparator.RANGE:
            body = f"{_written(self.low)}–{_written(self.high)}"
        words = {"up": "提高 ", "down": "降低 "}.get(self.change, "")
        return f"{words}{'约 ' if self.approximate else ''}{body} {self.unit}".strip()


def _written(number: float | None) -> str:
    """Write a number as people do: 1,000,000 and 2×10⁻⁶, never 1e+06."""
    if number is None:
        return ""
    if number and not 1e-4 <= abs(number) < 1e9:
        head, _, power = f"{number:.3e}".partition("e")
        return f"{float(head):g}×10{str(int(power)).translate(_RAISED)}".removeprefix("1×")
    return f"{number:,.10g}" if abs(number) >= 10000 else f"{number:.6g}"


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class _Candidate:
    """A quantity with the weight of its evidence: 3 compared, 2 with a unit, 1 bare, 0 a test condition."""

    quantity: Quantity
    weight: int


@dataclass(frozen=True)
class _Context:
    """The phrase around atoms: the tidy text and the unit that bare numbers take."""

    text: str
    unit: str | None
    scale: float

    def value(self, atom: Atom, unit: str | None = None) -> float:
        """Return the atom's value; a bare number takes the scale of the column's unit (5 in 万次 is 50000)."""
        bare = atom.unit is None and unit is None
        return float(Decimal(str(atom.value)) * Decimal(str(self.scale))) if bare else atom.value

    def unit_of(self, *atoms: Atom) -> str:
        """Return the unit of the last atom that has one, else the column's."""
        return next((atom.unit for atom in reversed(atoms) if atom.unit is not None), self.unit or "")


def _joined(context: _Context, one: Atom, two: Atom) -> Quantity | None:
    """Return what two neighbouring atoms make together: a range, a tolerance or a from–to; None if nothing."""
    text = context.text
    glue, before = text[one.end : two.start], text[: one.start]
    unit = context.unit_of(one, two)
    if one.unit is None and one.multiplier == 1 and phrase.RANGE_GLUE.match(glue):
        one = replace(one, value=float(Decimal(str(one.value)) * two.multiplier))
    if one.unit is not None and two.unit is not None and one.unit != two.unit:
        first = convert_value(one.value, one.unit, unit)
        if first is None and not phrase.TOLERANCE_GLUE.match(glue):
            return None
    else:
        first = context.value(one, two.unit)
    second = context.value(two, one.unit)
    if phrase.TOLERANCE_GLUE.match(glue):
        return _tolerance(context, one, two)
    if first is None:
        return None
    started = bool(phrase.FROM.search(before))
    moved = phrase.FROM_GLUE.match(glue) and (started or re.search("[降减缩压升提增延扩]", glue))
    if moved or phrase.ARROW_GLUE.match(glue):
        return _from_to(context, two, first, second, unit, glue)
    crossing = not glue.strip() and two.value < 0 < one.value
    if crossing or phrase.RANGE_GLUE.match(glue) or phrase.BETWEEN_GLUE.match(glue):
        return _range(one, two, first, second, unit, (before, text[two.end :]))
    return None


def _tolerance(context: _Context, one: Atom, two: Atom) -> Quantity | None:
    unit = one.unit if one.unit is not None else two.unit
    if two.unit == "%" and one.unit not in ("%", None):
        size: float | None = abs(one.value) * two.value / 100
    elif two.unit is not None and one.unit is not None:
        size = convert_value(two.value, two.unit, one.unit, difference=True)
    else:
        size = context.value(two, unit)
    if size is None:
        return None
    middle = Decimal(str(context.value(one, unit)))
    spread = Decimal(str(abs(size)))
    return Quantity(
        Comparator.RANGE,
        float(middle - spread),
        float(middle + spread),
        unit if unit is not None else context.unit or "",
    )


def _from_to(context: _Context, two: Atom, first: float, second: float, unit: str, glue: str) -> Quantity:
    direction = Comparator.LE if second < first else Comparator.GE
    said = phrase.PREFIX.search(glue)
    if said and said.lastgroup != "about":
        strict = {"lt": Comparator.LT, "gt": Comparator.GT}.get(said.lastgroup or "")
        if strict and strict.value[0] == direction.value[0]:
            direction = strict
    upward = direction in (Comparator.GE, Comparator.GT)
    return Quantity(direction, second if upward else None, None if upward else second, unit, start=first)


def _range(one: Atom, two: Atom, first: float, second: float, unit: str, around: tuple[str, str]) -> Quantity | None:
    before, after = around
    lost_power = one.raw == "10" and one.unit is None and 1 < two.value < 10 and two.value == int(two.value)
    if lost_power:
        value = float(Decimal(10) ** -int(two.value))
        comparator, about = _comparator(before, "") or (Comparator.EQ, False)
        return Quantity(comparator, *_ends(comparator, value), unit, approximate=about)
    if second < first and phrase.FROM.search(before):
        return Quantity(Comparator.LE, None, second, unit, start=first)
    if one.unit is None and two.unit is None and not phrase.NOTHING_MORE.match(after):
        return None
    if two.value < 0 < one.value and second < first:
        second = abs(second)
    return Quantity(Comparator.RANGE, min(first, second), max(first, second), unit)


def _comparator(before: str, after: str) -> tuple[Comparator, bool] | None:
    """Return (comparator, approximate) read around a number; None when the two sides contradict each other."""
    prefix, suffix = phrase.PREFIX.search(before), phrase.SUFFIX.match(after)
    left = prefix.lastgroup if prefix else None
    right = suffix.lastgroup if suffix else None
    about = "about" in (left, right)
    left, right = (None if one == "about" else one for one in (left, right))
    if left and right and left[0] != right[0]:
        return None
    said = left or right
    return (Comparator(said) if said else Comparator.EQ), about


def _change(context: _Context, atom: Atom, comparator: Comparator, said: bool) -> str:
    """Return 'up' or 'down' when the number is the size of a change, '' otherwise."""
    before = context.text[: atom.start]
    if re.search(r"(?:至|到|为|成)\s*(?:约)?\s*$", before):
        return ""
    for word, direct, with_noun in phrase.CHANGES:
        if direct.search(before):
            level = word == "up" and said and atom.value >= 50 and bool(phrase.RATE_RAISED.search(before))
            return "" if level else word
        hit = with_noun.search(before)
        if hit is None or context.unit_of(atom) not in ("%", "‰", "倍", "个百分点", ""):
            continue
        contrary = comparator in (Comparator.LE, Comparator.LT) and word == "down"
        level = word == "up" and said and hit["noun"].endswith(("率", "度")) and atom.value >= 50
        if not (contrary or level):
            return word
    if (hit := phrase.COMPARED.search(before)) and context.unit_of(atom) in ("%", "倍"):
        return "down" if hit["way"] in "低少小短轻" else "up"
    after = context.text[atom.end :]
    if re.match(r"\s*(?:以上)?的?(?:降幅|减幅|下降|降低|节能)", after):
        return "down"
    return "up" if re.match(r"\s*(?:以上)?的?(?:增幅|涨幅|提升|增长)", after) else ""


def _single(context: _Context, atom: Atom) -> _Candidate | None:
    """Return what one atom says by itself, or None when it is no quantity (model number, unexplained bare number)."""
    before, after = context.text[: atom.start].rstrip(), context.text[atom.end :]
    if atom.glued or (atom.unit is None and not phrase.NOTHING_MORE.match(after)):
        return None
    compared = _comparator(before, after)
    if compared is None:
        return None
    comparator, about = compared
    unit, value = context.unit_of(atom), context.value(atom)
    if per := _per(before, unit, atom):
        unit = per
    if before.endswith("±"):
        return _Candidate(Quantity(Comparator.TOLERANCE, -abs(value), abs(value), unit), 3)
    said = comparator is not Comparator.EQ
    if change := _change(context, atom, comparator, said):
        low, high = _ends(comparator, value)
        return _Candidate(Quantity(comparator, low, high, unit, change, approximate=about), 3)
    if not said and (phrase.TO_DOWN.search(before) or phrase.TO_UP.search(before)):
        comparator = Comparator.LE if phrase.TO_DOWN.search(before) else Comparator.GE
        said = True
    weight = 3 if said else 2 if atom.unit is not None else 1
    if weight == 1 and not _stands_alone(context.text, before, after):
        return None
    if weight < 3 and phrase.CONDITION.match(after):
        weight = 0
    low, high = _ends(comparator, value)
    return _Candidate(Quantity(comparator, low, high, unit, approximate=about), weight)


def _ends(comparator: Comparator, value: float) -> tuple[float | None, float | None]:
    upper = comparator in (Comparator.LE, Comparator.LT)
    lower = comparator in (Comparator.GE, Comparator.GT)
    return (None if upper else value), (None if lower else value)


def _stands_alone(text: str, before: str, after: str) -> bool:
    """Whether a number without unit is the whole phrase, or follows a short name and a colon or verb."""
    if re.sub(phrase.SUFFIX, "", after, count=1).strip(" 。.;,") and not re.match(r"\s*(?:左右|以上|以下)", after):
        return False
    name = re.sub(phrase.PREFIX, "", before).strip()
    return not name or (len(name) <= 16 and bool(re.search(r"[:=为是达到]$|^(?:Ra|Rz|pH值?|PH值?)$", name)))


def _per(before: str, unit: str, atom: Atom) -> str:
    """Return ``unit`` per what stands after 每 before the number (每小时 500 件 is 个/h), or ''."""
    hit = re.search(r"每(?:个)?\s*(?=\S)", before)
    if hit is None or atom.unit is None or "/" in unit or len(before) - hit.end() > 10:
        return ""
    below = read_unit(before, hit.end())
    if below is None or len(below[0]) != 1:
        return ""
    return spell((*_factors(unit), replace(below[0][0], exponent=Fraction(-1))))


def _factors(unit: str) -> tuple[Factor, ...]:
    found = read_unit(tidy(unit))
    return found[0] if found else ()


def _candidates(context: _Context) -> list[_Candidate]:
    row = atoms(context.text)
    candidates: list[_Candidate] = []
    place = 0
    while place < len(row):
        atom = row[place]
        follower = row[place + 1] if place + 1 < len(row) else None
        free = not atom.glued
        quantity = _joined(context, atom, follower) if follower and free else None
        if quantity is not None and follower is not None:
            candidates.append(_Candidate(_with_change(context, atom, follower, quantity), 3))
            place += 2
            continue
        if (single := _single(context, atom)) is not None:
            candidates.append(single)
        place += 1
    return candidates


def _with_change(context: _Context, one: Atom, two: Atom, quantity: Quantity) -> Quantity:
    """Mark a range as a change when a verb stands before it (提高 20%–30%)."""
    if quantity.comparator is not Comparator.RANGE or quantity.start is not None:
        return quantity
    atom = replace(one, unit=two.unit if one.unit is None else one.unit)
    change = _change(context, atom, Comparator.RANGE, said=False)
    return replace(quantity, change=change)


def _between(found: list[_Candidate]) -> Quantity | None:
    """Join a lower and an upper bound of one dimension into a range (≥3 MPa 且 ≤5 MPa)."""
    one, two = (candidate.quantity for candidate in found)
    lower, upper = (one, two) if one.low is not None else (two, one)
    if lower.low is None or upper.high is None or lower.high is not None or upper.low is not None:
        return None
    if one.change or two.change or not (lower.unit == upper.unit or same_dimension(lower.unit, upper.unit)):
        return None
    low = convert_value(lower.low, lower.unit, upper.unit)
    if low is None or low > upper.high:
        return None
    return Quantity(Comparator.RANGE, low, upper.high, upper.unit)


def _chosen(found: list[_Candidate], unit: str | None) -> Quantity | None:
    """Return the one quantity that stands out, or None when two of equal standing remain."""
    if not found:
        return None
    best = max(candidate.weight for candidate in found)
    top = [candidate for candidate in found if candidate.weight == best]
    if len({candidate.quantity for candidate in top}) == 1:
        return top[0].quantity
    if unit:
        fitting = [one for one in top if one.quantity.unit == unit or same_dimension(one.quantity.unit, unit)]
        if len(fitting) == 1:
            return fitting[0].quantity
        top = fitting or top
    return _between(top) if len(top) == 2 else None


def _prepared(text: str) -> str:
    text = with_digits(tidy(text))
    text = text.replace("+/-", "±").replace("+-", "±").replace("正负", "±").replace("~~", "~").replace("≦", "≤")
    text = text.replace("≧", "≥").replace("⩽", "≤").replace("⩾", "≥").replace("〈", "<").replace("〉", ">")
    text = re.sub("-+>|=>(?=\\s*[^\\d\\s])|➜|⇒", "→", text).replace("零下", "-").replace("摄氏-", "-")
    for clock, size, unit in phrase.CLOCKS:
        while (hit := clock.search(text)) is not None:
            text = f"{text[: hit.start()]}{int(hit[1]) * size + int(hit[2])}{unit}{text[hit.end() :]}"
    return phrase.DATE.sub(" ", phrase.STANDARD.sub(" ", text))


@cache
def _column_unit(text: str) -> tuple[str | None, float]:
    named = unit_named(text)
    if named is None:
        named = unit_named(phrase.PAREN.sub("", tidy(text)))
    return named if named is not None else (tidy(text).strip(), 1.0)


def parse(text: str, default_unit: str = "") -> Quantity | None:
    """Return the quantity that ``text`` states, or None when it states none, or more than one of equal standing.

    ``default_unit`` is the unit of the column the text stands in: numbers without their own unit take it.  One that is
    not in the table is kept as it is typed; such a quantity compares only with the same unit.
    """
    if not text or len(text) > LONGEST:
        return None
    unit, scale = _column_unit(default_unit)
    try:
        whole = _prepared(text)
        outside = whole
        for _ in range(3):
            outside = phrase.PAREN.sub(" ", outside)
        found = _chosen(_candidates(_Context(outside.strip(), unit, scale)), unit)
        if found is not None or not phrase.PAREN.search(whole):
            return found
        inside = _candidates(_Context(re.sub(r"[()\[\]【】〔〕]", " ", whole).strip(), unit, scale))
        return _chosen([one for one in inside if one.weight == 3 or not outside.strip()], unit)
    except (InvalidOperation, OverflowError, ZeroDivisionError):
        return None


def convert(quantity: Quantity, unit: str) -> Quantity | None:
    """Return ``quantity`` in ``unit`` (any spelling), or None when the unit is unknown or of another dimension.

    Changes and tolerances are differences: 5 ℃ of tolerance are 5 K.
    """
    named = unit_named(unit)
    spelled, scale = named if named is not None else (unit, 1.0)
    difference = bool(quantity.change) or quantity.comparator is Comparator.TOLERANCE

    def turned(value: float | None) -> float | None:
        return None if value is None else convert_value(value, quantity.unit, spelled, difference)

    low, high, start = turned(quantity.low), turned(quantity.high), turned(quantity.start)
    if (low is None) != (quantity.low is None) or (high is None) != (quantity.high is None):
        return None
    low, high, start = (None if value is None else value / scale for value in (low, high, start))
    return replace(quantity, low=low, high=high, start=start, unit=spelled)
