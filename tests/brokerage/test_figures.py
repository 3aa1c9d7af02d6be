"""What became of suggested pairs: each counted once, at its first list, with what followed within thirty days."""

from __future__ import annotations

import pytest

from kcz_match.brokerage import congestion, figures, places
from kcz_match.brokerage.figures import Choice, Refusals, Tally
from kcz_match.core.db import db, utc_now
from tests.brokerage.stored import ago, ask, decide, store


def choice(days: int = 90, **more) -> Choice:
    return Choice(ago(days), utc_now(), **more)


def pairs(chosen: Choice, outcome: str = "", **narrowed) -> list[tuple[int, int, int]]:
    rows = db.session.execute(figures.pairs(chosen, narrowed, outcome))
    return [(row.need_id, row.capability_id, row.place) for row in rows]


@pytest.fixture
def need(world):
    return world.need()


@pytest.fixture
def three(world):
    return [world.capability(title=f"铸件检测 {number}") for number in range(3)]


def test_without_lists_there_is_nothing_and_no_rate(world):
    found = figures.hits(choice())
    assert found.total == Tally()
    assert found.total.rate is None
    assert found.by == {name: {} for name in figures.DIMENSIONS}
    assert (figures.encoders(), figures.refusal_counts(choice())) == ([], [])


def test_a_pair_in_many_lists_of_both_records_counts_once_at_the_place_of_the_first(world, need, three):
    store(need, [three[1], three[0]], days=20)
    store(three[0], [need], days=10)
    store(need, [three[0], three[1]], days=5)
    found = figures.hits(choice())
    assert found.total == Tally(suggested=2, open=2)
    assert found.by["rank"] == {1: Tally(suggested=1, open=1), 2: Tally(suggested=1, open=1)}
    assert pairs(choice(), rank=1) == [(need.id, three[1].id, 1)]
    assert pairs(choice(), rank=2) == [(need.id, three[0].id, 2)]


def test_each_outcome_is_counted_and_a_hit_is_an_adoption_or_an_interest(world, need, three):
    store(need, three, days=20)
    decide(need, three[0], "adopt", days=10)
    ask(need, three[1], days=9, state="accepted", answered=8)
    decide(need, three[2], "refuse", days=7, reason="spec_gap")
    found = figures.hits(choice())
    assert found.by["rank"] == {
        1: Tally(suggested=1, hit=1, adopted=1, open=1),
        2: Tally(suggested=1, hit=1, asked=1, accepted=1, open=1),
        3: Tally(suggested=1, refused=1, open=1),
    }
    assert found.total == Tally(suggested=3, hit=2, adopted=1, asked=1, accepted=1, refused=1, open=3)
    assert found.total.rate == pytest.approx(2 / 3)


def test_an_adoption_and_an_interest_about_one_pair_are_one_hit(world, need, three):
    store(need, three[:1], days=20)
    decide(need, three[0], "adopt", days=10)
    decide(need, three[0], "adopt", days=9, by=world.society)
    ask(need, three[0], days=8)
    assert figures.hits(choice()).total == Tally(suggested=1, hit=1, adopted=1, asked=1, open=1)


def test_what_happened_before_the_list_takes_the_pair_out_and_after_thirty_days_does_not_count(world, need, three):
    store(need, three, days=60)
    decide(need, three[0], "ignore", days=61)
    decide(need, three[1], "adopt", days=29)
    decide(need, three[2], "adopt", days=31)
    found = figures.hits(choice())
    assert found.total == Tally(suggested=2, hit=1, adopted=1)
    assert pairs(choice(), "hit") == [(need.id, three[2].id, 3)]


def test_what_was_not_shown_as_a_suggestion_does_not_count(world, need, three):
    four = [*three, world.capability(title="名额未定")]
    facts = [{"failed": ["trl"]}, {"holds_slot": False}, {"band": "none"}, {"holds_slot": True}]
    store(need, list(zip(four, facts, strict=True)))
    assert pairs(choice()) == [(need.id, four[3].id, 1)]


def test_weak_pairs_count_only_where_bands_are_compared(world, need, three):
    store(need, [three[0], (three[1], {"band": "weak"})], days=20)
    store(need, [three[0], three[1]], days=10)
    decide(need, three[1], "adopt", days=15)
    found = figures.hits(choice())
    one, adopted = Tally(suggested=1, open=1), Tally(suggested=1, hit=1, adopted=1, open=1)
    assert found.by["band"] == {"strong": one, "weak": adopted}
    assert (found.total, found.by["rank"]) == (one, {1: one})
    assert pairs(choice(), band="weak") == [(need.id, three[1].id, 2)]


def test_each_encoder_is_credited_with_its_own_first_list_but_the_total_counts_the_pair_once(world, need, three):
    store(need, three[:1], days=20, encoder="alt")
    store(need, [three[1], three[0]], days=10, encoder="neu")
    decide(need, three[0], "adopt", days=5)
    found = figures.hits(choice())
    hit = Tally(suggested=1, hit=1, adopted=1, open=1)
    assert found.by["encoder"] == {"alt": hit, "neu": hit + Tally(suggested=1, open=1)}
    assert found.total.suggested == 2
    assert figures.hits(choice(encoder="neu")).by["rank"] == {1: Tally(suggested=1, open=1), 2: hit}
    assert pairs(choice(), encoder="neu") == [(need.id, three[0].id, 2), (need.id, three[1].id, 1)]
    assert figures.encoders() == ["alt", "neu"]


