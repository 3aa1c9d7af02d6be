"""Whatever is killed or broken: the next start answers like a rebuild from the rows, and says what it saw."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from flask import Flask

from kcz_match import doctor
from kcz_match.core.db import db, engine_options
from kcz_match.matching import engine as engines
from kcz_match.matching import generations, index_tasks, stored_lists
from kcz_match.matching.generations import POINTS
from kcz_match.matching.index import RecordIndex
from kcz_match.matching.models import IndexBuild, Vector
from tests.matching.answers import DIMENSION, ENCODER, ask, exact, row, store_many, vector

COUNT = 1000
SHORT_ENOUGH_FOR_A_TEST = 700
QUESTIONS = range(5000, 5005)
NEW, CHANGED, LEFT = 2001, 17, 23


@pytest.fixture
def long_lists(monkeypatch) -> None:
    """Lists of this test are long: they have codes."""
    monkeypatch.setattr(stored_lists, "LONG", SHORT_ENOUGH_FOR_A_TEST)


@pytest.fixture
def index(app, long_lists) -> RecordIndex:
    """The index of a thousand needs, of which the changes of a fold under way are still missing."""
    store_many(range(1, COUNT + 1))
    made = RecordIndex(Path(app.config["INDEXES"]), ENCODER)
    made.fold("before")
    return made


def answers(index: RecordIndex) -> list[list[tuple[int, float]]]:
    return [ask(index, seed, limit=30) for seed in QUESTIONS] + [
        ask(index, seed, limit=30, allowed=set(range(1, 3000, 10))) for seed in QUESTIONS
    ]


def exact_answers() -> list[list[tuple[int, float]]]:
    return [exact(seed, limit=30) for seed in QUESTIONS] + [
        exact(seed, limit=30, allowed=set(range(1, 3000, 10))) for seed in QUESTIONS
    ]


def change_and_fold(folder: str, point: str) -> None:
    """In a process of its own: add, change and withdraw a record, then fold, and be killed at ``point``."""
    app = Flask("fold")
    app.config["SQLALCHEMY_ENGINES"] = {"default": engine_options(f"sqlite:///{folder}/kcz.sqlite3")}
    db.init_app(app)
    stored_lists.LONG = SHORT_ENOUGH_FOR_A_TEST

    def at(step: str) -> None:
        if step == point:
            os.kill(os.getpid(), signal.SIGKILL)

    with app.app_context():
        db.session.add(row(NEW, vector(QUESTIONS[0])))
        for record_id in (CHANGED, LEFT):
            held = db.session.query(Vector).filter_by(record_id=record_id).one()
            fresh = row(record_id, vector(QUESTIONS[1]))
            held.data, held.change, held.is_live = fresh.data, fresh.change, record_id == CHANGED
        db.session.flush()
        at("row written")
        db.session.commit()
        at("row committed")
        RecordIndex(Path(folder) / "indexes", ENCODER).fold("is killed", at)


def killed(folder: str, point: str) -> int | None:
    """Run ``change_and_fold`` in a fresh process until it is killed; return its exit code, minus the signal."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.matching.test_faults"])
    process = context.Process(target=change_and_fold, args=(folder, point))
    process.start()
    process.join(60)
    return process.exitcode


def test_there_are_ten_points_and_one_for_each_step_between_row_file_manifest_and_pointer(index):
    steps: list[str] = []

    index.fold("test", steps.append)

    assert len(POINTS) == 10
    assert list(POINTS) == ["row written", "row committed", *dict.fromkeys(steps)]


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_the_next_start_answers_like_a_rebuild_and_the_next_fold_succeeds(app, index, point):
    before = answers(index)

    assert killed(str(app.config["DATA"]), point) == -signal.SIGKILL

    reopened = RecordIndex(index.folder.parent, ENCODER)
    assert answers(reopened) == exact_answers()
    assert (answers(reopened) == before) == (point == "row written")
    assert (reopened.finding, reopened.generation.number) == ("", 2 if point == "pointer replaced" else 1)
    assert answers(index) == exact_answers()

    built = reopened.fold("after")

    assert built is not None
    assert built.counts["need-public"] == COUNT  # one came and one left, or neither did
    assert (reopened.finding, reopened.generation.number) == ("", built.generation)
    assert reopened.changes_waiting() == 0
    assert answers(reopened) == answers(RecordIndex(index.folder.parent, ENCODER)) == exact_answers()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.unlink()
    path.write_bytes(content)


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def take_from_another_model(path: Path) -> None:
    """Put the same file of another encoder's generation in the place of ours."""
    other = RecordIndex(path.parents[2], "other@1")
    store_many(range(1, COUNT + 1), "other@1", seed=9000)
    built = other.fold("another model")
    if path.name != generations.POINTER:
        path.write_bytes((path.parents[1] / str(built.generation) / path.name).read_bytes())


