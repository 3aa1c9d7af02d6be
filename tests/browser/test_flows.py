"""The main job, told in a real browser against real servers: from a blank form to an accepted contact."""

import http.client
import re
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from kcz_match import create_app
from kcz_match.catalogue.fields import Claim
from kcz_match.core.db import db
from kcz_match.core.jobs import Job, JobStatus
from tests import factories

WAIT = 20_000
OTHER_CAPABILITIES = (
    {
        "title": "荔枝采后冷链保鲜技术",
        "industries": ["biomake"],
        "keywords": "荔枝 冷链 保鲜",
        "problem": "鲜果运到北方常温库后三天褐变，商超拒收。",
        "method": "预冷、气调包装与生物涂膜结合，控制呼吸强度。",
    },
    {
        "title": "盾构滚刀磨损在线监测",
        "industries": ["rail"],
        "keywords": "盾构 滚刀 磨损",
        "problem": "地下掘进时看不到刀具磨损，靠停机开仓检查。",
        "method": "刀座内置涡流传感与无线供电，实时估算磨损量。",
    },
    {
        "title": "印染废水膜法回用",
        "industries": ["fashion"],
        "keywords": "印染 废水 膜",
        "problem": "印染企业回用率低，膜污堵快。",
        "method": "氧化预处理加抗污染反渗透膜，两段浓水回流。",
    },
)


def at_the_site(server, deed):
    """Run ``deed`` in the site's own application, in a thread of its own: Playwright keeps this one's event loop."""

    def run():
        with create_app(server.settings).app_context():
            try:
                return deed()
            finally:
                db.session.close()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(run).result()


@pytest.fixture(scope="module")
def world(server):
    """The organisations of the story, and four capabilities that the worker puts into the index."""

    def build():
        factories.build_world()
        made = factories.World()
        made.capability()
        for texts in OTHER_CAPABILITIES:
            made.capability(rows=[Claim(name="示例指标", value="1", unit="个")], **texts)
        deadline = time.monotonic() + 120
        while db.session.query(Job).filter(Job.status != JobStatus.DONE, Job.task.like("index%")).count():
            assert time.monotonic() < deadline, "the worker did not index the capabilities in two minutes"
            db.session.rollback()
            time.sleep(0.3)
        return {name: f"officer{getattr(made, name).id}@example.org" for name in ("enterprise", "district", "society")}

    return at_the_site(server, build) | {"office": "office@example.org"}


def fill_need(page):
    page.fill("#f-title", "一体化压铸件在线缺陷检测")
    page.select_option("#f-industry", "nev")
    page.fill("#f-keywords", "压铸 射线 气孔")
    page.fill("#f-background", "压铸车间每天出件三千件，靠人工看片判定气孔和缩松，夜班漏得更多。")
    page.fill("#f-problem", "人工看片漏检率高，节拍跟不上，小气孔常被放过，返修成本每月二十多万元。")
    page.fill("#f-target", "在线自动判定气孔和缩松，漏检率不高于 0.1 %，单件检测不超过 8 s。")
    page.check("input[name=modes][value=joint]")


def fill_indicator(page, number, name, direction, target, unit, method):
    page.fill(f"#f-indicators-{number}-name", name)
    page.select_option(f"[name=indicators-{number}-direction]", direction)
    page.fill(f"#f-indicators-{number}-target", target)
    page.fill(f"#f-indicators-{number}-unit", unit)
    page.fill(f"#f-indicators-{number}-method", method)


