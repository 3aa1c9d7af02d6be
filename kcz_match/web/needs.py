"""Pages of needs: the list, the form with its coach, the record, its thread."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import login_required
from sqlalchemy import Select, or_, select
from werkzeug.wrappers import Response

from kcz_match.accounts import queries as accounts
from kcz_match.accounts.districts import DISTRICT
from kcz_match.accounts.models import Organisation
from kcz_match.brokerage import refusals
from kcz_match.catalogue import coach, need_service, queries
from kcz_match.catalogue.fields import NEED_FIELD, NEED_FIELDS, NEED_SECTIONS, Tier
from kcz_match.catalogue.models import Need
from kcz_match.catalogue.parsing import parse_indicators
from kcz_match.catalogue.states import EDITABLE_NEED_STATES, NEEDS, OPEN_NEED_STATES
from kcz_match.catalogue.terms import INDUSTRIES, NEED_KINDS
from kcz_match.catalogue.visibility import hidden_labels, readable_fields, readable_rows, tiers_open_to
from kcz_match.core import policy
from kcz_match.core.db import db, new_key
from kcz_match.core.errors import Conflict, Invalid, NotFound
from kcz_match.core.lifecycle import moves_open_to
from kcz_match.engagements import queries as engagements
from kcz_match.web import paging
from kcz_match.web.access import actor, asks
from kcz_match.web.presentation import say
from kcz_match.web.record_desk import Answer, Desk
from kcz_match.web.record_forms import Meaning, Typed
from kcz_match.web.standing import standing_of

blueprint = Blueprint("needs", __name__, url_prefix="/needs")

SORTS = {
    "-published": (Need.published_at.desc(), Need.id.desc()),
    "published": (Need.published_at, Need.id),
    "valid": (Need.valid_until, Need.id),
    "-valid": (Need.valid_until.desc(), Need.id.desc()),
    "state": (Need.state_since, Need.id),
    "-state": (Need.state_since.desc(), Need.id.desc()),
}


@blueprint.get("")
def index() -> str:
    """List the needs that the viewer may know of; members see their own side first by choosing it."""
    mine = request.args.get("mine") == "1" and actor().organisation_id is not None
    base = queries.needs_on_own_side(actor()) if mine else queries.needs_visible_to(actor())
    sort = request.args.get("sort", "")
    order = SORTS.get(sort, SORTS["-state" if mine else "-published"])
    page = paging.page_of(_filtered(base).order_by(*order))
    chosen = sum(bool(request.args.get(name)) for name in ("q", "industry", "district", "kind", "state"))
    return render_template(
        "needs/index.html",
        page=page,
        mine=mine,
        sort=sort,
        chosen=chosen,
        counts=queries.counts_by_state(base, Need.state) if mine else {},
        states={state.value: word for state, (word, _) in NEEDS.words.items()},
        link=paging.link_to_page,
        sort_link=paging.sorted_by,
    )


@blueprint.get("/new")
@asks("need.write")
def new() -> str:
    """Show the blank form; its key is chosen now, so that saving twice makes one draft."""
    return _form(new_key(), Typed({"urgency": "normal", "kind": "rd"}, [{}, {}]), {})


@blueprint.route("/<key>/edit", methods=["GET", "POST"])
@asks("need.write")
def edit(key: str) -> Answer:
    """Show or take the form of a draft."""
    return DESK.edit(key)


@blueprint.post("/<key>/autosave")
@asks("need.write")
def autosave(key: str) -> Response | tuple[Response, int]:
    """Save the draft while it is being typed."""
    return DESK.autosave(key)


@blueprint.post("/coach")
@asks("need.write")
def advise() -> str:
    """Answer the typed form with what the drafting coach says; nothing is kept."""
    return render_template("needs/coach.html", report=_advice(DESK.meaning(DESK.typed())))


@blueprint.get("/<key>")
def show(key: str) -> str:
    """Show the need as far as the viewer may read it."""
    need = queries.need_by_key(key, actor())
    tiers = tiers_open_to(actor(), need)
    is_own = policy.can(actor(), "need.read_own", need)
    return render_template(
        "needs/show.html",
        need=need,
        fields=readable_fields(need, tiers),
        rows=readable_rows(need, tiers),
        hidden=hidden_labels(need, tiers),
        sections=NEED_SECTIONS,
        is_open=need.state in OPEN_NEED_STATES,
        advice=need_service.advice_on(need) if is_own else None,
        todo=refusals.tasks_of(need, actor()),
        labels={field.name: field.label for field in NEED_FIELDS},
        **frame(need, "show"),
    )


@blueprint.get("/<key>/history")
@login_required
def history(key: str) -> str:
    """Show the shared thread and every change of state to the need's own side and its reviewers."""
    return DESK.history(DESK.own_side(key))


