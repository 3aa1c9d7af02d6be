"""Verbs of people who broker: pin a pair, veto it, say in their own words why it fits.  Nothing here commits.

Each is asked on the side of a pair that the actor owns or brokers, belongs to its organisation, and is told to nobody.
A veto is private beyond that: its audit row says that there was one and not of which pair.
"""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import or_, select

from kcz_match.brokerage.models import MatchEntry, MatchList, MatchNote, MatchPin, MatchVeto
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.parsing import clean
from kcz_match.catalogue.states import OPEN_NEED_STATES
from kcz_match.core import audit, policy
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Conflict, Invalid, NotFound
from kcz_match.core.policy import Actor
from kcz_match.matching import filters, queries
from kcz_match.matching.service import side_of
from kcz_match.matching.terms import capability_terms, need_terms

LONGEST_REASON, LONGEST_NOTE = 100, 200
NOT_PROPOSED = "这一对现在不在推荐范围内：双方相距太远，或其中一条已经不再公开。"
T = TypeVar("T", MatchPin, MatchVeto, MatchNote)


def pin(need: Need, capability: Capability, actor: Actor, reason: str) -> MatchPin:
    """Put a pair at the top of the lists that the actor's organisation answers for; pinning again changes the reason.

    ``Invalid`` without a reason, ``Conflict`` with the filter's sentence when a hard filter fails: what cannot be done
    is not recommended by hand either.
    """
    side_of(need, capability, actor, "match.pin")
    said = _said(reason, LONGEST_REASON, "置顶的理由")
    if _own(MatchVeto, need, capability, actor) is not None:
        raise Conflict("本单位已把这一对设为不再推荐。请先在“不再推荐”里恢复，再置顶。")
    _check_may_meet(need, capability, actor)
    return _put(MatchPin, need, capability, actor, "match.pin", reason=said)


def unpin(need: Need, capability: Capability, actor: Actor) -> None:
    """Take the organisation's pin off a pair; nothing happens when there is none."""
    side_of(need, capability, actor, "match.pin")
    _take_off(MatchPin, need, capability, actor, "match.unpin", "reason")


def veto(need: Need, capability: Capability, actor: Actor, reason: str = "") -> MatchVeto:
    """Never propose a pair again; ``reason`` is for the organisation's own memory and may be left out."""
    side_of(need, capability, actor, "match.veto")
    if _own(MatchPin, need, capability, actor) is not None:
        raise Conflict("本单位已把这一对置顶。请先取消置顶，再设为不再推荐。")
    row = _own(MatchVeto, need, capability, actor) or _new(MatchVeto, need, capability, actor)
    row.user_id, row.at, row.reason = actor.user_id, utc_now(), clean(reason)[:LONGEST_REASON]
    audit.write(actor, "match.veto", row)
    return row


def lift_veto(need: Need, capability: Capability, actor: Actor) -> None:
    """Let a pair be proposed again, as far as the actor's organisation minds; nothing happens without a veto."""
    side_of(need, capability, actor, "match.veto")
    row = _own(MatchVeto, need, capability, actor)
    if row is not None:
        audit.write(actor, "match.lift_veto", row)
        db.session.delete(row)


def note(need: Need, capability: Capability, actor: Actor, sentence: str) -> MatchNote:
    """Say for both sides to read why a pair fits; saying it again replaces the organisation's former sentence."""
    side_of(need, capability, actor, "match.note")
    said = _said(sentence, LONGEST_NOTE, "推荐说明")
    _check_may_meet(need, capability, actor)
    return _put(MatchNote, need, capability, actor, "match.note", sentence=said)


def unnote(need: Need, capability: Capability, actor: Actor) -> None:
    """Take the organisation's note away, so that the quoted sentences speak alone again."""
    side_of(need, capability, actor, "match.note")
    _take_off(MatchNote, need, capability, actor, "match.unnote", "sentence")


