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
from pathlib import Path

import chromium
import machine
from playwright.sync_api import Browser, Page

DEMO_PASSWORD = "Demo-Keji-2026"  # noqa: S105 - of the fictional people of scripts/seed_demo.py; README.md prints it too
WIDTHS = (1280, 390)


@dataclass(frozen=True)
class Visitor:
    """Somebody who looks at pages; without an e-mail they are not signed in."""

    paths: list[str]
    email: str = ""
    password: str = DEMO_PASSWORD


# The pictures of the README and of docs/: who looks at which pages.
MAIN = [Visitor(["/"])]


def picture_name(path: str, width: int) -> str:
    """Return the file name of a picture: the words of the path and the width; the front page is 'home'."""
    words = "-".join(re.findall(r"[\w.]+", path)) or "home"
    return f"{words}-{width}.png"


def take(browser: Browser, url: str, visitor: Visitor, out: Path, widths: tuple[int, ...]) -> list[Path]:
    """Save one picture per path and width and return the files; machine.Stop when a page has no answer.

    What went astray on a page (see chromium.page_at), and a page wider than its window, is printed.
    """
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for width in widths:
        page, strays = chromium.page_at(browser, url, width)
        if visitor.email:
            chromium.sign_in(page, visitor.email, visitor.password)
        for path in visitor.paths:
            answer = page.goto(path, wait_until="networkidle")
            if answer is None or answer.status >= 500:
                raise machine.Stop(f"{url}{path} answers {answer and answer.status} to {visitor.email or 'a visitor'}.")
            made.append(out / picture_name(path, width))
            page.screenshot(path=made[-1], full_page=True)
            machine.say(f"{answer.status} {made[-1]}{' is wider than its window' if is_too_wide(page) else ''}")
        for stray in strays:
            machine.say(f"!!! {stray}")
        page.context.close()
    return made


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
    visitors = [Visitor(asked.path, asked.email, asked.password)] if asked.path else MAIN
    with chromium.running() as browser:
        for visitor in visitors:
            take(browser, asked.url.rstrip("/"), visitor, asked.out, tuple(asked.width or WIDTHS))


if __name__ == "__main__":
    with machine.plain_ending():
        main(sys.argv[1:])
