"""Pages of capabilities: the list, the form, the record, its thread."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask_login import login_required
from sqlalchemy import Select, func, or_, select
from werkzeug.wrappers import Response

from kcz_match.accounts.districts import DISTRICT
from kcz_match.catalogue import capability_service, queries
from kcz_match.catalogue.fields import CAPABILITY_FIELD, CAPABILITY_FIELDS, CAPABILITY_SECTIONS
from kcz_match.catalogue.models import Capability
from kcz_match.catalogue.parsing import parse_claims
from kcz_match.catalogue.states import CAPABILITIES, EDITABLE_CAPABILITY_STATES
from kcz_match.catalogue.terms import CAPABILITY_TYPES, INDUSTRIES, TRL
from kcz_match.catalogue.visibility import hidden_labels, readable_fields, readable_rows, tiers_open_to
from kcz_match.core import policy
from kcz_match.core.db import KEY_ALPHABET, KEY_LENGTH, db, new_key, utc_now
from kcz_match.core.errors import Invalid, NotFound, Stale
from kcz_match.core.lifecycle import moves_open_to
from kcz_match.engagements import queries as engagements
from kcz_match.web import paging
from kcz_match.web.access import actor, asks
from kcz_match.web.presentation import moment, say
from kcz_match.web.record_forms import Meaning, Typed, from_record, read_form, understand
from kcz_match.web.standing import standing_of
from kcz_match.web.threads import thread_of

blueprint = Blueprint("capabilities", __name__, url_prefix="/capabilities")

SORTS = {
    "-published": (Capability.published_at.desc(), Capability.id.desc()),
    "published": (Capability.published_at, Capability.id),
    "confirmed": (Capability.confirmed_at, Capability.id),
    "-confirmed": (Capability.confirmed_at.desc(), Capability.id.desc()),
    "state": (Capability.state_since, Capability.id),
    "-state": (Capability.state_since.desc(), Capability.id.desc()),
}


@blueprint.get("")
def index() -> str:
    """List the capabilities that the viewer may know of."""
    mine = request.args.get("mine") == "1" and actor().organisation_id is not None
    base = queries.capabilities_on_own_side(actor()) if mine else queries.capabilities_visible_to(actor())
    sort = request.args.get("sort", "")
    order = SORTS.get(sort, SORTS["-state" if mine else "-confirmed"])
    page = paging.page_of(_filtered(base).order_by(*order))
    chosen = sum(bool(request.args.get(name)) for name in ("q", "industry", "type", "district", "trl", "state"))
    return render_template(
        "capabilities/index.html",
        page=page,
        mine=mine,
        sort=sort,
        chosen=chosen,
        states={state.value: word for state, (word, _) in CAPABILITIES.words.items()},
        link=paging.link_to_page,
        sort_link=paging.sorted_by,
    )


@blueprint.get("/new")
@asks("capability.write")
def new() -> str:
    """Show the blank form; its key is chosen now, so that saving twice makes one draft."""
    return _form(new_key(), Typed({"type": paging.choice_of("type", CAPABILITY_TYPES) or "result"}, [{}, {}]), {})


@blueprint.route("/<key>/edit", methods=["GET", "POST"])
@asks("capability.write")
def edit(key: str) -> str | Response | tuple[str, int]:
    """Show or take the form of a draft; ``then=submit`` submits it for review as well."""
    capability = _own(key)
    if request.method == "GET":
        if capability is None:
            raise NotFound
        return _form(key, from_record(capability), {}, capability)
    typed = read_form(request.form, CAPABILITY_FIELDS, "claims")
    try:
        capability = _save(key, capability, typed)
        if request.form.get("then") == "submit":
            capability_service.act(capability, "submit", actor())
    except (Invalid, Stale) as refusal:
        db.session.rollback()
        errors = refusal.errors if isinstance(refusal, Invalid) else {"title": refusal.sentence}
        return _form(key, typed, errors, _own(key)), refusal.status
    say("已提交，等学会审核。" if request.form.get("then") == "submit" else "已保存。")
    address = url_for(".show" if request.form.get("then") == "submit" else ".edit", key=capability.key)
    db.session.commit()
    return redirect(address)


@blueprint.post("/<key>/autosave")
@asks("capability.write")
def autosave(key: str) -> Response | tuple[Response, int]:
    """Save the draft while it is being typed; answers with the new version and the time."""
    typed = read_form(request.form, CAPABILITY_FIELDS, "claims")
    try:
        capability = _save(key, _own(key), typed)
    except Invalid as refusal:
        db.session.rollback()
        return jsonify(errors=refusal.errors), refusal.status
    except Stale as refusal:
        db.session.rollback()
        return jsonify(sentence=refusal.sentence), refusal.status
    db.session.flush()
    answer = jsonify(version=capability.version, saved_at=moment(utc_now()).rpartition(" ")[2])
    db.session.commit()
    return answer


@blueprint.get("/<key>")
def show(key: str) -> str:
    """Show the capability as far as the viewer may read it."""
    capability = queries.capability_by_key(key, actor())
    tiers = tiers_open_to(actor(), capability)
    return render_template(
        "capabilities/show.html",
        capability=capability,
        fields=readable_fields(capability, tiers),
        rows=readable_rows(capability, tiers),
        hidden=hidden_labels(capability, tiers),
        sections=CAPABILITY_SECTIONS,
        **frame(capability, "show"),
    )


@blueprint.get("/<key>/history")
def history(key: str) -> str:
    """Show every change of state to the capability's own side."""
    capability = _own_side(key)
    return render_template(
        "capabilities/history.html",
        capability=capability,
        entries=thread_of(capability),
        **frame(capability, "history"),
    )


