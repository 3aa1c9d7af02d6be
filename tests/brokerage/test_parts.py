"""A need cut into parts: who may cut it, what a cut is, and who covers it, on the encoder of letters."""

import pytest
from sqlalchemy import select

from kcz_match.brokerage import parts
from kcz_match.brokerage.models import MatchVeto, NeedPart
from kcz_match.catalogue.fields import Claim
from kcz_match.core import audit
from kcz_match.core.db import db
from kcz_match.core.errors import Conflict, Forbidden, Invalid
from kcz_match.matching import service
from tests.web.test_matches import index_everything

LEAK = "壳体油道密封面渗油，台架振动后滴漏"
HEAT = "定子端部绕组温度偏高，喷油环油量分布不均"
GAP = "碳化硅模块电磁干扰超标，滤波器体积放不下"
SENTENCES = [LEAK, HEAT, GAP]
SEAL = {
    "title": "油道密封面渗油治理",
    "keywords": "密封 渗油",
    "problem": f"{LEAK}。",
    "method": "密封面滚压加微观织构。",
}
OIL = {"title": "喷油环油量均布设计", "keywords": "喷油 绕组", "problem": f"{HEAT}。", "method": "两相流仿真重排油孔。"}


@pytest.fixture
def need(world):
    return world.need(problem="。".join(SENTENCES) + "。")


@pytest.fixture
def supply(world, need):
    """A society that seals, another that cools; nobody has anything against interference."""
    made = world.capability(**SEAL), world.capability(by=world.of(world.other_society), **OIL)
    index_everything()
    return made


def cut(need, world, sentences=SENTENCES):
    kept = parts.save_parts(need, world.of(world.enterprise), sentences)
    db.session.commit()
    return kept


def test_the_proposal_is_made_of_the_need_s_own_words(world, need):
    assert parts.suggest_parts(need) == SENTENCES
    assert parts.parts_of(need) == []


def test_a_cut_is_kept_in_order_cleaned_and_on_record(world, need):
    cut(need, world, [f"  {HEAT} ", "", LEAK])
    assert parts.parts_of(need) == [HEAT, LEAK]
    entry = audit.entries_of(need)[-1]
    assert (entry.action, entry.data["parts_after"]) == ("need.split", [HEAT, LEAK])


def test_saving_the_same_cut_again_changes_nothing(world, need):
    cut(need, world)
    before = [(row.id, row.sentence) for row in db.session.scalars(select(NeedPart))]
    deeds = len(audit.entries_of(need))
    cut(need, world)
    assert [(row.id, row.sentence) for row in db.session.scalars(select(NeedPart))] == before
    assert len(audit.entries_of(need)) == deeds


def test_clearing_makes_the_need_whole_again(world, need):
    cut(need, world)
    parts.clear_parts(need, world.of(world.enterprise))
    assert parts.parts_of(need) == []
    assert parts.cover_of(need, world.of(world.enterprise)) is None


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ([], ["parts"]),
        ([LEAK], ["parts"]),
        ([LEAK, "太短"], ["part-1"]),
        ([LEAK, "长" * 201], ["part-1"]),
        ([LEAK, HEAT, LEAK], ["part-2"]),
        ([f"第 {number} 个子问题" for number in range(9)], ["parts"]),
    ],
)
def test_a_cut_that_is_none_is_refused_by_line_and_the_old_one_stays(world, need, typed, errors):
    cut(need, world, [HEAT, LEAK])
    with pytest.raises(Invalid) as refusal:
        parts.save_parts(need, world.of(world.enterprise), typed)
    assert list(refusal.value.errors) == errors
    assert parts.parts_of(need) == [HEAT, LEAK]


def test_owner_association_and_office_may_cut_and_nobody_else(world, need):
    for unit in (world.enterprise, world.district):
        parts.save_parts(need, world.of(unit), SENTENCES)
    parts.save_parts(need, world.office_manager, [LEAK, HEAT])
    for unit in (world.society, world.park, world.other_district):
        with pytest.raises(Forbidden):
            parts.save_parts(need, world.of(unit), SENTENCES)
        with pytest.raises(Forbidden):
            parts.clear_parts(need, world.of(unit))
        with pytest.raises(Forbidden):
            parts.cover_of(need, world.of(unit))
    assert parts.parts_of(need) == [LEAK, HEAT]


def test_a_cut_made_on_an_old_form_does_not_overwrite_a_newer_one(world, need):
    seen = parts.mark_of(parts.parts_of(need))
    cut(need, world)
    with pytest.raises(Conflict):
        parts.save_parts(need, world.of(world.district), [LEAK, HEAT], seen)
    assert parts.parts_of(need) == SENTENCES


