"""Stored lists written by hand, as the job that makes them would leave them."""

from __future__ import annotations

from sqlalchemy import update

from kcz_match.brokerage.models import MatchEntry, MatchList
from kcz_match.catalogue.visibility import Record
from kcz_match.core.db import db


def write_list(record: Record, partners: list[Record], **facts: object) -> MatchList:
    """Put a current list of ``record`` into the session: its partners in order, strong unless ``facts`` say otherwise.

    ``facts`` are columns of every entry; a list as value gives one to each.
    """
    kind = record.lifecycle.kind
    db.session.execute(
        update(MatchList).where(MatchList.kind == kind, MatchList.record_id == record.id).values(is_current=False)
    )
    common = {"score": 9.0, "band": "strong", "text_hash": "", "parts": {"tokens": 9.0}, "evidence": {"terms": []}}
    made = MatchList(
        kind=kind,
        record_id=record.id,
        tier="members",
        text_hash="",
        encoder="letters@1",
        generation=0,
        change=0,
        weights={},
        filters=[],
    )
    made.entries = [
        MatchEntry(
            rank=place + 1,
            record_id=partner.id,
            **{
                name: value[place] if name != "failed" and isinstance(value, list) else value
                for name, value in (common | facts).items()
            },
        )
        for place, partner in enumerate(partners)
    ]
    db.session.add(made)
    db.session.flush()
    return made
