import re
from html import unescape

import pytest

from kcz_match import worker
from kcz_match.core.db import db
from tests import factories
from tests.factories import sign_in


def text_of(response):
    return response.get_data(as_text=True)


def test_a_stranger_sees_needs_first_and_no_inbox(world, client):
    world.need()
    page = text_of(client.get("/"))
    assert "一体化压铸件在线缺陷检测" in page and "收件箱" not in page
    assert client.get("/inbox").location.startswith("/login")


def test_each_role_sees_what_waits_for_it(world, client):
    world.need("submitted")
    world.need("district_approved", title="等办公室的需求")
    world.capability("submitted")
    waits = {}
    for name, actor in {
        "district": world.of(world.district),
        "office": world.office_manager,
        "society": world.of(world.society),
        "enterprise": world.of(world.enterprise),
    }.items():
        sign_in(client, actor)
        waits[name] = text_of(client.get("/"))
    assert (
        "审核需求：一体化压铸件在线缺陷检测" in waits["district"]
        and "等办公室的需求" not in waits["district"].split("我的需求")[0]
    )
    assert "审核需求：等办公室的需求" in waits["office"]
    assert f"审核能力：{factories.CAPABILITY['title']}" in waits["society"]
    assert "没有等您办理的事" in waits["enterprise"]


def test_reading_all_notices_clears_the_number_in_the_head(world, client):
    world.need()
    sign_in(client, world.of(world.enterprise))
    assert "未读" in text_of(client.get("/inbox"))
    client.post("/inbox/read")
    assert "· 未读" not in text_of(client.get("/inbox"))


@pytest.mark.parametrize("address", ["/", "/needs", "/capabilities", "/search", "/search?q=", "/login"])
def test_pages_without_rows_teach_and_answer(world, client, address):
    assert client.get(address).status_code == 200


@pytest.mark.parametrize("address", ["/", "/needs", "/search?q=压铸", "/nowhere"])
def test_every_answer_carries_the_security_heads(world, client, address):
    heads = client.get(address).headers
    assert heads["Content-Security-Policy"].startswith("default-src 'self'; script-src 'self'")
    assert heads["X-Content-Type-Options"] == "nosniff"
    assert heads["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "words",
    [
        "' OR 1=1--",
        '" NEAR( * ^ -',
        "%",
        "a" * 5000,
        "\x00\x0b",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "GZ-HP-2026-N9999",
    ],
)
def test_strange_words_in_the_search_box_are_words(world, client, words):
    need = world.need()
    db.session.commit()
    while worker.do_one_job():
        pass
    answer = client.get("/search", query_string={"q": words, "kind": "need"})
    typed = unescape(re.search(r'<input[^>]*name="q"[^>]*value="([^"]*)"', text_of(answer))[1])
    assert (answer.status_code, need.title in text_of(answer)) == (200, False)
    assert typed and words.startswith(typed)
    assert "<script>alert" not in text_of(answer)
    assert need.title in text_of(client.get("/search", query_string={"q": f"压铸 {words[:40]}", "kind": "need"}))
