"""The drafting coach: what a need still lacks, said while it is being written.  Pure rules, no model.

Every remark says what to write and shows how, with an example of the same industry.  From the same reading follow the
clarity class and the route: a need without one checkable indicator or one owner can be published only as *diagnosing*.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from kcz_match.catalogue import coach_words as words
from kcz_match.catalogue.coach_examples import Example, example_for
from kcz_match.catalogue.fields import NEED_FIELD, NEED_FIELDS, Form, Indicator, Tier
from kcz_match.catalogue.identifying import identifying_details
from kcz_match.catalogue.indicators import wanted, why_unverifiable
from kcz_match.catalogue.quantities import parse

Clarity = Literal["clear", "vague", "concept"]
CLARITY_LABELS: dict[str, str] = {"clear": "清晰", "vague": "模糊", "concept": "概念"}


@dataclass(frozen=True)
class Warning:
    """One remark: the rule's ``code``, the form ``field``, a ``sentence`` on what to write, an ``example`` of how."""

    code: str
    field: str
    sentence: str
    example: str = ""


@dataclass(frozen=True)
class Advice:
    """Everything the coach says about one draft: remarks in the order of the form, clarity, and the score's parts.

    ``parts`` maps a Chinese part name to (reached, reachable); ``score`` is their sum out of 100.
    """

    warnings: tuple[Warning, ...]
    clarity: Clarity
    parts: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def score(self) -> int:
        """Return the sum of the parts reached, 0 to 100."""
        return sum(reached for reached, _ in self.parts.values())

    @property
    def gives_away(self) -> tuple[str, ...]:
        """Return what the remarks say of identifying details in public fields."""
        return tuple(warning.sentence for warning in self.warnings if warning.code == "identifying")

    @property
    def clarity_label(self) -> str:
        """Return the clarity class in Chinese."""
        return CLARITY_LABELS[self.clarity]


@dataclass(frozen=True)
class _Draft:
    """The draft as the rules read it."""

    values: Mapping[str, object]
    indicators: tuple[Indicator, ...]
    tiers: Mapping[str, Tier]
    names: tuple[str, ...]
    today: date | None
    example: Example

    def text(self, name: str) -> str:
        """Return the stripped text of a field, '' when it is empty."""
        value = self.values.get(name)
        return "" if value is None else str(value).strip()


def _specifics(text: str) -> int:
    """Return how many characters say something once wishes and empty words are taken out."""
    return len(words.STOP.sub("", words.WISHES.sub("", text)))


def _has_number(text: str) -> bool:
    pieces = (piece for piece in re.split(r"[，,。；;\n]", text) if re.search(r"[\d一二三四五六七八九十半]", piece))
    return any(parse(piece) is not None for piece in pieces)


def _is_checkable(indicator: Indicator) -> bool:
    """Whether the row has a name, a readable target with a direction, and a unit or clearly none to have."""
    quantity = wanted(indicator)
    if quantity is None or not indicator.name.strip():
        return False
    no_unit = indicator.unit.strip() in ("1", "无", "无量纲", "/")
    return quantity.unit != "" or no_unit or bool(words.PLAIN_NUMBER.search(indicator.name)) or ":" in indicator.target


def _is_real_problem(draft: _Draft) -> bool:
    problem = draft.text("problem")
    return len(problem) >= words.SHORT_PROBLEM and _specifics(problem) >= words.SPECIFIC


def _title(draft: _Draft) -> Iterable[Warning]:
    title = draft.text("title")
    if not title:
        return
    if len(title) > words.LONG_TITLE:
        yield Warning(
            "title_long",
            "title",
            f"名称有 {len(title)} 字，列表里看不全。只留对象、问题和一个关键指标。",
            draft.example.title,
        )
    if _specifics(title) < 4:
        yield Warning(
            "title_general",
            "title",
            "名称太笼统，看不出是什么产品的什么问题。写出对象、工序和要解决的缺陷。",
            draft.example.title,
        )


def _two_needs(draft: _Draft) -> Iterable[Warning]:
    kind = draft.text("kind")
    hit = words.TWO_TITLES.search(draft.text("title"))
    where, said = ("title", hit.group()) if hit else ("", "")
    for name in ("title", "problem", "target"):
        if where:
            break
        found = words.TWO_WISHES.search(draft.text(name)) if name != "title" else None
        for other, pattern in words.OTHER_KINDS.items():
            found = found or (pattern.search(draft.text(name)) if other != kind else None)
        if found:
            where, said = name, found.group()
    if where:
        yield Warning(
            "two_needs",
            where,
            f"像是把两件事写在一条里（“{said[-20:]}”）。请拆成两条，各写各的问题和指标，才能分别匹配。",
            draft.example.title,
        )


