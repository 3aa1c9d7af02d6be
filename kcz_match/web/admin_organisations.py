"""The Office's pages of organisations: list, registration, card with people and certificates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from kcz_match.accounts import queries, service
from kcz_match.accounts.districts import DISTRICT
from kcz_match.accounts.models import Organisation
from kcz_match.accounts.registration import PARENT_KINDS
from kcz_match.accounts.states import (
    KIND_LABELS,
    LEVEL_LABELS,
    LEVELS_OF_KIND,
    ORGANISATIONS,
    OrganisationKind,
    OrganisationState,
)
from kcz_match.catalogue.editing import check_version
from kcz_match.core.db import db
from kcz_match.core.errors import Conflict, Invalid
from kcz_match.selection import queries as selection
from kcz_match.selection import service as certificates
from kcz_match.selection.service import TITLE_OF_KIND
from kcz_match.web import paging, people
from kcz_match.web.access import actor, asks
from kcz_match.web.accounts import Answer
from kcz_match.web.admin import blueprint
from kcz_match.web.presentation import say
from kcz_match.web.threads import thread_of

PER_PAGE = 30
ONE_LINE = ("kind", "full_name", "short_name", "credit_code", "district_code", "level", "parent_id")
EFFECTS = {
    "suspend": "停用后，这个单位的人立即退出登录，需求和能力不再推荐；恢复后照旧。",
    "close": "注销不能恢复。这个单位的人立即退出登录，需求和能力不再推荐，记录全部保留。",
    "rectify": "整改期间，这个单位和所属企业的需求不再推荐。",
    "revoke": "撤销后，这个单位和所属企业的需求立即不再推荐。",
    "withdraw": "退出后，这个单位和所属企业的需求立即不再推荐。",
}


@blueprint.get("/organisations")
@asks("admin.read")
def organisations() -> str:
    """List organisations by kind, state and a piece of a name."""
    states = {state.value: word for state, (word, _) in ORGANISATIONS.words.items()}
    chosen = {
        "kind": paging.choice_of("kind", set(KIND_LABELS)),
        "state": paging.choice_of("state", states),
        "text": request.args.get("text", "").strip(),
    }
    page = paging.page_of(queries.organisations_query(**chosen), PER_PAGE)
    ids = [unit.id for unit in page.rows]
    return render_template(
        "admin/organisations.html",
        page=page,
        chosen=chosen,
        states=states,
        kinds=KIND_LABELS,
        people=queries.member_counts(ids),
        certificates=selection.open_certificates(ids),
        link=paging.link_to_page,
    )


@blueprint.get("/organisations/new")
@asks("organisation.register")
def register() -> str:
    """Show the blank form of a registration."""
    return _form({"kind": request.args.get("kind", "")}, {})


@blueprint.post("/organisations/new")
@asks("organisation.register")
def take_registration() -> Answer:
    """Put an organisation on file; a refused form keeps every character."""
    typed: dict[str, Any] = {name: request.form.get(name, "") for name in (*ONE_LINE, "intro", "aliases")}
    typed["members"] = request.form.getlist("members")
    try:
        unit = service.register_organisation(
            actor(),
            aliases=typed["aliases"].splitlines(),
            member_ids=_ids(typed["members"]),
            parent_id=_id(typed["parent_id"]),
            intro=typed["intro"],
            **{name: typed[name] for name in ONE_LINE if name != "parent_id"},
        )
    except Invalid as refusal:
        return _form(typed, refusal.errors), refusal.status
    say(f"{unit.full_name} 已登记，核验后才能办事。")
    address = url_for("admin.organisation", key=unit.key)
    db.session.commit()
    return redirect(address)


@blueprint.get("/organisations/<key>")
@asks("admin.read")
def organisation(key: str) -> str:
    """Show everything on file about one organisation, and what may be done with it."""
    return _card(queries.organisation_by_key(key))


@blueprint.post("/organisations/<key>/move")
@asks("admin.read")
def move_organisation(key: str) -> Answer:
    """Verify, suspend, restore or close."""
    unit = queries.organisation_by_key(key)
    verb, reason = request.form.get("verb", ""), request.form.get("reason", "")
    _check(unit, verb)
    try:
        service.move_organisation(unit, verb, actor(), reason=reason)
    except Invalid as refusal:
        return _card(unit, tried=verb, move_errors=refusal.errors, reason=reason), refusal.status
    say(f"{unit.full_name} 现为“{unit.lifecycle.word(unit.state)}”。")
    db.session.commit()
    return redirect(url_for("admin.organisation", key=key))


@blueprint.post("/organisations/<key>/edit")
@asks("admin.read")
def edit_organisation(key: str) -> Answer:
    """Change introduction and other names for the organisation."""
    unit = queries.organisation_by_key(key)
    intro, aliases = request.form.get("intro", ""), request.form.get("aliases", "")
    try:
        service.edit_organisation(unit, actor(), intro=intro, aliases=aliases.splitlines())
    except Invalid as refusal:
        return _card(unit, edit_errors=refusal.errors, intro=intro, aliases=aliases), refusal.status
    say("简介和别名已保存。")
    db.session.commit()
    return redirect(url_for("admin.organisation", key=key))


@blueprint.post("/organisations/<key>/certificates")
@asks("admin.read")
def grant_certificate(key: str) -> Answer:
    """Grant the title that this kind of organisation can hold."""
    unit, reason = queries.organisation_by_key(key), request.form.get("reason", "")
    try:
        made = certificates.grant_certificate(unit, actor(), reason=reason)
    except Invalid as refusal:
        return _card(unit, grant_errors=refusal.errors, grant_reason=reason), refusal.status
    say(f"已认定，编号 {made.number}。")
    db.session.commit()
    return redirect(url_for("admin.organisation", key=key, _anchor="certificates"))


@blueprint.post("/certificates/<key>/move")
@asks("admin.read")
def move_certificate(key: str) -> Answer:
    """Rectify, restore, revoke or withdraw a title."""
    found = selection.certificate_by_key(key)
    verb, reason = request.form.get("verb", ""), request.form.get("reason", "")
    _check(found, verb)
    try:
        certificates.move_certificate(found, verb, actor(), reason=reason)
    except Invalid as refusal:
        return _card(
            found.organisation, tried=verb, tried_on=found.id, move_errors=refusal.errors, reason=reason
        ), refusal.status
    say(f"认定 {found.number} 现为“{found.lifecycle.word(found.state)}”。")
    address = url_for("admin.organisation", key=found.organisation.key, _anchor="certificates")
    db.session.commit()
    return redirect(address)


@blueprint.post("/organisations/<key>/invite")
@asks("admin.read")
def invite(key: str) -> Answer:
    """Invite a person to the organisation; the next page shows the one-time link."""
    unit = queries.organisation_by_key(key)
    errors = people.invite(unit)
    if errors:
        return _card(unit, invite_errors=errors, typed=request.form), 422
    db.session.commit()
    return redirect(url_for("admin.organisation", key=key, _anchor="people"))


@blueprint.post("/organisations/<key>/invitations/withdraw")
@asks("admin.read")
def withdraw_invitation(key: str) -> Response:
    """Make an open invitation useless."""
    service.withdraw_invitation(queries.organisation_by_key(key), actor(), email=request.form.get("email", ""))
    say("邀请已撤回，链接不能再用。")
    db.session.commit()
    return redirect(url_for("admin.organisation", key=key, _anchor="people"))


@blueprint.post("/organisations/<key>/people/<member>")
@asks("admin.read")
def change_member(key: str, member: str) -> Response:
    """Change a member's role or end the membership."""
    say(people.change_member(queries.organisation_by_key(key), member))
    db.session.commit()
    return redirect(url_for("admin.organisation", key=key, _anchor="people"))


