"""Reindexing is resumable after a kill, tells how far it is, and lets the site work meanwhile."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
from pathlib import Path

import pytest
from sqlalchemy import select

from kcz_match import create_app
from kcz_match.core.db import db
from kcz_match.matching import engine as engines
from kcz_match.matching import index_tasks, reconciliation, reindex, vectors
from kcz_match.matching.models import Vector
from kcz_match.matching.whole import plain_text
from tests.letters import Letters

SECRET = {"SECRET_KEY": "for tests only", "DEMO": False, "PASSWORD_KIB": 64}


class Noted(Letters):
    """Writes down every text that it encodes, one a line, so that another process can read it after a kill."""

    path = Path()

    def encode(self, texts, role="query"):
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(f"{role} {plain_text(text)!r}\n" for text in texts)
        return super().encode(texts, role)


def reindex_and_be_killed(folder: str, after: int, is_committed: bool) -> None:
    """In a process of its own: do ``after`` steps, and be killed before or after the commit of the last one."""
    app = create_app(SECRET | {"DATA": Path(folder), "INDEXES": Path(folder) / "indexes"})
    encoder = Noted()
    encoder.path = Path(folder) / "encoded"
    with app.app_context():
        engines.set_encoder_for_tests(encoder)
        for number, _ in enumerate(reindex.steps(batch=1), 1):
            if number < after or is_committed:
                db.session.commit()
            if number == after:
                os.kill(os.getpid(), signal.SIGKILL)


def stored() -> list[tuple]:
    db.session.rollback()
    return sorted(
        (row.kind, row.record_id, row.tier, row.role, row.field, row.part, row.text_hash, row.data)
        for row in db.session.scalars(select(Vector))
    )


@pytest.mark.parametrize("is_committed", [True, False])
def test_killed_half_way_and_run_again_it_encodes_nothing_twice(app, world, engine, is_committed):
    for number in range(4):
        world.need(title=f"第{number}条需求的题目")
    db.session.rollback()
    folder = Path(app.config["DATA"])
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=reindex_and_be_killed, args=(str(folder), 3, is_committed))
    process.start()
    process.join(100)
    assert process.exitcode == -signal.SIGKILL
    before = (folder / "encoded").read_text("utf-8").splitlines()

    for _ in reindex.steps(batch=1):
        db.session.commit()

    again = [f"{role} {text!r}" for role, text in engine.encoder.seen]
    lost = set(before) & set(again)
    texts_of_one = len(before) / 3
    assert (len(lost) == 0) if is_committed else (0 < len(lost) <= texts_of_one + 1)
    with vectors.reading() as connection:
        assert reconciliation.differences(connection, engine.encoder.name) == []
    resumed = stored()
    db.session.query(Vector).delete()
    db.session.commit()
    engine.encoder.seen.clear()
    for _ in reindex.steps():
        db.session.commit()
    assert stored() == resumed
    assert len(engine.encoder.seen) == len(set(before) | set(again))


def test_the_command_tells_how_far_it_is_and_how_quickly_it_goes(app, world, engine):
    for number in range(3):
        world.need(title=f"第{number}条需求的题目")
    db.session.rollback()

    said = app.test_cli_runner().invoke(args=["reindex"]).output.splitlines()

    line = re.compile(r"(\d+)/3 records, \d+ changed, \d+ texts encoded, \d+\.\d s, \d+\.\d records/s")
    assert [match[1] for match in map(line.fullmatch, said) if match] == ["3", "3"]
    assert len(said) == 2


def test_while_it_runs_others_search_publish_and_are_found(app, world, engine):
    first = [world.need(title=f"第{number}条需求的题目") for number in range(3)]
    index_tasks.index_record("need", first[0].id)
    db.session.commit()
    index_tasks.fold_index()
    db.session.commit()
    channel = engine.index.channel("need", "public")
    asked = {"whole": engine.encoder.encode(["压铸件"])[0]}
    found = []

    for number, _ in enumerate(reindex.steps(batch=1)):
        db.session.commit()
        if number == 0:
            added = world.need(title="途中发布的需求")
            index_tasks.index_record("need", added.id)
            db.session.commit()
        found.append({one for one, _ in channel.search(asked, {"whole": 1.0}, 50)})

    assert all(first[0].id in each and added.id in each for each in found)
    assert found[-1] == {need.id for need in first} | {added.id}
    with vectors.reading() as connection:
        assert reconciliation.differences(connection, engine.encoder.name) == []


def test_a_new_encoder_is_built_beside_and_what_was_published_meanwhile_is_in_it_when_the_site_switches(
    app, world, engine
):
    need = world.need()
    for _ in reindex.steps():
        db.session.commit()
    old, newer = engine, Letters("letters@2")
    engines.set_encoder_for_tests(newer)
    steps = reindex.steps(batch=1)
    next(steps)
    db.session.commit()

    engines.set_encoder_for_tests(old.encoder)
    added = world.need(title="途中发布的需求")
    index_tasks.index_record("need", added.id)
    db.session.commit()
    assert engines.engine().index.generation.encoder == "letters@1"
    engines.set_encoder_for_tests(newer)
    for _ in steps:
        db.session.commit()

    switched = engines.engine()
    asked = {"whole": newer.encode(["压铸件"])[0]}
    assert (switched.index.generation.encoder, switched.index.finding) == ("letters@2", "")
    found = {one for one, _ in switched.index.channel("need", "public").search(asked, {"whole": 1.0}, 9)}
    assert found == {need.id, added.id}
    assert switched.index.changes_waiting() == 0
    assert {one for one, _ in old.index.channel("need", "public").search(asked, {"whole": 1.0}, 9)} == found
