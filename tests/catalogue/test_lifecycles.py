"""Every verb in every state, for needs, capabilities and interests: only drawn arrows are taken."""

import shutil
from types import SimpleNamespace

import pytest

from kcz_match import create_app
from kcz_match.catalogue.states import CAPABILITIES, NEEDS
from kcz_match.core.db import db
from kcz_match.core.errors import Conflict
from kcz_match.core.lifecycle import move
from kcz_match.core.policy import RULES, SYSTEM
from kcz_match.engagements.states import INTERESTS

LIFECYCLES = (NEEDS, CAPABILITIES, INTERESTS)
CASES = [
    (lifecycle, verb, state) for lifecycle in LIFECYCLES for verb in lifecycle.arrows for state in lifecycle.states
]


class Record(SimpleNamespace):
    __tablename__ = "need"


@pytest.fixture(scope="module")
def one_database(empty_database, tmp_path_factory):
    """One database for all cases: each takes its changes back."""
    folder = tmp_path_factory.mktemp("lifecycles")
    shutil.copy(empty_database, folder / "kcz.sqlite3")
    app = create_app(
        {"DATA": folder, "INDEXES": folder / "indexes", "SECRET_KEY": "for tests only", "PASSWORD_KIB": 64}
    )
    with app.app_context():
        yield
        db.session.close()
        db.engine.dispose()


@pytest.fixture
def anybody_may(monkeypatch, one_database):
    """Take the policy table out of the way: this test is about the arrow table alone."""
    for action in list(RULES):
        monkeypatch.setitem(RULES, action, (lambda actor, record: True,))
    yield
    db.session.rollback()


@pytest.mark.parametrize(("lifecycle", "verb", "state"), CASES, ids=lambda value: getattr(value, "kind", str(value)))
def test_a_verb_moves_a_record_only_from_the_states_its_arrow_leaves(anybody_may, lifecycle, verb, state):
    step = lifecycle.arrows[verb]
    reason = next(iter(step.reasons), "写明的原因") if step.needs_reason else ""
    record = Record(lifecycle=lifecycle, state=state, state_since=None, id=1)
    if state in step.sources:
        move(record, verb, SYSTEM, reason=reason)
        assert record.state == step.target
    else:
        with pytest.raises(Conflict):
            move(record, verb, SYSTEM, reason=reason)
        assert record.state == state


@pytest.mark.parametrize("lifecycle", LIFECYCLES, ids=lambda lifecycle: lifecycle.kind)
def test_every_verb_has_a_rule_and_every_state_a_word_and_a_way_in_or_out(lifecycle):
    assert {f"{lifecycle.kind}.{verb}" for verb in lifecycle.arrows} <= set(RULES)
    assert set(lifecycle.words) == set(lifecycle.states)
    reached = {step.target for step in lifecycle.arrows.values()} | set().union(
        *(step.sources for step in lifecycle.arrows.values())
    )
    assert reached == set(lifecycle.states)
