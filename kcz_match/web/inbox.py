"""What waits for an organisation, read off the records themselves: what to do, by when, what happens otherwise."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from flask import url_for
from sqlalchemy import select

from kcz_match.accounts.models import Organisation
from kcz_match.brokerage import refusals
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.states import REVIEW_WORKDAYS, CapabilityState, NeedState
from kcz_match.core import notify, policy
from kcz_match.core.calendar import due_after_workdays
from kcz_match.core.db import db
from kcz_match.core.policy import Actor
from kcz_match.engagements import queries as engagements

MOST = 200


@dataclass(frozen=True)
class Todo:
    """One thing that waits: the deed, what it is about, where, by when, and what happens otherwise."""

    deed: str
    title: str
    address: str
    note: str = ""
    due: dt.datetime | None = None
    otherwise: str = ""


def todos_of(actor: Actor) -> list[Todo]:
    """Return everything that waits for the actor's organisation, the most urgent first, undated last."""
    if actor.organisation_id is None:
        return []
    found = [*_interests(actor), *_needs(actor), *_capabilities(actor), *_refusals(actor), *_organisations(actor)]
    last = dt.datetime.max.replace(tzinfo=dt.UTC)
    return sorted(found, key=lambda todo: todo.due or last)


def waiting_count(actor: Actor) -> int:
    """Return the number in the head of every page: what waits and what is unread."""
    if actor.organisation_id is None:
        return 0
    waiting = (
        catalogue.count(catalogue.needs_waiting_for(actor))
        + catalogue.count(catalogue.capabilities_waiting_for(actor))
        + catalogue.count(engagements.interests_waiting_for(actor))
        + len(refusals.tasks_waiting_for(actor))
    )
    return waiting + notify.unread_count(actor.organisation_id)


def _interests(actor: Actor) -> list[Todo]:
    rows = db.session.scalars(engagements.interests_waiting_for(actor).limit(MOST)).all()
    return [
        Todo(
            f"回复{row.asker.name}的对接意向",
            row.need.title,
            url_for("interests.show", key=row.key),
            row.capability.title,
            row.due_at,
            "计入本单位未回复数，办公室可见",
        )
        for row in rows
    ]


def _needs(actor: Actor) -> list[Todo]:
    rows = db.session.scalars(catalogue.needs_waiting_for(actor).limit(MOST)).all()
    todos = []
    for need in rows:
        address = url_for("needs.show", key=need.key)
        if need.state == NeedState.RETURNED:
            todos.append(
                Todo(
                    "补正需求",
                    need.title,
                    url_for("needs.edit", key=need.key),
                    _last_remark(need.remarks),
                    None,
                    "不会发布",
                )
            )
        elif need.state == NeedState.EXPIRED:
            todos.append(Todo("确认是否续期", need.title, address, "已过有效期", None, "不再推荐"))
        else:
            todos.append(
                Todo(
                    "审核需求",
                    need.title,
                    address,
                    f"{need.organisation.name}　{need.code}",
                    due_after_workdays(need.state_since, REVIEW_WORKDAYS),
                    "提交人会看到已逾期",
                )
            )
    return todos


def _capabilities(actor: Actor) -> list[Todo]:
    rows = db.session.scalars(catalogue.capabilities_waiting_for(actor).limit(MOST)).all()
    words = {
        CapabilityState.SUBMITTED: ("审核能力", ""),
        CapabilityState.STALE: ("确认能力仍然有效", "排序靠后"),
        CapabilityState.RETURNED: ("修改能力", "不会发布"),
    }
    return [
        Todo(
            words[row.state][0],
            row.title,
            url_for("capabilities.show", key=row.key),
            row.organisation.name,
            due_after_workdays(row.state_since, REVIEW_WORKDAYS) if row.state == CapabilityState.SUBMITTED else None,
            words[row.state][1],
        )
        for row in rows
    ]


def _refusals(actor: Actor) -> list[Todo]:
    """What refusals ask the organisation to improve in its own records; nobody is told who refused."""
    pages = {"need": "needs.show", "capability": "capabilities.show"}
    return [
        Todo(
            "按反馈补充",
            record.title,
            url_for(pages[record.lifecycle.kind], key=record.key),
            "；".join(task.sentence for task in tasks),
            None,
            "别的单位也会因此却步",
        )
        for record, tasks in refusals.tasks_waiting_for(actor)[:MOST]
    ]


def _organisations(actor: Actor) -> list[Todo]:
    if not policy.is_office(actor, None):
        return []
    rows = db.session.scalars(select(Organisation).where(Organisation.state == "unverified").limit(MOST)).all()
    return [
        Todo(
            "核验单位",
            unit.full_name,
            url_for("admin.organisation", key=unit.key),
            unit.kind_label,
            None,
            "该单位不能办事",
        )
        for unit in rows
    ]


def _last_remark(remarks: list) -> str:  # type: ignore[type-arg]
    return remarks[-1].sentence if remarks else ""


def address_of(notice: notify.Notice) -> str:
    """Return the page that a notice is about."""
    pages = {
        "need": "needs.show",
        "capability": "capabilities.show",
        "interest": "interests.show",
        "saved_search": "saved_searches.show",
    }
    if notice.subject_kind in pages:
        return url_for(pages[notice.subject_kind], key=notice.subject_key)
    return url_for("accounts.organisation")
