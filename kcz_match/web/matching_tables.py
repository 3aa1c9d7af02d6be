"""Figures of matching as tables of words, numbers and links: what the page, the workbook and the text file show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import url_for

from kcz_match.brokerage import quality
from kcz_match.brokerage.exposure import BEST, Crowd, Shared
from kcz_match.brokerage.figures import BEYOND, FOLLOW_DAYS, LAST_RANK, Hits, Refusals, Tally
from kcz_match.brokerage.models import QualityRun
from kcz_match.catalogue.models import Capability
from kcz_match.catalogue.terms import INDUSTRIES
from kcz_match.matching.reasons import DECLINE_REASONS
from kcz_match.reports.tables import Cell, Column, Form, Table, Value, written
from kcz_match.web.presentation import day, moment
from kcz_match.web.words import BANDS

Link = Callable[..., str]
UNSTATED = "-"  # how an address says that a record does not state the value
ENOUGH = 10  # pairs below which a rate is not put into words
OUTCOME_WORDS = {
    "": "推荐",
    "hit": "命中",
    "adopted": "采纳",
    "asked": "发起意向",
    "accepted": "对方接受",
    "refused": "不合适",
}
SIDE_WORDS = {"need": "需求方", "capability": "能力方", "broker": "区科协、学会等"}
RUN_WORDS = {
    "lexical": "只比用词",
    "dense": "只比语义",
    "rrf": "两种名次相加",
    "whole": "各栏同等看",
    "fused": "综合（站上所用）",
}
CLASS_WORDS = {
    "all": "全部",
    "paraphrase": "换了说法",
    "lookalike": "貌似而非",
    "exact": "认型号、标准",
    "token": "认型号、标准",
    "plain": "一般",
    "vague": "表述含糊",
    "none": "没有合适能力",
}
METRIC_WORDS = {"recall@10": "前 10 条召回率", "ndcg@10": "nDCG@10", "mrr@10": "MRR@10"}
NOTES = (
    "同一对只计一次：以所选范围内最早列出它的那份列表的名次和日期为准；此前已有人处理过的不计。"
    f"此后 {FOLLOW_DAYS} 天内的处理才算数，“观察未满”的对数还可能变。",
    "命中＝任一方采纳，或发起了对接意向。只算“强”和“可谈”（按匹配程度看的表另列“弱”）；被硬性条件排除的、因名额已满没有推荐的不计。",
)


def word_of(dimension: str, value: Any) -> str:
    """Return a value of a dimension of figures in words."""
    if dimension == "rank":
        return f"第 {LAST_RANK} 名以后" if value == BEYOND else f"第 {value} 名"
    if dimension == "industry":
        return INDUSTRIES.get(value, "未填产业")
    if dimension == "week":
        return f"{value} 起的一周"
    return BANDS.get(value, value) if dimension == "band" else str(value)


DIMENSION_WORDS = {"rank": "名次", "industry": "产业", "encoder": "语义模型", "band": "匹配程度", "week": "周"}


def hit_table(dimension: str, hits: Hits, link: Link, chart: str = "") -> Table:
    """Return the hit rates by one dimension, each count leading to its pairs."""
    columns = [
        Column(DIMENSION_WORDS[dimension]),
        Column("推荐", Form.COUNT),
        Column("命中", Form.COUNT),
        Column("命中率", Form.RATE, is_drawn=True),
        *(Column(OUTCOME_WORDS[name], Form.COUNT) for name in ("adopted", "asked", "accepted", "refused")),
        Column("观察未满", Form.COUNT),
    ]
    rows = [_hit_row(dimension, value, tally, link) for value, tally in _in_order(dimension, hits.by[dimension])]
    title = f"按{DIMENSION_WORDS[dimension]}看命中率"
    return Table(dimension, title, columns, rows, _hit_summary(dimension, hits), chart)


def refusal_table(refusals: Sequence[Refusals], link: Link) -> Table:
    """Return how often each code was given, by side, each count leading to its refusals."""
    total = sum(one.total for one in refusals)
    columns = [
        Column("原因"),
        Column("合计", Form.COUNT, is_drawn=True),
        Column("占比", Form.RATE),
        *(Column(word, Form.COUNT) for word in SIDE_WORDS.values()),
    ]
    rows = [
        [
            Cell(DECLINE_REASONS.get(one.code, one.code), link(code=one.code)),
            Cell(one.total, link(code=one.code)),
            Cell(one.total / total),
            *(_counted(getattr(one, side), link(code=one.code, side=side)) for side in SIDE_WORDS),
        ]
        for one in refusals
    ]
    summary = ""
    if refusals:
        first = refusals[0]
        share = written(first.total / total, Form.RATE)
        word = DECLINE_REASONS.get(first.code, first.code)
        summary = f"共 {total:,} 次不合适，最多的是“{word}”：{first.total:,} 次，占 {share}。"
    return Table("refusals", "不合适的原因", columns, rows, summary, "rows")


def crowd_table(crowds: Sequence[Crowd], capabilities: Mapping[int, Capability], shared: Shared, link: Link) -> Table:
    """Return capabilities that more needs want than they can serve, each leading to these needs."""
    words = ("想要的需求", "本月名额", "得到名额", "没轮到")
    rows = []
    for crowd in crowds:
        capability = capabilities[crowd.capability]
        wants = link(key=capability.key)
        rows.append(
            [
                Cell(capability.title, url_for("capabilities.show", key=capability.key)),
                Cell(capability.organisation.name),
                Cell(crowd.wanted, wants),
                Cell(crowd.places),
                _counted(crowd.held, wants),
                _counted(crowd.turned_away, wants),
            ]
        )
    columns = [Column("能力"), Column("单位"), *(Column(word, Form.COUNT) for word in words)]
    return Table("crowds", "供不应求的能力", columns, rows, loss_sentence(shared))


def unseen_table(capabilities: Sequence[Capability]) -> Table:
    """Return listed capabilities that no list ever suggested."""
    rows = [
        [
            Cell(one.title, url_for("capabilities.show", key=one.key)),
            Cell(one.organisation.name),
            Cell(day(one.published_at) or None),
        ]
        for one in capabilities
    ]
    return Table("unseen", "从没被推荐过的能力", [Column("能力"), Column("单位"), Column("公开于")], rows)


def course_table(runs: Sequence[QualityRun]) -> Table:
    """Return the course of quality on one labelled set, the oldest run first."""
    columns = [
        Column("测量时间"),
        Column("语义模型"),
        Column("问题数", Form.COUNT),
        *(Column(word, Form.SCORE, is_drawn=name != "mrr@10") for name, word in METRIC_WORDS.items()),
    ]
    rows = [
        [
            Cell(moment(run.made_at)),
            Cell(run.encoder),
            Cell(quality.queries_of(run)),
            *(Cell(quality.metric(run, name)) for name in METRIC_WORDS),
        ]
        for run in runs
    ]
    return Table("course", "标注集上的排序质量", columns, rows, _course_sentence(runs), "line")


def class_table(run: QualityRun) -> Table:
    """Return the newest figures by class of challenge and way of ranking, and what ours adds to meaning alone."""
    classes = quality.by_class(run)
    ways = list(dict.fromkeys(way for figures in classes.values() for way in figures))
    words = [RUN_WORDS.get(way, way) for way in ways]
    columns = [Column("类别"), Column("问题数", Form.COUNT), *(Column(word, Form.SCORE) for word in words)]
    columns += [Column("综合比语义高（95% 区间）"), Column("综合的前 10 条召回率", Form.SCORE)]
    rows = [
        [
            Cell(CLASS_WORDS.get(kind, kind)),
            Cell(quality.queries_of(run, kind)),
            *(Cell(figures.get(way, {}).get("ndcg@10")) for way in ways),
            Cell(_gain_words(quality.gain_of(run, kind))),
            Cell(figures.get("fused", {}).get("recall@10")),
        ]
        for kind, figures in classes.items()
    ]
    summary = "各做法下面是 nDCG@10：越接近 1，对的能力排得越靠前。区间不含 0，才说明差别不是碰巧。"
    return Table("classes", "最近一次，按类别和做法", columns, rows, summary)


def promise_table(run: QualityRun) -> Table:
    """Return how often each band keeps its promise on the labelled set."""
    rows = [[Cell(BANDS[code]), Cell(answers), Cell(right)] for code, (answers, right) in quality.bands(run).items()]
    columns = [Column("匹配程度"), Column("标为这一档的", Form.COUNT), Column("其中确实合适", Form.RATE)]
    return Table("promise", "最近一次，各档说得准不准", columns, rows)


def _gain_words(gain: tuple[float, float, float] | None) -> str | None:
    return f"{gain[0]:+.3f}（{gain[1]:+.3f} 至 {gain[2]:+.3f}）" if gain else None


def loss_sentence(shared: Shared) -> str:
    """Return what the limits of capacity cost the needs, as one sentence; '' when nothing is suggested."""
    if not shared.possible:
        return ""
    needs = {need for need, _ in shared.turned_away}
    if not needs:
        return "全市当前的推荐里，没有一条需求因对方名额不够而少了推荐。"
    loss = written(shared.loss, Form.RATE)
    lost = f"每条需求前 {BEST} 项推荐的双向匹配得分，合计因此少了 {loss}。"
    return f"全市有 {len(needs):,} 条需求因对方名额不够少了推荐；{lost}"


def _in_order(dimension: str, tallies: Mapping[Any, Tally]) -> list[tuple[Any, Tally]]:
    if dimension == "band":
        return [(code, tallies[code]) for code in BANDS if code in tallies]
    if dimension == "industry":
        return sorted(tallies.items(), key=lambda item: (-item[1].suggested, item[0]))
    return list(tallies.items())


def _hit_row(dimension: str, value: Any, tally: Tally, link: Link) -> list[Cell]:
    def counted(outcome: str) -> Cell:
        number = getattr(tally, outcome or "suggested")
        return _counted(number, link(**{dimension: value or UNSTATED}, outcome=outcome))

    return [
        Cell(word_of(dimension, value)),
        counted(""),
        counted("hit"),
        Cell(tally.rate),
        *(counted(name) for name in ("adopted", "asked", "accepted", "refused")),
        Cell(tally.open or None),
    ]


def _counted(number: int, href: str) -> Cell:
    """Return a count with the way to its records; nothing is a dash without a way."""
    return Cell(number, href) if number else Cell(None)


def _hit_summary(dimension: str, hits: Hits) -> str:
    known = [(tally.rate, value) for value, tally in hits.by[dimension].items() if tally.suggested >= ENOUGH]
    unit = _unit(dimension)
    if not known:
        return f"每一{unit}推荐的都不到 {ENOUGH} 对，比率只供参考。"
    few = "" if len(known) == len(hits.by[dimension]) else f"其余推荐不到 {ENOUGH} 对，比率只供参考。"
    (low, worst), (high, best) = min(known, key=_rate), max(known, key=_rate)
    if len(known) == 1:
        return f"{word_of(dimension, best)}的命中率是 {written(high, Form.RATE)}。{few}"
    if low == high:
        return f"各{unit}的命中率相同：{written(high, Form.RATE)}。{few}"
    return (
        f"命中率最高的是{word_of(dimension, best)}（{written(high, Form.RATE)}），"
        f"最低的是{word_of(dimension, worst)}（{written(low, Form.RATE)}）。{few}"
    )


def _rate(item: tuple[Value, Any]) -> float:
    return float(item[0] or 0.0)


def _unit(dimension: str) -> str:
    return {"rank": "名次", "industry": "产业", "encoder": "模型", "band": "档", "week": "周"}[dimension]


def _course_sentence(runs: Sequence[QualityRun]) -> str:
    if not runs:
        return ""
    last = runs[-1]
    said = "，".join(
        f"{METRIC_WORDS[name]} {written(quality.metric(last, name), Form.SCORE)}" for name in ("recall@10", "ndcg@10")
    )
    sentence = f"最近一次（{day(last.made_at)}）：{said}"
    before = quality.metric(runs[-2], "ndcg@10") if len(runs) > 1 else None
    now = quality.metric(last, "ndcg@10")
    if before is None or now is None:
        return f"{sentence}。"
    change = round(now - before, 3)
    return sentence + (
        f"；nDCG@10 比上一次{'高' if change > 0 else '低'} {abs(change):.3f}。" if change else "；与上一次持平。"
    )
