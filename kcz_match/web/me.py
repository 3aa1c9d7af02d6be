"""What every template may ask: who looks (``me``), and what they may do (``can``, ``moves_open_to``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, g
from sqlalchemy.exc import OperationalError

from kcz_match.accounts import queries
from kcz_match.accounts.models import Organisation
from kcz_match.core import lifecycle, policy
from kcz_match.core.lifecycle import Move
from kcz_match.web import access, inbox


@dataclass(frozen=True)
class Me:
    """The person who looks: name, the organisation they act for (or None), all they may choose, what waits."""

    name: str
    organisation: Organisation | None
    organisations: Sequence[Organisation]
    is_office: bool
    waiting_count: int


def init_app(app: Flask) -> None:
    """Give every template ``me``, and the questions ``can`` and ``moves_open_to`` asked for the person who looks."""
    app.context_processor(lambda: {"me": me()})
    app.jinja_env.globals.update(can=can, moves_open_to=moves_open_to, is_demo_site=is_demo_site)


def me() -> Me | None:
    """Return the person who looks at this page, None for a visitor; worked out once in a request."""
    if "me" not in g:
        g.me = _look_up()
    return g.me  # type: ignore[no-any-return]  # g holds anything


def is_demo_site() -> bool:
    """Say whether the Office of this site is a fictional one; an error page asks this without a database too."""
    try:
        office = queries.office()
    except OperationalError:
        return False
    return office is not None and office.is_demo


def can(action: str, record: Any = None) -> bool:
    """Say whether the person who looks may do ``action`` to ``record``."""
    return policy.can(access.actor(), action, record)


def moves_open_to(record: Any) -> list[Move]:
    """Return the verbs that the person who looks may take with ``record`` now."""
    return lifecycle.moves_open_to(access.actor(), record)


def _look_up() -> Me | None:
    row = access.session_row()
    if row is None:
        return None
    actor = access.actor()
    return Me(
        name=row.user.name,
        organisation=row.organisation if actor.organisation_id else None,
        organisations=queries.organisations_of(row.user),
        is_office=policy.can(actor, "admin.read"),
        waiting_count=inbox.waiting_count(actor),
    )
