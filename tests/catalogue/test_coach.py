"""Promises of the drafting coach."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcz_match.catalogue.coach import Advice, coach, may_be_published_as
from kcz_match.catalogue.coach_examples import EXAMPLES, example_for
from kcz_match.catalogue.fields import NEED_FIELDS, Direction, Indicator, Tier
from kcz_match.catalogue.indicators import wanted
from kcz_match.catalogue.terms import INDUSTRIES

GOOD = {
    "title": "一体化压铸件在线缺陷检测（漏检率 ≤0.1%）",
    "kind": "rd",
    "industry": "equip",
    "keywords": "压铸 X射线",
    "background": "后地板一体化压铸后逐件拍 X 光片，两班各 4 人看片。",
    "problem": "内部气孔和缩松靠人工看片，夜班漏检约 2%，每件要 40 秒，赶不上压铸节拍，自己没有图像算法的人。",
    "target": "替代人工看片，在线给出缺陷位置和等级，漏检率不高于 0.1%。",
    "tried": "装过一套灰度阈值软件，误报太多停用。",
    "owner_name": "演示甲",
    "budget_max": 120,
    "due_on": date(2027, 6, 30),
}
ROWS = (
    Indicator("漏检率", "0.1", "%", Direction.AT_MOST, "2", "1000 件对照 CT 复检"),
    Indicator("节拍", "8", "s/件", Direction.AT_MOST, "40", "连续 2 小时计时"),
)
TODAY = date(2026, 11, 1)


def advised(rows: tuple[Indicator, ...] = ROWS, tiers: dict[str, Tier] | None = None, **changed: object) -> Advice:
    return coach(GOOD | changed, rows, tiers or {}, today=TODAY)


def codes(advice: Advice) -> set[str]:
    return {warning.code for warning in advice.warnings}


def test_a_good_need_draws_no_remark_is_clear_and_may_be_matched() -> None:
    advice = advised()
    assert advice.warnings == ()
    assert (advice.clarity, advice.clarity_label, advice.score) == ("clear", "清晰", 100)
    assert may_be_published_as(advice) == "matching"


@pytest.mark.parametrize("words", ["希望提升产品质量", "需要先进技术", "降本增效", "寻找专家合作"])
def test_the_poor_needs_are_concepts_whatever_field_the_words_stand_in(words: str) -> None:
    advice = coach({"title": words, "problem": words, "target": words, "industry": "bio"})
    assert advice.clarity == "concept"
    assert may_be_published_as(advice) == "diagnosing"
    assert codes(advice) >= {"title_general", "wish_words", "problem_short", "no_number", "no_owner", "no_tried"}
    assert advice.score <= 20


@pytest.mark.parametrize(
    "title",
    [
        "800V 平台碳化硅电驱油冷热管理优化",
        "动力电池包热失控早期气体预警 (提前量 ≥10 min)",
        "车规激光雷达窗口抗污疏水涂层 (10 万次擦拭)",
        "雨雾天气多传感器融合感知降误报",
        "冻干制剂复溶时间由 90 s 降到 30 s",
        "细胞治疗产品快速无菌放行方法",
        "中药配方颗粒指纹图谱一致性控制",
        "Micro-LED 巨量转移良率提升 (≥99.99%)",
        "柔性 OLED 封装水氧阻隔 (WVTR ≤10⁻⁶)",
        "高纯湿电子化学品金属杂质 ≤10 ppt",
        "阻燃聚丙烯无卤化 (V-0, 1.6 mm)",
        "改性塑料 VOC 降低 50%",
        "盾构滚刀磨损在线监测",
        "工业质检小样本缺陷识别 (≤50 张/类)",
        "离线端侧语音识别粤语普通话混说",
        "无人机复杂场景避障与应急迫降",
        "船体防污涂层 (无毒, 60 个月)",
        "皮具智能排料提升利用率 5%",
        "预制菜复热口感保持",
        "印染废水回用率 ≥70%",
    ],
)
def test_real_titles_draw_no_remark(title: str) -> None:
    assert advised(title=title).warnings == ()


@pytest.mark.parametrize(
    ("changed", "code", "name"),
    [
        ({"owner_name": ""}, "no_owner", "owner_name"),
        ({"tried": " "}, "no_tried", "tried"),
        ({"problem": ""}, "no_problem", "problem"),
        ({"problem": "压铸件有气孔"}, "problem_short", "problem"),
        (
            {"problem": "我们公司目前的产品质量不够好，希望通过先进技术提升产品质量和生产效率，解决有关问题。"},
            "problem_empty",
            "problem",
        ),
        ({"target": "实现智能化升级，达到国际领先。"}, "wish_words", "target"),
        ({"title": "压铸件气孔缩松夹杂冷隔裂纹内部缺陷" * 3}, "title_long", "title"),
        ({"title": "质量提升技术研发"}, "title_general", "title"),
        ({"title": "压铸件检测装备和焊接变形预测系统"}, "two_needs", "title"),
        ({"title": "预制构件开裂修补，以及工地塔吊防碰撞"}, "two_needs", "title"),
        ({"target": "漏检率 ≤0.1%。另外还希望解决模具冷却不均。"}, "two_needs", "target"),
        ({"problem": GOOD["problem"] + "需要引进图像算法工程师。"}, "two_needs", "problem"),
        ({"budget_min": 200}, "budget_order", "budget_min"),
        ({"budget_min": "200", "budget_max": "120"}, "budget_order", "budget_min"),
        ({"due_on": date(2026, 10, 31)}, "due_past", "due_on"),
        ({"due_on": "2026-10-31"}, "due_past", "due_on"),
        ({"starts_on": date(2027, 7, 1)}, "due_before_start", "due_on"),
    ],
)
def test_each_lack_alone_draws_its_remark_with_an_example(changed: dict[str, object], code: str, name: str) -> None:
    advice = advised(**changed)
    assert [warning.field for warning in advice.warnings if warning.code == code] == [name]
    assert all(warning.sentence and warning.example for warning in advice.warnings)
    assert advice.score < 100


def test_a_target_of_adjectives_is_remarked_only_while_no_row_can_be_checked() -> None:
    words = "运行更加稳定可靠，满足现场使用。"
    assert codes(advised((), target=words)) == {"target_adjectives", "no_indicator"}
    assert codes(advised(target=words)) == set()


@pytest.mark.parametrize("target", ["V-0", "IP67", "ASIL-B"])
def test_a_grade_is_no_lack_but_cannot_carry_clarity(target: str) -> None:
    row = Indicator("等级", target, "", method="按标准")
    assert (codes(advised((row,))), advised((row,)).clarity) == (set(), "vague")
    assert codes(advised((*ROWS, row))) == set()


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (Indicator("漏检率", "0.1", "", Direction.AT_MOST, method="CT"), "no_unit"),
        (Indicator("漏检率", "很低", "%", Direction.AT_MOST, method="CT"), "indicator_unreadable"),
        (Indicator("漏检率", "≤0.1", "%", Direction.AT_LEAST, method="CT"), "indicator_unreadable"),
        (Indicator("漏检率", "0.1", "%", Direction.AT_MOST), "no_method"),
        (Indicator("", "0.1", "%", Direction.AT_MOST, method="CT"), "indicator_unnamed"),
        (Indicator("漏检率", "0.1", "%", Direction.AT_MOST, method="CT", must=False), "no_must"),
    ],
)
def test_each_lack_of_an_indicator_row_draws_its_remark(row: Indicator, code: str) -> None:
    assert codes(advised((row,))) == {code}


@pytest.mark.parametrize(
    "row",
    [
        Indicator("pH", "6–9", "", Direction.RANGE, method="pH 计"),
        Indicator("mAP", "0.92", "", method="保留集"),
        Indicator("压缩比", "1:200", "", method="实测"),
        Indicator("重复性", "0.5", "无", Direction.AT_MOST, method="实测"),
    ],
)
def test_a_number_that_clearly_has_no_unit_is_no_lack(row: Indicator) -> None:
    advice = advised((row,))
    assert (advice.warnings, advice.clarity) == ((), "clear")


@pytest.mark.parametrize(
    "text",
    [
        "由广州示范精密机械有限公司提出",
        "我们是珠江智驾股份",
        "岭南重工集团的产线",
        "番禺红星压铸厂现场",
        "示例·珠江智驾科技的产线",
        "用的是某某™涂层",
        "采用“云雀”牌机器人",
        "请打 13800138000",
        "电话 020-87654321",
        "发到 a.b@example.com",
        "见 www.example.com/x",
        "见 https://example.cn",
        "已有 ZL202110123456.7",
        "专利 CN112345678A",
        "代码 91350100M000100Y43",
        "请找王总",
        "联系张经理",
        "微信号 abc_12345",
    ],
)
def test_an_identifying_detail_is_remarked_in_a_public_field_and_only_there(text: str) -> None:
    remarks = advised(background=f"{GOOD['background']}{text}").warnings
    assert [remark.field for remark in remarks if remark.code == "identifying"] == ["background"]
    assert "identifying" not in codes(advised(tried=f"{GOOD['tried']}{text}"))
    assert "identifying" not in codes(advised(ROWS, {"background": Tier.MEMBERS}, background=text))
    assert "identifying" in codes(advised(ROWS, {"tried": Tier.PUBLIC}, tried=text))


@pytest.mark.parametrize(
    "text",
    [
        "工厂里有主机厂送来的件",
        "集团内部已有两条线",
        "某大型集团的要求",
        "高级工程师带班",
        "提高总产量",
        "项目经理负责制",
        "污水处理厂出水",
        "技术入股份额待定",
        "石油工程师和有关教授",
        "万总次",
        "总磷总氮",
        "型号 CN-3 插头",
        "1.3800138 mm",
        "批号 20261101",
        "王牌产品",
        "电厂与钢厂",
        "方总是这样",
        "按 GB/T 20975.25-2020 检测",
    ],
)
def test_general_words_are_no_identifying_detail(text: str) -> None:
    assert "identifying" not in codes(advised(background=f"{GOOD['background']}{text}"))


def test_the_posters_own_names_are_identifying() -> None:
    advice = coach(GOOD | {"title": "珠江智驾的压铸件在线缺陷检测"}, ROWS, names=["珠江智驾"])
    assert [warning.field for warning in advice.warnings if warning.code == "identifying"] == ["title"]


@pytest.mark.parametrize(
    ("rows", "changed", "clarity"),
    [
        (ROWS, {}, "clear"),
        (ROWS, {"owner_name": ""}, "vague"),
        ((), {}, "vague"),
        ((), {"owner_name": ""}, "vague"),
        (ROWS, {"problem": "降本增效"}, "vague"),
        ((), {"problem": "降本增效"}, "concept"),
        ((Indicator("漏检率", "0.1", "%", must=False),), {}, "vague"),
    ],
)
def test_clarity_needs_a_problem_a_must_indicator_and_an_owner(
    rows: tuple[Indicator, ...],
    changed: dict[str, object],
    clarity: str,
) -> None:
    advice = advised(rows, **changed)
    assert advice.clarity == clarity
    assert may_be_published_as(advice) == ("matching" if clarity == "clear" else "diagnosing")


def test_remarks_stand_in_the_order_of_the_form() -> None:
    order = [one.name for one in NEED_FIELDS]
    order.insert(order.index("target") + 1, "indicators")
    advice = coach({"title": "降本增效", "target": "更好", "budget_min": 2, "budget_max": 1})
    fields = [warning.field for warning in advice.warnings]
    assert fields == sorted(fields, key=order.index)


def test_the_example_comes_from_the_needs_industry() -> None:
    assert set(EXAMPLES) == set(INDUSTRIES)
    for industry, example in EXAMPLES.items():
        advice = coach({"industry": industry})
        assert example.problem in [warning.example for warning in advice.warnings]
    assert example_for("没有") == example_for(None) == EXAMPLES["equip"]


@pytest.mark.parametrize("industry", sorted(EXAMPLES))
def test_the_coach_agrees_with_its_own_examples(industry: str) -> None:
    example = EXAMPLES[industry]
    name, sign, rest = next(example.indicator.partition(sign) for sign in "≥≤" if sign in example.indicator)
    direction = Direction.AT_LEAST if sign == "≥" else Direction.AT_MOST
    row = Indicator(name.strip(), rest.strip(), "", direction, "", example.method)
    assert wanted(row) is not None
    advice = coach(
        {
            "title": example.title,
            "industry": industry,
            "kind": "rd",
            "problem": example.problem,
            "tried": example.tried,
            "owner_name": "演示甲",
        },
        [row],
    )
    assert (advice.warnings, advice.clarity) == ((), "clear")


any_value = st.one_of(st.text(max_size=30), st.none(), st.integers())
any_row = st.builds(Indicator, st.text(max_size=5), st.text("≤≥0.1- 降%", max_size=6), st.text(max_size=3))


@settings(deadline=None)  # the first call loads the unit registry
@given(st.dictionaries(st.sampled_from([one.name for one in NEED_FIELDS]), any_value), st.lists(any_row, max_size=3))
def test_no_draft_raises_and_the_score_stays_between_0_and_100(
    values: dict[str, object],
    rows: list[Indicator],
) -> None:
    advice = coach(values, rows)
    assert 0 <= advice.score <= 100
    assert all(warning.sentence for warning in advice.warnings)
