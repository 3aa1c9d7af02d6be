"""A first pass over the sheets of an .xlsx archive: how far each reaches, and which cells a value reader gets wrong.

Reads the XML as a stream, keeps nothing but what is asked for, and refuses document types (the way XML is made to
exhaust memory).  Pure.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from xml.sax.handler import ContentHandler  # only the base class; parsing is done by defusedxml

from defusedxml import DefusedXmlException
from defusedxml import sax as safe_sax
from defusedxml.ElementTree import ParseError, fromstring

CELL = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
NO_VALUE = "这一格是公式，文件里没有存下结果"
WRONG_VALUE = "这一格的公式出错"
MOST_CELLS = 1_500_000


class SheetFault(Exception):
    """The archive is refused; the text is a sentence for the person."""


@dataclass
class Scan:
    """What one sheet holds: the last row and column with content (from 1), problems, and cells shown other than kept.

    ``problems`` and ``shown`` are keyed by (row, column); ``shown`` has percentages and numbers with leading zeros as
    a person sees them on the screen.
    """

    last_row: int = 0
    last_column: int = 0
    problems: dict[tuple[int, int], str] = field(default_factory=dict)
    shown: dict[tuple[int, int], str] = field(default_factory=dict)


def scan_sheets(archive: zipfile.ZipFile) -> dict[str, Scan]:
    """Return the scan of every worksheet by its name, in the workbook's order.

    Raises ``SheetFault`` for XML that no spreadsheet writes, ``KeyError`` for a missing part.
    """
    try:
        styles = _styles(archive)
        scans = {}
        for name, path in _sheet_paths(archive).items():
            handler = _Handler(styles)
            with archive.open(path) as stream:
                safe_sax.parse(stream, handler, forbid_dtd=True)
            scans[name] = handler.scan
        return scans
    except (DefusedXmlException, ParseError) as error:
        raise SheetFault(
            "这个 Excel 文件的内部结构不正常，不接收。请用 Excel 或 WPS 打开，另存为新的 .xlsx 再上传。"
        ) from error
    except Exception as error:
        if type(error).__name__ != "SAXParseException":
            raise
        raise SheetFault("这个 Excel 文件已经损坏。请用 Excel 或 WPS 打开修复，另存后再上传。") from error


def column_number(letters: str) -> int:
    """Return the number of a column from its letters: A is 1, AA is 27."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _sheet_paths(archive: zipfile.ZipFile) -> dict[str, str]:
    relations = {}
    for item in fromstring(archive.read("xl/_rels/workbook.xml.rels"), forbid_dtd=True):
        target = item.get("Target", "")
        relations[item.get("Id")] = target[1:] if target.startswith("/") else posixpath.normpath(f"xl/{target}")
    paths = {}
    for item in fromstring(archive.read("xl/workbook.xml"), forbid_dtd=True).iter():
        if item.tag.rpartition("}")[2] == "sheet":
            link = next((value for key, value in item.attrib.items() if key.endswith("}id")), "")
            path = relations.get(link, "")
            if "worksheets/" in path and path in archive.namelist():
                paths[item.get("name", "")] = path
    return paths


def _styles(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the number format code of every cell style that shows a number other than it is kept: % and 000."""
    if "xl/styles.xml" not in archive.namelist():
        return {}
    formats = {"9": "0%", "10": "0.00%"}
    styles = {}
    for item in fromstring(archive.read("xl/styles.xml"), forbid_dtd=True).iter():
        tag = item.tag.rpartition("}")[2]
        if tag == "numFmt":
            formats[item.get("numFmtId", "")] = item.get("formatCode", "")
        elif tag == "cellXfs":
            for place, style in enumerate(item):
                code = formats.get(style.get("numFmtId", ""), "").split(";")[0]
                if "%" in code or re.fullmatch(r"0{2,20}", code):
                    styles[str(place)] = code
    return styles


def shown_as(kept: str, code: str) -> str:
    """Return a kept number as its format shows it: 0.001 under ``0.0%`` is ``0.1%``, 12 under ``0000`` is ``0012``."""
    try:
        number = Decimal(kept)
    except InvalidOperation:
        return kept
    if "%" in code:
        return f"{(number * 100).quantize(Decimal('0.0000000001')).normalize():f}%"
    return f"{int(number):0{len(code)}d}" if number == int(number) else kept


class _Handler(ContentHandler):
    """Follows the cells of one worksheet."""

    def __init__(self, styles: dict[str, str]) -> None:
        super().__init__()
        self.scan = Scan()
        self._styles, self._cells = styles, 0
        self._row = self._column = 0
        self._kind = self._style = ""
        self._text: list[str] = []
        self._inside = self._formula = False

    def startElement(self, name: str, attrs: Any) -> None:  # the name is the library's
        """Note a row, a cell, a formula or a value."""
        tag = name.rpartition(":")[2]
        get = attrs.get
        if tag == "row":
            self._row, self._column = int(get("r") or self._row + 1), 0
        elif tag == "c":
            self._begin_cell(get("r") or "", get("t") or "n", get("s") or "")
        elif tag == "f":
            self._formula = True
        elif tag in ("v", "t"):
            self._inside = True

    def characters(self, content: str) -> None:
        """Keep the text of a number; of other cells only whether there is any."""
        if self._inside and len(self._text) < 8:
            self._text.append(content[:64])

    def endElement(self, name: str) -> None:  # the name is the library's
        """Close a value or a cell."""
        tag = name.rpartition(":")[2]
        if tag in ("v", "t"):
            self._inside = False
        elif tag == "c":
            self._end_cell()

    def _begin_cell(self, where: str, kind: str, style: str) -> None:
        self._cells += 1
        if self._cells > MOST_CELLS:
            raise SheetFault("工作表里的格子太多（多半是整列设了格式）。请把清单复制到一张新表里，保存后再上传。")
        found = CELL.fullmatch(where)
        if found:
            self._row, self._column = int(found[2]), column_number(found[1])
        else:
            self._column += 1
        self._kind, self._style, self._formula = kind, style, False
        self._text = []

    def _end_cell(self) -> None:
        text = "".join(self._text)
        place = (self._row, self._column)
        if text or self._formula:
            self.scan.last_row = max(self.scan.last_row, self._row)
            self.scan.last_column = max(self.scan.last_column, self._column)
        if self._kind == "e":
            self.scan.problems[place] = f"{WRONG_VALUE}（{text}）"
        elif self._formula and not text and self._kind != "str":
            self.scan.problems[place] = NO_VALUE
        elif self._kind == "n" and text and (code := self._styles.get(self._style)):
            self.scan.shown[place] = shown_as(text, code)
