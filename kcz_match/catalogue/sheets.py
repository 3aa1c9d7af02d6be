"""From the bytes of an uploaded list to rows of text with their cell addresses.  Pure; reads values, runs nothing.

An .xlsx file is a stranger's archive: what it unpacks to is measured before any library opens it, and a first pass
over each sheet finds how far it reaches and which cells would be misread (formulas never computed, percentages).
Every refusal is an ``Invalid`` whose error ``file`` says what to do.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetVisibleEnum

from kcz_match.catalogue.sheet_scan import Scan, SheetFault, scan_sheets
from kcz_match.core.errors import Invalid

MOST_ROWS = 5000
LAST_ROW = MOST_ROWS + 1000
LAST_COLUMN = 256
MOST_CHARACTERS = 6_000_000
LONGEST_CELL = 32_767
MOST_SHEETS = 30
UNPACKED_BYTES = 80 * 1024 * 1024
MOST_PARTS = 500
SEPARATORS = (",", ";", "\t")
SAVE_AS = "请用 Excel 或 WPS 打开，另存为 .xlsx 再上传。"
OTHER_KINDS = {
    "xls": f"这是旧版 .xls 文件。{SAVE_AS}",
    "et": f"这是 WPS 的 .et 文件。{SAVE_AS}",
    "ods": f"这是 .ods 文件。{SAVE_AS}",
    "xlsb": f"这是 .xlsb 文件。{SAVE_AS}",
    "numbers": "这是 Numbers 文件。请导出为 .xlsx 再上传。",
    "xlsm": "这个文件带宏（.xlsm），为安全起见不接收。请另存为不带宏的 .xlsx 再上传。",
    "xltm": "这个文件带宏（.xltm），为安全起见不接收。请另存为不带宏的 .xlsx 再上传。",
    "doc": "这是 Word 文件。请下载模板，把内容填进表格再上传。",
    "docx": "这是 Word 文件。请下载模板，把内容填进表格再上传。",
    "pdf": "这是 PDF 文件，读不出表格。请下载模板，把内容填进去再上传。",
}
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    KeyError,
    OSError,
    ValueError,
)
NOT_XLSX = f"这个文件的扩展名是 .xlsx，内容却不是 Excel 文件，或已经损坏。{SAVE_AS}"


@dataclass(frozen=True)
class Table:
    """One sheet: ``rows[i][j]`` is the text of the cell at row i+1, column j+1; ``problems`` says what was unreadable.

    Merged cells carry the text of their top left cell; ``spread`` are those that got it from their left.  Rows may
    differ in length.
    """

    name: str
    rows: list[list[str]]
    problems: dict[tuple[int, int], str] = field(default_factory=dict)
    spread: frozenset[tuple[int, int]] = frozenset()


def read_tables(data: bytes, name: str) -> list[Table]:
    """Return the visible sheets of an uploaded .xlsx or .csv file; ``name`` is the file's name as sent.

    Raises ``Invalid`` for anything else, and for what is too large, locked, damaged or carries macros.
    """
    kind = name.rpartition(".")[2].lower() if "." in name else ""
    if not data.strip(b"\x00\r\n\t ,;\xef\xbb\xbf"):
        raise refused("这个文件是空的。请先下载模板，填好再上传。")
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise refused(_old_or_locked(data))
    if kind in OTHER_KINDS:
        raise refused(OTHER_KINDS[kind])
    if data.startswith(b"PK"):
        return _read_workbook(data)
    if kind == "xlsx":
        raise refused(NOT_XLSX)
    if kind not in ("csv", "txt"):
        raise refused("只接收 .xlsx 和 .csv 文件。请下载模板，填好再上传。")
    return [_read_csv(data)]


def address(row: int, column: int) -> str:
    """Return the address of a cell as Excel shows it; row and column count from 1: (7, 3) is ``C7``."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row}"


def refused(sentence: str) -> Invalid:
    """Return the refusal of a whole file, to be raised."""
    return Invalid({"file": sentence}, sentence)


