"""One cause and one suggestion for every state of affairs, told as a table."""

import dataclasses

import pytest

from kcz_match.brokerage import diagnosis
from kcz_match.brokerage.diagnosis import CAUSES, Advice, Facts, diagnose, relaxations
from kcz_match.matching.filters import CapabilityTerms, NeedTerms, check
from kcz_match.matching.reasons import DECLINE_REASONS

TERMS = NeedTerms(1, industry="nev", kind="rd", modes=("joint",), min_trl=7, budget_max=50, district_code="440112")
OFFER = CapabilityTerms(2, type="result", industries=("nev",), modes=("joint",), trl=8, price_min=20)
VAGUE = Advice("problem", "难题只有 8 字，对方判断不了。", "焊缝气孔率 3 %")


def offer(**changes):
    return dataclasses.replace(OFFER, **changes)


def facts(**more):
    return Facts(days=31, terms=TERMS, **more)


@pytest.mark.parametrize(
    ("given", "cause", "field", "deed", "suggestion"),
    [
        ({}, "no_supply", "", "call", "请学会看一看这条需求，并保存搜索，有新能力发布时会通知您"),
        ({"parts": 3, "parts_found": 2}, "no_supply", "", "split", "拆成 3 个子问题分别找：其中 2 个有够得上的能力"),
        ({"parts": 3}, "no_supply", "", "call", "请学会看一看这条需求，并保存搜索，有新能力发布时会通知您"),
        (
            {"excluded": [("trl", offer(trl=5))] * 3},
            "filtered",
            "min_trl",
            "edit",
            "把最低成熟度由 7 级放宽到 5 级，可多出 3 项",
        ),
        (
            {"excluded": [("trl", offer(trl=5)), ("trl", offer(trl=6)), ("trl", offer(trl=6))]},
            "filtered",
            "min_trl",
            "edit",
            "把最低成熟度由 7 级放宽到 6 级，可多出 2 项",
        ),
        (
            {
                "excluded": [
                    ("trl", offer(trl=5)),
                    ("modes", offer(modes=("license", "equity"))),
                    ("modes", offer(modes=("license",))),
                ]
            },
            "filtered",
            "modes",
            "edit",
            "合作方式再选上“技术许可”，可多出 2 项",
        ),
        (
            {"excluded": [("budget", offer(price_min=90))]},
            "filtered",
            "budget_max",
            "edit",
            "提高预算上限，或写明可以分期，最多可多出 1 项",
        ),
        (
            {"excluded": [("industry", offer(industries=("bio",)))]},
            "filtered",
            "industry",
            "edit",
            "核对行业领域：如果也属于“生物医药与健康”，改选后可多出 1 项",
        ),
        (
            {"excluded": [("kind", offer(type="testing"))]},
            "filtered",
            "kind",
            "edit",
            "核对需求类型：如果其实是“检验检测”，改选后可多出 1 项",
        ),
        ({"excluded": [("region", offer(regions=("440111",)))]}, "no_supply", "", "call", None),
        ({"excluded": [("organisation", OFFER), ("open", OFFER)]}, "no_supply", "", "call", None),
        (
            {"clarity": "vague", "advice": VAGUE},
            "too_vague",
            "problem",
            "edit",
            "难题只有 8 字，对方判断不了。例：焊缝气孔率 3 %",
        ),
        (
            {"clarity": "concept", "advice": VAGUE, "excluded": [("trl", offer(trl=5))]},
            "too_vague",
            "problem",
            "edit",
            "难题只有 8 字，对方判断不了。例：焊缝气孔率 3 %",
        ),
        ({"clarity": "clear", "advice": VAGUE}, "no_supply", "", "call", None),
        (
            {"clarity": "vague", "advice": VAGUE, "possible": 1, "left": 1},
            "unasked",
            "",
            "ask",
            "从最靠前的一项开始发起对接",
        ),
        ({"expired": 1}, "unanswered", "", "call", "再发一次，并请区科协帮忙联系，或请学会推荐别家"),
        ({"expired": 2, "left": 2}, "unanswered", "", "ask", "再发一次，并请区科协帮忙联系，或另问还没联系过的 2 项"),
        ({"expired": 1, "left": 2}, "unasked", "", "ask", None),
        (
            {"refusals": {"too_early": 2}},
            "refused",
            "min_trl",
            "edit",
            "在“最低成熟度”里写明最低要几级，不够成熟的就不再推荐",
        ),
        ({"refusals": {"too_early": 2}, "left": 3}, "unasked", "", "ask", None),
        ({"refusals": {"ip": 1}, "expired": 2}, "unanswered", "", "call", None),
        ({"refusals": {"ip": 2}, "expired": 2}, "refused", "ip_terms", "edit", None),
        (
            {"refusals": {"too_vague": 1}, "advice": VAGUE},
            "refused",
            "problem",
            "edit",
            "难题只有 8 字，对方判断不了。例：焊缝气孔率 3 %",
        ),
        ({"refusals": {"too_vague": 1}}, "refused", "problem", "edit", "把难题写到工序、现象、现在的数和损失"),
        (
            {"refusals": {"spec_gap": 2, "ip": 1}, "unmet": {"漏检率": 1, "节拍": 3}},
            "refused",
            "indicators",
            "edit",
            "“节拍”有 3 项能力达不到：核对目标值，或由“必须”改为“期望”",
        ),
        ({"refusals": {"no_capacity": 1}}, "refused", "", "call", None),
        ({"refusals": {"no_capacity": 1}, "left": 1}, "refused", "", "ask", None),
        ({"waiting": 1, "refusals": {"ip": 3}, "expired": 3}, "waiting", "", "wait", "先等回复；到期没有回复会提醒您"),
        ({"to_answer": 1, "waiting": 2}, "waiting", "", "wait", "先回复收到的对接意向"),
        ({"accepted": 1, "waiting": 2, "to_answer": 1}, "waiting", "", "wait", "先把已接受的对接谈出结果，再找别家"),
    ],
)
def test_each_state_of_affairs_has_one_cause_and_one_suggestion(given, cause, field, deed, suggestion):
    found = diagnose(facts(**given))
    assert (found.cause, found.field, found.deed) == (cause, field, deed)
    assert suggestion is None or found.suggestion == suggestion
    assert found.reason and found.label == CAUSES[cause]


