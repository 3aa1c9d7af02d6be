"""Saved searches on the pages: kept from the search page, listed with what they brought, paused and removed."""

import datetime as dt
import html
import re

import pytest
from flask import render_template_string
from sqlalchemy import select

from kcz_match import worker
from kcz_match.brokerage import searches
from kcz_match.brokerage.models import SavedSearch, SearchAlert
from kcz_match.catalogue import capability_service
from kcz_match.core.db import db, utc_now
from kcz_match.core.notify import Notice
from tests.factories import sign_in

METHOD = "用卷积网络对射线图像分割气孔和缩松，结合工艺参数在线判定。"
WORDS = "射线图像 气孔"
ADDRESS = "/search?kind=capability&q=%E5%B0%84%E7%BA%BF%E5%9B%BE%E5%83%8F+%E6%B0%94%E5%AD%94"


def text_of(response) -> str:
    return html.unescape(response.get_data(as_text=True))


def main_of(response) -> str:
    return text_of(response).split("<main")[1].split("</main>")[0]


def post(client, *args, **more):
    """Post and open the page that it leads to."""
    return client.get(client.post(*args, **more).location)


def work() -> None:
    """Let the worker do what waits, as if a minute had gone by."""
    db.session.commit()
    while True:
        for job in db.session.scalars(select(worker.jobs.Job).where(worker.jobs.Job.status == "waiting")):
            if job.run_at < utc_now() + dt.timedelta(minutes=1):
                job.run_at = job.created_at
        db.session.commit()
        if not worker.do_one_job():
            return


def all_searches() -> list[SavedSearch]:
    return list(db.session.scalars(select(SavedSearch).order_by(SavedSearch.id)))


def bring(search, record, number: int, *, is_seen: bool = False) -> None:
    """Put alerts on a search; only the first is about the record, the others about records that are gone."""
    for place in range(number):
        db.session.add(
            SearchAlert(
                search_id=search.id,
                kind="capability",
                record_id=record.id + 1000 * place,
                field="problem",
                line=METHOD,
                seen_at=utc_now() if is_seen else None,
            )
        )
    db.session.commit()


@pytest.fixture
def keeper(world, client):
    """Somebody of the enterprise, signed in."""
    sign_in(client, world.of(world.enterprise))
    return world.of(world.enterprise)


def test_a_search_is_kept_from_its_page_and_told_of_in_the_inbox_with_the_line(world, client, keeper):
    page = text_of(client.get(ADDRESS))
    assert "保存这次搜索" in page

    kept = client.post("/searches", data={"q": WORDS, "kind": "capability", "industry": "nev"})
    back = text_of(client.get(kept.location))
    assert ("已保存，有符合的新内容会在收件箱告诉您。" in back, "保存这次搜索" in back) == (True, False)
    assert [(row.words, row.facets) for row in all_searches()] == [(WORDS, {"industry": "nev"})]

    capability = world.capability()
    work()

    inbox = text_of(client.get("/inbox"))
    assert f"“{METHOD}”符合您保存的搜索“{WORDS}”。见能力“{capability.title}”。" in inbox
    assert f"/capabilities/{capability.key}" in inbox
    shown = main_of(client.get(f"/searches/{all_searches()[0].key}"))
    assert capability.title in shown
    assert "<u>图像</u>" in shown or "<u>射线</u>" in shown
    assert re.search(r"1\u2009?条没看", main_of(client.get("/searches")).replace("&#8201;", "\u2009"))


def test_the_button_stands_in_the_empty_state_too_and_keeps_the_facets(world, client, keeper):
    page = main_of(client.get("/search?kind=capability&q=石墨烯散热膜&type=expert"))

    assert "没有结果" in page or "没有找到" in page
    assert "保存这次搜索" in page
    assert '<input type="hidden" name="type" value="expert">' in page


def test_a_stranger_is_offered_nothing_and_keeps_nothing(world, client):
    world.capability()
    work()

    assert "保存这次搜索" not in text_of(client.get(ADDRESS))
    assert client.post("/searches", data={"q": WORDS, "kind": "capability"}).location.startswith("/login")
    assert client.get("/searches").location.startswith("/login")
    assert all_searches() == []


def test_keeping_it_twice_says_so_kindly_and_the_message_takes_the_first_back(world, client, keeper):
    for _ in range(2):
        answer = post(client, "/searches", data={"q": WORDS, "kind": "capability"})
        assert answer.status_code == 200
    assert "这次搜索已经保存过，不用再存一次。" in text_of(answer)
    assert len(all_searches()) == 1

    client.post(f"/searches/{all_searches()[0].key}/remove")
    assert all_searches() == []


@pytest.mark.parametrize("form", [{"q": "", "kind": "capability"}, {"q": "气孔", "kind": "moon"}, {}])
def test_what_cannot_be_kept_is_refused_with_a_sentence(world, client, keeper, form):
    answer = post(client, "/searches", data=form)

    assert ("请写" in text_of(answer) or "请选择" in text_of(answer), all_searches()) == (True, [])


def drawn(app, need, saved=None) -> str:
    """Return what the macro for the match page draws."""
    with app.test_request_context():
        return render_template_string(
            "{% from 'saved_searches/save.html' import save_need_search %}{{ save_need_search(need, saved) }}",
            need=need,
            saved=saved,
        )


def test_a_need_is_watched_from_its_page_once(app, world, client, keeper):
    need = world.need()
    form = drawn(app, need)
    address = re.search(r'action="([^"]+)"', form)[1]
    assert "有合适的能力发布时告诉我" in form

    for _ in range(2):
        assert client.post(address).location == f"/needs/{need.key}/matches"

    assert [(row.need_id, row.words, row.kind) for row in all_searches()] == [(need.id, "", "capability")]
    assert f"需求“{need.title}”" in main_of(client.get("/searches"))
    again = drawn(app, need, all_searches()[0])
    assert ("<form" in again, all_searches()[0].key in again) == (False, True)


