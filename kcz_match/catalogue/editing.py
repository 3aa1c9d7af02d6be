"""Putting typed values on a record, and what that must respect.  Shared by needs and capabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kcz_match.catalogue.models import Capability, CapabilityClaim, Need, NeedIndicator
from kcz_match.catalogue.visibility import Record, fields_of, value_of
from kcz_match.core import jobs
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Conflict, Stale


def check_version(record: Record, version: int | None) -> None:
    """Raise ``Stale`` when the form was opened on another version than the one on file."""
    if version is not None and version != record.version:
        raise Stale


def check_editable(record: Record, states: frozenset[Any]) -> None:
    """Raise ``Conflict`` unless the record is in a state in which its text may change."""
    if record.state not in states:
        word = record.lifecycle.word(record.state)
        raise Conflict(f"“{word}”的{record.lifecycle.label}不能直接修改。请先收回或点“修改后重新送审”。")


def fill(
    record: Record, values: Mapping[str, Any], rows: Sequence[Any] | None, tiers: Mapping[str, str] | None
) -> None:
    """Put values, indicator or claim rows, and tiers on a record; what is None stays as it was.

    Unknown names raise ``KeyError``: callers pass what ``parsing`` returned.
    """
    for name, value in values.items():
        if isinstance(record, Capability) and not hasattr(Capability, name):
            record.details = record.details | {name: value}
        elif hasattr(type(record), name):
            setattr(record, name, value)
        else:
            raise KeyError(name)
    if rows is not None and list(rows) != record.rows:
        _replace_rows(record, rows)
    if tiers is not None:
        record.tiers = dict(tiers)
    record.saved_at = utc_now()


def values_of(record: Record) -> dict[str, Any]:
    """Return every field of the record by name."""
    return {field.name: value_of(record, field.name) for field in fields_of(record)}


def leave_followers(record: Record) -> None:
    """Leave the jobs by which the search index and open interests follow this record; cheap to call too often."""
    db.session.flush()
    kind = record.lifecycle.kind
    if not record.is_listed:
        jobs.leave("lapse_interests", key=f"lapse:{kind}:{record.id}", kind=kind, record_id=record.id)
    jobs.leave("index_record", key=f"index:{kind}:{record.id}", kind=kind, record_id=record.id)


def _replace_rows(record: Record, rows: Sequence[Any]) -> None:
    if isinstance(record, Need):
        record.indicators = [
            NeedIndicator(
                position=place,
                name=row.name,
                present=row.present,
                target=row.target,
                unit=row.unit,
                direction=row.direction,
                method=row.method,
                must=row.must,
            )
            for place, row in enumerate(rows)
        ]
    else:
        record.claims = [
            CapabilityClaim(
                position=place,
                name=row.name,
                value_text=row.value,
                unit=row.unit,
                evidence=row.evidence,
                dated_on=row.dated_on,
            )
            for place, row in enumerate(rows)
        ]
