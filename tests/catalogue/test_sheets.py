from __future__ import annotations

import datetime as dt
import io
import random
import re
import zipfile

import openpyxl
import pytest

from kcz_match.catalogue.sheets import MOST_ROWS, address, plain, read_tables
from kcz_match.core.errors import Invalid
from tests.list_files import HEAD, ROW, changed, csv_text, sheet, sheets


def rows_of(data: bytes, name: str = "清单.xlsx") -> list[list[str]]:
    (table,) = read_tables(data, name)
    return table.rows


def sentence(data: bytes, name: str = "清单.xlsx") -> str:
    with pytest.raises(Invalid) as refusal:
        read_tables(data, name)
    assert refusal.value.errors == {"file": refusal.value.sentence}
    return refusal.value.sentence


@pytest.mark.parametrize(
    ("row", "column", "name"), [(1, 1, "A1"), (7, 3, "C7"), (2, 26, "Z2"), (9, 27, "AA9"), (1, 256, "IV1")]
)
def test_an_address_is_the_one_that_excel_shows(row, column, name):
    assert address(row, column) == name


@pytest.mark.parametrize(
    ("kept", "read"),
    [
        (13800000001, "13800000001"),
        (13800000001.0, "13800000001"),
        (0.3, "0.3"),
        (0.00001, "0.00001"),
        (-40, "-40"),
        (914401000000000000, "914401000000000000"),
        ("020-1", "020-1"),
        ("00123", "00123"),
        (True, "是"),
        (dt.date(2027, 5, 1), "2027-05-01"),
        (dt.datetime.fromisoformat("2027-05-01T08:30"), "2027-05-01"),
        (None, ""),
    ],
)
def test_a_cell_is_read_as_a_person_sees_it(kept, read):
    assert rows_of(sheet(["x", kept, "x"])) == [["x", read, "x"]]


@pytest.mark.parametrize(
    ("kept", "look", "read"),
    [
        (0.001, "0.0%", "0.1%"),
        (0.95, "0%", "95%"),
        (12, "00000", "00012"),
        (46508, "yyyy-mm-dd", "2027-05-01"),
        (5, "0.00", "5"),
    ],
)
def test_percentages_and_leading_zeros_survive_their_number_format(kept, look, read):
    def shown(page):
        page["A1"].number_format = look

    assert rows_of(sheet([kept, "x"], edit=shown)) == [[read, "x"]]


