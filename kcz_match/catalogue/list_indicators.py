"""Indicators of a needs list: from a group of cells, and as well as it goes from free text.  Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from kcz_match.catalogue.fields import INDICATOR_LIMITS, Direction, Indicator
from kcz_match.catalogue.list_columns import indicator_label
from kcz_match.catalogue.parsing import DIRECTION_WORDS, MUST_WORDS, TRUE_WORDS
from kcz_match.catalogue.quantities import Comparator, parse

AT_LEAST = "≥ >= 不低于 不小于 不少于 至少 大于等于 大于 高于 >"
AT_MOST = "≤ <= 不高于 不大于 不超过 至多 小于等于 小于 低于 <"
SIGNS = (
    dict.fromkeys(AT_LEAST.split(), Direction.AT_LEAST)
    | dict.fromkeys(AT_MOST.split(), Direction.AT_MOST)
    | dict(DIRECTION_WORDS)
)
NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+|\s*[×x]\s*10\^?[-+]?\d+)?"
TARGET = re.compile(
    rf"(?P<sign>{'|'.join(sorted(map(re.escape, SIGNS), key=len, reverse=True))})?\s*"
    rf"(?P<value>{NUMBER}(?:\s*(?:[-–—~～]|至|到|±)\s*{NUMBER})?)\s*(?P<unit>\D.*)?"
)
SIGN = re.compile("|".join(sorted(map(re.escape, SIGNS), key=len, reverse=True)))
RANGE = re.compile(rf"{NUMBER}\s*(?:[-–—~～]|至|到|±)\s*{NUMBER}")
PIECES = re.compile(r"[;；\n]+|。(?!\d)|(?<=[^\d])[,，](?=[^\d]*\D[≥≤<>])")
NAME = re.compile(
    r"^\s*(?:\(?\d{1,2}[).、]\s*|[（(]\d{1,2}[)）]\s*|[①-⑳]\s*)?(.{1,60}?)\s*(?:[:：]\s*)?"
    rf"(?:{'|'.join(sorted(map(re.escape, SIGNS), key=len, reverse=True))}|为|达到|达|控制在|[-+]?\d)"
)
NOTE = re.compile(r"[（(]([^（）()]*)[)）]\s*$")


def read_group(number: int, texts: Mapping[str, str]) -> tuple[Indicator | None, dict[str, str]]:
    """Read one group of indicator cells, part -> text; return (indicator, errors by part), None for an empty group.

    A target such as ``≤0.1 %`` in one cell is taken apart; sign and unit cells win only where the target has none.
    """
    if not any(text for part, text in texts.items() if part not in ("direction", "must")):
        return None, {}
    faults: dict[str, str] = {}
    for part, limit in INDICATOR_LIMITS.items():
        if len(texts.get(part, "")) > limit:
            faults[part] = f"“{indicator_label(number, part)}”最多 {limit} 字，现在 {len(texts[part])} 字。"
    if not texts.get("name"):
        faults["name"] = (
            f"写了指标{number}的数值，没有“{indicator_label(number, 'name')}”。请写明测的是什么，例如漏检率。"
        )
    target = _target(number, texts, faults)
    must = _must(number, texts.get("must", ""), faults)
    if faults or target is None:
        return None, faults
    direction, value, unit = target
    present = texts.get("present", "")
    if unit and present.endswith(unit):
        present = present.removesuffix(unit).strip()
    return Indicator(texts["name"], value, unit, direction, present, texts.get("method", ""), must), {}


def read_free_text(text: str) -> tuple[list[Indicator], list[str]]:
    """Read lines such as ``漏检率 ≤0.1 %；节拍 ≤8 s``; return (indicators, pieces without one quantity)."""
    found: list[Indicator] = []
    left: list[str] = []
    for piece in (piece.strip(" \t，,。") for piece in PIECES.split(text)):
        if not piece:
            continue
        indicator = _from_phrase(piece)
        if indicator is None:
            left.append(piece)
        else:
            found.append(indicator)
    return found, left


def _target(number: int, texts: Mapping[str, str], faults: dict[str, str]) -> tuple[Direction, str, str] | None:
    label = indicator_label(number, "target")
    text = unicodedata.normalize("NFKC", texts.get("target", "")).strip()
    typed = texts.get("direction", "")
    direction = SIGNS.get(unicodedata.normalize("NFKC", typed)) or SIGNS.get(typed)
    if typed and direction is None:
        faults["direction"] = f"“{indicator_label(number, 'direction')}”写了“{typed[:10]}”。请填 ≥、≤ 或 区间。"
    if not text:
        faults["target"] = f"有指标{number}，没有“{label}”。请填数字，例如 0.1。"
        return None
    found = TARGET.fullmatch(text)
    if found is None:
        if not re.search(r"\d", text):
            faults["target"] = f"“{label}”写了“{text[:20]}”。请填数字和单位，例如 ≥90 %。"
            return None
        leading = SIGNS.get((SIGN.match(text) or [""])[0])
        return leading or direction or Direction.AT_LEAST, text, texts.get("unit", "")
    said = SIGNS.get(found["sign"] or "")
    if said and direction and said is not direction and typed:
        faults["direction"] = (
            f"“{indicator_label(number, 'direction')}”是“{typed}”，“{label}”却写“{text[:20]}”。请改成一致。"
        )
    unit = (found["unit"] or "").strip()
    column = texts.get("unit", "")
    if unit and column and unit != column:
        return said or direction or _ranged(text), text.removeprefix(found["sign"] or "").strip(), column
    return said or direction or _ranged(text), found["value"].strip(), column or unit


def _ranged(text: str) -> Direction:
    return Direction.RANGE if RANGE.search(text) else Direction.AT_LEAST


def _must(number: int, text: str, faults: dict[str, str]) -> bool:
    if not text:
        return True
    if text in MUST_WORDS:
        return MUST_WORDS[text]
    if text.lower() in TRUE_WORDS or text in ("√", "必选", "约束性"):
        return True
    if text.lower() in ("否", "0", "n", "no", "false", "×", "预期性", "希望"):
        return False
    faults["must"] = f"“{indicator_label(number, 'must')}”写了“{text[:10]}”。请填 必须 或 期望。"
    return True


def _from_phrase(piece: str) -> Indicator | None:
    note = NOTE.search(piece)
    quantity, named = parse(piece), NAME.match(unicodedata.normalize("NFKC", piece))
    if quantity is None or named is None or quantity.change or quantity.comparator is Comparator.TOLERANCE:
        return None
    name = named[1].strip(" :：的")
    if not name or len(name) > INDICATOR_LIMITS["name"] or re.fullmatch(r"[\d\W]+", name):
        return None
    low, high = quantity.low, quantity.high
    if quantity.comparator is Comparator.RANGE:
        direction, value = Direction.RANGE, f"{_number(low)}–{_number(high)}"
    elif quantity.comparator in (Comparator.LE, Comparator.LT):
        direction, value = Direction.AT_MOST, _number(high)
    else:
        direction, value = Direction.AT_LEAST, _number(low if low is not None else high)
    said = note[1] if note else ""
    method = re.split("[，,]", said.split("：")[-1])[0].strip() if said and re.search(r"[检测方法按依]", said) else ""
    present = _number(quantity.start) if quantity.start is not None else ""
    return Indicator(
        name, value, quantity.unit, direction, present, method[: INDICATOR_LIMITS["method"]], "期望" not in said
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.12g}"
