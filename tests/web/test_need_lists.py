from __future__ import annotations

import html
import io
import re
from urllib.parse import quote

import pytest
from sqlalchemy import func, select

from kcz_match.catalogue.list_reading import read_file
from kcz_match.catalogue.models import Need, NeedBatch
from kcz_match.core.db import db
from kcz_match.reports.needs_sheet import template_xlsx
from tests.factories import sign_in
from tests.list_files import HEAD, csv_text, row, sheet

WRONG = row(项目名称="要改的一条", 指标1目标="大幅提升")


@pytest.fixture
def park(world, client):
    """The client, signed in as the manager of the park."""
    sign_in(client, world.of(world.park))
    return client


def send(client, data: bytes, name: str = "清单.xlsx"):
    return client.post("/needs/list", data={"file": (io.BytesIO(data), name)}, content_type="multipart/form-data")


def upload(client, *rows: list[str]) -> str:
    """Upload a list and return the address of its dry run."""
    answer = send(client, sheet(HEAD, *rows))
    assert answer.status_code == 302
    return answer.location


def numbers() -> tuple[int, int]:
    """Return how many batches and needs there are."""
    return tuple(db.session.scalar(select(func.count()).select_from(model)) for model in (NeedBatch, Need))


def words(answer) -> str:
    """Return the text of a page's main part on one line."""
    main = re.search(r"<main.*?</main>", answer.get_data(as_text=True), re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", main[0])).replace("\u2009", " ").split())


def test_the_template_is_offered_as_a_file_with_a_chinese_name(park):
    answer = park.get("/needs/list/template.xlsx")
    assert (answer.status_code, answer.data[:2]) == (200, b"PK")
    assert quote("技术需求清单模板.xlsx") in answer.headers["Content-Disposition"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_first_visit_teaches_what_will_stand_here(park):
    text = words(park.get("/needs/list"))
    assert "还没有读入过清单" in text
    assert "还没有可以导出的需求" in text


def test_a_dry_run_shows_every_error_with_its_cell_and_makes_nothing(park):
    address = upload(park, row(), WRONG)
    text = words(park.get(address))
    assert "K3 第 3 行“指标1目标”写了“大幅提升”。请填数字和单位，例如 ≥90 %。" in text
    assert "读到 2 行，可以生成 1 条，1 行要改" in text
    assert numbers() == (1, 0)


def test_the_good_rows_are_made_once_however_often_the_button_is_pressed(park):
    address = upload(park, row(), WRONG)
    for _ in range(2):
        answer = park.post(f"{address}/confirm")
        assert (answer.status_code, answer.location) == (302, address)
    assert numbers() == (1, 1)
    need = db.session.scalar(select(Need))
    page = park.get(address)
    assert f'href="/needs/{need.key}"' in page.get_data(as_text=True)
    assert "全部提交审核" in words(page)


def test_rows_to_mend_come_back_as_a_file(park):
    address = upload(park, row(), WRONG)
    answer = park.get(f"{address}/rejected.xlsx")
    (need,) = read_file(answer.data, "要改的行.xlsx").needs
    assert [error.sentence.removeprefix("第 2 行") for error in need.errors] == [
        "“指标1目标”写了“大幅提升”。请填数字和单位，例如 ≥90 %。"
    ]
    assert park.get(f"{upload(park, row())}/rejected.xlsx").status_code == 409


def test_titles_that_exist_can_be_left_out(park):
    park.post(f"{upload(park, row())}/confirm")
    address = upload(park, row(), row(项目名称="油冷电机绝缘漆附着力"))
    assert "只生成不同名的 1 条" in words(park.get(address))
    park.post(f"{address}/confirm", data={"rows": "new"})
    assert sorted(db.session.scalars(select(Need.title))) == ["一体化压铸件在线缺陷检测", "油冷电机绝缘漆附着力"]


def test_submitting_all_says_what_went_and_what_did_not(park):
    address = upload(park, row(), row(项目名称="缺合作方式的需求", 合作方式=""))
    park.post(f"{address}/confirm")
    park.post(f"{address}/submit")
    text = words(park.get(address))
    assert "已提交 1 条，等区科协审核。" in text
    assert "1 条还不能提交，仍是草稿。例如“缺合作方式的需求”：请选择“合作方式”。" in text
    assert sorted(map(str, db.session.scalars(select(Need.state)))) == ["draft", "submitted"]


def test_undo_takes_the_whole_batch_back_and_keeps_what_was_submitted_on_record(park):
    address = upload(park, row(), row(项目名称="油冷电机绝缘漆附着力"))
    park.post(f"{address}/confirm")
    assert park.post(f"{address}/undo").location == "/needs/list"
    assert numbers() == (1, 0)
    assert "已整批撤销：删除草稿 2 条。" in words(park.get("/needs/list"))
    assert park.post(f"{address}/undo").status_code == 409
    assert "这一批没有留下需求" in words(park.get(address))


def test_cancelling_makes_nothing(park):
    address = upload(park, row())
    park.post(f"{address}/undo")
    assert park.post(f"{address}/confirm").status_code == 409
    assert numbers() == (1, 0)


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (b"", "清单.xlsx", "这个文件是空的"),
        (b"x", "清单.xlsm", "带宏"),
        (b"MZ", "下载/清单.exe", "“清单.exe”没有读入"),
        (csv_text(["姓名", "年龄"], ["甲", "3"]).encode("gbk"), "清单.csv", "现在看到的是：姓名、年龄"),
        (template_xlsx(), "模板.xlsx", "下面没有需求"),
        (b"x", "<b>.xlsx", "“<b>.xlsx”没有读入"),
    ],
    ids=["empty", "macros", "program", "columns", "blank template", "markup in the name"],
)
def test_a_refused_file_keeps_the_page_and_says_what_to_do(park, data, name, says):
    answer = send(park, data, name)
    assert answer.status_code == 422
    assert says in words(answer)
    assert "<b>.xlsx" not in answer.get_data(as_text=True)
    assert numbers() == (0, 0)


