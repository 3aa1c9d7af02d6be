"""The columns of a technology needs list (技术需求清单), made from the field table, and other names for them.  Pure.

The template, the export and the reader share this page, so a list that was exported can be read in again.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from kcz_match.catalogue.fields import DIRECTION_LABELS, NEED_FIELD, NEED_FIELDS, Form

GROUPS = 3
MOST_GROUPS = 20
MARK = "序号"
NOTE_MARK, EXAMPLE_MARK = "说明", "示例"
FREE_INDICATORS = "指标"
PERIOD = "需求时限"

PARTS = {
    "name": "名称",
    "present": "现状",
    "direction": "方向",
    "target": "目标",
    "unit": "单位",
    "method": "检测方法",
    "must": "必须",
}
PART_HELP = {
    "name": "能测量的量，例如：漏检率",
    "present": "现在的数值，可不填",
    "direction": "从列表选：≥、≤ 或区间",
    "target": "数字，例如 0.1；区间写 20–25",
    "unit": "例如 %、s、MPa",
    "method": "怎么测，谁来测",
    "must": "必须 或 期望，不填算必须",
}
PART_WORDS = {"direction": tuple(DIRECTION_LABELS.values()), "must": ("必须", "期望")}
PART_ALIASES = {
    "name": ("名称", "指标名称", ""),
    "present": ("现状", "现状值", "现有值", "目前水平", "当前值"),
    "direction": ("方向", "比较", "符号"),
    "target": ("目标", "目标值", "要求值"),
    "unit": ("单位", "计量单位"),
    "method": ("检测方法", "测试方法", "检验方法", "考核方法"),
    "must": ("必须", "要求", "必须或期望", "性质"),
}

ALIASES = {
    "title": "技术需求名称 需求名称 需求题目 项目需求名称 难题名称 技术难题名称",
    "kind": "需求类别",
    "industry": "所属行业 应用行业 技术领域 所属领域 所属产业 产业领域 需求技术所属领域 行业",
    "keywords": "关键字",
    "background": "项目背景 背景",
    "problem": "需求概述 主要技术难题 技术难题 主要问题 技术关键 主要内容 需求内容 难题描述 需求描述 问题描述",
    "target": "主要技术目标 技术目标 预期目标 期望目标 技术目标内容 主要目标",
    "tried": "已尝试的方法 已有尝试",
    "benefit": "预期效益 经济效益 经济和社会效益",
    "modes": "合作模式 技术需求解决方式 解决方式 技术需求合作模式 拟合作方式",
    "min_trl": "期望成熟度 最低技术成熟度 成熟度",
    "urgency": "紧急度",
    "starts_on": "开始时间 开始日期 起始时间",
    "due_on": "完成时间 截止时间 完成日期 完成期限",
    "budget_max": "拟投入资金 投入资金 资金投入 预算 预算金额 拟投入经费",
    "ip_terms": "产权归属 知识产权归属",
    "solver_conditions": "对揭榜方的条件要求 对揭榜方的要求 对解决方的要求",
    "not_alone": "自身无法解决说明",
    "activity": "科技活动类型 研究类型 科技活动研究类型",
    "partners": "拟合作单位",
    "owner_name": "负责人",
    "owner_phone": "需求负责人电话",
    "technical_contact": "联系人 技术负责人",
    "technical_phone": "联系电话 联系人电话 电话 手机 手机号 联系方式",
    "signer": "签约负责人",
}
FREE_ALIASES = "指标 技术指标 主要技术指标 考核指标 性能指标"
IGNORED = "序号 编号 需求编号 状态 需求单位 单位名称 错误 备注 清晰度"

BRACKETS = re.compile(r"[(（\[【〔].*?[)）\]】〕]")
NOISE = re.compile(r"[\s*:;,.、/\\·_\-—“”\"']+")
NUMBERED = re.compile(r"^(?:\d+|[一二三四五六七八九十]+)(?=[^\d]*$)(?=..)")
INDICATOR = re.compile(r"^(?:技术|考核)?指标([0-9]{1,2}|[一二三四五六七八九十])(.*)$")
DIGITS = {word: number for number, word in enumerate("一二三四五六七八九十", start=1)}


@dataclass(frozen=True)
class Column:
    """One column: ``field`` of a need, or part ``part`` of its indicator number ``group`` (from 1).

    ``words`` are the words allowed in it, () for free text; ``many`` allows several of them.
    """

    label: str
    field: str = ""
    group: int = 0
    part: str = ""
    words_of: str = ""
    words: tuple[str, ...] = ()
    many: bool = False
    needed: bool = False
    help: str = ""
    example: str = ""


def columns(groups: int = GROUPS) -> tuple[Column, ...]:
    """Return the columns of a list with ``groups`` groups of indicator columns, in the order of the form."""
    found: list[Column] = []
    for field in NEED_FIELDS:
        label = f"{field.label}（{field.unit}）" if field.unit else field.label
        many = field.form is Form.CHOICES
        found.append(
            Column(
                label + ("*" if field.needed else ""),
                field.name,
                words_of=field.terms,
                many=many,
                needed=field.needed,
                help=_help(field.name),
                example=EXAMPLE.get(field.name, ""),
            )
        )
        if field.name == "target":
            found += [_part_column(group, part) for group in range(1, groups + 1) for part in PARTS]
    return tuple(found)


def indicator_label(group: int, part: str) -> str:
    """Return the label of one indicator column, e.g. 指标1目标."""
    return f"指标{group}{PARTS[part]}"


def recognise(label: str) -> Column | None:
    """Return the column that a head cell means, whatever its spaces, asterisks, brackets or common other name.

    A column that is known and carries nothing to read (序号, 编号 …) comes back without field and part; an unknown
    label gives None.
    """
    name = squeeze(label)
    if not name:
        return None
    if name in NAMES:
        return NAMES[name]
    if found := INDICATOR.match(name):
        group = DIGITS.get(found[1]) or int(found[1])
        part = PART_OF.get(found[2])
        return Column(label, group=group, part=part) if part and 1 <= group <= MOST_GROUPS else None
    return NAMES.get(NUMBERED.sub("", name))


@lru_cache(maxsize=4096)
def squeeze(label: str) -> str:
    """Return a label without brackets and what stands in them, spaces, asterisks and punctuation, half width."""
    text = unicodedata.normalize("NFKC", BRACKETS.sub("", label))
    return NOISE.sub("", BRACKETS.sub("", text))


def _part_column(group: int, part: str) -> Column:
    example = EXAMPLE_INDICATORS[group - 1].get(part, "") if group <= len(EXAMPLE_INDICATORS) else ""
    return Column(
        indicator_label(group, part),
        group=group,
        part=part,
        words=PART_WORDS.get(part, ()),
        help=PART_HELP[part],
        example=example,
    )


def _help(name: str) -> str:
    field = NEED_FIELD[name]
    how = {
        Form.CHOICE: "从列表里选一个",
        Form.CHOICES: "可填多个，用、隔开；可用的词见“填写说明”",
        Form.NUMBER: f"只填数字，单位{field.unit}",
        Form.DATE: "写成 2026-11-24",
        Form.FLAG: "是 或 否",
        Form.LINE: f"最多 {field.limit} 字",
        Form.TEXT: f"最多 {field.limit} 字",
    }[field.form]
    return f"{how}。{field.help}" if field.help else f"{how}。"


EXAMPLE = {
    "title": "一体化压铸件在线缺陷检测",
    "kind": "技术研发",
    "industry": "智能装备与机器人",
    "keywords": "压铸 X射线 缺陷识别",
    "background": "压铸车间每天出件约三千件，由工人看片判定气孔和缩松。",
    "problem": "人工看片漏检多、速度慢，小气孔常被放过，后道加工才发现。",
    "target": "在线自动判定气孔和缩松，跟上产线节拍。",
    "modes": "合作开发、技术服务",
    "min_trl": "TRL6 中试",
    "urgency": "一般",
    "due_on": "2027-12-31",
    "budget_min": "50",
    "budget_max": "80",
    "payer": "企业自筹",
    "cash_payable": "是",
    "owner_name": "张三",
    "owner_phone": "020-00000000",
    "technical_contact": "李四",
    "technical_phone": "13800000000",
}
EXAMPLE_INDICATORS = (
    {
        "name": "漏检率",
        "present": "1.5",
        "direction": "≤",
        "target": "0.1",
        "unit": "%",
        "method": "盲样比对",
        "must": "必须",
    },
    {"name": "单件检测时间", "direction": "≤", "target": "8", "unit": "s", "method": "连续 100 件计时", "must": "期望"},
)
PART_OF = {alias: part for part, aliases in PART_ALIASES.items() for alias in aliases}
NAMES: dict[str, Column] = (
    {squeeze(name): Column(name) for name in IGNORED.split()}
    | {squeeze(alias): Column(alias, name) for name, aliases in ALIASES.items() for alias in aliases.split()}
    | {squeeze(field.label): Column(field.label, field.name) for field in NEED_FIELDS}
    | {squeeze(name): Column(name, FREE_INDICATORS) for name in FREE_ALIASES.split()}
    | {squeeze(name): Column(name, PERIOD) for name in (PERIOD, "需求期限", "起止时间")}
)