def test_an_officers_need_goes_from_a_blank_form_to_an_accepted_contact(server, world, page_at, sign_in):
    officer = page_at(1280)
    sign_in(officer, world["enterprise"], factories.PASSWORD)
    officer.goto("/needs/new")

    # The coach speaks while she types, and the draft saves itself.
    officer.fill("#f-title", "希望提升产品质量")
    officer.locator("#coach", has_text="例：").wait_for(timeout=WAIT)
    fill_need(officer)
    fill_indicator(officer, 0, "漏检率", "le", "0.1", "%", "盲样比对")
    officer.locator("[data-autosave-status]", has_text="已保存").wait_for(timeout=WAIT)

    # Submitting without a choice that is needed keeps every word and says what is missing.
    officer.uncheck("input[name=modes][value=joint]")
    officer.click("button[value=submit]")
    officer.get_by_text("请选择“合作方式”").first.wait_for()
    assert officer.input_value("#f-problem").startswith("人工看片漏检率高")
    officer.check("input[name=modes][value=joint]")
    officer.fill("#f-owner_name", "周工")
    officer.fill("#f-owner_phone", "13800000001")
    officer.locator("#coach", has_text="清晰").first.wait_for(timeout=WAIT)
    officer.click("button[value=submit]")
    officer.get_by_text("已提交，等区科协审核").wait_for()
    address = re.sub(r"^https?://[^/]+", "", officer.url)

    # 区科协 and the Office review it from their inboxes.
    district = page_at(1280)
    sign_in(district, world["district"], factories.PASSWORD)
    district.goto("/inbox")
    district.get_by_role("link", name=re.compile("审核需求：一体化压铸件")).click()
    district.click("button[value=approve]")
    district.locator(".chip", has_text="待办公室审核").first.wait_for()
    office = page_at(1280)
    sign_in(office, world["office"], factories.PASSWORD)
    office.goto(address)
    office.locator("summary", has_text="审核发布").click()
    office.click("button[value=publish]")
    office.locator(".chip", has_text="匹配中").first.wait_for()

    # The owner sees matches with reasons that stand word for word in both records.
    officer.goto(f"{address}/matches")
    card = officer.locator("article.match").first
    card.wait_for()
    assert "铸件气孔缩松的射线图像判定" in card.inner_text()
    assert {"strong", "possible"} & set(card.get_attribute("class").split())
    quotes = [
        (card.locator(".from-need").nth(place).inner_text(), card.locator(".from-capability").nth(place).inner_text())
        for place in range(card.locator(".from-need").count())
    ]
    assert quotes
    for mine, theirs in quotes:
        assert mine.split("：", 1)[-1].strip() in need_text()
        assert theirs.split("：", 1)[-1].strip() in capability_text()
    assert "满足" in card.inner_text() and "只在 500 吨以下压铸机上验证过" in card.inner_text()
    assert "荔枝" not in officer.locator("article.match").first.inner_text()

    # She asks, the society accepts, and only then both see whom to call.
    officer.goto(f"{address}/matches")
    officer.locator("article.match").first.get_by_role("link", name="发起对接").click()
    officer.fill("#f-cooperation", "先送二十件样件试判，合适再谈合作开发。")
    officer.fill("#f-unclear", "八百吨的机器上有没有验证过？")
    officer.fill("#f-about_us", "压铸企业，三百人，周工对接。")
    officer.get_by_role("button", name="发出对接意向").click()
    officer.get_by_text("接受之前，双方都看不到对方的联系方式").wait_for()
    assert "13800000003" not in officer.content()

    society = page_at(390)
    sign_in(society, world["society"], factories.PASSWORD)
    society.goto("/inbox")
    society.get_by_role("link", name=re.compile("回复.*对接意向")).first.click()
    assert "13800000001" not in society.content()
    society.locator("summary", has_text="接受").click()
    society.click("button[value=accept]")
    society.get_by_text("13800000001").wait_for()
    officer.reload()
    officer.get_by_text("13800000003").wait_for()
    officer.goto(address)
    officer.locator(".chip", has_text="对接中").first.wait_for()


def need_text():
    """The texts of the need as its owner typed them."""
    return "\n".join(
        [
            "一体化压铸件在线缺陷检测",
            "压铸 射线 气孔",
            "压铸车间每天出件三千件，靠人工看片判定气孔和缩松，夜班漏得更多。",
            "人工看片漏检率高，节拍跟不上，小气孔常被放过，返修成本每月二十多万元。",
            "在线自动判定气孔和缩松，漏检率不高于 0.1 %，单件检测不超过 8 s。",
            "漏检率 ≤0.1 %",
        ]
    )


def capability_text():
    """The texts of the capability as the society typed them."""
    values = factories.CAPABILITY
    return "\n".join(
        [
            values["title"],
            values["keywords"],
            values["problem"],
            values["method"],
            *(claim.text() for claim in factories.CLAIMS),
        ]
    )


def test_a_published_record_is_found_within_two_seconds_in_every_web_worker(server, world):
    """Ask both gunicorn workers again and again, from the moment the approval is committed."""

    def search(words):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", f"/search?kind=capability&q={quote(words)}")
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        assert answer.status == 200
        return body

    words = "超疏水自清洁玻璃幕墙涂层"
    for _ in range(8):  # both web workers have loaded the encoder before the clock starts
        assert f">{words}</a>" not in search(words)

    def publish():
        factories.World().capability(
            title=words,
            keywords="超疏水 幕墙",
            industries=["build"],
            problem="玻璃幕墙清洗频繁，高空作业风险大。",
            method="溶胶凝胶法制备纳米粗糙结构，低表面能改性，雨水自洁。",
            rows=(),
        )
        return time.monotonic()

    committed = at_the_site(server, publish)
    found = 0
    while found < 12:
        body = search(words)
        hit = f">{words}</a>" in body
        assert hit or time.monotonic() - committed < 2, "not searchable two seconds after publication"
        found = found + 1 if hit else 0