def test_period_and_district_narrow_the_lists(world, need, three):
    park = world.need(by=world.of(world.park), industry="bio")
    store(need, three[:1], days=100)
    store(park, three[:2], days=40)
    assert figures.hits(choice(30)).total.suggested == 0
    assert figures.hits(choice(90)).by["industry"] == {"bio": Tally(suggested=2)}
    assert figures.hits(choice(365)).total.suggested == 3
    assert figures.hits(choice(365, district="440111")).total.suggested == 0
    assert figures.hits(choice(365, district="440112")).total.suggested == 3


def test_places_after_the_tenth_stand_together_and_keep_their_number_in_the_list(world, need, three):
    store(need, [(three[0], {"failed": ["trl"]})] + [world.capability(title=f"检测 {number}") for number in range(12)])
    found = figures.hits(choice()).by["rank"]
    assert list(found) == list(range(1, 12))
    assert found[figures.BEYOND] == Tally(suggested=2, open=2)
    assert [place for _, _, place in pairs(choice(), rank=figures.BEYOND)] == [12, 11]


def test_every_number_is_the_length_of_its_list_of_pairs(world, need, three):
    other = world.need(industry="ai")
    store(need, three, days=50, encoder="alt")
    store(other, three[::-1], days=15, encoder="neu")
    store(three[0], [other, need], days=3, encoder="neu")
    decide(need, three[0], "adopt", days=45)
    decide(other, three[1], "refuse", days=2, reason="off_topic")
    ask(other, three[2], days=10)
    found = figures.hits(choice())
    for dimension, tallies in found.by.items():
        for value, tally in tallies.items():
            assert len(pairs(choice(), **{dimension: value})) == tally.suggested, (dimension, value)
            for outcome in figures.OUTCOMES:
                assert len(pairs(choice(), outcome, **{dimension: value})) == getattr(tally, outcome)
    assert found.total == Tally(suggested=6, hit=2, adopted=1, asked=1, refused=1, open=3)


def test_weeks_begin_on_monday_in_china(world, need, three):
    made = store(need, three[:1])
    made.made_at = made.made_at.replace(year=2026, month=11, day=22, hour=16, minute=30)  # Monday 00:30 in China
    db.session.commit()
    everything = Choice(made.made_at.replace(month=1), made.made_at.replace(month=12))
    assert list(figures.hits(everything).by["week"]) == ["2026-11-23"]


def test_all_hits_take_one_query(world, need, three, count_queries):
    store(need, three)
    assert count_queries(lambda: figures.hits(choice())) <= 2  # with the BEGIN


# --- refusals ----------------------------------------------------------------------------------------------------


def test_refusals_of_both_sides_and_of_brokers_are_counted_by_code(world, need, three):
    decide(need, three[0], "refuse", reason="too_early")
    decide(need, three[1], "refuse", reason="too_early", by=world.society)
    decide(need, three[2], "refuse", reason="too_early", by=world.district)
    ask(need, three[2], state="declined", reason="no_capacity")
    decide(need, three[1], "adopt")
    assert figures.refusal_counts(choice()) == [
        Refusals("too_early", need=1, capability=1, broker=1),
        Refusals("no_capacity", capability=1),
    ]
    listed = db.session.execute(figures.refusals(choice(), "too_early", "broker")).all()
    assert [(row.capability_id, row.organisation_id, row.side) for row in listed] == [
        (three[2].id, world.district.id, "broker")
    ]


def test_one_organisation_with_one_code_for_one_pair_counts_once_whichever_way_it_said_it(world, need, three):
    decide(need, three[0], "refuse", reason="no_capacity", by=world.society)
    ask(need, three[0], days=3, state="declined", answered=1, reason="no_capacity")
    assert figures.refusal_counts(choice()) == [Refusals("no_capacity", capability=1)]


def test_refusals_are_narrowed_by_their_own_day_the_district_and_the_encoder_that_listed_the_pair(world, need, three):
    store(need, three[:1], encoder="neu", days=200)
    decide(need, three[0], "refuse", days=40, reason="ip")
    decide(need, three[1], "refuse", days=40, reason="budget")
    assert figures.refusal_counts(choice(30)) == []
    assert [one.code for one in figures.refusal_counts(choice())] == ["budget", "ip"]
    assert [one.code for one in figures.refusal_counts(choice(encoder="neu"))] == ["ip"]
    assert figures.refusal_counts(choice(district="440111")) == []


# --- congestion --------------------------------------------------------------------------------------------------


def test_the_needs_behind_a_crowded_capability_are_those_that_count_as_crowd(world, need, three):
    for one in three:
        one.monthly_capacity = None
    three[0].monthly_capacity = 1
    needs = [need, *(world.need(title=f"压铸缺陷 {number}") for number in range(5))]
    facts = [{"score": 8.0}, {"score": 9.0}, {"band": "weak"}, {"failed": ["trl"]}, {"score": 7.0}]
    for place, one in enumerate(facts):
        store(needs[place], [(three[0], one)], is_current=True)
    store(needs[5], [three[0]])
    ask(needs[4], three[0], days=40, state="accepted", answered=39)
    places.share_places()
    db.session.commit()
    crowd = [one for one in places.shared_now().crowds if one.turned_away]
    assert [(one.capability, one.wanted, one.held) for one in crowd] == [(three[0].id, 2, 1)]
    wanting = db.session.execute(congestion.who_wants(three[0].id)).all()
    assert [(one.need_id, one.holds_slot) for one in wanting] == [(needs[1].id, True), (needs[0].id, False)]


def test_a_capability_is_never_suggested_until_some_list_shows_it(world, need, three):
    draft = world.capability("draft")
    store(need, [three[0], (three[1], {"holds_slot": False})])
    assert list(db.session.scalars(congestion.never_suggested())) == [three[1], three[2]]
    store(three[1], [need])
    assert list(db.session.scalars(congestion.never_suggested())) == [three[2]]
    assert draft.published_at is None
