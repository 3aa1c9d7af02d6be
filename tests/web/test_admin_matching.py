"""The Office's page of how matching does: figures with their records behind, files, empty states."""

from __future__ import annotations

import csv
import io
import re

import openpyxl
import pytest

from kcz_match.brokerage.models import QualityRun
from kcz_match.core.db import db
from tests.brokerage.stored import ask, decide, store
from tests.factories import sign_in

PAGES = ["/admin/matching", *(f"/admin/matching/{name}" for name in ("pairs", "refusals", "crowds", "unseen"))]
FILES = ["/admin/matching/figures.xlsx", "/admin/matching/figures.csv?table=rank"]
PART = {way: {"ndcg@10": 0.5, "recall@10": 0.75, "mrr@10": 0.6} for way in ("lexical", "dense", "fused")}


@pytest.fixture
def office(world, client):
    """A browser in which the manager of the Office is signed in."""
    sign_in(client, world.office_manager)
    return client


@pytest.fixture
def told(world):
    """A need with three suggestions: one adopted, one declined, one turned away."""
    need = world.need()
    offers = [world.capability(title=title) for title in ("射线判定", "超声判定", "=SUM(A1)")]
    offers[0].monthly_capacity = offers[1].monthly_capacity = None
    offers[2].monthly_capacity = 0
    store(need, [*offers[:2], (offers[2], {"holds_slot": False})], days=10, is_current=True)
    decide(need, offers[0], "adopt", days=5)
    ask(need, offers[1], days=6, state="declined", answered=4, reason="budget")
    return need, offers


def rows_of(page: str, key: str) -> list[list[str]]:
    """Return the cells of the table ``key`` as text."""
    table = re.search(rf'id="table-{key}".*?<tbody>(.*?)</tbody>', page, re.DOTALL).group(1)
    return [
        [re.sub("<[^>]+>", "", cell).strip() for cell in re.findall("<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        for row in table.split("<tr>")[1:]
    ]


def measured(**figures) -> None:
    gains = {"gains": {"dense": [0.05, 0.01, 0.09]}}
    usual = {
        "queries": 8, "runs": PART, "classes": {"paraphrase": {"queries": 3, "runs": PART, **gains}},
        "bands": {"strong": {"answers": 20, "right": 0.9}, "possible": {"answers": 0, "right": None}},
    }  # fmt: skip
    db.session.add(QualityRun(name="match", encoder="e5", weights={}, figures=usual | figures))
    db.session.commit()


@pytest.mark.parametrize("path", [*PAGES, *FILES])
def test_only_the_office_reads_the_figures(app, world, client, path):
    assert client.get(path).status_code == 302
    sign_in(client, world.of(world.district))
    assert client.get(path).status_code == 403


def test_the_page_is_a_tab_of_administration(office):
    assert 'href="/admin/matching"' in office.get("/admin").text


def test_without_data_every_part_says_what_will_stand_there(office):
    page = office.get("/admin/matching").text
    for words in ("所选范围内还没有推荐", "还没有人说不合适", "现在没有供不应求的能力", "还没有测量过"):
        assert words in page, words
    assert "data-chart" not in page
    for path in PAGES[1:]:
        assert "没有这样的记录" in office.get(path).text


def test_rates_stand_beside_their_denominators_and_numbers_lead_to_their_pairs(office, told):
    page = office.get("/admin/matching").text
    assert rows_of(page, "rank") == [
        ["第 1 名", "1", "1", "100.0\u2009%", "1", "–", "–", "–", "1"],
        ["第 2 名", "1", "1", "100.0\u2009%", "–", "1", "–", "1", "1"],
    ]
    assert rows_of(page, "industry")[0][:4] == ["智能网联与新能源汽车", "2", "2", "100.0\u2009%"]
    links = re.findall(r'href="(/admin/matching/[^"]+)"', page)
    for link in set(links) - {one for one in links if "figures." in one}:
        assert "没有这样的记录" not in office.get(link.replace("&amp;", "&")).text, link
    listed = office.get("/admin/matching/pairs?rank=2&outcome=asked").text
    assert [row[1:5] for row in rows_of(listed, "pairs")] == [["超声判定", "2", "强", "发起意向、不合适"]]


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (1, "每一名次推荐的都不到 10 对，比率只供参考。"),
        (10, "第 1 名的命中率是 0.0\u2009%。其余推荐不到 10 对，比率只供参考。"),
    ],
)
def test_rates_of_few_pairs_are_said_to_be_uncertain(world, office, count, sentence):
    offers = [world.capability(), world.capability(title="另一项")]
    for number in range(count):
        store(world.need(title=f"压铸缺陷检测问题 {number}"), offers[: 2 if number == 0 else 1])
    assert f'<p class="chart-summary">{sentence}</p>' in office.get("/admin/matching").text


def test_refusals_are_shown_with_words_shares_and_sides(office, told):
    page = office.get("/admin/matching").text
    assert rows_of(page, "refusals") == [["预算不符", "1", "100.0\u2009%", "–", "1", "–"]]
    assert "最多的是“预算不符”：1 次，占 100.0\u2009%" in page
    listed = rows_of(office.get("/admin/matching/refusals?code=budget&side=capability").text, "refusals")
    assert [row[:2] for row in listed] == [[told[0].title, "超声判定"]]
    assert rows_of(office.get("/admin/matching/refusals?code=nonsense").text, "refusals") == listed
    assert "没有这样的记录" in office.get("/admin/matching/refusals?side=need").text


