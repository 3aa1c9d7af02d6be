"""Hard filters between what a need asks and what a capability offers.  Pure.

A filter passes, fails, or passes as *unknown* because one side has not said (未说明): silence never excludes.  They are
listed to the people who decide and never overridden by a score.  Three decisions behind the table:

* **Industry** excludes only where nothing connects the two: equal clusters pass, and so do clusters that supply one
  another (``ADJACENT``, each with its reason), because half of the good answers come from a neighbouring trade.
* **Modes** are compared by family (development, transfer, advice …): somebody who offers 合作开发 can be asked about
  委托开发, but not about 检验检测.
* **Avoidance and conflicts of interest** read exactly like a capability that is not open at the moment, so that neither
  side learns who avoids whom; sums of money are never printed, because budgets and prices have narrower readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kcz_match.accounts.districts import DISTRICT
from kcz_match.catalogue.terms import word

UNSTATED = "未说明"
OPEN = "open"


@dataclass(frozen=True)
class NeedTerms:
    """What a need asks: codes of ``catalogue/terms.py``; money in 万元; None or '' means not said.

    ``avoided`` are organisations the poster does not want to meet; ``conflicts`` those that the conflict graph forbids.
    """

    organisation_id: int
    industry: str = ""
    kind: str = ""
    modes: tuple[str, ...] = ()
    min_trl: int | None = None
    budget_max: float | None = None
    district_code: str = ""
    avoided: frozenset[int] = frozenset()
    conflicts: frozenset[int] = frozenset()


@dataclass(frozen=True)
class CapabilityTerms:
    """What a capability offers: codes of ``catalogue/terms.py``; money in 万元; None or empty means not said.

    ``regions`` empty means the whole city.  ``capacity_left`` is the number of contacts still free this month.
    ``organisation_ids`` are further organisations behind it (the expert's employer, the lead society).
    """

    organisation_id: int
    type: str = ""
    industries: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    trl: int | None = None
    price_min: float | None = None
    regions: tuple[str, ...] = ()
    avoided: frozenset[int] = frozenset()
    organisation_ids: frozenset[int] = frozenset()
    published: bool = True
    stale: bool = False
    capacity_left: int | None = None


@dataclass(frozen=True)
class FilterResult:
    """One line of the filter table: ``name`` and ``detail`` are Chinese and safe for both sides to read.

    ``unknown`` is True only for a line that passes because a side has not said.  ``code`` names the filter in code.
    """

    name: str
    passed: bool
    detail: str
    unknown: bool = False
    code: str = ""


TYPES_FOR_KIND: dict[str, frozenset[str]] = {
    "rd": frozenset({"result", "expert", "service", "pilot"}),
    "testing": frozenset({"testing", "service", "pilot", "expert"}),
    "standard": frozenset({"expert", "service", "testing"}),
    "talent": frozenset({"expert"}),
    "consulting": frozenset({"expert", "service"}),
    "finance": frozenset({"service"}),
    "training": frozenset({"expert", "service"}),
}
DEVELOPING = frozenset({"entrust", "joint", "open_call", "lab"})
MODE_FAMILIES: tuple[tuple[str, frozenset[str]], ...] = (
    ("研发", DEVELOPING),
    ("技术转移", frozenset({"transfer", "license", "equity"})),
    ("咨询服务", frozenset({"consult", "service", "diagnosis", "training"})),
    ("检测标准", frozenset({"testing", "standard"})),
    ("引才", frozenset({"talent"})),
)
ADJACENT: dict[frozenset[str], str] = {
    frozenset(pair): reason
    for pair, reason in (
        (("nev", "energy"), "动力电池与储能同源"),
        (("nev", "ic"), "车规芯片"),
        (("nev", "rail"), "电驱与结构件相通"),
        (("uhd", "ic"), "显示驱动与面板工艺"),
        (("bio", "biomake"), "发酵与分离纯化相通"),
        (("energy", "ic"), "功率器件"),
        (("energy", "marine"), "船用动力与海上能源"),
        (("air", "nev"), "电动力与导航感知相通"),
        (("air", "marine"), "耐蚀轻质结构"),
        (("air", "ic"), "航空电子"),
        (("rail", "build"), "隧道与结构施工"),
        (("marine", "build"), "厚板焊接与结构监测"),
        (("marine", "rail"), "大型焊接结构"),
        (("fashion", "biomake"), "生物基原料与活性物"),
        (("fashion", "bio"), "功效与安全性评价"),
        (("soft", "uhd"), "编解码与渲染"),
    )
}
SUPPLIERS = {"ai": "通用智能方法", "soft": "通用软件", "equip": "通用装备与产线", "chem": "通用材料"}


def _line(code: str, name: str, passed: bool, detail: str) -> FilterResult:
    return FilterResult(name, passed, detail, code=code)


def _unknown(code: str, name: str, who: str) -> FilterResult:
    return FilterResult(name, True, f"{who}{UNSTATED}", unknown=True, code=code)


def _open(need: NeedTerms, offer: CapabilityTerms) -> FilterResult:
    """Published, not avoided, no conflict: one sentence for all three, so that it tells nobody which it was."""
    behind = offer.organisation_ids | {offer.organisation_id}
    barred = behind & (need.avoided | need.conflicts) or need.organisation_id in offer.avoided
    if not offer.published or barred:
        return _line(OPEN, "对接状态", False, "目前不能对接")
    if offer.capacity_left is not None and offer.capacity_left <= 0:
        return _line(OPEN, "对接状态", False, "本月可接的对接已满")
    return _line(OPEN, "对接状态", True, "可对接（超过期限未确认，请先核实）" if offer.stale else "可对接")


def _organisation(need: NeedTerms, offer: CapabilityTerms) -> FilterResult:
    same = need.organisation_id in offer.organisation_ids | {offer.organisation_id}
    return _line("organisation", "单位", not same, "双方是同一单位" if same else "不是同一单位")


def _kind(need: NeedTerms, offer: CapabilityTerms) -> FilterResult:
    if not need.kind or not offer.type:
        return _unknown("kind", "需求类型", "需求类型" if not need.kind else "能力类型")
    wanted, offered = word("need_kinds", need.kind), word("capability_types", offer.type)
    if offer.type not in TYPES_FOR_KIND.get(need.kind, frozenset({offer.type})):
        return _line("kind", "需求类型", False, f"“{offered}”不承接“{wanted}”类需求")
    if need.kind == "finance" and DEVELOPING & set(offer.modes):
        return _line("kind", "需求类型", False, "融资需求不推荐给研发团队")
    return _line("kind", "需求类型", True, f"“{offered}”可承接“{wanted}”类需求")


def industry_tie(industry: str, offered: Iterable[str]) -> str | None:
    """Return why the ``offered`` clusters can serve ``industry``, '' when one is equal, None when nothing does."""
    clusters = tuple(offered)
    if industry in clusters:
        return ""
    for cluster in clusters:
        if reason := ADJACENT.get(frozenset({industry, cluster})):
            return f"{word('industries', cluster)}：{reason}"
    for cluster in clusters:
        if cluster in SUPPLIERS:
            return f"{word('industries', cluster)}：{SUPPLIERS[cluster]}"
    return None


def _industry(need: NeedTerms, offer: CapabilityTerms) -> FilterResult:
    if not need.industry or not offer.industries:
        return _unknown("industry", "产业", "需求方" if not need.industry else "能力方")
    tie = industry_tie(need.industry, offer.industries)
    if tie is None:
        offered = "、".join(word("industries", code) for code in offer.industries)
        return _line("industry", "产业", False, f"能力面向{offered}，与{word('industries', need.industry)}不相邻")
    return _line("industry", "产业", True, word("industries", need.industry) if not tie else f"相邻产业（{tie}）")


def _modes(need: NeedTerms, offer: CapabilityTerms) -> FilterResult:
    if not need.modes or not offer.modes:
        return _unknown("modes", "合作方式", "需求方" if not need.modes else "能力方")
    shared = [code for code in need.modes if code in offer.modes]
    if shared:
        return _line("modes", "合作方式", True, "、".join(word("modes", code) for code in shared))
    for family, codes in MODE_FAMILIES:
        if codes & set(need.modes) and codes & set(offer.modes):
            return _line("modes", "合作方式", True, f"同属{family}类，具体方式可商量")
    offered = "、".join(word("modes", code) for code in offer.modes)
    return _line("modes", "合作方式", False, f"能力方只提供{offered}")


def _maturity(need: NeedTerms, offer: CapabilityTerms) -> FilterResult:
    if need.min_trl is None:
        return _unknown("trl", "成熟度", "需求方")
    name = f"成熟度≥{need.min_trl}"
    if offer.trl is None:
        return _unknown("trl", name, "能力方")
    return _line("trl", name, offer.trl >= need.min_trl, word("trl", offer.trl))


def _money(need: NeedTerms, offer: CapabilityTerms) -> FilterResult:
    if need.budget_max is None or offer.price_min is None:
        return _unknown("budget", "预算与报价", "需求方预算" if need.budget_max is None else "能力方报价")
    affordable = offer.price_min <= need.budget_max
    return _line("budget", "预算与报价", affordable, "报价区间与预算有交集" if affordable else "报价下限高于预算上限")


def _region(need: NeedTerms, offer: CapabilityTerms) -> FilterResult:
    if not offer.regions:
        return _line("region", "服务区域", True, "全市")
    if not need.district_code:
        return _unknown("region", "服务区域", "需求方所在区")
    names = "、".join(DISTRICT[code].name if code in DISTRICT else code for code in offer.regions)
    return _line("region", "服务区域", need.district_code in offer.regions, f"只服务{names}")


def check(need: NeedTerms, capability: CapabilityTerms) -> list[FilterResult]:
    """Return one line per filter, in the order shown; the two match only if every line has ``passed``."""
    filters = (_industry, _kind, _modes, _maturity, _money, _region, _organisation, _open)
    return [one(need, capability) for one in filters]


def passes(results: Sequence[FilterResult]) -> bool:
    """Return whether no filter failed; lines that are merely unknown do not exclude."""
    return all(result.passed for result in results)
