"""Whether two indicator names mean the same measure: synonyms, added words, words that tell them apart.  Pure.

A wrong pairing is worse than none, so a contrast (充电时间 / 放电时间, 漏检率 / 误检率) or a qualifier that only one
name has (重复定位精度 / 定位精度) refuses the pair however alike the letters are.
"""

from __future__ import annotations

import re
from functools import cache

from kcz_match.catalogue.units import tidy

LIKE_ENOUGH = 0.65

SYNONYMS: tuple[tuple[str, ...], ...] = (
    ("漏检率", "漏检", "漏检比例", "漏报率", "漏判率"),
    ("误检率", "误检", "误报率", "误报", "误判率", "过检率", "过杀率", "虚警率"),
    ("节拍", "生产节拍", "单件时间", "单件耗时", "单件检测时间", "单件检测耗时", "循环时间"),
    ("寿命", "服役寿命", "使用年限", "使用期限"),
    ("循环寿命", "循环次数", "充放电循环次数", "充放电次数"),
    ("精度保持寿命", "精度保持时间", "精度保持期"),
    ("良率", "良品率", "合格率", "成品率"),
    ("准确率", "识别准确率", "识别率", "正确率", "识别正确率"),
    ("响应时间", "时延", "延迟", "延时", "响应延迟"),
    ("导热系数", "热导率", "导热率"),
    ("抗拉强度", "拉伸强度"),
    ("抗弯强度", "弯曲强度"),
    ("水汽透过率", "水蒸气透过率", "水蒸汽透过率", "水氧阻隔", "wvtr", "透湿率"),
    ("检出限", "检测限", "最低检出限", "lod", "检测下限"),
    ("收率", "产率", "得率"),
    ("噪声", "噪音", "噪声级"),
    ("黏度", "粘度"),
    ("载量", "动态载量", "结合载量", "动态结合载量", "吸附载量"),
    ("耐盐雾时间", "耐盐雾", "盐雾时间", "中性盐雾", "盐雾试验时间"),
    ("平均绝对百分比误差", "mape"),
    ("挥发性有机物", "voc", "vocs", "voc含量", "voc释放量"),
    ("耐擦拭次数", "擦拭次数", "耐擦拭", "耐磨擦次数"),
    ("平均无故障时间", "mtbf", "平均故障间隔时间", "平均无故障工作时间"),
    ("单价", "售价", "单台价格", "设备单价"),
    ("回用率", "中水回用率", "废水回用率", "回收利用率"),
    ("密度", "比重"),
    ("续航时间", "续航", "单次续航时间"),
    ("水接触角", "接触角"),
)
_CANONICAL = {name: group[0] for group in SYNONYMS for name in group}
_WEAK = re.compile("使用|检测|产品|单件|平均|系统|整机|设备|实际|指标|目标|总体|样品|工艺|水平|达到|要求|数值|的|其")
_GENERIC = frozenset(
    {
        "强度",
        "温度",
        "时间",
        "精度",
        "效率",
        "浓度",
        "含量",
        "厚度",
        "速度",
        "压力",
        "成本",
        "误差",
        "次数",
        "能耗",
        "比例",
        "误差率",
        "重量",
        "质量",
        "面积",
        "体积",
        "流量",
        "功率",
        "电压",
        "电流",
        "周期",
        "数量",
        "范围",
        "硬度",
        "长度",
        "宽度",
        "高度",
        "直径",
        "循环次数",
        "检出率",
        "检测时间",
        "处理时间",
    }
)
_NEUTRAL_ENDS = frozenset({"含量", "值", "率", "数", "时长", "时间", "浓度", "总量", "比例", "大小", "次数"})
_EACH = re.compile(r"单(?!价|位|件|体|方)[一-龥]|每[一-龥]")
_QUALIFIERS = (
    "重复",
    "保持",
    "峰值",
    "初始",
    "初期",
    "高温",
    "低温",
    "常温",
    "静态",
    "动态",
    "最大",
    "最小",
    "最高",
    "最低",
    "最长",
    "最短",
    "上限",
    "下限",
    "瞬时",
    "体积",
    "面积",
    "单位",
    "相对",
    "绝对",
    "老化后",
    "夜间",
    "单次",
    "累计",
    "一次",
)
_CONTRASTS = (
    ("升", "降"),
    ("充", "放"),
    ("吸", "放"),
    ("进", "出"),
    ("入", "出"),
    ("高", "低"),
    ("大", "小"),
    ("上", "下"),
    ("正", "反"),
    ("正", "负"),
    ("内", "外"),
    ("横", "纵"),
    ("长", "短"),
    ("漏", "误"),
    ("漏", "过"),
    ("轴", "径"),
    ("冷", "热"),
    ("干", "湿"),
    ("单", "双"),
    ("前", "后"),
    ("水", "氧"),
    ("拉", "压"),
    ("拉", "弯"),
    ("查准", "查全"),
    ("准确", "召回"),
    ("加", "减"),
    ("亮", "暗"),
    ("左", "右"),
    ("始", "终"),
    ("开", "关"),
)


