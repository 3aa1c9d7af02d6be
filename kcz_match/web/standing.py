"""Who has a record now, since when, by when, and what happens otherwise: one sentence for every state."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from kcz_match.accounts import queries as accounts
from kcz_match.accounts.models import Organisation
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.states import REVIEW_WORKDAYS, CapabilityState, NeedState
from kcz_match.core.calendar import due_after_workdays
from kcz_match.engagements.models import Interest
from kcz_match.engagements.states import InterestState


@dataclass(frozen=True)
class Standing:
    """Who must act (or nobody), since when, by when, and what happens otherwise."""

    who: str = ""
    since: dt.datetime | None = None
    due: dt.datetime | dt.date | None = None
    otherwise: str = ""


def standing_of(record: Need | Capability | Interest) -> Standing:
    """Return where a record stands."""
    if isinstance(record, Need):
        return _of_need(record)
    return _of_capability(record) if isinstance(record, Capability) else _of_interest(record)


def _of_need(need: Need) -> Standing:
    since = need.state_since
    if need.state in (NeedState.DRAFT, NeedState.RETURNED):
        return Standing(need.organisation.name, since, otherwise="没有人看得到")
    if need.state == NeedState.SUBMITTED:
        return _review(_name(accounts.association_of(need.district_code), "区科协"), since)
    if need.state == NeedState.DISTRICT_APPROVED:
        return _review("办公室", since)
    if need.state in (NeedState.PUBLISHED, NeedState.MATCHING):
        return Standing("", since, need.valid_until, "自动停止推荐，可续期")
    if need.state == NeedState.DIAGNOSING:
        return Standing("学会", since, need.valid_until, "自动停止推荐，可续期")
    if need.state == NeedState.EXPIRED:
        return Standing(need.organisation.name, since, otherwise="不再推荐")
    return Standing("", since)


def _of_capability(capability: Capability) -> Standing:
    since = capability.state_since
    if capability.state in (CapabilityState.DRAFT, CapabilityState.RETURNED):
        return Standing(capability.organisation.name, since, otherwise="不会推荐给需求")
    if capability.state == CapabilityState.SUBMITTED:
        return _review(capability.approver.name, since)
    if capability.state == CapabilityState.STALE:
        return Standing(capability.organisation.name, since, otherwise="排序靠后并注明待确认")
    return Standing("", since)


def _of_interest(interest: Interest) -> Standing:
    if interest.state == InterestState.SENT:
        return Standing(interest.answerer.name, interest.sent_at, interest.due_at, "计入对方未回复数")
    return Standing("", interest.state_since)


def _review(who: str, since: dt.datetime) -> Standing:
    return Standing(who, since, due_after_workdays(since, REVIEW_WORKDAYS), "在待办里标为逾期")


def _name(unit: Organisation | None, otherwise: str) -> str:
    return unit.name if unit else otherwise
