"""The thread of a record: deeds from the audit chain and remarks, in words, oldest first."""

from __future__ import annotations

from typing import Any

from kcz_match.catalogue.models import Need
from kcz_match.core import audit
from kcz_match.core.audit import AuditEntry
from kcz_match.web.deeds import action_word
from kcz_match.web.presentation import ThreadLine

OTHER_DEEDS = {
    "need.draft": "起草",
    "capability.draft": "起草",
    "interest.send": "发出对接意向",
    "need.share": "列入共性需求",
    "need.leave_shared": "移出共性需求",
    "consent.reveal": "公开联系方式",
    "organisation.register": "登记",
    "organisation.invite": "邀请成员",
    "membership.join": "成员加入",
    "certificate.grant": "认定",
}
ADDRESS_OF = {"organisation.invite": "after", "organisation.withdraw_invitation": "before"}
SHOWN_ELSEWHERE = {"need.remark"}


def thread_of(record: Any) -> list[ThreadLine]:
    """Return the deeds and remarks of a record for its own side to read."""
    lines = [_deed(record, entry) for entry in audit.entries_of(record) if entry.action not in SHOWN_ELSEWHERE]
    if isinstance(record, Need):
        said = {(line.at.replace(microsecond=0), line.remark) for line in lines}
        lines += [
            ThreadLine(remark.at, remark.author, remark.unit, remark=remark.sentence)
            for remark in record.remarks
            if not any(
                moment == remark.at.replace(microsecond=0) and text and text in remark.sentence for moment, text in said
            )
        ]
    return sorted(lines, key=lambda line: line.at)


def _deed(record: Any, entry: AuditEntry) -> ThreadLine:
    verb = entry.action.partition(".")[2]
    step = record.lifecycle.arrows.get(verb)
    reason = str(entry.data.get("reason", ""))
    states = set(record.lifecycle.states)
    before, after = (str(entry.data.get(name, "")) for name in ("before", "after"))
    return ThreadLine(
        at=entry.at,
        who=entry.user_name,
        organisation=entry.organisation_name,
        deed=step.label if step else OTHER_DEEDS.get(entry.action) or action_word(entry.action),
        reason=step.reasons.get(reason, reason) if step else reason,
        remark=_remark(entry),
        before=record.lifecycle.word(before) if step and before in states else "",
        after=record.lifecycle.word(after) if step and after in states else "",
    )


def _remark(entry: AuditEntry) -> str:
    """Return what was said, or for an invitation the address it went to."""
    address = entry.data.get(ADDRESS_OF.get(entry.action, ""), "")
    return str(entry.data.get("remark", "") or address)
