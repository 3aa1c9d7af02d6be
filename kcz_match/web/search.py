"""Search by meaning and by word, over needs and capabilities, with facets."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from kcz_match.brokerage import searches
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.parsing import clean
from kcz_match.catalogue.terms import TERMS, word
from kcz_match.core import policy
from kcz_match.core.db import db
from kcz_match.matching import queries
from kcz_match.web import paging
from kcz_match.web.access import actor

blueprint = Blueprint("search", __name__)
LONGEST = searches.LONGEST
NOTHING = queries.Found([])
FACET_LABELS = {
    "need": {"industry": "行业", "district": "区", "type": "类型"},
    "capability": {"industry": "行业", "district": "可服务", "type": "类型"},
}


@blueprint.get("/search")
def index() -> str | Response:
    """Show what answers the words in the head of the page; a public code leads straight to its record."""
    text = clean(request.args.get("q", ""))[:LONGEST]
    if direct := _by_code(text):
        return redirect(direct)
    kind = paging.choice_of("kind", ("need", "capability")) or _first_kind()
    labels = FACET_LABELS[kind]
    chosen = {name: paging.choice_of(name, TERMS[terms]) for name, terms in searches.FACETS[kind].items()}
    found = queries.search(text, kind, actor(), lambda record: searches.has_facets(record, chosen)) if text else NOTHING
    facets = [
        (labels[name], _entries(found, name, terms, chosen[name])) for name, terms in searches.FACETS[kind].items()
    ]
    saved = searches.same_search(actor(), kind, text, chosen) if text and policy.can(actor(), "search.save") else None
    return render_template(
        "search/index.html",
        text=text,
        kind=kind,
        found=found,
        facets=facets,
        chosen=searches.chosen(chosen),
        saved=saved,
        waiting=queries.waiting_for_index(),
    )


def _first_kind() -> str:
    return "need" if actor().organisation_kind in ("society", "service_team") else "capability"


def _by_code(text: str) -> str:
    for model, query, page in (
        (Need, catalogue.needs_visible_to(actor()), "needs.show"),
        (Capability, catalogue.capabilities_visible_to(actor()), "capabilities.show"),
    ):
        if record := db.session.scalar(query.where(model.code == text.upper())):
            return url_for(page, key=record.key)
    return ""


def _entries(found: queries.Found, name: str, terms: str, chosen: str) -> list[tuple[str, int, str, bool]]:
    """Return (word, count, address, is chosen) for each code of a facet that a hit has."""
    return [
        (word(terms, code), count, paging.with_args(**{name: "" if chosen == code else code}), chosen == code)
        for code, count in found.facets.get(name, {}).items()
        if code
    ]
