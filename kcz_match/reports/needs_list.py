"""The technology needs list (技术需求清单) to be stamped: landscape A4, the head on every page, page numbers.

Contacts and budgets are not in it: a stamped list travels further than the people who consented.  Fonts are named, not
embedded: 仿宋 and 黑体 are on the reader's computer.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import dataclass

from docx import Document
from docx.enum.section import WD_ORIENT
from docx.enum.table import WD_ALIGN_VERTICAL, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph
from docx.text.run import Run

from kcz_match.catalogue.models import Need
from kcz_match.catalogue.terms import word
from kcz_match.reports.needs_sheet import fit

TITLE = "技术需求清单"
SONG, HEI = "仿宋", "黑体"
LONGEST_TEXT = 400


@dataclass(frozen=True)
class _Column:
    label: str
    width: float


NARROW = (
    _Column("序号", 1.3),
    _Column("编号", 2.6),
    _Column("项目名称", 3.6),
    _Column("行业领域\n需求类型", 2.5),
    _Column("需解决的主要技术难题", 6.0),
    _Column("主要技术目标和指标", 5.6),
    _Column("合作方式", 2.0),
    _Column("紧急程度\n完成时限", 2.5),
)
WITH_UNIT = (
    _Column("序号", 1.3),
    _Column("编号", 2.6),
    _Column("需求单位", 2.8),
    _Column("项目名称", 3.3),
    _Column("行业领域\n需求类型", 2.4),
    _Column("需解决的主要技术难题", 4.8),
    _Column("主要技术目标和指标", 4.5),
    _Column("合作方式", 1.9),
    _Column("紧急程度\n完成时限", 2.5),
)


def needs_docx(needs: Sequence[Need], unit: str, day: dt.date) -> bytes:
    """Return the list of ``needs`` that ``unit`` hands in on ``day`` as a Word document.

    A column names the organisations when they are not all ``unit`` itself.  Long texts are cut with a mark; the record
    keeps the whole.
    """
    document = Document()
    _set_page(document)
    _title(document, unit, day, len(needs))
    heads = NARROW if all(need.organisation.full_name == unit for need in needs) else WITH_UNIT
    table = document.add_table(rows=1, cols=len(heads))
    _set_table(table, heads)
    for number, need in enumerate(needs, start=1):
        _add_row(table, _cells(number, need, heads), heads)
    _head_row(table, heads)
    _closing(document)
    _page_numbers(document)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def short(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text on few lines, cut to ``longest`` characters with a closing mark that more is on record."""
    lines = "\n".join(line.strip() for line in text.splitlines() if line.strip())
    return lines if len(lines) <= longest else f"{lines[:longest].rstrip('，。；、 ')}……（详见系统）"


def _cells(number: int, need: Need, heads: Sequence[_Column]) -> list[str]:
    indicators = "\n".join(
        f"{place}. {row.text()}{'' if row.must else '（期望）'}" for place, row in enumerate(need.rows, start=1)
    )
    due = f"{need.due_on.year}年{need.due_on.month}月" if need.due_on else ""
    texts = {
        "序号": str(number),
        "编号": need.code or "（未提交）",
        "需求单位": need.organisation.full_name,
        "项目名称": need.title,
        "行业领域\n需求类型": "\n".join(
            filter(None, [word("industries", need.industry), word("need_kinds", need.kind)])
        ),
        "需解决的主要技术难题": short(need.problem),
        "主要技术目标和指标": "\n".join(filter(None, [short(need.target), indicators])),
        "合作方式": "\n".join(word("modes", code) for code in need.modes or ()),
        "紧急程度\n完成时限": "\n".join(filter(None, [word("urgency", need.urgency), due])),
    }
    return [texts[head.label] for head in heads]


# --- layout ---------------------------------------------------------------------------------------------------------


def _set_page(document) -> None:  # type: ignore[no-untyped-def]  # python-docx returns its document from a function
    section = document.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Cm(29.7), Cm(21.0)
    section.left_margin = section.right_margin = Cm(1.8)
    section.top_margin, section.bottom_margin = Cm(2.0), Cm(1.8)
    section.footer_distance = Cm(0.9)
    style = document.styles["Normal"]
    style.font.name, style.font.size = "Times New Roman", Pt(10.5)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), SONG)
    style.paragraph_format.space_after = Pt(0)


