"""Promises of the demo data: fictional, complete, within the limits of the field tables, and varied."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kcz_match.accounts.districts import DISTRICT
from kcz_match.catalogue.coach import coach, may_be_published_as
from kcz_match.catalogue.fields import (
    CAPABILITY_FIELD,
    CLAIM_LIMITS,
    INDICATOR_LIMITS,
    MOST_ROWS,
    NEED_FIELD,
    Claim,
    Direction,
    Field,
    Form,
    Indicator,
)
from kcz_match.catalogue.indicators import Verdict, compare
from kcz_match.catalogue.states import CAPABILITY_RETURN_REASONS, CLOSE_REASONS, REJECT_REASONS, RETURN_REASONS
from kcz_match.catalogue.terms import CAPABILITY_TYPES, INDUSTRIES, TERMS
from kcz_match.matching.reasons import DECLINE_REASONS

FOLDER = Path(__file__).parents[2] / "scripts" / "demo"
FILES = ("organisations", "needs", "capabilities")
Row = dict[str, Any]


def read(name: str) -> list[Row]:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


UNITS, NEEDS, CAPABILITIES = (read(name) for name in FILES)
UNIT = {unit["ref"]: unit for unit in UNITS}
NEED = {need["ref"]: need for need in NEEDS}
CAPABILITY = {capability["ref"]: capability for capability in CAPABILITIES}
OPEN = ("matching", "engaged", "declined")
CHECKED = (*OPEN, "submitted", "district_approved", "withdrawn", "longterm", "expired")
NEED_EXTRAS = {"ref", "organisation", "story", "reason", "remark", "interest", "twin", "indicators"}
CAPABILITY_EXTRAS = {"ref", "organisation", "story", "reason", "remark", "fits", "lookalike_of", "claims"}


def indicators(need: Row) -> list[Indicator]:
    return [Indicator(**row | {"direction": Direction(row["direction"])}) for row in need["indicators"]]


def fault(field: Field, value: Any) -> str:
    if field.form in (Form.LINE, Form.TEXT):
        return "" if isinstance(value, str) and 0 < len(value) <= field.limit else "text empty or too long"
    if field.form is Form.CHOICE:
        return "" if value in TERMS[field.terms] else "unknown code"
    if field.form is Form.CHOICES:
        return "" if isinstance(value, list) and set(value) <= set(TERMS[field.terms]) else "unknown codes"
    if field.form is Form.NUMBER:
        return "" if isinstance(value, (int, float)) and 0 <= value <= field.limit else "no number within the limit"
    if field.form is Form.DATE:
        return "" if date.fromisoformat(value) else "no date"
    return "" if isinstance(value, bool) else "no yes or no"


def faults(record: Row, table: dict[str, Field], extras: set[str]) -> list[str]:
    named = [f"{name}: no such field" for name in record if name not in table and name not in extras]
    valued = [
        f"{name}: {fault(table[name], value)}"
        for name, value in record.items()
        if name in table and fault(table[name], value)
    ]
    return named + valued


def row_faults(rows: list[Row], limits: dict[str, int]) -> list[str]:
    long = [f"{name} too long: {row[name]}" for row in rows for name, limit in limits.items() if len(row[name]) > limit]
    return long + (["too many rows"] if len(rows) > MOST_ROWS else [])


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_readable_utf_8_of_modest_size_with_one_ref_per_record(name: str) -> None:
    raw = (FOLDER / f"{name}.json").read_bytes()
    assert len(raw) < 900_000
    assert "\\u" not in raw.decode("utf-8")
    refs = [record["ref"] for record in read(name)]
    assert len(refs) == len(set(refs))


def test_every_unit_is_marked_as_fictional_and_has_a_manager() -> None:
    for unit in UNITS:
        assert unit["full_name"].startswith("示例·"), unit["ref"]
        assert unit["short_name"].startswith("示例·"), unit["ref"]
        assert len(unit["intro"]) <= 200, unit["ref"]
        assert unit["people"][0]["role"] == "manager", unit["ref"]
        assert unit["district_code"] in DISTRICT, unit["ref"]
    assert len({unit["full_name"] for unit in UNITS}) == len(UNITS)


def test_every_address_is_on_the_example_domain_and_belongs_to_one_person() -> None:
    people = [person for unit in UNITS for person in unit["people"]]
    assert all(re.fullmatch(r"[a-z.]+@example\.org", person["email"]) for person in people)
    assert {person["role"] for person in people} == {"manager", "officer", "viewer"}
    assert (
        len({(person["ref"], person["email"], person["name"]) for person in people})
        == len({person["ref"] for person in people})
        == len({person["email"] for person in people})
    )


def test_at_least_one_person_belongs_to_two_units() -> None:
    assert max(Counter(person["ref"] for unit in UNITS for person in unit["people"]).values()) == 2


def test_there_are_eleven_districts_eight_parks_and_twenty_societies_and_teams() -> None:
    kinds = Counter(unit["kind"] for unit in UNITS)
    assert (kinds["district"], kinds["park"], kinds["review_body"], kinds["office"]) == (11, 8, 1, 1)
    assert {unit["district_code"] for unit in UNITS if unit["kind"] == "district"} == set(DISTRICT)
    assert kinds["enterprise"] >= 28
    assert kinds["society"] + kinds["service_team"] >= 20
    assert {unit["level"] for unit in UNITS if unit["kind"] == "society"} == {"national", "provincial", "city"}
    assert {unit["level"] for unit in UNITS if unit["kind"] == "service_team"} == {"industry", "regional"}


def test_one_district_and_one_park_are_left_without_a_title() -> None:
    without = [unit["kind"] for unit in UNITS if unit.get("certified") is False]
    assert sorted(without) == ["district", "park"]


def test_a_unit_stands_after_the_units_it_refers_to() -> None:
    seen: set[str] = set()
    for unit in UNITS:
        named = [unit[name] for name in ("parent", "lead") if name in unit] + unit.get("members", [])
        assert set(named) <= seen, unit["ref"]
        seen.add(unit["ref"])
    assert all(UNIT[unit["parent"]]["district_code"] == unit["district_code"] for unit in UNITS if "parent" in unit)


def test_a_team_counts_its_leading_society_among_its_members() -> None:
    teams = [unit for unit in UNITS if unit["kind"] == "service_team"]
    assert [team["ref"] for team in teams if team["lead"] not in team["members"]] == []
    assert {UNIT[ref]["kind"] for team in teams for ref in team["members"]} == {"society"}


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need["ref"])
def test_a_need_keeps_to_the_field_table(need: Row) -> None:
    assert faults(need, NEED_FIELD, NEED_EXTRAS) + row_faults(need["indicators"], INDICATOR_LIMITS) == []
    assert UNIT[need["organisation"]]["kind"] in ("enterprise", "park", "district")
    for name in ("starts_on", "due_on"):
        assert "2026-12-01" <= need.get(name, "2026-12-01") <= "2027-12-31"


@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda capability: capability["ref"])
def test_a_capability_keeps_to_the_field_table_and_the_fields_of_its_type(capability: Row) -> None:
    assert faults(capability, CAPABILITY_FIELD, CAPABILITY_EXTRAS) == []
    assert row_faults(capability["claims"], CLAIM_LIMITS) == []
    assert UNIT[capability["organisation"]]["kind"] in ("society", "service_team")
    foreign = [
        name
        for name in capability
        if name in CAPABILITY_FIELD
        and CAPABILITY_FIELD[name].types
        and capability["type"] not in CAPABILITY_FIELD[name].types
    ]
    assert foreign == []


def test_whatever_was_submitted_has_every_needed_field() -> None:
    lacking = [
        (record["ref"], name)
        for records, table in ((NEEDS, NEED_FIELD), (CAPABILITIES, CAPABILITY_FIELD))
        for record in records
        for name, field in table.items()
        if field.needed
        if record["story"] != "draft" and record.get(name) in (None, "", [])
    ]
    assert lacking == []


def test_titles_are_unique() -> None:
    for records in (NEEDS, CAPABILITIES):
        assert [title for title, count in Counter(record["title"] for record in records).items() if count > 1] == []


def test_long_texts_are_written_one_by_one() -> None:
    for records, names in ((NEEDS, ("background", "problem", "target")), (CAPABILITIES, ("problem", "method"))):
        for name in names:
            texts = [record[name] for record in records]
            assert len(set(texts)) == len(texts), name


def test_needs_cover_all_industries_and_districts_and_every_story() -> None:
    assert len(NEEDS) >= 90
    assert min(Counter(need["industry"] for need in NEEDS)[code] for code in INDUSTRIES) >= 5
    assert {UNIT[need["organisation"]]["district_code"] for need in NEEDS} == set(DISTRICT)
    stories = Counter(need["story"] for need in NEEDS)
    least = {
        "matching": 60,
        "diagnosing": 8,
        "submitted": 4,
        "district_approved": 4,
        "returned": 4,
        "draft": 3,
        "rejected": 2,
        "withdrawn": 1,
        "longterm": 1,
        "engaged": 4,
        "declined": 3,
        "expired": 1,
    }
    assert {story: stories[story] for story in least if stories[story] < least[story]} == {}
    assert set(stories) == set(least)


def test_capabilities_cover_all_industries_types_and_stories() -> None:
    assert len(CAPABILITIES) >= 170
    assert min(Counter(code for one in CAPABILITIES for code in one["industries"])[code] for code in INDUSTRIES) >= 10
    kinds = Counter(capability["type"] for capability in CAPABILITIES)
    least = {"result": 90, "expert": 30, "service": 20, "testing": 18, "pilot": 12}
    assert set(kinds) == set(CAPABILITY_TYPES) == set(least)
    assert {kind: kinds[kind] for kind in least if kinds[kind] < least[kind]} == {}
    stories = Counter(capability["story"] for capability in CAPABILITIES)
    assert {story: count for story, count in stories.items() if story != "published"} == {
        "submitted": 4,
        "returned": 2,
        "draft": 2,
        "stale": 5,
        "unlisted": 1,
    }


def test_only_units_of_certified_districts_and_parks_have_needs_beyond_a_draft() -> None:
    beyond = [UNIT[need["organisation"]] for need in NEEDS if need["story"] != "draft"]
    chains = [[unit["ref"], unit.get("parent", "")] for unit in beyond]
    assert [chain for chain in chains if not any(UNIT.get(ref, {}).get("certified") for ref in chain)] == []


@pytest.mark.parametrize("need", [one for one in NEEDS if one["story"] in CHECKED], ids=lambda need: need["ref"])
def test_a_need_that_passed_review_is_clear_and_the_coach_has_nothing_to_say(need: Row) -> None:
    unit = UNIT[need["organisation"]]
    advice = coach(need, indicators(need), names=(unit["full_name"], unit["short_name"]), today=date(2026, 11, 24))
    assert [warning.sentence for warning in advice.warnings if warning.code != "no_tried"] == []
    assert may_be_published_as(advice) == "matching"
    assert [name for name in ("background", "problem", "target") if not 80 <= len(need[name]) <= 300] == []
    assert 1 <= len(need["indicators"]) <= 4


def test_vague_needs_can_only_be_diagnosed() -> None:
    vague = [need for need in NEEDS if need["story"] == "diagnosing"]
    assert {may_be_published_as(coach(need, indicators(need))) for need in vague} == {"diagnosing"}


def test_the_coach_has_something_to_say_on_every_returned_need() -> None:
    assert [
        need["ref"]
        for need in NEEDS
        if need["story"] == "returned"
        if not coach(need, indicators(need), names=(UNIT[need["organisation"]]["short_name"],)).warnings
    ] == []


def test_reasons_come_from_the_closed_lists() -> None:
    lists = {"returned": RETURN_REASONS, "rejected": REJECT_REASONS, "withdrawn": CLOSE_REASONS}
    assert [
        need["ref"]
        for need in NEEDS
        if need["story"] in lists
        if need["reason"] not in lists[need["story"]] or not need["remark"]
    ] == []
    assert [
        one["ref"]
        for one in CAPABILITIES
        if one["story"] == "returned"
        if one["reason"] not in CAPABILITY_RETURN_REASONS or not one["remark"]
    ] == []


def test_interests_name_a_published_capability_and_answer_the_three_questions() -> None:
    for need in NEEDS:
        assert ("interest" in need) == (need["story"] in ("engaged", "declined")), need["ref"]
        interest = need.get("interest")
        if interest:
            assert CAPABILITY[interest["capability"]]["story"] == "published"
            assert all(interest[name] for name in ("wants", "unclear", "about", "answer"))
            assert (interest.get("reason") in DECLINE_REASONS) == (need["story"] == "declined")


def test_twins_are_mutual_and_live_in_different_districts() -> None:
    twins = [need for need in NEEDS if "twin" in need]
    assert len(twins) >= 6
    for need in twins:
        other = NEED[need["twin"]]
        assert other["twin"] == need["ref"]
        assert UNIT[other["organisation"]]["district_code"] != UNIT[need["organisation"]]["district_code"]


def test_all_but_a_few_open_needs_have_one_to_three_fitting_capabilities() -> None:
    fits = Counter(ref for one in CAPABILITIES if one["story"] == "published" for ref in one["fits"])
    assert set(fits) <= set(NEED)
    counts = Counter(fits[need["ref"]] for need in NEEDS if need["story"] in OPEN)
    assert counts[0] == 6
    assert max(counts) <= 3


def test_a_third_of_the_open_needs_has_a_lookalike_that_does_not_fit() -> None:
    looks = {ref for one in CAPABILITIES for ref in one.get("lookalike_of", [])}
    assert looks <= set(NEED)
    assert [one["ref"] for one in CAPABILITIES if set(one["fits"]) & set(one.get("lookalike_of", []))] == []
    opened = [need["ref"] for need in NEEDS if need["story"] in OPEN]
    assert len(looks & set(opened)) * 3 >= len(opened)


def test_fitting_capabilities_use_other_words_than_the_need() -> None:
    same = [(one["ref"], ref) for one in CAPABILITIES for ref in one["fits"] if one["title"] == NEED[ref]["title"]]
    assert same == []


def test_claims_of_fitting_capabilities_meet_miss_and_leave_open() -> None:
    verdicts = Counter(
        result.verdict
        for one in CAPABILITIES
        for ref in one["fits"]
        for result in compare(indicators(NEED[ref]), [Claim(**row) for row in one["claims"]])
    )
    assert verdicts[Verdict.MET] > verdicts[Verdict.UNMET] > 20
    assert verdicts[Verdict.NOT_STATED] > 20


def test_every_listed_capability_says_where_it_ends_and_proves_its_claims() -> None:
    listed = [one for one in CAPABILITIES if one["story"] in ("published", "stale", "submitted")]
    assert [one["ref"] for one in listed if not one.get("limits") or not one["claims"]] == []
    claims = [claim for one in listed for claim in one["claims"]]
    assert [claim for claim in claims if "示例" not in claim["evidence"] or claim["dated_on"] > "2026-11-24"] == []
    assert [one["ref"] for one in listed if not 75 <= len(one["method"]) <= 260] == []


def test_telephone_numbers_are_of_the_unused_kind() -> None:
    numbers = [
        record[name]
        for record in NEEDS + CAPABILITIES
        for name in ("owner_phone", "technical_phone", "contact_phone")
        if name in record
    ]
    assert len(numbers) > 200
    assert [number for number in numbers if not re.fullmatch(r"020-0000\d{4}|1380000\d{4}", number)] == []
