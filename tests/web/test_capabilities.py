import re

import pytest
from sqlalchemy import select

from kcz_match.catalogue.models import Capability
from kcz_match.core.db import db, new_key
from tests import factories
from tests.factories import sign_in

FORM = factories.CAPABILITY | {
    "claims-0-name": "漏检率",
    "claims-0-value": "0.06",
    "claims-0-unit": "%",
    "claims-0-evidence": "检测报告",
    "claims-0-dated_on": "2026-05-01",
    "version": "0",
}


def text_of(response):
    return response.get_data(as_text=True)


def test_a_capability_goes_from_the_blank_form_to_the_public_list(world, client):
    sign_in(client, world.of(world.society))
    key = new_key()
    answer = client.post(f"/capabilities/{key}/edit", data=FORM | {"then": "submit"})
    assert answer.location == f"/capabilities/{key}"
    capability = db.session.scalar(select(Capability))
    assert (capability.state, len(capability.claims)) == ("submitted", 1)
    client.post(f"/capabilities/{key}/move", data={"verb": "approve"})
    client.post("/logout")
    page = text_of(client.get("/capabilities"))
    assert factories.CAPABILITY["title"] in page


def test_a_stranger_does_not_see_price_or_contact(world, client):
    capability = world.capability(price_min=30, price_max=80)
    page = text_of(client.get(f"/capabilities/{capability.key}"))
    assert "用卷积网络对射线图像" in page and "0.06" in page
    assert "80 万元" not in page and "13800000003" not in page


def test_a_wrong_date_and_a_claim_without_a_value_are_named_by_row(world, client):
    sign_in(client, world.of(world.society))
    refused = client.post(
        f"/capabilities/{new_key()}/edit", data=FORM | {"claims-0-value": "", "claims-0-dated_on": "去年五月"}
    )
    assert refused.status_code == 422
    assert "第 1 行指标没有数值" in text_of(refused) and "日期“去年五月”读不出来" in text_of(refused)
    assert db.session.scalars(select(Capability)).all() == []


def test_a_draft_of_another_society_is_hidden(world, client):
    capability = world.capability("draft")
    sign_in(client, world.of(world.other_society))
    assert client.get(f"/capabilities/{capability.key}").status_code == 404
    assert client.get(f"/capabilities/{capability.key}/edit").status_code == 404


def test_a_demand_side_officer_cannot_register_a_capability(world, client):
    sign_in(client, world.of(world.enterprise))
    assert client.get("/capabilities/new").status_code == 403


@pytest.mark.parametrize("address", ["/capabilities", "/capabilities?mine=1"])
def test_the_list_asks_the_same_number_of_questions_for_one_and_for_thirty_rows(world, client, count_queries, address):
    sign_in(client, world.of(world.society))
    world.capability()
    client.get(address)
    one = count_queries(lambda: client.get(address))
    for number in range(29):
        world.capability(title=f"第 {number} 项能力")
    many = count_queries(lambda: client.get(address))
    assert many == one
    assert len(re.findall(r'<td class="main">', text_of(client.get(address)))) == 20


def test_lists_of_codes_can_be_filtered(world, client):
    world.capability()
    world.capability(title="只在南沙服务", regions=["440115"], industries=["marine"])
    page = text_of(client.get("/capabilities?industry=equip"))
    assert factories.CAPABILITY["title"] in page and "只在南沙服务" not in page
    page = text_of(client.get("/capabilities?district=440112"))
    assert factories.CAPABILITY["title"] in page and "只在南沙服务" not in page
