"""One page of a query, and addresses that keep the other choices of the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from flask import request
from sqlalchemy import Select, func, select

from kcz_match.core.db import db

T = TypeVar("T")
D = TypeVar("D")
PER_PAGE = 20
MOST_PAGES = 10**8


@dataclass(frozen=True)
class Page(Generic[T]):
    """Rows of one page, and where it stands."""

    rows: Sequence[T]
    number: int
    pages: int
    total: int


def whole_number(text: str, most: int, default: D) -> int | D:
    """Return the number that ``text`` writes in the digits 0-9, or ``default``.

    Anything else counts as no number: a sign, blanks, digits of other scripts, a number greater than ``most``, and
    one with more digits than ``most`` has, so that no text is too long to be read.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        return default
    number = int(text)
    return number if number <= most else default


def number_of_page(pages: int) -> int:
    """Return the page from 1 to ``pages`` that ``?page=`` asks for or that is nearest to it; without a number 1."""
    return min(max(whole_number(request.args.get("page", ""), MOST_PAGES, 1), 1), pages)


def page_of(query: Select[tuple[T]], per_page: int = PER_PAGE) -> Page[T]:
    """Return the page that ``?page=`` asks for; a number out of range gives the nearest page there is."""
    total = db.session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    pages = max(1, -(-total // per_page))
    number = number_of_page(pages)
    rows = db.session.scalars(query.limit(per_page).offset((number - 1) * per_page)).all()
    return Page(rows, number, pages, total)


def link_to_page(number: int) -> str:
    """Return the address of another page of the same list."""
    return with_args(page=number)


def sorted_by(order: str) -> str:
    """Return the address of the same list in another order."""
    return with_args(sort=order)


def with_args(**changes: Any) -> str:
    """Return the address of this list with some choices changed; an empty choice is left out.

    A changed choice other than the page goes back to page one.  The address is always a path of this site: whatever
    somebody wrote into the query stays a choice and never becomes part of the address before the question mark.
    """
    kept = request.args.to_dict(flat=True)
    if "page" not in changes:
        kept.pop("page", None)
    kept |= {name: str(value) for name, value in changes.items()}
    path = quote(request.script_root + request.path)
    chosen = urlencode({name: value for name, value in kept.items() if value})
    return f"{path}?{chosen}" if chosen else path


def choice_of(name: str, allowed: Any) -> str:
    """Return the chosen code of a filter, or '' when it is none of the ``allowed``."""
    value = request.args.get(name, "")
    return value if value in allowed else ""