def test_congestion_shows_the_capability_its_places_and_who_was_turned_away(office, told):
    need, offers = told
    page = office.get("/admin/matching").text
    assert [row[0] for row in rows_of(page, "crowds")] == ["=SUM(A1)"]
    assert rows_of(page, "crowds")[0][2:] == ["1", "0", "–", "1"]
    assert "全市有 1 条需求因对方名额不够少了推荐" in page
    assert rows_of(office.get("/admin/matching/crowds").text, "crowds") == rows_of(page, "crowds")
    wanting = office.get(f"/admin/matching/crowds/{offers[2].key}").text
    assert [(row[0], row[4]) for row in rows_of(wanting, "wants")] == [(need.title, "没轮到")]
    assert office.get("/admin/matching/crowds/gibtesnicht").status_code == 404
    assert [row[0] for row in rows_of(office.get("/admin/matching/unseen").text, "unseen")] == ["=SUM(A1)"]


def test_quality_is_shown_over_time_and_by_class_and_way(office):
    measured(runs={**PART, "fused": {"ndcg@10": 0.4, "recall@10": 0.7, "mrr@10": 0.5}})
    measured()
    page = office.get("/admin/matching").text
    assert [row[2:] for row in rows_of(page, "course")] == [
        ["8", "0.700", "0.400", "0.500"],
        ["8", "0.750", "0.500", "0.600"],
    ]
    assert "nDCG@10 比上一次高 0.100" in page
    assert rows_of(page, "classes") == [
        ["全部", "8", "0.500", "0.500", "0.500", "–", "0.750"],
        ["换了说法", "3", "0.500", "0.500", "0.500", "+0.050（+0.010 至 +0.090）", "0.750"],
    ]
    assert rows_of(page, "promise") == [["强", "20", "90.0\u2009%"], ["可谈", "0", "–"]]


def test_charts_read_the_tables_and_nothing_is_inline(office, told):
    measured()
    page = office.get("/admin/matching").text
    assert re.findall(r'data-chart="(\w+)" data-table="table-(\w+)"', page) == [
        ("bar", "rank"), ("rows", "industry"), ("rows", "refusals"), ("line", "course"),
    ]  # fmt: skip
    assert 'data-value="1.0"' in page
    assert re.findall(r"<script(?![^>]*src=)", page) == []
    assert "style=" not in page


def test_filters_narrow_the_page_and_stay_in_its_addresses(office, told):
    assert "所选范围内还没有推荐" in office.get("/admin/matching?district=440111").text
    assert "所选范围内还没有推荐" in office.get("/admin/matching?days=7&district=440111").text
    page = office.get("/admin/matching?days=30&district=440112&encoder=e5").text
    assert rows_of(page, "rank")[0][:2] == ["第 1 名", "1"]
    assert "/admin/matching/pairs?days=30&amp;encoder=e5&amp;district=440112&amp;rank=1" in page
    assert rows_of(office.get("/admin/matching?encoder=unbekannt").text, "rank") == rows_of(page, "rank")


@pytest.mark.parametrize("query", ["?rank=x&week=2026-13-45&band=y&industry=z", "?days=9999999&page=99999999999"])
def test_choices_that_do_not_exist_narrow_nothing(office, told, query):
    assert len(rows_of(office.get(f"/admin/matching/pairs{query}").text, "pairs")) == 2


def test_the_workbook_has_every_table_with_numbers_as_numbers(office, told):
    measured()
    answer = office.get("/admin/matching/figures.xlsx")
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    assert book.sheetnames == [
        "按名次看命中率", "按产业看命中率", "按语义模型看命中率", "按匹配程度看命中率", "按周看命中率",
        "不合适的原因", "供不应求的能力", "标注集上的排序质量", "最近一次，按类别和做法", "最近一次，各档说得准不准",
    ]  # fmt: skip
    sheet = book["按名次看命中率"]
    assert [cell.value for cell in sheet[4]][:5] == ["第 1 名", 1, 1, 1, 1]
    assert book["供不应求的能力"]["A4"].value == "=SUM(A1)"
    assert book["供不应求的能力"]["A4"].data_type == "s"


def test_a_table_as_text_opens_in_a_sheet_and_runs_no_formula(office, told):
    answer = office.get("/admin/matching/figures.csv?table=crowds")
    assert answer.data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert rows[0][0] == "能力"
    assert rows[1][0] == "'=SUM(A1)"
    assert office.get("/admin/matching/figures.csv?table=none").status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_a_page_costs_the_same_with_one_row_and_with_thirty(world, office, count_queries, path):
    def fill(count: int) -> None:
        for number in range(count):
            need = world.need(title=f"压铸缺陷检测问题 {number}")
            facts = ({}, {"holds_slot": False})[number % 2]
            store(need, [offer, (other, facts)], days=2, is_current=True)
            decide(need, offer, "refuse", days=1, reason="ip")

    offer, other = world.capability(), world.capability(title="另一项")
    world.capability(title="没人看见")
    offer.monthly_capacity = 0
    fill(1)
    office.get(path)
    few = count_queries(lambda: office.get(path))
    fill(29)
    assert count_queries(lambda: office.get(path)) == few


def test_a_need_without_industry_can_be_looked_at(world, office):
    need = world.need()
    need.industry = ""
    store(need, [world.capability()])
    page = office.get("/admin/matching").text
    assert rows_of(page, "industry")[0][0] == "未填产业"
    assert len(rows_of(office.get("/admin/matching/pairs?industry=-").text, "pairs")) == 1
    assert "没有这样的记录" in office.get("/admin/matching/pairs?industry=bio").text


def test_a_year_says_that_old_lists_without_an_outcome_are_gone(office, told):
    sentence = "旧列表已清理"
    assert sentence not in office.get("/admin/matching?days=90").text
    for path in ("/admin/matching?days=365", "/admin/matching/pairs?days=365"):
        assert sentence in office.get(path).text