@blueprint.post("/<key>/move")
@login_required
def move(key: str) -> Response | tuple[str, int]:
    """Take one arrow of the lifecycle."""
    capability = queries.capability_by_key(key, actor())
    verb, reason, remark = (request.form.get(name, "") for name in ("verb", "reason", "remark"))
    if verb not in CAPABILITIES.arrows:
        raise NotFound
    if request.form.get("version", "") not in ("", str(capability.version)):
        raise Stale
    try:
        capability_service.act(capability, verb, actor(), reason=reason, remark=remark)
    except Invalid as refusal:
        db.session.rollback()
        capability = queries.capability_by_key(key, actor())
        if verb == "submit":
            return _form(key, from_record(capability), refusal.errors, capability), refusal.status
        return render_template(
            "capabilities/history.html",
            capability=capability,
            entries=thread_of(capability),
            **frame(capability, "history"),
            tried=verb,
            errors=refusal.errors,
            reason=reason,
            remark=remark,
        ), refusal.status
    say(f"已{CAPABILITIES.arrows[verb].label}：{capability.title}。现在是“{CAPABILITIES.word(capability.state)}”。")
    address = url_for(".edit" if verb == "revise" else ".show", key=key)
    db.session.commit()
    return redirect(address)


@blueprint.post("/<key>/delete")
@login_required
def delete(key: str) -> Response:
    """Remove a draft that was never submitted."""
    capability = queries.capability_by_key(key, actor())
    title = capability.title or "未命名草稿"
    capability_service.delete_draft(capability, actor())
    say(f"草稿“{title}”已删除。")
    db.session.commit()
    return redirect(url_for(".index", mine=1))


def frame(capability: Capability, tab: str) -> dict[str, Any]:
    """Return what every page of one capability shows around its tab: tabs, moves, standing."""
    who = actor()
    tabs = [("show", "能力", url_for("capabilities.show", key=capability.key), None)]
    if policy.can(who, "match.read", capability) and capability.published_at is not None:
        tabs.append(("matches", "匹配的需求", url_for("matches.of_capability", key=capability.key), None))
    if found := engagements.interests_of(capability, who):
        tabs.append(("interests", "对接意向", url_for("interests.of_capability", key=capability.key), len(found)))
    if policy.can(who, "capability.read_own", capability):
        tabs.append(("history", "往来记录", url_for("capabilities.history", key=capability.key), None))
    return {
        "tabs": tabs,
        "tab": tab,
        "open_moves": moves_open_to(who, capability),
        "standing": standing_of(capability),
        "may_edit": capability.state in EDITABLE_CAPABILITY_STATES and policy.can(who, "capability.edit", capability),
        "may_delete": capability.state == "draft"
        and not capability.code
        and policy.can(who, "capability.edit", capability),
        "may_ask": policy.is_demand_side(who, None) and capability.is_listed,
    }


def _own(key: str) -> Capability | None:
    """Return the actor's own capability; None when the key is still free; ``NotFound`` for anybody else's."""
    if len(key) != KEY_LENGTH or not set(key) <= set(KEY_ALPHABET):
        raise NotFound
    capability = db.session.scalar(select(Capability).where(Capability.key == key))
    if capability is not None and not policy.can(actor(), "capability.edit", capability):
        raise NotFound
    return capability


def _own_side(key: str) -> Capability:
    capability = queries.capability_by_key(key, actor())
    if not policy.can(actor(), "capability.read_own", capability):
        raise NotFound
    return capability


def _save(key: str, capability: Capability | None, typed: Typed) -> Capability:
    meaning = _meaning(typed)
    if meaning.errors:
        raise Invalid(meaning.errors)
    if capability is None:
        return capability_service.draft_capability(actor(), meaning.values, meaning.rows, meaning.tiers, key=key)
    capability_service.save_capability(
        capability, actor(), meaning.values, meaning.rows, meaning.tiers, version=typed.version
    )
    return capability


def _meaning(typed: Typed) -> Meaning:
    return understand(typed, CAPABILITY_FIELDS, "claims", parse_claims)


def _form(key: str, typed: Typed, errors: dict[str, str], capability: Capability | None = None) -> str:
    broken = {CAPABILITY_FIELD[name].section for name in errors if name in CAPABILITY_FIELD}
    if any(name.startswith("claims") for name in errors):
        broken.add("proof")
    return render_template(
        "capabilities/edit.html",
        key=key,
        capability=capability,
        typed=typed,
        errors=errors,
        fields=CAPABILITY_FIELDS,
        sections=CAPABILITY_SECTIONS,
        broken=broken,
        labels={field.name: field.label for field in CAPABILITY_FIELDS},
    )


def _filtered(query: Select[tuple[Capability]]) -> Select[tuple[Capability]]:
    if text := request.args.get("q", "").strip():
        found = or_(
            Capability.title.contains(text, autoescape=True),
            Capability.code == text.upper(),
            Capability.keywords.contains(text, autoescape=True),
        )
        query = query.where(found)
    if industry := paging.choice_of("industry", INDUSTRIES):
        query = query.where(_lists(Capability.industries, industry))
    if district := paging.choice_of("district", DISTRICT):
        query = query.where(or_(func.json_array_length(Capability.regions) == 0, _lists(Capability.regions, district)))
    if kind := paging.choice_of("type", CAPABILITY_TYPES):
        query = query.where(Capability.type == kind)
    if trl := paging.choice_of("trl", TRL):
        query = query.where(Capability.trl >= trl)
    if state := paging.choice_of("state", set(CAPABILITIES.states)):
        query = query.where(Capability.state == state)
    return query


def _lists(column: Any, code: str) -> Any:
    """Return the condition that a JSON list column holds ``code``."""
    entries = func.json_each(column).table_valued("value")
    return select(1).select_from(entries).where(entries.c.value == code).exists()
