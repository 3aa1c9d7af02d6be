from __future__ import annotations

import datetime as dt

import pytest

from kcz_match.catalogue.fields import NEED_FIELD, NEED_FIELDS, Direction, Indicator
from kcz_match.catalogue.list_columns import ALIASES, columns, recognise
from kcz_match.catalogue.list_indicators import read_free_text, read_group
from kcz_match.catalogue.list_reading import ReadList, read_file, read_list, title_key
from kcz_match.catalogue.sheets import MOST_ROWS, Table
from kcz_match.core.errors import Invalid
from kcz_match.reports.needs_sheet import template_xlsx
from tests.list_files import HEAD, ROW, row, sheet, sheets


def read(*rows: list[str]) -> ReadList:
    return read_list([Table("清单", [list(cells) for cells in rows])])


def errors_of(*rows: list[str]) -> list[tuple[str, str]]:
    return [(error.cell, error.sentence) for need in read(*rows).needs for error in need.errors]


def refusal(*rows: list[str]) -> str:
    with pytest.raises(Invalid) as refused:
        read(*rows)
    return refused.value.sentence


# --- the head


def test_every_column_of_the_template_is_recognised_as_itself():
    for column in columns(20):
        found = recognise(column.label)
        assert found is not None
        assert (found.field, found.group, found.part) == (column.field, column.group, column.part)


def test_every_other_name_leads_to_a_field_and_to_one_only():
    names = [alias for aliases in ALIASES.values() for alias in aliases.split()]
    assert len(names) == len(set(names))
    assert set(ALIASES) <= set(NEED_FIELD)
    assert not set(names) & {field.label for field in NEED_FIELDS}


@pytest.mark.parametrize(
    ("label", "field"),
    [
        ("项目名称*", "title"),
        ("＊项目 名称", "title"),
        ("1.项目名称（60字以内）", "title"),
        ("技术需求名称", "title"),
        ("需求概述", "problem"),
        ("期望实现的\n主要技术目标", "target"),
        ("拟投入资金(万元)", "budget_max"),
        ("技术需求解决方式/合作模式", None),
        ("科技活动/研究类型", "activity"),
        ("关键字", "keywords"),
        ("二、行业领域", "industry"),
        ("联系电话", "technical_phone"),
        ("产权归属", "ip_terms"),
        ("说不清的列", None),
        ("", None),
    ],
)
def test_a_label_is_recognised_in_its_usual_disguises(label, field):
    found = recognise(label)
    assert (found.field if found else None) == field


@pytest.mark.parametrize(
    ("label", "place"),
    [
        ("指标1名称", (1, "name")),
        ("指标 2 目标值", (2, "target")),
        ("技术指标一检测方法", (1, "method")),
        ("指标21名称", None),
        ("指标2颜色", None),
    ],
)
def test_indicator_columns_are_recognised_by_number_and_part(label, place):
    found = recognise(label)
    assert ((found.group, found.part) if found else None) == place


def test_the_order_of_columns_and_rows_above_the_head_do_not_matter():
    order = list(reversed(range(len(HEAD))))
    found = read(["技术需求清单"], ["填报单位：某区"], [HEAD[at] for at in order], [ROW[at] for at in order])
    assert found.head_row == 3
    assert found.needs[0].errors == ()
    assert found.needs[0].values == read(HEAD, ROW).needs[0].values


def test_a_head_of_two_rows_is_read():
    data = sheet(
        ["项目名称", "需求概述", "", "指标1", "", ""],
        ["", "主要问题", "预期目标", "名称", "目标", "单位"],
        ["压铸件检测", "漏检多", "自动判定", "漏检率", "≤0.1", "%"],
        edit=lambda page: [page.merge_cells(area) for area in ("A1:A2", "B1:C1", "D1:F1")],
    )
    (need,) = read_file(data, "清单.xlsx").needs
    assert (need.row, need.errors) == (3, ())
    assert {name: need.values[name] for name in ("title", "problem", "target")} == {
        "title": "压铸件检测",
        "problem": "漏检多",
        "target": "自动判定",
    }
    assert need.indicators == (Indicator("漏检率", "0.1", "%", Direction.AT_MOST),)


