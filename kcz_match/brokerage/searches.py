"""Saved searches of an organisation: keep one, pause, resume and remove it.  Nothing here commits.

A search is kept with its words and facets, or for a need without a good match, and then the need's own text asks.  What
it finds later is an alert (``alerts.py``).  A search for a need rests while the need takes no contacts: that is read
off the need and never written down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import selectinload

from kcz_match.brokerage.models import SavedSearch, SearchAlert
from kcz_match.catalogue.models import Need
from kcz_match.catalogue.states import OPEN_NEED_STATES, NeedState
from kcz_match.catalogue.terms import TERMS
from kcz_match.catalogue.visibility import Record
from kcz_match.core import audit, policy
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Conflict, Invalid, NotFound
from kcz_match.core.policy import Actor
from kcz_match.core.text import clean_line

MOST_SEARCHES = 50
LONGEST = 200
FACETS: dict[str, dict[str, str]] = {
    "need": {"industry": "industries", "district": "districts", "type": "need_kinds"},
    "capability": {"industry": "industries", "district": "districts", "type": "capability_types"},
}
ASLEEP_NEED_STATES = frozenset(
    {NeedState.DRAFT, NeedState.SUBMITTED, NeedState.RETURNED, NeedState.DISTRICT_APPROVED, NeedState.ENGAGED}
)


@dataclass(frozen=True)
class Standing:
    """One saved search as its list shows it: how many alerts it brought, and how many of them nobody has seen."""

    search: SavedSearch
    found: int
    unseen: int


def searches_of(actor: Actor) -> Select[tuple[SavedSearch]]:
    """Return the query of the searches of the actor's organisation, newest first."""
    return (
        select(SavedSearch)
        .where(SavedSearch.organisation_id == actor.organisation_id)
        .options(selectinload(SavedSearch.need))
        .order_by(SavedSearch.created_at.desc(), SavedSearch.id.desc())
    )


def search_by_key(key: str, actor: Actor) -> SavedSearch:
    """Return the search with this key of the actor's organisation, otherwise raise ``NotFound``."""
    found = db.session.scalar(searches_of(actor).where(SavedSearch.key == key))
    if found is None:
        raise NotFound
    return found


def standings_of(actor: Actor) -> list[Standing]:
    """Return the searches of the actor's organisation with their counts, newest first."""
    rows = db.session.scalars(searches_of(actor)).all()
    counts = {
        search_id: (found, found - seen)
        for search_id, found, seen in db.session.execute(
            select(SearchAlert.search_id, func.count(), func.count(SearchAlert.seen_at))
            .where(SearchAlert.search_id.in_([row.id for row in rows]))
            .group_by(SearchAlert.search_id)
        )
    }
    return [Standing(row, *counts.get(row.id, (0, 0))) for row in rows]


def alerts_of(search: SavedSearch) -> Select[tuple[SearchAlert]]:
    """Return the query of what a search brought, newest first."""
    return select(SearchAlert).where(SearchAlert.search_id == search.id).order_by(SearchAlert.id.desc())


def unseen_count(search: SavedSearch) -> int:
    """Return how many alerts of a search nobody has seen."""
    unseen = select(func.count()).where(SearchAlert.search_id == search.id, SearchAlert.seen_at.is_(None))
    return db.session.scalar(unseen) or 0


def same_search(
    actor: Actor, kind: str, words: str, facets: Mapping[str, str], need: Need | None = None
) -> SavedSearch | None:
    """Return the search of the actor's organisation that asks the very same, if it was saved already."""
    asked = (kind, _plain(words) if need is None else "", chosen(facets), need.id if need is not None else None)
    rows = db.session.scalars(searches_of(actor)).all()
    return next((row for row in rows if (row.kind, _plain(row.words), row.facets, row.need_id) == asked), None)