def _check_may_meet(need: Need, capability: Capability, actor: Actor) -> None:
    """Refuse a pair that is closed, that a hard filter excludes, or that the actor could not know to be possible.

    To everybody but the need's own side a pair that avoidance forbids reads like one that was never proposed, so no try
    tells who avoids whom.
    """
    if need.state not in OPEN_NEED_STATES or not need.is_listed or not capability.is_listed:
        raise Conflict("需求或能力现在没有公开，不能推荐。")
    knows_all = policy.can(actor, "need.read_own", need)
    lines = filters.check(need_terms(need, with_budget=knows_all), capability_terms(capability))
    failed = [line for line in lines if not line.passed]
    if not knows_all:
        is_barred = any(line.code == filters.OPEN for line in failed)
        if is_barred or not (is_proposed(need, capability) or _is_found(need, capability, actor)):
            raise NotFound(NOT_PROPOSED)
    if failed:
        raise Conflict(f"硬性条件“{failed[0].name}”不符：{failed[0].detail}。这一对不能推荐。")


def is_proposed(need: Need, capability: Capability) -> bool:
    """Say whether a current list of either record names the other."""
    in_either = or_(
        (MatchList.kind == "need") & (MatchList.record_id == need.id) & (MatchEntry.record_id == capability.id),
        (MatchList.kind == "capability") & (MatchList.record_id == capability.id) & (MatchEntry.record_id == need.id),
    )
    query = select(MatchEntry.id).join(MatchList, MatchList.id == MatchEntry.list_id).where(MatchList.is_current)
    return db.session.scalar(query.where(in_either).limit(1)) is not None


def _is_found(need: Need, capability: Capability, actor: Actor) -> bool:
    """Say whether the pair is in the list that the actor would see now, for one that is not written down yet."""
    return any(match.need.id == need.id for match in queries.matches_of(capability, actor).shown)


def _said(text: str, longest: int, what: str) -> str:
    said = clean(text)
    if not 1 <= len(said) <= longest:
        raise Invalid({"text": f"{what}请写 1–{longest} 个字，现在 {len(said)} 字。"})
    return said


def _own(model: type[T], need: Need, capability: Capability, actor: Actor) -> T | None:
    return db.session.scalar(
        select(model).where(
            model.need_id == need.id,
            model.capability_id == capability.id,
            model.organisation_id == actor.organisation_id,
        )
    )


def _new(model: type[T], need: Need, capability: Capability, actor: Actor) -> T:
    row = model(need_id=need.id, capability_id=capability.id, organisation_id=actor.organisation_id)
    db.session.add(row)
    return row


def _put(model: type[T], need: Need, capability: Capability, actor: Actor, action: str, **said: Any) -> T:
    row = _own(model, need, capability, actor) or _new(model, need, capability, actor)
    ((name, text),) = said.items()
    before = getattr(row, name) or ""
    setattr(row, name, text)
    row.user_id, row.at = actor.user_id, utc_now()
    audit.write(actor, action, row, need=need.key, capability=capability.key, before=before, after=text)
    return row


def _take_off(model: type[T], need: Need, capability: Capability, actor: Actor, action: str, name: str) -> None:
    row = _own(model, need, capability, actor)
    if row is not None:
        before = getattr(row, name)
        audit.write(actor, action, row, need=need.key, capability=capability.key, before=before)
        db.session.delete(row)


def words_of(need: Need, capability: Capability, actor: Actor, what: str) -> str:
    """Return the organisation's words of its ``pin``, ``note`` or ``veto`` of a pair; '' without one or for others."""
    models: dict[str, tuple[Any, str]] = {
        "pin": (MatchPin, "reason"),
        "note": (MatchNote, "sentence"),
        "veto": (MatchVeto, "reason"),
    }
    if what not in models:
        return ""
    model, name = models[what]
    row = _own(model, need, capability, actor)
    return getattr(row, name) if row is not None else ""
