"""Which texts are compared, and for whom."""

from __future__ import annotations

from kcz_match.catalogue.fields import Claim, Direction, Indicator, Tier
from kcz_match.matching import documents, reading
from kcz_match.matching.documents import MEMBERS, OWN, PUBLIC, Document

ROWS = [
    Indicator(name="漏检率", target="0.1", unit="%", direction=Direction.AT_MOST),
    Indicator(name="节拍", target="8", unit="s"),
]
NEED = {
    "title": "压铸件缺陷检测",
    "keywords": "压铸 X射线",
    "background": "每天三千件。",
    "problem": "人工看片漏检。",
    "target": "在线判定。",
    "tried": "通用软件误报。",
    "owner_name": "周工",
    "budget_max": 80.0,
}


def test_a_need_is_compared_by_title_problem_and_target():
    made = documents.build("need", NEED, ROWS)

    assert made == Document(
        "need",
        {
            "title": "压铸件缺陷检测\n压铸 X射线",
            "problem": "人工看片漏检。\n每天三千件。",
            "target": "在线判定。\n漏检率 ≤0.1 %\n节拍 ≥8 s",
        },
    )


def test_a_capability_is_compared_by_what_it_solves_and_claims_but_not_by_its_limits():
    values = {
        "title": "射线判定",
        "keywords": "气孔",
        "problem": "漏判。",
        "method": "卷积网络。",
        "limits": "小于五百吨。",
        "service_items": "探伤",
        "standards": "GB/T 1234",
        "comparison": "快十倍。",
    }

    made = documents.build("capability", values, [Claim(name="漏检率", value="0.06", unit="%")])

    assert made.texts == {
        "title": "射线判定\n气孔",
        "problem": "漏判。\n卷积网络。\n探伤",
        "target": "漏检率 0.06 %\n快十倍。\nGB/T 1234",
    }


def test_a_field_without_text_is_left_out_and_the_whole_joins_the_others():
    made = documents.build("need", {"title": "甲", "keywords": " ", "problem": None}, [])

    assert made.texts == {"title": "甲"}
    assert made.whole == "甲\x1c"
    assert documents.build("need", {}, []).whole == ""


def test_sentences_are_verbatim_and_never_run_across_two_fields():
    made = documents.build("need", NEED | {"problem": "人工看片漏检率很高"}, ROWS)

    found = list(made.sentences())

    assert ("problem", "人工看片漏检率很高") in found
    assert all(sentence in made.texts[field] for field, sentence in found)
    assert not [sentence for _, sentence in found if "\n" in sentence]


def test_free_text_is_compared_as_a_problem():
    assert documents.free_text("  压铸气孔 ").texts == {"problem": "压铸气孔"}
    assert documents.free_text(" ").texts == {}


def test_somebody_asks_with_the_widest_text_they_may_read():
    assert documents.tier_for(frozenset(Tier)) == OWN
    assert documents.tier_for(frozenset({Tier.PUBLIC, Tier.MEMBERS})) == MEMBERS
    assert documents.tier_for(frozenset({Tier.PUBLIC})) == PUBLIC


def test_text_hidden_from_a_tier_never_enters_its_document(world):
    need = world.draft(problem="机密难题细节", target="成员目标")
    need.tiers = {"problem": "consent", "target": "members", "indicators": "consent"}

    made = reading.documents(need)

    assert "problem" in made[PUBLIC].texts
    assert "机密" not in str(made[PUBLIC].texts)
    assert "机密" not in str(made[MEMBERS].texts)
    assert made[PUBLIC].texts.get("target") is None
    assert made[MEMBERS].texts["target"] == "成员目标"
    assert made[OWN].texts["problem"].startswith("机密难题细节\n")
    assert made[OWN].texts["target"].startswith("成员目标\n漏检率")


def test_people_and_money_are_in_no_document(world):
    need, capability = world.draft(budget_max=77.5, partners="某大学"), world.capability("draft")

    for record in (need, capability):
        text = str([document.texts for document in reading.documents(record).values()])
        assert [word for word in ("周工", "吴工", "郑老师", "1380000", "77.5", "某大学") if word in text] == []
