"""The index follows the records: what the worker does, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pysqlite3.dbapi2 as sqlite
import pytest
from sqlalchemy import select

from kcz_match import worker
from kcz_match.catalogue import capability_service, need_service
from kcz_match.core import jobs
from kcz_match.core.db import db
from kcz_match.core.jobs import Job
from kcz_match.matching import documents, index, index_tasks, reading, reconciliation, reindex, vectors
from kcz_match.matching import engine as engines
from kcz_match.matching.lexical import pairs, table_name
from kcz_match.matching.models import IndexBuild, Vector
from kcz_match.selection import service as selection
from kcz_match.selection.queries import certificates_of
from tests.factories import NEED
from tests.matching.conftest import Letters


def _index(record) -> None:
    kind, record_id = record.lifecycle.kind, record.id
    for task in (index_tasks.index_record, index_tasks.index_query):
        task(kind, record_id)
        db.session.commit()


def _dense(engine, kind: str, tier: str, text: str = "压铸件缺陷检测") -> list[int]:
    vector = engine.encoder.encode([text], role="query")[0]
    return sorted(found for found, _ in engine.index.channel(kind, tier).search({"whole": vector}, {"whole": 1.0}, 50))


def _words(kind: str, tier: str, text: str) -> list[int]:
    table = table_name(kind, tier)
    asked = " AND ".join(f'"{pair}"' for pair in pairs(text))
    return sorted(
        db.session.connection().exec_driver_sql(f"SELECT rowid FROM {table} WHERE {table} MATCH ?", (asked,)).scalars()
    )


def _agrees(engine) -> bool:
    with vectors.reading() as connection:
        return reconciliation.differences(connection, engine.encoder.name) == []


def _content() -> list[tuple]:
    db.session.expire_all()
    return sorted(
        (
            row.kind,
            row.record_id,
            row.tier,
            row.role,
            row.field,
            row.part,
            row.text_hash,
            row.data,
            row.is_live,
            row.change,
        )
        for row in db.session.scalars(select(Vector))
    )


def test_a_published_need_is_found_by_meaning_and_by_words_in_both_tiers(world, engine):
    need = world.need()

    _index(need)

    assert [_dense(engine, "need", tier) for tier in ("public", "members")] == [[need.id], [need.id]]
    assert [_words("need", tier, "压铸") for tier in ("public", "members")] == [[need.id], [need.id]]
    assert _dense(engine, "capability", "public") == []
    assert _agrees(engine)


def test_a_published_capability_is_found_and_not_among_needs(world, engine):
    capability = world.capability()

    _index(capability)

    assert _dense(engine, "capability", "members") == [capability.id]
    assert _dense(engine, "need", "members") == []
    assert _words("capability", "public", "气孔") == [capability.id]


def test_text_for_members_is_found_by_members_only_and_text_after_consent_by_nobody(world, engine):
    need = world.need(
        problem=NEED["problem"] + "成员才能看石墨烯。", background=NEED["background"] + "同意后才能看钛合金。"
    )
    need.tiers = {"problem": "members", "background": "consent"}
    db.session.commit()

    _index(need)

    assert [_words("need", tier, "石墨烯") for tier in ("public", "members")] == [[], [need.id]]
    assert [_words("need", tier, "钛合金") for tier in ("public", "members")] == [[], []]
    passages = {text for role, text in engine.encoder.seen if role == "passage"}
    assert [text for text in passages if "钛合金" in text] == []
    assert [text for role, text in engine.encoder.seen if role == "query" and "钛合金" in text] != []


def test_a_draft_is_not_indexed(world, engine):
    need = world.draft()

    _index(need)

    assert _content() == []
    assert _words("need", "members", "压铸") == []


def test_doing_it_twice_is_doing_it_once(world, engine):
    need = world.need()
    _index(need)
    before = _content()
    engine.encoder.seen.clear()

    _index(need)

    assert engine.encoder.seen == []
    assert _content() == before
    assert _words("need", "public", "压铸") == [need.id]


def test_a_withdrawn_need_leaves_every_list_and_comes_back_without_being_encoded_again(world, engine):
    need, other = world.need(), world.need(title="陶瓷基板翘曲控制")
    _index(need)
    _index(other)
    need_service.act(need, "hold", world.office_manager, reason="等新产线")
    db.session.commit()

    _index(need)

    assert [_dense(engine, "need", tier) for tier in ("public", "members")] == [[other.id], [other.id]]
    assert _words("need", "public", "压铸") == _words("need", "members", "压铸") == [other.id]
    assert _agrees(engine)
    engine.encoder.seen.clear()
    need_service.act(need, "resume", world.office_manager)
    db.session.commit()
    _index(need)
    assert engine.encoder.seen == []
    assert _dense(engine, "need", "public") == [need.id, other.id]


def test_a_deleted_record_leaves_every_list_and_its_vectors_are_erased(world, engine):
    need = world.need()
    _index(need)
    index_tasks.index_sentences("need", need.id)
    db.session.commit()
    record_id = need.id
    db.session.delete(need)
    db.session.commit()

    index_tasks.index_record("need", record_id)
    db.session.commit()

    assert _dense(engine, "need", "public") == []
    assert {row.data for row in db.session.scalars(select(Vector))} == {b""}
    assert _agrees(engine)


def test_losing_the_certificate_leaves_the_index_alone_because_every_answer_is_filtered_by_it(world, engine):
    need = world.need()
    _index(need)
    before = _content()
    for certificate in [*certificates_of(world.park.id), *certificates_of(world.district.id)]:
        selection.move_certificate(certificate, "revoke", world.office_manager, reason="示例")
    db.session.commit()
    assert need.is_listed is False

    _index(need)

    assert _content() == before


def test_a_stale_capability_stays_and_an_unlisted_one_leaves(world, engine):
    capability = world.capability()
    capability_service.mark_stale(capability.id)
    db.session.commit()
    _index(capability)
    assert _dense(engine, "capability", "public") == [capability.id]

    capability_service.act(capability, "unlist", world.office_manager, reason="核查")
    db.session.commit()
    _index(capability)

    assert _dense(engine, "capability", "public") == []


def _job(key: str) -> Job:
    return db.session.scalars(select(Job).where(Job.key == key)).one()


def test_a_record_is_found_after_one_text_was_encoded_and_the_rest_follows(world, engine):
    need = world.need()

    index_tasks.index_record("need", need.id)
    db.session.commit()

    assert [(role, text.splitlines()[0]) for role, text in engine.encoder.seen] == [("passage", need.title)]
    assert _dense(engine, "need", "public") == [need.id]
    job = _job(f"query:need:{need.id}")
    assert (job.task, job.args) == ("index_query", {"kind": "need", "record_id": need.id})
    index_tasks.index_query(**job.args)
    db.session.commit()
    rows = db.session.scalars(select(Vector)).all()
    assert {row.field for row in rows} == {"whole"}
    assert {row.role for row in rows} == {"passage", "passage_tokens", "query", "query_tokens"}


def test_after_an_edit_no_vector_of_the_old_text_remains_even_before_the_new_ones_are_made(world, engine):
    need = world.need()
    _index(need)
    need.problem = NEED["problem"] + "另有新的难点。"
    db.session.commit()

    index_tasks.index_record("need", need.id)
    db.session.commit()

    held = {documents.digest(document.whole) for document in reading.documents(need).values()}
    rows = db.session.scalars(select(Vector)).all()
    assert {row.text_hash for row in rows} == held
    assert {row.role for row in rows} == {"passage", "passage_tokens"}


def test_sentence_vectors_follow_a_little_later_and_do_not_touch_the_lists(world, engine):
    need = world.need()
    _index(need)
    job = _job(f"sentences:need:{need.id}")
    assert (job.task, job.args) == ("index_sentences", {"kind": "need", "record_id": need.id})
    change = engine.index.changes_waiting()

    index_tasks.index_sentences(**job.args)
    db.session.commit()

    parts = [row for row in db.session.scalars(select(Vector)) if row.part]
    assert {row.tier for row in parts} == {"public"}
    assert {row.field for row in parts} == {"title", "problem", "target"}
    assert engine.index.changes_waiting() == change + 1
    assert _dense(engine, "need", "public") == [need.id]


def test_many_sentences_are_encoded_a_few_at_a_time(world, engine, monkeypatch):
    need = world.need()
    wanted = len(vectors.wanted_sentences(reading.documents(need)))
    db.session.rollback()
    monkeypatch.setattr(index_tasks, "MOST_SENTENCES", 3)
    counts = []

    for _ in range(1 + wanted // 3):
        before = len(engine.encoder.seen)
        index_tasks.index_sentences("need", 1)
        db.session.commit()
        counts.append(len(engine.encoder.seen) - before)

    assert counts == [3] * (wanted // 3) + [wanted % 3]
    assert db.session.query(Vector).filter(Vector.part > 0).count() == wanted


class Nosy(Letters):
    """Tries to write to the database while it encodes, as a web request would at the same moment."""

    path = ""

    def encode(self, texts, role="query"):
        with sqlite.connect(self.path, timeout=0, isolation_level=None) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        connection.close()
        return super().encode(texts, role)


@pytest.mark.parametrize("task", [index_tasks.index_record, index_tasks.index_query, index_tasks.index_sentences])
def test_others_may_write_while_texts_are_encoded(world, engine, app, task):
    record_id = world.need().id
    db.session.rollback()
    nosy = Nosy()
    nosy.path = str(app.config["DATA"] / "kcz.sqlite3")
    engines.set_encoder_for_tests(nosy)

    task("need", record_id)
    db.session.commit()

    assert nosy.seen != []
    assert db.session.query(Vector).filter_by(record_id=record_id).count() > 0


def test_an_edit_that_slips_in_while_encoding_is_indexed_too(world, engine):
    need = world.need()

    class Slow(Letters):
        def encode(self, texts, role="query"):
            if not self.seen:
                db.session.execute(need.__table__.update().values(title="氢燃料电池密封"))
                db.session.commit()
            return super().encode(texts, role)

    slow = Slow()
    engines.set_encoder_for_tests(slow)
    record_id = need.id
    db.session.rollback()

    for task in (index_tasks.index_record, index_tasks.index_query):
        task("need", record_id)
        db.session.commit()

    assert _words("need", "public", "氢燃料电池") == [need.id]
    vector = slow.encode([reading.documents(need)["public"].whole], role="query")[0]
    channel = engines.engine().index.channel("need", "public")
    np.testing.assert_allclose(channel.field_scores({"whole": vector}, [need.id])["whole"], [1.0], atol=1e-6)


def test_a_fold_is_asked_for_when_enough_changed_and_is_logged(world, engine):
    needs = [world.need(title=f"第{number}条需求的题目") for number in range(2)]
    _index(needs[0])
    _index(needs[1])
    assert db.session.scalar(select(Job.task).where(Job.key == "fold_index")) == "fold_index"

    index_tasks.fold_index()
    db.session.commit()

    build = db.session.scalars(select(IndexBuild)).one()
    assert (build.generation, build.encoder, build.counts["need-public"]) == (1, "letters@1", 2)
    assert engine.index.generation.number == 1
    assert engine.wants_fold() is False
    assert _dense(engine, "need", "public") == [need.id for need in needs]


def test_a_new_generation_is_due_after_as_many_changes_as_the_setting_says(world, engine):
    need = world.need()
    _index(need)
    index_tasks.fold_index()
    db.session.commit()
    for _ in range(19):
        vectors.next_change()
    db.session.commit()
    assert engine.wants_fold() is False

    vectors.next_change()
    db.session.commit()

    assert engine.wants_fold() is True


def test_in_a_long_list_a_generation_is_due_after_a_share_of_it(world, engine, store, monkeypatch):
    monkeypatch.setattr(index, "FOLD_SHARE", 1)
    for record_id in range(1, 31):
        store(record_id, engine.encoder.encode([f"第{record_id}条"])[0])
    index_tasks.fold_index()
    db.session.commit()
    for _ in range(29):
        vectors.next_change()
    db.session.commit()
    assert (engine.index.fold_after(20), engine.wants_fold()) == (30, False)

    vectors.next_change()
    db.session.commit()

    assert engine.wants_fold() is True


def test_no_publication_waits_for_a_fold(world, engine, monkeypatch):
    order: list[str] = []
    for task in ("fold_index", "index_record"):
        monkeypatch.setitem(worker.TASKS, task, lambda task=task: order.append(task))
        jobs.leave(task, rank=task == "index_record")
    db.session.commit()

    assert worker.do_one_job(but=worker.LONG)
    assert not worker.do_one_job(but=worker.LONG)
    assert order == ["index_record"]
    assert worker.do_one_job(only=worker.LONG)
    assert not worker.do_one_job(only=worker.LONG)
    assert order == ["index_record", "fold_index"]


def _reindex() -> reindex.Progress:
    last = reindex.Progress(0, 0, 0, 0, 0.0)
    for step in reindex.steps(batch=2):
        db.session.commit()
        last = step
    db.session.commit()
    return last


def test_reindex_puts_in_what_is_missing_and_takes_out_what_should_not_be_there(world, engine):
    listed, gone = [world.need(), world.capability()], world.need()
    _index(gone)
    db.session.execute(gone.__table__.update().where(gone.__table__.c.id == gone.id).values(state="withdrawn"))
    db.session.commit()
    assert not _agrees(engine)

    done = _reindex()

    assert _agrees(engine)
    assert (done.done, done.total, done.changed) == (3, 3, 3)
    assert _dense(engine, "need", "public") == [listed[0].id]
    assert engine.index.generation.number == 1


def test_reindex_of_an_index_in_order_encodes_and_changes_nothing(world, engine):
    world.need(), world.capability()
    _reindex()
    before = _content()

    again = _reindex()

    assert (again.changed, again.encoded) == (0, 0)
    assert _content() == before
    assert again.sentence().startswith("2/2 records, 0 changed, 0 texts encoded, ")


def test_a_reindex_that_was_stopped_goes_on_where_it_stopped(world, engine):
    for number in range(3):
        world.need(title=f"第{number}条需求的题目")
    steps = reindex.steps(batch=1)
    next(steps)
    db.session.commit()
    steps.close()
    encoded = len(engine.encoder.seen)

    done = _reindex()

    assert len(engine.encoder.seen) == len(set(engine.encoder.seen))
    assert done.encoded == len(engine.encoder.seen) - encoded
    assert _agrees(engine)


def test_reindex_with_another_encoder_leaves_the_old_index_in_service(world, engine):
    need = world.need()
    _reindex()
    old = engine.index
    engines.set_encoder_for_tests(Letters("letters@2"))

    _reindex()

    newer = engines.engine()
    assert (newer.index.generation.number, newer.index.finding) == (2, "")
    assert _dense(newer, "need", "public") == [need.id]
    assert (old.generation.number, old.finding) == (1, "")
    assert _dense(engine, "need", "public") == [need.id]
