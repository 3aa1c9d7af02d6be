"""The technology needs list as a sheet: the template, needs out, and rejected rows back to the person who mends them.

All have the columns of ``catalogue.list_columns``, so that what goes out can be read in again.  Every cell is text:
nothing a person typed becomes a formula, a link or a number in scientific notation.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from kcz_match.catalogue.fields import DIRECTION_LABELS, NEED_FIELD, Direction, Form, Indicator
from kcz_match.catalogue.list_columns import EXAMPLE_MARK, GROUPS, MARK, NOTE_MARK, Column, columns
from kcz_match.catalogue.list_service import BatchRow
from kcz_match.catalogue.models import Need
from kcz_match.catalogue.sheets import LONGEST_CELL, MOST_ROWS
from kcz_match.catalogue.states import NEEDS
from kcz_match.catalogue.terms import TERMS, word
from kcz_match.catalogue.visibility import value_of

SHEET = "技术需求清单"
GUIDE = "填写说明"
WORDS = "可用的词"
ERRORS = "错误"
LEADING = (MARK, "编号", "状态", "需求单位")
OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
RISKY = ("=", "+", "-", "@", "\t", "\r")
WIDE = {Form.TEXT: 36, Form.CHOICES: 18, Form.CHOICE: 16, Form.NUMBER: 12, Form.DATE: 12, Form.FLAG: 10, Form.LINE: 18}


def fit(text: object) -> str:
    """Return a value as text that every format bears: no control characters, no direction overrides, not too long."""
    return UNFIT.sub("", "" if text is None else str(text))[:LONGEST_CELL]


def template_xlsx() -> bytes:
    """Return the blank list: a head, a row of explanations, a marked example, drop-downs, and a sheet that explains."""
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, OPTIONS) as book:
        heads = columns()
        sheet = book.add_worksheet(SHEET)
        _write_head(book, sheet, (MARK,), heads)
        note = _format(book, italic=True, font_color="#52606d", bg_color="#f5f6f8")
        sheet.set_row(1, 62)
        sheet.set_row(2, 48)
        _write_row(sheet, 1, [NOTE_MARK, *(column.help for column in heads)], note)
        _write_row(sheet, 2, [EXAMPLE_MARK, *(column.example for column in heads)], note)
        text = _format(book, num_format="@")
        for row in range(3, 23):
            _write_row(sheet, row, [str(row - 2), *("" for _ in heads)], text)
        _add_choices(book, sheet, heads)
        _write_guide(book, heads)
        sheet.activate()
    return stream.getvalue()


def needs_xlsx(needs: Sequence[Need]) -> bytes:
    """Return needs as a list that can be read in again, with their code, state and organisation in front."""
    heads = columns(_groups(needs))
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, OPTIONS) as book:
        sheet = book.add_worksheet(SHEET)
        _write_head(book, sheet, LEADING, heads)
        text = _format(book, num_format="@")
        for place, row in enumerate(_rows(needs, heads), start=1):
            _write_row(sheet, place, row, text)
    return stream.getvalue()


def needs_csv(needs: Sequence[Need]) -> bytes:
    """Return the same as UTF-8 text with a byte order mark; a cell that a sheet would run as a formula gets a quote."""
    heads = columns(_groups(needs))
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow([*LEADING, *(column.label for column in heads)])
    writer.writerows([guarded(fit(cell)) for cell in row] for row in _rows(needs, heads))
    return stream.getvalue().encode("utf-8-sig")


def rejected_xlsx(rows: Sequence[BatchRow]) -> bytes:
    """Return the rows of a batch that have errors as they were typed, each with its errors in a last column.

    The cells to mend are red; the file can be uploaded again as it is.
    """
    labels = list(dict.fromkeys(label for row in rows for label in row.texts))
    labels = list(dict.fromkeys([*labels, *(column.label for column in columns() if column.needed)]))
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, OPTIONS) as book:
        sheet = book.add_worksheet(SHEET)
        _write_row(sheet, 0, [*labels, ERRORS], _head_format(book))
        sheet.set_column(0, len(labels) - 1, 18)
        sheet.set_column(len(labels), len(labels), 60)
        sheet.freeze_panes(1, 1)
        text, wrong = _format(book, num_format="@"), _format(book, num_format="@", bg_color="#fde8e6")
        for place, row in enumerate(rows, start=1):
            bad = {error.column for error in row.errors}
            for at, label in enumerate(labels):
                marked = re.sub(r"[（(].*?[)）]|[*＊\s]", "", label) in bad
                sheet.write_string(place, at, fit(row.texts.get(label, "")), wrong if marked else text)
            sheet.write_string(place, len(labels), fit("\n".join(error.sentence for error in row.errors)), wrong)
    return stream.getvalue()


def cell_of(need: Need, column: Column) -> str:
    """Return what a need has in one column, in the words that the reader understands."""
    if column.part:
        rows = need.rows
        return indicator_cell(rows[column.group - 1], column.part) if column.group <= len(rows) else ""
    field, value = NEED_FIELD[column.field], value_of(need, column.field)
    if field.form is Form.CHOICE:
        return word(field.terms, value)
    if field.form is Form.CHOICES:
        return "、".join(word(field.terms, code) for code in value or ())
    if field.form is Form.FLAG:
        return "是" if value else ""
    if field.form is Form.NUMBER:
        return "" if value is None else f"{value:.12g}"
    return value.isoformat() if isinstance(value, dt.date) else str(value or "")


def indicator_cell(indicator: Indicator, part: str) -> str:
    """Return one part of an indicator in the words of the list."""
    if part == "direction":
        return DIRECTION_LABELS[Direction(indicator.direction)]
    if part == "must":
        return "必须" if indicator.must else "期望"
    return str(getattr(indicator, part))


def _rows(needs: Iterable[Need], heads: Sequence[Column]) -> Iterable[list[str]]:
    for number, need in enumerate(needs, start=1):
        yield [
            str(number),
            need.code or "",
            NEEDS.word(need.state),
            need.organisation.full_name,
            *(cell_of(need, column) for column in heads),
        ]


def _groups(needs: Sequence[Need]) -> int:
    return max([GROUPS, *(len(need.indicators) for need in needs)])


def guarded(cell: str) -> str:
    """Return the text of a cell so that no sheet runs it as a formula."""
    return f"'{cell}" if cell.startswith(RISKY) else cell


def _format(book: Workbook, **more: Any) -> Format:
    return book.add_format(
        {
            "font_name": "宋体",
            "font_size": 10,
            "text_wrap": True,
            "valign": "top",
            "border": 1,
            "border_color": "#c9d1d9",
        }
        | more
    )


def _head_format(book: Workbook) -> Format:
    return _format(book, bold=True, font_name="黑体", valign="vcenter", align="center", bg_color="#e8ecf1")


def _write_row(sheet: Worksheet, row: int, cells: Sequence[str], look: Format) -> None:
    for column, cell in enumerate(cells):
        if cell:
            sheet.write_string(row, column, fit(cell), look)
        else:
            sheet.write_blank(row, column, None, look)


def _write_head(book: Workbook, sheet: Worksheet, leading: Sequence[str], heads: Sequence[Column]) -> None:
    look = _head_format(book)
    text = _format(book, num_format="@")
    needed = _format(book, bold=True, font_name="黑体", valign="vcenter", align="center", bg_color="#f6ded9")
    sheet.set_row(0, 34)
    for column, label in enumerate(leading):
        sheet.write_string(0, column, label, look)
        sheet.set_column(column, column, {"需求单位": 22, "编号": 18, "状态": 12}.get(label, 6))
    for column, head in enumerate(heads, start=len(leading)):
        sheet.write_string(0, column, head.label, needed if head.needed else look)
        sheet.set_column(column, column, WIDE[NEED_FIELD[head.field].form] if head.field else 12, text)
    title = len(leading) + 1
    sheet.freeze_panes(1, title)
    sheet.ignore_errors({"number_stored_as_text": f"A1:{xl_rowcol_to_cell(MOST_ROWS + 3, title + len(heads))}"})
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.repeat_rows(0)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&C第 &P 页 共 &N 页")


def _add_choices(book: Workbook, sheet: Worksheet, heads: Sequence[Column]) -> None:
    """Give the columns of closed lists a drop-down; the lists stand on a sheet of their own, since some are long."""
    lists = book.add_worksheet(WORDS)
    used = 0
    for at, head in enumerate(heads, start=1):
        words = list(TERMS[head.words_of].values()) if head.words_of else list(head.words)
        if not words:
            continue
        lists.write_string(0, used, head.label)
        for place, item in enumerate(words, start=1):
            lists.write_string(place, used, item)
        lists.set_column(used, used, 22)
        first, last = (xl_rowcol_to_cell(row, used, row_abs=True, col_abs=True) for row in (1, len(words)))
        sheet.data_validation(
            3,
            at,
            MOST_ROWS + 2,
            at,
            {
                "validate": "list",
                "source": f"='{WORDS}'!{first}:{last}",
                "error_type": "information",
                "error_title": head.label[:32],
                "error_message": _choice_message(head),
                "show_error": not head.many,
            },
        )
        used += 1


def _choice_message(head: Column) -> str:
    return f"请从列表里选，或查看“{WORDS}”。"


def _write_guide(book: Workbook, heads: Sequence[Column]) -> None:
    sheet = book.add_worksheet(GUIDE)
    look, top = _format(book), _head_format(book)
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 8)
    sheet.set_column(2, 3, 60)
    lines = (
        f"从“{SHEET}”第 4 行起，一行写一条需求；“{NOTE_MARK}”“{EXAMPLE_MARK}”两行不会读入，可以留着。",
        "带 * 的列提交审核前必须填；可以先不填，读入后成为草稿，再在网页上补。",
        f"可以换列的次序、删去不用的列；列名不要改。最多 {MOST_ROWS:,} 行。",
        "上传后先看结果，确认了才会生成草稿，整批可以撤销。",
        "公开栏（名称、背景、难题、目标）不要写企业名称、人名和电话；联系人和预算默认只在双方同意后可见。",
    )
    for place, line in enumerate(lines):
        sheet.merge_range(place, 0, place, 3, line, look)
    _write_row(sheet, len(lines) + 1, ["列", "必填", "怎么填", "可用的词"], top)
    for place, head in enumerate(heads, start=len(lines) + 2):
        words = TERMS[head.words_of].values() if head.words_of else head.words
        _write_row(sheet, place, [head.label, "是" if head.needed else "", head.help, "、".join(words)], look)
