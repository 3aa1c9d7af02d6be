from __future__ import annotations

import csv
import datetime as dt
import io
from types import SimpleNamespace

import openpyxl
import pytest
from docx import Document
from docx.oxml.ns import qn

from kcz_match.catalogue import list_service
from kcz_match.catalogue.fields import Direction, Indicator
from kcz_match.catalogue.list_columns import columns
from kcz_match.catalogue.list_reading import read_file
from kcz_match.catalogue.models import Need
from kcz_match.catalogue.terms import INDUSTRIES, MODES
from kcz_match.reports.needs_list import needs_docx, short
from kcz_match.reports.needs_sheet import fit, needs_csv, needs_xlsx, rejected_xlsx, template_xlsx
from tests.list_files import HEAD, row, sheet

DAY = dt.date(2026, 11, 24)
FULL = {
    "kind": "testing",
    "industry": "marine",
    "benefit": "减少返修",
    "min_trl": "6",
    "starts_on": dt.date(2026, 12, 1),
    "due_on": dt.date(2027, 12, 31),
    "budget_min": 50,
    "budget_max": 80.5,
    "payer": "self",
    "cash_payable": True,
    "ip_terms": "共有",
    "solver_conditions": "有中试线",
    "not_alone": "没有设备",
    "activity": "applied",
    "partners": "某所",
    "signer": "郑总",
    "valid_until": dt.date(2027, 6, 30),
}
FOUR = tuple(
    Indicator(f"指标{word}", str(number), "mm", Direction.AT_MOST, "9", "卡尺", number % 2 == 0)
    for number, word in enumerate("甲乙丙丁", start=1)
)


def workbook(data: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(data))


@pytest.mark.parametrize(("write", "name"), [(needs_xlsx, "清单.xlsx"), (needs_csv, "清单.csv")])
def test_an_exported_list_is_read_in_again_word_for_word(world, write, name):
    need = world.draft(**FULL, rows=FOUR, title="-40 ℃ 冷启动", tried="=1+1", keywords="@甲 +乙")
    plain = world.draft(title="另一条")
    first, second = read_file(write([need, plain]), name).needs
    assert (first.errors, second.errors) == ((), ())
    assert first.values == {field: getattr(need, field) for field in first.values}
    assert {column.field for column in columns() if column.field and getattr(need, column.field)} == set(first.values)
    assert first.indicators == FOUR
    assert second.indicators == tuple(plain.rows)


def test_the_export_says_code_state_and_unit_in_front(world):
    need = world.need("submitted")
    rows = list(workbook(needs_xlsx([need])).active.iter_rows(values_only=True, max_col=5))
    assert rows == [
        ("序号", "编号", "状态", "需求单位", "项目名称*"),
        ("1", need.code, "待区科协审核", world.enterprise.full_name, need.title),
    ]


def test_no_cell_of_a_workbook_is_a_formula_or_a_link(world):
    need = world.draft(
        title='=HYPERLINK("http://x")', keywords="http://example.org", tried="@SUM(A1)", owner_phone="+86 20"
    )
    cells = [
        cell for line in workbook(needs_xlsx([need])).active.iter_rows() for cell in line if cell.value is not None
    ]
    assert {cell.data_type for cell in cells} == {"s"}
    assert {cell.hyperlink for cell in cells} == {None}


def test_a_cell_of_separated_text_that_would_run_gets_a_quote(world):
    need = world.draft(title="=1+1", keywords="-2", tried="\t3", owner_name="@x", owner_phone="+86")
    data = needs_csv([need])
    assert data.startswith(b"\xef\xbb\xbf")
    head, cells = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    found = dict(zip(head, cells, strict=True))
    assert [found[name] for name in ("项目名称*", "关键词*", "需求负责人", "负责人电话")] == [
        "'=1+1",
        "'-2",
        "'@x",
        "'+86",
    ]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_the_template_offers_the_words_of_every_closed_list():
    book = workbook(template_xlsx())
    assert book.sheetnames == ["技术需求清单", "可用的词", "填写说明"]
    page = book["技术需求清单"]
    labels = [cell.value for cell in page[1]]
    assert labels == ["序号", *(column.label for column in columns())]
    assert (page["A2"].value, page["A3"].value, page["A4"].value) == ("说明", "示例", "1")
    ruled = {labels[area.min_col - 1] for rule in page.data_validations.dataValidation for area in rule.sqref.ranges}
    assert ruled == {column.label for column in columns() if column.words or column.words_of}
    words = {column[0].value: [cell.value for cell in column[1:] if cell.value] for column in book["可用的词"].columns}
    assert words["行业领域*"] == list(INDUSTRIES.values())
    assert words["合作方式*"] == list(MODES.values())


def test_a_filled_template_is_read(world):
    book = workbook(template_xlsx())
    page = book["技术需求清单"]
    at = {cell.value: cell.column for cell in page[1]}
    for label, text in zip(HEAD[1:], row()[1:], strict=True):
        page.cell(4, at[label], text)
    stream = io.BytesIO()
    book.save(stream)
    found = read_file(stream.getvalue(), "模板.xlsx")
    assert [(need.row, need.title, need.errors) for need in found.needs] == [(4, row()[1], ())]
    assert found.notices == ()