def test_a_need_is_not_watched_by_those_who_may_not_see_its_matches(world, client):
    need = world.need()
    sign_in(client, world.of(world.society))

    assert client.post(f"/searches/need/{need.key}").status_code == 404
    assert all_searches() == []


def test_the_list_teaches_when_empty_and_lists_what_is_kept(world, client, keeper):
    assert "还没有保存的搜索" in main_of(client.get("/searches"))

    searches.save(keeper, "capability", WORDS, {"industry": "nev"})
    searches.save(keeper, "need", "气孔")
    db.session.commit()

    page = main_of(client.get("/searches"))
    assert page.index(">气孔<") < page.index(f">{WORDS}<")
    assert "智能网联与新能源汽车" in page
    assert "还没有保存的搜索" not in page


def test_a_search_is_paused_resumed_and_removed_with_its_buttons(world, client, keeper):
    kept = searches.save(keeper, "capability", WORDS)
    db.session.commit()
    key = kept.key

    paused = text_of(post(client, f"/searches/{key}/pause"))
    assert ("已暂停" in paused, kept.is_on) == (True, False)
    assert f"/searches/{key}/resume" in paused
    client.post(f"/searches/{key}/resume")
    assert kept.is_on
    assert client.post(f"/searches/{key}/rename").status_code == 404
    client.post(f"/searches/{key}/remove")
    assert (all_searches(), client.get(f"/searches/{key}").status_code) == ([], 404)


def test_another_organisation_neither_sees_nor_changes_a_search(world, client):
    kept = searches.save(world.of(world.park), "capability", WORDS)
    db.session.commit()
    sign_in(client, world.of(world.enterprise))

    assert WORDS not in main_of(client.get("/searches"))
    assert client.get(f"/searches/{kept.key}").status_code == 404
    for deed in ("pause", "remove", "seen"):
        assert client.post(f"/searches/{kept.key}/{deed}").status_code == 404
    assert (all_searches(), kept.is_on) == ([kept], True)


def test_somebody_who_only_looks_reads_and_changes_nothing(world, client):
    kept = searches.save(world.of(world.enterprise), "capability", WORDS)
    viewer = world.join(world.enterprise, "viewer@example.org", "viewer")
    db.session.commit()
    sign_in(client, viewer)

    page = main_of(client.get(f"/searches/{kept.key}"))
    assert (WORDS in page, "暂停" in page, "移除" in page) == (True, False, False)
    assert client.post(f"/searches/{kept.key}/pause").status_code == 403
    assert kept.is_on


def test_what_is_out_of_reach_or_changed_is_named_without_its_text(world, client, keeper):
    kept = searches.save(keeper, "capability", WORDS)
    capability = world.capability()
    bring(kept, capability, 1)
    assert "分割" in main_of(client.get(f"/searches/{kept.key}"))

    capability.method = "改写过的方法。"
    db.session.commit()
    changed = main_of(client.get(f"/searches/{kept.key}"))
    assert (capability.title in changed, "分割" in changed) == (True, False)

    capability_service.act(capability, "withdraw", world.of(world.society), reason="不再提供")
    db.session.commit()
    gone = main_of(client.get(f"/searches/{kept.key}"))
    assert (capability.title in gone, "分割" in gone) == (False, False)
    assert "一条已不再公开的能力" in gone


def test_unseen_alerts_are_marked_until_somebody_says_so(world, client, keeper):
    kept = searches.save(keeper, "capability", WORDS)
    bring(kept, world.capability(), 2)

    assert main_of(client.get(f"/searches/{kept.key}")).count(">新<") == 2
    assert main_of(client.get(f"/searches/{kept.key}")).count(">新<") == 2
    client.post(f"/searches/{kept.key}/seen")

    page = main_of(client.get(f"/searches/{kept.key}"))
    assert (page.count(">新<"), f"/searches/{kept.key}/seen" in page) == (0, False)


def test_alerts_come_in_pages_newest_first(world, client, keeper):
    kept = searches.save(keeper, "capability", WORDS)
    bring(kept, world.capability(), 30)

    first, second = (main_of(client.get(f"/searches/{kept.key}?page={page}")) for page in (1, 2))
    assert (first.count("hit-title"), second.count("hit-title")) == (20, 10)
    assert 'href="/capabilities/' not in first.split("<ul")[1].split("</ul>")[0]
    assert 'href="/capabilities/' in second.split("<ul")[1].split("</ul>")[0]


def test_both_pages_ask_the_database_as_often_for_one_row_as_for_thirty(world, client, keeper, count_queries):
    kept = searches.save(keeper, "capability", WORDS)
    bring(kept, world.capability(), 1)
    one = [count_queries(lambda path=path: client.get(path)) for path in ("/searches", f"/searches/{kept.key}")]

    for number in range(29):
        bring(searches.save(keeper, "capability", f"{WORDS} {number}"), world.capability(), 1)
        bring(kept, world.capability(title=f"判定 {number}"), 1)
    many = [count_queries(lambda path=path: client.get(path)) for path in ("/searches", f"/searches/{kept.key}")]

    assert one == many


def test_the_digest_leads_to_the_page_of_its_search(world, client, keeper):
    kept = searches.save(keeper, "capability", WORDS)
    bring(kept, world.capability(), 11)
    worker.TASKS["digest_alerts"](kept.id)
    db.session.commit()

    assert [row.subject_key for row in db.session.scalars(select(Notice)) if "还没有看" in row.sentence] == [kept.key]
    assert f'href="/searches/{kept.key}"' in text_of(client.get("/inbox"))