def test_two_societies_cover_two_parts_with_their_own_words_and_the_gap_is_named(world, need, supply):
    cut(need, world)
    found = parts.cover_of(need, world.of(world.enterprise))
    assert {unit.id for unit in found.chosen} == {world.society.id, world.other_society.id}
    assert (found.covered, [number for number, _ in found.missing]) == (2, [3])
    assert [getattr(found.taker(number), "id", None) for number in (1, 2, 3)] == [
        world.society.id,
        world.other_society.id,
        None,
    ]
    quotes = {
        key: answer.pair.capability_quote for part in found.parts for key, answer in part.answers.items() if answer.pair
    }
    assert quotes[world.society.id] in SEAL["problem"]
    assert quotes[world.other_society.id] in OIL["problem"]
    assert found.best_of(found.taker(1)).capability.id == supply[0].id


def test_several_capabilities_of_one_society_are_one_provider(world, need):
    world.capability(**SEAL), world.capability(**OIL)
    index_everything()
    cut(need, world)
    found = parts.cover_of(need, world.of(world.enterprise))
    assert [unit.id for unit in found.chosen] == [world.society.id]
    assert found.covered == 2


def test_a_provider_is_given_no_more_parts_than_it_takes_contacts_in_a_month(world, need):
    world.capability(**SEAL | {"monthly_capacity": 1, "keywords": "密封"})
    world.capability(by=world.of(world.other_society), **OIL)
    index_everything()
    cut(need, world, [LEAK, "油道密封面渗油，台架振动后滴漏不止"])
    found = parts.cover_of(need, world.of(world.enterprise))
    assert (found.covered, len(found.missing)) == (1, 1)
    assert found.is_crowded(found.missing[0][0])


def test_hard_filters_exclude_and_are_counted_without_a_word_on_avoidance(world, need, supply):
    need.min_trl = "9"
    db.session.commit()
    cut(need, world)
    found = parts.cover_of(need, world.of(world.enterprise))
    assert (found.covered, dict(found.parts[0].kept_out)) == (0, {"成熟度≥9": 1})
    need.min_trl, need.avoided = "", [world.society]
    db.session.commit()
    found = parts.cover_of(need, world.of(world.enterprise))
    assert ([unit.id for unit in found.chosen], dict(found.parts[0].kept_out)) == ([world.other_society.id], {})


def test_a_pair_that_somebody_vetoed_or_the_poster_refused_is_not_proposed(world, need, supply):
    cut(need, world)
    seal, oil = supply
    db.session.add(MatchVeto(need_id=need.id, capability_id=seal.id, organisation_id=world.society.id))
    service.decide(need, oil, world.of(world.enterprise), "refuse", reason="off_topic")
    db.session.commit()
    found = parts.cover_of(need, world.of(world.enterprise))
    assert (found.chosen, [dict(part.kept_out) for part in found.parts]) == ([], [{}, {}, {}])


def test_a_need_that_is_not_listed_finds_nobody(world, supply):
    draft = world.draft(problem="。".join(SENTENCES))
    cut(draft, world)
    assert parts.cover_of(draft, world.of(world.enterprise)).chosen == []


def test_text_that_a_reader_may_not_see_is_not_quoted(world, need):
    hidden = "滚压轮材料配比为保密内容密封面渗油"
    capability = world.capability(
        title="密封面治理", keywords="密封", problem=f"{LEAK}。", method=hidden, rows=(Claim("泄漏量", "0.1", "mL"),)
    )
    capability.tiers = {"method": "consent"}
    db.session.commit()
    index_everything()
    cut(need, world)
    found = parts.cover_of(need, world.of(world.enterprise))
    pairs = [answer.pair.capability_quote for part in found.parts for answer in part.answers.values() if answer.pair]
    assert pairs and [quote for quote in pairs if hidden[:8] in quote] == []


def test_the_number_of_queries_does_not_grow_with_the_supply(world, need, count_queries):
    world.capability(**SEAL)
    index_everything()
    cut(need, world, [LEAK, HEAT])
    actor = world.of(world.enterprise)
    parts.cover_of(need, actor)
    few = count_queries(lambda: parts.cover_of(need, actor))
    for number in range(8):
        world.capability(**SEAL | {"title": f"油道密封面渗油治理 {number}"})
    index_everything()
    db.session.expire_all()
    need.title, actor = need.title, world.of(world.enterprise)
    parts.cover_of(need, actor)
    assert count_queries(lambda: parts.cover_of(need, actor)) == few
