"""How values look on a page: days, deadlines, money, numbers, words.

Everything here is a function from values to text; ``register`` hands them to the templates as filters and globals.
Moments are shown in China time, numbers in half-width digits with a thin space before the unit.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from flask import Flask, flash
from markupsafe import Markup, escape

from kcz_match.accounts.states import KIND_LABELS, ROLE_LABELS, OrganisationKind, Role
from kcz_match.catalogue.fields import DIRECTION_LABELS, TIER_HELP, TIER_LABELS, Direction, Indicator, Tier
from kcz_match.catalogue.indicators import VERDICT_LABELS, Verdict
from kcz_match.catalogue.states import CLARITY_LABELS, Clarity
from kcz_match.catalogue.terms import TERMS, word
from kcz_match.core.calendar import END_OF_DAY, ZONE, workdays_between
from kcz_match.reports.tables import written
from kcz_match.web.words import ADDRESSES, BANDS, CLARITY, NOT_FILLED, PLACES

THIN = "\u2009"
WEEKDAYS = "一二三四五六日"
Day = dt.date | dt.datetime
LABELS: dict[type, Mapping[Any, str]] = {
    Tier: TIER_LABELS,
    Direction: DIRECTION_LABELS,
    OrganisationKind: KIND_LABELS,
    Role: ROLE_LABELS,
    Clarity: CLARITY_LABELS,
    Verdict: VERDICT_LABELS,
}


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _local(moment: Day) -> dt.datetime:
    """Return ``moment`` in China time; a bare day means the end of its office hours.  Naive moments are refused."""
    if not isinstance(moment, dt.datetime):
        return dt.datetime.combine(moment, END_OF_DAY, ZONE)
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone cannot be shown")
    return moment.astimezone(ZONE)


def day(value: Day | None, now: dt.datetime | None = None) -> str:
    """Return ``11月24日 周二``, with the year in front when it is not this year's; nothing as ''."""
    if value is None:
        return ""
    local = _local(value)
    year = "" if local.year == _local(now or _now()).year else f"{local.year}年"
    return f"{year}{local.month}月{local.day}日 周{WEEKDAYS[local.weekday()]}"


def moment(value: dt.datetime | None, now: dt.datetime | None = None) -> str:
    """Return ``11月24日 周二 17:00`` in China time; nothing as ''."""
    return "" if value is None else f"{day(value, now)} {_local(value):%H:%M}"


def machine_time(value: Day | None) -> str:
    """Return the ISO text for the ``datetime`` attribute of a ``<time>`` element."""
    if value is None:
        return ""
    return value.isoformat() if not isinstance(value, dt.datetime) else _local(value).isoformat(timespec="minutes")


def ago(value: dt.datetime | None, now: dt.datetime | None = None) -> str:
    """Return how long ago ``value`` was in one rounded-down unit: 刚刚, 5 分钟前, 3 天前, 2 个月前."""
    if value is None:
        return ""
    seconds = max(0, int(((now or _now()) - value).total_seconds()))
    steps = ((31_536_000, "年"), (2_592_000, "个月"), (86_400, "天"), (3_600, "小时"), (60, "分钟"))
    for size, unit in steps:
        if seconds >= size:
            return f"{seconds // size}{THIN}{unit}前"
    return "刚刚"


