"""Search by meaning and by word, over needs and capabilities, with facets."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.parsing import clean
from kcz_match.catalogue.terms import TERMS, word
from kcz_match.catalogue.visibility import Record
from kcz_match.core.db import db
from kcz_match.matching import queries
from kcz_match.web import paging
from kcz_match.web.access import actor

blueprint = Blueprint("search", __name__)
LONGEST = 200
FACETS = {
    "need": (("industry", "行业", "industries"), ("district", "区", "districts"), ("type", "类型", "need_kinds")),
    "capability": (
        ("industry", "行业", "industries"),
        ("district", "可服务", "districts"),
        ("type", "类型", "capability_types"),
    ),
}


@blueprint.get("/search")
def index() -> str | Response:
    """Show what answers the words in the head of the page; a public code leads straight to its record."""
    text = clean(request.args.get("q", ""))[:LONGEST]
    if direct := _by_code(text):
        return redirect(direct)
    kind = paging.choice_of("kind", ("need", "capability")) or _first_kind()
    chosen = {name: paging.choice_of(name, TERMS[terms]) for name, _, terms in FACETS[kind]}
    found = queries.search(text, kind, actor(), _keeper(chosen)) if text else queries.Found([])
    facets = [
        (
            label,
            [
                (
                    word(terms, code),
                    count,
                    paging.with_args(**{name: "" if chosen[name] == code else code}),
                    chosen[name] == code,
                )
                for code, count in found.facets.get(name, {}).items()
                if code
            ],
        )
        for name, label, terms in FACETS[kind]
    ]
    return render_template(
        "search/index.html",
        text=text,
        kind=kind,
        found=found,
        facets=facets,
        chosen=any(chosen.values()),
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


def _keeper(chosen: dict[str, str]) -> Callable[[Record], bool]:
    def keep(record: Record) -> bool:
        if isinstance(record, Need):
            codes = {"industry": [record.industry], "district": [record.district_code], "type": [record.kind]}
        else:
            codes = {"industry": record.industries, "district": record.regions, "type": [record.type]}
        return all(not code or code in codes[name] for name, code in chosen.items())

    return keep
