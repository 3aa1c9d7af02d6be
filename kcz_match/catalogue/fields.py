"""The fields of a need and of a capability: one table each, read by everything.

The form, the validator, the Excel template, the import, the printed list, the old/new comparison and the
visibility rules all read these tables, so a field is described once.  Pure: no Flask, no database.

Sources of the need fields: the five blocks of the national platform page (title, industry, background, problem,
target), the provincial collection form (time span, funds, cooperation, keywords, research activity) and the
open-call form (assessment, deadline, property, payer, conditions on the solver).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tier(StrEnum):
    """Who may read a field: everybody, members of verified organisations, or both sides after consent."""

    PUBLIC = "public"
    MEMBERS = "members"
    CONSENT = "consent"


TIER_LABELS = {Tier.PUBLIC: "公开", Tier.MEMBERS: "认证成员", Tier.CONSENT: "同意后"}
TIER_HELP = {
    Tier.PUBLIC: "任何人可见",
    Tier.MEMBERS: "经办公室核验的单位登录后可见",
    Tier.CONSENT: "双方接受对接意向后才向对方公开",
}


class Form(StrEnum):
    """How a value is typed: one line, several lines, one of a list, some of a list, a number, a date, yes or no."""

    LINE = "line"
    TEXT = "text"
    CHOICE = "choice"
    CHOICES = "choices"
    NUMBER = "number"
    DATE = "date"
    FLAG = "flag"


@dataclass(frozen=True)
class Field:
    """One field: its name in code, its label, how it is typed, its limit, who sees it, and when it is required.

    ``limit`` counts characters for text and is the greatest value for numbers.  ``terms`` names a list in
    ``terms.py``.  ``tier`` is the tier a new record starts with; ``tier_fixed`` forbids changing it.
    ``needed`` means that the record cannot be submitted without it.  ``section`` groups fields on the form.
    """

    name: str
    label: str
    form: Form = Form.LINE
    limit: int = 200
    tier: Tier = Tier.PUBLIC
    section: str = ""
    terms: str = ""
    help: str = ""
    example: str = ""
    unit: str = ""
    needed: bool = False
    tier_fixed: bool = False
    types: tuple[str, ...] = ()


NEED_SECTIONS = (
    ("problem", "① 说清问题"),
    ("indicators", "② 指标"),
    ("cooperation", "③ 合作与预算"),
    ("people", "④ 联系人与范围"),
)

NEED_FIELDS: tuple[Field, ...] = (
    Field(
        "title",
        "项目名称",
        limit=60,
        section="problem",
        needed=True,
        tier_fixed=True,
        help="一句话说清对象和要解决的问题，不写企业名称。",
        example="一体化压铸件在线缺陷检测（漏检率 ≤0.1%）",
    ),
    Field("kind", "需求类型", Form.CHOICE, section="problem", terms="need_kinds", needed=True, tier_fixed=True),
    Field("industry", "行业领域", Form.CHOICE, section="problem", terms="industries", needed=True, tier_fixed=True),
    Field(
        "keywords",
        "关键词",
        limit=100,
        section="problem",
        needed=True,
        help="1–5 个，用逗号或空格分开。",
        example="压铸 X射线 缺陷识别",
        tier_fixed=True,
    ),
    Field(
        "background",
        "需求背景",
        Form.TEXT,
        2000,
        section="problem",
        needed=True,
        help="现在怎么做、在哪道工序、损失多大。",
    ),
    Field(
        "problem",
        "需解决的主要技术难题",
        Form.TEXT,
        2000,
        section="problem",
        needed=True,
        help="具体卡在哪里，为什么自己解决不了。",
    ),
    Field(
        "target",
        "期望实现的主要技术目标",
        Form.TEXT,
        2000,
        section="indicators",
        needed=True,
        help="做到什么程度算解决。能用数字的写到下面的指标表。",
    ),
    Field(
        "tried",
        "已尝试的办法",
        Form.TEXT,
        2000,
        Tier.MEMBERS,
        section="problem",
        help="试过什么、结果如何，免得对方重走老路。",
    ),
    Field("benefit", "预期经济和社会效益", Form.TEXT, 1000, Tier.MEMBERS, section="indicators"),
    Field("modes", "合作方式", Form.CHOICES, section="cooperation", terms="modes", needed=True, tier_fixed=True),
    Field(
        "min_trl",
        "最低成熟度",
        Form.CHOICE,
        section="cooperation",
        terms="trl",
        help="低于这一级的能力不会推荐给您。",
        tier_fixed=True,
    ),
    Field("urgency", "紧急程度", Form.CHOICE, section="cooperation", terms="urgency", needed=True, tier_fixed=True),
    Field("starts_on", "需求开始", Form.DATE, section="cooperation", tier=Tier.MEMBERS),
    Field("due_on", "完成时限", Form.DATE, section="cooperation", tier=Tier.MEMBERS),
    Field("budget_min", "预算下限", Form.NUMBER, 1_000_000, Tier.CONSENT, section="cooperation", unit="万元"),
    Field(
        "budget_max",
        "预算上限",
        Form.NUMBER,
        1_000_000,
        Tier.CONSENT,
        section="cooperation",
        unit="万元",
        help="默认不对外显示，只用来筛掉报价明显不合的能力。",
    ),
    Field("payer", "付款方", Form.CHOICE, section="cooperation", terms="payers", tier=Tier.MEMBERS),
    Field("cash_payable", "可现金支付给解决方", Form.FLAG, section="cooperation", tier=Tier.MEMBERS),
    Field("ip_terms", "知识产权归属设想", Form.TEXT, 500, Tier.MEMBERS, section="cooperation"),
    Field("solver_conditions", "对解决方的条件", Form.TEXT, 500, Tier.MEMBERS, section="cooperation"),
    Field("not_alone", "自身无法解决的说明", Form.TEXT, 500, Tier.MEMBERS, section="cooperation"),
    Field("activity", "研究活动类型", Form.CHOICE, section="cooperation", terms="activities", tier=Tier.MEMBERS),
    Field("partners", "合作意向单位", limit=200, tier=Tier.CONSENT, section="cooperation"),
    Field(
        "owner_name",
        "需求负责人",
        limit=40,
        tier=Tier.CONSENT,
        section="people",
        tier_fixed=True,
        help="能拍板的人。没有负责人的需求只能以“诊断中”发布。",
    ),
    Field("owner_phone", "负责人电话", limit=40, tier=Tier.CONSENT, section="people", tier_fixed=True),
    Field("technical_contact", "技术联系人", limit=40, tier=Tier.CONSENT, section="people", tier_fixed=True),
    Field("technical_phone", "技术联系人电话", limit=40, tier=Tier.CONSENT, section="people", tier_fixed=True),
    Field("signer", "签约人", limit=40, tier=Tier.CONSENT, section="people", tier_fixed=True),
    Field(
        "valid_until",
        "有效期至",
        Form.DATE,
        section="people",
        tier_fixed=True,
        help="不填则按紧急程度：紧急 3 个月，一般 6 个月，长期 12 个月。",
    ),
)

CAPABILITY_SECTIONS = (
    ("what", "① 能解决什么"),
    ("proof", "② 指标与佐证"),
    ("terms", "③ 合作条件"),
    ("details", "④ 类型专项"),
    ("people", "⑤ 联系人"),
)

CAPABILITY_FIELDS: tuple[Field, ...] = (
    Field(
        "title", "名称", limit=60, section="what", needed=True, tier_fixed=True, help="写能做成的事，不写头衔和奖项。"
    ),
    Field("type", "类型", Form.CHOICE, section="what", terms="capability_types", needed=True, tier_fixed=True),
    Field("industries", "行业领域", Form.CHOICES, section="what", terms="industries", needed=True, tier_fixed=True),
    Field(
        "keywords", "关键词", limit=100, section="what", needed=True, help="1–5 个，用逗号或空格分开。", tier_fixed=True
    ),
    Field("problem", "解决的问题", Form.TEXT, 2000, section="what", needed=True, help="谁在什么场合遇到的什么问题。"),
    Field("method", "技术路线和方法", Form.TEXT, 2000, section="what", needed=True),
    Field("trl", "成熟度", Form.CHOICE, section="proof", terms="trl", needed=True, tier_fixed=True),
    Field("trl_proof", "成熟度证明", Form.TEXT, 500, section="proof", help="到这一级的依据：报告、用户、时间。"),
    Field("comparison", "与现有做法比较", Form.TEXT, 1000, section="proof", help="性能、成本各差多少。"),
    Field("cases", "应用案例", Form.TEXT, 1000, section="proof"),
    Field("limits", "不适用的情形", Form.TEXT, 500, section="proof", help="说清边界，匹配页会作为“反对理由”如实显示。"),
    Field("ip", "知识产权", Form.TEXT, 500, Tier.MEMBERS, section="terms", help="类型、号、权利人、有无负担。"),
    Field("modes", "合作方式", Form.CHOICES, section="terms", terms="modes", needed=True, tier_fixed=True),
    Field("price_min", "报价下限", Form.NUMBER, 1_000_000, Tier.MEMBERS, section="terms", unit="万元"),
    Field("price_max", "报价上限", Form.NUMBER, 1_000_000, Tier.MEMBERS, section="terms", unit="万元"),
    Field(
        "regions",
        "可服务区域",
        Form.CHOICES,
        section="terms",
        terms="districts",
        help="不选表示全市。",
        tier_fixed=True,
    ),
    Field("monthly_capacity", "每月可接对接数", Form.NUMBER, 200, section="terms", unit="次/月", needed=True),
    Field("person", "专家姓名", limit=40, tier=Tier.MEMBERS, section="details", types=("expert",)),
    Field("post", "单位和职称", limit=100, tier=Tier.MEMBERS, section="details", types=("expert",)),
    Field("directions", "研究方向", Form.TEXT, 500, section="details", types=("expert",)),
    Field("solved", "已解决的问题", Form.TEXT, 1000, section="details", types=("expert",)),
    Field("service_items", "服务项目", Form.TEXT, 1000, section="details", types=("service",)),
    Field("standards", "执行标准", limit=200, section="details", types=("service", "testing")),
    Field("cycle", "服务周期", limit=60, section="details", types=("service", "testing", "pilot")),
    Field("qualification", "资质", limit=200, section="details", types=("service", "testing")),
    Field("equipment", "主要设备", Form.TEXT, 1000, section="details", types=("testing", "pilot")),
    Field("parameters", "能力参数", Form.TEXT, 1000, section="details", types=("testing", "pilot")),
    Field("open_hours", "开放时间", limit=100, section="details", types=("testing", "pilot")),
    Field("contact_name", "联系人", limit=40, tier=Tier.CONSENT, section="people", tier_fixed=True, needed=True),
    Field("contact_phone", "联系电话", limit=40, tier=Tier.CONSENT, section="people", tier_fixed=True, needed=True),
)

NEED_FIELD = {field.name: field for field in NEED_FIELDS}
CAPABILITY_FIELD = {field.name: field for field in CAPABILITY_FIELDS}


class Direction(StrEnum):
    """Which side of the target is good: at least, at most, or inside a range."""

    AT_LEAST = "ge"
    AT_MOST = "le"
    RANGE = "range"


DIRECTION_LABELS = {Direction.AT_LEAST: "≥", Direction.AT_MOST: "≤", Direction.RANGE: "区间"}


@dataclass(frozen=True)
class Indicator:
    """One row of a need's indicator table; every text is as typed (``present`` and ``target`` without the unit)."""

    name: str
    target: str
    unit: str = ""
    direction: Direction = Direction.AT_LEAST
    present: str = ""
    method: str = ""
    must: bool = True

    def text(self) -> str:
        """Return the row as one readable phrase, e.g. ``漏检率 ≤0.1 %``."""
        sign = "" if self.direction is Direction.RANGE else DIRECTION_LABELS[self.direction]
        return f"{self.name} {sign}{self.target} {self.unit}".strip()


@dataclass(frozen=True)
class Claim:
    """One row of a capability's claims: what it reaches, and the paper that says so."""

    name: str
    value: str
    unit: str = ""
    evidence: str = ""
    dated_on: str = ""

    def text(self) -> str:
        """Return the row as one readable phrase, e.g. ``漏检率 0.06 %``."""
        return f"{self.name} {self.value} {self.unit}".strip()


INDICATOR_LIMITS = {"name": 60, "present": 40, "target": 40, "unit": 20, "method": 100}
CLAIM_LIMITS = {"name": 60, "value": 40, "unit": 20, "evidence": 200}
MOST_ROWS = 20