def with_xml(data: bytes, change) -> bytes:
    """Return the workbook with the text of its first sheet's XML changed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        xml = archive.read("xl/worksheets/sheet1.xml").decode()
    changed_xml = change(xml)
    assert changed_xml != xml
    return changed(data, xl__worksheets__sheet1_x_xml=changed_xml.encode())


def test_a_computed_formula_gives_its_value_and_an_uncomputed_or_failed_one_a_problem():
    data = with_xml(
        sheet(["=1+1", "=A1", "=1/0", "尾"]),
        lambda xml: xml.replace("<f>1+1</f><v></v>", "<f>1+1</f><v>2</v>").replace(
            '<c r="C1"><f>1/0</f><v></v>', '<c r="C1" t="e"><f>1/0</f><v>#DIV/0!</v>'
        ),
    )
    (table,) = read_tables(data, "清单.xlsx")
    assert table.rows == [["2", "", "", "尾"]]
    assert table.problems == {(1, 2): "这一格是公式，文件里没有存下结果", (1, 3): "这一格的公式出错（#DIV/0!）"}


def test_merged_cells_are_filled_from_their_first_cell():
    def merge(page):
        page.merge_cells("A1:B1")
        page.merge_cells("C1:C2")

    (table,) = read_tables(sheet(["头", "", "竖"], ["a", "b", ""], edit=merge), "清单.xlsx")
    assert table.rows == [["头", "头", "竖"], ["a", "b", "竖"]]
    assert table.spread == {(1, 2)}


def test_hidden_sheets_are_not_read_and_a_file_of_hidden_sheets_says_so():
    tables = read_tables(sheets(隐藏甲=[["x"]], 清单=[["y"]]), "清单.xlsx")
    assert [(table.name, table.rows) for table in tables] == [("清单", [["y"]])]
    assert "隐藏" in sentence(sheets(空=[], 隐藏甲=[["x"]]))


def test_a_workbook_whose_names_carry_a_prefix_is_read_alike():
    data = with_xml(
        sheet(["甲", 2], ["乙", "=1+1"]),
        lambda xml: re.sub(r"<(/?)([a-zA-Z])", r"<\1x:\2", xml).replace("xmlns=", "xmlns:x="),
    )
    (table,) = read_tables(data, "清单.xlsx")
    assert table.rows == [["甲", "2"], ["乙", ""]]
    assert list(table.problems) == [(2, 2)]


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separated_text_is_read_in_every_code_and_with_every_separator(code, separator):
    data = csv_text(HEAD, ROW, separator=separator).encode(code)
    assert rows_of(data, "清单.csv") == [HEAD, ROW]


def test_a_line_that_names_the_separator_is_obeyed_and_not_read():
    assert rows_of("sep=|\r\n甲|乙,丙\r\n".encode(), "清单.csv") == [["甲", "乙,丙"]]


def test_the_quote_that_guards_a_formula_is_taken_off():
    assert rows_of(csv_text(["'-40", "'=1+1", "'好"]).encode(), "清单.csv") == [["-40", "=1+1", "'好"]]


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\r\n\r\n", b",,,\r\n"])
def test_an_empty_file_is_refused(data):
    assert sentence(data, "清单.csv") == "这个文件是空的。请先下载模板，填好再上传。"


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("清单.xlsm", b"PK\x03\x04x", "带宏"),
        ("清单.xls", b"<html>", "旧版 .xls"),
        ("清单.docx", b"PK\x03\x04x", "Word"),
        ("清单.pdf", b"%PDF-1.7", "PDF"),
        ("清单.exe", b"MZ", "只接收 .xlsx 和 .csv"),
        ("清单", b"x", "只接收 .xlsx 和 .csv"),
        ("清单.xlsx", b"<html><table></table></html>", "不是 Excel 文件"),
        ("清单.xlsx", b"PK\x03\x04 broken", "不是 Excel 文件"),
        ("清单.xlsx", b"\xd0\xcf\x11\xe0" + b"\0" * 600, "旧版 .xls"),
        ("清单.xlsx", b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "密码"),
        ("清单.csv", b"\x80\xff\xfe\xff\x80", "编码"),
        ("清单.csv", b"a\x00b\r\n", "不是文字表格"),
    ],
)
def test_what_is_no_list_is_refused_with_what_to_do(name, data, says):
    said = sentence(data, name)
    assert says in said
    assert said.endswith("。")


def test_macros_are_refused_whatever_the_file_is_called():
    assert "带宏" in sentence(changed(sheet(["x"]), xl__vbaProject_x_bin=b"macro"))


def test_a_word_file_named_like_a_workbook_is_refused():
    assert "Word" in sentence(changed(sheet(["x"]), xl__workbook_x_xml=None, word__document_x_xml=b"<w/>"))


def test_a_bomb_is_refused_before_it_is_opened():
    bomb = changed(sheet(["x"]), xl__media__big_x_bin=b"\0" * (90 * 1024 * 1024))
    assert len(bomb) < 200_000
    assert "展开后太大" in sentence(bomb)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(600):
            archive.writestr(f"xl/{number}.xml", b"")
    assert "展开后太大" in sentence(stream.getvalue())


def test_a_document_type_is_refused_unread():
    xml = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
        b'<worksheet><sheetData><row><c t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>'
    )
    assert "内部结构不正常" in sentence(changed(sheet(["x"]), xl__worksheets__sheet1_x_xml=xml))
    assert "已经损坏" in sentence(changed(sheet(["x"]), xl__worksheets__sheet1_x_xml=b"<worksheet><sheetData>"))


def test_a_cell_at_the_far_end_of_the_sheet_is_refused_and_a_coloured_empty_one_is_not():
    def far(page):
        page["XFD1048576"] = "x"

    def coloured(page):
        page["XFD1048576"].fill = openpyxl.styles.PatternFill("solid", fgColor="FFFF00")

    assert "第 1048576 行还有内容" in sentence(sheet(["x"], edit=far))
    assert rows_of(sheet(["x"], edit=coloured)) == [["x"]]
    assert "到第 XFD 列还有内容" in sentence(sheet(["x"], edit=lambda page: page.__setitem__("XFD1", "x")))


def test_too_many_rows_of_separated_text_are_refused():
    text = "甲\r\n" * (MOST_ROWS + 1002)
    assert f"最多 {MOST_ROWS:,} 条" in sentence(text.encode(), "清单.csv")


def test_a_huge_cell_is_cut_and_a_huge_file_is_refused():
    (table,) = read_tables(csv_text(["甲" * 100_000]).encode(), "清单.csv")
    assert len(table.rows[0][0]) == 32_767
    assert "个字，太大了" in sentence(csv_text(*[["甲" * 30_000]] * 210).encode(), "清单.csv")


def test_control_characters_and_a_lone_quote_do_not_stop_the_reader():
    assert rows_of("甲\x0b,乙\u202e\r\n".encode(), "清单.csv") == [["甲\x0b", "乙\u202e"]]
    assert rows_of('"甲,乙\r\n丙,丁\r\n'.encode(), "清单.csv") == [["甲,乙\r\n丙,丁\r\n"]]


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1"), (1e-7, "0.0000001"), (1.5e20, "150000000000000000000"), (2.0, "2")]
)
def test_numbers_are_written_without_a_power_of_ten(value, text):
    assert plain(value) == text


def test_a_damaged_workbook_is_read_or_refused_and_never_an_accident():
    whole = sheet(HEAD, ROW, edit=lambda page: page.merge_cells("A4:B5"))
    chance, read, said = random.Random(7), [], []
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            read += [cell for table in read_tables(bytes(damaged), "清单.xlsx") for row in table.rows for cell in row]
        except Invalid as refusal:
            said.append(refusal.errors["file"])
    assert {type(cell) for cell in read} <= {str}
    assert {sentence[-1] for sentence in said} == {"。"}
