"""Pages of interests (对接意向): choosing what to pair, asking, answering, the list."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import login_required
from sqlalchemy import select
from werkzeug.wrappers import Response

from kcz_match.accounts.models import Organisation
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.states import LISTED_CAPABILITY_STATES, OPEN_NEED_STATES
from kcz_match.catalogue.visibility import has_consent, readable_fields, tiers_open_to
from kcz_match.core import policy
from kcz_match.core.db import db
from kcz_match.core.errors import Conflict, Invalid, NotFound, Stale
from kcz_match.core.lifecycle import moves_open_to
from kcz_match.engagements import queries, service
from kcz_match.engagements.models import Interest
from kcz_match.engagements.states import INTERESTS
from kcz_match.web import capabilities, needs, paging
from kcz_match.web.access import actor, asks
from kcz_match.web.presentation import say
from kcz_match.web.standing import standing_of
from kcz_match.web.threads import thread_of

blueprint = Blueprint("interests", __name__)
blueprint.app_context_processor(lambda: {"party_name": party_name})
CONTACT_FIELDS = {
    "owner_name",
    "owner_phone",
    "technical_contact",
    "technical_phone",
    "signer",
    "contact_name",
    "contact_phone",
}


@blueprint.get("/interests")
@login_required
def index() -> str:
    """List the interests of the actor's organisation, what must be answered first."""
    side = paging.choice_of("side", ("received", "sent"))
    state = paging.choice_of("state", set(INTERESTS.states))
    query = queries.interests_visible_to(actor())
    if side:
        column = Interest.answerer_id if side == "received" else Interest.asker_id
        query = query.where(column == actor().organisation_id)
    if state:
        query = query.where(Interest.state == state)
    return render_template(
        "interests/index.html",
        page=paging.page_of(query),
        unanswered=queries.unanswered_count(actor().organisation_id or 0),
        side=side,
        state=state,
        states={item.value: word for item, (word, _) in INTERESTS.words.items()},
        link=paging.link_to_page,
        with_args=paging.with_args,
    )


@blueprint.get("/needs/<key>/ask")
@asks("interest.send")
def choose(key: str) -> str:
    """Let the supply side choose which of its capabilities answers a need."""
    need = catalogue.need_by_key(key, actor())
    offers = db.session.scalars(
        select(Capability)
        .where(Capability.organisation_id == actor().organisation_id, Capability.state.in_(LISTED_CAPABILITY_STATES))
        .order_by(Capability.id.desc())
    ).all()
    return render_template("interests/choose.html", need=need, offers=offers)


@blueprint.get("/capabilities/<key>/ask")
@asks("interest.send")
def choose_need(key: str) -> str:
    """Let the demand side choose which of its open needs a capability is asked for."""
    capability = catalogue.capability_by_key(key, actor())
    wanted = db.session.scalars(
        select(Need)
        .where(Need.organisation_id == actor().organisation_id, Need.state.in_(OPEN_NEED_STATES))
        .order_by(Need.id.desc())
    ).all()
    return render_template("interests/choose_need.html", capability=capability, needs=wanted)


@blueprint.route("/interests/new/<need_key>/<capability_key>", methods=["GET", "POST"])
@asks("interest.send")
def ask(need_key: str, capability_key: str) -> str | Response | tuple[str, int]:
    """Show the three questions, or send the interest."""
    need = catalogue.need_by_key(need_key, actor())
    capability = catalogue.capability_by_key(capability_key, actor())
    typed = {name: request.form.get(name, "") for name in service.QUESTIONS}
    if request.method == "GET":
        open_one = queries.open_interest(need, capability)
        if open_one is not None and policy.can(actor(), "interest.read", open_one):
            return redirect(url_for(".show", key=open_one.key))
        return render_template(
            "interests/ask.html", need=need, capability=capability, typed=typed, errors={}, limit=service.LONGEST
        )
    try:
        interest = service.send_interest(need, capability, actor(), **typed)
    except (Invalid, Conflict) as refusal:
        db.session.rollback()
        need, capability = (
            catalogue.need_by_key(need_key, actor()),
            catalogue.capability_by_key(capability_key, actor()),
        )
        return render_template(
            "interests/ask.html",
            need=need,
            capability=capability,
            typed=typed,
            errors=refusal.errors if isinstance(refusal, Invalid) else {"cooperation": refusal.sentence},
            limit=service.LONGEST,
        ), refusal.status
    say("对接意向已发出。对方要在五个工作日内回复，结果会到收件箱。")
    address = url_for(".show", key=interest.key)
    db.session.commit()
    return redirect(address)


