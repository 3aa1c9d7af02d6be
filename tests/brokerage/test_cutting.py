"""How a need is cut: the owner's own enumeration first, then its sentences; always verbatim."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcz_match.brokerage.cutting import LONGEST, MOST, SHORTEST, named_in, propose
from kcz_match.catalogue.fields import Direction, Indicator

SENTENCES = "印章用三百次以后黏附力衰减，边角漏取。放置时基板翘曲造成局部压不实。激光剥离路线又有芯片飞散的问题。"


@pytest.mark.parametrize(
    ("problem", "target", "parts"),
    [
        (
            "难点：1.散热差，热点找不到。2. 轴承电腐蚀，半年就换；3、控制器干扰超标",
            "",
            ["散热差，热点找不到", "轴承电腐蚀，半年就换", "控制器干扰超标"],
        ),
        (
            "一是包装后杀菌使酱汁分层，二是复热后口感发柴，三是货架期只有 3 天。",
            "",
            ["包装后杀菌使酱汁分层", "复热后口感发柴", "货架期只有 3 天"],
        ),
        ("（1）膜片收缩超差；（2）涂层起泡脱落", "", ["膜片收缩超差", "涂层起泡脱落"]),
        ("①漏检率一直太高②节拍总是跟不上", "", ["漏检率一直太高", "节拍总是跟不上"]),
        ("第一，密封件老化太快；第二，焊缝经常开裂。", "", ["密封件老化太快", "焊缝经常开裂"]),
        (
            "主要有：\n- 漏检率高，靠人工看片\n- 节拍慢，每件要 6 分钟\n以上。",
            "",
            ["漏检率高，靠人工看片", "节拍慢，每件要 6 分钟"],
        ),
        (
            SENTENCES,
            "达到 99.99% 的良率，验收前试运行两个月。",
            ["印章用三百次以后黏附力衰减，边角漏取", "放置时基板翘曲造成局部压不实", "激光剥离路线又有芯片飞散的问题"],
        ),
        (
            "人工看片漏检率高，节拍跟不上。",
            "漏检率高、节拍跟不上的问题要解决。另外要把缺陷位置标到三维数模上。",
            ["人工看片漏检率高，节拍跟不上", "另外要把缺陷位置标到三维数模上"],
        ),
        ("人工看片漏检率高，节拍跟不上。", "", []),
        ("质量不够稳定，需要先进的技术。希望全面提升水平。", "", []),
        ("压降从 1.5 mm 到 2.5 mm 都有，还要降到 1.0 mm 以下。", "", []),
        ("2. 只有第二条的清单项目，没有第一条", "", []),
        ("", "", []),
    ],
)
def test_a_need_is_cut_where_its_owner_cut_it(problem, target, parts):
    assert propose(problem, target) == parts


def test_an_enumeration_in_the_target_is_taken_when_the_problem_has_none():
    target = "1、先做出样机并通过台架试验；2、再给出量产工艺文件"
    assert propose(SENTENCES, target) == ["先做出样机并通过台架试验", "再给出量产工艺文件"]


def test_of_too_many_sentences_those_stay_that_an_indicator_speaks_of():
    lines = [f"第{name}车间的设备经常停机影响交付" for name in "甲乙丙丁戊己庚"] + ["漏检率偏高，客户退货"]
    row = Indicator(name="漏检率", target="0.1", unit="%", direction=Direction.AT_MOST)
    found = propose("。".join(lines), "", [row])
    assert len(found) == MOST
    assert found[-1] == "漏检率偏高，客户退货"
    assert found == [line for line in lines if line in found]


def test_an_indicator_belongs_to_the_sentence_that_names_it_in_whole_or_nearly():
    rows = [
        Indicator(name=name, target="1", unit="%", direction=Direction.AT_MOST)
        for name in ("漏检率", "单件检测时间", "寿命", "")
    ]
    assert named_in("人工看片漏检率高，单件检测的时间太长", rows) == rows[:2]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="一二三是第其、。；，1234.()（）①② \n-漏检率高密封件老化", max_size=300), st.text(max_size=80))
def test_nothing_is_invented_and_every_part_fits(problem, target):
    found = propose(problem, target)
    assert len(found) == 0 or 2 <= len(found) <= MOST
    assert [one for one in found if one not in problem and one not in target] == []
    assert [one for one in found if not SHORTEST <= len(one) <= LONGEST] == []
    assert len(set(found)) == len(found)
