"""Files that people upload: small workbooks and separated texts, made for one test each."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence

import openpyxl
import xlsxwriter

HEAD = [
    "序号",
    "项目名称*",
    "需求类型*",
    "行业领域*",
    "关键词*",
    "需求背景*",
    "需解决的主要技术难题*",
    "期望实现的主要技术目标*",
    "指标1名称",
    "指标1方向",
    "指标1目标",
    "指标1单位",
    "指标1检测方法",
    "指标1必须",
    "合作方式*",
    "紧急程度*",
    "需求负责人",
    "负责人电话",
]
ROW = [
    "1",
    "一体化压铸件在线缺陷检测",
    "技术研发",
    "智能装备与机器人",
    "压铸 X射线 缺陷识别",
    "压铸车间每天出件约三千件，由工人看片判定气孔和缩松。",
    "人工看片漏检率约 1.5 %，节拍跟不上产线，小气孔常被放过，后道加工才发现。",
    "在线自动判定气孔和缩松，跟上产线节拍。",
    "漏检率",
    "≤",
    "0.1",
    "%",
    "盲样比对",
    "必须",
    "合作开发、技术服务",
    "一般",
    "周工",
    "020-80000001",
]


def row(**changes: str) -> list[str]:
    """Return the complete row with some cells changed, by label without asterisk."""
    labels = [label.rstrip("*") for label in HEAD]
    return [changes.get(label, cell) for label, cell in zip(labels, ROW, strict=True)]


def sheet(
    *rows: Sequence[object], edit: Callable[[openpyxl.worksheet.worksheet.Worksheet], None] | None = None
) -> bytes:
    """Return a workbook of one sheet with these rows; ``edit`` may change the openpyxl sheet before it is saved."""
    book = openpyxl.Workbook()
    page = book.active
    page.title = "清单"
    for cells in rows:
        page.append(list(cells))
    if edit:
        edit(page)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def sheets(**pages: Sequence[Sequence[str]]) -> bytes:
    """Return a workbook with these sheets of text, in order."""
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream) as book:
        for name, rows in pages.items():
            page = book.add_worksheet(name)
            for number, cells in enumerate(rows):
                page.write_row(number, 0, cells)
            if name.startswith("隐藏"):
                page.hide()
        shown = [page for page in book.worksheets() if not page.get_name().startswith("隐藏")]
        if shown:
            shown[0].activate()
            shown[0].set_first_sheet()
    return stream.getvalue()


def changed(data: bytes, **parts: bytes | None) -> bytes:
    """Return an archive with parts replaced, added or (None) left out; in names ``__`` is a slash, ``_x_`` a dot."""
    named = {name.replace("__", "/").replace("_x_", "."): content for name, content in parts.items()}
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            if item.filename not in named:
                new.writestr(item, old.read(item))
        for name, content in named.items():
            if content is not None:
                new.writestr(name, content)
    return stream.getvalue()


def csv_text(*rows: Sequence[str], separator: str = ",") -> str:
    """Return rows as separated text, every cell in quotes."""
    return "\r\n".join(separator.join('"' + cell.replace('"', '""') + '"' for cell in cells) for cells in rows) + "\r\n"
