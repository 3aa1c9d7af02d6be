import pytest

from kcz_match.matching.aims import by_aim, is_wish


@pytest.mark.parametrize(
    "sentence",
    [
        "希望三十秒内报警",
        "漏检不超过千分之一",
        "由90s降到30s",
        "厚度控制在±0.02mm",
        "寻求能不停水的办法",
        "误差≤2%",
        "返工率低于1%",
    ],
)
def test_a_wish_a_limit_or_a_direction_with_a_value_is_a_wish(sentence):
    assert is_wish(sentence)


@pytest.mark.parametrize("sentence", ["阀体打压时才发现里面有小洞", "一百件退七八件", "基于声纹的设备诊断方法研究"])
def test_a_complaint_or_a_title_is_none(sentence):
    assert not is_wish(sentence)


def test_sentences_keep_their_order_on_both_sides():
    cut = by_aim("阀体打压漏气。要求三十秒一件。返工的很多。漏检低于1%。")
    assert cut == {"problem": "阀体打压漏气。\n返工的很多。", "target": "要求三十秒一件。\n漏检低于1%。"}


@pytest.mark.parametrize("text", ["", "漏气。返工多。", "希望三十秒内报警。"])
def test_all_wish_or_none_stays_one_problem(text):
    assert by_aim(text) == {"problem": text}
