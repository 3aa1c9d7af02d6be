"""A stored list is made again: the same from its own evidence, and a word about everything that has changed since."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from kcz_match import worker
from kcz_match.brokerage import lists
from kcz_match.brokerage.evidence import packed, ranked
from kcz_match.brokerage.models import MatchList
from kcz_match.brokerage.replay import replay
from kcz_match.catalogue import capability_service
from kcz_match.catalogue.need_service import leave_followers
from kcz_match.core.db import db
from kcz_match.core.errors import NotFound
from kcz_match.matching import queries
from kcz_match.matching.engine import engine
from kcz_match.matching.models import Vector
from kcz_match.matching.ranking import Weights

ALIKE = {
    "title": "一体化压铸件在线缺陷检测装置",
    "keywords": "压铸 X射线 缺陷识别",
    "problem": "人工看片漏检率高，节拍跟不上，小气孔经常被放过，返修成本高。",
    "method": "压铸车间每天出件三千件，在线自动判定气孔和缩松。",
}
NEAR = ALIKE | {"title": "压铸件气孔射线检测", "method": "用射线和卷积网络判定气孔。"}
FAR = {
    "title": "荔枝冷链保鲜",
    "keywords": "荔枝 保鲜",
    "problem": "鲜果褐变，商超拒收。",
    "method": "预冷与气调包装。",
}


def work():
    db.session.commit()
    worker.do_all_jobs()
    db.session.expire_all()


@pytest.fixture
def stored(world):
    """The current list of a need with two answers, among others that the ranking compared."""
    for more in (FAR, FAR | {"title": "荔枝采后处理"}):
        world.capability(**more)
    world.capability(**ALIKE)
    world.capability(**NEAR)
    need = world.need()
    work()
    return lists.current_list("need", need.id)


def test_a_list_whose_texts_are_unchanged_gives_the_same_order_and_scores(stored):
    assert len(stored.entries) == 2 and len(stored.weights["compared"]) == 2

    again = replay(stored.id)

    assert (again.is_sound, again.is_same, again.asks_the_same) == (True, True, True)
    assert [(place.entry.record_id, place.rank) for place in again.places] == [
        (entry.record_id, entry.rank) for entry in stored.entries
    ]
    assert [place.score for place in again.places] == pytest.approx([entry.score for entry in stored.entries], abs=1e-6)
    assert again.lines()[-1] == "same"


def test_the_list_names_encoder_generation_weights_and_filters(stored):
    head = "\n".join(replay(stored.id).lines()[:4])
    named = f"encoder letters@1, generation {stored.generation}", f"words={stored.weights['words']}", "tier members"
    for each in (*named, "industry, kind, modes"):
        assert each in head


def test_it_stays_the_same_when_the_catalogue_grows(world, stored):
    for number in range(3):
        world.capability(**ALIKE | {"title": f"缺陷检测装置{number}"})
    work()
    assert replay(stored.id).is_same


def test_a_changed_text_is_named_and_its_evidence_comes_from_the_list(world, stored):
    first = stored.entries[0]
    capability = db.session.get(lists.Capability, first.record_id)
    capability.method = "改用超声相控阵。"
    capability_service.leave_followers(capability)
    work()

    again = replay(stored.id)

    assert (again.is_sound, again.is_same) == (True, True)
    assert {place.entry.record_id: place.changes for place in again.places} == {
        first.record_id: ("text changed",),
        stored.entries[1].record_id: (),
    }


def test_a_record_that_left_is_named(world, stored):
    gone = db.session.get(lists.Capability, stored.entries[0].record_id)
    capability_service.act(gone, "withdraw", world.of(world.society), reason="示例")
    work()
    changes = {place.entry.record_id: place.changes for place in replay(stored.id).places}
    assert changes[gone.id] == ("record left the index",)


def test_a_need_that_asks_something_else_now_is_named(world, stored):
    need = db.session.get(lists.Need, stored.record_id)
    need.problem = "改成别的难题：高压铸造模具寿命短，龟裂严重。"
    leave_followers(need)
    work()
    again = replay(stored.id)
    assert (again.is_sound, again.asks_the_same) == (True, False)
    assert any("has changed" in line for line in again.lines())


def test_evidence_that_does_not_give_the_order_is_found_out(app, stored):
    stored.entries[0].evidence = stored.entries[0].evidence | {"token_similarity": -0.5}
    db.session.commit()

    assert replay(stored.id).is_sound is False
    answer = app.test_cli_runner().invoke(args=["match", "replay", str(stored.id)])
    assert (answer.exit_code, "BROKEN" in answer.output) == (1, True)


def test_the_command_prints_the_list_and_the_lists_of_a_record(app, stored):
    key, number = db.session.get(lists.Need, stored.record_id).key, stored.id
    runner = app.test_cli_runner()
    answer = runner.invoke(args=["match", "replay", str(number)])
    assert (answer.exit_code, answer.output.splitlines()[-1]) == (0, "same")
    listed = runner.invoke(args=["match", "lists", "--record", key])
    assert (listed.exit_code, listed.output.startswith(f"{number}  ")) == (0, True)
    assert "current" in listed.output and "1 stored lists" in listed.output
    assert runner.invoke(args=["match", "replay", "999"]).exit_code == 1
    assert runner.invoke(args=["match", "lists", "--record", "nothing"]).exit_code == 1


def test_there_is_no_list_of_an_unknown_number(app):
    with pytest.raises(NotFound):
        replay(7)


def test_other_weights_in_force_do_not_change_what_was_stored(stored, monkeypatch):
    monkeypatch.setattr("kcz_match.matching.ranking.WEIGHTS", Weights(tokens=5.0))
    assert replay(stored.id).is_same


def test_evidence_survives_json_to_the_last_digit(world, stored):
    import json

    need = db.session.get(lists.Need, stored.record_id)
    pool = queries.candidates_of(need, lists.owner_of(need)).pool
    kept = {one.record_id: json.loads(json.dumps(packed(one, with_terms=False))) for one in pool}
    again = ranked(kept, Weights(), engine().encoder.background)
    assert [(one.record_id, one.score) for one in again] == [(one.record_id, one.score) for one in pool]
    assert db.session.get(MatchList, stored.id).weights["background"] == vars(engine().encoder.background)


def test_rows_that_say_something_else_than_the_list_are_found_out(stored):
    """The texts are the same, the vectors are not: the list is sound, and could not be made like this today."""
    first, second = stored.entries
    rows = {
        one: db.session.scalars(
            select(Vector).where(
                Vector.kind == "capability", Vector.record_id == one.record_id, Vector.tier == "members",
                Vector.role == "passage_tokens", Vector.field == "whole",
            )
        ).one()
        for one in (first, second)
    }  # fmt: skip
    rows[first].data = rows[second].data
    db.session.commit()

    again = replay(stored.id)

    assert (again.is_sound, again.is_same) == (True, False)
    assert again.lines()[-1].startswith("differs in 1 of 2 places")


def test_a_list_of_an_earlier_formula_is_said_to_be_one_and_not_called_broken(stored):
    stored.weights = {**stored.weights, "formula": 1, "tokens": 5.0}
    db.session.commit()

    again = replay(stored.id)

    assert again.is_sound is False
    assert again.lines()[-1].startswith("made by formula 1, ")
