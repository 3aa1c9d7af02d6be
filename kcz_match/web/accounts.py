"""Pages of one's own account: signing in and out, invitations, profile, password, devices, switching organisations."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from kcz_match.accounts import queries, service, sessions
from kcz_match.accounts.models import Invitation
from kcz_match.core.db import db
from kcz_match.core.errors import Invalid
from kcz_match.web.access import actor, close_session, is_local, open_session, session_row
from kcz_match.web.devices import device_word
from kcz_match.web.presentation import say

blueprint = Blueprint("accounts", __name__)
Answer = str | Response | tuple[str, int]
PROFILE_FIELDS = ("name", "phone", "post")


@blueprint.get("/login")
def sign_in() -> Answer:
    """Show the form; somebody who is signed in goes on to where they wanted to go."""
    if current_user.is_authenticated:
        return redirect(_next())
    return render_template("accounts/sign_in.html", errors={}, email="", next=request.args.get("next", ""))


@blueprint.post("/login")
def take_sign_in() -> Answer:
    """Check the password and open a session with a new token; an older one of this browser ends."""
    email = request.form.get("email", "")
    former = _former_key()
    try:
        row, token = sessions.sign_in(email, request.form.get("password", ""), **_where())
    except (sessions.WrongPassword, sessions.Paused) as refusal:
        db.session.rollback()
        return render_template(
            "accounts/sign_in.html",
            errors={"password": refusal.sentence},
            email=email,
            next=request.form.get("next", ""),
        ), refusal.status
    _end_former(former)
    db.session.commit()
    open_session(row, token)
    return redirect(_next())


@blueprint.post("/logout")
def sign_out() -> Response:
    """End this session; its cookie is worth nothing from now on."""
    row = session_row()
    if row is not None:
        sessions.end_session(row, actor(), "退出登录")
        db.session.commit()
    close_session()
    say("已退出登录。", "info")
    return redirect(url_for("accounts.sign_in"))


@blueprint.route("/invitations/<secret>", methods=["GET", "POST"])
def invitation(secret: str) -> Answer:
    """Show an invitation or a link for a new password; take the password and sign the person in."""
    found = service.open_invitation(secret)
    unit, page = found.organisation, {"invitation": found, "unit": found.organisation, "is_known": _must_prove(found)}
    if request.method == "GET":
        return render_template("accounts/invitation.html", errors={}, **page)
    password, former = request.form.get("password", ""), _former_key()
    try:
        if not page["is_known"] and password != request.form.get("again", ""):
            raise Invalid({"again": "两次输入的密码不一样。请重新输入。"})
        user = service.accept_invitation(secret, password=password, address=_where()["address"])
    except Invalid as refusal:
        db.session.rollback()
        return render_template("accounts/invitation.html", errors=refusal.errors, **page), refusal.status
    sentence = "密码已重新设置。" if found.resets_password else f"已加入{unit.full_name}。"
    choices = [one.id for one in queries.organisations_of(user)]
    home = unit.id if unit.id in choices else next(iter(choices), None)
    row, token = sessions.start_session(user, home, **_where())
    _end_former(former)
    db.session.commit()
    open_session(row, token)
    say(sentence)
    return redirect(url_for("home.index"))


@blueprint.post("/switch")
@login_required
def switch() -> Response:
    """Act for another of one's organisations from now on, and stay on the page."""
    unit = queries.organisation_by_key(request.form.get("organisation", ""))
    sessions.switch_organisation(session_row(), unit, actor())  # type: ignore[arg-type]  # login is required
    say(f"现在以{unit.full_name}的身份办理。", "info")
    db.session.commit()
    return redirect(_next())


@blueprint.route("/me", methods=["GET", "POST"])
@login_required
def profile() -> Answer:
    """Show or change one's own name, telephone and post."""
    user = _row().user
    if request.method == "GET":
        return render_template("accounts/profile.html", user=user, errors={}, typed=user)
    typed = {name: request.form.get(name, "") for name in PROFILE_FIELDS}
    try:
        service.edit_profile(user, actor(), **typed)
    except Invalid as refusal:
        return render_template("accounts/profile.html", user=user, errors=refusal.errors, typed=typed), refusal.status
    say("个人资料已保存。")
    db.session.commit()
    return redirect(url_for("accounts.profile"))


@blueprint.route("/me/password", methods=["GET", "POST"])
@login_required
def password() -> Answer:
    """Change one's own password; every session ends and this browser gets a new one."""
    if request.method == "GET":
        return render_template("accounts/password.html", errors={})
    user, organisation_id = _row().user, _row().organisation_id
    old, new, again = (request.form.get(name, "") for name in ("old", "new", "again"))
    try:
        if new != again:
            raise Invalid({"again": "两次输入的新密码不一样。请重新输入。"})
        service.change_password(user, actor(), old=old, new=new, address=_where()["address"])
    except Invalid as refusal:
        db.session.rollback()
        return render_template("accounts/password.html", errors=refusal.errors), refusal.status
    row, token = sessions.start_session(user, organisation_id, **_where())
    db.session.commit()
    open_session(row, token)
    say("密码已更改。其他设备上的登录已全部退出。")
    return redirect(url_for("accounts.profile"))


@blueprint.get("/me/sessions")
@login_required
def own_sessions() -> str:
    """List one's own live sessions: device, address, since when, last seen."""
    rows = sessions.live_sessions_of(_row().user)
    return render_template(
        "accounts/sessions.html", rows=rows, present=_row(), device_word=device_word, limits=sessions.limits()
    )


@blueprint.post("/me/sessions/<key>/end")
@login_required
def end_session(key: str) -> Response:
    """End one of one's own sessions, or with the key ``others`` all but the present one."""
    mine = {row.key: row for row in sessions.live_sessions_of(_row().user)}
    mine.pop(_row().key, None)
    chosen = list(mine.values()) if key == "others" else [mine[key]] if key in mine else []
    for row in chosen:
        sessions.end_session(row, actor(), "本人在另一设备上结束")
    say(f"已结束 {len(chosen)} 处登录。" if chosen else "这处登录已经结束。", "done" if chosen else "info")
    db.session.commit()
    return redirect(url_for("accounts.own_sessions"))


def _must_prove(invitation: Invitation) -> bool:
    """Say whether the invited person has an account and so proves its password instead of choosing one."""
    return not invitation.resets_password and queries.user_by_email(invitation.email) is not None


def _former_key() -> str:
    row = session_row()
    return row.key if row else ""


def _end_former(key: str) -> None:
    """End the session that this browser had before it got a new one."""
    if key:
        sessions.end_session(queries.session_by_key(key), actor(), "在同一浏览器重新登录")


def _row() -> Any:
    """Return the session row of a request that is known to be signed in."""
    return session_row()


def _where() -> dict[str, str]:
    return {"address": request.remote_addr or "", "device": request.user_agent.string}


def _next() -> str:
    """Return the local page that was asked for, else the home page."""
    wanted = request.values.get("next", "")
    return request.script_root + wanted if is_local(wanted) else url_for("home.index")
