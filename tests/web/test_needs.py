import re

import pytest
from sqlalchemy import select

from kcz_match.catalogue.models import Need
from kcz_match.core.db import db, new_key
from tests import factories
from tests.factories import sign_in

FORM = {name: value for name, value in factories.NEED.items() if name != "modes"} | {
    "modes": ["joint"],
    "indicators-0-name": "漏检率",
    "indicators-0-target": "0.1",
    "indicators-0-unit": "%",
    "indicators-0-direction": "le",
    "indicators-0-must": "1",
    "version": "0",
}


def text_of(response):
    return response.get_data(as_text=True)


def test_a_draft_saved_twice_under_its_key_is_one_draft(world, client):
    sign_in(client, world.of(world.enterprise))
    key = new_key()
    first = client.post(f"/needs/{key}/autosave", data=FORM)
    again = client.post(f"/needs/{key}/autosave", data=FORM | {"version": first.json["version"], "title": "改过的名称"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert [need.title for need in db.session.scalars(select(Need))] == ["改过的名称"]


def test_saving_on_an_old_version_is_refused_and_the_page_keeps_the_typed_text(world, client):
    sign_in(client, world.of(world.enterprise))
    need = world.draft()
    client.post(f"/needs/{need.key}/autosave", data=FORM | {"version": str(need.version), "title": "别人先存的"})
    refused = client.post(f"/needs/{need.key}/edit", data=FORM | {"version": "1", "problem": "我写了很久的难题"})
    assert refused.status_code == 409
    assert "我写了很久的难题" in text_of(refused) and "先处理了这条记录" in text_of(refused)
    assert need.title == "别人先存的"


def test_a_refused_submission_keeps_every_character_and_writes_nothing(world, client):
    sign_in(client, world.of(world.enterprise))
    key = new_key()
    typed = FORM | {"modes": [], "title": "很" * 61, "problem": '一段 <b>难题</b> & 引号"', "then": "submit"}
    refused = client.post(f"/needs/{key}/edit", data=typed)
    assert refused.status_code == 422
    assert "最多 60 字，现在 61 字" in text_of(refused)
    assert "一段 &lt;b&gt;难题&lt;/b&gt; &amp; 引号" in text_of(refused)
    assert db.session.scalars(select(Need)).all() == []


def test_submitting_from_the_form_reaches_the_district(world, client):
    sign_in(client, world.of(world.enterprise))
    key = new_key()
    answer = client.post(f"/needs/{key}/edit", data=FORM | {"then": "submit"})
    assert (answer.status_code, answer.location) == (302, f"/needs/{key}")
    need = db.session.scalar(select(Need))
    assert (need.state, len(need.indicators)) == ("submitted", 1)
    sign_in(client, world.of(world.district))
    assert "审核需求：一体化压铸件在线缺陷检测" in text_of(client.get("/inbox"))


def test_another_organisations_draft_cannot_be_read_or_saved(world, client):
    need = world.draft()
    for unit in (world.society, world.park, world.other_district):
        sign_in(client, world.of(unit))
        assert client.get(f"/needs/{need.key}").status_code == 404
        assert client.get(f"/needs/{need.key}/edit").status_code in (403, 404)
        assert client.post(f"/needs/{need.key}/autosave", data=FORM).status_code in (403, 404)
    assert need.title == factories.NEED["title"]


def test_a_stranger_reads_public_fields_and_learns_what_exists_but_not_what_it_says(world, client):
    need = world.need()
    page = text_of(client.get(f"/needs/{need.key}"))
    assert "人工看片漏检率高" in page
    assert "试过通用视觉软件" not in page and "13800000001" not in page and "示例·珠江压铸" not in page
    assert "已尝试的办法" in page


def test_addresses_cannot_be_walked(world, client):
    need = world.need()
    for address in (f"/needs/{need.id}", "/needs/1", f"/needs/{need.code}", "/needs/aaaaaaaaaaaa"):
        assert client.get(address).status_code == 404


def test_a_reason_that_is_missing_opens_the_same_box_again_with_the_typed_remark(world, client):
    need = world.need("submitted")
    sign_in(client, world.of(world.district))
    refused = client.post(f"/needs/{need.key}/move", data={"verb": "return", "reason": "", "remark": "请补漏检率"})
    assert refused.status_code == 422
    assert "请补漏检率" in text_of(refused) and "要写明原因" in text_of(refused)
    assert need.state == "submitted"


def test_a_button_pressed_on_an_old_page_tells_to_reload(world, client):
    need = world.need("submitted")
    sign_in(client, world.of(world.district))
    old = need.version
    assert client.post(f"/needs/{need.key}/move", data={"verb": "approve", "version": old}).status_code == 302
    late = client.post(f"/needs/{need.key}/move", data={"verb": "return", "reason": "no_owner", "version": old})
    assert late.status_code == 409 and "刷新" in text_of(late)
    assert need.state == "district_approved"


def test_the_office_cannot_be_talked_into_a_verb_that_is_not_drawn(world, client):
    need = world.need("submitted")
    sign_in(client, world.office_manager)
    assert client.post(f"/needs/{need.key}/move", data={"verb": "explode"}).status_code == 404
    assert client.post(f"/needs/{need.key}/move", data={"verb": "publish"}).status_code == 409
    assert need.state == "submitted"


@pytest.mark.parametrize("address", ["/needs", "/needs?mine=1"])
def test_the_list_asks_the_same_number_of_questions_for_one_and_for_thirty_rows(world, client, count_queries, address):
    sign_in(client, world.of(world.enterprise))
    world.need()
    client.get(address)
    one = count_queries(lambda: client.get(address))
    for number in range(29):
        world.need(title=f"第 {number} 条需求")
    many = count_queries(lambda: client.get(address))
    assert many == one
    assert len(re.findall(r'<td class="main">', text_of(client.get(address)))) == 20


def test_filters_keep_only_what_was_asked_and_an_empty_answer_says_what_to_do(world, client):
    world.need()
    world.need(title="船体防污涂层", industry="marine")
    page = text_of(client.get("/needs?industry=marine"))
    assert "船体防污涂层" in page and "一体化压铸件" not in page
    assert "清除条件" in text_of(client.get("/needs?q=没有这个词"))
    assert client.get("/needs?industry=nonsense&page=99999&sort=%27").status_code == 200


def test_the_coach_answers_while_typing_and_keeps_nothing(world, client):
    sign_in(client, world.of(world.enterprise))
    answer = client.post("/needs/coach", data={"title": "希望提升产品质量", "problem": "质量不好"})
    assert answer.status_code == 200
    assert "例：" in text_of(answer) and "概念" in text_of(answer)
    assert db.session.scalars(select(Need)).all() == []


def test_a_remark_reaches_the_owner_and_an_empty_one_is_refused(world, client):
    need = world.need("submitted")
    sign_in(client, world.of(world.district))
    assert client.post(f"/needs/{need.key}/remark", data={"remark": "  "}).status_code == 422
    assert client.post(f"/needs/{need.key}/remark", data={"remark": "请把现状也写上"}).status_code == 302
    sign_in(client, world.of(world.enterprise))
    assert "请把现状也写上" in text_of(client.get(f"/needs/{need.key}/history"))
    assert "请把现状也写上" in text_of(client.get("/inbox"))


def test_near_twins_are_joined_from_the_page_by_the_office_only(world, client):
    one, other = world.need(), world.need(by=world.of(world.district))
    sign_in(client, world.of(world.enterprise))
    assert client.post(f"/needs/{one.key}/share", data={"twin": other.key, "title": "合"}).status_code == 403
    sign_in(client, world.office_manager)
    assert client.post(f"/needs/{one.key}/share", data={"twin": other.key, "title": "压铸在线检测"}).status_code == 302
    assert one.shared_need_id == other.shared_need_id is not None
    assert "压铸在线检测" in text_of(client.get(f"/needs/{one.key}"))


def test_one_field_that_cannot_be_read_does_not_keep_the_others_from_being_saved(world, client):
    sign_in(client, world.of(world.enterprise))
    key = new_key()
    answer = client.post(f"/needs/{key}/autosave", data=FORM | {"title": "很" * 61, "indicators-0-target": ""})
    need = db.session.scalar(select(Need))
    assert (answer.status_code, need.title, need.problem) == (200, "", factories.NEED["problem"])
    assert "最多 60 字" in answer.json["problem"] and answer.json["address"] == f"/needs/{key}/edit"
    again = client.post(f"/needs/{key}/autosave", data=FORM | {"version": answer.json["version"]})
    assert (again.json["problem"], len(need.indicators)) == ("", 1)
    client.post(f"/needs/{key}/autosave", data=FORM | {"version": again.json["version"], "indicators-0-target": ""})
    assert len(need.indicators) == 1


def test_a_budget_upside_down_is_an_error_at_its_field_and_keeps_the_form(world, client):
    sign_in(client, world.of(world.enterprise))
    typed = FORM | {"budget_min": "500", "budget_max": "50", "then": "submit"}
    refused = client.post(f"/needs/{new_key()}/edit", data=typed)
    assert refused.status_code == 422
    assert "上限 50 比下限 500 还小" in text_of(refused) and FORM["problem"] in text_of(refused)


def test_a_need_under_review_does_not_open_as_a_form(world, client):
    need = world.need("submitted")
    sign_in(client, world.of(world.enterprise))
    assert client.get(f"/needs/{need.key}/edit").location == f"/needs/{need.key}"


def test_the_office_is_warned_of_identifying_details_before_it_publishes(world, client):
    need = world.need("district_approved", background="压铸车间靠人工看片，联系 13800138000 王经理。" * 3)
    sign_in(client, world.office_manager)
    page = text_of(client.get(f"/needs/{need.key}"))
    assert "公开栏里有识别信息" in page and "注意：" in page


def test_a_lost_race_keeps_the_remark_that_was_typed(world, client):
    need = world.need("submitted")
    sign_in(client, world.of(world.district))
    data = {"verb": "return", "reason": "no_owner", "remark": "写了很久的意见", "version": "1"}
    late = client.post(f"/needs/{need.key}/move", data=data)
    assert late.status_code == 409 and "写了很久的意见" in text_of(late)
    assert need.state == "submitted"
