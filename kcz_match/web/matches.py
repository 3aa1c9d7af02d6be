"""Pages of matches: the list of a need or a capability, one pair explained, deciding, and needs that are alike."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import login_required
from werkzeug.wrappers import Response

from kcz_match.brokerage import queries as brokerage
from kcz_match.brokerage.places import WORTH
from kcz_match.brokerage.queries import Suggestion
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.fields import NEED_FIELDS
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.states import OPEN_NEED_STATES
from kcz_match.core import policy
from kcz_match.core.db import db
from kcz_match.core.errors import Invalid, NotFound
from kcz_match.engagements import queries as engagements
from kcz_match.matching import queries, service
from kcz_match.matching.explaining import explain_all
from kcz_match.matching.explanation import Explanation
from kcz_match.matching.reasons import DECLINE_REASONS, Decision
from kcz_match.web import capabilities, needs, paging
from kcz_match.web.access import actor, asks
from kcz_match.web.presentation import Undo, say

blueprint = Blueprint("matches", __name__)
PER_PAGE = 10
PART_WORDS = {
    "tokens": "换了说法的同一件事（逐词比较）",
    "meaning": "整段意思相近",
    "words": "用词相同，且别处少见",
    "exact": "型号、标准号、化学式等完全相同",
    brokerage.FEEDBACK: "与本单位记为不合适的相近",
}
PART_SHARES = ((0.5, "主要理由"), (0.15, "有作用"), (0.01, "作用很小"), (0.0, "没有作用"))


@dataclass(frozen=True)
class Card:
    """One suggestion with its explanation and the interest that is already open, if any."""

    suggestion: Suggestion
    why: Explanation
    interest_key: str
    declined: str = ""

    @property
    def match(self) -> queries.Match:
        """The match itself."""
        return self.suggestion.match

    @property
    def parts(self) -> list[tuple[str, str]]:
        """What the place in the list is made of: each kind of reason and how much it did, in a word."""
        lowered = [(PART_WORDS[name], "往下排") for name in self.match.scored.parts if name == brokerage.FEEDBACK]
        positive = {
            name: max(value, 0.0) for name, value in self.match.scored.parts.items() if name != brokerage.FEEDBACK
        }
        total = sum(positive.values()) or 1.0
        return [
            (PART_WORDS[name], next(word for least, word in PART_SHARES if value / total >= least))
            for name, value in positive.items()
        ] + lowered


@blueprint.get("/needs/<key>/matches")
@login_required
def of_need(key: str) -> str:
    """Show which capabilities answer a need, why, and why not."""
    need = catalogue.need_by_key(key, actor())
    policy_check(need)
    return _list_page("matches/of_need.html", need, need=need, **needs.frame(need, "matches"))


@blueprint.get("/capabilities/<key>/matches")
@login_required
def of_capability(key: str) -> str:
    """Show which needs a capability answers, why, and why not."""
    capability = catalogue.capability_by_key(key, actor())
    policy_check(capability)
    return _list_page(
        "matches/of_capability.html", capability, capability=capability, **capabilities.frame(capability, "matches")
    )


@blueprint.get("/matches/<need_key>/<capability_key>")
@login_required
def show(need_key: str, capability_key: str) -> str:
    """Explain one pair in full."""
    need, capability = _pair(need_key, capability_key)
    suggestion = brokerage.suggestion_of(need, capability, actor())
    if suggestion is None:
        raise NotFound("这一对现在不在推荐范围内：双方相距太远，或其中一条已经不再公开。")
    return render_template(
        "matches/show.html",
        card=_cards([suggestion])[0],
        need=need,
        capability=capability,
        reasons=DECLINE_REASONS,
        own=brokerage.side_for(need, capability, actor()),
    )


@blueprint.post("/matches/<need_key>/<capability_key>/decide")
@login_required
def decide(need_key: str, capability_key: str) -> Response | tuple[str, int]:
    """Keep what the organisation thinks of a pair: adopt, ignore, refuse with a reason; or take it back."""
    need, capability = _pair(need_key, capability_key)
    own = brokerage.side_for(need, capability, actor())
    decision = request.values.get("decision", "")
    back = url_for(".of_need" if isinstance(own, Need) else ".of_capability", key=own.key)
    try:
        if decision == "undo":
            service.undo_decision(need, capability, actor())
        elif decision in set(Decision):
            service.decide(
                need,
                capability,
                actor(),
                decision,
                reason=request.form.get("reason", ""),
                sentence=request.form.get("sentence", ""),
            )
        else:
            raise NotFound
    except Invalid as refusal:
        db.session.rollback()
        say(refusal.errors["reason"], "refused")
        return redirect(url_for(".show", need_key=need_key, capability_key=capability_key))
    words = {
        "adopt": "已采纳，可以接着发起对接。",
        "ignore": "已忽略，不再放在新的匹配里。",
        "refuse": "已记为不合适，排序会参考这个原因。",
        "undo": "已恢复。",
    }
    undo = (
        None
        if decision == "undo"
        else Undo(url_for(".decide", need_key=need_key, capability_key=capability_key, decision="undo"))
    )
    say(words[decision], undo=undo)
    db.session.commit()
    return redirect(back)


@blueprint.post("/needs/<key>/similar")
@asks("need.write")
def similar(key: str) -> str:
    """Answer the typed form with the needs that are like it; nothing is kept."""
    meaning = needs.DESK.meaning(needs.DESK.typed())
    enough = len(f"{meaning.values.get('title') or ''}{meaning.values.get('problem') or ''}") >= 6
    hits = queries.similar_needs(meaning.values, meaning.rows or (), actor(), but=key) if enough else []
    return render_template("matches/similar.html", hits=hits, enough=enough)


@blueprint.get("/needs/<key>/twins")
@asks("need.share")
def twins(key: str) -> str:
    """List needs of other organisations like this one, to join them into a shared need."""
    need = catalogue.need_by_key(key, actor())
    values = {field.name: getattr(need, field.name) for field in NEED_FIELDS}
    hits = queries.similar_needs(values, need.rows, actor(), but=key)
    open_ones = [hit for hit in hits if hit.record.state in OPEN_NEED_STATES]
    return render_template("matches/twins.html", need=need, hits=open_ones)


def policy_check(record: Need | Capability) -> None:
    """Hide the matches of a record from everybody but its owner, who brokers it, and the Office."""
    if not policy.can(actor(), "match.read", record):
        raise NotFound


def _list_page(template: str, record: Need | Capability, **context: object) -> str:
    found = brokerage.recommended_for(record, actor())
    worth = [one for one in found.shown if one.match.band in WORTH or one.pins]
    pages = max(1, -(-len(worth) // PER_PAGE))
    number = min(max(paging.whole_number(request.args.get("page", ""), pages, 1), 1), pages)
    cards = _cards(worth[(number - 1) * PER_PAGE : number * PER_PAGE])
    return render_template(
        template,
        cards=cards,
        found=found,
        page=number,
        pages=pages,
        link=paging.link_to_page,
        reasons=DECLINE_REASONS,
        worth=worth,
        weak=[one.match for one in found.shown if one not in worth],
        strong=any(one.match.band == "strong" for one in worth),
        waiting=queries.waiting_for_index(),
        **context,
    )


def _cards(suggestions: list[Suggestion]) -> list[Card]:
    whys = explain_all([one.match for one in suggestions], actor())
    return [_card(one, why) for one, why in zip(suggestions, whys, strict=True)]


def _card(suggestion: Suggestion, why: Explanation) -> Card:
    match = suggestion.match
    interest = engagements.open_interest(match.need, match.capability)
    readable = interest is not None and policy.can(actor(), "interest.read", interest)
    reason = engagements.last_decline(match.need, match.capability, actor())
    key = interest.key if interest is not None and readable else ""
    return Card(suggestion, why, key, DECLINE_REASONS.get(reason, ""))


def _pair(need_key: str, capability_key: str) -> tuple[Need, Capability]:
    need = catalogue.need_by_key(need_key, actor())
    capability = catalogue.capability_by_key(capability_key, actor())
    policy_check(brokerage.side_for(need, capability, actor()))
    return need, capability
