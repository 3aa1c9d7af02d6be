"""The page of a need's sub-problems: how it is cut, and who covers the parts."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import login_required
from werkzeug.wrappers import Response

from kcz_match.accounts.models import Organisation
from kcz_match.brokerage import parts
from kcz_match.brokerage.parts import Answer, PartsCover
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Need
from kcz_match.core import policy
from kcz_match.core.db import db
from kcz_match.core.errors import Conflict, Invalid, NotFound
from kcz_match.engagements import queries as engagements
from kcz_match.matching.reasons import DECLINE_REASONS
from kcz_match.web import needs
from kcz_match.web.access import actor
from kcz_match.web.presentation import say

blueprint = Blueprint("need_parts", __name__)
Answered = str | Response | tuple[str, int]


@dataclass(frozen=True)
class Invitation:
    """One provider to talk with: its parts, the capability to ask about, and the interest that is open already."""

    unit: Organisation
    numbers: list[int]
    answer: Answer
    interest_key: str
    declined: str


@blueprint.get("/needs/<key>/parts")
@login_required
def show(key: str) -> str:
    """Show the parts of a need and who covers them; without a cut the proposal, to be edited."""
    need = _readable(key)
    kept = parts.parts_of(need)
    return _page(need, kept or parts.suggest_parts(need), is_edited=not kept)


@blueprint.post("/needs/<key>/parts")
@login_required
def edit(key: str) -> Answered:
    """Keep the typed cut, or change the lines of the form without keeping anything: add, remove, move up or down."""
    need = _readable(key)
    policy.require(actor(), "need.split", need)
    typed, deed = _typed(), request.form.get("deed", "save")
    if deed == "clear":
        parts.clear_parts(need, actor(), request.form.get("seen", ""))
        say("已恢复成一条完整的需求。")
        db.session.commit()
        return redirect(url_for(".show", key=key))
    if deed == "restore":
        return _page(need, parts.suggest_parts(need), is_edited=True, is_unsaved=True)
    if deed != "save":
        return _page(need, _changed(typed, deed), is_edited=True, is_unsaved=True)
    try:
        kept = parts.save_parts(need, actor(), typed, request.form.get("seen", ""))
    except (Invalid, Conflict) as refusal:
        db.session.rollback()
        errors = refusal.errors if isinstance(refusal, Invalid) else {"parts": refusal.sentence}
        return _page(_readable(key), typed, is_edited=True, is_unsaved=True, errors=errors), refusal.status
    say(f"已拆成 {len(kept)} 个子问题。")
    db.session.commit()
    return redirect(url_for(".show", key=key))


def _readable(key: str) -> Need:
    need = catalogue.need_by_key(key, actor())
    if not policy.can(actor(), "match.read", need):
        raise NotFound
    return need


def _typed() -> list[str]:
    return [request.form.get(f"part-{place}", "") for place in range(parts.MOST) if f"part-{place}" in request.form]


def _changed(typed: list[str], deed: str) -> list[str]:
    """Return the lines after ``add``, ``remove-2``, ``up-2`` or ``down-2``; anything else is not there."""
    lines = list(typed)
    verb, _, number = deed.partition("-")
    if verb == "add":
        return [*lines, ""][: parts.MOST]
    place = int(number) if number.isascii() and number.isdecimal() and len(number) < 3 else len(lines)
    other = {"up": place - 1, "down": place + 1, "remove": place}.get(verb, -1)
    if not (0 <= place < len(lines) and 0 <= other < len(lines)):
        raise NotFound
    if verb == "remove":
        del lines[place]
    else:
        lines[place], lines[other] = lines[other], lines[place]
    return lines


def _page(
    need: Need, lines: list[str], *, is_edited: bool, is_unsaved: bool = False, errors: dict[str, str] | None = None
) -> str:
    kept = parts.parts_of(need)
    found = parts.cover_of(need, actor())
    return render_template(
        "need_parts/show.html",
        need=need,
        found=found,
        invitations=_invitations(need, found) if found else [],
        may_invite=policy.can(actor(), "need.edit", need) and policy.can(actor(), "interest.send"),
        may_split=policy.can(actor(), "need.split", need),
        lines=[*lines, *[""] * (parts.FEWEST - len(lines))],
        kept=kept,
        seen=parts.mark_of(kept),
        is_edited=is_edited,
        is_unsaved=is_unsaved,
        is_proposed=not kept and not is_unsaved and bool(lines),
        errors=errors or {},
        limits=parts,
        **needs.frame(need, "parts"),
    )


def _invitations(need: Need, found: PartsCover) -> list[Invitation]:
    invited = []
    for unit in found.chosen:
        answer = found.best_of(unit)
        interest = engagements.open_interest(need, answer.capability)
        readable = interest is not None and policy.can(actor(), "interest.read", interest)
        declined = engagements.last_decline(need, answer.capability, actor())
        invited.append(
            Invitation(
                unit,
                [number for number in range(1, len(found.parts) + 1) if found.taker(number) is unit],
                answer,
                interest.key if interest is not None and readable else "",
                DECLINE_REASONS.get(declined, ""),
            )
        )
    return invited