def _old_or_locked(data: bytes) -> str:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return "这个文件设了打开密码，读不出来。请在 Excel 里去掉密码（文件—信息—保护工作簿），保存后再上传。"
    return OTHER_KINDS["xls"]


# --- workbooks ------------------------------------------------------------------------------------------------------


def _read_workbook(data: bytes) -> list[Table]:
    scans = _scan(data)
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
            shown = [sheet.name for sheet in book.sheets_metadata if sheet.visible is SheetVisibleEnum.Visible]
            tables = [
                _table(book.get_sheet_by_name(name), scans[name])
                for name in shown
                if name in scans and scans[name].last_row
            ]
    except (CalamineError, OSError, ValueError) as error:
        raise refused(NOT_XLSX) from error
    if not tables:
        hidden = any(scan.last_row for scan in scans.values())
        raise refused(
            "有内容的工作表都是隐藏的。请取消隐藏后保存，再上传。"
            if hidden
            else "这个文件里没有内容。请下载模板，填好再上传。"
        )
    _check_amount(tables)
    return tables


def _scan(data: bytes) -> dict[str, Scan]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_archive(archive)
            scans = scan_sheets(archive)
    except SheetFault as fault:
        raise refused(str(fault)) from fault
    except DAMAGE as error:
        raise refused(NOT_XLSX) from error
    for name, scan in scans.items():
        _check_extent(name, scan)
    return scans


def _check_archive(archive: zipfile.ZipFile) -> None:
    """Refuse macros, too many parts and too much content; what is unpacked is counted, not what the file claims."""
    parts = archive.infolist()
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > UNPACKED_BYTES:
        raise SheetFault(
            f"这个文件展开后太大（超过 {UNPACKED_BYTES >> 20} MB）。请只留下需求清单那一张表，去掉图片，再上传。"
        )
    names = {part.filename.lower() for part in parts}
    if any(name.endswith("vbaproject.bin") for name in names):
        raise SheetFault(OTHER_KINDS["xlsm"].replace("（.xlsm）", ""))
    if "xl/workbook.xml" not in names:
        if "word/document.xml" in names:
            raise SheetFault(OTHER_KINDS["docx"])
        raise SheetFault(NOT_XLSX)
    for part in parts:
        with archive.open(part) as stream:
            while stream.read(1 << 20):
                pass


def _check_extent(name: str, scan: Scan) -> None:
    if scan.last_row > LAST_ROW:
        raise refused(
            f"工作表“{name}”第 {scan.last_row} 行还有内容。一份清单最多 {MOST_ROWS:,} 条，"
            "请分成几个文件，或删去下面多余的内容。"
        )
    if scan.last_column > LAST_COLUMN:
        where = address(scan.last_row, scan.last_column).rstrip("0123456789")
        raise refused(f"工作表“{name}”到第 {where} 列还有内容。最多 {LAST_COLUMN} 列，请删去右边多余的内容。")


def _table(sheet: CalamineSheet, scan: Scan) -> Table:
    values = sheet.to_python(skip_empty_area=False)
    rows = [[text_of(value) for value in row] for row in values]
    for (row, column), shown in scan.shown.items():
        if row <= len(rows) and column <= len(rows[row - 1]):
            rows[row - 1][column - 1] = shown
    spread = [place for first, last in sheet.merged_cell_ranges or () for place in _fill(rows, first, last)]
    return Table(sheet.name, rows, scan.problems, frozenset(spread))


def _fill(rows: list[list[str]], first: tuple[int, int], last: tuple[int, int]) -> list[tuple[int, int]]:
    """Write the text of the first cell into the whole block, as far as cells go; return those right of it."""
    if first[0] >= len(rows) or first[1] >= len(rows[first[0]]):
        return []
    text = rows[first[0]][first[1]]
    spread = []
    for number, row in enumerate(rows[first[0] : last[0] + 1], start=first[0] + 1):
        for column in range(first[1], min(last[1] + 1, len(row))):
            row[column] = text
            if column > first[1]:
                spread.append((number, column + 1))
    return spread