def _check(record: Any, verb: str) -> None:
    """Refuse a verb that is not drawn, and a page that was opened before somebody else acted."""
    if verb not in record.lifecycle.arrows:
        raise Conflict("没有这个操作。请刷新页面后再试。")
    check_version(record, request.form.get("version", type=int))


def _card(unit: Organisation, **more: Any) -> str:
    values = {
        "edit_errors": {},
        "invite_errors": {},
        "move_errors": {},
        "grant_errors": {},
        "typed": {},
        "tried": "",
        "tried_on": 0,
        "reason": "",
        "grant_reason": "",
        "intro": unit.intro,
        "aliases": "\n".join(item.name for item in unit.aliases),
    }
    return render_template(
        "admin/organisation.html",
        unit=unit,
        certificates=selection.certificates_of(unit.id),
        effects=EFFECTS,
        can_hold_title=unit.kind in TITLE_OF_KIND,
        history=thread_of(unit)[::-1],
        **people.people_of(unit),
        **values | more,
    )


def _form(typed: Mapping[str, Any], errors: Mapping[str, str]) -> str:
    kinds = {kind: word for kind, word in KIND_LABELS.items() if kind != OrganisationKind.OFFICE}
    levels = {level: LEVEL_LABELS[level] for some in LEVELS_OF_KIND.values() for level in some}
    running = [
        unit
        for unit in queries.organisations()
        if unit.state in (OrganisationState.VERIFIED, OrganisationState.UNVERIFIED)
    ]
    parents = {
        unit.id: f"{unit.full_name}（{unit.kind_label}）"
        for unit in running
        if any(unit.kind in some for some in PARENT_KINDS.values())
    }
    return render_template(
        "admin/register.html",
        typed=typed,
        errors=errors,
        kinds=kinds,
        levels=levels,
        districts={code: one.name for code, one in DISTRICT.items()},
        parents=parents,
        societies=[unit for unit in running if unit.kind == OrganisationKind.SOCIETY],
    )


def _id(text: str) -> int | None:
    return paging.whole_number(text, 10**9, None)


def _ids(texts: list[str]) -> list[int]:
    return [number for text in texts if (number := _id(text)) is not None]
