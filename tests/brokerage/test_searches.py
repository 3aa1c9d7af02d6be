"""Keeping searches: what is kept, what is refused, and whose they are."""

import pytest
from sqlalchemy import select

from kcz_match.brokerage import searches
from kcz_match.brokerage.models import SavedSearch, SearchAlert
from kcz_match.brokerage.searches import Standing
from kcz_match.catalogue import need_service
from kcz_match.core.audit import AuditEntry
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Conflict, Forbidden, Invalid, NotFound
from kcz_match.core.policy import ANYONE


def _all() -> list[SavedSearch]:
    return list(db.session.scalars(select(SavedSearch).order_by(SavedSearch.id)))


def _deeds() -> list[str]:
    rows = db.session.scalars(select(AuditEntry).where(AuditEntry.action.startswith("search.")).order_by(AuditEntry.id))
    return [row.action for row in rows]


def _brought(search: SavedSearch, record_id: int, *, is_seen: bool = False) -> None:
    db.session.add(
        SearchAlert(
            search_id=search.id,
            kind=search.kind,
            record_id=record_id,
            field="problem",
            line="一句。",
            at=utc_now(),
            seen_at=utc_now() if is_seen else None,
        )
    )
    db.session.flush()


def test_a_member_keeps_words_and_the_facets_that_were_chosen(world):
    actor = world.of(world.enterprise)

    kept = searches.save(actor, "capability", " 气孔  自动检出 ", {"industry": "nev", "district": "", "type": ""})

    assert (kept.organisation_id, kept.kind, kept.words, kept.facets) == (
        world.enterprise.id, "capability", "气孔 自动检出", {"industry": "nev"},
    )  # fmt: skip
    assert (kept.user_id, kept.need_id, searches.state_of(kept)) == (actor.user_id, None, "on")
    assert _deeds() == ["search.save"]


def test_the_very_same_search_of_an_organisation_is_kept_once(world):
    actor = world.of(world.enterprise)
    searches.save(actor, "capability", "GB/T 31467 气孔", {"industry": "nev"})

    with pytest.raises(Conflict, match="已经保存过"):
        searches.save(actor, "capability", "gb/t  31467 气孔", {"industry": "nev", "type": ""})

    searches.save(actor, "capability", "GB/T 31467 气孔", {"industry": "equip"})
    searches.save(actor, "need", "GB/T 31467 气孔", {"industry": "nev"})
    searches.save(world.of(world.society), "capability", "GB/T 31467 气孔", {"industry": "nev"})
    assert len(_all()) == 4


@pytest.mark.parametrize(
    ("kind", "words", "facets", "wrong"),
    [
        ("capability", "  ", {}, {"words"}),
        ("capability", "气" * 201, {}, {"words"}),
        ("meeting", "气孔", {}, {"kind"}),
        ("capability", "气孔", {"industry": "moon"}, {"facets"}),
        ("capability", "气孔", {"colour": "red"}, {"facets"}),
        ("need", "气孔", {"type": "result"}, {"facets"}),
    ],
)
def test_a_search_that_asks_for_nothing_that_exists_is_refused(world, kind, words, facets, wrong):
    with pytest.raises(Invalid) as refusal:
        searches.save(world.of(world.enterprise), kind, words, facets)

    assert set(refusal.value.errors) == wrong
    assert _all() == []


def test_an_organisation_keeps_fifty_searches_and_no_more(world):
    actor = world.of(world.enterprise)
    for number in range(searches.MOST_SEARCHES):
        searches.save(actor, "capability", f"气孔 {number}")

    with pytest.raises(Conflict, match="50 个"):
        searches.save(actor, "capability", "气孔")

    searches.remove(_all()[0], actor)
    assert searches.save(actor, "capability", "气孔").words == "气孔"


def test_a_stranger_and_an_unverified_member_keep_nothing(world):
    for nobody in (ANYONE, world.of(world.enterprise).__class__(1, "某人", world.enterprise.id, role="manager")):
        with pytest.raises(Forbidden):
            searches.save(nobody, "capability", "气孔")
    assert _all() == []


