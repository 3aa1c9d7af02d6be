"""A headless Chromium of this machine, driven by Playwright: shared by the browser stories and the picture script."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import machine
import setup
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

# It may speak to the site only: no look-ups, no updates, no other origin.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--font-render-hinting=none",
]
SIGN_IN = "/login"
HEIGHTS = {390: 844}
HEIGHT = 900


@contextlib.contextmanager
def running() -> Iterator[Browser]:
    """Yield a running browser; raise machine.Stop naming the packages when the machine has none."""
    path = setup.browser()
    if path is None:
        raise machine.Stop(f"there is no Chromium here: install the packages {' '.join(setup.TEST_PACKAGES)}.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def page_at(browser: Browser, base_url: str, width: int = 1280) -> tuple[Page, list[str]]:
    """Return a page of a fresh visitor (own cookies) in a window of this width, in Chinese and China time.

    The list that comes with it fills with what should never happen: requests to other origins (they are cut off),
    errors of our scripts, and what the content security policy had to block.
    """
    context = browser.new_context(
        base_url=base_url,
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        viewport={"width": width, "height": HEIGHTS.get(width, HEIGHT)},
        reduced_motion="reduce",
    )
    context.set_default_timeout(15_000)
    strays: list[str] = []

    def guard(route: Route) -> None:
        if route.request.url.startswith((f"{base_url}/", "data:", "blob:")):
            route.continue_()
        else:
            strays.append(f"request to another origin: {route.request.url}")
            route.abort()

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            strays.append(message.text)

    context.route("**/*", guard)
    page = context.new_page()
    page.on("console", listen)
    page.on("pageerror", lambda fault: strays.append(f"error in a script: {fault}"))
    return page, strays


def sign_in(page: Page, email: str, password: str) -> None:
    """Sign in through the form, as a person does; raise AssertionError with the page's own words when refused."""
    page.goto(SIGN_IN)
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", password)
    with page.expect_navigation():
        page.press("input[name=password]", "Enter")
    if page.url.split("?")[0].endswith(SIGN_IN):
        raise AssertionError(f"{email} could not sign in: {page.inner_text('main').strip()[:300]}")
