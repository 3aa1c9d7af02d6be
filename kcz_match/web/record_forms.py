"""The long forms of needs and capabilities: what was typed, what it means, and what to show again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from kcz_match.catalogue import parsing
from kcz_match.catalogue.editing import values_of
from kcz_match.catalogue.fields import Field, Form
from kcz_match.catalogue.visibility import Record
from kcz_match.web.paging import whole_number
from kcz_match.web.rows import typed_rows

MOST_VERSIONS = 10**9
FormData = ImmutableMultiDict[str, str] | MultiDict[str, str]


@dataclass(frozen=True)
class Typed:
    """A form as typed: raw texts by field, raw rows, raw tiers, and the version it was opened on (0: a new record)."""

    values: Mapping[str, Any]
    rows: Sequence[Any] = ()
    tiers: Mapping[str, str] = field(default_factory=dict)
    version: int = 0


@dataclass(frozen=True)
class Meaning:
    """What a typed form means: parsed values, rows (None: leave them), tiers, and a sentence per mistake."""

    values: dict[str, Any]
    rows: list[Any] | None
    tiers: dict[str, str]
    errors: dict[str, str]


def read_form(form: FormData, table: Sequence[Field], rows_name: str) -> Typed:
    """Return the posted form as typed; fields that a browser leaves out when unticked count as emptied."""
    values: dict[str, Any] = {}
    for item in table:
        if item.form is Form.CHOICES:
            values[item.name] = form.getlist(item.name)
        elif item.form is Form.FLAG or item.name in form:
            values[item.name] = form.get(item.name, "")
    tiers = {name.removeprefix("tier_"): code for name, code in form.items() if name.startswith("tier_")}
    version = whole_number(form.get("version", ""), MOST_VERSIONS, 0)
    return Typed(values, typed_rows(form.items(), rows_name), tiers, version)


def from_record(record: Record) -> Typed:
    """Return a record as if it had just been typed."""
    tiers = {item.name: str(record.tier_of(item.name)) for item in record.field_table}
    tiers[record.rows_name] = str(record.tier_of(record.rows_name))
    return Typed(values_of(record), [asdict(row) for row in record.rows], tiers, record.version)


def understand(
    typed: Typed,
    table: Sequence[Field],
    rows_name: str,
    parse_rows: Callable[[Sequence[Mapping[str, object]]], tuple[list[Any], dict[str, str]]],
) -> Meaning:
    """Parse a typed form; mistakes are sentences by field, and what could be read stands in the values."""
    values, errors = parsing.parse_values(table, typed.values)
    rows, row_errors = parse_rows(typed.rows)
    return Meaning(values, rows, parsing.parse_tiers(table, typed.tiers, (rows_name,)), errors | row_errors)