def test_a_need_asks_for_itself_once_and_without_words(world):
    need, actor = world.need(), world.of(world.enterprise)

    kept = searches.save(actor, "capability", "气孔", {"industry": "nev"}, need=need)

    assert (kept.need_id, kept.words, kept.facets, searches.name_of(kept)) == (need.id, "", {}, need.title)
    with pytest.raises(Conflict, match="已经保存过"):
        searches.save(actor, "capability", "", need=need)
    with pytest.raises(Invalid):
        searches.save(world.of(world.district), "need", "", need=need)


def test_a_search_for_a_need_is_kept_only_by_those_who_may_see_its_matches(world):
    need = world.need()

    searches.save(world.of(world.district), "capability", "", need=need)
    with pytest.raises(Forbidden):
        searches.save(world.of(world.society), "capability", "", need=need)

    assert [row.organisation_id for row in _all()] == [world.district.id]


def test_a_need_that_is_not_open_asks_for_nothing(world):
    need = world.need("submitted")

    with pytest.raises(Conflict, match="待区科协审核"):
        searches.save(world.of(world.enterprise), "capability", "", need=need)


def test_a_search_for_a_need_follows_the_need(world):
    need, actor = world.need(), world.of(world.enterprise)
    kept = searches.save(actor, "capability", "", need=need)
    states = [searches.state_of(kept)]

    need_service.act(need, "revise", actor, reason="补充指标")
    states.append(searches.state_of(kept))
    need_service.act(need, "submit", actor)
    need_service.act(need, "withdraw", actor, reason="changed")
    states.append(searches.state_of(kept))

    assert states == ["on", "asleep", "ended"]
    assert kept.is_on


def test_a_search_is_paused_resumed_and_removed_with_what_it_brought(world):
    actor = world.of(world.enterprise)
    kept = searches.save(actor, "capability", "气孔")
    other = searches.save(actor, "capability", "缩松")
    for search in (kept, other):
        _brought(search, 7)

    searches.pause(kept, actor)
    searches.pause(kept, actor)
    assert searches.state_of(kept) == "paused"
    searches.resume(kept, actor)
    assert searches.state_of(kept) == "on"
    searches.remove(kept, actor)
    db.session.flush()

    assert _all() == [other]
    assert [row.search_id for row in db.session.scalars(select(SearchAlert))] == [other.id]
    assert _deeds() == ["search.save", "search.save", "search.pause", "search.resume", "search.remove"]


def test_nobody_of_another_organisation_sees_or_changes_a_search(world):
    kept = searches.save(world.of(world.enterprise), "capability", "气孔")
    other = world.of(world.park)

    with pytest.raises(NotFound):
        searches.search_by_key(kept.key, other)
    for verb in (searches.pause, searches.resume, searches.remove, searches.mark_seen):
        with pytest.raises(Forbidden):
            verb(kept, other)

    assert (searches.standings_of(other), _all(), kept.is_on) == ([], [kept], True)


def test_counts_tell_what_was_brought_and_what_nobody_has_seen(world):
    actor = world.of(world.enterprise)
    first, second = (searches.save(actor, "capability", words) for words in ("气孔", "缩松"))
    _brought(first, 1, is_seen=True)
    _brought(first, 2)

    assert searches.standings_of(actor) == [Standing(second, 0, 0), Standing(first, 2, 1)]
    searches.mark_seen(first, actor)
    assert searches.standings_of(actor) == [Standing(second, 0, 0), Standing(first, 2, 0)]


def test_facets_are_met_by_the_codes_of_a_record(world):
    need, capability = world.need(), world.capability()

    for record, facets, is_met in (
        (need, {"industry": "nev", "district": "440112", "type": "rd"}, True),
        (need, {"industry": "marine"}, False),
        (capability, {"industry": "equip", "type": "result"}, True),
        (capability, {"type": "expert"}, False),
        (capability, {}, True),
    ):
        assert searches.has_facets(record, facets) is is_met
