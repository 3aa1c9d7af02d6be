"""The demo data goes in by calling the services, wholly or not at all."""

import datetime as dt

import pytest
from sqlalchemy import func, select

from kcz_match import migrating
from kcz_match.accounts.models import Organisation
from kcz_match.brokerage import figures
from kcz_match.brokerage.figures import Choice
from kcz_match.brokerage.models import MatchPin
from kcz_match.catalogue.models import Capability, Need
from kcz_match.core import audit
from kcz_match.core.db import db, utc_now
from kcz_match.engagements.models import Interest
from kcz_match.matching import reindex
from kcz_match.matching.models import MatchDecision
from scripts import seed_demo

ALIKE = {
    "title": "一体化压铸件在线缺陷检测装置",
    "keywords": "压铸 X射线 缺陷识别",
    "problem": "人工看片漏检率高，节拍跟不上，小气孔经常被放过，返修成本高。",
    "method": "压铸车间每天出件三千件，在线自动判定气孔和缩松。",
}


def count(model):
    return db.session.scalar(select(func.count()).select_from(model))


def test_the_demo_data_tells_every_story_and_its_audit_chain_holds(app):
    seed_demo.seed(lambda sentence: None)
    assert count(Need) == len(seed_demo._read("needs"))
    assert count(Capability) == len(seed_demo._read("capabilities"))
    states = set(db.session.scalars(select(Need.state)))
    assert {"matching", "diagnosing", "returned", "engaged", "draft", "expired", "rejected", "longterm"} <= states
    assert {"accepted", "declined"} == set(db.session.scalars(select(Interest.state)))
    assert db.session.scalars(select(Organisation).where(Organisation.is_demo.is_(False))).all() == []
    assert audit.verify()[1] is None


def test_fictional_people_decide_about_stored_lists_so_that_the_figures_have_something_to_say(world):
    world.capability(**ALIKE)
    for _ in range(4):
        world.need()
    for _ in reindex.steps():
        db.session.commit()
    said = []
    seed_demo.decide_matches(said.append)
    assert said == ["3 decisions on stored lists"]
    assert {row.decision: row.reason for row in db.session.scalars(select(MatchDecision))} == {
        "adopt": "",
        "refuse": seed_demo.REFUSALS[0],
    }
    assert db.session.scalars(select(MatchPin.reason)).all() == [seed_demo.PIN_REASON]
    found = figures.hits(Choice(utc_now() - dt.timedelta(days=30), utc_now()))
    assert (found.total.suggested, found.total.adopted, found.total.refused) == (4, 1, 1)
    assert audit.verify()[1] is None


def test_a_start_that_is_cut_short_leaves_an_empty_database(app, monkeypatch):
    def cut_short(self, facts):
        raise KeyboardInterrupt

    monkeypatch.setattr(seed_demo.Seeder, "_need", cut_short)
    with pytest.raises(KeyboardInterrupt):
        seed_demo.seed(lambda sentence: None)
    assert seed_demo.is_empty()
    db.session.rollback()
    assert migrating.problems() == []
