"""A need's indicators against a capability's claims: met, unmet or not stated, each with its reason.  Pure.

Nothing is guessed.  A claim is read only for an indicator whose name is the same measure and whose unit has the same
dimension; a missing unit, an unreadable number, a change against an absolute value, a range that is only partly inside:
all are 未说明, and the reason says what to ask.  A one-sided claim is a promise: "≤0.5 %" does not fulfil "≤0.1 %".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from kcz_match.catalogue.fields import Claim, Direction, Indicator
from kcz_match.catalogue.indicator_names import LIKE_ENOUGH, name_likeness, resembles
from kcz_match.catalogue.quantities import SIGNS, Comparator, Quantity, convert, parse
from kcz_match.catalogue.units import same_dimension


class Verdict(StrEnum):
    """What the claims say about one indicator."""

    MET = "met"
    UNMET = "unmet"
    NOT_STATED = "not_stated"


VERDICT_LABELS = {Verdict.MET: "满足", Verdict.UNMET: "未满足", Verdict.NOT_STATED: "未说明"}


@dataclass(frozen=True)
class IndicatorResult:
    """One indicator with its verdict, the claim it was read from (None if none fits) and a Chinese reason."""

    indicator: Indicator
    verdict: Verdict
    claim: Claim | None
    reason: str

    @property
    def label(self) -> str:
        """Return the word people read: 满足, 未满足 or 未说明."""
        return VERDICT_LABELS[self.verdict]


@dataclass(frozen=True)
class _Wish:
    """What an indicator asks, readable; ``sentence`` says why not when ``quantity`` is None."""

    quantity: Quantity | None
    sentence: str = ""


_UP = (Comparator.GE, Comparator.GT)
_DOWN = (Comparator.LE, Comparator.LT)
_NEAR = 0.05
_SLACK = 1e-9
_SPAN_WORDS = re.compile("温度|范围|量程|区间|适用|频段|波段|波长|幅面|行程|电压|厚度")


def wanted(indicator: Indicator) -> Quantity | None:
    """Return what the indicator asks as a quantity with a direction, or None when it cannot be checked.

    A target without its own sign takes the direction column; a change with a readable present value becomes absolute.
    """
    return _wish(indicator).quantity


def why_unverifiable(indicator: Indicator) -> str:
    """Return the Chinese reason why ``indicator`` cannot be checked, '' when it can."""
    return _wish(indicator).sentence


def _wish(indicator: Indicator) -> _Wish:
    target = parse(indicator.target, indicator.unit)
    if target is None:
        return _Wish(None, f"指标目标“{indicator.target}”读不出唯一的数值")
    if target.change:
        return _Wish(_from_present(indicator, target))
    if target.comparator is Comparator.EQ:
        if indicator.direction is Direction.RANGE:
            return _Wish(None, "指标方向是区间，目标却只写了一个数")
        upward = indicator.direction is Direction.AT_LEAST
        return _Wish(
            replace(
                target,
                comparator=Comparator.GE if upward else Comparator.LE,
                low=target.low if upward else None,
                high=None if upward else target.high,
            )
        )
    against = {Direction.AT_LEAST: _DOWN, Direction.AT_MOST: _UP}.get(indicator.direction, ())
    if target.comparator in against:
        chosen = "≥" if indicator.direction is Direction.AT_LEAST else "≤"
        return _Wish(None, f"指标方向选了“{chosen}”，目标却写成“{indicator.target}”，请需求方核对")
    if target.comparator is Comparator.RANGE and indicator.direction is Direction.AT_MOST:
        return _Wish(None, f"指标方向选了“≤”，目标却是区间“{indicator.target}”，请需求方核对")
    return _Wish(target)


def _from_present(indicator: Indicator, target: Quantity) -> Quantity:
    """Turn "降低 50 %" with the present value 24 mg/kg into ≤12 mg/kg; leave it a change when that is not certain."""
    asked = replace(target, comparator=Comparator.GE, high=None) if target.comparator is Comparator.EQ else target
    present = parse(indicator.present, "" if target.unit in ("%", "倍", "") else indicator.unit)
    size = convert(replace(asked, start=None), "") if same_dimension(target.unit, "") else None
    if present is None or present.comparator is not Comparator.EQ or present.low is None or asked.low is None:
        return asked
    if size is None or size.low is None or present.unit in ("", "%", "‰") or asked.high is not None:
        return asked
    factor = 1 + size.low if target.change == "up" else 1 - size.low
    value = present.low * factor
    if target.change == "up":
        return Quantity(Comparator.GE, value, None, present.unit)
    return Quantity(Comparator.LE, None, value, present.unit)


def _size_of_change(claim: Quantity, way: str) -> Quantity | None:
    """Return the claim as a relative change in the direction ``way``, or None when it is not one."""
    if claim.change:
        return claim if claim.change == way else None
    end = claim.low if claim.low is not None else claim.high
    if not claim.start or end is None:
        return None
    share = (claim.start - end) / abs(claim.start) * (1 if way == "down" else -1)
    return Quantity(Comparator.GE, share * 100, None, "%", way) if share > 0 else None


def _magnitude(quantity: Quantity) -> Quantity:
    """Return a tolerance as its size: ±0.02 mm asks for or promises at most 0.02 mm either way."""
    if quantity.comparator is Comparator.TOLERANCE:
        return replace(quantity, comparator=Comparator.LE, low=None)
    return quantity


def _at_most(wish: Quantity, claim: Quantity) -> tuple[Verdict, str]:
    """Judge an upper bound; lower bounds come here mirrored."""
    if wish.high is None:
        return Verdict.NOT_STATED, "要求读不出上限"
    bound = wish.high + _SLACK * abs(wish.high)
    strict = wish.comparator is Comparator.LT and claim.comparator is not Comparator.LT
    if claim.high is not None and (claim.high < wish.high if strict else claim.high <= bound):
        return Verdict.MET, ""
    if claim.high is None:
        beyond = claim.low is not None and claim.low > bound
        return (Verdict.UNMET, "") if beyond else (Verdict.NOT_STATED, "只给了另一头的界限，没有说能否做到")
    if claim.low is None:
        return Verdict.UNMET, "只保证到这一步"
    if claim.low > bound or claim.low == claim.high:
        return Verdict.UNMET, ""
    return Verdict.NOT_STATED, "只有一部分落在要求之内，请问清条件"


def _mirrored(quantity: Quantity) -> Quantity:
    turned = {
        Comparator.GE: Comparator.LE,
        Comparator.GT: Comparator.LT,
        Comparator.LE: Comparator.GE,
        Comparator.LT: Comparator.GT,
    }
    return replace(
        quantity,
        comparator=turned.get(quantity.comparator, quantity.comparator),
        low=None if quantity.high is None else -quantity.high,
        high=None if quantity.low is None else -quantity.low,
    )


def _within(wish: Quantity, claim: Quantity, name: str) -> tuple[Verdict, str]:
    """Judge a range: a working range must be covered by the claim, any other value must lie inside."""
    upper = _at_most(replace(wish, comparator=Comparator.LE, low=None), claim)[0]
    lower = _at_most(_mirrored(replace(wish, comparator=Comparator.GE, high=None)), _mirrored(claim))[0]
    inside = upper is Verdict.MET and lower is Verdict.MET
    if _SPAN_WORDS.search(name):
        if claim.comparator is not Comparator.RANGE or claim.low is None or claim.high is None:
            return Verdict.NOT_STATED, "要求的是一段范围，能力方没有写出整段"
        covers = wish.low is not None and wish.high is not None and claim.low <= wish.low and claim.high >= wish.high
        return (Verdict.MET, "") if covers else (Verdict.UNMET, "没有覆盖整段范围")
    if inside:
        return Verdict.MET, ""
    if Verdict.NOT_STATED in (upper, lower) or claim.low is None or claim.high is None:
        return Verdict.NOT_STATED, "只有一部分落在要求之内，请问清条件"
    apart = (
        claim.low == claim.high
        or (wish.high is not None and claim.low > wish.high)
        or (wish.low is not None and claim.high < wish.low)
    )
    return (Verdict.UNMET, "") if apart else (Verdict.NOT_STATED, "只有一部分落在要求之内，请问清条件")


def _judge(wish: Quantity, claim: Quantity, name: str) -> tuple[Verdict, str]:
    """Judge one claim, already in the unit of the wish; returns the verdict and a remark, '' when none is needed."""
    if wish.comparator is Comparator.RANGE and not wish.change:
        verdict, remark = _within(wish, claim, name)
    elif wish.comparator in _UP:
        verdict, remark = _at_most(_mirrored(wish), _mirrored(claim))
    else:
        verdict, remark = _at_most(_magnitude(wish), _magnitude(claim))
    bound = wish.low if wish.comparator in _UP else wish.high
    about = claim.low if claim.approximate else None
    if about is not None and bound is not None and abs(about - bound) < _NEAR * abs(bound):
        return Verdict.NOT_STATED, "能力方写的是约数，且紧贴要求，请核实"
    return verdict, remark


def _same_unit(wish: Quantity, claim: Quantity) -> list[Quantity] | str:
    """Return the possible readings of the claim in the unit of the wish, or the Chinese reason why there is none.

    Between a share with a sign (95 %) and a bare number (0.97) both readings are returned, and must agree.
    """
    bare = (wish.unit == "") != (claim.unit == "")
    if not same_dimension(wish.unit, claim.unit):
        if bare:
            return "能力方没有写单位" if claim.unit == "" else "指标没有写单位"
        return f"单位不是同一种量（{claim.unit} 与 {wish.unit}）"
    turned = convert(claim, wish.unit)
    if turned is None:
        return f"单位换算不了（{claim.unit} 与 {wish.unit}）"
    if not bare:
        return [turned]
    share, sign = (claim, wish) if claim.unit == "" else (wish, claim)
    number = share.high if share.low is None else share.low
    most = sign.high if sign.low is None else sign.low
    certain = number is not None and most is not None and 0 < number <= 1 and most >= 50 and sign.unit == "%"
    return [turned] if certain else [turned, replace(claim, unit=wish.unit)]


def _asked(indicator: Indicator, wish: Quantity) -> str:
    """Return the requirement as the need typed it, with the sign of the direction column where it typed none."""
    typed = f"{indicator.target} {indicator.unit}".strip()
    target = parse(indicator.target, indicator.unit)
    if target is not None and target.change and not wish.change:
        return f"{typed}（由 {indicator.present} 算得 {wish.text()}）"
    plain = target is not None and not target.change and target.comparator is Comparator.EQ
    return f"{SIGNS[wish.comparator]}{typed}" if plain else typed


def _against(wish: Quantity, claim: Claim, indicator: Indicator) -> tuple[Verdict, str]:
    """Judge one claim row against a readable wish; returns the verdict and the whole Chinese reason."""
    said = parse(claim.value, claim.unit)
    shown = " ".join(part for part in (claim.value, claim.unit) if part)
    if said is None:
        return Verdict.NOT_STATED, f"能力方写的“{shown}”读不出唯一的数值"
    if wish.change:
        size = _size_of_change(said, wish.change)
        if size is None:
            return Verdict.NOT_STATED, f"要求的是变化幅度，能力方写的是“{shown}”，没有可比的起点"
        said = size
    elif said.change:
        return Verdict.NOT_STATED, f"能力方写的是变化幅度“{shown}”，没有写做到多少"
    readings = _same_unit(wish, said)
    if isinstance(readings, str):
        return Verdict.NOT_STATED, f"能力方写的“{shown}”：{readings}"
    found = [_judge(wish, reading, indicator.name) for reading in readings]
    if len({verdict for verdict, _ in found}) > 1:
        return Verdict.NOT_STATED, f"能力方写的“{shown}”没有百分号，说的是比值还是百分数不清楚"
    verdict, remark = found[0]
    ask = _asked(indicator, wish)
    if verdict is Verdict.MET:
        return verdict, f"能力方写明 {shown}，要求 {ask}"
    tail = f"（{remark}）" if remark else ""
    if verdict is Verdict.UNMET:
        return verdict, f"能力方写明 {shown}，达不到 {ask}{tail}"
    return verdict, f"能力方写的 {shown} 不足以判断 {ask}{tail}"


def _one(indicator: Indicator, claims: Sequence[Claim]) -> IndicatorResult:
    wish = _wish(indicator)
    likeness = [(name_likeness(indicator.name, claim.name), claim) for claim in claims]
    named = [(value, claim) for value, claim in likeness if value >= LIKE_ENOUGH]
    if not named:
        near = next((claim.name for claim in claims if resembles(indicator.name, claim.name)), "")
        reason = f"能力方没有写这项指标（只写了相近的“{near}”，条件或对象不同）" if near else "能力方没有写这项指标"
        return IndicatorResult(indicator, Verdict.NOT_STATED, None, reason)
    named.sort(key=lambda pair: -pair[0])
    if wish.quantity is None:
        same = "".join(indicator.target.split()) == "".join(named[0][1].value.split())
        reason = f"双方都写“{indicator.target}”，不是数值，请人工核对" if same else wish.sentence
        return IndicatorResult(indicator, Verdict.NOT_STATED, named[0][1], reason)
    best, judged = named[0][0], []
    for value, claim in named:
        verdict, reason = _against(wish.quantity, claim, indicator)
        judged.append((value, claim, verdict, reason))
    stated = [row for row in judged if row[2] is not Verdict.NOT_STATED]
    top = [row for row in stated if row[0] >= max(row[0] for row in stated) - _SLACK] if stated else []
    if len({row[2] for row in top}) > 1:
        newest = max(row[1].dated_on for row in top)
        dated = [row for row in top if row[1].dated_on == newest and newest]
        if len({row[2] for row in dated}) != 1:
            values = "、".join(row[1].text() for row in top)
            return IndicatorResult(indicator, Verdict.NOT_STATED, top[0][1], f"能力方前后写法不一：{values}，请核实")
        top = dated
    chosen = top[0] if top else next(row for row in judged if row[0] == best)
    return IndicatorResult(indicator, chosen[2], chosen[1], chosen[3])


def compare(indicators: Sequence[Indicator], claims: Sequence[Claim]) -> list[IndicatorResult]:
    """Return one result for each indicator, in the same order; a claim may answer several indicators."""
    return [_one(indicator, claims) for indicator in indicators]