@blueprint.post("/<key>/move")
@login_required
def move(key: str) -> Answer:
    """Take one arrow of the lifecycle; merging has an address of its own."""
    if request.form.get("verb") == "merge":
        raise NotFound
    return DESK.move(key)


@blueprint.post("/<key>/remark")
@login_required
def remark(key: str) -> Response | tuple[str, int]:
    """Add to the shared thread."""
    need, typed = DESK.own_side(key), request.form.get("remark", "")
    try:
        need_service.add_remark(need, actor(), typed)
    except Invalid as refusal:
        db.session.rollback()
        return DESK.history(DESK.own_side(key), remark_error=refusal.errors["sentence"], typed=typed), refusal.status
    say("意见已发出，对方会在收件箱看到。")
    db.session.commit()
    return redirect(url_for(".history", key=key))


@blueprint.post("/<key>/delete")
@login_required
def delete(key: str) -> Response:
    """Remove a draft that was never submitted."""
    return DESK.remove(key)


@blueprint.post("/<key>/share")
@asks("need.share")
def share(key: str) -> Response:
    """Join this need with chosen near-twins into a shared need."""
    need = queries.need_by_key(key, actor())
    others = [queries.need_by_key(other, actor()) for other in request.form.getlist("twin")]
    try:
        need_service.share_needs([need, *others], request.form.get("title", "") or need.title, actor())
    except Invalid as refusal:
        raise Conflict(refusal.errors["title"]) from refusal
    say(f"已并为共性需求，共 {len(others) + 1} 条，各单位已收到通知。")
    db.session.commit()
    return redirect(url_for(".show", key=key))


@blueprint.post("/<key>/unshare")
@asks("need.share")
def unshare(key: str) -> Response:
    """Take this need out of its shared need."""
    need_service.leave_shared(queries.need_by_key(key, actor()), actor())
    say("已移出共性需求，其他单位的需求不变。")
    db.session.commit()
    return redirect(url_for(".show", key=key))


@blueprint.post("/<key>/call")
@login_required
def call_societies(key: str) -> Response:
    """Ask the chosen societies to look at a need."""
    need = queries.need_by_key(key, actor())
    units = [accounts.organisation_by_key(unit) for unit in request.form.getlist("society")]
    try:
        need_service.call_societies(need, units, actor())
    except Invalid as refusal:
        raise Conflict(refusal.errors["society"]) from refusal
    say(f"已请{'、'.join(unit.name for unit in units)}看这条需求，答复会到收件箱。")
    db.session.commit()
    return redirect(url_for(".history", key=key))


@blueprint.post("/<key>/merge")
@asks("need.merge")
def merge(key: str) -> Response:
    """Close this need as merged into another one, chosen by its public code."""
    need = queries.need_by_key(key, actor())
    code = request.form.get("into", "").strip().upper()
    into = db.session.scalar(queries.needs_visible_to(actor()).where(Need.code == code))
    if into is None:
        raise Conflict(f"没有找到编号“{code[:40]}”的需求。请填写完整编号，例如 GZ-HP-2026-N0123。")
    try:
        need_service.merge_needs(need, into, actor(), reason=request.form.get("reason", ""))
    except Invalid as refusal:
        raise Conflict("合并要写明原因。") from refusal
    say(f"已合并到 {into.code}。")
    db.session.commit()
    return redirect(url_for(".show", key=key))


