"""The match pages with an encoder of letters: alike texts match, so every rule round the ranking can be told."""

import html
import re

import pytest
from sqlalchemy import select

from kcz_match import worker
from kcz_match.catalogue import need_service
from kcz_match.catalogue.fields import Claim
from kcz_match.core.db import db
from kcz_match.matching.models import MatchDecision
from kcz_match.selection import service as selection
from kcz_match.selection.queries import certificates_of
from tests import factories
from tests.factories import sign_in

ALIKE = {
    "title": "一体化压铸件在线缺陷检测装置",
    "keywords": "压铸 X射线 缺陷识别",
    "problem": "人工看片漏检率高，节拍跟不上，小气孔经常被放过，返修成本高。",
    "method": "压铸车间每天出件三千件，在线自动判定气孔和缩松。",
}
OTHER = {
    "title": "荔枝冷链保鲜",
    "keywords": "荔枝 保鲜",
    "industries": ["biomake"],
    "problem": "鲜果褐变，商超拒收。",
    "method": "预冷与气调包装。",
}


def text_of(response):
    return response.get_data(as_text=True)


def index_everything():
    """Let the worker do everything that waits, sentences included."""
    db.session.commit()
    for job in db.session.scalars(select(worker.jobs.Job)):
        if job.task.startswith("index"):
            job.run_at = job.created_at
    db.session.commit()
    while worker.do_one_job():
        for job in db.session.scalars(select(worker.jobs.Job)):
            if job.task.startswith("index"):
                job.run_at = job.created_at
        db.session.commit()


@pytest.fixture
def pair(world):
    """A need, a capability in nearly its words, and another one that has nothing to do with it."""
    need, capability = world.need(), world.capability(**ALIKE)
    world.capability(rows=(Claim(name="好果率", value="92", unit="%"),), **OTHER)
    index_everything()
    return need, capability


def test_the_owner_sees_a_band_quotes_from_both_records_indicators_and_the_reason_against(world, client, pair):
    need, capability = pair
    sign_in(client, world.of(world.enterprise))
    page = text_of(client.get(f"/needs/{need.key}/matches"))
    assert capability.title in page and "荔枝" not in page.split("被硬性条件排除")[0]
    quotes = [
        [html.unescape(re.sub(r"<span.*?</span>|<[^>]+>", "", quote)) for quote in re.findall(pattern, page, re.DOTALL)]
        for pattern in (r'<q class="from-need">(.*?)</q>', r'<q class="from-capability">(.*?)</q>')
    ]
    mine = "\n".join([need.title, need.keywords, need.background, need.problem, need.target])
    mine += "\n".join(row.text() for row in need.rows)
    theirs = "\n".join([capability.title, capability.keywords, capability.problem, capability.method])
    theirs += "\n".join(row.text() for row in capability.rows)
    assert quotes[0]
    assert [quote for quote in quotes[0] if quote not in mine] == []
    assert [quote for quote in quotes[1] if quote not in theirs] == []
    assert "满足" in page and "未说明" in page
    assert "只在 500 吨以下压铸机上验证过" in page
    assert not re.search(r"\d\d ?%\s*匹配|0\.9\d", page)


def test_the_supply_side_sees_the_need_from_its_capability(world, client, pair):
    need, capability = pair
    sign_in(client, world.of(world.society))
    page = text_of(client.get(f"/capabilities/{capability.key}/matches"))
    assert need.title in page
    assert "13800000001" not in page and "试过通用视觉软件" not in page


def test_matches_of_a_need_are_hidden_from_everybody_but_its_owner_and_the_office(world, client, pair):
    need, capability = pair
    for unit in (world.society, world.park, world.other_district):
        sign_in(client, world.of(unit))
        assert client.get(f"/needs/{need.key}/matches").status_code == 404
    sign_in(client, world.office_manager)
    assert client.get(f"/needs/{need.key}/matches").status_code == 200


def test_a_decision_is_kept_shown_and_can_be_taken_back(world, client, pair):
    need, capability = pair
    sign_in(client, world.of(world.enterprise))
    address = f"/matches/{need.key}/{capability.key}/decide"
    client.post(address, data={"decision": "refuse", "reason": "spec_gap", "sentence": "漏检率不够"})
    row = db.session.scalar(select(MatchDecision))
    assert (row.decision, row.reason, row.sentence) == ("refuse", "spec_gap", "漏检率不够")
    page = text_of(client.get(f"/needs/{need.key}/matches"))
    assert "记为不合适的 1 项" in page and '<article class="match' not in page
    client.post(address, data={"decision": "undo"})
    assert db.session.scalars(select(MatchDecision)).all() == []
    assert '<article class="match' in text_of(client.get(f"/needs/{need.key}/matches"))


def test_refusing_without_one_of_the_twelve_codes_is_refused(world, client, pair):
    need, capability = pair
    sign_in(client, world.of(world.enterprise))
    address = f"/matches/{need.key}/{capability.key}/decide"
    for data in (
        {"decision": "refuse"},
        {"decision": "refuse", "reason": "因为"},
        {"decision": "adopt", "reason": "ip"},
    ):
        assert client.post(address, data=data).status_code == 302
    assert client.post(address, data={"decision": "explode"}).status_code == 404
    assert db.session.scalars(select(MatchDecision)).all() == []


