"""Take pictures of pages as a signed-in person sees them, wide (1280 px) and on a phone (390 px).

    python scripts/screenshots.py                                        the main pages, into docs/screenshots/
    python scripts/screenshots.py --as EMAIL --path /needs --out DIR     any page, as anybody

A picture is named after its path and width: /needs/abc?tab=match at 390 px becomes needs-abc-tab-match-390.png.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import chromium
import machine
from playwright.sync_api import Browser, Page

DEMO_PASSWORD = "Demo-Keji-2026"  # noqa: S105 - of the fictional people of scripts/seed_demo.py; README.md prints it too
WIDTHS = (1280, 390)
HIGHEST = 8000


@dataclass(frozen=True)
class Look:
    """One look at the site: whose, at which page, and under which name the picture is kept.

    With `follow`, the first link whose text contains it is followed, and `then` is added to the address it leads to:
    addresses of records cannot be known beforehand. Without a name, the picture is called after its path.
    """

    path: str
    email: str = ""
    password: str = DEMO_PASSWORD
    follow: str = ""
    then: str = ""
    name: str = ""


OFFICE, DISTRICT, ENTERPRISE = "he.siyuan@example.org", "bi.zhihang@example.org", "teng.guoliang@example.org"
DEMO_NEED = "一体化压铸件在线缺陷检测"
# The pictures of the README and of docs/, taken of the demo data.
MAIN = [
    Look(f"/needs?q={DEMO_NEED}", ENTERPRISE, follow=DEMO_NEED, then="/matches", name="main"),
    Look("/", DISTRICT, name="home"),
    Look("/needs", DISTRICT, name="needs"),
    Look(f"/needs?q={DEMO_NEED}", ENTERPRISE, follow=DEMO_NEED, name="need"),
    Look("/needs/new", ENTERPRISE, name="need-form"),
    Look("/capabilities", name="capabilities"),
    Look("/search?q=电池热失控预警", ENTERPRISE, name="search"),
    Look("/inbox", DISTRICT, name="inbox"),
    Look("/admin", OFFICE, name="admin"),
]


def picture_name(path: str, width: int) -> str:
    """Return the file name of a picture: the words of the path and the width; the front page is 'home'."""
    words = "-".join(re.findall(r"[\w.]+", path)) or "home"
    return f"{words}-{width}.png"


def take(browser: Browser, url: str, looks: list[Look], out: Path, widths: tuple[int, ...]) -> list[Path]:
    """Save one picture per look and width and return the files; machine.Stop when a page has no answer.

    What went astray on a page (see chromium.page_at), and a page wider than its window, is printed.
    """
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for width in widths:
        for (email, password), theirs in groupby(sorted(looks, key=_whose), key=_whose):
            page, strays = chromium.page_at(browser, url, width)
            page.context.set_default_timeout(60_000)
            if email:
                chromium.sign_in(page, email, password)
            for look in theirs:
                status = _go(page, look)
                made.append(out / (f"{look.name}-{width}.png" if look.name else picture_name(look.path, width)))
                _picture(page, made[-1])
                machine.say(f"{status} {made[-1]}{' is wider than its window' if is_too_wide(page) else ''}")
            for stray in strays:
                machine.say(f"!!! {stray}")
            page.context.close()
    return made


def _picture(page: Page, path: Path) -> None:
    """Save the whole page: the window is made as high as the page, so that bars fixed to its edges stay there."""
    window = page.viewport_size or {"width": WIDTHS[0], "height": chromium.HEIGHT}
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": window["width"], "height": max(window["height"], min(height, HIGHEST))})
    page.screenshot(path=path)
    page.set_viewport_size(window)


def _whose(look: Look) -> tuple[str, str]:
    return look.email, look.password


def _go(page: Page, look: Look) -> int:
    answer = page.goto(look.path, wait_until="networkidle")
    if look.follow:
        link = page.get_by_role("link").filter(has_text=look.follow).first
        if not link.count():
            raise machine.Stop(f"{page.url} has no link “{look.follow}” for {look.email or 'a visitor'}.")
        answer = page.goto(f"{link.get_attribute('href')}{look.then}", wait_until="networkidle")
    if answer is None or answer.status >= 500:
        raise machine.Stop(f"{page.url} answers {answer and answer.status} to {look.email or 'a visitor'}.")
    return answer.status


def is_too_wide(page: Page) -> bool:
    """Tell whether the page is wider than its window, so that a phone would scroll sideways."""
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def main(words: list[str]) -> None:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="address of the running site")
    parser.add_argument("--as", dest="email", default="", help="e-mail of the person who looks; nobody: a visitor")
    parser.add_argument("--password", default=DEMO_PASSWORD, help="their password; default: that of the demo accounts")
    parser.add_argument("--path", action="append", help="page to look at, may be repeated; none: the main pages")
    parser.add_argument("--width", action="append", type=int, help="window width, may be repeated; none: 1280 and 390")
    parser.add_argument("--out", type=Path, default=machine.ROOT / "docs" / "screenshots", help="folder for the files")
    asked = parser.parse_args(words)
    looks = [Look(path, asked.email, asked.password) for path in asked.path] if asked.path else MAIN
    with chromium.running() as browser:
        take(browser, asked.url.rstrip("/"), looks, asked.out, tuple(asked.width or WIDTHS))


if __name__ == "__main__":
    with machine.plain_ending():
        main(sys.argv[1:])