@cache
def _plain(name: str) -> str:
    text = re.sub(r"[(\[][^()\[\]]*[)\]]", "", tidy(name)).lower()
    return re.sub(r"[\s·,;:、/_\-≤≥<>=]+", "", text)


@cache
def _bare(name: str) -> str:
    """Return the name without weak modifiers."""
    return _WEAK.sub("", _plain(name)) or _plain(name)


@cache
def _root(name: str) -> str:
    """Return the canonical name of a measure, weak modifiers aside."""
    plain, bare = _plain(name), _bare(name)
    return _CANONICAL.get(plain) or _CANONICAL.get(bare, bare)


def _told_apart(one: str, other: str) -> bool:
    if any((word in one) != (word in other) for word in _QUALIFIERS):
        return True
    if set(_EACH.findall(one)) != set(_EACH.findall(other)):
        return True
    return any(
        (left in one and right in other and left not in other and right not in one)
        or (right in one and left in other and right not in other and left not in one)
        for left, right in _CONTRASTS
    )


@cache
def _numbers(name: str) -> tuple[str, ...]:
    return tuple(sorted(re.findall(r"\d+(?:\.\d+)?", tidy(name))))


def _is_inserted(shorter: str, longer: str) -> bool:
    """Whether ``longer`` is ``shorter`` with words put in before or between, so that the head noun stays the same."""
    same_head = longer.endswith(shorter[-2:]) or (
        longer.startswith(shorter) and longer[len(shorter) :] in _NEUTRAL_ENDS
    )
    letters = iter(longer)
    return len(shorter) >= 2 and same_head and all(letter in letters for letter in shorter)


def name_likeness(one: str, other: str) -> float:
    """Return 0 to 1: 1 for one measure by name or synonym, less when one name only adds words, 0 when told apart.

    Names with different numbers (30 天好果率, 60 天好果率) are different measures.  From ``LIKE_ENOUGH`` on, two names
    may be taken for one measure.
    """
    if not _root(one) or not _root(other) or _numbers(one) != _numbers(other):
        return 0.0
    if _root(one) == _root(other):
        return 1.0
    if _told_apart(_plain(one), _plain(other)):
        return 0.0
    best = 0.0
    for left, right in ((_root(one), _root(other)), (_bare(one), _bare(other))):
        shorter, longer = sorted((left, right), key=len)
        if shorter not in _GENERIC and _is_inserted(shorter, longer):
            best = max(best, 0.6 + 0.35 * len(shorter) / len(longer))
    return best


def resembles(one: str, other: str) -> bool:
    """Whether two names share half of their letter pairs: worth mentioning as a near miss, not worth comparing."""
    left, right = _bare(one), _bare(other)
    pairs = [{name[place : place + 2] for place in range(len(name) - 1)} for name in (left, right)]
    return 4 * len(pairs[0] & pairs[1]) >= len(pairs[0]) + len(pairs[1]) > 0
