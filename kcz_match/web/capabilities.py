"""Pages of capabilities: the list, the form, the record, its thread."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask_login import login_required
from sqlalchemy import Select, func, or_, select
from werkzeug.wrappers import Response

from kcz_match.accounts.districts import DISTRICT
from kcz_match.brokerage import refusals
from kcz_match.catalogue import capability_service, queries
from kcz_match.catalogue.fields import CAPABILITY_FIELD, CAPABILITY_FIELDS, CAPABILITY_SECTIONS
from kcz_match.catalogue.models import Capability
from kcz_match.catalogue.parsing import parse_claims
from kcz_match.catalogue.states import CAPABILITIES, EDITABLE_CAPABILITY_STATES
from kcz_match.catalogue.terms import CAPABILITY_TYPES, INDUSTRIES, TRL
from kcz_match.catalogue.visibility import hidden_labels, readable_fields, readable_rows, tiers_open_to
from kcz_match.core import policy
from kcz_match.core.db import new_key
from kcz_match.core.lifecycle import moves_open_to
from kcz_match.engagements import queries as engagements
from kcz_match.web import paging
from kcz_match.web.access import actor, asks
from kcz_match.web.record_desk import Answer, Desk
from kcz_match.web.record_forms import Meaning, Typed
from kcz_match.web.standing import standing_of

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
def edit(key: str) -> Answer:
    """Show or take the form of a draft."""
    return DESK.edit(key)


@blueprint.post("/<key>/autosave")
@asks("capability.write")
def autosave(key: str) -> Response | tuple[Response, int]:
    """Save the draft while it is being typed."""
    return DESK.autosave(key)


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
        todo=refusals.tasks_of(capability, actor()),
        labels={field.name: field.label for field in CAPABILITY_FIELDS},
        **frame(capability, "show"),
    )


@blueprint.get("/<key>/history")
@login_required
def history(key: str) -> str:
    """Show every change of state to the capability's own side."""
    return DESK.history(DESK.own_side(key))


@blueprint.post("/<key>/move")
@login_required
def move(key: str) -> Answer:
    """Take one arrow of the lifecycle."""
    return DESK.move(key)


@blueprint.post("/<key>/delete")
@login_required
def delete(key: str) -> Response:
    """Remove a draft that was never submitted."""
    return DESK.remove(key)


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


def _store(key: str, capability: Capability | None, meaning: Meaning, version: int) -> Capability:
    if capability is None:
        return capability_service.draft_capability(actor(), meaning.values, meaning.rows or (), meaning.tiers, key=key)
    capability_service.save_capability(
        capability, actor(), meaning.values, meaning.rows, meaning.tiers, version=version
    )
    return capability


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


DESK = Desk(
    name="capability",
    model=Capability,
    lifecycle=CAPABILITIES,
    fields=CAPABILITY_FIELDS,
    rows_name="claims",
    parse_rows=parse_claims,
    find=queries.capability_by_key,
    store=_store,
    act=capability_service.act,
    delete=capability_service.delete_draft,
    form=_form,
    frame=frame,
    submitted="已提交，等学会审核。",
    editable=EDITABLE_CAPABILITY_STATES,
    reopening=frozenset({"revise"}),
)
