"""What the documents say is so: links lead somewhere, commands and settings exist, decisions are numbered."""

import re
from pathlib import Path

import pytest

from kcz_match.config import SETTINGS
from kcz_match.reports import lifecycles

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def names(pages):
    return [page.relative_to(ROOT).as_posix() for page in pages]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_link_leads_to_a_file_of_the_project(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
    assert [link for link in links if not re.match(r"https?:", link) and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_make_target_that_is_named_exists(page):
    named = set(re.findall(r"(?:^|`|env |\d )make ([a-z]+)(?=[`\s])", page.read_text("utf-8"), re.MULTILINE))
    assert named - TARGETS == set()


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_setting_that_is_named_exists(page):
    assert set(re.findall(r"KCZ_([A-Z_]+)", page.read_text("utf-8"))) - set(SETTINGS) == set()


def test_no_two_decisions_share_a_number():
    numbers = [page.name[:4] for page in (ROOT / "docs/decisions").glob("*.md")]
    assert all(number.isdigit() for number in numbers)
    assert sorted(set(numbers)) == sorted(numbers)


def test_every_dependency_says_why_it_is_here():
    page = (ROOT / "docs/decisions/0002-dependencies.md").read_text("utf-8")
    explained = set(re.findall(r"[\w.-]+", " ".join(re.findall(r"^\| (.*?) \|", page, re.MULTILINE))))
    pinned = {
        line.split("==")[0].split("[")[0]
        for name in ("requirements.txt", "requirements-dev.txt")
        for line in (ROOT / name).read_text("utf-8").splitlines()
        if "==" in line
    }
    assert pinned - explained == set()


def test_the_page_of_lifecycles_is_what_the_tables_print():
    assert (ROOT / "docs/lifecycles.md").read_text("utf-8") == lifecycles.page()
