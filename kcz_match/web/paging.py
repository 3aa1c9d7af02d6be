"""One page of a query, and addresses that keep the other choices of the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flask import request, url_for
from sqlalchemy import Select, func, select

from kcz_match.core.db import db

T = TypeVar("T")
PER_PAGE = 20


@dataclass(frozen=True)
class Page(Generic[T]):
    """Rows of one page, and where it stands."""

    rows: Sequence[T]
    number: int
    pages: int
    total: int


def page_of(query: Select[tuple[T]], per_page: int = PER_PAGE) -> Page[T]:
    """Return the page that ``?page=`` asks for; a number out of range gives the nearest page there is."""
    total = db.session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    pages = max(1, -(-total // per_page))
    asked = request.args.get("page", "1")
    number = min(max(int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1, 1), pages)
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

    A changed choice other than the page goes back to page one.
    """
    kept = request.args.to_dict(flat=True)
    if "page" not in changes:
        kept.pop("page", None)
    kept |= {name: str(value) for name, value in changes.items()}
    return url_for(
        str(request.endpoint), **(request.view_args or {}), **{name: value for name, value in kept.items() if value}
    )


def choice_of(name: str, allowed: Any) -> str:
    """Return the chosen code of a filter, or '' when it is none of the ``allowed``."""
    value = request.args.get(name, "")
    return value if value in allowed else ""
