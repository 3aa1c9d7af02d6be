"""Telling organisations that something new meets a search they saved, with the line that did.

The text is judged in ``watch`` on committed rows; here, under the write lock, the database decides once more who may
still be told of what: the record may have been withdrawn or changed in between.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import func, or_, select

from kcz_match.accounts.models import Organisation
from kcz_match.brokerage import watch
from kcz_match.brokerage.models import MatchVeto, SavedSearch, SearchAlert
from kcz_match.brokerage.searches import has_facets, is_awake, name_of, unseen_count
from kcz_match.brokerage.watch import MODELS, Met
from kcz_match.catalogue.models import Capability, Need, NeedAvoid
from kcz_match.catalogue.states import LISTED_NEED_STATES
from kcz_match.catalogue.visibility import Record
from kcz_match.core import jobs, policy
from kcz_match.core.calendar import ZONE, local_day
from kcz_match.core.db import db, utc_now
from kcz_match.core.notify import notify
from kcz_match.core.policy import Actor
from kcz_match.matching import filters, reading
from kcz_match.matching.documents import MEMBERS, READ_BY
from kcz_match.matching.models import MatchDecision
from kcz_match.matching.reasons import Decision
from kcz_match.matching.terms import capability_terms, need_terms

MOST_NOTICES_A_DAY = 10
SHOWN_NAME = 40


def alert_searches(kind: str, record_id: int, after: int = 0) -> None:
    """Job: tell of a record that has become searchable; ``after`` is the organisation behind which a chunk begins.

    Twice is once: a search is told of a record a single time, whatever happens to its text later.
    """
    met, last = watch.met_by(kind, record_id, after)
    tell(kind, record_id, met)
    if last is not None:
        key = f"alert:{kind}:{record_id}:{last}"
        jobs.leave("alert_searches", key=key, rank=2, kind=kind, record_id=record_id, after=last)


def tell(kind: str, record_id: int, met: Sequence[Met]) -> None:
    """Keep an alert for each search that still may know of the record, and put one notice into each inbox."""
    record = db.session.get(MODELS[kind], record_id) if met else None
    if record is None or not record.is_listed:
        return
    barred = _barred(record)
    told = [one for one in _asking(record, met) if _may_be_told(one, record, barred)]
    for one in told:
        line = one.met.line
        db.session.add(
            SearchAlert(
                search_id=one.search.id, kind=kind, record_id=record_id, field=line.field, line=line.text, at=utc_now()
            )
        )
    for _, group in groupby(told, key=lambda one: one.organisation.id):
        _notify(record, list(group))


def digest_alerts(search_id: int) -> None:
    """Job: at the end of a day with many alerts, say once how many of a search nobody has seen."""
    search = db.session.get(SavedSearch, search_id)
    unseen = unseen_count(search) if search is not None else 0
    if search is None or not unseen:
        return
    name, kind = _short(name_of(search)), MODELS[search.kind].lifecycle.label
    notify(
        search.organisation_id,
        search,
        f"符合您保存的搜索“{name}”的{kind}较多，有 {unseen} 条还没有看，都列在这个搜索的页面上。",
    )


@dataclass(frozen=True)
class _Asking:
    """A saved search with its organisation, and what met it."""

    search: SavedSearch
    organisation: Organisation
    met: Met

    @property
    def member(self) -> Actor:
        """Somebody who acts for the organisation, as far as rules about organisations go."""
        unit = self.organisation
        return Actor(
            user_id=None,
            name=unit.full_name,
            organisation_id=unit.id,
            organisation_kind=str(unit.kind),
            organisation_name=unit.full_name,
            role="officer",
            is_verified=unit.is_verified,
            district_code=unit.district_code,
        )


def _asking(record: Record, met: Sequence[Met]) -> Iterator[_Asking]:
    """Yield the searches that have not been told of the record and whose line still stands in it, by organisation."""
    texts = reading.document(record, READ_BY[MEMBERS]).texts
    standing = {one.search_id: one for one in met if one.line.text in texts.get(one.line.field, "")}
    told = select(SearchAlert.search_id).where(
        SearchAlert.kind == record.lifecycle.kind, SearchAlert.record_id == record.id
    )
    rows = db.session.execute(
        select(SavedSearch, Organisation)
        .join(Organisation, Organisation.id == SavedSearch.organisation_id)
        .where(SavedSearch.id.in_(standing), SavedSearch.id.not_in(told))
        .order_by(SavedSearch.organisation_id, SavedSearch.id)
    )
    yield from (_Asking(search, unit, standing[search.id]) for search, unit in rows.all())


def _may_be_told(one: _Asking, record: Record, barred: frozenset[int]) -> bool:
    search, unit = one.search, one.organisation
    if not (search.is_on and unit.is_verified and unit.id != record.organisation_id):
        return False
    if not policy.can(one.member, f"{record.lifecycle.kind}.read", record) or not has_facets(record, search.facets):
        return False
    if search.need is None:
        return not barred & {unit.id, unit.parent_id}
    return isinstance(record, Capability) and _may_be_proposed(search.need, record, one.member)


def _may_be_proposed(need: Need, capability: Capability, member: Actor) -> bool:
    """Say whether the pair may be shown to the organisation that saved a search for the need."""
    if not (is_awake(need) and policy.can(member, "match.read", need)):
        return False
    if not filters.passes(filters.check(need_terms(need), capability_terms(capability))):
        return False
    vetoed = select(MatchVeto.id).where(MatchVeto.need_id == need.id, MatchVeto.capability_id == capability.id)
    refused = select(MatchDecision.id).where(
        MatchDecision.need_id == need.id,
        MatchDecision.capability_id == capability.id,
        MatchDecision.organisation_id == member.organisation_id,
        MatchDecision.decision == Decision.REFUSE,
    )
    return db.session.scalar(select(or_(vetoed.exists(), refused.exists()))) is False


def _barred(record: Record) -> frozenset[int]:
    """Return the organisations that hear nothing of a record because one side avoids the other, or vetoed a pair."""
    mine, other, partner = (
        (MatchVeto.need_id, MatchVeto.capability_id, Capability)
        if isinstance(record, Need)
        else (MatchVeto.capability_id, MatchVeto.need_id, Need)
    )
    vetoes = db.session.execute(
        select(MatchVeto.organisation_id, partner.organisation_id)
        .join(partner, partner.id == other)
        .where(mine == record.id)
    )
    return frozenset(unit for row in vetoes for unit in row) | _avoiding(record)


def _avoiding(record: Record) -> frozenset[int]:
    if isinstance(record, Need):
        return frozenset(unit.id for unit in record.avoided)
    return frozenset(
        db.session.scalars(
            select(Need.organisation_id)
            .join(NeedAvoid, NeedAvoid.need_id == Need.id)
            .where(
                NeedAvoid.organisation_id.in_([record.organisation_id, record.approver_id]),
                Need.state.in_(LISTED_NEED_STATES),
            )
        )
    )


def _notify(record: Record, told: Sequence[_Asking]) -> None:
    """Tell an organisation once of a record; searches that brought enough today are told of together, tonight."""
    db.session.flush()
    calm = [one for one in told if not _has_brought_enough(one.search)]
    for one in told:
        if one not in calm:
            key = f"digest:search:{one.search.id}"
            jobs.leave("digest_alerts", key=key, run_at=_day_begins(1), rank=3, search_id=one.search.id)
    if not calm:
        return
    first = next((one for one in calm if one.met.line.text != record.title), calm[0])
    more = f"等 {len(told)} 个" if len(told) > 1 else ""
    line, kind, search = first.met.line.text, record.lifecycle.label, f"“{_short(name_of(first.search))}”{more}"
    if line == record.title:
        notify(first.organisation.id, record, f"“{line}”（{kind}名称）符合您保存的搜索{search}。")
    else:
        notify(first.organisation.id, record, f"“{line}”符合您保存的搜索{search}。见{kind}“{_short(record.title)}”。")


def _has_brought_enough(search: SavedSearch) -> bool:
    today = select(func.count()).where(SearchAlert.search_id == search.id, SearchAlert.at >= _day_begins())
    return (db.session.scalar(today) or 0) > MOST_NOTICES_A_DAY


def _day_begins(days: int = 0) -> dt.datetime:
    """Return the moment at which today begins in China, or a day that lies ``days`` ahead."""
    return dt.datetime.combine(local_day(utc_now()) + dt.timedelta(days=days), dt.time(), ZONE).astimezone(dt.UTC)


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_NAME else f"{text[: SHOWN_NAME - 1]}…"
