"""Verbs on interests.  Nothing here commits."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from kcz_match.accounts import queries as accounts
from kcz_match.catalogue import need_service
from kcz_match.catalogue.models import Capability, Consent, Need
from kcz_match.catalogue.parsing import clean
from kcz_match.catalogue.states import OPEN_NEED_STATES, NeedState
from kcz_match.core import audit, jobs, policy
from kcz_match.core.calendar import due_after_workdays
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Conflict, Forbidden, Invalid
from kcz_match.core.lifecycle import move
from kcz_match.core.notify import notify
from kcz_match.core.policy import SYSTEM, Actor
from kcz_match.engagements import queries
from kcz_match.engagements.models import Interest
from kcz_match.engagements.states import INTERESTS, InterestState
from kcz_match.matching import filters
from kcz_match.matching.terms import capability_terms, need_terms

REPLY_WORKDAYS = 5
QUESTIONS = {
    "cooperation": "想要怎样的合作",
    "unclear": "还有哪些不清楚",
    "about_us": "我们是谁",
}
LONGEST = 500


def send_interest(
    need: Need, capability: Capability, actor: Actor, *, cooperation: str, unclear: str, about_us: str
) -> Interest:
    """Ask the other side about a pair; the asker's side is whichever of the two records it owns.

    The other side has five working days to answer and is told so.  Raises ``Invalid`` per question, ``Forbidden``
    when the actor owns neither record, ``Conflict`` when the need is not open or an interest for this pair is open.
    """
    policy.require(actor, "interest.send")
    answerer_id = _other_side(need, capability, actor)
    answers = {
        name: clean(text)
        for name, text in {"cooperation": cooperation, "unclear": unclear, "about_us": about_us}.items()
    }
    least = {"cooperation": 1, "unclear": 0, "about_us": 1}
    errors = {
        name: f"“{QUESTIONS[name]}”请写 {least[name]}–{LONGEST} 个字，现在 {len(text)} 字。"
        for name, text in answers.items()
        if not least[name] <= len(text) <= LONGEST
    }
    if errors:
        raise Invalid(errors)
    lines = filters.check(need_terms(need), capability_terms(capability))
    if not all(line.passed for line in lines if line.code == filters.OPEN):
        raise Conflict("这一对目前不能对接。")
    if need.state not in OPEN_NEED_STATES or not need.is_listed:
        raise Conflict(f"这条需求现在是“{need.lifecycle.word(need.state)}”，不再接收新的对接意向。")
    if not capability.is_listed:
        raise Conflict("这条能力现在没有公开，不能发起对接。")
    if queries.open_interest(need, capability) is not None:
        raise Conflict("双方已经有一条进行中的对接意向，请在“对接意向”里继续。")
    interest = Interest(
        need_id=need.id,
        capability_id=capability.id,
        asker_id=actor.organisation_id,
        answerer_id=answerer_id,
        sent_by=actor.user_id,
        state=InterestState.SENT,
        state_since=utc_now(),
        sent_at=utc_now(),
        due_at=due_after_workdays(utc_now(), REPLY_WORKDAYS),
        **answers,
    )
    db.session.add(interest)
    audit.write(actor, "interest.send", interest, after="sent")
    jobs.leave("expire_interest", key=f"expire:interest:{interest.id}", run_at=interest.due_at, interest_id=interest.id)
    notify(
        answerer_id,
        interest,
        f"{actor.organisation_name} 就“{need.title}”发来对接意向，请回复。逾期将提醒区科协和办公室。",
        interest.due_at,
    )
    return interest


def act(interest: Interest, verb: str, actor: Actor, *, reason: str = "", remark: str = "") -> None:
    """Accept, decline or withdraw an interest with everything that belongs to it."""
    if verb not in INTERESTS.arrows:
        raise KeyError(verb)
    policy.require(actor, f"interest.{verb}", interest)
    VERBS[verb](interest, actor, reason, clean(remark)[:LONGEST])


def expire_interest(interest_id: int) -> None:
    """Job: end an interest that nobody answered in time and tell both sides and whoever answers for the silence."""
    interest = db.session.get(Interest, interest_id)
    if interest is None or interest.state != InterestState.SENT:
        return
    if interest.due_at > utc_now():
        jobs.leave(
            "expire_interest", key=f"expire:interest:{interest.id}", run_at=interest.due_at, interest_id=interest.id
        )
        return
    move(interest, "expire", SYSTEM)
    notify(
        interest.asker_id,
        interest,
        f"{interest.name_of(interest.answerer)} 没有在期限内回复“{interest.need.title}”。可以再发一次或另找一家。",
    )
    notify(interest.answerer_id, interest, f"“{interest.need.title}”的对接意向已逾期，计入本单位未回复数。")
    for unit in (accounts.association_of(interest.need.district_code), accounts.office()):
        if unit is not None and unit.id not in (interest.asker_id, interest.answerer_id):
            late = f"{interest.answerer.full_name} 没有在五个工作日内回复“{interest.need.title}”的对接意向。"
            notify(unit.id, interest.need, late)


def lapse_interests(kind: str, record_id: int) -> None:
    """Job: end the open questions about a record that everybody may no longer know of, and tell the asker."""
    column = Interest.need_id if kind == "need" else Interest.capability_id
    for interest in db.session.scalars(
        select(Interest).where(column == record_id, Interest.state == InterestState.SENT)
    ):
        if interest.need.is_listed and interest.capability.is_listed:
            continue
        move(interest, "lapse", SYSTEM)
        notify(interest.asker_id, interest, f"“{interest.need.title}”已不再公开，您发出的对接意向失效，不必再等。")


def _accept(interest: Interest, actor: Actor, reason: str, remark: str) -> None:
    if not (interest.need.is_listed and interest.capability.is_listed):
        raise Conflict("需求或能力已经不再公开，这条对接意向不能再接受。")
    _decide(interest, "accept", actor, "", remark)
    _reveal(interest, actor)
    jobs.leave("share_places", key="share_places", rank=4)
    if interest.need.state in {NeedState.MATCHING, NeedState.DIAGNOSING}:
        need_service.act(interest.need, "engage", SYSTEM)
    notify(
        interest.asker_id,
        interest,
        f"{actor.organisation_name} 接受了“{interest.need.title}”的对接意向，双方联系方式已互相公开。",
    )


def _decline(interest: Interest, actor: Actor, reason: str, remark: str) -> None:
    _decide(interest, "decline", actor, reason, remark)
    why = INTERESTS.arrows["decline"].reasons[reason]
    notify(
        interest.asker_id,
        interest,
        f"{interest.name_of(interest.answerer)} 婉拒了“{interest.need.title}”的对接意向：{why}。{remark}",
    )


def _withdraw(interest: Interest, actor: Actor, reason: str, remark: str) -> None:
    move(interest, "withdraw", actor, remark=remark)
    notify(
        interest.answerer_id,
        interest,
        f"{actor.organisation_name} 撤回了“{interest.need.title}”的对接意向，不必再回复。",
    )


VERBS: dict[str, Callable[[Interest, Actor, str, str], None]] = {
    "accept": _accept,
    "decline": _decline,
    "withdraw": _withdraw,
}


def _decide(interest: Interest, verb: str, actor: Actor, reason: str, remark: str) -> None:
    """Write the decision's fields, then move: the database wants state and decision to change in one statement."""
    interest.decided_at, interest.decided_by, interest.answer = utc_now(), actor.user_id, remark
    interest.reason = reason
    move(interest, verb, actor, reason=reason, remark=remark)


def _reveal(interest: Interest, actor: Actor) -> None:
    """Open the after-consent fields of each record to the other side, and put the reveal on the audit chain."""
    for record, reader in (
        (interest.need, interest.capability.organisation_id),
        (interest.capability, interest.need.organisation_id),
    ):
        known = db.session.scalar(
            select(Consent.id).where(
                Consent.subject_kind == record.__tablename__,
                Consent.subject_id == record.id,
                Consent.organisation_id == reader,
            )
        )
        if known is None:
            db.session.add(
                Consent(
                    subject_kind=record.__tablename__,
                    subject_id=record.id,
                    organisation_id=reader,
                    granted_at=utc_now(),
                )
            )
            audit.write(actor, "consent.reveal", record, to=reader, interest=interest.key)


def _other_side(need: Need, capability: Capability, actor: Actor) -> int:
    if actor.organisation_id == need.organisation_id:
        return capability.organisation_id
    if actor.organisation_id == capability.organisation_id:
        return need.organisation_id
    raise Forbidden("只能由需求单位或能力提供单位发起对接。请切换到相应单位，或先登记一条能力。")