@blueprint.get("/interests/<key>")
@login_required
def show(key: str) -> str:
    """Show one interest to its two sides."""
    return _page(queries.interest_by_key(key, actor()))


@blueprint.post("/interests/<key>/move")
@login_required
def move(key: str) -> Response | tuple[str, int]:
    """Accept, decline or withdraw."""
    interest = queries.interest_by_key(key, actor())
    verb, reason, remark = (request.form.get(name, "") for name in ("verb", "reason", "remark"))
    if verb not in INTERESTS.arrows:
        raise NotFound
    if request.form.get("version", "") not in ("", str(interest.version)):
        raise Stale
    try:
        service.act(interest, verb, actor(), reason=reason, remark=remark)
    except Invalid as refusal:
        db.session.rollback()
        return _page(
            queries.interest_by_key(key, actor()), tried=verb, errors=refusal.errors, reason=reason, remark=remark
        ), refusal.status
    say(
        {
            "accept": "已接受。双方的联系方式已互相公开，见下方。",
            "decline": "已婉拒，原因已告知对方。",
            "withdraw": "已撤回，对方不必再回复。",
        }[verb]
    )
    db.session.commit()
    return redirect(url_for(".show", key=key))


@blueprint.get("/needs/<key>/interests")
@login_required
def of_need(key: str) -> str:
    """List the interests about one need that the viewer may read."""
    need = catalogue.need_by_key(key, actor())
    return render_template(
        "interests/of_need.html", need=need, rows=queries.interests_of(need, actor()), **needs.frame(need, "interests")
    )


@blueprint.get("/capabilities/<key>/interests")
@login_required
def of_capability(key: str) -> str:
    """List the interests about one capability that the viewer may read."""
    capability = catalogue.capability_by_key(key, actor())
    return render_template(
        "interests/of_capability.html",
        capability=capability,
        rows=queries.interests_of(capability, actor()),
        **capabilities.frame(capability, "interests"),
    )


def party_name(interest: Interest, unit: Organisation) -> str:
    """Return the name of a party as this viewer knows it: its own people and the Office know every name."""
    own_side = actor().organisation_id == unit.id or policy.is_office(actor(), None)
    return unit.name if own_side else interest.name_of(unit)


def _page(interest: Interest, **tried: object) -> str:
    other = interest.capability if actor().organisation_id == interest.need.organisation_id else interest.need
    contacts = []
    for record in (interest.need, interest.capability):
        is_open = has_consent(actor(), record) or record.organisation_id == actor().organisation_id
        rows = (
            [
                (field.label, value)
                for field, value in readable_fields(record, tiers_open_to(actor(), record))
                if field.name in CONTACT_FIELDS
            ]
            if is_open
            else []
        )
        contacts.append((record, rows))
    return render_template(
        "interests/show.html",
        interest=interest,
        asker=party_name(interest, interest.asker),
        answerer=party_name(interest, interest.answerer),
        other=other,
        contacts=contacts,
        questions=service.QUESTIONS,
        open_moves=moves_open_to(actor(), interest),
        standing=standing_of(interest),
        entries=thread_of(interest),
        reason_word=INTERESTS.arrows["decline"].reasons.get(interest.reason, ""),
        **tried,
    )
