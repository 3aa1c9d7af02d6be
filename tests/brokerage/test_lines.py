"""The line that met a search: verbatim, rare words first, the nearest otherwise."""

from kcz_match.brokerage.lines import Line, line_that_met, shared

TEXTS = {
    "title": "铸件气孔的射线图像判定\n射线 卷积网络 气孔",
    "problem": "铸造企业靠人眼判读底片，漏判多。用卷积网络对射线图像分割气孔和缩松。",
    "target": "漏检率 ≤0.06 %",
}


def test_the_sentence_with_the_rarest_shared_words_is_quoted():
    terms = {"卷积": 4.0, "气孔": 3.0, "铸造": 1.0}

    assert line_that_met(TEXTS, terms, "铸造 卷积 气孔") == Line("problem", "用卷积网络对射线图像分割气孔和缩松。")


def test_a_row_of_keywords_is_quoted_only_when_it_holds_much_more_than_any_sentence():
    texts = TEXTS | {"problem": "漏判多，返修成本高。"}

    assert line_that_met(texts, {"卷积": 4.0, "气孔": 3.0}, "卷积 气孔") == Line("title", "射线 卷积网络 气孔")
    assert line_that_met(TEXTS, {"卷积": 4.0, "气孔": 3.0}, "卷积 气孔").field == "problem"


def test_without_shared_words_the_nearest_sentence_is_quoted():
    nearness = {"title": [0.1, 0.1], "problem": [0.9, 0.2], "target": [0.3]}

    assert line_that_met(TEXTS, {}, "看片慢", nearness) == Line("problem", "铸造企业靠人眼判读底片，漏判多。")


def test_nearness_that_does_not_fit_the_sentences_gives_way_to_letters():
    nearness = {"problem": [0.9]}

    assert line_that_met(TEXTS, {}, "人眼判读", nearness) == Line("problem", "铸造企业靠人眼判读底片，漏判多。")


def test_a_record_without_text_has_no_line():
    assert line_that_met({}, {"气孔": 3.0}, "气孔") is None


def test_what_is_shared_is_measured_by_rarity_and_names_the_rarest_first():
    found = shared(
        ("气孔", "检测", "gb/t31467", "气孔"),
        frozenset({"气孔", "gb/t31467"}),
        dict.fromkeys(("检测",), 1.0) | {"气孔": 3.0, "gb/t31467": 6.0},
    )

    assert found.terms == (("gb/t31467", 6.0), ("气孔", 3.0))
    assert (found.coverage, found.exact) == (0.9, 6.0)
