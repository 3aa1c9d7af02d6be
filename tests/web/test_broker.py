"""The queue page: what waits for whom, five deeds, and taking each of them back."""

import re

import pytest
from sqlalchemy import select

from kcz_match.brokerage.models import MatchNote, MatchPin, MatchVeto
from kcz_match.core.db import db, utc_now
from kcz_match.core.notify import Notice
from kcz_match.matching.models import MatchDecision
from tests.brokerage.answers import write_list
from tests.factories import sign_in


def text_of(response):
    return response.get_data(as_text=True)


@pytest.fixture
def pair(world):
    """A need and a capability that a current list of each proposes for the other."""
    need, capability = world.need(), world.capability()
    write_list(need, [capability])
    write_list(capability, [need])
    db.session.commit()
    return need, capability


def address(pair, deed=""):
    need, capability = pair
    return f"/broker/{need.key}/{capability.key}" + (f"/{deed}" if deed else "")


def after(client, answer):
    """Return the page that an answer leads to."""
    return text_of(client.get(answer.location))


def follow_undo(client, page):
    """Press the undo of the last message on a page."""
    action = re.findall(r'<div class="message done">.*?<form method="post" action="([^"]+)"', page, re.DOTALL)[-1]
    return client.post(action.replace("&amp;", "&"))


def rows(model):
    return db.session.scalars(select(model)).all()


def test_the_pair_waits_for_its_district_its_society_and_the_office_and_for_nobody_else(world, client, pair):
    waits = {}
    for name, who in {
        "district": world.of(world.district),
        "enterprise": world.of(world.enterprise),
        "society": world.of(world.society),
        "office": world.office_manager,
        "other district": world.of(world.other_district),
        "other society": world.of(world.other_society),
        "team": world.of(world.team),
    }.items():
        sign_in(client, who)
        waits[name] = 'class="match pair' in text_of(client.get("/broker"))
    assert [name for name, is_there in waits.items() if is_there] == ["district", "enterprise", "society", "office"]


