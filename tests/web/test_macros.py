"""The macros keep what was typed, say what is wrong where it is wrong, and never let text become markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import styleguide
from flask import render_template_string

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
NASTY = '"><script>alert(1)</script>'


@pytest.fixture(name="app")
def _app():
    return styleguide.build()


@pytest.fixture
def render(app) -> Callable[..., str]:
    """Return a function that renders a piece of template with the sample values."""

    def rendered(source: str, **values: object) -> str:
        with app.test_request_context("/needs"):
            return render_template_string(source, **(styleguide.sample() | values))

    return rendered


FORMS = '{% from "macros/forms.html" import field as row, indicators_editor, error_summary, select %}'


@pytest.mark.parametrize("path", ["/", "/form", "/form?wrong=1&as=one", "/?as=nobody"])
def test_every_macro_renders_with_nothing_one_many_and_long_content(app, path: str):
    page = app.test_client().get(path)
    assert page.status_code == 200
    text = page.get_data(as_text=True)
    assert text.count("<h1>") == 1
    assert re.findall(r"\{\{|\{%|Undefined", text) == []


@pytest.mark.parametrize("path", ["/", "/form", "/form?wrong=1"])
def test_no_two_elements_of_a_page_share_an_id(app, path: str):
    text = re.sub(r"<template.*?</template>", "", app.test_client().get(path).get_data(as_text=True), flags=re.DOTALL)
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_a_template_carries_no_inline_style_or_script_and_calls_no_other_origin(template: Path):
    text = template.read_text(encoding="utf-8")
    forbidden = r'\sstyle=|<style|hx-on|\son[a-z]+="|<script(?![^>]*\ssrc=)|javascript:|https?://'
    assert re.findall(forbidden, text) == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503])
def test_an_error_page_says_what_to_do_and_shows_a_way_home(app, status: int):
    text = app.test_client().get(f"/errors/{status}").get_data(as_text=True)
    main = re.search(r"<main.*</main>", text, re.DOTALL)[0]
    assert f"页面代号 {status} · 追查编号" in main
    assert re.search(r'href="/"[^>]*>回', main)
    assert len(re.search(r'<div class="error-next">(.*?)</div>', main, re.DOTALL)[1].strip()) > 20


@pytest.mark.parametrize("name", ["title", "background", "keywords", "owner_name"])
def test_typed_text_never_becomes_markup(render, name: str):
    text = render(FORMS + "{{ row(field[name], nasty, nasty) }}", name=name, nasty=NASTY)
    assert "<script>" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2


def test_a_refused_field_keeps_its_text_and_ties_the_sentence_to_the_control(render):
    text = render(FORMS + '{{ row(field.budget_max, "二十", "请填数字。") }}')
    control = re.search(r'<input class="form-control[^>]*>', text)[0]
    assert 'value="二十"' in control
    assert 'aria-invalid="true"' in control
    assert 'aria-describedby="f-budget_max-error f-budget_max-help"' in control
    assert re.search(r'id="f-budget_max-error">.*请填数字。', text)


def test_a_field_with_a_free_tier_offers_the_choice_and_a_fixed_one_only_shows_it(render):
    free = render(FORMS + '{{ row(field.tried, "", tier="public") }}')
    assert re.findall(r'<option value="(\w+)" selected', free) == ["public"]
    assert 'name="tier_tried"' in free
    fixed = render(FORMS + '{{ row(field.owner_phone, "") }}')
    assert "<select" not in fixed
    assert "同意后" in fixed


def test_ticks_and_choices_show_what_is_chosen(render):
    ticks = render(FORMS + '{{ row(field.modes, ["joint"], tier=false) }}')
    assert re.findall(r'value="(\w+)" checked', ticks) == ["joint"]
    choice = render(FORMS + "{{ row(field.min_trl, 6, tier=false) }}")
    assert re.findall(r'value="(\w*)" selected', choice) == ["6"]


def test_indicator_rows_come_back_as_typed_with_the_error_in_its_cell(render):
    rows = [{"name": "漏检率", "target": "大幅提升", "direction": "le", "must": "0"}]
    errors = {"indicators-0-target": "请填数字。"}
    text = render(FORMS + "{{ indicators_editor(rows, errors, spare=1) }}", rows=rows, errors=errors)
    body = text.split("<template")[0]
    assert re.findall(r'name="(indicators-\d-name)" value="(.*?)"', body) == [
        ("indicators-0-name", "漏检率"),
        ("indicators-1-name", ""),
    ]
    assert re.search(r'name="indicators-0-target" value="大幅提升"[^>]*aria-invalid="true"', body)
    assert re.findall(r'name="indicators-0-(?:direction|must)".*?value="(\w+)" selected', body) == ["le", "0"]


def test_an_error_summary_counts_the_mistakes_and_leads_to_each(render):
    errors = {"title": "太长。", "indicators-0-target": "请填数字。", "indicators": "太多。"}
    text = render(FORMS + "{{ error_summary(errors) }}", errors=errors)
    assert "有&#8201;3&#8201;处需要修改" in text
    assert re.findall(r'href="(#[^"]+)"', text) == ["#f-title", "#f-indicators-0-target", "#rows-indicators"]
    assert render(FORMS + "{{ error_summary({}) }}").strip() == ""


MOVES = '{% from "macros/moves.html" import moves %}'


def test_a_plain_move_is_one_button_and_a_move_with_reasons_opens_a_box(render):
    text = render(MOVES + '{{ moves(need, moves_open, "/needs/k/moves") }}')
    assert re.findall(r'name="verb" value="(\w+)"', text) == ["publish", "send_back", "hold", "reject"]
    assert text.count('name="csrf_token" value="a-token"') == 4
    assert text.count('name="version" value="3"') == 4
    assert text.count("<details") == 3
    assert re.findall(r"<details[^>]*open", text) == []
    assert text.count("btn-primary") == 1 + 2  # the likely step, and the two confirmations that are not losses


def test_a_refused_move_keeps_its_box_open_with_the_typed_reason(render):
    source = MOVES + '{{ moves(need, moves_open, "/m", errors, "two_needs", "拆开", "send_back") }}'
    text = render(source, errors={"reason": "请写原因。"})
    assert re.findall(r'id="move-(\w+)" open', text) == ["send_back"]
    assert re.findall(r'value="(\w+)" selected', text) == ["two_needs"]
    assert text.count("拆开</textarea>") == 1
    assert text.count("请写原因。") == 1


def test_nothing_to_do_shows_no_buttons(render):
    assert render(MOVES + '{{ moves(need, [], "/m") }}').strip() == ""


LISTS = '{% from "macros/lists.html" import pager, tabs %}{% macro to(n) %}?page={{ n }}{% endmacro %}'


@pytest.mark.parametrize(
    ("page", "pages", "links"),
    [
        (1, 1, []),
        (1, 2, ["2", "2"]),
        (6, 12, ["5", "1", "4", "5", "7", "8", "12", "7"]),
    ],
)
def test_a_pager_links_first_last_and_neighbours_and_is_absent_for_one_page(render, page, pages, links):
    text = render(LISTS + "{{ pager(page, pages, 300, to) }}", page=page, pages=pages)
    assert re.findall(r"\?page=(\d+)", text) == links


def test_what_a_viewer_may_not_read_is_said_to_exist_and_never_what_it_says(render):
    source = '{% from "macros/facts.html" import field_facts %}{{ field_facts(pairs, {}, hidden) }}'
    text = render(source, pairs=[], hidden=[("预算上限", "consent")])
    assert "预算上限" in text
    assert "双方接受对接意向后才向对方公开" in text
    assert "50" not in text


def test_the_head_offers_places_by_role(app):
    def places(query: str) -> list[str]:
        text = app.test_client().get(f"/?{query}").get_data(as_text=True)
        nav = re.search(r'<nav class="places".*?</nav>', text, re.DOTALL)[0]
        return re.findall(r'<a href="([^"]+)"', nav)

    assert places("as=nobody") == ["/needs", "/capabilities"]
    assert places("as=one") == ["/", "/needs", "/capabilities", "/broker", "/interests"]
    assert places("as=office") == ["/", "/needs", "/capabilities", "/broker", "/interests", "/admin"]


def test_the_demo_mark_shows_for_a_demo_organisation_only(app):
    client = app.test_client()
    assert "演示数据</strong>" in client.get("/form?as=office").get_data(as_text=True)
    assert "演示数据</strong>" not in client.get("/form?as=one").get_data(as_text=True)
