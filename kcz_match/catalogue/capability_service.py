"""Verbs on capabilities.  Nothing here commits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kcz_match.accounts import queries as accounts
from kcz_match.accounts.districts import DISTRICT
from kcz_match.accounts.states import OrganisationKind
from kcz_match.catalogue import queries
from kcz_match.catalogue.editing import check_editable, check_version, fill, leave_followers, values_of
from kcz_match.catalogue.fields import CAPABILITY_FIELDS, Claim
from kcz_match.catalogue.models import Capability
from kcz_match.catalogue.parsing import clean, missing
from kcz_match.catalogue.states import (
    CAPABILITIES,
    EDITABLE_CAPABILITY_STATES,
    REVIEW_WORKDAYS,
    CapabilityState,
)
from kcz_match.core import audit, jobs, policy
from kcz_match.core.calendar import due_after_workdays, local_day
from kcz_match.core.db import db, new_key, utc_now
from kcz_match.core.errors import Conflict, Invalid
from kcz_match.core.lifecycle import move
from kcz_match.core.notify import notify
from kcz_match.core.policy import SYSTEM, Actor

FRESH_FOR = dt.timedelta(days=183)


def draft_capability(
    actor: Actor,
    values: Mapping[str, Any],
    rows: Sequence[Claim] = (),
    tiers: Mapping[str, str] | None = None,
    *,
    key: str | None = None,
) -> Capability:
    """Begin a capability of the actor's organisation as a draft and return it.

    ``key`` is the public key when the form has chosen it already, so that saving twice makes one draft.
    A service team's items are approved by its lead society, a society's by its own managers.
    """
    policy.require(actor, "capability.write")
    assert actor.organisation_id is not None  # noqa: S101 - the rule capability.write has checked it
    unit = accounts.organisation(actor.organisation_id)
    approver = unit.parent_id if unit.kind == OrganisationKind.SERVICE_TEAM else unit.id
    capability = Capability(
        key=key or new_key(),
        organisation_id=unit.id,
        approver_id=approver,
        created_by=actor.user_id,
        state=CapabilityState.DRAFT,
        state_since=utc_now(),
        created_at=utc_now(),
        industries=[],
        modes=[],
        regions=[],
        details={},
        tiers={},
        title="",
        type="",
        claims=[],
    )
    db.session.add(capability)
    fill(capability, values, rows, tiers or {})
    audit.write(actor, "capability.draft", capability, after="draft")
    return capability


def save_capability(
    capability: Capability,
    actor: Actor,
    values: Mapping[str, Any],
    rows: Sequence[Claim] | None = None,
    tiers: Mapping[str, str] | None = None,
    *,
    version: int | None = None,
) -> None:
    """Change the text of a draft or returned capability; ``Stale`` when somebody saved since ``version``."""
    policy.require(actor, "capability.edit", capability)
    check_editable(capability, EDITABLE_CAPABILITY_STATES)
    check_version(capability, version)
    fill(capability, values, rows, tiers)
    db.session.flush()


def delete_draft(capability: Capability, actor: Actor) -> None:
    """Remove a draft that was never submitted (``Conflict`` otherwise)."""
    policy.require(actor, "capability.edit", capability)
    if capability.state != CapabilityState.DRAFT or capability.code:
        raise Conflict("只有从未提交过的草稿可以删除。其他的请用“撤回”，记录会保留。")
    audit.write(actor, "capability.delete_draft", capability, before=capability.title)
    db.session.delete(capability)


def act(capability: Capability, verb: str, actor: Actor, *, reason: str = "", remark: str = "") -> None:
    """Carry a capability along the arrow ``verb`` with everything that belongs to it.

    Raises what ``move`` raises, and ``Invalid`` for an incomplete submission.
    """
    if verb not in CAPABILITIES.arrows:
        raise KeyError(verb)
    policy.require(actor, f"capability.{verb}", capability)
    VERBS.get(verb, _plain)(capability, verb, actor, reason, clean(remark)[:1000])
    if capability.published_at is not None:
        leave_followers(capability)


def mark_stale(capability_id: int) -> None:
    """Job: mark a capability that nobody confirmed for half a year; does nothing when it was confirmed meanwhile."""
    capability = db.session.get(Capability, capability_id)
    if capability is None or capability.state != CapabilityState.PUBLISHED or capability.confirmed_at is None:
        return
    if utc_now() - capability.confirmed_at < FRESH_FOR:
        _leave_check(capability)
        return
    move(capability, "mark_stale", SYSTEM)
    leave_followers(capability)
    notify(
        capability.organisation_id,
        capability,
        f"“{capability.title}”半年没有确认。请点“确认仍然有效”，否则排序靠后并注明待确认。",
    )


def _plain(capability: Capability, verb: str, actor: Actor, reason: str, remark: str) -> None:
    move(capability, verb, actor, reason=reason, remark=remark)
    if actor.organisation_id != capability.organisation_id or verb == "return":
        why = CAPABILITIES.arrows[verb].reasons.get(reason, reason)
        notify(
            capability.organisation_id,
            capability,
            f"“{capability.title}”现在是“{CAPABILITIES.word(capability.state)}”。原因：{why}。{remark}",
        )


def _submit(capability: Capability, verb: str, actor: Actor, reason: str, remark: str) -> None:
    errors = missing(CAPABILITY_FIELDS, values_of(capability), capability.type)
    if errors:
        raise Invalid(errors)
    capability.code = capability.code or _new_code(capability)
    move(capability, verb, actor, remark=remark)
    due = due_after_workdays(utc_now(), REVIEW_WORKDAYS)
    notify(
        capability.approver_id, capability, f"{actor.organisation_name} 提交了能力“{capability.title}”，请审核。", due
    )


def _approve(capability: Capability, verb: str, actor: Actor, reason: str, remark: str) -> None:
    move(capability, verb, actor, reason=reason, remark=remark)
    capability.published_at = capability.published_at or utc_now()
    if verb == "approve":
        capability.confirmed_at = utc_now()
    _leave_check(capability)
    notify(
        capability.organisation_id, capability, f"“{capability.title}”已发布（{capability.code}），会推荐给合适的需求。"
    )


def _confirm(capability: Capability, verb: str, actor: Actor, reason: str, remark: str) -> None:
    move(capability, verb, actor)
    capability.confirmed_at = utc_now()
    _leave_check(capability)


VERBS: dict[str, Callable[[Capability, str, Actor, str, str], None]] = {
    "submit": _submit,
    "approve": _approve,
    "relist": _approve,
    "confirm": _confirm,
}


def _new_code(capability: Capability) -> str:
    letters = DISTRICT[capability.organisation.district_code].letters if capability.organisation.district_code else "GZ"
    prefix = f"GZ-{letters}-{local_day(utc_now()).year}-C" if letters != "GZ" else f"GZ-{local_day(utc_now()).year}-C"
    return f"{prefix}{queries.next_number(Capability, prefix):04d}"


def _leave_check(capability: Capability) -> None:
    db.session.flush()
    assert capability.confirmed_at is not None  # noqa: S101 - set by the verbs that call this
    jobs.leave(
        "mark_stale",
        key=f"stale:capability:{capability.id}",
        run_at=capability.confirmed_at + FRESH_FOR,
        capability_id=capability.id,
    )