FILES = ["1/need-public.faiss", "1/need-public.ids", "1/need-public.codes", "1/capability-members.faiss"]
PAPERS = ["1/manifest.json", "CURRENT"]
HARMS = [
    *((name, harm) for name in [*FILES, *PAPERS] for harm in (flip, truncate, Path.unlink)),
    *((name, take_from_another_model) for name in (FILES[0], FILES[2], PAPERS[0])),
]


def index_line() -> tuple[bool, str]:
    db.session.rollback()
    return next((line.is_well, line.finding) for line in doctor.examine() if line.name == "index files")


@pytest.mark.parametrize(("name", "harm"), HARMS, ids=lambda part: getattr(part, "__name__", part))
def test_a_damaged_file_is_noticed_answered_exactly_told_by_the_doctor_and_built_anew(app, index, name, harm):
    harm(index.folder / name)
    engines.configure(app.config["ENCODER"], app.config["INDEXES"], 20)
    serving = engines.engine()

    assert answers(serving.index) == exact_answers()
    assert serving.index.generation.number == 0
    is_well, said = index_line()
    if (name, harm) == ("CURRENT", Path.unlink):
        assert said.startswith("no generation of this encoder")
    else:
        assert not is_well
        assert serving.index.finding == f"index generation is damaged: {said.split(';')[0]}"
        assert Path(name).name in said or "manifest" in said

    index_tasks.check_index()
    db.session.commit()

    assert [build.reason for build in db.session.query(IndexBuild)] == ["files were missing or damaged"]
    assert index_line()[0] is True
    assert (serving.index.finding, serving.index.generation.number > 1) == ("", True)
    assert answers(serving.index) == answers(RecordIndex(index.folder.parent, ENCODER)) == exact_answers()


def test_sound_files_are_checked_and_left_alone(app, index):
    engines.configure(app.config["ENCODER"], app.config["INDEXES"], 20)
    index_tasks.check_index()
    db.session.commit()

    assert db.session.query(IndexBuild).count() == 0
    assert engines.engine().index.generation.number == 1


def test_files_of_another_encoder_are_refused_though_their_hashes_hold(index):
    home = index.folder / "1"
    content = json.loads((home / "manifest.json").read_text("utf-8")) | {"encoder": "other@1"}
    (home / "manifest.json").write_text(json.dumps(content), "utf-8")
    entry = {"generation": 1, "manifest": generations.hash_of(home / "manifest.json")}
    (index.folder / "CURRENT").write_text(json.dumps({ENCODER: entry}), "utf-8")
    reader = RecordIndex(index.folder.parent, ENCODER)

    assert answers(reader) == exact_answers()
    assert reader.finding == "index generation is damaged: generation 1 was made by another encoder (other@1)"


def test_a_process_that_serves_goes_on_from_the_older_generation_when_the_newer_one_is_damaged(index, store):
    reader = RecordIndex(index.folder.parent, ENCODER)
    assert reader.generation.number == 1
    store(NEW, vector(QUESTIONS[0]))
    index.fold("second")
    flip(index.folder / "2" / "need-public.faiss")
    store(CHANGED, None)

    assert answers(reader) == exact_answers()
    reader.settle()

    assert reader.finding == (
        "index generation is damaged: 2/need-public.faiss is not what was written: its hash differs"
    )
    assert reader.generation.number == 1
    assert answers(reader) == exact_answers()
    reader.fold("repair")
    assert (reader.finding, reader.generation.number) == ("", 3)
    assert answers(reader) == exact_answers()


def test_searches_go_on_while_a_new_generation_is_verified(index, store, monkeypatch):
    reader = RecordIndex(index.folder.parent, ENCODER)
    assert reader.generation.number == 1
    index.fold("second")
    gate = multiprocessing.get_context("spawn").Event()
    opened: Callable = generations.open_current

    def slowly(*arguments):
        gate.wait(30)
        return opened(*arguments)

    monkeypatch.setattr(generations, "open_current", slowly)
    store(NEW, vector(QUESTIONS[0]))

    assert answers(reader) == exact_answers()
    assert reader.generation.number == 1
    gate.set()
    reader.settle()
    assert reader.generation.number == 2
    assert answers(reader) == exact_answers()


def test_long_lists_answer_as_exactly_as_short_ones(index, store):
    chance = np.random.default_rng(3)
    assert index.present(stored_lists.Slice("need", "public"))[0].codes is not None
    for step in range(40):
        leaves = chance.random() < 0.3
        store(int(chance.integers(1, 1100)), None if leaves else vector(int(chance.integers(0, 1100))))
        allowed = set(range(1, 1100, 3)) if step % 2 else None
        assert ask(index, step, 7, allowed=allowed) == exact(step, 7, allowed=allowed)
    assert index.present(stored_lists.Slice("need", "public"))[0].dimension == DIMENSION
