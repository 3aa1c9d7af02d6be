import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcz_match.matching import sentences


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("  \n ", []),
        ("漏检率高。现在靠人看！", ["漏检率高。", "现在靠人看！"]),
        ("精度0.1 mm，符合GB 4789.2要求。", ["精度0.1 mm，符合GB 4789.2要求。"]),
        ("他说：“裂了。”然后停机检修。", ["他说：“裂了。”", "然后停机检修。"]),
        ("第一行没有句号\n第二行也没有", ["第一行没有句号", "第二行也没有"]),
        ("需要三个月完成；对。", ["需要三个月完成；对。"]),
        ("The seal leaks. It was replaced.", ["The seal leaks.", "It was replaced."]),
        ("等等……还有一个问题没说完", ["等等……", "还有一个问题没说完"]),
    ],
)
def test_a_sentence_ends_where_a_reader_would_say(text, parts):
    assert sentences.split(text) == parts


def test_a_sentence_without_an_end_is_cut_at_the_last_comma_that_fits():
    text = "一二三四五六七八九十，" * 5
    assert sentences.split(text, longest=25) == [text[:22], text[22:44], text[44:]]


@given(st.text(alphabet="检测漏率。；，\n .A1“”！", max_size=300), st.integers(12, 60))
def test_every_sentence_is_a_verbatim_slice_in_order_and_only_spaces_are_lost(text, longest):
    spans = sentences.spans(text, longest)
    assert all(0 < end - start <= longest for start, end in spans)
    rest = text
    for start, end in reversed(spans):
        assert text[start:end] == text[start:end].strip()
        rest = rest[:start] + rest[end:]
    assert rest.strip() == ""
