"""The small scripts in a real browser, on the style guide's form: drafts, rows, counters, keyboard, confirmation."""

from __future__ import annotations

import chromium
import pytest
import styleguide

WAIT = 8000
# The style guide's own small server leaves a file open when the browser closes its page in the middle of it.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def saves() -> list[dict[str, str]]:
    """Return the forms that were saved by themselves."""
    return []


@pytest.fixture
def site(saves):
    with styleguide.served(styleguide.build(saves)) as url:
        yield url


@pytest.fixture
def page(browser, site):
    page, strays = chromium.page_at(browser, site)
    yield page
    page.context.close()
    assert strays == []


def test_a_draft_saves_itself_and_says_when(page, saves):
    page.goto("/form")
    page.fill("#f-title", "新的名称")
    page.wait_for_selector("text=已保存 14:05", timeout=WAIT)
    assert saves[-1]["title"] == "新的名称"
    assert saves[-1]["csrf_token"] == "a-token"
    assert page.input_value("[name=version]") == "4"


def test_text_that_could_not_be_saved_is_kept_here_and_offered_again(page, saves):
    page.goto("/form")
    page.click("[data-row-add] >> nth=0")
    page.fill("#f-indicators-4-name", "寿命")
    page.fill("#f-title", "refuse")
    page.wait_for_selector("text=已保存在这台电脑上", timeout=WAIT)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/form")
    assert page.input_value("#f-title") == styleguide.VALUES["title"]
    page.click("text=填回来")
    assert page.input_value("#f-title") == "refuse"
    assert page.input_value("#f-indicators-4-name") == "寿命"


def test_rows_are_added_with_the_next_number_and_removed(page):
    page.goto("/form")
    names = "#rows-indicators [data-rows-body] input[name$='-name']"
    assert page.locator(names).count() == 4  # three typed and one blank: the spare row went
    page.click("#rows-indicators [data-row-add]")
    assert page.locator(names).last.get_attribute("name") == "indicators-4-name"
    page.click("#rows-indicators [data-row-remove] >> nth=0")
    assert [page.locator(names).nth(place).get_attribute("name") for place in range(4)] == [
        "indicators-1-name",
        "indicators-2-name",
        "indicators-3-name",
        "indicators-4-name",
    ]


def test_a_counter_tells_when_a_text_is_too_long(page):
    page.goto("/form")
    page.fill("#f-title", "字" * 61)
    assert page.inner_text("[data-counter-for=f-title]") == "超出 1 字"
    page.fill("#f-title", "字" * 60)
    assert page.inner_text("[data-counter-for=f-title]") == "60 / 60 字"


def test_slash_goes_to_the_search_and_types_itself_inside_a_field(page):
    page.goto("/form")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.focus("#f-keywords")
    page.keyboard.press("/")
    assert page.input_value("#f-keywords").count("/") == 1


def test_escape_closes_the_menu_and_returns_to_its_button(page):
    page.goto("/form")
    page.click(".me summary")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    assert page.locator(".me[open]").count() == 0
    assert page.evaluate("document.activeElement.closest('.me') !== null")


def test_a_confirmation_holds_the_deed_back_until_it_is_given(page):
    page.goto("/?plain=1")
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.click("[data-confirm] >> nth=0")
    page.click(".ask button:text-is('先不')")
    page.wait_for_selector(".ask", state="detached")
    assert sent == []
    page.click("[data-confirm] >> nth=0")
    page.click(".ask button:text-is('不合适')")
    page.wait_for_url("**/no")
    assert [url.rsplit("/", 1)[-1] for url in sent] == ["no"]


def test_leaving_with_unsent_text_warns(page):
    page.goto("/form")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.type("#f-title", "x")
    page.goto("/errors/404")
    assert asked == ["beforeunload"]


def test_the_coach_answers_while_one_types(page):
    page.goto("/form")
    with page.expect_response("**/coach", timeout=WAIT) as answer:
        page.type("#f-background", "x")
    assert answer.value.status == 200
    assert answer.value.request.headers["x-csrftoken"] == "a-token"
    assert page.locator("#coach .warnings li").count() == 3


@pytest.mark.parametrize("path", ["/", "/form?wrong=1&as=one", "/errors/409"])
def test_nothing_scrolls_sideways_on_a_phone(browser, site, path):
    page, strays = chromium.page_at(browser, site, 390)
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.context.close()
    assert strays == []


def test_targets_on_a_phone_are_tall_enough(browser, site):
    page, _ = chromium.page_at(browser, site, 390)
    page.goto("/form")
    low = page.evaluate("""
        [...document.querySelectorAll('.btn, .form-control, .form-select, summary, .phone-bar a, .tick')]
        .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 40).map(one => one.outerHTML)""")
    page.context.close()
    assert low == []