def test_a_head_cell_merged_over_two_columns_counts_once():
    data = sheet(
        ["项目名称", "", "需求概述", "关键词"], ["甲项目", "", "乙", "丙"], edit=lambda page: page.merge_cells("A1:B1")
    )
    (need,) = read_file(data, "清单.xlsx").needs
    assert (need.values["title"], need.errors) == ("甲项目", ())


def test_the_sheet_with_the_head_is_taken_and_a_second_list_is_named():
    data = sheets(说明=[["怎么填"]], 二季度=[HEAD, ROW], 三季度=[HEAD[:6], ROW[:6]])
    found = read_file(data, "清单.xlsx")
    assert found.sheet == "二季度"
    assert found.notices == ("读的是工作表“二季度”。这些工作表也像清单，没有读：三季度。请另存后再上传。",)


def test_the_forms_of_the_province_and_the_nation_are_read():
    (need,) = read(
        [
            "技术需求名称",
            "需求时限",
            "主要问题",
            "技术关键",
            "预期目标",
            "关键字",
            "拟投入资金(万元)",
            "合作模式",
            "合作意向单位",
            "研究类型",
            "需求技术所属领域",
            "技术指标",
        ],
        [
            "氢气阀密封",
            "2026-2028",
            "泄漏大",
            "弹性体选型",
            "寿命长",
            "氢 阀",
            "50-80",
            "合作开发；技术转让",
            "某所",
            "应用研究",
            "新型储能",
            "泄漏率 ≤1 mL/h；寿命不低于 5 万次；外观好",
        ],
    ).needs
    assert need.errors == ()
    assert need.values["problem"] == "主要问题：泄漏大\n技术关键：弹性体选型"
    assert (need.values["starts_on"], need.values["due_on"]) == (dt.date(2026, 1, 1), dt.date(2028, 12, 31))
    assert (need.values["budget_min"], need.values["budget_max"]) == (50, 80)
    assert need.values["modes"] == ["joint", "transfer"]
    assert need.values["target"] == "寿命长\n外观好"
    assert [indicator.text() for indicator in need.indicators] == ["泄漏率 ≤1 mL/h", "寿命 ≥50000 次"]
    assert "“指标”里“外观好”没有读出数字和单位" in need.warnings[0] + need.warnings[1]


def test_unknown_columns_are_named_and_the_known_ones_that_carry_nothing_are_not():
    found = read([*HEAD, "颜色", "备注"], [*ROW, "红", "急"])
    assert found.notices == ("这些列不认识，没有读入：颜色。",)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (
            (["姓名", "年龄"], ["甲", "3"]),
            "没有找到表头。前 20 行里要有一行写着“项目名称”“需解决的主要技术难题”等列名；现在看到的是：姓名、年龄。",
        ),
        ((["需求背景", "关键词", "行业领域"], ["甲", "乙", "丙"]), "表头（第 1 行）里没有“项目名称”"),
        ((["项目名称", "关键词", "行业领域"], ["甲", "乙", "丙"]), "表头（第 1 行）里没有“需解决的主要技术难题”"),
        (
            (["项目名称", "技术需求名称", "需求概述", "关键词"], ["甲"]),
            "表头里“项目名称”出现了 2 次（A1、B1）。请只留一列。",
        ),
        (
            (["项目名称", "需求概述", "拟投入资金（元）", "关键词"], ["甲"]),
            "“拟投入资金（元）”（C1）的单位是元。请把数换算成万元，列名改成“拟投入资金（万元）”。",
        ),
        ((HEAD,), "表头（第 1 行）下面没有需求。请从表头下一行起，一行写一条需求。"),
        (
            (HEAD, *[ROW] * (MOST_ROWS + 1)),
            f"清单超过 {MOST_ROWS:,} 条（从第 {MOST_ROWS + 2} 行起）。请分成几个文件上传。",
        ),
    ],
    ids=["no head", "no title", "no problem", "twice", "yuan", "only a head", "too long"],
)
def test_a_list_that_cannot_be_read_says_what_to_change(rows, says):
    assert refusal(*rows).startswith(says)


# --- rows


