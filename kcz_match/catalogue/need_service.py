"""Verbs on needs.  Nothing here commits.

``act`` is the way in for every arrow of the lifecycle; verbs that have conditions or consequences beyond the tables
are named in ``VERBS``.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kcz_match.accounts import queries as accounts
from kcz_match.accounts.districts import DISTRICT
from kcz_match.accounts.models import Organisation
from kcz_match.accounts.states import OrganisationKind
from kcz_match.catalogue import coach, queries
from kcz_match.catalogue.editing import check_editable, check_version, fill, leave_followers, values_of
from kcz_match.catalogue.fields import NEED_FIELDS, Indicator, Tier
from kcz_match.catalogue.models import Need, NeedRemark, SharedNeed
from kcz_match.catalogue.parsing import clean, missing
from kcz_match.catalogue.states import (
    EDITABLE_NEED_STATES,
    NEEDS,
    OPEN_NEED_STATES,
    REVIEW_WORKDAYS,
    Clarity,
    NeedState,
)
from kcz_match.core import audit, jobs, policy
from kcz_match.core.calendar import ZONE, due_after_workdays, local_day
from kcz_match.core.db import db, new_key, utc_now
from kcz_match.core.errors import Conflict, Invalid
from kcz_match.core.lifecycle import move
from kcz_match.core.notify import notify
from kcz_match.core.policy import SYSTEM, Actor
from kcz_match.selection.queries import is_certified

SOLVERS = frozenset({OrganisationKind.SOCIETY, OrganisationKind.SERVICE_TEAM})
VALID_MONTHS = {"urgent": 3, "normal": 6, "long": 12}
LONGEST_VALID_MONTHS = 24
CALL_WORKDAYS = 5
LONGEST_REMARK = 1000


def draft_need(
    actor: Actor,
    values: Mapping[str, Any],
    rows: Sequence[Indicator] = (),
    tiers: Mapping[str, str] | None = None,
    *,
    origin: str = "form",
    batch_id: int | None = None,
    key: str | None = None,
) -> Need:
    """Begin a need of the actor's organisation as a draft and return it; a draft may be incomplete.

    ``key`` is the public key when the form has chosen it already, so that saving twice makes one draft.
    """
    policy.require(actor, "need.write")
    assert actor.organisation_id is not None  # noqa: S101 - the rule need.write has checked it
    need = Need(
        key=key or new_key(),
        organisation_id=actor.organisation_id,
        district_code=actor.district_code,
        created_by=actor.user_id,
        state=NeedState.DRAFT,
        state_since=utc_now(),
        created_at=utc_now(),
        origin=origin,
        batch_id=batch_id,
        modes=[],
        tiers={},
        title="",
        indicators=[],
    )
    db.session.add(need)
    fill(need, values, rows, tiers or {})
    need.clarity = Clarity(advice_on(need).clarity)
    audit.write(actor, "need.draft", need, after="draft")
    return need


def save_need(
    need: Need,
    actor: Actor,
    values: Mapping[str, Any],
    rows: Sequence[Indicator] | None = None,
    tiers: Mapping[str, str] | None = None,
    *,
    avoided: Sequence[Organisation] | None = None,
    version: int | None = None,
) -> None:
    """Change the text of a draft or returned need.

    ``version`` is the one the form was opened on: raises ``Stale`` when somebody saved since, ``Conflict`` when the
    need may not be edited in its state.
    """
    policy.require(actor, "need.edit", need)
    check_editable(need, EDITABLE_NEED_STATES)
    check_version(need, version)
    fill(need, values, rows, tiers)
    if avoided is not None:
        need.avoided = list(avoided)
    need.clarity = Clarity(advice_on(need).clarity)
    db.session.flush()


def advice_on(need: Need) -> coach.Advice:
    """Return what the drafting coach says about a need as it stands."""
    tiers = {field.name: Tier(need.tier_of(field.name)) for field in NEED_FIELDS}
    return advise(need.organisation_id, values_of(need), need.rows, tiers)


def advise(
    organisation_id: int | None, values: Mapping[str, Any], rows: Sequence[Indicator], tiers: Mapping[str, Tier]
) -> coach.Advice:
    """Return what the drafting coach says about a typed need of an organisation, whose names it must not give away."""
    names: list[str] = []
    if organisation_id is not None:
        unit = accounts.organisation(organisation_id)
        known = [unit.full_name, unit.short_name, *(alias.name for alias in unit.aliases)]
        names = [name for name in known if name]
    return coach.coach(values, rows, tiers, names=names, today=local_day(utc_now()))


def delete_draft(need: Need, actor: Actor) -> None:
    """Remove a draft that was never submitted; anything that had a code is withdrawn instead (``Conflict``)."""
    policy.require(actor, "need.edit", need)
    if need.state != NeedState.DRAFT or need.code:
        raise Conflict("只有从未提交过的草稿可以删除。其他的请用“撤回需求”，记录会保留。")
    audit.write(actor, "need.delete_draft", need, before=need.title)
    db.session.delete(need)


def act(need: Need, verb: str, actor: Actor, *, reason: str = "", remark: str = "") -> None:
    """Carry a need along the arrow ``verb`` with everything that belongs to it.

    A reason or remark becomes an entry of the shared thread.  Raises what ``move`` raises, ``Invalid`` for an
    incomplete submission, and ``Conflict`` when the organisation holds no title at publication.
    """
    if verb not in NEEDS.arrows or verb == "merge":
        raise KeyError(verb)
    remark = clean(remark)[:LONGEST_REMARK]
    policy.require(actor, f"need.{verb}", need)
    before = VERBS.get(verb, _plain)
    before(need, verb, actor, reason, remark)
    _say(need, actor, NEEDS.arrows[verb].reasons.get(reason, reason), remark)
    if need.published_at is not None:
        leave_followers(need)


def add_remark(need: Need, actor: Actor, sentence: str, field: str = "") -> NeedRemark:
    """Add an entry to the thread and tell the other side; ``Invalid`` when it is empty or too long."""
    policy.require(actor, "need.remark", need)
    text = clean(sentence)
    if not text or len(text) > LONGEST_REMARK:
        raise Invalid({"sentence": f"请写 1–{LONGEST_REMARK} 个字。"})
    entry = NeedRemark(
        need_id=need.id,
        user_id=actor.user_id,
        author=actor.name,
        unit=actor.organisation_name,
        at=utc_now(),
        field=field,
        sentence=text,
    )
    db.session.add(entry)
    audit.write(actor, "need.remark", need, remark=text)
    for unit_id in {need.organisation_id, _reviewer_of(need)} - {actor.organisation_id, None}:
        notify(unit_id, need, f"“{need.title}”有一条新的意见：{text[:60]}")
    return entry


def _reviewer_of(need: Need) -> int | None:
    """Return the organisation that has the need under review at this moment."""
    units = {
        NeedState.SUBMITTED: accounts.association_of(need.district_code),
        NeedState.DISTRICT_APPROVED: accounts.office(),
    }
    unit = units.get(need.state)
    return unit.id if unit else None


def merge_needs(need: Need, into: Need, actor: Actor, *, reason: str) -> None:
    """Close an open need as merged into another open one and tell its owner."""
    policy.require(actor, "need.merge", need)
    if into.id == need.id or into.state not in OPEN_NEED_STATES:
        raise Conflict("只能合并到另一条正在公开的需求。")
    need.merged_into_id = into.id
    move(need, "merge", actor, reason=reason, into=into.code)
    _say(need, actor, reason, f"合并到 {into.code}")
    notify(need.organisation_id, need, f"“{need.title}”已合并到 {into.code}。原因：{reason}")
    leave_followers(need)


def share_needs(needs: Sequence[Need], title: str, actor: Actor) -> SharedNeed:
    """Join near-twins of several organisations into one shared need (共性需求); each keeps its own indicators.

    Raises ``Invalid`` without a title or with fewer than two needs, ``Conflict`` when one is not open.
    """
    policy.require(actor, "need.share", None)
    if not clean(title) or len(needs) < 2:
        raise Invalid({"title": "请选至少两条需求，并写一个共同的名称。"})
    if any(need.state not in OPEN_NEED_STATES for need in needs):
        raise Conflict("只有正在公开的需求可以并为共性需求。")
    shared = next((need.shared_need for need in needs if need.shared_need), None) or SharedNeed(title=clean(title)[:60])
    db.session.add(shared)
    shared.title = clean(title)[:60]
    db.session.flush()
    for need in needs:
        if need.shared_need_id != shared.id:
            need.shared_need_id = shared.id
            audit.write(actor, "need.share", need, after=shared.title)
            notify(need.organisation_id, need, f"“{need.title}”已列入共性需求“{shared.title}”，各单位保留自己的指标。")
    return shared


def leave_shared(need: Need, actor: Actor) -> None:
    """Take a need out of its shared need."""
    policy.require(actor, "need.share", need)
    audit.write(actor, "need.leave_shared", need, before=need.shared_need.title if need.shared_need else "")
    need.shared_need_id = None


def call_societies(need: Need, societies: Sequence[Organisation], actor: Actor) -> None:
    """Ask named societies and teams to look at an open need that found no good match, and say so in its thread.

    Raises ``Invalid`` when nobody is named, ``Conflict`` when the need is not open.
    """
    policy.require(actor, "need.edit", need)
    if not societies:
        raise Invalid({"society": "请至少选一个学会。"})
    if need.state not in OPEN_NEED_STATES or not need.is_listed:
        raise Conflict("只有正在公开的需求可以请学会诊断。")
    if any(unit.kind not in SOLVERS or not unit.is_verified for unit in societies):
        raise Conflict("只能请已核验的学会和科技服务团诊断。")
    names = "、".join(unit.name for unit in societies)
    audit.write(actor, "need.call_societies", need, after=names)
    _say(need, actor, "请学会诊断", names)
    due = due_after_workdays(utc_now(), CALL_WORKDAYS)
    for unit in societies:
        notify(
            unit.id,
            need,
            f"{need.organisation.district_name}有一条需求“{need.title}”想请贵单位看一看，能解决请在需求页发起对接。",
            due,
        )


def expire_need(need_id: int) -> None:
    """Job: end an open need whose validity has passed; does nothing when it was renewed, closed or removed."""
    need = db.session.get(Need, need_id)
    if need is None or need.state not in OPEN_NEED_STATES or need.valid_until is None:
        return
    if need.valid_until >= local_day(utc_now()):
        _leave_expiry(need)
        return
    move(need, "expire", SYSTEM)
    leave_followers(need)
    notify(
        need.organisation_id, need, f"“{need.title}”已过有效期，不再推荐。仍然需要请点“续期”，否则 30 天后不再提醒。"
    )


def _plain(need: Need, verb: str, actor: Actor, reason: str, remark: str) -> None:
    move(need, verb, actor, reason=reason, remark=remark)
    if actor.organisation_id != need.organisation_id:
        word = NEEDS.word(need.state)
        why = NEEDS.arrows[verb].reasons.get(reason, reason)
        notify(
            need.organisation_id, need, f"“{need.title}”现在是“{word}”。" + (f"原因：{why}。{remark}" if why else "")
        )


def _submit(need: Need, verb: str, actor: Actor, reason: str, remark: str) -> None:
    errors = missing(NEED_FIELDS, values_of(need))
    if need.due_on and need.due_on < local_day(utc_now()):
        errors["due_on"] = "完成时限已经过去，请改成将来的日期。"
    today = local_day(utc_now())
    if need.valid_until and not today <= need.valid_until <= add_months(today, LONGEST_VALID_MONTHS):
        errors["valid_until"] = f"有效期要在今天到 {LONGEST_VALID_MONTHS} 个月之内，请改一下，或留空按紧急程度定。"
    if errors:
        raise Invalid(errors)
    association = accounts.association_of(need.district_code)
    if association is None or not association.is_verified:
        raise Conflict("您所在区的区科协还没有登记或核验，现在无人审核。请联系办公室。")
    need.code = need.code or _new_code(need)
    need.submitted_by, need.submitted_at = actor.user_id, utc_now()
    need.clarity = Clarity(advice_on(need).clarity)
    move(need, verb, actor, remark=remark, clarity=str(need.clarity))
    due = due_after_workdays(utc_now(), REVIEW_WORKDAYS)
    notify(association.id, need, f"{actor.organisation_name} 提交了需求“{need.title}”，请审核。", due)


def _approve(need: Need, verb: str, actor: Actor, reason: str, remark: str) -> None:
    move(need, verb, actor, remark=remark)
    need.approved_by = actor.user_id
    office = accounts.office()
    if office is not None:
        due = due_after_workdays(utc_now(), REVIEW_WORKDAYS)
        notify(office.id, need, f"{actor.organisation_name} 通过了需求“{need.title}”，请办公室审核。", due)
    notify(need.organisation_id, need, f"“{need.title}”已通过区科协审核，转办公室。")


def _publish(need: Need, verb: str, actor: Actor, reason: str, remark: str) -> None:
    if not is_certified(need.organisation_id):
        raise Conflict(
            f"{need.organisation.full_name} 或其所属园区、区没有有效认定，不能发布需求。请先办理认定，或退回这条需求。"
        )
    move(need, verb, actor, reason=reason, remark=remark)
    need.published_at = need.published_at or utc_now()
    today = local_day(utc_now())
    if need.valid_until is None or need.valid_until <= today:
        need.valid_until = add_months(today, VALID_MONTHS.get(need.urgency, VALID_MONTHS["normal"]))
    advice = advice_on(need)
    need.clarity = Clarity(advice.clarity)
    route = "start_matching" if coach.may_be_published_as(advice) == "matching" else "start_diagnosis"
    move(need, route, SYSTEM, clarity=str(need.clarity))
    _leave_expiry(need)
    follow = (
        "系统正在找匹配的能力。" if need.state == NeedState.MATCHING else "还缺可检验的指标或负责人，先请学会诊断。"
    )
    notify(need.organisation_id, need, f"“{need.title}”已发布（{need.code}）。{follow}")


VERBS: dict[str, Callable[[Need, str, Actor, str, str], None]] = {
    "submit": _submit,
    "approve": _approve,
    "publish": _publish,
    "renew": _publish,
    "resume": _publish,
    "reopen": _publish,
}


def add_months(day: dt.date, count: int) -> dt.date:
    """Return the same day ``count`` months later, or the last day of that month when it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _new_code(need: Need) -> str:
    letters = DISTRICT[need.district_code].letters
    prefix = f"GZ-{letters}-{local_day(utc_now()).year}-N"
    return f"{prefix}{queries.next_number(Need, prefix):04d}"


def _leave_expiry(need: Need) -> None:
    assert need.valid_until is not None  # noqa: S101 - set by publication
    db.session.flush()
    moment = dt.datetime.combine(need.valid_until + dt.timedelta(days=1), dt.time(), ZONE)
    jobs.leave("expire_need", key=f"expire:need:{need.id}", run_at=moment.astimezone(dt.UTC), need_id=need.id)


def _say(need: Need, actor: Actor, why: str, remark: str) -> None:
    sentence = "：".join(part for part in (why, remark) if part)
    if sentence:
        db.session.add(
            NeedRemark(
                need_id=need.id,
                user_id=actor.user_id,
                author=actor.name,
                unit=actor.organisation_name,
                at=utc_now(),
                sentence=sentence,
            )
        )
