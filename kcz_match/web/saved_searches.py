"""Saved searches: the list of an organisation's, what each has brought, and keeping, pausing and removing them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import login_required
from sqlalchemy.orm import selectinload
from werkzeug.wrappers import Response

from kcz_match.brokerage import searches
from kcz_match.brokerage.models import SavedSearch, SearchAlert
from kcz_match.brokerage.searches import FACETS, Standing
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.terms import word
from kcz_match.catalogue.visibility import Record
from kcz_match.core import policy
from kcz_match.core.db import db
from kcz_match.core.errors import Invalid, NotFound
from kcz_match.core.policy import Actor
from kcz_match.matching import lexical, reading
from kcz_match.matching.documents import MEMBERS, READ_BY
from kcz_match.web import paging
from kcz_match.web.access import actor, asks
from kcz_match.web.presentation import Undo, say

blueprint = Blueprint("saved_searches", __name__)
DEEDS: dict[str, tuple[Callable[[SavedSearch, Actor], None], str]] = {
    "pause": (searches.pause, "已暂停，暂停期间的新内容不提醒。"),
    "resume": (searches.resume, "已恢复，有符合的新内容会告诉您。"),
    "seen": (searches.mark_seen, "已全部标为看过。"),
    "remove": (searches.remove, "已移除，不再提醒。"),
}
UNDONE_BY = {"pause": ("resume", "恢复"), "resume": ("pause", "暂停")}


@dataclass(frozen=True)
class Row:
    """A saved search in words: what it is called, its facets, whether it runs, where to look now, what it brought."""

    search: SavedSearch
    found: int
    unseen: int
    name: str
    state: str
    facets: list[str]
    address: str


@dataclass(frozen=True)
class AlertLine:
    """One alert as it may be shown now: the record, or None once it is out of reach, and the line while it stands."""

    alert: SearchAlert
    record: Record | None
    line: str


@blueprint.get("/searches")
@login_required
def index() -> str:
    """List the searches of the organisation."""
    rows = [_row(standing) for standing in searches.standings_of(actor())]
    return render_template("saved_searches/index.html", rows=rows, most=searches.MOST_SEARCHES)


@blueprint.post("/searches")
@asks("search.save")
def save() -> Response:
    """Keep the search that the search page shows."""
    kind, words = request.form.get("kind", ""), request.form.get("q", "")
    facets = {name: request.form.get(name, "") for name in FACETS.get(kind, {})}
    back = url_for("search.index", q=words, kind=kind, **searches.chosen(facets))
    if known := searches.same_search(actor(), kind, words, facets):
        return _known(known, back)
    try:
        return _kept(searches.save(actor(), kind, words, facets), back)
    except Invalid as refusal:
        db.session.rollback()
        say("".join(refusal.errors.values()), "refused")
        return redirect(back)


@blueprint.post("/searches/need/<key>")
@asks("search.save")
def save_for_need(key: str) -> Response:
    """Keep a search for capabilities that answer a need."""
    need = catalogue.need_by_key(key, actor())
    if not policy.can(actor(), "match.read", need):
        raise NotFound
    back = url_for("matches.of_need", key=key)
    if known := searches.same_search(actor(), "capability", "", {}, need):
        return _known(known, back)
    return _kept(searches.save(actor(), "capability", "", need=need), back)


@blueprint.get("/searches/<key>")
@login_required
def show(key: str) -> str:
    """Show what a search has brought, newest first, each with the line that met it."""
    search = searches.search_by_key(key, actor())
    page = paging.page_of(searches.alerts_of(search))
    standing = Standing(search, page.total, searches.unseen_count(search))
    return render_template(
        "saved_searches/show.html",
        row=_row(standing),
        page=page,
        lines=_lines(search, page.rows),
        terms=lexical.words(search.words),
        link=paging.link_to_page,
    )


@blueprint.post("/searches/<key>/<deed>")
@login_required
def change(key: str, deed: str) -> Response:
    """Pause, resume or remove a search, or mark what it brought as seen."""
    search = searches.search_by_key(key, actor())
    if deed not in DEEDS:
        raise NotFound
    verb, sentence = DEEDS[deed]
    verb(search, actor())
    back, word_back = UNDONE_BY.get(deed, ("", ""))
    say(sentence, undo=Undo(url_for(".change", key=key, deed=back), word_back) if back else None)
    db.session.commit()
    return redirect(url_for(".show", key=key) if deed == "seen" else url_for(".index"))


def _row(standing: Standing) -> Row:
    search, facets = standing.search, FACETS[standing.search.kind]
    return Row(
        search,
        standing.found,
        standing.unseen,
        searches.name_of(search),
        searches.state_of(search),
        [word(terms, search.facets[name]) for name, terms in facets.items() if search.facets.get(name)],
        url_for("matches.of_need", key=search.need.key)
        if search.need
        else url_for("search.index", q=search.words, kind=search.kind, **search.facets),
    )


def _known(search: SavedSearch, back: str) -> Response:
    say(
        "这次搜索已经保存过，不用再存一次。" + ("" if search.is_on else "它现在暂停着，可以在“保存的搜索”里恢复。"),
        "info",
    )
    return redirect(back)


def _kept(search: SavedSearch, back: str) -> Response:
    kind = "能力" if search.kind == "capability" else "需求"
    may_remove = policy.can(actor(), "search.change", search)
    undo = Undo(url_for(".change", key=search.key, deed="remove")) if may_remove else None
    say(f"已保存。以后发布的{kind}里有哪一句符合，会在收件箱告诉您。", undo=undo)
    db.session.commit()
    return redirect(back)


def _lines(search: SavedSearch, alerts: Sequence[SearchAlert]) -> list[AlertLine]:
    """Return the alerts with their records, as far as the viewer may know of them at this moment."""
    is_need = search.kind == "need"
    model = Need if is_need else Capability
    visible = catalogue.needs_visible_to(actor()) if is_need else catalogue.capabilities_visible_to(actor())
    rows = Need.indicators if is_need else Capability.claims
    found = {
        record.id: record
        for record in db.session.scalars(
            visible.where(model.id.in_([alert.record_id for alert in alerts])).options(selectinload(rows))
        )
    }
    return [_line(alert, found.get(alert.record_id)) for alert in alerts]


def _line(alert: SearchAlert, record: Record | None) -> AlertLine:
    if record is None or not record.is_listed:
        return AlertLine(alert, record, "")
    text = reading.document(record, READ_BY[MEMBERS]).texts.get(alert.field, "")
    return AlertLine(alert, record, alert.line if alert.line in text else "")