def test_a_complete_row_becomes_a_need_without_any_error():
    (need,) = read(HEAD, ROW).needs
    assert need.errors == ()
    assert need.lacking == ()
    assert need.row == 2
    assert need.values == {
        "title": ROW[1],
        "kind": "rd",
        "industry": "equip",
        "keywords": ROW[4],
        "background": ROW[5],
        "problem": ROW[6],
        "target": ROW[7],
        "modes": ["joint", "service"],
        "urgency": "normal",
        "owner_name": "周工",
        "owner_phone": "020-80000001",
    }
    assert need.indicators == (Indicator("漏检率", "0.1", "%", Direction.AT_MOST, "", "盲样比对", True),)


@pytest.mark.parametrize(
    ("changes", "cell", "says"),
    [
        ({"指标1目标": "大幅提升"}, "K2", "第 2 行“指标1目标”写了“大幅提升”。请填数字和单位，例如 ≥90 %。"),
        ({"指标1方向": "左右"}, "J2", "第 2 行“指标1方向”写了“左右”。请填 ≥、≤ 或 区间。"),
        ({"指标1目标": "≥0.1"}, "J2", "第 2 行“指标1方向”是“≤”，“指标1目标”却写“≥0.1”。请改成一致。"),
        ({"指标1名称": ""}, "I2", "第 2 行写了指标1的数值，没有“指标1名称”。请写明测的是什么，例如漏检率。"),
        ({"项目名称": ""}, "B2", "第 2 行没有“项目名称”。请写一句话说清对象和要解决的问题。"),
        ({"项目名称": "长" * 61}, "B2", "第 2 行“项目名称”最多 60 字，现在 61 字，请删去 1 字。"),
        ({"紧急程度": "马上"}, "P2", "第 2 行“紧急程度”里没有“马上”。可以写：紧急、一般、长期。"),
        ({"需求背景": "长" * 100_000}, "F2", "第 2 行“需求背景”最多 2000 字，现在 100000 字，请删去 98000 字。"),
    ],
)
def test_a_wrong_cell_is_named_with_its_address_and_what_to_write(changes, cell, says):
    assert errors_of(HEAD, row(**changes)) == [(cell, says)]


def test_an_unknown_industry_is_answered_with_the_nearest_words():
    ((cell, said),) = errors_of(HEAD, row(行业领域="船舶制造业"))
    assert cell == "D2"
    assert said.startswith("第 2 行“行业领域”里没有“船舶制造业”。可以写：船舶与海洋工程、")


def test_part_of_a_word_is_taken_when_only_one_word_has_it_and_said():
    (need,) = read(HEAD, row(行业领域="新能源汽车", 需求类型="技术 研发")).needs
    assert (need.values["industry"], need.errors) == ("nev", ())
    assert "“行业领域”写的是“新能源汽车”，按“智能网联与新能源汽车”读入。" in need.warnings


@pytest.mark.parametrize(
    ("low", "high", "due", "says"),
    [
        ("80", "50", "", [("D2", "第 2 行“预算上限”：上限 50 比下限 80 还小，请核对这两个数。")]),
        ("", "很多", "", [("D2", "第 2 行“预算上限”写了“很多”。请只填数字，单位是万元，例如 50。")]),
        ("", "50万元", "明年底", [("E2", "第 2 行“完成时限”：日期“明年底”读不出来。请写成 2026-11-24。")]),
        ("１０", "1,000", "２０２７年５月１日", []),
    ],
)
def test_money_and_days_are_read_or_refused_by_cell(low, high, due, says):
    head = ["项目名称", "需求概述", "预算下限（万元）", "预算上限（万元）", "完成时限"]
    assert errors_of(head, ["甲", "乙", low, high, due]) == says


def test_an_uncomputed_formula_is_an_error_of_its_cell_only_where_the_column_is_read():
    data = sheet(["项目名称", "需求概述", "关键词", "颜色"], ["甲", "=A2", "丙", "=A2"])
    (need,) = read_file(data, "清单.xlsx").needs
    assert [error.cell for error in need.errors] == ["B2"]
    assert "请在 Excel 里把公式换成数值" in need.errors[0].sentence


def test_a_row_with_errors_leaves_the_others_alone():
    found = read(HEAD, row(指标1目标="更好"), row(项目名称="另一条完好的需求"))
    assert [bool(need.errors) for need in found.needs] == [True, False]
    assert found.needs[0].texts["指标1目标"] == "更好"


