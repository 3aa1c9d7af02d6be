"""The Office's pages of people: list, one account with its units and sessions, disabling and ending."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from kcz_match.accounts import queries, service, sessions
from kcz_match.core.db import db
from kcz_match.core.errors import NotFound
from kcz_match.web import paging, people
from kcz_match.web.access import actor, asks
from kcz_match.web.admin import blueprint
from kcz_match.web.devices import device_word
from kcz_match.web.presentation import say

PER_PAGE = 30


@blueprint.get("/users")
@asks("admin.read")
def users() -> str:
    """List accounts by a piece of a name or address."""
    text = request.args.get("text", "").strip()
    page = paging.page_of(queries.users_query(text), PER_PAGE)
    return render_template("admin/users.html", page=page, text=text, link=paging.link_to_page)


@blueprint.get("/users/<key>")
@asks("admin.read")
def user(key: str) -> str:
    """Show one account: its units, its live sessions, and what may be done with it."""
    found = queries.user_by_key(key)
    return render_template(
        "admin/user.html",
        user=found,
        memberships=queries.live_memberships(found),
        rows=sessions.live_sessions_of(found),
        device_word=device_word,
        new_link=people.take_link(found.key),
    )


@blueprint.post("/users/<key>/password-link")
@asks("admin.read")
def make_password_link(key: str) -> Response:
    """Make a one-time link for a new password; the next page shows it once."""
    found = queries.user_by_key(key)
    secret = service.make_password_link(found, actor())
    people.keep_link(found.key, found.name, secret)
    db.session.commit()
    return redirect(url_for("admin.user", key=key))


@blueprint.post("/users/<key>/disable")
@asks("admin.read")
def disable_user(key: str) -> Response:
    """Disable the account; every session of it ends at once."""
    return _set_disabled(key, is_disabled=True)


@blueprint.post("/users/<key>/enable")
@asks("admin.read")
def enable_user(key: str) -> Response:
    """Enable the account again."""
    return _set_disabled(key, is_disabled=False)


@blueprint.post("/users/<key>/sessions/<session>/end")
@asks("admin.read")
def end_session(key: str, session: str) -> Response:
    """End one session of anybody."""
    row = queries.session_by_key(session)
    if row.user.key != key:
        raise NotFound
    sessions.end_session(row, actor(), "由办公室结束")
    say("这处登录已结束。")
    db.session.commit()
    return redirect(url_for("admin.user", key=key))


def _set_disabled(key: str, *, is_disabled: bool) -> Response:
    found = queries.user_by_key(key)
    service.set_disabled(found, actor(), is_disabled=is_disabled)
    say(f"{found.name} 的账号已停用，全部登录已退出。" if is_disabled else f"{found.name} 的账号已启用。")
    db.session.commit()
    return redirect(url_for("admin.user", key=key))