def _wish_words(draft: _Draft) -> Iterable[Warning]:
    for name in ("title", "background", "problem", "target"):
        for piece in re.split(r"[，,。；;\n]", draft.text(name)):
            hit = words.WISHES.search(piece)
            if hit and not re.search(r"\d", piece):
                example = draft.example.indicator if name == "target" else draft.example.problem
                yield Warning(
                    "wish_words",
                    name,
                    f"“{hit.group()}”没有内容。请写明是哪项、现在多少、要到多少。",
                    example,
                )
                break


def _problem(draft: _Draft) -> Iterable[Warning]:
    problem = draft.text("problem")
    if not problem:
        yield Warning(
            "no_problem",
            "problem",
            "还没有写技术难题。写清哪道工序、什么现象、现在多少、损失多大。",
            draft.example.problem,
        )
    elif len(problem) < words.SHORT_PROBLEM:
        yield Warning(
            "problem_short",
            "problem",
            f"难题只有 {len(problem)} 字，对方判断不了。补上工序、现象、现在的数和损失。",
            draft.example.problem,
        )
    elif not _is_real_problem(draft):
        yield Warning(
            "problem_empty",
            "problem",
            "难题里没有具体的对象和现象。写清在哪道工序、出什么现象、为什么自己解决不了。",
            draft.example.problem,
        )


def _tried(draft: _Draft) -> Iterable[Warning]:
    if not draft.text("tried"):
        yield Warning(
            "no_tried",
            "tried",
            "写上试过什么、结果如何，免得对方重走老路；没试过就写“还没有试过”。",
            draft.example.tried,
        )


def _target(draft: _Draft) -> Iterable[Warning]:
    target = draft.text("target")
    loose = words.ADJECTIVES.search(target)
    if loose and not _has_number(target) and not any(_is_checkable(row) for row in draft.indicators):
        shown = loose.group()
        yield Warning(
            "target_adjectives",
            "target",
            f"目标里只有“{shown}”这类形容词，验收时说不清。换成能测的数。",
            draft.example.indicator,
        )


def _numbers(draft: _Draft) -> Iterable[Warning]:
    texts = (draft.text(name) for name in ("title", "problem", "target"))
    if not draft.indicators and not any(_has_number(text) for text in texts):
        yield Warning(
            "no_number",
            "indicators",
            "通篇没有一个数字。请在指标表写一行：名称、目标值、单位。",
            draft.example.indicator,
        )
    elif not draft.indicators:
        yield Warning(
            "no_indicator",
            "indicators",
            "数字写在正文里，没有进指标表，系统无法逐项核对。请填成一行。",
            draft.example.indicator,
        )
    elif not any(indicator.must for indicator in draft.indicators):
        yield Warning(
            "no_must",
            "indicators",
            "指标都标成了“期望”。至少把一项标为“必须”，达不到就不算解决。",
            draft.example.indicator,
        )


def _rows(draft: _Draft) -> Iterable[Warning]:
    for row, indicator in enumerate(draft.indicators, start=1):
        name = f"第 {row} 行“{indicator.name.strip() or '未命名'}”"
        reason = why_unverifiable(indicator)
        if not indicator.name.strip():
            yield Warning(
                "indicator_unnamed",
                "indicators",
                f"第 {row} 行指标没有名称。写明测的是什么。",
                draft.example.indicator,
            )
        elif words.GRADE.match(indicator.target.strip()):
            pass
        elif reason:
            yield Warning(
                "indicator_unreadable",
                "indicators",
                f"{name}：{reason}。目标写成一个数或一段范围。",
                draft.example.indicator,
            )
        elif not _is_checkable(indicator):
            yield Warning(
                "no_unit",
                "indicators",
                f"{name}没有单位。请在单位栏填写；确实没有单位的填“无”。",
                draft.example.indicator,
            )
        if not indicator.method.strip():
            yield Warning(
                "no_method",
                "indicators",
                f"{name}没有检测方法。写明按什么标准或怎么测、测多少件。",
                draft.example.method,
            )


def _owner(draft: _Draft) -> Iterable[Warning]:
    if not draft.text("owner_name"):
        yield Warning(
            "no_owner",
            "owner_name",
            "没有需求负责人。填能拍板的人；没有负责人的需求只能以“诊断中”发布。",
            "生产副总或研发主管",
        )


def _money(draft: _Draft) -> Iterable[Warning]:
    low, high = _figure(draft.values.get("budget_min")), _figure(draft.values.get("budget_max"))
    if low is not None and high is not None and low > high:
        yield Warning(
            "budget_order",
            "budget_min",
            f"预算下限 {low:g} 万元高于上限 {high:g} 万元，请对调或改正。",
            "下限 50，上限 100",
        )


