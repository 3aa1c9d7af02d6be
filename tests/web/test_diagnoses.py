"""The diagnosis on pages: fresh without being kept, kept ones for those who read the matches, and the three offers."""

import datetime as dt

import pytest
import time_machine
from sqlalchemy import select

from kcz_match.brokerage import diagnosing
from kcz_match.brokerage.models import NeedDiagnosis
from kcz_match.core.db import db, utc_now
from tests.factories import sign_in
from tests.web.test_matches import ALIKE, index_everything, text_of


@pytest.fixture
def need(world):
    """A need that asks for more maturity than the only capability in its words has."""
    made = world.need(min_trl="9")
    world.capability(**ALIKE)
    index_everything()
    return made


@pytest.fixture
def diagnosed(need):
    """The same need after thirty-one days and the daily task."""
    with time_machine.travel(utc_now() + dt.timedelta(days=31), tick=False):
        diagnosing.diagnose_needs()
        db.session.commit()
    return need


def test_a_fresh_diagnosis_names_cause_and_edit_and_is_not_kept(world, client, need):
    sign_in(client, world.of(world.enterprise))
    page = text_of(client.get(f"/needs/{need.key}/diagnosis"))
    assert "诊断：条件太窄" in page and "把最低成熟度由 9 级放宽到 7 级，可多出 1 项" in page
    assert f'href="/needs/{need.key}#move-revise">改“最低成熟度”' in page
    assert db.session.scalars(select(NeedDiagnosis)).all() == []


def test_the_kept_diagnosis_stands_on_the_need_and_its_matches_for_its_own_side_only(world, client, diagnosed):
    addresses = [f"/needs/{diagnosed.key}", f"/needs/{diagnosed.key}/matches"]
    for actor in (world.of(world.enterprise), world.of(world.district), world.office_manager):
        sign_in(client, actor)
        assert ["诊断：条件太窄" in text_of(client.get(address)) for address in addresses] == [True, True]
    for unit in (world.society, world.park):
        sign_in(client, world.of(unit))
        assert "诊断：" not in text_of(client.get(addresses[0]))
    client.post("/logout")
    assert "诊断：" not in text_of(client.get(addresses[0]))


def test_who_may_not_read_the_matches_gets_no_diagnosis(world, client, need):
    for unit in (world.society, world.park, world.other_district):
        sign_in(client, world.of(unit))
        assert client.get(f"/needs/{need.key}/diagnosis").status_code == 404


def test_only_the_owner_is_led_to_the_form(world, client, need):
    sign_in(client, world.of(world.district))
    page = text_of(client.get(f"/needs/{need.key}/diagnosis"))
    assert "诊断：条件太窄" in page and "改“最低成熟度”" not in page


def test_the_match_page_without_a_good_match_offers_three_ways(world, client, need):
    sign_in(client, world.of(world.enterprise))
    page = text_of(client.get(f"/needs/{need.key}/matches"))
    below = page[page.index('class="below-floor"') :]
    assert f'href="/needs/{need.key}/diagnosis">现在诊断' in below
    assert f'action="/needs/{need.key}/call"' in below
    assert "有合适的能力发布时告诉我" in below


def test_whoever_brokers_is_not_offered_to_call_in_the_owner_s_name(world, client, need):
    sign_in(client, world.of(world.district))
    below = text_of(client.get(f"/needs/{need.key}/matches"))
    assert "现在诊断" in below and f'action="/needs/{need.key}/call"' not in below


def test_a_need_that_is_not_public_says_that_there_is_nothing_to_diagnose(world, client):
    draft = world.draft()
    sign_in(client, world.of(world.enterprise))
    assert "公开以后才能诊断" in text_of(client.get(f"/needs/{draft.key}/diagnosis"))


def test_the_notice_leads_to_the_need_where_the_diagnosis_stands(world, client, diagnosed):
    sign_in(client, world.of(world.enterprise))
    page = text_of(client.get("/inbox"))
    assert "把最低成熟度由 9 级放宽到 7 级" in page and f'href="/needs/{diagnosed.key}"' in page