def save(
    actor: Actor, kind: str, words: str, facets: Mapping[str, str] | None = None, need: Need | None = None
) -> SavedSearch:
    """Keep a search for the actor's organisation, so that it hears of what is published from now on.

    With ``need`` the need asks for capabilities, and words and facets are left out.  ``Invalid`` for a search without
    words or with unknown facets, ``Conflict`` when the very same is kept already, there are too many, or the need is
    not open.
    """
    policy.require(actor, "search.save")
    picked = chosen(facets or {}) if need is None else {}
    if need is not None:
        policy.require(actor, "match.read", need)
        if not is_awake(need):
            raise Conflict(f"这条需求现在是“{need.lifecycle.word(need.state)}”，不用再等新的能力。")
    text = "" if need is not None else clean_line(words)
    _check(kind, text, picked, need)
    if same_search(actor, kind, text, picked, need) is not None:
        raise Conflict("这次搜索已经保存过，有符合的新内容会告诉您。")
    if (db.session.scalar(select(func.count()).select_from(searches_of(actor).subquery())) or 0) >= MOST_SEARCHES:
        raise Conflict(f"本单位已保存 {MOST_SEARCHES} 个搜索。请先在“保存的搜索”里移除不用的。")
    search = SavedSearch(
        organisation_id=actor.organisation_id,
        user_id=actor.user_id,
        need_id=need.id if need is not None else None,
        kind=kind,
        words=text,
        facets=picked,
    )
    db.session.add(search)
    audit.write(actor, "search.save", search, after=text or (need.code if need is not None else ""))
    return search


def pause(search: SavedSearch, actor: Actor) -> None:
    """Let a search rest: nothing that is published meanwhile is told."""
    _turn(search, actor, "search.pause", False)


def resume(search: SavedSearch, actor: Actor) -> None:
    """Let a paused search go on."""
    _turn(search, actor, "search.resume", True)


def remove(search: SavedSearch, actor: Actor) -> None:
    """Forget a search with everything that it brought."""
    policy.require(actor, "search.change", search)
    audit.write(actor, "search.remove", search, before=name_of(search))
    db.session.delete(search)


def mark_seen(search: SavedSearch, actor: Actor) -> None:
    """Mark everything that a search brought as seen."""
    policy.require(actor, "search.change", search)
    db.session.execute(
        update(SearchAlert)
        .where(SearchAlert.search_id == search.id, SearchAlert.seen_at.is_(None))
        .values(seen_at=utc_now())
    )


def name_of(search: SavedSearch) -> str:
    """Return what people call a search: its words, or the title of the need that asks."""
    return search.need.title if search.need is not None else search.words


def state_of(search: SavedSearch) -> str:
    """Return ``on``, ``paused``, ``asleep`` (its need is not open at present) or ``ended`` (its need is closed)."""
    if search.need is not None and search.need.state not in OPEN_NEED_STATES:
        return "asleep" if search.need.state in ASLEEP_NEED_STATES else "ended"
    return "on" if search.is_on else "paused"


def is_awake(need: Need) -> bool:
    """Say whether a search may ask with this need now: it takes contacts, and everybody may know of it."""
    return need.state in OPEN_NEED_STATES and need.is_listed


def chosen(facets: Mapping[str, str]) -> dict[str, str]:
    """Return the facets with a value, as they are kept."""
    return {name: code for name, code in sorted(facets.items()) if code}


def has_facets(record: Record, facets: Mapping[str, str]) -> bool:
    """Say whether a record has every chosen code; a facet without one excludes nothing."""
    codes: dict[str, Sequence[str]]
    if isinstance(record, Need):
        codes = {"industry": [record.industry], "district": [record.district_code], "type": [record.kind]}
    else:
        codes = {"industry": record.industries, "district": record.regions, "type": [record.type]}
    return all(not code or code in codes[name] for name, code in facets.items())


def _check(kind: str, text: str, facets: Mapping[str, str], need: Need | None) -> None:
    errors = {}
    if kind not in FACETS or (need is not None and kind != "capability"):
        errors["kind"] = "请选择找能力还是找需求。"
    elif any(name not in FACETS[kind] or code not in TERMS[FACETS[kind][name]] for name, code in facets.items()):
        errors["facets"] = "有一个条件已不在可选范围里，请重新选择。"
    if need is None and not 1 <= len(text) <= LONGEST:
        errors["words"] = f"请写 1–{LONGEST} 个字的搜索内容再保存。"
    if errors:
        raise Invalid(errors)


def _turn(search: SavedSearch, actor: Actor, action: str, is_on: bool) -> None:
    policy.require(actor, "search.change", search)
    if search.is_on is not is_on:
        search.is_on = is_on
        audit.write(actor, action, search, after="on" if is_on else "paused")


def _plain(words: str) -> str:
    return clean_line(words).casefold()