def _dates(draft: _Draft) -> Iterable[Warning]:
    due, start = _day(draft.values.get("due_on")), _day(draft.values.get("starts_on"))
    if due and draft.today and due < draft.today:
        yield Warning(
            "due_past",
            "due_on",
            f"完成时限 {due.isoformat()} 已经过去，请改成今天以后的日期。",
            "半年后的月底",
        )
    if due and start and due < start:
        yield Warning("due_before_start", "due_on", "完成时限早于需求开始，请核对两个日期。", "开始后 6 个月")


def _figure(value: object) -> float | None:
    try:
        return None if value in (None, "") else float(str(value))
    except ValueError:
        return None


def _day(value: object) -> date | None:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)) if value else None
    except ValueError:
        return None


def _details(draft: _Draft) -> Iterable[Warning]:
    for one in NEED_FIELDS:
        tier = one.tier if one.tier_fixed else draft.tiers.get(one.name, one.tier)
        if tier is Tier.PUBLIC and one.form in (Form.LINE, Form.TEXT):
            yield from _detail_warnings(draft, one.name, one.label, draft.text(one.name))
    rows = "\n".join(f"{row.name} {row.present} {row.target} {row.method}" for row in draft.indicators)
    yield from _detail_warnings(draft, "indicators", "指标表", rows)


def _detail_warnings(draft: _Draft, name: str, label: str, text: str) -> Iterable[Warning]:
    for detail in identifying_details(text, draft.names):
        yield Warning(
            "identifying",
            name,
            f"公开栏“{label}”里出现{detail.kind}“{detail.found}”。请改掉，或把这一栏改成不公开。",
            detail.instead,
        )


_RULES = (_title, _two_needs, _wish_words, _problem, _tried, _target, _numbers, _rows, _owner, _money, _dates, _details)
_ORDER = {name: place for place, name in enumerate(NEED_FIELD)} | {"indicators": list(NEED_FIELD).index("target") + 0.5}


def _clarity(real: bool, checkable: bool, owned: bool) -> Clarity:
    if real and checkable and owned:
        return "clear"
    return "vague" if real or checkable else "concept"


def _parts(draft: _Draft, codes: set[str], real: bool, checkable: bool) -> dict[str, tuple[int, int]]:
    methods = [row for row in draft.indicators if row.method.strip()]
    framed = [name for name in ("budget_max", "due_on") if draft.text(name)]
    return {
        "问题说清": (25 if real else 10 if draft.text("problem") else 0, 25),
        "可检验指标": (30 if checkable else 10 if draft.indicators else 0, 30),
        "检测方法": (10 * len(methods) // len(draft.indicators) if draft.indicators else 0, 10),
        "有负责人": (10 if draft.text("owner_name") else 0, 10),
        "已尝试的办法": (10 if draft.text("tried") else 0, 10),
        "预算和时限": (0 if codes & {"budget_order", "due_past", "due_before_start"} else len(framed) * 5 // 2, 5),
        "用词具体": (0 if codes & words.LOOSE else 5, 5),
        "公开栏不泄露身份": (0 if "identifying" in codes else 5, 5),
    }


def coach(
    values: Mapping[str, object],
    indicators: Sequence[Indicator] = (),
    tiers: Mapping[str, Tier] | None = None,
    *,
    names: Sequence[str] = (),
    today: date | None = None,
) -> Advice:
    """Return the advice on one draft; any field may be missing, and no value raises.

    ``values`` are form or record values by field name, ``tiers`` the fields whose tier was changed, ``names`` the names
    of the poster's own organisation (not to appear in public fields).  Without ``today`` no date is called past.
    """
    rows = tuple(row for row in indicators if row.name.strip() or row.target.strip())
    example = example_for(values.get("industry"))
    draft = _Draft(values, rows, tiers or {}, tuple(names), today, example)
    warnings = sorted((one for rule in _RULES for one in rule(draft)), key=lambda one: _ORDER[one.field])
    checkable = any(row.must and _is_checkable(row) for row in rows)
    real = _is_real_problem(draft)
    clarity = _clarity(real, checkable, bool(draft.text("owner_name")))
    return Advice(tuple(warnings), clarity, _parts(draft, {one.code for one in warnings}, real, checkable))


def may_be_published_as(advice: Advice) -> Literal["matching", "diagnosing"]:
    """Return the state a published need may enter: only a clear one may be matched, any other is first diagnosed."""
    return "matching" if advice.clarity == "clear" else "diagnosing"
