"""The demo data goes in by calling the services, wholly or not at all."""

import pytest
from sqlalchemy import func, select

from kcz_match import migrating
from kcz_match.accounts.models import Organisation
from kcz_match.catalogue.models import Capability, Need
from kcz_match.core import audit
from kcz_match.core.db import db
from kcz_match.engagements.models import Interest
from scripts import seed_demo


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


def test_a_start_that_is_cut_short_leaves_an_empty_database(app, monkeypatch):
    def cut_short(self, facts):
        raise KeyboardInterrupt

    monkeypatch.setattr(seed_demo.Seeder, "_need", cut_short)
    with pytest.raises(KeyboardInterrupt):
        seed_demo.seed(lambda sentence: None)
    assert seed_demo.is_empty()
    db.session.rollback()
    assert migrating.problems() == []
