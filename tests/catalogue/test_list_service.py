from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import func, select

from kcz_match.catalogue import list_service, need_service, queries
from kcz_match.catalogue.list_reading import ReadList, read_list
from kcz_match.catalogue.models import Need, NeedBatch, NeedIndicator
from kcz_match.catalogue.sheets import Table
from kcz_match.core import audit
from kcz_match.core.audit import AuditEntry
from kcz_match.core.db import db
from kcz_match.core.errors import Conflict, Forbidden, Invalid, NotFound
from tests.list_files import HEAD, row

GOOD = [row(项目名称="压铸件在线缺陷检测"), row(项目名称="油冷电机绝缘漆附着力")]


def reading(*rows: list[str]) -> ReadList:
    return read_list([Table("清单", [HEAD, *rows])])


def preview(world, *rows: list[str], by=None, file_hash: str = "a") -> NeedBatch:
    batch = list_service.preview_list(by or world.of(world.park), reading(*(rows or GOOD)), "清单.xlsx", file_hash)
    db.session.commit()
    return batch


def confirmed(world, *rows: list[str]) -> NeedBatch:
    batch = preview(world, *rows)
    list_service.confirm_batch(batch, world.of(world.park), list_service.good_rows(batch))
    db.session.commit()
    return batch


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_a_preview_writes_the_batch_and_nothing_else(world):
    before = count(AuditEntry)
    batch = preview(world, *GOOD, row(指标1目标="大幅提升"))
    assert (count(Need), count(NeedIndicator), count(AuditEntry)) == (0, 0, before)
    assert (count(NeedBatch), batch.confirmed_at, batch.organisation_id) == (1, None, world.park.id)
    assert list_service.good_rows(batch) == [2, 3]
    assert [item.errors[0].cell for item in list_service.rows_of(batch) if item.errors] == ["K4"]


def test_only_rows_with_errors_keep_the_texts_as_they_were_typed(world):
    batch = preview(world, GOOD[0], row(指标1目标="大幅提升"))
    good, wrong = list_service.rows_of(batch)
    assert good.texts == {}
    assert wrong.texts["指标1目标"] == "大幅提升"


def test_confirming_makes_drafts_of_the_good_rows_only_with_all_they_said(world):
    batch = confirmed(world, *GOOD, row(指标1目标="大幅提升"))
    first, second = list_service.batch_needs(batch)
    assert [first.title, second.title] == ["压铸件在线缺陷检测", "油冷电机绝缘漆附着力"]
    assert (first.state, first.origin, first.code, first.version) == ("draft", "list", None, 1)
    assert (first.district_code, first.organisation_id) == (world.park.district_code, world.park.id)
    assert (first.modes, first.kind, first.owner_phone) == (["joint", "service"], "rd", "020-80000001")
    assert [item.text() for item in first.rows] == ["漏检率 ≤0.1 %"]
    assert first.clarity == need_service.advice_on(first).clarity


def test_days_come_through_the_preview_as_days(world):
    found = read_list(
        [
            Table(
                "清单", [["项目名称", "需求概述", "完成时限", "预算上限（万元）"], ["甲项目", "乙", "2027-05-01", "50"]]
            )
        ]
    )
    actor = world.of(world.park)
    batch = list_service.preview_list(actor, found, "清单.xlsx", "a")
    db.session.commit()
    db.session.expire_all()
    list_service.confirm_batch(batch, actor, [2])
    (need,) = list_service.batch_needs(batch)
    assert (need.due_on, need.budget_max) == (dt.date(2027, 5, 1), 50)


def test_confirming_twice_makes_one_set_of_drafts(world):
    batch = confirmed(world)
    entries = count(AuditEntry)
    assert list_service.confirm_batch(batch, world.of(world.park), [2, 3]) == 2
    assert (count(Need), count(AuditEntry)) == (2, entries)


def test_confirming_leaves_one_audit_row_for_the_batch(world):
    batch = confirmed(world)
    (entry,) = audit.entries_of(batch)
    assert (entry.action, entry.data) == ("need.import", {"after": "confirmed", "file": "清单.xlsx", "needs": 2})
    assert audit.verify()[1] is None


def test_a_batch_without_good_rows_is_not_confirmed(world):
    batch = preview(world, row(指标1目标="大幅提升"))
    with pytest.raises(Invalid, match="没有可以生成的行"):
        list_service.confirm_batch(batch, world.of(world.park), [2])
    assert (batch.confirmed_at, count(Need)) == (None, 0)


def test_a_title_that_the_organisation_has_already_is_warned_about_and_can_be_left_out(world):
    world.draft(title="压铸件 在线缺陷检测", by=world.of(world.park))
    world.draft(title="油冷电机绝缘漆附着力", by=world.of(world.enterprise))
    batch = preview(world)
    assert [item.twin for item in list_service.rows_of(batch)] == ["草稿", ""]
    assert list_service.rows_of(batch)[0].warnings[0] == "本单位已有同名的需求（草稿）。"
    assert list_service.new_rows(batch) == [3]
    list_service.confirm_batch(batch, world.of(world.park), list_service.new_rows(batch))
    assert [need.title for need in list_service.batch_needs(batch)] == ["油冷电机绝缘漆附着力"]


