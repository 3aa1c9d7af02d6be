"""Tables of figures: how a value is written, and the same table as a workbook or as separated text.

A page draws a table with its links; a file has the numbers as numbers, so that they can be reckoned with.
"""

from __future__ import annotations

import csv
import enum
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import xlsxwriter

from kcz_match.reports.needs_sheet import OPTIONS, fit, guarded

THIN = "\u2009"
UNFIT_FOR_A_SHEET = re.compile(r"[\[\]:*?/\\']")
LONGEST_SHEET = 31
Value = str | int | float | None


class Form(enum.StrEnum):
    """How the values of a column are written."""

    TEXT = "text"
    COUNT = "count"
    RATE = "rate"
    SCORE = "score"


NUMBER_FORMATS = {Form.TEXT: "@", Form.COUNT: "#,##0", Form.RATE: "0.0%", Form.SCORE: "0.000"}


class Column(NamedTuple):
    """A column: its head, how its values are written, and whether a chart draws it."""

    word: str
    form: Form = Form.TEXT
    is_drawn: bool = False


class Cell(NamedTuple):
    """A value, and the address of the records behind it ('' none)."""

    value: Value
    href: str = ""


@dataclass(frozen=True)
class Table:
    """Named columns and rows, a sentence that says what they show, and how a page may draw them ('', bar, line)."""

    key: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    summary: str = ""
    chart: str = ""
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def is_drawable(self) -> bool:
        """Whether some value is there to be drawn."""
        drawn = [place for place, column in enumerate(self.columns) if column.is_drawn]
        return bool(self.chart) and any(row[place].value is not None for row in self.rows for place in drawn)


def written(value: Value, form: str = Form.TEXT) -> str:
    """Return a value as a page writes it: 1,234 or 7.5 % or 0.743; nothing as a dash."""
    if value is None:
        return "–"
    if form == Form.RATE:
        return f"{100 * float(value):.1f}{THIN}%"
    if form == Form.SCORE:
        return f"{float(value):.3f}"
    return f"{value:,}" if form == Form.COUNT else str(value)


def tables_xlsx(tables: Sequence[Table]) -> bytes:
    """Return a workbook with one sheet for each table: its sentence, its head, its rows."""
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, OPTIONS) as book:
        bold = book.add_format({"bold": True, "bottom": 1})
        looks = {form: book.add_format({"num_format": look}) for form, look in NUMBER_FORMATS.items()}
        for table in tables:
            sheet = book.add_worksheet(UNFIT_FOR_A_SHEET.sub(" ", table.title)[:LONGEST_SHEET])
            sheet.write_string(0, 0, fit(table.summary))
            sheet.set_column(0, 0, 36)
            sheet.set_column(1, len(table.columns), 14)
            sheet.freeze_panes(3, 0)
            for place, column in enumerate(table.columns):
                sheet.write_string(2, place, column.word, bold)
                for number, row in enumerate(table.rows, start=3):
                    _write(sheet, number, place, row[place].value, column.form, looks)
    return stream.getvalue()


def table_csv(table: Table) -> bytes:
    """Return a table as UTF-8 text with a byte order mark; text that a sheet would run as a formula gets a quote."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow([column.word for column in table.columns])
    for row in table.rows:
        writer.writerow([guarded(fit(cell.value)) if isinstance(cell.value, str) else cell.value for cell in row])
    return stream.getvalue().encode("utf-8-sig")


def _write(sheet, row: int, place: int, value: Value, form: Form, looks) -> None:  # type: ignore[no-untyped-def]
    if isinstance(value, str):
        sheet.write_string(row, place, fit(value), looks[Form.TEXT])
    elif value is not None:
        sheet.write_number(row, place, value, looks[form])