def text_of(value: object) -> str:
    """Return a cell's value as the text a person sees: whole numbers without point or power, days as 2026-11-24."""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e18 else plain(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return "" if value is None else str(value)[:LONGEST_CELL]


def plain(value: float) -> str:
    """Return a number at fifteen significant digits and without a power of ten: 1e-05 is ``0.00001``."""
    text = f"{value:.15g}"
    return (
        f"{value:.20f}".rstrip("0").rstrip(".")
        if "e" in text and abs(value) < 1
        else f"{value:.0f}"
        if "e" in text
        else text
    )


# --- separated text -------------------------------------------------------------------------------------------------


def _read_csv(data: bytes) -> Table:
    text = _decoded(data)
    first, _, rest = text.partition("\n")
    separators: tuple[str, ...] = SEPARATORS
    if said := re.fullmatch(r"sep=(.)\r?", first):
        text, separators = rest, (said[1],)
    if "\x00" in text:
        raise refused("这个文件不是文字表格。请在 Excel 里另存为 .xlsx 再上传。")
    head = text[:20_000]
    separator = max(separators, key=lambda one: (_width(head, one), head.count(one)))
    try:
        rows = [
            [cell[:LONGEST_CELL] for cell in row]
            for row in _some(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        ]
    except csv.Error as error:
        raise refused(
            "这个 CSV 读不下去：多半是有一个引号没有成对。请在 Excel 里打开检查，另存为 .xlsx 再上传。"
        ) from error
    table = Table("CSV", [[_unguarded(cell) for cell in row] for row in rows])
    _check_amount([table])
    return table


def _decoded(data: bytes) -> str:
    """Return the text of a file that may be UTF-8 or UTF-16 (with or without mark) or GB 18030, which contains GBK."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        codes: tuple[str, ...] = ("utf-16",)
    elif data[1:400:2].count(0) > data[:400:2].count(0) + 20:
        codes = ("utf-16-le",)
    elif data[:400:2].count(0) > data[1:400:2].count(0) + 20:
        codes = ("utf-16-be",)
    else:
        codes = ("utf-8-sig", "gb18030")
    for code in codes:
        try:
            return data.decode(code)
        except UnicodeDecodeError:
            continue
    raise refused("这个 CSV 的文字编码认不出来。请在 Excel 里另存为 .xlsx，或“CSV UTF-8”，再上传。")


def _width(text: str, separator: str) -> int:
    """Return how many cells most of the first rows have with this separator."""
    try:
        widths = [len(row) for row in islice(csv.reader(io.StringIO(text, newline=""), delimiter=separator), 10)]
    except csv.Error:
        return 0
    return max(widths, default=0)


def _some(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    for number, row in enumerate(rows, start=1):
        if number > LAST_ROW and any(cell.strip() for cell in row):
            raise refused(f"第 {number} 行还有内容。一份清单最多 {MOST_ROWS:,} 条，请分成几个文件上传。")
        if len(row) > LAST_COLUMN and any(cell.strip() for cell in row[LAST_COLUMN:]):
            raise refused(f"第 {number} 行超过 {LAST_COLUMN} 列。请检查分隔符，或另存为 .xlsx 再上传。")
        yield row[:LAST_COLUMN]


def _unguarded(cell: str) -> str:
    """Take off the quote that our own export puts before a cell that a spreadsheet would run as a formula."""
    return cell[1:] if re.match(r"'[=+\-@\t\r]", cell) else cell


def _check_amount(tables: list[Table]) -> None:
    total = sum(len(cell) for table in tables for row in table.rows for cell in row)
    if total > MOST_CHARACTERS:
        raise refused(f"这份清单有 {total:,} 个字，太大了（最多 {MOST_CHARACTERS:,}）。请分成几个文件上传。")
