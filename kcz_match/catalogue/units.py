"""Units as Chinese technical texts write them: reading, one spelling, dimension, conversion.  Pure; pint underneath.

``UNITS`` is the closed table of what is understood: canonical spelling, pint expression, other spellings.  Nothing
outside it is guessed at.  Counts keep their own dimensions (次 is not 件), and so do dB, dB(A), turns, hardness scales
and percentage points, because turning one into another would be a guess.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import pint

from kcz_match.catalogue.unit_table import OWN_DIMENSIONS, TABLE


@dataclass(frozen=True)
class Factor:
    """One symbol of a compound unit: its number (100 in ``g/100 g``), canonical symbol, exponent (negative below)."""

    count: int
    symbol: str
    exponent: Fraction


def _read_table() -> tuple[dict[str, str], dict[str, str]]:
    expressions: dict[str, str] = {}
    spellings: dict[str, str] = {}
    for line in filter(None, TABLE.splitlines()):
        symbol, expression, others = (part.strip() for part in line.split("|"))
        expressions[symbol] = expression
        for spelling in (symbol, *others.split()):
            spellings[tidy(spelling)] = symbol
    return expressions, spellings


_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_RAISED = re.compile("[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−﹣－", "-") | {"・": "·", "⋅": "·", "•": "·", "∙": "·", "，": ";"})
MULTIPLIERS = {
    "十": 10,
    "百": 100,
    "千": 1000,
    "万": 10**4,
    "十万": 10**5,
    "百万": 10**6,
    "千万": 10**7,
    "亿": 10**8,
    "十亿": 10**9,
    "百亿": 10**10,
    "千亿": 10**11,
    "万亿": 10**12,
}
_NO_UNIT = frozenset({"", "-", "--", "/", "1", "无", "无量纲", "无单位", "比值", "n/a", "na"})


def tidy(text: str) -> str:
    """Return ``text`` in one typographic form: half width, ``^2`` for raised digits, plain dashes, one micro sign."""
    raised = _RAISED.sub(lambda hit: "^" + hit.group().translate(_SUPERSCRIPTS), text.translate(_DASHES))
    plain = unicodedata.normalize("NFKC", raised).translate(_DASHES)
    return plain.replace("µ", "μ").replace("°C", "℃").replace("° C", "℃").replace("°F", "℉").replace("º", "°")


_EXPRESSIONS, _SPELLINGS = _read_table()
_DENOMINATOR_ONLY = frozenset({"a"})
_ALTERNATIVES = "|".join(re.escape(one) for one in sorted(_SPELLINGS, key=len, reverse=True))
_EXPONENT = r"(?:\^\(?(?P<raised>[-+]?\d+(?:\.\d+|/\d+)?)\)?|(?P<plain>-?[1-4])(?!\s*[\d.a-zA-Zμ%°℃‰\u4e00-\u9fff]))?"
_FACTOR = re.compile(
    rf"(?P<count>\d{{1,4}}\s*)?(?P<symbol>{_ALTERNATIVES})"
    rf"(?:(?<=[A-Za-zμΩ])(?![A-Za-zμΩ]))?{_EXPONENT}"
)
_JOIN = re.compile(r"\s*(?P<over>[/每])\s*|\s*[·*]\s*|(?<=[A-Za-z])\.(?=[A-Za-z])")
_OPEN, _CLOSE = re.compile(r"\(\s*"), re.compile(r"\s*\)")


def _factor_at(text: str, place: int, below: bool) -> tuple[Factor, int] | None:
    """Read one factor of a unit at ``place``; a number before it is allowed only below the stroke."""
    hit = _FACTOR.match(text, place)
    if hit is None or (hit["count"] and not below):
        return None
    symbol = _SPELLINGS[hit["symbol"]]
    after = text[hit.end("symbol") : hit.end("symbol") + 1]
    latin = hit["symbol"][-1].isascii() and hit["symbol"][-1].isalpha()
    if (latin and after.isascii() and after.isalpha()) or (symbol in _DENOMINATOR_ONLY and not below):
        return None
    exponent = Fraction(hit["raised"] or hit["plain"] or "1")
    return Factor(int(hit["count"] or 1), symbol, -exponent if below else exponent), hit.end()


def read_unit(text: str, place: int = 0) -> tuple[tuple[Factor, ...], int] | None:
    """Read the longest unit of tidy ``text`` from ``place`` on: its factors and where it ends; None if there is none.

    Everything after the first stroke is below it, as Chinese texts mean it: ``g/m²·d`` is g/(m²·d).
    """
    first = _factor_at(text, place, below=False)
    if first is None:
        return None
    factors, end, below = [first[0]], first[1], False
    while (join := _JOIN.match(text, end)) is not None:
        under = below or bool(join["over"])
        opened = _OPEN.match(text, join.end()) if under else None
        step = _factor_at(text, opened.end() if opened else join.end(), under)
        if step is None:
            break
        group, stop = [step[0]], step[1]
        if opened:
            while (more := _JOIN.match(text, stop)) is not None and (step := _factor_at(text, more.end(), True)):
                group.append(step[0])
                stop = step[1]
            if (closed := _CLOSE.match(text, stop)) is None:
                break
            stop = closed.end()
        factors, end, below = factors + group, stop, under
    return tuple(factors), end


def _spelled(factor: Factor) -> str:
    size = abs(factor.exponent)
    raised = {Fraction(1): "", Fraction(2): "²", Fraction(3): "³"}.get(size, f"^{size}")
    return f"{factor.count if factor.count != 1 else ''}{factor.symbol}{raised}"


@cache
def spell(factors: tuple[Factor, ...]) -> str:
    """Return the one spelling of a unit, e.g. ``g/(m²·d)``; ``1/h`` when nothing stands above the stroke."""
    above = [_spelled(factor) for factor in factors if factor.exponent > 0]
    below = [_spelled(factor) for factor in factors if factor.exponent < 0]
    whole = "·".join(above) or "1"
    for other, symbol in (("kW·h", "kWh"), ("mA·h", "mAh"), ("A·h", "Ah")):
        whole = symbol if whole == other else whole
    if below:
        whole += "/" + ("·".join(below) if len(below) == 1 else f"({'·'.join(below)})")
    return whole.replace("㎡", "m²")


@cache
def unit_named(text: str) -> tuple[str, float] | None:
    """Return (spelling, multiplier) of a unit text: ``万次`` is ("次", 10000); ('', 1) for no unit; None if unknown."""
    plain = tidy(text).strip()
    if plain.lower() in _NO_UNIT:
        return "", 1.0
    if plain.startswith("1/"):
        lower = read_unit(plain[2:])
        return (plain, 1.0) if lower and lower[1] == len(plain) - 2 else None
    for multiplier in ("", *sorted(MULTIPLIERS, key=len, reverse=True)):
        if plain.startswith(multiplier):
            found = read_unit(plain, len(multiplier))
            if found and found[1] == len(plain):
                return spell(found[0]), float(MULTIPLIERS.get(multiplier, 1))
    return None


@cache
def _registry() -> pint.UnitRegistry[float]:
    registry: pint.UnitRegistry[float] = pint.UnitRegistry()
    for name in OWN_DIMENSIONS:
        registry.define(f"{name} = [{name}]")
    return registry


@cache
def _pint_unit(unit: str, difference: bool) -> tuple[float, str] | None:
    """Return (number, pint unit expression) of a spelled unit, or None when it is not in the table."""
    if unit == "":
        return 1.0, "dimensionless"
    if unit.startswith("1/"):
        under = read_unit(tidy(unit[2:]))
        factors = tuple(Factor(one.count, one.symbol, -one.exponent) for one in under[0]) if under else ()
    else:
        found = read_unit(tidy(unit))
        factors = found[0] if found and found[1] == len(tidy(unit)) else ()
    if not factors:
        return None
    compound = difference or len(factors) > 1 or factors[0].exponent != 1
    number, parts = 1.0, []
    for factor in factors:
        expression = _EXPRESSIONS[factor.symbol]
        if compound and expression in ("degC", "degF"):
            expression = f"delta_{expression}"
        number *= float(factor.count) ** float(factor.exponent)
        parts.append(f"({expression})**({float(factor.exponent)})" if factor.exponent != 1 else f"({expression})")
    return number, "*".join(parts)


def convert_value(value: float, unit: str, other: str, difference: bool = False) -> float | None:
    """Return ``value`` of spelled ``unit`` in ``other``, or None when unknown or of another dimension.

    ``difference`` says that the value is a difference or tolerance: 5 ℃ warmer is 5 K, not 278.15 K.
    A unit that is not in the table is comparable only with itself.
    """
    if unit == other:
        return value
    source, goal = _pint_unit(unit, difference), _pint_unit(other, difference)
    if source is None or goal is None:
        return None
    registry = _registry()
    try:
        if _OFFSET & {source[1], goal[1]}:
            return float(registry.Quantity(value, _bare(source[1])).to(_bare(goal[1])).magnitude)
        here, there = registry.parse_expression(source[1]), registry.parse_expression(goal[1])
        return float((value * source[0] * here / there).to("dimensionless").magnitude) / goal[0]
    except pint.DimensionalityError:
        return None


_OFFSET = frozenset({"(degC)", "(degF)"})


def _bare(expression: str) -> str:
    """Return a simple expression without its brackets: offset temperatures must be named alone."""
    return expression[1:-1] if expression in _OFFSET else expression


@cache
def same_dimension(unit: str, other: str) -> bool:
    """Return whether values of the two spelled units can be turned into one another."""
    return convert_value(1.0, unit, other, difference=True) is not None
