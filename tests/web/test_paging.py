"""Numbers that people type into addresses and hidden fields, and addresses that keep the other choices."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qsl

import pytest
from werkzeug.datastructures import MultiDict

from kcz_match.catalogue.fields import NEED_FIELDS
from kcz_match.web import paging
from kcz_match.web.paging import whole_number
from kcz_match.web.record_forms import read_form
from tests.factories import sign_in


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("7", 7),
        ("007", 7),
        ("500", 500),
        ("501", None),
        ("0501", None),
        ("9" * 5000, None),
        ("", None),
        ("-1", None),
        ("+1", None),
        (" 1", None),
        ("1.0", None),
        ("1_0", None),
        ("２", None),
        ("²", None),
        ("٣", None),
    ],
)
def test_a_whole_number_is_written_in_ten_digits_and_bounded(text: str, number: int | None):
    assert whole_number(text, 500, None) == number


@pytest.mark.parametrize("page", ["", "0", "-1", "²", "２", "9" * 5000, "x", "99999999"])
def test_a_strange_page_number_shows_a_page_that_there_is(world, client, page):
    world.need()
    answer = client.get("/needs", query_string={"page": page})
    assert (answer.status_code, "一体化压铸件在线缺陷检测" in answer.text) == (200, True)


@pytest.mark.parametrize("version", ["", "²", "３", "9" * 5000, "-1"])
def test_a_version_that_is_no_number_counts_as_a_new_record(version):
    assert read_form(MultiDict({"version": version}), NEED_FIELDS, "indicators").version == 0
    assert read_form(MultiDict({"version": "12"}), NEED_FIELDS, "indicators").version == 12


@pytest.mark.parametrize("number", ["0", "²", "x", "-1", str(2**63), "9" * 4500])
def test_a_number_that_no_job_has_is_not_found(world, client, number):
    sign_in(client, world.office_manager)
    assert client.post(f"/admin/jobs/{number}/retry").status_code == 404


STRANGE = "endpoint=x&_external=1&_anchor=a&_method=POST&_scheme=javascript&values=v&self=s&page=1&q=%E5%8E%8B%E9%93%B8"


@pytest.mark.parametrize("path", ["/needs", "/capabilities", "/search", "/interests", "/inbox", "/admin/audit"])
def test_no_word_of_the_query_changes_where_the_links_of_a_list_lead(world, client, path):
    for _ in range(2):
        world.need()
    world.capability()
    sign_in(client, world.office_manager)
    answer = client.get(f"{path}?{STRANGE}")
    links = [unescape(link) for link in re.findall(r'href="([^"]*endpoint=[^"]*)"', answer.text)]
    assert (answer.status_code, [link for link in links if not link.startswith(f"{path}?")]) == (200, [])


def test_another_page_and_another_order_keep_the_other_choices(site):
    with site.test_request_context(f"/needs?{STRANGE}&sort=due&empty=", environ_overrides={"SCRIPT_NAME": "/kcz"}):
        path, _, chosen = paging.link_to_page(3).partition("?")
        kept = dict(parse_qsl(STRANGE)) | {"sort": "due"}
        assert (path, dict(parse_qsl(chosen))) == ("/kcz/needs", kept | {"page": "3"})
        del kept["page"]
        assert dict(parse_qsl(paging.sorted_by("new").partition("?")[2])) == kept | {"sort": "new"}
        assert dict(parse_qsl(paging.with_args(sort="").partition("?")[2])) == {
            name: text for name, text in kept.items() if name != "sort"
        }
    with site.test_request_context("/needs/list/中文?show=errors"):
        assert paging.with_args(show="") == "/needs/list/%E4%B8%AD%E6%96%87"
