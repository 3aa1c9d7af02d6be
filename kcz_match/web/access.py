"""Who is looking: the cookie's session row, the person, and the organisation they act for."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import Flask, g, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from sqlalchemy.exc import OperationalError
from werkzeug.wrappers import Response

from kcz_match.accounts import queries, sessions
from kcz_match.accounts.models import UserSession
from kcz_match.core import policy
from kcz_match.core.db import db
from kcz_match.core.policy import ANYONE, Actor

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
login_manager = LoginManager()
LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


class SignedIn(UserMixin):
    """What Flask-Login holds: the session's token as the id, and the live session row behind it."""

    def __init__(self, token: str, row: UserSession) -> None:
        """Keep the token and its row."""
        self.token, self.row = token, row

    def get_id(self) -> str:
        """Return what the cookie carries."""
        return self.token


def init_app(app: Flask) -> None:
    """Let Flask-Login ask our session table, which alone decides."""
    login_manager.init_app(app, add_context_processor=False)
    login_manager.session_protection = None
    app.after_request(_touch)


@login_manager.user_loader
def _load(token: str) -> SignedIn | None:
    row = sessions.live_session(token)
    return SignedIn(token, row) if row is not None else None


@login_manager.unauthorized_handler
def _ask_to_sign_in() -> Response:
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("accounts.sign_in", next=target))


def actor() -> Actor:
    """Return who acts in this request, as plain values; ``ANYONE`` when nobody is signed in."""
    if "actor" not in g:
        row = session_row()
        g.actor = queries.actor_for(row.user, row.organisation_id) if row is not None else ANYONE
    return g.actor


def session_row() -> UserSession | None:
    """Return the live session row of this request, None when nobody is signed in."""
    return current_user.row if current_user.is_authenticated else None


def open_session(row: UserSession, token: str) -> None:
    """Put the token in an otherwise empty cookie; the caller has committed the row."""
    session.clear()
    login_user(SignedIn(token, row))
    g.pop("actor", None)


def close_session() -> None:
    """Empty the cookie."""
    logout_user()
    session.clear()
    g.pop("actor", None)


def is_local(address: str) -> bool:
    """Say whether ``address`` is a path on this site that a browser cannot read as another site's."""
    return bool(LOCAL_PATH.fullmatch(address))


def asks(action: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Guard a page with a rule that needs no record: signed in first, then ``policy.require``."""

    def guard(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if not current_user.is_authenticated:
                return login_manager.unauthorized()  # type: ignore[no-any-return]
            policy.require(actor(), action)
            return view(*args, **kwargs)

        return guarded

    return guard


def _touch(response: Any) -> Any:
    """Write the time of the last request, at most once a minute, in a short transaction of its own."""
    row = session_row() if "_login_user" in g else None
    if row is not None and row.ended_at is None and sessions.needs_touch(row):
        _write_touch(row.id)
    return response


def _write_touch(row_id: int) -> None:
    db.session.rollback()
    try:
        with db.engine.connect().execution_options(reading=False) as connection, connection.begin():
            sessions.touch(connection, row_id)
    except OperationalError as error:  # the page is done; a busy database only costs a minute of idle time
        log.warning("time of the last request not written: %s", error.orig)