def test_the_reasons_of_refusals_are_told_with_their_numbers():
    found = diagnose(facts(refusals={"budget": 1, "too_early": 2}))
    assert found.reason == "原因：成熟度不足 2 次、预算不符 1 次"


def test_every_reason_of_refusal_has_a_remedy():
    assert set(diagnosis.REMEDIES) == set(DECLINE_REASONS)


def test_of_equal_gain_the_change_that_costs_least_is_suggested():
    excluded = [("kind", offer(type="testing")), ("trl", offer(trl=6)), ("modes", offer(modes=("license",)))]
    assert [step.field for step in relaxations(TERMS, excluded)] == ["modes", "min_trl", "kind"]


@pytest.mark.parametrize(
    ("kept_out", "relaxed"),
    [
        (offer(trl=5), {"min_trl": 5}),
        (offer(modes=("license",)), {"modes": ("joint", "license")}),
        (offer(type="testing"), {"kind": "testing"}),
        (offer(industries=("bio",)), {"industry": "bio"}),
    ],
)
def test_a_suggested_relaxation_lets_the_capability_through(kept_out, relaxed):
    failed = [line.code for line in check(TERMS, kept_out) if not line.passed]
    assert len(failed) == 1
    assert [step.gain for step in relaxations(TERMS, [(failed[0], kept_out)])] == [1]
    assert all(line.passed for line in check(dataclasses.replace(TERMS, **relaxed), kept_out))