def remaining(due: Day | None, now: dt.datetime | None = None) -> str:
    """Return what is left until ``due``: 剩 2 个工作日, 今天 17:00 前, 已超期 1 个工作日; when far, 还有 6 个月."""
    if due is None:
        return ""
    end, here = _local(due), _local(now or _now())
    if end < here:
        late = workdays_between(end.date(), here.date())
        return f"已超期{THIN}{late}{THIN}个工作日" if late else "已超期"
    if end.date() == here.date():
        return f"今天{THIN}{end:%H:%M}{THIN}前"
    if (months := (end - here).days // 30) >= 2:
        return f"还有{THIN}{months}{THIN}个月"
    left = workdays_between(here.date(), end.date())
    return f"剩{THIN}{left}{THIN}个工作日" if left else f"{day(due, now)}前"


def pressure(due: Day | None, now: dt.datetime | None = None) -> str:
    """Return the urgency class of a deadline: ``late``, ``soon`` (one working day or less), ``calm``, or ''."""
    if due is None:
        return ""
    end, here = _local(due), _local(now or _now())
    if end < here:
        return "late"
    return "soon" if workdays_between(here.date(), end.date()) <= 1 else "calm"


def number(value: float | int | None, unit: str = "") -> str:
    """Return ``value`` with thousands separated, at most four decimals, and its unit after a thin space; None as ''."""
    if value is None:
        return ""
    text = f"{value:,.4f}".rstrip("0").rstrip(".")
    return f"{text}{THIN}{unit}" if unit else text


def wan(value: float | int | None) -> str:
    """Return a sum given in 万元 as text, from 10,000 万元 on in 亿元; None as ''."""
    if value is None:
        return ""
    return number(value / 10_000, "亿元") if abs(value) >= 10_000 else number(value, "万元")


def wan_range(low: float | None, high: float | None) -> str:
    """Return a range of sums given in 万元: 30–50 万元, 50 万元以内, 30 万元起; both missing as 未填."""
    if low is None and high is None:
        return NOT_FILLED
    if low is None:
        return f"{wan(high)}以内"
    if high is None:
        return f"{wan(low)}起"
    if low == high:
        return wan(low)
    if max(low, high) >= 10_000:
        return f"{wan(low)}–{wan(high)}"
    return f"{number(low)}–{number(high, '万元')}"


def clip(text: str | None, length: int = 60) -> str:
    """Return ``text`` on one line, cut to at most ``length`` characters including the closing ellipsis."""
    line = " ".join((text or "").split())
    return line if len(line) <= length else line[: length - 1].rstrip("，。；、, ") + "…"


def target(indicator: Indicator) -> str:
    """Return sign, target and unit of an indicator, e.g. ``≤0.1 %``; a range carries no sign."""
    sign = "" if indicator.direction == Direction.RANGE else DIRECTION_LABELS[Direction(indicator.direction)]
    return f"{sign}{indicator.target}{THIN + indicator.unit if indicator.unit else ''}"


def underline(text: str, terms: Iterable[str]) -> Markup:
    """Return ``text`` escaped, every occurrence of a term (at least two characters, any case) wrapped in ``<u>``."""
    wanted = sorted({term for term in terms if len(term) > 1}, key=len, reverse=True)
    if not wanted:
        return escape(text)
    pieces = re.split("(" + "|".join(map(re.escape, wanted)) + ")", text, flags=re.IGNORECASE)
    return Markup("").join(
        Markup("<u>{}</u>").format(piece) if place % 2 else escape(piece) for place, piece in enumerate(pieces)
    )


def term(code: str | int | None, terms: str) -> str:
    """Return the word of ``code`` in the closed list ``terms``: ``need.industry|term('industries')``."""
    return word(terms, code)


def words(codes: list[str] | None, terms: str) -> str:
    """Return the words of several codes joined with 、; none as ''."""
    return "、".join(word(terms, code) for code in codes or ())


def choices(terms: str) -> Mapping[str, str]:
    """Return the closed list ``terms`` as code -> word; an empty name gives an empty list."""
    return TERMS[terms] if terms else {}


def state_word(record: Any) -> str:
    """Return the Chinese word of the state of a record that has a lifecycle."""
    return str(record.lifecycle.word(record.state))


def state_hue(record: Any) -> str:
    """Return the hue (waiting, acting, done, stopped) of the state of a record that has a lifecycle."""
    return str(record.lifecycle.hue(record.state))


def label(value: Any) -> str:
    """Return the Chinese word for a tier, direction, kind or role, or for a record's state; else the text itself."""
    if value is None:
        return ""
    if hasattr(value, "lifecycle"):
        return state_word(value)
    table = LABELS.get(type(value))
    return table[value] if table else str(value)


@dataclass(frozen=True)
class ThreadLine:
    """One line of a thread: when, who, for whom, and what was done or said; words, never codes."""

    at: dt.datetime
    who: str
    organisation: str = ""
    deed: str = ""
    reason: str = ""
    remark: str = ""
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Undo:
    """What a page message offers to take back: the address that a POST goes to, and the word on the button."""

    address: str
    word: str = "撤销"


def say(sentence: str, kind: str = "done", undo: Undo | None = None) -> None:
    """Show ``sentence`` on the next page; ``kind`` is done, info, warning or refused.

    With ``undo`` the message carries a button that takes the deed back by a POST.  Needs a request context.
    """
    offer = {"address": undo.address, "word": undo.word} if undo else None
    flash(cast(Any, {"sentence": sentence, "undo": offer}), kind)


def sentence_of(message: object) -> str:
    """Return the sentence of a flashed message, whether it was flashed by ``say`` or as plain text."""
    return str(message["sentence"]) if isinstance(message, Mapping) else str(message)


def undo_of(message: object) -> Mapping[str, str] | None:
    """Return the undo offer of a flashed message, or None."""
    return message["undo"] if isinstance(message, Mapping) else None


FILTERS = {
    "day": day,
    "moment": moment,
    "machine_time": machine_time,
    "ago": ago,
    "remaining": remaining,
    "pressure": pressure,
    "number": number,
    "wan": wan,
    "clip": clip,
    "target": target,
    "term": term,
    "underline": underline,
    "words": words,
    "choices": choices,
    "state_word": state_word,
    "state_hue": state_hue,
    "sentence_of": sentence_of,
    "undo_of": undo_of,
    "written": written,
}
GLOBALS = {
    "label": label,
    "word": word,
    "wan_range": wan_range,
    "TIERS": TIER_LABELS,
    "TIER_HELP": TIER_HELP,
    "DIRECTIONS": DIRECTION_LABELS,
    "BANDS": BANDS,
    "CLARITY": CLARITY,
    "PLACES": PLACES,
    "NOT_FILLED": NOT_FILLED,
    "ADDRESSES": ADDRESSES,
}


def register(app: Flask) -> None:
    """Give every template the filters and globals of this module."""
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.globals.update(GLOBALS)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
