"""From typed text to values, by the field tables: the one validator of forms, imports and the API.  Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence

from kcz_match.catalogue.fields import (
    CLAIM_LIMITS,
    INDICATOR_LIMITS,
    MOST_ROWS,
    Claim,
    Direction,
    Field,
    Form,
    Indicator,
    Tier,
)
from kcz_match.catalogue.terms import TERMS
from kcz_match.core.text import clean as clean

Value = str | int | float | bool | dt.date | list[str] | None
RANGES = (("budget_min", "budget_max"), ("price_min", "price_max"))
TRUE_WORDS = {"1", "on", "true", "是", "可以", "y", "yes"}
DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
SEPARATORS = re.compile(r"[,，、;；|\n]+")
DIRECTION_WORDS = {
    "≥": Direction.AT_LEAST,
    ">=": Direction.AT_LEAST,
    "不低于": Direction.AT_LEAST,
    "≤": Direction.AT_MOST,
    "<=": Direction.AT_MOST,
    "不高于": Direction.AT_MOST,
    "区间": Direction.RANGE,
    "范围": Direction.RANGE,
}
MUST_WORDS = {"必须": True, "必达": True, "期望": False, "可选": False}


def parse_values(table: Sequence[Field], raw: Mapping[str, object]) -> tuple[dict[str, Value], dict[str, str]]:
    """Read the fields of ``table`` that ``raw`` mentions; return (values, errors).

    ``raw`` maps a field name to text or, for several choices, to a list of codes or words.  Codes and words of a
    term list are both understood.  A field with an error is left out of the values.  Never raises on user input.
    """
    values: dict[str, Value] = {}
    errors: dict[str, str] = {}
    for field in table:
        if field.name not in raw:
            continue
        value, error = _parse(field, raw[field.name])
        if error:
            errors[field.name] = error
        else:
            values[field.name] = value
    for low, high in RANGES:
        below, above = values.get(low), values.get(high)
        if isinstance(below, (int, float)) and isinstance(above, (int, float)) and below > above:
            del values[high]
            errors[high] = f"上限 {above:g} 比下限 {below:g} 还小，请核对这两个数。"
    return values, errors


def missing(table: Sequence[Field], values: Mapping[str, object], kind: str = "") -> dict[str, str]:
    """Return a sentence for every field that submission needs and ``values`` lacks; ``kind`` limits typed fields."""
    return {
        field.name: f"请{'选择' if field.form in (Form.CHOICE, Form.CHOICES) else '填写'}“{field.label}”。"
        for field in table
        if field.needed and (not field.types or kind in field.types) and values.get(field.name) in (None, "", [])
    }


def parse_tiers(table: Sequence[Field], raw: Mapping[str, str], extra: Sequence[str] = ()) -> dict[str, str]:
    """Return the tiers that differ from their default; fixed fields, unknown names and unknown tiers are ignored."""
    known = {tier.value for tier in Tier}
    tiers = {
        field.name: raw[field.name]
        for field in table
        if not field.tier_fixed and raw.get(field.name) in known and raw[field.name] != field.tier.value
    }
    return tiers | {name: raw[name] for name in extra if raw.get(name) in known and raw[name] != Tier.PUBLIC.value}


def parse_indicators(rows: Sequence[Mapping[str, object]]) -> tuple[list[Indicator], dict[str, str]]:
    """Read indicator rows; empty rows are skipped; errors are keyed ``indicators-<row>-<column>`` (rows from 0)."""
    indicators: list[Indicator] = []
    errors: dict[str, str] = {}
    for number, row in enumerate(rows):
        texts = _row_texts(row, INDICATOR_LIMITS, f"indicators-{number}", errors)
        if not any(texts.values()):
            continue
        if not texts["name"]:
            errors[f"indicators-{number}-name"] = f"第 {number + 1} 行指标没有名称。"
        if not texts["target"]:
            errors[f"indicators-{number}-target"] = (
                f"第 {number + 1} 行“{texts['name']}”没有目标值。请填数字，例如 0.1。"
            )
        indicators.append(
            Indicator(
                direction=_direction(row.get("direction"), texts["target"]), must=_must(row.get("must", True)), **texts
            )
        )
    if len(indicators) > MOST_ROWS:
        errors["indicators"] = f"指标最多 {MOST_ROWS} 行，现在有 {len(indicators)} 行。"
    return indicators, errors


def parse_claims(rows: Sequence[Mapping[str, object]]) -> tuple[list[Claim], dict[str, str]]:
    """Read claim rows; empty rows are skipped; errors are keyed ``claims-<row>-<column>`` (rows from 0)."""
    claims: list[Claim] = []
    errors: dict[str, str] = {}
    for number, row in enumerate(rows):
        texts = _row_texts(row, CLAIM_LIMITS, f"claims-{number}", errors)
        day = clean(row.get("dated_on"))
        if not any(texts.values()) and not day:
            continue
        for name, word in (("name", "名称"), ("value", "数值")):
            if not texts[name]:
                errors[f"claims-{number}-{name}"] = f"第 {number + 1} 行指标没有{word}。"
        moment, wrong = _parse_date(day)
        if wrong:
            errors[f"claims-{number}-dated_on"] = wrong
        claims.append(Claim(dated_on=moment.isoformat() if moment else "", **texts))
    if len(claims) > MOST_ROWS:
        errors["claims"] = f"指标最多 {MOST_ROWS} 行，现在有 {len(claims)} 行。"
    return claims, errors


def _row_texts(
    row: Mapping[str, object], limits: Mapping[str, int], prefix: str, errors: dict[str, str]
) -> dict[str, str]:
    texts = {}
    for name, limit in limits.items():
        texts[name] = " ".join(clean(row.get(name)).split())
        if len(texts[name]) > limit:
            errors[f"{prefix}-{name}"] = f"这一格最多 {limit} 字，现在 {len(texts[name])} 字。"
    return texts


def _direction(value: object, target: str) -> Direction:
    text = clean(value)
    if text in DIRECTION_WORDS:
        return DIRECTION_WORDS[text]
    if text in {item.value for item in Direction}:
        return Direction(text)
    return Direction.AT_MOST if target.startswith(("≤", "<", "不高于")) else Direction.AT_LEAST


def _must(value: object) -> bool:
    return value if isinstance(value, bool) else MUST_WORDS.get(clean(value), clean(value).lower() in TRUE_WORDS)


def _parse(field: Field, raw: object) -> tuple[Value, str]:
    if field.form is Form.CHOICES:
        return _parse_choices(field, raw)
    text = clean(raw[0] if isinstance(raw, list) and raw else "" if isinstance(raw, list) else raw)
    if field.form is Form.FLAG:
        return text.lower() in TRUE_WORDS, ""
    if not text:
        return (None if field.form in (Form.NUMBER, Form.DATE) else ""), ""
    if field.form is Form.CHOICE:
        code = _code(field.terms, text)
        return (code, "") if code else (None, f"“{field.label}”里没有“{text[:20]}”。请从列表里选。")
    if field.form is Form.NUMBER:
        return _parse_number(field, text)
    if field.form is Form.DATE:
        return _parse_date(text)
    if field.form is Form.LINE:
        text = " ".join(text.split())
    if len(text) > field.limit:
        return None, f"“{field.label}”最多 {field.limit} 字，现在 {len(text)} 字，请删去 {len(text) - field.limit} 字。"
    return text, ""


def _parse_choices(field: Field, raw: object) -> tuple[Value, str]:
    parts = raw if isinstance(raw, list) else SEPARATORS.split(clean(raw))
    words = [clean(part) for part in parts if clean(part)]
    codes = [_code(field.terms, item) for item in words]
    if "" in codes:
        return None, f"“{field.label}”里没有“{words[codes.index('')][:20]}”。请从列表里选。"
    return list(dict.fromkeys(codes)), ""


def _code(terms: str, text: str) -> str:
    table = TERMS[terms]
    if text in table:
        return text
    squeezed = text.replace(" ", "")
    return next((code for code, item in table.items() if squeezed == item.replace(" ", "")), "")


def _parse_number(field: Field, text: str) -> tuple[Value, str]:
    try:
        number = float(text.replace(",", "").removesuffix(field.unit))
    except ValueError:
        return None, f"“{field.label}”写了“{text[:20]}”。请只填数字，单位是{field.unit}，例如 50。"
    if not 0 <= number <= field.limit:
        return None, f"“{field.label}”要在 0 到 {field.limit:,} {field.unit}之间。"
    return (int(number) if number == int(number) else number), ""


def _parse_date(text: str) -> tuple[dt.date | None, str]:
    if not text:
        return None, ""
    found = DATE.match(text)
    try:
        return (dt.date(*map(int, found.groups())), "") if found else (None, _DATE_HINT.format(text[:20]))
    except ValueError:
        return None, _DATE_HINT.format(text[:20])


_DATE_HINT = "日期“{}”读不出来。请写成 2026-11-24。"
