"""Notices: newest first, read together, each organisation its own."""

from __future__ import annotations

import datetime as dt

import time_machine

from kcz_match.core import notify
from kcz_match.core.db import db


def test_notices_are_one_organisations_own_newest_first_and_read_together(world):
    park, society = world.park, world.society
    notify.mark_all_read(park.id)
    for hour, sentence in ((9, "第一条"), (10, "第二条")):
        with time_machine.travel(dt.datetime(2099, 1, 1, hour, tzinfo=dt.UTC), tick=False):
            notify.notify(park.id, park, sentence)
    notify.notify(society.id, park, "别人的")
    db.session.commit()
    assert [notice.sentence for notice in notify.notices_of(park.id, limit=2)] == ["第二条", "第一条"]
    assert (notify.unread_count(park.id), notify.unread_count(society.id)) == (2, 1)
    notify.mark_all_read(park.id)
    assert (notify.unread_count(park.id), notify.unread_count(society.id)) == (0, 1)


def test_a_notice_names_its_record_by_kind_and_key_and_falls_with_the_deed(world):
    made = notify.notify(world.park.id, world.park, "看这里", due_at=dt.datetime(2099, 1, 1, tzinfo=dt.UTC))
    assert (made.subject_kind, made.subject_key) == ("organisation", world.park.key)
    before = notify.unread_count(world.park.id)
    db.session.rollback()
    assert notify.unread_count(world.park.id) == before - 1