def test_an_avoided_society_is_excluded_without_a_word_that_would_tell_it(world, client, pair):
    need, capability = pair
    need.avoided = [world.society]
    db.session.commit()
    sign_in(client, world.of(world.enterprise))
    assert '<article class="match' not in text_of(client.get(f"/needs/{need.key}/matches"))
    sign_in(client, world.of(world.society))
    page = text_of(client.get(f"/capabilities/{capability.key}/matches"))
    assert f"/needs/{need.key}" not in page and "目前不能对接" not in page


def test_a_need_without_a_good_match_says_so_and_offers_to_call_societies(world, client):
    world.capability(**OTHER)
    need = world.need()
    index_everything()
    sign_in(client, world.of(world.enterprise))
    page = text_of(client.get(f"/needs/{need.key}/matches"))
    assert "不拿不相干的名单充数" in page and '<article class="match' not in page


def test_a_revoked_title_takes_the_need_out_of_every_list_at_once(world, client, pair):
    need, capability = pair
    certificate = certificates_of(world.park.id)[0]
    selection.move_certificate(certificate, "revoke", world.office_manager, reason="示例")
    db.session.commit()
    sign_in(client, world.of(world.society))
    link = f'href="/needs/{need.key}'
    assert link not in text_of(client.get(f"/capabilities/{capability.key}/matches"))
    assert link not in text_of(client.get("/search?kind=need&q=压铸件在线缺陷检测"))


def test_words_that_a_stranger_may_not_read_lead_nowhere(world, client):
    need = world.need(tried="曾用锆钛酸铅换能器阵列扫查，误报太多。")
    world.need(
        "diagnosing", title="港口岸桥防风锚定", industry="marine", keywords="岸桥 锚定", problem="台风天锚定费时。"
    )
    index_everything()
    words = "锆钛酸铅换能器"
    assert need.title not in text_of(client.get("/search", query_string={"kind": "need", "q": words}))
    need.background = f"{factories.NEED['background']}{words}用过。"
    need.tiers = {"background": "members"}
    need_service.leave_followers(need)
    index_everything()
    assert need.title not in text_of(client.get("/search", query_string={"kind": "need", "q": words}))
    sign_in(client, world.of(world.society))
    assert need.title in text_of(client.get("/search", query_string={"kind": "need", "q": words}))


def test_search_counts_facets_and_keeps_what_was_chosen(world, client, pair):
    page = text_of(client.get("/search?kind=capability&q=压铸件在线缺陷检测装置"))
    assert pair[1].title in page and "智能装备与机器人" in page
    chosen = text_of(client.get("/search?kind=capability&q=压铸件在线缺陷检测装置&industry=marine"))
    assert f'">{pair[1].title}</a>' not in chosen and "去掉条件" in chosen


def test_a_public_code_leads_straight_to_its_record(world, client, pair):
    assert client.get(f"/search?q={pair[0].code.lower()}").location == f"/needs/{pair[0].key}"


def test_similar_needs_are_shown_before_a_new_one_is_written_and_drafts_of_others_never(world, client, pair):
    world.draft(title="一体化压铸件在线缺陷检测草稿")
    sign_in(client, world.of(world.district))
    typed = {name: factories.NEED[name] for name in ("title", "problem", "background")}
    page = text_of(client.post("/needs/aaaaaaaaaaaa/similar", data=typed))
    assert pair[0].title in page and "草稿" not in page
    assert "写下名称和难题" in text_of(client.post("/needs/aaaaaaaaaaaa/similar", data={"title": "压"}))


def test_without_a_working_encoder_the_site_answers_by_words(world, client, pair, monkeypatch):
    from kcz_match.matching.encoder import EncodingError
    from tests.letters import Letters

    def broken(self, texts, role="query"):
        raise EncodingError("没有模型")

    monkeypatch.setattr(Letters, "encode", broken)
    answer = client.get("/search?kind=capability&q=缺陷识别装置压铸")
    assert (answer.status_code, ALIKE["title"] in text_of(answer), OTHER["title"] in text_of(answer)) == (
        200,
        True,
        False,
    )
    assert ALIKE["title"] not in text_of(client.get("/search?kind=capability&q=荔枝"))


def test_a_hidden_problem_is_not_printed_beside_a_hit(world, client, pair):
    need, _ = pair
    need.tiers = {"problem": "consent"}
    need_service.leave_followers(need)
    index_everything()
    page = text_of(client.get("/search?kind=need&q=压铸 X射线 缺陷识别"))
    assert need.title in page and "小气孔经常被放过" not in page


def test_one_visible_need_is_found_among_many_that_may_not_be_shown(world, client):
    for number in range(70):
        world.need(title=f"压铸件检测 {number}", by=world.of(world.district))
    kept = world.need(title="压铸件检测 留下的")
    index_everything()
    selection.move_certificate(certificates_of(world.district.id)[0], "revoke", world.office_manager, reason="示例")
    db.session.commit()
    assert f"/needs/{kept.key}" in text_of(client.get("/search?kind=need&q=压铸件检测"))


def test_the_supply_side_learns_nothing_of_a_budget_by_comparing(world, client, pair):
    need, capability = pair
    need.budget_max, capability.price_min = 10, 5000
    db.session.commit()
    sign_in(client, world.of(world.society))
    page = text_of(client.get(f"/capabilities/{capability.key}/matches"))
    assert "报价下限高于预算上限" not in page and f"/needs/{need.key}" in page
    sign_in(client, world.of(world.enterprise))
    assert "报价下限高于预算上限" in text_of(client.get(f"/needs/{need.key}/matches"))
