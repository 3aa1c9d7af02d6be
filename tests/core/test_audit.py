"""The audit chain only grows, and a change of the past is found."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DatabaseError

from kcz_match.core import audit
from kcz_match.core.audit import AuditEntry
from kcz_match.core.db import db


def drop_triggers() -> None:
    for deed in ("update", "delete"):
        db.session.execute(text(f"DROP TRIGGER audit_no_{deed}"))


def rows() -> int:
    return audit.verify()[0]


def test_an_entry_says_who_did_what_for_whom_to_which_record_and_blank_notes_are_left_out(world):
    actor = world.of(world.park)
    entry = audit.write(actor, "organisation.edit", world.park, before="旧", after="新", reason="", remark=None)
    assert (entry.user_id, entry.user_name, entry.organisation_id, entry.organisation_name) == (
        actor.user_id,
        actor.name,
        world.park.id,
        world.park.full_name,
    )
    assert (entry.action, entry.subject_kind, entry.subject_id) == ("organisation.edit", "organisation", world.park.id)
    assert entry.data == {"before": "旧", "after": "新"}


def test_the_chain_of_an_untouched_database_holds(world):
    count = db.session.query(AuditEntry).count()
    assert count > 20
    assert audit.verify() == (count, None)


def test_an_empty_chain_holds(app):
    assert audit.verify() == (0, None)


@pytest.mark.parametrize(
    "change",
    [
        {"data": {"after": "别的"}},
        {"user_name": "别人"},
        {"action": "need.publish"},
        {"subject_id": 99},
        {"hash": "0" * 64},
        {"previous_hash": "0" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_row_is_named(world, change):
    drop_triggers()
    db.session.execute(update(AuditEntry).where(AuditEntry.id == 7).values(**change))
    db.session.expire_all()
    assert audit.verify() == (6, 7)


def test_a_removed_row_is_found_at_the_row_after_it(world):
    drop_triggers()
    db.session.execute(delete(AuditEntry).where(AuditEntry.id == 7))
    assert audit.verify() == (6, 8)


def test_two_rows_that_changed_places_are_found(world):
    drop_triggers()
    for before, after in ((7, 9007), (8, 7), (9007, 8)):
        db.session.execute(update(AuditEntry).where(AuditEntry.id == before).values(id=after))
    db.session.expire_all()
    assert audit.verify() == (6, 7)


@pytest.mark.parametrize(
    "deed", [update(AuditEntry).values(user_name="别人"), delete(AuditEntry)], ids=["update", "delete"]
)
def test_the_database_refuses_to_change_or_remove_a_row(world, deed):
    before = rows()
    with pytest.raises(DatabaseError, match="the audit log only grows"):
        db.session.execute(deed)
    db.session.rollback()
    assert rows() == before


def test_an_entry_falls_with_the_deed_it_tells_of(world):
    before = rows()
    audit.write(world.office_manager, "organisation.edit", world.park, after="没有发生")
    db.session.rollback()
    assert rows() == before


def test_the_history_of_a_record_is_its_own_and_oldest_first(world):
    history = audit.entries_of(world.park)
    assert [entry.action for entry in history] == [
        "organisation.register",
        "organisation.verify",
        "organisation.invite",
        "membership.join",
    ]


def test_entries_are_found_by_action_kind_and_a_piece_of_a_name(world):
    def found(**choice):
        return [entry.action for entry in db.session.scalars(audit.entries_query(**choice))]

    assert found(action="certificate.grant") == ["certificate.grant"] * 2
    assert found(kind="membership", who="黄埔园区") == ["membership.join"]
    assert found(who="没有这个人") == []
    assert set(audit.actions()) == {
        "organisation.register",
        "organisation.verify",
        "organisation.invite",
        "membership.join",
        "certificate.grant",
    }
