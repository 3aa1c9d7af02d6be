"""Whatever happens to the files, a search answers what the rows say."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event

from kcz_match.core.db import db
from kcz_match.matching import generations
from kcz_match.matching.generations import SLICES, Slice
from kcz_match.matching.index import RecordIndex
from kcz_match.matching.models import Vector
from kcz_match.matching.vectors import next_change, to_bytes
from tests.matching.answers import DIMENSION, ENCODER, ask, exact, vector


@pytest.fixture
def index(app) -> RecordIndex:
    return RecordIndex(Path(app.config["INDEXES"]), ENCODER)


@pytest.fixture
def ten(store) -> None:
    for record_id in range(1, 11):
        store(record_id, vector(record_id))


def test_a_committed_record_is_found_at_once_without_any_file(index, store):
    assert ask(index) == []

    store(7, vector(7))

    assert [found for found, _ in ask(index)] == [7]
    assert index.generation.number == 0
    assert index.finding == "no generation of this encoder has been built yet"


def test_asking_for_changes_reads_the_changed_rows_only(index, ten):
    statements: list[tuple] = []
    ask(index)

    def remember(connection, cursor, statement, parameters, *rest) -> None:
        if statement != "BEGIN":
            statements.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", remember)
    ask(index)
    event.remove(db.engine, "before_cursor_execute", remember)

    assert len(statements) == 1
    statement, parameters = statements[0]
    plan = db.session.connection().exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters).all()
    assert [row[3] for row in plan] == [
        "SEARCH vector USING INDEX ix_vector_searched (encoder=? AND kind=? AND tier=? AND change>?)"
    ]


def test_records_of_other_kinds_tiers_and_encoders_are_not_found(index, store):
    store(1, vector(1))
    store(2, vector(2), kind="capability")
    store(3, vector(3), tier="members")
    store(4, vector(4), encoder="other@1")

    assert [ask(index, kind=one.kind, tier=one.tier) == [] for one in SLICES] == [False, False, False, True]
    assert [found for found, _ in ask(index)] == [1]


def test_answers_are_the_same_from_rows_from_files_and_from_both(index, store):
    chance = np.random.default_rng(5)
    held: set[int] = set()
    for step in range(120):
        record_id = int(chance.integers(1, 40))
        leaves = record_id in held and chance.random() < 0.3
        store(record_id, None if leaves else vector(int(chance.integers(0, 25))))
        held = held - {record_id} if leaves else held | {record_id}
        if step % 23 == 0:
            index.fold("test")
        allowed = set(range(1, 40, 3)) if step % 2 else None
        assert ask(index, step, 7, allowed=allowed) == exact(step, 7, allowed=allowed)
    assert len(ask(index, limit=100)) == len(held)


def test_equal_scores_come_by_rising_id_even_where_the_list_is_cut(index, store):
    for record_id in (9, 4, 30, 2, 17, 8, 3):
        store(record_id, vector(1))
    index.fold("test")
    store(5, vector(1))
    store(4, None)

    assert [found for found, _ in ask(index, limit=3)] == [2, 3, 5]


def test_withdrawing_the_last_record_leaves_an_empty_index_that_can_be_built_and_filled_again(index, store):
    store(1, vector(1))
    index.fold("test")
    assert [found for found, _ in ask(index)] == [1]

    store(1, None)
    assert ask(index) == []
    built = index.fold("test")

    assert built is not None
    assert (built.generation, built.counts) == (2, {one.name: 0 for one in SLICES})
    assert ask(index) == []
    assert index.finding == ""
    store(2, vector(2))
    assert [found for found, _ in ask(index)] == [2]


def test_every_process_follows_commits_and_new_generations(index, ten, store):
    other = RecordIndex(index.folder.parent, ENCODER)
    assert ask(other) == exact()

    index.fold("test")
    store(3, None)
    store(11, vector(11))

    assert ask(other) == ask(index) == exact()
    other.settle()
    assert ask(other) == exact()
    assert other.generation.number == 1
    assert other.changes_waiting() == 2


def test_a_row_is_found_when_it_is_committed_and_never_before(index, store):
    store(1, vector(1))
    db.session.add(
        Vector(
            kind="need",
            record_id=2,
            tier="public",
            encoder=ENCODER,
            role="passage",
            field="whole",
            part=0,
            text_hash="",
            data=to_bytes(vector(2)),
            is_live=True,
            change=next_change(),
        )
    )
    db.session.flush()
    assert [found for found, _ in ask(index)] == [1]

    db.session.rollback()
    store(3, vector(3))

    assert sorted(found for found, _ in ask(index)) == [1, 3]


def test_a_fold_reads_committed_rows_and_counts_them(index, ten, store):
    store(3, vector(3), kind="capability", tier="members")
    steps: list[str] = []

    built = index.fold("because", steps.append)

    assert built is not None
    assert (built.generation, built.change, built.reason, built.encoder) == (1, 11, "because", ENCODER)
    assert built.counts == {"need-public": 10, "need-members": 0, "capability-public": 0, "capability-members": 1}
    assert steps == ["rows read", "vectors written", "ids written"] * 4 + list(generations.POINTS)[-4:]
    assert index.changes_waiting() == 0


def test_two_processes_do_not_build_at_once(index, ten):
    with generations.building(index.folder) as mine:
        assert mine
        assert index.fold("test") is None
    assert index.fold("test") is not None


def test_old_generations_are_deleted_after_a_while_and_a_reader_may_still_hold_one(index, ten):
    index.fold("first")
    held = index.present(Slice("need", "public"))[0]
    index.fold("second")
    assert sorted(path.name for path in index.folder.iterdir() if path.is_dir()) == ["1", "2"]

    assert generations.clear_old(index.folder, grace=0) == [1]

    assert sorted(path.name for path in index.folder.iterdir() if path.is_dir()) == ["2"]
    assert held.at(np.array([0])).shape == (1, DIMENSION)
    assert ask(index) == exact()


def test_a_new_encoder_is_built_beside_the_old_one_which_goes_on_being_served(index, ten, store):
    index.fold("old")
    newer = RecordIndex(index.folder.parent, "letters@2")
    for record_id in (1, 2):
        store(record_id, vector(record_id + 50), encoder="letters@2")

    newer.fold("new")

    assert ask(index) == exact()
    assert (index.finding, index.generation.number) == ("", 1)
    assert sorted(found for found, _ in ask(newer)) == [1, 2]
    assert (newer.finding, newer.generation.number) == ("", 2)
    assert generations.clear_old(index.folder, grace=0) == []


def test_one_broken_row_does_not_stop_the_others(index, ten, store):
    row = db.session.query(Vector).filter_by(record_id=4).one()
    row.data, row.change = b"\x00" * 12, next_change()
    db.session.commit()

    assert sorted(found for found, _ in ask(index, limit=20)) == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    index.fold("test")
    assert sorted(found for found, _ in ask(index, limit=20)) == [1, 2, 3, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize("asked", [np.full(DIMENSION, np.nan), np.zeros((2, DIMENSION)), np.ones(DIMENSION + 1)])
def test_a_query_that_cannot_be_compared_is_an_error(index, ten, asked):
    with pytest.raises(ValueError, match="vector"):
        index.channel("need", "public").search({"whole": asked.astype(np.float32)}, {"whole": 1.0}, 5)


def test_the_index_is_asked_by_the_whole_field_only(index, ten):
    with pytest.raises(ValueError, match="whole"):
        index.channel("need", "public").search({"whole": vector(1)}, {"whole": 0.5, "title": 0.5}, 5)


def test_field_scores_are_exact_and_missing_where_a_record_lacks_the_field(index, ten, store):
    db.session.add(
        Vector(
            kind="need",
            record_id=2,
            tier="public",
            encoder=ENCODER,
            role="passage",
            field="title",
            part=0,
            text_hash="",
            data=to_bytes(vector(77)),
            is_live=True,
            change=next_change(),
        )
    )
    db.session.commit()
    store(5, None)

    found = index.channel("need", "public").field_scores({"whole": vector(3), "title": vector(77)}, [2, 3, 5, 99])

    np.testing.assert_allclose(found["whole"], [vector(2) @ vector(3), 1.0, np.nan, np.nan], atol=1e-6)
    np.testing.assert_allclose(found["title"], [1.0, np.nan, np.nan, np.nan], atol=1e-6)
    assert [scores.dtype for scores in found.values()] == [np.float32, np.float32]


def test_searching_while_others_publish_and_fold_never_errs_and_never_shows_a_record_that_left(app, index, store):
    """The writer lists ids in pairs: record n and n + 1000 come and go in one commit, so an answer has both or none."""
    stop, wrong = threading.Event(), []

    def search(number: int) -> None:
        reader = RecordIndex(index.folder.parent, ENCODER)
        with app.app_context():
            while not stop.is_set():
                try:
                    found = {one for one, _ in ask(reader, number, 500)}
                    wrong.extend(one for one in found if (one + 1000 if one < 1000 else one - 1000) not in found)
                except Exception as error:  # any error at all is the failure looked for
                    wrong.append(error)
            db.session.close()

    searchers = [threading.Thread(target=search, args=[number]) for number in range(3)]
    for one in searchers:
        one.start()
    chance, live = np.random.default_rng(1), set()
    for step in range(60):
        _toggle_pair(int(chance.integers(1, 60)), live)
        if step % 15 == 0:
            index.fold("test")
            generations.clear_old(index.folder, grace=0)
    stop.set()
    for one in searchers:
        one.join()

    assert wrong == []
    assert {one for one, _ in ask(index, limit=500)} == live | {one + 1000 for one in live}


def _toggle_pair(record_id: int, live: set[int]) -> None:
    for one in (record_id, record_id + 1000):
        row = db.session.query(Vector).filter_by(record_id=one).one_or_none() or Vector(
            kind="need",
            record_id=one,
            tier="public",
            encoder=ENCODER,
            role="passage",
            field="whole",
            part=0,
            text_hash="",
            data=to_bytes(vector(one)),
        )
        row.is_live, row.change = record_id not in live, next_change()
        db.session.add(row)
    db.session.commit()
    live.symmetric_difference_update({record_id})