def test_rejected_rows_come_back_with_their_errors_and_can_be_mended_and_read_again(world):
    data = sheet([*HEAD, "颜色"], [*row(), "红"], [*row(项目名称="要改的一条", 指标1目标="大幅提升"), "绿"])
    batch = list_service.preview_list(world.of(world.park), read_file(data, "清单.xlsx"), "清单.xlsx", "a")
    wrong = [one for one in list_service.rows_of(batch) if one.errors]
    book = workbook(rejected_xlsx(wrong))
    lines = list(book.active.iter_rows(values_only=True))
    assert [line[lines[0].index("项目名称*")] for line in lines] == ["项目名称*", "要改的一条"]
    assert lines[1][lines[0].index("错误")] == "第 3 行“指标1目标”写了“大幅提升”。请填数字和单位，例如 ≥90 %。"
    assert lines[1][lines[0].index("颜色")] == "绿"
    book.active.cell(2, lines[0].index("指标1目标") + 1, "0.2")
    stream = io.BytesIO()
    book.save(stream)
    (need,) = read_file(stream.getvalue(), "改好.xlsx").needs
    assert (need.title, need.errors) == ("要改的一条", ())
    assert need.indicators[0].target == "0.2"


def texts_of(data: bytes) -> list[list[str]]:
    return [[cell.text for cell in line.cells] for line in Document(io.BytesIO(data)).tables[0].rows]


def test_the_document_is_landscape_with_a_repeated_head_page_numbers_and_a_place_for_the_stamp(world):
    need = world.need("submitted")
    document = Document(io.BytesIO(needs_docx([need], world.enterprise.full_name, DAY)))
    section = document.sections[0]
    assert (round(section.page_width.cm, 1), round(section.page_height.cm, 1)) == (29.7, 21.0)
    assert document.tables[0].rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None
    said = [paragraph.text for paragraph in document.paragraphs]
    assert said[:2] == [
        "技术需求清单",
        f"填报单位（盖章）：{world.enterprise.full_name}\t共 1 项    填报日期：2026年11月24日",
    ]
    assert "（单位盖章）" in said
    fields = [part.text.strip() for part in section.footer._element.iter(qn("w:instrText"))]
    assert fields == ["PAGE", "NUMPAGES"]
    assert section.footer.paragraphs[0].text.replace("1", "N") == "第 N 页 共 N 页"
    fonts = {part.get(qn("w:eastAsia")) for part in document.element.body.iter(qn("w:rFonts"))}
    assert fonts == {"仿宋", "黑体"}


def test_the_document_holds_the_needs_in_words_and_no_contact_and_no_budget(world):
    need = world.need("submitted", budget_min=50, budget_max=80, due_on=dt.date(2027, 12, 31))
    head, cells = texts_of(needs_docx([need], world.enterprise.full_name, DAY))
    assert "需求单位" not in head
    found = dict(zip(head, cells, strict=True))
    assert found["编号"] == need.code
    assert found["行业领域\n需求类型"] == "智能网联与新能源汽车\n技术研发"
    assert found["主要技术目标和指标"].endswith("1. 漏检率 ≤0.1 %\n2. 检测节拍 ≤8 s")
    assert found["紧急程度\n完成时限"] == "一般\n2027年12月"
    whole = "".join(cells)
    assert not [
        secret for secret in (need.owner_name, need.owner_phone, need.technical_contact, "80") if secret in whole
    ]


def test_a_list_of_several_units_has_a_column_for_them(world):
    needs = [world.draft(), world.draft(by=world.of(world.park))]
    head, first, second = texts_of(needs_docx(needs, world.district.full_name, DAY))
    assert [first[head.index("需求单位")], second[head.index("需求单位")]] == [
        world.enterprise.full_name,
        world.park.full_name,
    ]


@pytest.mark.parametrize(
    "nasty", ["\x00\x0b\x1b", "\ud800", "\u202e\u2066", "\ufffe", "<b>&amp;]]>", "{{7*7}}", "𠀀" * 50]
)
def test_no_text_stops_an_export_and_markup_stays_text(nasty):
    unit = SimpleNamespace(full_name=f"甲{nasty}乙")
    need = Need(title=f"甲{nasty}乙", problem=nasty, target=nasty, modes=[], indicators=[], state="draft")
    need = SimpleNamespace(
        **{column.name: getattr(need, column.name) for column in Need.__table__.columns},
        rows=[],
        indicators=[],
        organisation=unit,
    )
    clean = f"甲{fit(nasty)}乙"
    assert texts_of(needs_docx([need], "某单位", DAY))[1][3] == clean
    assert read_file(needs_xlsx([need]), "清单.xlsx").needs[0].title == clean
    assert needs_csv([need]).decode("utf-8-sig").count(clean) == 2


def test_a_long_text_is_cut_with_a_mark_and_a_short_one_is_not():
    assert short("一\n\n 二 ") == "一\n二"
    assert short("字" * 20, 10) == "字" * 10 + "……（详见系统）"