def frame(need: Need, tab: str) -> dict[str, Any]:
    """Return what every page of one need shows around its tab: tabs, moves, standing."""
    who = actor()
    tabs = [("show", "需求", url_for("needs.show", key=need.key), None)]
    if policy.can(who, "match.read", need) and need.published_at is not None:
        tabs.append(("matches", "匹配", url_for("matches.of_need", key=need.key), None))
        tabs.append(("parts", "子问题", url_for("need_parts.show", key=need.key), None))
    if engagements.interests_of(need, who):
        count = len(engagements.interests_of(need, who))
        tabs.append(("interests", "对接意向", url_for("interests.of_need", key=need.key), count))
    if policy.can(who, "need.read_own", need):
        tabs.append(("history", "往来记录", url_for("needs.history", key=need.key), None))
    return {
        "tabs": tabs,
        "tab": tab,
        "open_moves": moves_open_to(who, need),
        "gives_away": need_service.advice_on(need).gives_away if policy.can(who, "need.read_own", need) else (),
        "is_hidden": need.state in OPEN_NEED_STATES and not need.is_listed,
        "standing": standing_of(need),
        "twins": queries.twins_of(need, who),
        "district": DISTRICT[need.district_code].name,
        "may_delete": need.state == "draft" and not need.code and policy.can(who, "need.edit", need),
        "may_edit": need.state in EDITABLE_NEED_STATES and policy.can(who, "need.edit", need),
        "may_ask": policy.is_supply_side(who, None) and need.state in OPEN_NEED_STATES,
    }


def _store(key: str, need: Need | None, meaning: Meaning, version: int) -> Need:
    if need is None:
        need = need_service.draft_need(actor(), meaning.values, meaning.rows or (), meaning.tiers, key=key)
        need.avoided = _avoided()
        return need
    need_service.save_need(
        need, actor(), meaning.values, meaning.rows, meaning.tiers, avoided=_avoided(), version=version
    )
    return need


def _avoided() -> list[Organisation]:
    keys = request.form.getlist("avoided")
    return list(db.session.scalars(select(Organisation).where(Organisation.key.in_(keys)))) if keys else []


def _advice(meaning: Meaning) -> coach.Advice:
    tiers = {field.name: Tier(meaning.tiers.get(field.name, field.tier)) for field in NEED_FIELDS}
    return need_service.advise(actor().organisation_id, meaning.values, meaning.rows or (), tiers)


def _form(key: str, typed: Typed, errors: dict[str, str], need: Need | None = None) -> str:
    broken = {NEED_FIELD[name].section for name in errors if name in NEED_FIELD}
    if any(name.startswith("indicators") for name in errors):
        broken.add("indicators")
    solvers = [
        unit for kind in ("society", "service_team") for unit in accounts.organisations(kind=kind, state="verified")
    ]
    chosen = (
        set(request.form.getlist("avoided"))
        if request.method == "POST"
        else {unit.key for unit in (need.avoided if need else [])}
    )
    return render_template(
        "needs/edit.html",
        key=key,
        need=need,
        typed=typed,
        errors=errors,
        fields=NEED_FIELDS,
        sections=NEED_SECTIONS,
        broken=broken,
        report=_advice(DESK.meaning(typed)) if not errors or need is None else need_service.advice_on(need),
        labels={field.name: field.label for field in NEED_FIELDS},
        solvers=solvers,
        avoided=chosen,
    )


def _filtered(query: Select[tuple[Need]]) -> Select[tuple[Need]]:
    if text := request.args.get("q", "").strip():
        found = or_(
            Need.title.contains(text, autoescape=True),
            Need.code == text.upper(),
            Need.keywords.contains(text, autoescape=True),
        )
        query = query.where(found)
    if industry := paging.choice_of("industry", INDUSTRIES):
        query = query.where(Need.industry == industry)
    if district := paging.choice_of("district", DISTRICT):
        query = query.where(Need.district_code == district)
    if kind := paging.choice_of("kind", NEED_KINDS):
        query = query.where(Need.kind == kind)
    if state := paging.choice_of("state", set(NEEDS.states)):
        query = query.where(Need.state == state)
    return query


DESK = Desk(
    name="need",
    model=Need,
    lifecycle=NEEDS,
    fields=NEED_FIELDS,
    rows_name="indicators",
    parse_rows=parse_indicators,
    find=queries.need_by_key,
    store=_store,
    act=need_service.act,
    delete=need_service.delete_draft,
    form=_form,
    frame=frame,
    submitted="已提交，等区科协审核。",
    editable=EDITABLE_NEED_STATES,
    reopening=frozenset({"take_back", "revise"}),
)
