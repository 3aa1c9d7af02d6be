"""The queue of a broker or an owner: pairs that wait for a word, five deeds on each, and what was settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import login_required
from werkzeug.wrappers import Response

from kcz_match.accounts.districts import DISTRICT
from kcz_match.brokerage import queue, service
from kcz_match.brokerage.queue import Row, Wanted
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.parsing import clean
from kcz_match.catalogue.terms import INDUSTRIES
from kcz_match.core import policy
from kcz_match.core.db import db
from kcz_match.core.errors import Conflict, Invalid, NotFound
from kcz_match.matching import service as matching
from kcz_match.matching.reasons import DECLINE_REASONS
from kcz_match.web import paging
from kcz_match.web.access import actor, asks, is_local
from kcz_match.web.presentation import Undo, say

blueprint = Blueprint("broker", __name__, url_prefix="/broker")
Answer = str | Response | tuple[str, int]
BOXES = ("refuse", "note", "pin", "veto")


@dataclass(frozen=True)
class Deed:
    """One deed: the verb, what is said afterwards, the deed that undoes it, and whether the pair leaves the queue."""

    do: Callable[[Need, Capability, str], object]
    sentence: str
    undo: str = ""
    leaves: bool = False


def _decide(decision: str) -> Callable[[Need, Capability, str], object]:
    def do(need: Need, capability: Capability, text: str) -> object:
        reason, sentence = request.values.get("reason", ""), request.values.get("sentence", "")
        given = {"reason": reason, "sentence": sentence} if decision == "refuse" else {}
        return matching.decide(need, capability, actor(), decision, **given)

    return do


DEEDS: dict[str, Deed] = {
    "adopt": Deed(_decide("adopt"), "已采纳。", "undecide", leaves=True),
    "ignore": Deed(_decide("ignore"), "已忽略，不再放在待处理里。", "undecide", leaves=True),
    "refuse": Deed(_decide("refuse"), "已记为不合适，排序会参考这个原因。", "undecide", leaves=True),
    "undecide": Deed(lambda need, offer, _: matching.undo_decision(need, offer, actor()), "已恢复到待处理。"),
    "pin": Deed(lambda need, offer, text: service.pin(need, offer, actor(), text), "已置顶。", "unpin"),
    "unpin": Deed(lambda need, offer, _: service.unpin(need, offer, actor()), "已取消置顶。", "pin"),
    "note": Deed(lambda need, offer, text: service.note(need, offer, actor(), text), "推荐说明已保存。", "unnote"),
    "unnote": Deed(lambda need, offer, _: service.unnote(need, offer, actor()), "已恢复为双方原文。", "note"),
    "veto": Deed(
        lambda need, offer, text: service.veto(need, offer, actor(), text),
        "这一对不再推荐，除本单位外没有人知道。",
        "lift",
        leaves=True,
    ),
    "lift": Deed(lambda need, offer, _: service.lift_veto(need, offer, actor()), "已恢复推荐。", "veto"),
}


@blueprint.get("")
@asks("match.queue")
def index() -> str:
    """Show the pairs that wait for the organisation, a page at a time."""
    wanted = _wanted(request.args)
    page = paging.page_of(queue.waiting_entries(actor(), wanted))
    return render_template(
        "broker/index.html",
        page=page,
        rows=queue.rows_of(page.rows, actor()),
        counts=queue.waiting_counts(actor(), wanted),
        wanted=wanted,
        chosen=sum(map(bool, (wanted.district, wanted.industry, wanted.text))),
        by_need=queue.answers_for(actor()) == "need",
        reasons=DECLINE_REASONS,
        back=request.full_path.rstrip("?"),
        link=paging.link_to_page,
        with_args=paging.with_args,
    )


@blueprint.get("/settled")
@asks("match.queue")
def settled() -> str:
    """Show what the organisation decided, or with ``kind=vetoed`` the pairs that it never wants to see again."""
    is_veto = request.args.get("kind") == "vetoed"
    page = paging.page_of(queue.vetoed(actor()) if is_veto else queue.decided(actor()))
    return render_template(
        "broker/settled.html",
        page=page,
        rows=list(zip(page.rows, queue.pairs_of(page.rows), strict=True)),
        is_veto=is_veto,
        reasons=DECLINE_REASONS,
        back=request.full_path.rstrip("?"),
        link=paging.link_to_page,
    )


@blueprint.get("/<need_key>/<capability_key>")
@login_required
def pair(need_key: str, capability_key: str) -> str:
    """Show one pair with one of its forms open; to htmx only the row."""
    row = _row(need_key, capability_key)
    return _pair_page(row, paging.choice_of("box", BOXES))


@blueprint.post("/<need_key>/<capability_key>/<deed>")
@login_required
def act(need_key: str, capability_key: str, deed: str) -> Answer:
    """Do one deed with a pair; a refused form comes back with what was typed."""
    if deed not in DEEDS:
        raise NotFound
    need, offer = _records(need_key, capability_key)
    undo = _undoing(deed, need, offer)
    try:
        DEEDS[deed].do(need, offer, request.values.get("text", ""))
    except Invalid as refusal:
        db.session.rollback()
        page = _pair_page(_row(need_key, capability_key), deed, refusal.errors, request.values)
        return page if _is_htmx() else (page, refusal.status)
    except Conflict as refusal:
        db.session.rollback()
        say(refusal.sentence, "refused")
        return _go(_back())
    answer = _answer(need, offer, deed, undo)
    db.session.commit()
    return answer


def _answer(need: Need, offer: Capability, deed: str, undo: tuple[str, str]) -> Answer:
    """Say what was done, offer to undo it, and go where the work goes on."""
    done = DEEDS[deed]
    if deed == "adopt" and (address := _ask_address(need, offer)):
        return _go(address, "已采纳，接着写三句话发起对接。", _undo(need, offer, undo))
    address = url_for(".pair", need_key=need.key, capability_key=offer.key, box="note")
    is_broker = actor().organisation_id not in (need.organisation_id, offer.organisation_id)
    more = [("写一句推荐说明", address)] if deed == "adopt" and is_broker else []
    if _is_htmx() and done.leaves:
        match = queue.row_of(need, offer, actor()).match
        return render_template(
            "broker/piece.html", match=match, sentence=done.sentence, undo=undo, more=more, **_head()
        )
    if _is_htmx():
        return _piece(queue.row_of(need, offer, actor()), message=done.sentence, undo=undo)
    place = "" if done.leaves else f"#pair-{need.key}-{offer.key}"
    sentence = f"{done.sentence}可以写一句推荐说明，供需双方都会看到。" if more else done.sentence
    return _go(address if more else _back() + place, sentence, _undo(need, offer, undo))


def _undo(need: Need, offer: Capability, undo: tuple[str, str]) -> Undo | None:
    name, text = undo
    if not name:
        return None
    again = {"text": text} if text else {}
    return Undo(url_for(".act", need_key=need.key, capability_key=offer.key, deed=name, back=_back(), **again))


def _undoing(deed: str, need: Need, offer: Capability) -> tuple[str, str]:
    """Return the deed that will undo this one and the words it needs; to be asked before anything is done."""
    written = {"unpin": "pin", "unnote": "note", "lift": "veto"}
    text = service.words_of(need, offer, actor(), written.get(deed, deed))
    return (deed if text and deed in written.values() else DEEDS[deed].undo), text


def _ask_address(need: Need, offer: Capability) -> str:
    """Return where an owner goes on after adopting: to the three questions of an interest; '' for a broker."""
    if actor().organisation_id not in (need.organisation_id, offer.organisation_id):
        return ""
    row = queue.row_of(need, offer, actor())
    may_ask = policy.can(actor(), "interest.send") and row.match.passes and not row.interest_key
    return url_for("interests.ask", need_key=need.key, capability_key=offer.key) if may_ask else ""


def _go(address: str, sentence: str = "", undo: Undo | None = None) -> Response:
    """Lead to another page, which says ``sentence``; htmx is told to go there as a whole."""
    if sentence:
        say(sentence, undo=undo)
    if _is_htmx():
        return Response(status=204, headers={"HX-Redirect": address})
    return redirect(address)


def _pair_page(
    row: Row, box: str, errors: Mapping[str, str] | None = None, typed: Mapping[str, str] | None = None
) -> str:
    reason = queue.reason_for_both(row.match) if box == "note" else ""
    shown = {"box": box, "errors": errors or {}, "typed": typed or {}, "reason": reason}
    if _is_htmx():
        return _piece(row, **shown)
    return render_template("broker/pair.html", row=row, reasons=DECLINE_REASONS, back=_back(), **shown)


def _piece(row: Row, **shown: object) -> str:
    return render_template("broker/piece.html", row=row, reasons=DECLINE_REASONS, **_head(), **shown)


def _head() -> dict[str, object]:
    """Return the counts that stand above the queue that a piece of it goes back to."""
    wanted = _wanted(dict(parse_qsl(urlsplit(_back()).query)))
    return {"counts": queue.waiting_counts(actor(), wanted), "back": _back()}


def _wanted(args: Mapping[str, str]) -> Wanted:
    def chosen(name: str, allowed: object) -> str:
        return value if (value := args.get(name, "")) in allowed else ""  # type: ignore[operator]

    return Wanted(
        band=chosen("band", queue.BANDS),
        district=chosen("district", DISTRICT),
        industry=chosen("industry", INDUSTRIES),
        text=clean(args.get("q", ""))[:100],
        only_pinned=args.get("band") == "pinned",
    )


def _records(need_key: str, capability_key: str) -> tuple[Need, Capability]:
    need = catalogue.need_by_key(need_key, actor())
    offer = catalogue.capability_by_key(capability_key, actor())
    if not (policy.can(actor(), "match.read", need) or policy.can(actor(), "match.read", offer)):
        raise NotFound
    return need, offer


def _row(need_key: str, capability_key: str) -> Row:
    return queue.row_of(*_records(need_key, capability_key), actor())


def _back() -> str:
    address = request.values.get("back", "")
    return address if is_local(address) else url_for(".index")


def _is_htmx() -> bool:
    return request.headers.get("HX-Request") == "true"
