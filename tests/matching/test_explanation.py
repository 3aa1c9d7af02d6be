"""Promises of the explanation."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcz_match.catalogue.fields import Indicator
from kcz_match.catalogue.indicators import IndicatorResult, Verdict
from kcz_match.matching.explanation import (
    CLOSE,
    FAINT,
    GRID,
    SILENT,
    Cell,
    Explanation,
    Facts,
    Side,
    explain,
)
from kcz_match.matching.filters import FilterResult
from kcz_match.matching.sentences import split

NEED = Side(
    {
        "title": "压铸件在线缺陷检测",
        "problem": "车间现在靠人工看片，漏检率高。夜班人手不够。",
        "target": "漏检率不高于 0.1%，节拍 8 s 以内。",
    }
)
OFFER = Side(
    {
        "title": "铝合金压铸件X射线缺陷识别",
        "problem": "卷积网络对气孔缩松在线判别。已替代人工看片工位。",
        "target": "漏检率 0.06%。",
    }
)
SHARED = [("看片", 7.0), ("压铸件", 6.0), ("漏检率", 5.5), ("人工", 2.0), ("保密词", 9.0)]


def result(verdict: Verdict, must: bool = True) -> IndicatorResult:
    return IndicatorResult(Indicator("漏检率", "0.1", "%", must=must), verdict, None, "能力方写的是 0.5 %")


def told(**changed: object) -> Explanation:
    facts = Facts(**changed)  # type: ignore[arg-type]
    return explain(NEED, OFFER, SHARED, indicators=[result(Verdict.MET)], facts=facts)


texts = st.dictionaries(
    st.sampled_from(["title", "problem", "target"]),
    st.text("漏检率人工看片。；\n，a1 .％", max_size=60),
)
EAST, NORTH = np.array([[1, 0]], np.float32), np.array([[0, 1]], np.float32)


@given(texts, texts, st.lists(st.tuples(st.text(max_size=4), st.floats(0, 9)), max_size=4))
def test_every_quote_is_verbatim_and_one_pair_exists_whenever_both_sides_have_a_sentence(
    need: dict[str, str],
    offer: dict[str, str],
    shared: list[tuple[str, float]],
) -> None:
    explanation = explain(Side(need), Side(offer), shared)
    assert all(any(pair.need_quote in text for text in need.values()) for pair in explanation.pairs)
    assert all(any(pair.capability_quote in text for text in offer.values()) for pair in explanation.pairs)
    both = any(split(text) for text in need.values()) and any(split(text) for text in offer.values())
    assert bool(explanation.pairs) == both
    assert explanation.against != ""


@given(st.integers(0, 2**32 - 1))
def test_quotes_by_vectors_are_verbatim_too_and_come_from_the_cell_they_name(seed: int) -> None:
    generator = np.random.default_rng(seed)

    def vectors(side: Side) -> Side:
        rows = {}
        for key, text in side.texts.items():
            row = generator.normal(size=(len(split(text)), 4))
            rows[key] = (row / np.linalg.norm(row, axis=1, keepdims=True)).astype(np.float32)
        return Side(side.texts, rows)

    cells = {cell.label: cell for cell in GRID}
    for pair in explain(vectors(NEED), vectors(OFFER), SHARED).pairs:
        assert pair.need_quote in NEED.texts[cells[pair.label].need]
        assert pair.capability_quote in OFFER.texts[cells[pair.label].capability]


def test_without_vectors_the_rare_shared_words_choose_the_pair() -> None:
    pairs = {pair.label: pair for pair in explain(NEED, OFFER, SHARED).pairs}
    assert pairs["问题↔方法"].need_quote == "车间现在靠人工看片，漏检率高。"
    assert pairs["问题↔方法"].capability_quote == "已替代人工看片工位。"
    assert pairs["问题↔方法"].terms == ("看片", "人工")


def test_vectors_choose_the_pair_when_they_fit_and_are_ignored_when_they_do_not() -> None:
    axis = np.eye(2, dtype=np.float32)
    need = Side(NEED.texts, {"problem": axis})
    night = explain(need, Side(OFFER.texts, {"problem": axis[::-1] * np.float32(1)}), [])
    chosen = next(pair for pair in night.pairs if pair.label == "问题↔方法")
    assert chosen.strength == CLOSE
    assert split(NEED.texts["problem"]).index(chosen.need_quote) != split(OFFER.texts["problem"]).index(
        chosen.capability_quote
    )
    unfit = explain(need, Side(OFFER.texts, {"problem": axis[:1]}), SHARED)
    assert unfit == explain(NEED, OFFER, SHARED)


def test_the_strongest_pair_comes_first_and_the_grid_has_a_word_for_every_cell() -> None:
    need = Side({"problem": "甲乙丙丁戊己庚辛。", "title": "压铸件检测方法"}, {"problem": EAST, "title": EAST})
    offer = Side({"problem": "子丑寅卯辰巳午未。", "title": "压铸件检测系统"}, {"problem": NORTH, "title": EAST})
    explanation = explain(need, offer)
    assert [pair.label for pair in explanation.pairs] == ["名称↔名称", "问题↔方法"]
    assert [(line.label, line.strength) for line in explanation.grid] == [
        ("问题↔方法", FAINT),
        ("目标↔指标", SILENT),
        ("名称↔名称", CLOSE),
    ]


def test_a_viewer_who_may_read_little_still_gets_one_pair() -> None:
    explanation = explain(Side({"title": "压铸件缺陷检测"}), Side({"problem": "对压铸件气孔在线判别。"}))
    assert [pair.label for pair in explanation.pairs] == ["名称↔方法"]


def test_shared_terms_are_rarest_first_and_hidden_words_never_appear() -> None:
    terms = explain(NEED, OFFER, SHARED).shared_terms
    assert [(term.term, term.rare) for term in terms] == [
        ("看片", True),
        ("压铸件", True),
        ("漏检率", True),
        ("人工", False),
    ]


def test_filters_and_indicators_are_handed_on_unchanged() -> None:
    line = FilterResult("产业", True, "人工智能")
    explanation = explain(NEED, OFFER, SHARED, [line], [result(Verdict.MET)])
    assert explanation.filters == (line,)
    assert explanation.indicators == (result(Verdict.MET),)


def test_the_reason_against_follows_its_order_of_weight() -> None:
    failed = FilterResult("成熟度≥6", False, "TRL4 小试", code="trl")
    unmet, silent = result(Verdict.UNMET), result(Verdict.NOT_STATED)
    facts = Facts("只在 500 吨以下压铸机上验证过。其他吨位还没有试过。", 4, None, 400, True)
    steps = []
    for filters, indicators, known in (
        ([failed], [unmet], facts),
        ([], [unmet], facts),
        ([], [silent], facts),
        ([], [silent], dataclasses.replace(facts, limits="")),
        ([], [result(Verdict.UNMET, must=False)], dataclasses.replace(facts, limits="", trl=None)),
        ([], [silent], dataclasses.replace(facts, limits="", trl=None)),
        ([], [result(Verdict.MET)], dataclasses.replace(facts, limits="", trl=None)),
        ([], [result(Verdict.MET)], Facts(trl=8, confirmed_days=10)),
    ):
        steps.append(explain(NEED, OFFER, SHARED[:1] + SHARED[3:], filters, indicators, known).against)
    assert steps == [
        "硬性条件“成熟度≥6”不符：TRL4 小试",
        "必须指标“漏检率 ≥0.1 %”未满足：能力方写的是 0.5 %",
        "能力方说明不适用的情形：只在 500 吨以下压铸机上验证过。",
        "成熟度只到 TRL4 小试，离批量应用还要中试",
        "期望指标“漏检率 ≥0.1 %”未满足：能力方写的是 0.5 %",
        "1 项指标里有 1 项能力方未说明：漏检率",
        "上次确认在 400 天前，内容可能已变",
        "双方共同的专业词只有“看片”“人工”，可能说的不是一回事",
    ]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, "weakest"),
        ({"trl": 4}, "trl"),
        ({"trl": 6, "min_trl": 7}, "trl"),
        ({"trl": 6}, "weakest"),
        ({"confirmed_days": 180}, "weakest"),
        ({"confirmed_days": 181}, "stale"),
        ({"stale": True}, "stale"),
    ],
)
def test_each_fact_alone_gives_its_own_reason(changed: dict[str, object], code: str) -> None:
    assert told(**changed).against_code == code


def test_a_need_without_indicators_is_told_so() -> None:
    assert explain(NEED, OFFER, SHARED).against == "需求没有可核对的指标，无法判断做到什么程度"


def test_nothing_to_compare_gives_no_pair_and_still_a_reason() -> None:
    explanation = explain(Side({}), Side({}), indicators=[result(Verdict.MET)], grid=[Cell("x", "a", "b")])
    assert (explanation.pairs, explanation.against_code) == ((), "few_words")
