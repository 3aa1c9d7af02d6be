"""Numbers in a tidy text, each with the unit that follows it: the first step of reading a quantity.  Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from kcz_match.catalogue import quantity_phrases as phrase
from kcz_match.catalogue.units import MULTIPLIERS, read_unit, spell


@dataclass(frozen=True)
class Atom:
    """One number in the text with its unit (None when no unit follows) and the places where it starts and ends."""

    value: float
    unit: str | None
    start: int
    end: int
    glued: bool = False
    raw: str = ""
    multiplier: int = 1


def _power(text: str | None, body: Decimal) -> Decimal:
    """Apply the power that follows a number: e-6, ×10^5, or ^-6 after a bare 10."""
    if not text:
        return body
    exponent = int(re.search(r"[-+]?\d+\)?$", text).group().strip(")"))  # type: ignore[union-attr]
    return body**exponent if text[0] == "^" else body * Decimal(10) ** exponent


def _number_value(hit: re.Match[str]) -> float | None:
    body = _power(hit["power"], Decimal(re.sub("[, ]", "", hit["body"])))
    if hit["below"]:
        if Decimal(hit["below"]) == 0:
            return None
        body = body / Decimal(hit["below"])
    body *= MULTIPLIERS.get(hit["multiplier"] or "", 1)
    return float(-body if hit["sign"] == "-" else body)


def _unit_after(text: str, hit: re.Match[str]) -> tuple[str | None, int]:
    """Return (unit spelling or None, where it ends) for what follows a number."""
    found = read_unit(text, hit.end())
    if found is None:
        under = read_unit(text, hit.end() + 1) if text[hit.end() : hit.end() + 1] == "/" else None
        return (f"1/{spell(under[0])}", under[1]) if under else (None, hit.end())
    unit = spell(found[0])
    tight = hit.end() == len(hit.group().rstrip()) + hit.start()
    month_of_year = text[hit.end()] == "月" and not hit["multiplier"]
    resolution = month_of_year or unit == "K" and tight and hit["body"] in ("2", "4", "8", "16")
    if resolution or phrase.NOT_A_UNIT.match(text, found[1]):
        return None, hit.end()
    return unit, found[1]


def atoms(text: str) -> list[Atom]:
    """Return the numbers of tidy ``text`` in order; parts of sizes (300×400 mm) and ordinals (第 3 代) are left out."""
    found: list[Atom] = []
    taken = 0
    for hit in phrase.NUMBER.finditer(text):
        if hit.start() < taken:
            continue
        before = text[: hit.start()]
        dimension = re.search(r"[×xX*]\s*$", before) or re.match(r"\s*(?:mm|cm|m)?\s*[×xX*]\s*\d", text[hit.end() :])
        if dimension or before.rstrip().endswith("第"):
            taken = hit.end()
            continue
        value = _number_value(hit)
        unit, end = _unit_after(text, hit)
        if value is None or abs(value) > 1e30:
            continue
        taken = max(hit.end("body"), end if unit else 0)
        glued = _is_glued(text, hit, before, unit, end)
        many = MULTIPLIERS.get(hit["multiplier"] or "", 1)
        found.append(Atom(value, unit, hit.start(), end, glued, hit.group().strip(), many))
    return found


def _is_glued(text: str, hit: re.Match[str], before: str, unit: str | None, end: int) -> bool:
    """Whether the digits are part of a name (IP67, Fe3O4, 5G) and so no quantity; a Latin unit (DC24V) makes one."""
    if re.search(r"[A-Za-z]-?$|\d\.$", before) and not phrase.CHARACTER.search(before):
        return unit is None or unit.startswith("1/") or not text[hit.end() : hit.end() + 1].isascii()
    return unit is None and re.match(r"[A-Za-z]", text[end:]) is not None
