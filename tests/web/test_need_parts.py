"""The page of sub-problems: the proposal, the form without script, the cover in words, and who may look."""

import re

import pytest
from sqlalchemy import select

from kcz_match.brokerage import parts
from kcz_match.brokerage.models import NeedPart
from kcz_match.core.db import db
from kcz_match.engagements import service as engagements
from tests.brokerage.test_parts import GAP, HEAT, LEAK, OIL, SEAL, SENTENCES
from tests.factories import sign_in
from tests.web.test_matches import index_everything, text_of

ASKING = {"cooperation": "合作开发", "unclear": "", "about_us": "示例单位"}


@pytest.fixture
def need(world):
    return world.need(problem="。".join(SENTENCES) + "。")


@pytest.fixture
def cut(world, need):
    """The need cut in three, with a society for each of the first two parts."""
    world.capability(**SEAL)
    world.capability(by=world.of(world.other_society), **OIL)
    parts.save_parts(need, world.of(world.enterprise), SENTENCES)
    index_everything()
    return need


def typed(lines, **more):
    return {f"part-{place}": line for place, line in enumerate(lines)} | more


def lines_of(page):
    return re.findall(r'name="part-\d"[^>]*>([^<]*)</textarea>', page)


def kept():
    db.session.rollback()
    return list(db.session.scalars(select(NeedPart.sentence).order_by(NeedPart.position)))


def test_a_need_in_one_piece_shows_the_proposal_word_for_word_and_keeps_nothing(world, client, need):
    sign_in(client, world.of(world.enterprise))
    page = text_of(client.get(f"/needs/{need.key}/parts"))
    assert lines_of(page) == SENTENCES
    assert "一字未改" in page and kept() == []
    assert f'href="/needs/{need.key}/parts"' in text_of(client.get(f"/needs/{need.key}"))


def test_a_need_that_says_one_thing_gives_an_empty_form_to_write_in(world, client):
    need = world.need(
        problem="人工看片漏检率高，节拍跟不上，小气孔经常被放过，返修成本高。",
        target="人工看片漏检率高要改善。",
    )
    sign_in(client, world.of(world.enterprise))
    page = text_of(client.get(f"/needs/{need.key}/parts"))
    assert "请自己写" in page and lines_of(page) == ["", ""]


@pytest.mark.parametrize(
    ("deed", "lines"),
    [
        ("add", [LEAK, HEAT, GAP, ""]),
        ("remove-1", [LEAK, GAP]),
        ("up-2", [LEAK, GAP, HEAT]),
        ("down-0", [HEAT, LEAK, GAP]),
        ("restore", SENTENCES),
    ],
)
def test_buttons_that_move_lines_give_the_form_back_and_keep_nothing(world, client, need, deed, lines):
    sign_in(client, world.of(world.enterprise))
    answer = client.post(f"/needs/{need.key}/parts", data=typed([LEAK, HEAT, GAP], deed=deed))
    assert (answer.status_code, lines_of(text_of(answer))) == (200, lines)
    assert "还没有保存" in text_of(answer) and kept() == []


@pytest.mark.parametrize("deed", ["up-0", "down-2", "remove-9", "remove-x", "explode", "up-١"])
def test_a_deed_that_is_not_there_is_not_found(world, client, need, deed):
    sign_in(client, world.of(world.enterprise))
    assert client.post(f"/needs/{need.key}/parts", data=typed(SENTENCES, deed=deed)).status_code == 404


def test_saving_shows_who_covers_what_with_quotes_and_names_the_gap(world, client, cut):
    sign_in(client, world.of(world.enterprise))
    page = re.sub(r"</?u>", "", text_of(client.get(f"/needs/{cut.key}/parts")))
    assert "2&#8201;家可覆盖 3&#8201;个子问题中的 2&#8201;个" in page
    assert page.count("由它承担") == 2
    quotes = re.findall(r'<q class="cover-quote">(.*?)</q>', page)
    assert sorted(quotes) == sorted([SEAL["problem"], OIL["problem"]])
    gap = page[page.index("还缺 1 个子问题") :]
    assert f"子问题 3“{GAP}”：现有能力里没有够得上的" in gap
    for offer in ("现在诊断", "请学会诊断", "有合适的能力发布时告诉我"):
        assert offer in gap
    assert len(re.findall(rf'href="/interests/new/{cut.key}/[^"]+"[^>]*>发起对接', page)) == 2


def test_an_open_interest_is_linked_instead_of_asked_again(world, client, cut):
    found = parts.cover_of(cut, world.of(world.enterprise))
    interest = engagements.send_interest(
        cut, found.best_of(found.chosen[0]).capability, world.of(world.enterprise), **ASKING
    )
    db.session.commit()
    sign_in(client, world.of(world.enterprise))
    page = text_of(client.get(f"/needs/{cut.key}/parts"))
    assert f'href="/interests/{interest.key}"' in page
    assert page.count(f'href="/interests/new/{cut.key}/') == 1


def test_the_form_saves_and_clears(world, client, need):
    sign_in(client, world.of(world.enterprise))
    seen = parts.mark_of([])
    assert (
        client.post(f"/needs/{need.key}/parts", data=typed([HEAT, "", LEAK], deed="save", seen=seen)).status_code == 302
    )
    assert kept() == [HEAT, LEAK]
    seen = parts.mark_of([HEAT, LEAK])
    assert client.post(f"/needs/{need.key}/parts", data=typed([], deed="clear", seen=seen)).status_code == 302
    assert kept() == []


def test_a_refused_form_keeps_every_character_and_says_where(world, client, need):
    sign_in(client, world.of(world.enterprise))
    answer = client.post(
        f"/needs/{need.key}/parts", data=typed([HEAT, "太短", LEAK], deed="save", seen=parts.mark_of([]))
    )
    page = text_of(answer)
    assert (answer.status_code, lines_of(page)) == (422, [HEAT, "太短", LEAK])
    assert "这一条有 2 个字" in page and kept() == []


def test_two_people_at_once_the_second_is_told_and_loses_nothing(world, client, cut):
    sign_in(client, world.of(world.district))
    answer = client.post(f"/needs/{cut.key}/parts", data=typed([HEAT, LEAK], deed="save", seen=parts.mark_of([])))
    assert (answer.status_code, lines_of(text_of(answer))) == (409, [HEAT, LEAK])
    assert "刚才有人改过" in text_of(answer) and kept() == SENTENCES


def test_only_owner_association_and_office_see_the_page(world, client, cut):
    for unit in (world.society, world.park, world.other_district):
        sign_in(client, world.of(unit))
        assert client.get(f"/needs/{cut.key}/parts").status_code == 404
        assert client.post(f"/needs/{cut.key}/parts", data=typed([HEAT, LEAK], deed="save")).status_code == 404
    for actor in (world.of(world.district), world.office_manager):
        sign_in(client, actor)
        page = text_of(client.get(f"/needs/{cut.key}/parts"))
        assert "对接意向由发布单位发出" in page and "/interests/new/" not in page
    assert kept() == SENTENCES


def test_a_member_who_only_looks_sees_the_cover_but_no_form(world, client, cut):
    viewer = world.join(world.enterprise, "viewer@example.org", "viewer")
    db.session.commit()
    sign_in(client, viewer)
    page = text_of(client.get(f"/needs/{cut.key}/parts"))
    assert "家可覆盖" in page and "保存拆分" not in page
    assert client.post(f"/needs/{cut.key}/parts", data=typed([HEAT, LEAK], deed="save")).status_code == 403
    assert kept() == SENTENCES