def test_a_file_that_was_confirmed_before_is_pointed_out(world):
    confirmed(world)
    assert "以前上传过" in list_service.notices_of(preview(world, file_hash="a"))[0]
    assert list_service.notices_of(preview(world, file_hash="b")) == []


def test_only_the_demand_side_imports_and_only_its_own_batches(world):
    with pytest.raises(Forbidden):
        preview(world, by=world.of(world.society))
    batch = preview(world)
    with pytest.raises(NotFound):
        queries.batch_by_key(batch.key, world.of(world.enterprise))
    with pytest.raises(Forbidden):
        list_service.confirm_batch(batch, world.of(world.enterprise), [2])
    with pytest.raises(Forbidden):
        list_service.undo_batch(batch, world.of(world.enterprise))
    assert (count(Need), batch.undone_at) == (0, None)


def test_cancelling_a_preview_forgets_what_was_read(world):
    batch = preview(world)
    list_service.undo_batch(batch, world.of(world.park))
    assert (batch.rows, batch.confirmed_at, audit.entries_of(batch)) == ([], None, [])
    with pytest.raises(Conflict):
        list_service.confirm_batch(batch, world.of(world.park), [2])


def test_undoing_removes_untouched_drafts_and_leaves_other_needs_alone(world):
    other = world.draft(by=world.of(world.park))
    batch = confirmed(world)
    plan = list_service.undo_batch(batch, world.of(world.park))
    db.session.commit()
    assert (len(plan.drafts), plan.waiting, plan.kept) == (2, [], [])
    assert db.session.scalars(select(Need.id)).all() == [other.id]
    assert set(db.session.scalars(select(NeedIndicator.need_id))) == {other.id}
    assert [entry.action for entry in audit.entries_of(batch)] == ["need.import", "need.import_undo"]
    assert audit.entries_of(batch)[1].data["removed"] == ["压铸件在线缺陷检测", "油冷电机绝缘漆附着力"]


def test_undoing_withdraws_what_waits_and_keeps_what_was_touched_or_decided(world):
    park = world.of(world.park)
    batch = confirmed(world, *(row(项目名称=f"压铸件第 {number} 道工序缺陷检测") for number in range(1, 6)))
    waiting, decided, edited, discussed, plain = list_service.batch_needs(batch)
    for need in (waiting, decided):
        need_service.act(need, "submit", park)
    need_service.act(decided, "approve", world.of(world.district))
    need_service.save_need(edited, park, {"keywords": "改过"})
    need_service.add_remark(discussed, park, "先别删")
    db.session.commit()
    plan = list_service.undo_batch(batch, park)
    db.session.commit()
    assert [need.title for need in plan.waiting] == [waiting.title]
    assert (waiting.state, decided.state, edited.state, discussed.state) == (
        "withdrawn",
        "district_approved",
        "draft",
        "draft",
    )
    assert [why.partition("，")[0] for _, why in plan.kept] == [
        "已经是“待办公室审核”",
        "生成以后改动过",
        "有人写了意见",
    ]
    assert set(list_service.batch_needs(batch)) == {waiting, decided, edited, discussed}
    with pytest.raises(Conflict, match="撤销过"):
        list_service.undo_batch(batch, park)


def test_submitting_all_sends_the_complete_drafts_and_says_what_the_others_lack(world):
    batch = confirmed(world, GOOD[0], row(项目名称="缺合作方式的需求", 合作方式=""))
    done = list_service.submit_batch(batch, world.of(world.park))
    assert (done.submitted, done.left) == (1, 0)
    assert [(need.title, why) for need, why in done.refused] == [("缺合作方式的需求", "请选择“合作方式”。")]
    assert [str(need.state) for need in list_service.batch_needs(batch)] == ["submitted", "draft"]


def test_submitting_goes_by_portions(world, monkeypatch):
    monkeypatch.setattr(list_service, "MOST_SUBMITTED", 1)
    batch = confirmed(world)
    assert list_service.submit_batch(batch, world.of(world.park)).left == 1
    assert list_service.submit_batch(batch, world.of(world.park)).left == 0
    assert {str(need.state) for need in list_service.batch_needs(batch)} == {"submitted"}


def test_earlier_batches_are_listed_newest_first_with_their_needs_by_one_question(world, count_queries):
    first, second = confirmed(world), preview(world, file_hash="b")
    preview(world, by=world.of(world.enterprise), file_hash="c")
    park = world.of(world.park)
    db.session.commit()
    found = []
    list_service.batches_of(park)
    assert count_queries(lambda: found.extend(list_service.batches_of(park))) == 1
    assert [(batch.id, number) for batch, number in found] == [(second.id, 0), (first.id, 2)]


def test_a_preview_that_nobody_confirms_is_forgotten_and_a_confirmed_one_stays(world):
    forgotten = preview(world, file_hash="another file")
    kept = confirmed(world)
    for batch in (forgotten, kept):
        list_service.forget_preview(batch.id)
    db.session.flush()
    assert db.session.scalars(select(NeedBatch)).all() == [kept]
