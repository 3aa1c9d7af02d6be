"""How values look on a page."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask, get_flashed_messages

from kcz_match.accounts.states import OrganisationKind, Role
from kcz_match.catalogue.fields import Direction, Indicator, Tier
from kcz_match.catalogue.states import NEEDS, Clarity, NeedState
from kcz_match.web import presentation as shown
from kcz_match.web.rows import typed_rows

THIN = "\u2009"
NOW = dt.datetime(2026, 11, 24, 3, 0, tzinfo=dt.UTC)  # Tuesday, 11:00 in China


def at(day: int, hour: int, month: int = 11) -> dt.datetime:
    """Return an hour of China time in 2026 as a moment in UTC."""
    return dt.datetime(2026, month, day, hour, tzinfo=shown.ZONE).astimezone(dt.UTC)


def test_a_moment_is_shown_in_china_time_with_its_weekday():
    assert shown.moment(at(24, 17), NOW) == "11月24日 周二 17:00"
    assert shown.moment(dt.datetime(2026, 11, 24, 17, tzinfo=dt.UTC), NOW) == "11月25日 周三 01:00"


def test_another_year_is_written_out_and_this_year_is_not():
    assert shown.day(dt.date(2027, 1, 5), NOW) == "2027年1月5日 周二"
    assert shown.day(dt.date(2026, 1, 5), NOW) == "1月5日 周一"


def test_the_year_turns_at_midnight_in_china():
    new_year_in_china = dt.datetime(2026, 12, 31, 17, tzinfo=dt.UTC)
    assert shown.day(dt.date(2027, 1, 1), new_year_in_china) == "1月1日 周五"


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        shown.moment(dt.datetime(2026, 11, 24, 17))  # noqa: DTZ001 - the mistake under test


@pytest.mark.parametrize(
    ("due", "words", "pressure"),
    [
        (at(26, 17), f"剩{THIN}2{THIN}个工作日", "calm"),
        (at(25, 17), f"剩{THIN}1{THIN}个工作日", "soon"),
        (at(24, 18), f"今天{THIN}18:00{THIN}前", "soon"),
        (at(24, 10), "已超期", "late"),
        (at(20, 17), f"已超期{THIN}2{THIN}个工作日", "late"),
        (dt.date(2026, 11, 30), f"剩{THIN}4{THIN}个工作日", "calm"),
        (dt.date(2027, 5, 24), f"还有{THIN}6{THIN}个月", "calm"),
    ],
)
def test_a_deadline_counts_working_days(due: shown.Day, words: str, pressure: str):
    assert (shown.remaining(due, NOW), shown.pressure(due, NOW)) == (words, pressure)


def test_a_deadline_on_a_weekend_before_the_next_working_day_names_its_day():
    friday = at(27, 18)
    assert shown.remaining(at(28, 12), friday) == "11月28日 周六前"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "刚刚"),
        (59, "刚刚"),
        (60, f"1{THIN}分钟前"),
        (3599, f"59{THIN}分钟前"),
        (86_400, f"1{THIN}天前"),
        (86_400 * 95, f"3{THIN}个月前"),
        (86_400 * 800, f"2{THIN}年前"),
        (-30, "刚刚"),
    ],
)
def test_how_long_ago_is_told_in_one_unit(seconds: int, words: str):
    assert shown.ago(NOW - dt.timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12345.5, "次/月", f"12,345.5{THIN}次/月"),
        (8.0, "s", f"8{THIN}s"),
        (0, "", "0"),
        (0.1, "%", f"0.1{THIN}%"),
        (-3, "", "-3"),
        (None, "万元", ""),
        (100, "", "100"),
        (1_000_000, "", "1,000,000"),
    ],
)
def test_numbers_keep_their_digits_and_stand_apart_from_the_unit(value: float | None, unit: str, text: str):
    assert shown.number(value, unit) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (30, 50, f"30–50{THIN}万元"),
        (None, 50, f"50{THIN}万元以内"),
        (30, None, f"30{THIN}万元起"),
        (30, 30, f"30{THIN}万元"),
        (None, None, "未填"),
        (0, 50, f"0–50{THIN}万元"),
        (8000, 12_000, f"8,000{THIN}万元–1.2{THIN}亿元"),
    ],
)
def test_a_range_of_money_reads_as_people_say_it(low: float | None, high: float | None, text: str):
    assert shown.wan_range(low, high) == text


def test_a_long_text_is_cut_to_the_length_with_its_ellipsis_and_a_short_one_is_whole():
    assert shown.clip("一二三四五，六七", 7) == "一二三四五…"
    assert shown.clip("一二三四五六七", 7) == "一二三四五六七"
    assert shown.clip("一\n二  三") == "一 二 三"
    assert shown.clip(None) == ""


def test_a_target_carries_its_sign_and_a_range_carries_none():
    assert shown.target(Indicator("漏检率", "0.1", "%", Direction.AT_MOST)) == f"≤0.1{THIN}%"
    assert shown.target(Indicator("孔径", "0.3–0.5", "mm", Direction.RANGE)) == f"0.3–0.5{THIN}mm"
    assert shown.target(Indicator("寿命", "500")) == "≥500"


def test_underlining_escapes_the_text_and_the_terms():
    marked = shown.underline("<b>漏检率</b> x<y", ["漏检率", "x<y", "率"])
    assert marked == "&lt;b&gt;<u>漏检率</u>&lt;/b&gt; <u>x&lt;y</u>"
    assert shown.underline("<i>", []) == "&lt;i&gt;"


def test_the_longer_of_two_terms_is_underlined_whole():
    assert shown.underline("X射线在线检测", ["射线", "x射线"]) == "<u>X射线</u>在线检测"


def test_codes_are_shown_as_words_and_unknown_codes_as_they_are():
    assert shown.term("nev", "industries") == "智能网联与新能源汽车"
    assert shown.term("gone", "industries") == "gone"
    assert shown.words(["entrust", "joint"], "modes") == "委托开发、合作开发"
    assert shown.words(None, "modes") == ""


class Record:
    """The two attributes that a record with a lifecycle has."""

    lifecycle = NEEDS
    state = NeedState.RETURNED


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Tier.CONSENT, "同意后"),
        (Direction.AT_MOST, "≤"),
        (OrganisationKind.SOCIETY, "学会"),
        (Role.VIEWER, "只读"),
        (Clarity.VAGUE, "模糊"),
        (Record(), "退回修改"),
        (None, ""),
        ("别的", "别的"),
    ],
)
def test_label_knows_the_words_of_tiers_kinds_roles_and_states(value: object, text: str):
    assert shown.label(value) == text


def test_a_message_offers_to_take_the_deed_back():
    app = Flask("here")
    app.config["SECRET_KEY"] = "x"
    with app.test_request_context():
        shown.say("已撤回。", undo=shown.Undo("/needs/abc/moves", "恢复"))
        shown.say("请先登录。", "info")
        (first, message), (second, other) = get_flashed_messages(with_categories=True)
    assert (first, shown.sentence_of(message)) == ("done", "已撤回。")
    assert shown.undo_of(message) == {"address": "/needs/abc/moves", "word": "恢复"}
    assert (second, shown.sentence_of(other), shown.undo_of(other)) == ("info", "请先登录。", None)
    assert (shown.sentence_of("普通文字"), shown.undo_of("普通文字")) == ("普通文字", None)


def test_typed_rows_come_back_in_the_order_of_their_numbers_without_blank_rows_at_the_end():
    items = [
        ("title", "x"),
        ("indicators-10-name", "节拍"),
        ("indicators-2-name", ""),
        ("indicators-0-name", "漏检率"),
        ("indicators-0-must", "1"),
        ("indicators-11-name", " "),
        ("indicators-11-must", "1"),
        ("claims-0-name", "y"),
        ("indicators-x-name", "?"),
        ("indicators--name", "?"),
        ("indicators-99999-name", "?"),
    ]
    assert typed_rows(items, "indicators") == [{"name": "漏检率", "must": "1"}, {"name": ""}, {"name": "节拍"}]
    assert typed_rows([], "indicators") == []