def _write(paragraph: Paragraph, text: str, font: str = SONG, size: float = 10.5, *, bold: bool = False) -> Run:
    run = paragraph.add_run(fit(text))
    run.font.name, run.font.size, run.font.bold = "Times New Roman", Pt(size), bold
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)
    return run


def _title(document, unit: str, day: dt.date, count: int) -> None:  # type: ignore[no-untyped-def]  # as above
    head = document.add_paragraph()
    head.alignment = WD_ALIGN_PARAGRAPH.CENTER
    head.paragraph_format.space_after = Pt(8)
    _write(head, TITLE, HEI, 20)
    line = document.add_paragraph()
    line.paragraph_format.space_after = Pt(4)
    line.paragraph_format.tab_stops.add_tab_stop(Cm(26.1), WD_ALIGN_PARAGRAPH.RIGHT)
    _write(line, f"填报单位（盖章）：{unit}", size=12)
    _write(line, f"\t共 {count} 项    填报日期：{day.year}年{day.month}月{day.day}日", size=12)


def _set_table(table: Table, heads: Sequence[_Column]) -> None:
    table.style = "Table Grid"
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    table.autofit = False
    for column, head in zip(table.columns, heads, strict=True):
        column.width = Cm(head.width)


def _head_row(table: Table, heads: Sequence[_Column]) -> None:
    row = table.rows[0]
    _set_flag(row._tr.get_or_add_trPr(), "w:tblHeader")
    for cell, head in zip(row.cells, heads, strict=True):
        _fill_cell(cell, head.label, head.width, font=HEI, centred=True)


def _add_row(table: Table, texts: Sequence[str], heads: Sequence[_Column]) -> None:
    row = table.add_row()
    _set_flag(row._tr.get_or_add_trPr(), "w:cantSplit")
    for cell, text, head in zip(row.cells, texts, heads, strict=True):
        _fill_cell(cell, text, head.width, centred=head.label in ("序号", "合作方式", "紧急程度\n完成时限"))


def _fill_cell(cell: _Cell, text: str, width: float, font: str = SONG, *, centred: bool = False) -> None:
    cell.width = Cm(width)
    cell.vertical_alignment = WD_ALIGN_VERTICAL.CENTER
    for place, line in enumerate(text.split("\n")):
        paragraph = cell.paragraphs[0] if place == 0 else cell.add_paragraph()
        paragraph.paragraph_format.space_before = Pt(2 if place == 0 else 0)
        paragraph.paragraph_format.space_after = Pt(2 if place == text.count("\n") else 0)
        if centred:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        _write(paragraph, line, font)


def _set_flag(properties, name: str) -> None:  # type: ignore[no-untyped-def]  # an XML element
    flag = OxmlElement(name)
    flag.set(qn("w:val"), "true")
    properties.append(flag)


def _closing(document) -> None:  # type: ignore[no-untyped-def]  # as above
    line = document.add_paragraph()
    line.paragraph_format.space_before = Pt(14)
    line.paragraph_format.keep_with_next = True
    _write(line, "单位负责人（签字）：____________    填报人：____________    联系电话：________________", size=12)
    for text, gap in (("（单位盖章）", 22), ("年    月    日", 10)):
        paragraph = document.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        paragraph.paragraph_format.space_before = Pt(gap)
        paragraph.paragraph_format.right_indent = Cm(2)
        paragraph.paragraph_format.keep_with_next = text.startswith("（")
        _write(paragraph, text, size=12)


def _page_numbers(document) -> None:  # type: ignore[no-untyped-def]  # as above
    paragraph = document.sections[0].footer.paragraphs[0]
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for text, field in (("第 ", "PAGE"), (" 页 共 ", "NUMPAGES"), (" 页", "")):
        _write(paragraph, text, size=9)
        if field:
            _add_field(_write(paragraph, "", size=9), field)


def _add_field(run: Run, code: str) -> None:
    """Put a field into a run that Word works out when it opens the document."""
    for kind in ("begin", "", "separate", "shown", "end"):
        if kind == "":
            part = OxmlElement("w:instrText")
            part.set(qn("xml:space"), "preserve")
            part.text = f" {code} "
        elif kind == "shown":
            part = OxmlElement("w:t")
            part.text = "1"
        else:
            part = OxmlElement("w:fldChar")
            part.set(qn("w:fldCharType"), kind)
        run._element.append(part)
