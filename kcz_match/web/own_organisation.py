"""The card of one's own unit: its facts and people, and what its manager may change."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from flask_login import login_required
from werkzeug.wrappers import Response

from kcz_match.accounts import queries, service
from kcz_match.accounts.models import Organisation
from kcz_match.core.db import db
from kcz_match.core.errors import Conflict, Invalid
from kcz_match.selection import queries as selection
from kcz_match.web import people
from kcz_match.web.access import actor
from kcz_match.web.accounts import Answer, blueprint
from kcz_match.web.presentation import say


@blueprint.get("/organisation")
@login_required
def organisation() -> Answer:
    """Show the unit one acts for; somebody who acts for none is told what to do."""
    if actor().organisation_id is None:
        return render_template("accounts/no_organisation.html")
    return _page(_own())


@blueprint.post("/organisation/edit")
@login_required
def edit_organisation() -> Answer:
    """Change the introduction and the other names."""
    unit, intro, aliases = _own(), request.form.get("intro", ""), request.form.get("aliases", "")
    try:
        service.edit_organisation(unit, actor(), intro=intro, aliases=aliases.splitlines())
    except Invalid as refusal:
        return _page(unit, edit_errors=refusal.errors, intro=intro, aliases=aliases), refusal.status
    say("简介和别名已保存。")
    db.session.commit()
    return redirect(url_for("accounts.organisation"))


@blueprint.post("/organisation/invite")
@login_required
def invite() -> Answer:
    """Invite a person; the next page shows the one-time link."""
    unit = _own()
    errors = people.invite(unit)
    if errors:
        return _page(unit, invite_errors=errors, typed=request.form), 422
    db.session.commit()
    return redirect(url_for("accounts.organisation", _anchor="people"))


@blueprint.post("/organisation/invitations/withdraw")
@login_required
def withdraw_invitation() -> Response:
    """Make an open invitation useless."""
    service.withdraw_invitation(_own(), actor(), email=request.form.get("email", ""))
    say("邀请已撤回，链接不能再用。")
    db.session.commit()
    return redirect(url_for("accounts.organisation", _anchor="people"))


@blueprint.post("/organisation/people/<key>")
@login_required
def change_member(key: str) -> Response:
    """Change a member's role or end the membership."""
    say(people.change_member(_own(), key))
    db.session.commit()
    return redirect(url_for("accounts.organisation", _anchor="people"))


def _own() -> Organisation:
    organisation_id = actor().organisation_id
    if organisation_id is None:
        raise Conflict("您现在没有以哪个单位的身份办理。请先在页面右上角选择单位。")
    return queries.organisation(organisation_id)


def _page(unit: Organisation, **more: Any) -> str:
    values = {
        "edit_errors": {},
        "invite_errors": {},
        "typed": {},
        "intro": unit.intro,
        "aliases": "\n".join(item.name for item in unit.aliases),
    }
    return render_template(
        "accounts/organisation.html",
        unit=unit,
        certificates=selection.certificates_of(unit.id),
        **people.people_of(unit),
        **values | more,
    )