def test_sending_no_file_says_so(park):
    answer = park.post("/needs/list", data={}, content_type="multipart/form-data")
    assert (answer.status_code, "还没有选择文件" in words(answer)) == (422, True)


def test_the_list_of_another_organisation_is_not_there(park, world):
    address = upload(park, row(), WRONG)
    sign_in(park, world.of(world.enterprise))
    assert [park.get(address + end).status_code for end in ("", "/rejected.xlsx")] == [404, 404]
    assert [park.post(f"{address}/{deed}").status_code for deed in ("confirm", "undo", "submit")] == [404, 404, 404]
    assert numbers() == (1, 0)


def test_visitors_are_asked_to_sign_in_and_societies_may_not_import(client, world):
    assert client.get("/needs/list").status_code == 302
    assert client.get("/needs/export.xlsx").status_code == 302
    sign_in(client, world.of(world.society))
    assert client.get("/needs/list").status_code == 403
    assert send(client, sheet(HEAD, row())).status_code == 403
    assert numbers() == (0, 0)


def test_a_long_list_is_shown_a_hundred_rows_at_a_time_under_the_same_number_of_questions(park, count_queries):
    one = upload(park, row())
    many = upload(park, *(row(项目名称=f"压铸件第 {number} 道工序检测") for number in range(1, 151)), WRONG)
    assert "共 151 行" in words(park.get(many))
    assert words(park.get(f"{many}?page=2")).count("第 1") == words(park.get(f"{many}?page=99")).count("第 1")
    assert count_queries(lambda: park.get(one)) == count_queries(lambda: park.get(many))
    for address in (one, many):
        park.post(f"{address}/confirm")
    park.get(one)
    assert count_queries(lambda: park.get(one)) == count_queries(lambda: park.get(many))


@pytest.mark.parametrize("kind", ["docx", "xlsx", "csv"])
def test_the_list_goes_out_in_every_kind_with_a_dated_chinese_name(park, world, kind):
    world.need("submitted", by=world.of(world.park))
    answer = park.get(f"/needs/export.{kind}")
    assert answer.status_code == 200
    assert re.search(quote("技术需求清单") + rf"_\d{{8}}\.{kind}", answer.headers["Content-Disposition"])


def test_the_document_to_stamp_leaves_drafts_out_unless_they_are_asked_for(park, world):
    world.draft(by=world.of(world.park))
    assert park.get("/needs/export.docx").status_code == 409
    assert park.get("/needs/export.docx?state=draft").status_code == 200


def test_only_needs_of_the_own_side_go_out(park, world):
    own = world.need("submitted", by=world.of(world.park), title="园区自己的")
    world.draft(by=world.of(world.enterprise), title="企业从未提交的草稿")
    world.need("matching", title="企业公开的")
    titles = [need.title for need in read_file(park.get("/needs/export.xlsx").data, "x.xlsx").needs]
    assert titles == [own.title]
    sign_in(park, world.of(world.district))
    titles = [need.title for need in read_file(park.get("/needs/export.csv").data, "x.csv").needs]
    assert sorted(titles) == ["企业公开的", "园区自己的"]
    sign_in(park, world.of(world.society))
    assert park.get("/needs/export.xlsx").status_code == 409


def test_state_and_year_narrow_the_export_and_nonsense_is_refused(park, world):
    world.draft(by=world.of(world.park))
    year = db.session.scalar(select(Need.created_at)).year
    assert park.get(f"/needs/export.xlsx?state=draft&year={year}").status_code == 200
    assert park.get("/needs/export.xlsx?state=submitted").status_code == 409
    assert park.get(f"/needs/export.xlsx?year={year - 1}").status_code == 409
    for args in ("state=x", "year=abc", "year=２０２６", "year=99999999999999999999"):
        assert park.get(f"/needs/export.xlsx?{args}").status_code == 422
    assert park.get("/needs/export.exe").status_code == 404
