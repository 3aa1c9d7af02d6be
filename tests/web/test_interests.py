import pytest
from sqlalchemy import select

from kcz_match.core.db import db
from kcz_match.engagements.models import Interest
from tests.factories import sign_in

ANSWERS = {"cooperation": "先做样件测试。", "unclear": "", "about_us": "压铸企业，三百人。"}


def text_of(response):
    return response.get_data(as_text=True)


@pytest.fixture
def pair(world):
    return world.need(), world.capability()


def test_an_interest_is_asked_answered_and_only_then_shows_the_phones(world, client, pair):
    need, capability = pair
    sign_in(client, world.of(world.enterprise))
    answer = client.post(f"/interests/new/{need.key}/{capability.key}", data=ANSWERS)
    page = answer.location
    assert "13800000003" not in text_of(client.get(page))
    sign_in(client, world.of(world.society))
    assert "回复示例·珠江压铸的对接意向" in text_of(client.get("/inbox"))
    assert "13800000001" not in text_of(client.get(page))
    client.post(f"{page}/move", data={"verb": "accept", "remark": "欢迎"})
    assert "13800000001" in text_of(client.get(page))
    sign_in(client, world.of(world.enterprise))
    assert "13800000003" in text_of(client.get(page))


def test_a_third_party_cannot_read_an_interest(world, client, pair):
    sign_in(client, world.of(world.enterprise))
    page = client.post(f"/interests/new/{pair[0].key}/{pair[1].key}", data=ANSWERS).location
    for unit in (world.other_society, world.park, world.other_district):
        sign_in(client, world.of(unit))
        assert client.get(page).status_code == 404
        assert client.post(f"{page}/move", data={"verb": "accept"}).status_code == 404
    assert db.session.scalar(select(Interest)).state == "sent"


def test_too_long_an_answer_keeps_the_text_and_names_the_question(world, client, pair):
    sign_in(client, world.of(world.enterprise))
    refused = client.post(
        f"/interests/new/{pair[0].key}/{pair[1].key}",
        data=ANSWERS | {"cooperation": "谈" * 501, "about_us": "我们写的介绍"},
    )
    assert refused.status_code == 422
    assert "想要怎样的合作”请写 1–500 个字，现在 501 字" in text_of(refused)
    assert "我们写的介绍" in text_of(refused)
    assert db.session.scalars(select(Interest)).all() == []


def test_a_double_click_makes_one_interest(world, client, pair):
    sign_in(client, world.of(world.enterprise))
    address = f"/interests/new/{pair[0].key}/{pair[1].key}"
    assert client.post(address, data=ANSWERS).status_code == 302
    assert client.post(address, data=ANSWERS).status_code == 409
    assert len(db.session.scalars(select(Interest)).all()) == 1


def test_a_decline_without_a_code_opens_the_box_again(world, client, pair):
    sign_in(client, world.of(world.enterprise))
    page = client.post(f"/interests/new/{pair[0].key}/{pair[1].key}", data=ANSWERS).location
    sign_in(client, world.of(world.society))
    refused = client.post(f"{page}/move", data={"verb": "decline", "remark": "没有人手"})
    assert refused.status_code == 422
    assert "没有人手" in text_of(refused)


def test_the_supply_side_chooses_its_capability_and_the_demand_side_its_need(world, client, pair):
    need, capability = pair
    sign_in(client, world.of(world.society))
    assert capability.title in text_of(client.get(f"/needs/{need.key}/ask"))
    sign_in(client, world.of(world.other_society))
    assert "还没有已发布的能力" in text_of(client.get(f"/needs/{need.key}/ask"))
    sign_in(client, world.of(world.enterprise))
    assert need.title in text_of(client.get(f"/capabilities/{capability.key}/ask"))


def test_the_list_asks_the_same_number_of_questions_for_one_and_for_many_rows(world, client, count_queries, pair):
    sign_in(client, world.of(world.enterprise))
    client.post(f"/interests/new/{pair[0].key}/{pair[1].key}", data=ANSWERS)
    client.get("/interests")
    one = count_queries(lambda: client.get("/interests"))
    for number in range(12):
        need = world.need(title=f"第 {number} 条需求")
        client.post(f"/interests/new/{need.key}/{pair[1].key}", data=ANSWERS)
    assert count_queries(lambda: client.get("/interests")) == one