DEEDS = {
    "adopt": ({}, lambda: [str(row.decision) for row in rows(MatchDecision)], ["adopt"]),
    "ignore": ({}, lambda: [str(row.decision) for row in rows(MatchDecision)], ["ignore"]),
    "refuse": (
        {"reason": "spec_gap", "sentence": "漏检率不够"},
        lambda: [(str(row.decision), row.reason, row.sentence) for row in rows(MatchDecision)],
        [("refuse", "spec_gap", "漏检率不够")],
    ),
    "pin": ({"text": "现场看过"}, lambda: [row.reason for row in rows(MatchPin)], ["现场看过"]),
    "note": ({"text": "工艺对得上"}, lambda: [row.sentence for row in rows(MatchNote)], ["工艺对得上"]),
    "veto": ({"text": "去年谈崩了"}, lambda: [row.reason for row in rows(MatchVeto)], ["去年谈崩了"]),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_each_deed_is_done_said_and_undone_from_the_message(world, client, pair, deed):
    typed, kept, expected = DEEDS[deed]
    sign_in(client, world.of(world.district))
    page = after(client, client.post(address(pair, deed), data=typed))
    assert kept() == expected
    assert 'class="message done"' in page
    follow_undo(client, page)
    assert kept() == []
    assert 'class="match pair' in text_of(client.get("/broker"))


@pytest.mark.parametrize(("deed", "model", "name"), [("pin", MatchPin, "reason"), ("note", MatchNote, "sentence")])
def test_taking_words_away_can_be_undone_with_the_very_words(world, client, pair, deed, model, name):
    sign_in(client, world.of(world.district))
    client.post(address(pair, deed), data={"text": "甲&乙 <b>“丙”</b>"})
    page = after(client, client.post(address(pair, f"un{deed}")))
    assert rows(model) == []
    follow_undo(client, page)
    assert [getattr(row, name) for row in rows(model)] == ["甲&乙 <b>“丙”</b>"]


def test_undoing_a_changed_note_brings_the_former_one_back(world, client, pair):
    sign_in(client, world.of(world.district))
    client.post(address(pair, "note"), data={"text": "第一句"})
    page = after(client, client.post(address(pair, "note"), data={"text": "第二句"}))
    follow_undo(client, page)
    assert [row.sentence for row in rows(MatchNote)] == ["第一句"]


def test_an_owner_who_adopts_goes_on_to_the_interest_and_a_broker_to_the_note(world, client, pair):
    need, capability = pair
    sign_in(client, world.of(world.enterprise))
    assert client.post(address(pair, "adopt")).location == f"/interests/new/{need.key}/{capability.key}"
    sign_in(client, world.of(world.district))
    assert client.post(address(pair, "adopt")).location == f"{address(pair)}?box=note"
    assert {row.organisation_id for row in rows(MatchDecision)} == {world.enterprise.id, world.district.id}


def test_a_refused_form_comes_back_open_with_what_was_typed(world, client, pair):
    sign_in(client, world.of(world.district))
    answer = client.post(address(pair, "refuse"), data={"sentence": "为什么呢"})
    assert answer.status_code == 422
    assert "请从列表里选一个不合适的原因" in text_of(answer) and "为什么呢</textarea>" in text_of(answer)
    long = "很" * 201
    answer = client.post(address(pair, "note"), data={"text": long})
    assert answer.status_code == 422 and f"{long}</textarea>" in text_of(answer) and "现在 201 字" in text_of(answer)
    assert client.post(address(pair, "pin"), data={"text": " "}).status_code == 422
    assert rows(MatchDecision) == rows(MatchNote) == rows(MatchPin) == []


def test_the_note_starts_from_the_quoted_reason_and_both_sides_read_it(world, client, pair):
    sign_in(client, world.of(world.district))
    page = text_of(client.get(f"{address(pair)}?box=note"))
    assert re.search(r'name="text" id="note-[^>]*>需求方说“', page)
    client.post(address(pair, "note"), data={"text": "两家工艺<对得上>"})
    for unit in (world.enterprise, world.society, world.district):
        sign_in(client, world.of(unit))
        assert "两家工艺&lt;对得上&gt;" in text_of(client.get("/broker"))


def test_a_veto_says_first_that_nobody_learns_of_it_and_can_be_found_and_lifted_later(world, client, pair):
    told = len(rows(Notice))
    sign_in(client, world.of(world.society))
    assert "除本单位外没有人知道" in text_of(client.get("/broker"))
    client.post(address(pair, "veto"), data={"text": "内部原因"})
    assert pair[0].title in text_of(client.get("/broker/settled?kind=vetoed"))
    for unit in (world.enterprise, world.district):
        sign_in(client, world.of(unit))
        for page in ("/broker", "/broker/settled?kind=vetoed", "/broker/settled", "/inbox"):
            answer = text_of(client.get(page))
            assert "内部原因" not in answer and f"/capabilities/{pair[1].key}" not in answer
    assert len(rows(Notice)) == told
    sign_in(client, world.of(world.society))
    client.post(address(pair, "lift"))
    assert 'class="match pair' in text_of(client.get("/broker"))


def test_what_may_not_be_known_is_not_there_and_what_may_not_be_done_is_refused(world, client, pair):
    sign_in(client, world.of(world.other_district))
    for deed in ("", "adopt", "pin", "veto", "note", "lift"):
        answer = client.post(address(pair, deed)) if deed else client.get(address(pair))
        assert answer.status_code == 404
    sign_in(client, world.office_manager)
    assert client.post(address(pair, "veto")).status_code == 403
    assert "不再推荐…" not in text_of(client.get("/broker"))
    assert client.post(address(pair, "explode")).status_code == 404
    assert rows(MatchVeto) == rows(MatchDecision) == []


def test_a_visitor_and_a_member_who_only_looks_have_no_queue(world, client, pair):
    assert client.get("/broker").location.startswith("/login")
    viewer = world.join(world.district, "viewer@example.org", "viewer")
    db.session.commit()
    sign_in(client, viewer)
    assert client.get("/broker").status_code == 403
    assert "匹配推荐" not in text_of(client.get("/"))
    sign_in(client, world.of(world.district))
    assert "匹配推荐" in text_of(client.get("/"))


def test_an_answer_leads_back_to_this_site_only(world, client, pair):
    sign_in(client, world.of(world.district))
    for back in ("https://example.org/x", "//example.org", "/\\example.org"):
        assert client.post(address(pair, "ignore"), data={"back": back}).location == "/broker"
    back = "/broker?band=strong&page=1"
    assert client.post(address(pair, "ignore"), data={"back": back}).location == back


def test_a_pair_that_a_filter_excludes_is_refused_with_the_filters_sentence(world, client, pair):
    pair[0].min_trl = "9"
    db.session.commit()
    sign_in(client, world.of(world.district))
    page = after(client, client.post(address(pair, "pin"), data={"text": "理由"}))
    assert "硬性条件“成熟度≥9”不符" in page and rows(MatchPin) == []


def test_htmx_gets_one_row_with_the_counts_and_no_second_page(world, client, pair):
    sign_in(client, world.of(world.district))
    as_htmx = {"HX-Request": "true"}
    pinned = text_of(client.post(address(pair, "pin"), data={"text": "现场看过"}, headers=as_htmx))
    assert "<html" not in pinned and "现场看过" in pinned and "其中已置顶 1" in pinned
    gone = text_of(client.post(address(pair, "ignore"), headers=as_htmx))
    assert "<html" not in gone and "已忽略" in gone and "/undecide" in gone and "强 <strong>0</strong>" in gone
    back = text_of(client.post(address(pair, "undecide"), headers=as_htmx))
    assert 'class="match pair strong"' in back and "强 <strong>1</strong>" in back
    wrong = client.post(address(pair, "refuse"), headers=as_htmx)
    assert wrong.status_code == 200 and "请从列表里选一个不合适的原因" in text_of(wrong)
    pair[0].min_trl = "9"
    db.session.commit()
    answer = client.post(address(pair, "note"), data={"text": "好"}, headers=as_htmx)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/broker")
    assert "<html" not in text_of(client.get(f"{address(pair)}?box=note", headers=as_htmx))


def test_the_lists_are_paged_filtered_and_teach_when_empty(world, client):
    capability, district = world.capability(), world.of(world.district)
    sign_in(client, district)
    assert "没有等本单位处理的匹配" in text_of(client.get("/broker"))
    assert "还没有处理过的配对" in text_of(client.get("/broker/settled"))
    assert "没有设为不再推荐的配对" in text_of(client.get("/broker/settled?kind=vetoed"))
    for number in range(21):
        write_list(world.need(title=f"需求第{number}号"), [capability])
    db.session.commit()
    shown = [text_of(client.get(f"/broker?page={page}")).count('class="match pair') for page in (1, 2, 3)]
    assert shown == [20, 1, 1]
    assert text_of(client.get("/broker?q=需求第7号")).count('class="match pair') == 1
    assert "没有符合条件的匹配" in text_of(client.get("/broker?band=pinned"))
    assert text_of(client.get("/broker?band=nonsense&district=x&industry=y")).count('class="match pair') == 20


def test_the_queue_takes_as_many_queries_for_thirty_pairs_as_for_one(world, client, count_queries):
    capability = world.capability()
    needs = [world.need(title=f"需求第{number}号") for number in range(20)]
    write_list(needs[0], [capability])
    db.session.commit()
    sign_in(client, world.of(world.district))
    client.get("/broker")
    one = count_queries(lambda: client.get("/broker"))
    for need in needs:
        write_list(need, [capability])
    db.session.commit()
    assert count_queries(lambda: client.get("/broker")) == one


def test_the_owner_finds_the_task_on_the_record_and_in_the_inbox_until_the_record_is_edited(world, client, pair):
    _, capability = pair
    sign_in(client, world.of(world.enterprise))
    client.post(address(pair, "refuse"), data={"reason": "too_early", "sentence": "只有样机"})
    assert "请补测试报告" not in text_of(client.get(f"/capabilities/{capability.key}"))
    sign_in(client, world.of(world.society))
    page = text_of(client.get(f"/capabilities/{capability.key}"))
    assert "成熟度不清：请补测试报告" in page and "只有样机" not in page and world.enterprise.name not in page
    inbox = text_of(client.get("/inbox"))
    assert f"按反馈补充：{capability.title}" in inbox and "成熟度不清：请补测试报告" in inbox
    capability.saved_at = utc_now()
    db.session.commit()
    assert "请补测试报告" not in text_of(client.get(f"/capabilities/{capability.key}"))
    assert "按反馈补充" not in text_of(client.get("/inbox"))