def test_rows_with_the_same_title_are_warned_about():
    found = read(HEAD, ROW, [], row(项目名称="一体化压铸件 在线缺陷检测"), row(项目名称="别的"))
    assert [need.row for need in found.needs] == [2, 4, 5]
    assert found.needs[1].warnings[0] == "与第 2 行的项目名称相同，请确认不是重复。"
    assert not any("项目名称相同" in text for text in (*found.needs[0].warnings, *found.needs[2].warnings))


def test_titles_are_compared_without_width_spaces_and_brackets_signs():
    assert title_key("高压（800V） 油冷") == title_key("高压(８００V)油冷")
    assert title_key("高压（800V）油冷") != title_key("高压（400V）油冷")


def test_what_the_row_lacks_for_submission_is_listed_and_is_no_error():
    (need,) = read(HEAD, row(合作方式="", 关键词="")).needs
    assert (need.lacking, need.errors) == (("关键词", "合作方式"), ())


def test_the_template_itself_holds_no_need_and_a_changed_example_is_one():
    with pytest.raises(Invalid, match="下面没有需求"):
        read_file(template_xlsx(), "模板.xlsx")
    found = read(HEAD, row(序号="说明", 项目名称="最多 60 字"), row(序号="示例"), row(序号="示例", 项目名称="真的需求"))
    assert [need.title for need in found.needs] == ["真的需求"]
    assert found.notices == ("第 4 行的序号还是“示例”，但内容改过，已经当作一条需求读入。",)


def test_a_sentence_across_the_whole_sheet_is_no_need():
    found = read(HEAD, ROW, ["注：请于月底前报送"] * len(HEAD))
    assert len(found.needs) == 1
    assert found.notices == ("第 3 行整行是同一句话“注：请于月底前报送”，没有当作需求读入。",)


def test_markup_formulas_and_control_characters_stay_harmless_text():
    (need,) = read(HEAD, row(需求背景="<script>x</script>\x0b{{7*7}}\u202e", 负责人电话="=HYPERLINK(1)")).needs
    assert need.values["background"] == "<script>x</script>{{7*7}}"
    assert need.values["owner_phone"] == "=HYPERLINK(1)"


# --- indicators


@pytest.mark.parametrize(
    ("texts", "indicator"),
    [
        ({"name": "漏检率", "target": "≤0.1 %"}, Indicator("漏检率", "0.1", "%", Direction.AT_MOST)),
        (
            {"name": "漏检率", "target": "０．１％", "direction": "≤", "unit": "%", "present": "1.5%"},
            Indicator("漏检率", "0.1", "%", Direction.AT_MOST, "1.5"),
        ),
        ({"name": "温度", "target": "20-25", "unit": "℃"}, Indicator("温度", "20-25", "℃", Direction.RANGE)),
        (
            {"name": "耐温", "target": "-40", "unit": "℃", "direction": "≤", "must": "期望"},
            Indicator("耐温", "-40", "℃", Direction.AT_MOST, must=False),
        ),
        ({"name": "防护", "target": "达到 IP67"}, Indicator("防护", "达到 IP67")),
        ({"direction": "≥", "must": "必须"}, None),
    ],
)
def test_a_group_of_cells_becomes_an_indicator(texts, indicator):
    assert read_group(1, texts) == (indicator, {})


def test_free_text_is_read_line_by_line_and_what_holds_no_number_is_given_back():
    found, left = read_free_text("1. 漏检率不高于0.1%（检测：盲样比对，期望）\n2、节拍 8～10 s；大幅提升良品率")
    assert found == [
        Indicator("漏检率", "0.1", "%", Direction.AT_MOST, method="盲样比对", must=False),
        Indicator("节拍", "8–10", "s", Direction.RANGE),
    ]
    assert left == ["大幅提升良品率"]


def test_more_indicators_than_a_need_can_have_are_an_error():
    head = ["项目名称", "需求概述", "关键词", "技术指标"]
    many = "；".join(f"指标甲{'乙' * number} ≥{number} mm" for number in range(1, 22))
    ((cell, said),) = errors_of(head, ["甲", "乙", "丙", many])
    assert (cell, said) == ("D2", "第 2 行有 21 个指标，最多 20 个。请合并或拆成两条需求。")
