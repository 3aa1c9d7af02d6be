"""The Office's pages of what the machine keeps: the audit chain and the jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from kcz_match.accounts.models import Membership, Organisation, User
from kcz_match.accounts.states import ROLE_LABELS
from kcz_match.catalogue.models import Capability, Need
from kcz_match.core import audit, jobs
from kcz_match.core.audit import AuditEntry
from kcz_match.core.db import db
from kcz_match.core.jobs import Job, JobStatus
from kcz_match.engagements.models import Interest
from kcz_match.selection.models import Certificate
from kcz_match.web import paging
from kcz_match.web.access import actor, asks
from kcz_match.web.admin import blueprint
from kcz_match.web.deeds import LIFECYCLES, SUBJECTS, action_word, subject_word
from kcz_match.web.presentation import say

PER_PAGE = 30
MOST_JOBS = 2**63 - 1  # the database counts no further
CODE_WORDS = {
    **{role.value: word for role, word in ROLE_LABELS.items()},
    "ended": "移出",
    "waiting": "重新排队",
    "done": "另一个同样的任务已在排队",
}

# Table of a subject -> its model, the page of one record, and its name.
PAGES: dict[str, tuple[Any, str, Any]] = {
    "organisation": (Organisation, "admin.organisation", lambda unit: unit.full_name),
    "user": (User, "admin.user", lambda user: user.name),
    "membership": (Membership, "", lambda one: f"{one.user.name}（{one.organisation.name}）"),
    "certificate": (Certificate, "", lambda certificate: certificate.number),
    "need": (Need, "needs.show", lambda need: need.title or "未命名草稿"),
    "capability": (Capability, "capabilities.show", lambda capability: capability.title or "未命名草稿"),
    "interest": (Interest, "interests.show", lambda interest: "对接意向"),
    "job": (Job, "", lambda job: job.task),
}
STATUS_WORDS = {
    JobStatus.WAITING: "等待",
    JobStatus.RUNNING: "正在办",
    JobStatus.PARKED: "搁置",
    JobStatus.DONE: "办完",
}
LOADED = {"membership": (joinedload(Membership.user), joinedload(Membership.organisation))}
TASK_WORDS = {
    "index_record": "更新索引",
    "index_sentences": "更新例句索引",
    "fold_index": "归并索引",
    "expire_need": "需求到期",
    "mark_stale": "能力待确认",
    "expire_interest": "意向逾期",
    "alert_searches": "比对保存的搜索",
    "digest_alerts": "汇总搜索提醒",
}


@blueprint.get("/audit", endpoint="audit")
@asks("admin.read")
def audit_log() -> str:
    """Show the audit chain, newest first; ``check=1`` walks the whole chain and says whether it holds."""
    actions = {action: f"{subject_word(action)}：{action_word(action)}" for action in sorted(audit.actions())}
    chosen = {
        "action": paging.choice_of("action", actions),
        "kind": paging.choice_of("kind", set(SUBJECTS)),
        "who": request.args.get("who", "").strip(),
    }
    page = paging.page_of(audit.entries_query(**chosen), PER_PAGE)
    return render_template(
        "admin/audit.html",
        page=page,
        chosen=chosen,
        actions=actions,
        kinds=SUBJECTS,
        link=lambda number: paging.with_args(page=number, check=""),
        subjects=_subjects(page.rows),
        action_word=action_word,
        subject_word=subject_word,
        state_of=_state_of,
        reason_of=_reason_of,
        address=paging.with_args,
        checked=audit.verify() if request.args.get("check") == "1" else None,
    )


@blueprint.get("/jobs", endpoint="jobs")
@asks("admin.read")
def job_list() -> str:
    """Show how many jobs stand where, and the ones that were given up."""
    return render_template(
        "admin/jobs.html", counts=jobs.count_by_status(), words=STATUS_WORDS, tasks=TASK_WORDS, parked=jobs.parked()
    )


@blueprint.post("/jobs/<number>/retry")
@asks("admin.read")
def retry_job(number: str) -> Response:
    """Give a parked job all its attempts again; ``NotFound`` for a number that no job has."""
    jobs.retry(jobs.job(paging.whole_number(number, MOST_JOBS, 0)), actor())
    say("任务已重新排队，马上会办。")
    db.session.commit()
    return redirect(url_for("admin.jobs"))


def _subjects(entries: Sequence[AuditEntry]) -> dict[tuple[str, int], tuple[str, str]]:
    """Return the name and the address (or '') of each entry's subject that still exists, one query for each kind."""
    found = {}
    for kind in {entry.subject_kind for entry in entries} & set(PAGES):
        model, endpoint, name = PAGES[kind]
        ids = {entry.subject_id for entry in entries if entry.subject_kind == kind}
        for record in db.session.scalars(select(model).where(model.id.in_(ids)).options(*LOADED.get(kind, ()))):
            found[kind, record.id] = (name(record), url_for(endpoint, key=record.key) if endpoint else "")
    return found


def _reason_of(entry: AuditEntry) -> str:
    """Return an entry's reason: the word of its code when the arrow has a closed list, else the text."""
    kind, _, verb = entry.action.partition(".")
    step = LIFECYCLES[kind].arrows.get(verb) if kind in LIFECYCLES else None
    reason = str(entry.data.get("reason", ""))
    return step.reasons.get(reason, reason) if step else reason


def _state_of(entry: AuditEntry, name: str) -> str:
    """Return what an entry says under ``before`` or ``after``: a state or role in words, other text as it is, or ''."""
    value = entry.data.get(name, "")
    if not isinstance(value, str):
        return ""
    lifecycle = LIFECYCLES.get(entry.action.partition(".")[0])
    if lifecycle is not None and value in set(lifecycle.states):
        return lifecycle.word(value)
    return CODE_WORDS.get(value, value) if entry.action.startswith(("membership.", "job.")) else value
