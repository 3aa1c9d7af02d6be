"""Why a need has no partner yet: a fresh diagnosis, the last kept one on the need's pages, and what is offered then."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask_login import login_required

from kcz_match.accounts.models import Organisation
from kcz_match.brokerage import diagnosing, searches
from kcz_match.brokerage.diagnosis import CAUSES, Relaxation, diagnose, relaxations
from kcz_match.brokerage.models import NeedDiagnosis, SavedSearch
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.fields import NEED_FIELD
from kcz_match.catalogue.models import Need
from kcz_match.core import policy
from kcz_match.core.errors import NotFound
from kcz_match.matching.reasons import DECLINE_REASONS
from kcz_match.web import needs
from kcz_match.web.access import actor

blueprint = Blueprint("diagnoses", __name__)
blueprint.app_context_processor(
    lambda: {
        "kept_diagnosis": kept_diagnosis,
        "need_search_of": need_search_of,
        "societies_for": societies_for,
        "field_word": field_word,
        "cause_word": CAUSES.__getitem__,
    }
)
INDICATORS = "指标表"


@blueprint.get("/needs/<key>/diagnosis")
@login_required
def show(key: str) -> str:
    """Diagnose a need as things stand now; nothing is kept."""
    need = catalogue.need_by_key(key, actor())
    if not policy.can(actor(), "match.read", need):
        raise NotFound
    facts = diagnosing.facts_of(need) if need.is_listed else None
    found = diagnose(facts) if facts else None
    return render_template(
        "diagnoses/show.html",
        need=need,
        facts=facts,
        found=found,
        steps=_other_steps(relaxations(facts.terms, facts.excluded), found.field) if facts and found else [],
        refusals=[(DECLINE_REASONS[code], facts.refusals[code]) for code in DECLINE_REASONS if code in facts.refusals]
        if facts
        else [],
        **needs.frame(need, "matches"),
    )


def kept_diagnosis(need: Need) -> NeedDiagnosis | None:
    """Return the last kept diagnosis of a need, if the person who looks may read it."""
    return diagnosing.newest_diagnosis(need, actor())


def need_search_of(need: Need) -> SavedSearch | None:
    """Return the search that the viewer's organisation keeps for a need."""
    return searches.same_search(actor(), "capability", "", {}, need) if policy.can(actor(), "search.save") else None


def societies_for(need: Need) -> list[tuple[Organisation, int]]:
    """Return whom the owner can call to an open need, with the number of their capabilities in its industry."""
    may_call = need.is_open and policy.can(actor(), "need.edit", need)
    return catalogue.suppliers_in(need.industry) if may_call else []


def field_word(name: str) -> str:
    """Return the label of a field of the need's form."""
    return NEED_FIELD[name].label if name in NEED_FIELD else INDICATORS


def _other_steps(steps: list[Relaxation], suggested: str) -> list[Relaxation]:
    return [step for step in steps if step.field != suggested]
