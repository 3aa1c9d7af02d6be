"""The home page by role, and the inbox."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, url_for
from flask_login import current_user, login_required
from sqlalchemy import select
from werkzeug.wrappers import Response

from kcz_match.accounts import queries as accounts
from kcz_match.brokerage import queries as brokerage
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.states import NEEDS
from kcz_match.core import notify, policy
from kcz_match.core.db import db
from kcz_match.core.notify import Notice
from kcz_match.engagements import queries as engagements
from kcz_match.web import inbox, paging
from kcz_match.web.access import actor
from kcz_match.web.presentation import say

blueprint = Blueprint("home", __name__)
SHOWN = 8


@blueprint.get("/")
def index() -> str | Response:
    """Show what waits, how one's own things stand, and what is new; a stranger sees what the place is for."""
    who = actor()
    if not current_user.is_authenticated:
        needs = db.session.scalars(
            catalogue.needs_visible_to(who).order_by(Need.published_at.desc()).limit(SHOWN)
        ).all()
        return render_template(
            "home/stranger.html",
            needs=needs,
            count=catalogue.count(catalogue.needs_visible_to(who)),
            offered=catalogue.count(catalogue.capabilities_visible_to(who)),
        )
    todos = inbox.todos_of(who)
    needs, capabilities = catalogue.needs_on_own_side(who), catalogue.capabilities_on_own_side(who)
    is_office, is_supply = policy.is_office(who, None), who.organisation_kind in ("society", "service_team")
    return render_template(
        "home/index.html",
        todos=todos,
        is_supply=is_supply,
        is_office=is_office,
        needs=[] if is_supply else db.session.scalars(needs.order_by(Need.state_since.desc()).limit(SHOWN)).all(),
        need_count=0 if is_supply else catalogue.count(needs),
        capabilities=db.session.scalars(capabilities.order_by(Capability.state_since.desc()).limit(SHOWN)).all()
        if is_supply
        else [],
        capability_count=catalogue.count(capabilities) if is_supply else 0,
        fresh=[_fresh(item) for item in brokerage.fresh_for(who)],
        states=_states(needs) if is_office else [],
        late=db.session.scalars(engagements.late_interests().limit(SHOWN)).all() if is_office else [],
        notices=notify.unread_of(who.organisation_id, 5) if who.organisation_id else [],
        address_of=inbox.address_of,
    )


@blueprint.get("/inbox")
@login_required
def show_inbox() -> str:
    """Show what waits for the organisation and its notices."""
    who = actor()
    page = paging.page_of(
        select(Notice)
        .where(Notice.organisation_id == who.organisation_id)
        .order_by(Notice.created_at.desc(), Notice.id.desc()),
        30,
    )
    return render_template(
        "home/inbox.html", todos=inbox.todos_of(who), page=page, address_of=inbox.address_of, link=paging.link_to_page
    )


@blueprint.post("/inbox/read")
@login_required
def read_all() -> Response:
    """Mark every notice as read."""
    who = actor()
    unit = accounts.organisation(who.organisation_id or 0)
    policy.require(who, "inbox.clear", unit)
    notify.mark_all_read(unit.id)
    say("通知已全部标为已读。")
    db.session.commit()
    return redirect(url_for(".show_inbox"))


@dataclass(frozen=True)
class FreshLine:
    """One new match on the home page, in words."""

    band: str
    title: str
    address: str
    where: str
    quote: str
    own_title: str


def _fresh(item: brokerage.Fresh) -> FreshLine:
    match = item.match
    from_need = isinstance(item.own, Need)
    other = match.capability if from_need else match.need
    where = other.organisation.name if from_need else other.organisation.district_name
    address = url_for("matches.of_need" if from_need else "matches.of_capability", key=item.own.key)
    return FreshLine(match.band, other.title, address, where, item.quote, item.own.title)


def _states(needs) -> list[tuple[str, str, int]]:  # type: ignore[no-untyped-def]
    counts = catalogue.counts_by_state(needs, Need.state)
    return [
        (state.value, word, counts[state.value]) for state, (word, _) in NEEDS.words.items() if counts.get(state.value)
    ]
