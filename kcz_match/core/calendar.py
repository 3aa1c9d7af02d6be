"""Working days in mainland China, with statutory holidays and the working weekends given in exchange (调休).

The days come from ``chinesecalendar``; a year that its tables do not cover yet counts Monday to Friday.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import chinese_calendar

ZONE = ZoneInfo("Asia/Shanghai")
END_OF_DAY = dt.time(17, 0)


def is_workday(day: dt.date) -> bool:
    """Say whether ``day`` is a working day."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


def add_workdays(day: dt.date, count: int) -> dt.date:
    """Return the ``count``-th working day after ``day`` (``day`` itself does not count); ``count`` ≥ 0."""
    if count < 0:
        raise ValueError("working days are counted forwards")
    while count:
        day += dt.timedelta(days=1)
        count -= is_workday(day)
    return day


def workdays_between(start: dt.date, end: dt.date) -> int:
    """Return how many working days lie after ``start`` up to and including ``end``; negative when ``end`` is past."""
    if end < start:
        return -workdays_between(end, start)
    span = (end - start).days
    return sum(is_workday(start + dt.timedelta(days=step)) for step in range(1, span + 1))


def local_day(moment: dt.datetime) -> dt.date:
    """Return the calendar day in China of an aware moment."""
    return moment.astimezone(ZONE).date()


def due_after_workdays(moment: dt.datetime, count: int) -> dt.datetime:
    """Return 17:00 China time on the ``count``-th working day after ``moment``, in UTC."""
    day = add_workdays(local_day(moment), count)
    return dt.datetime.combine(day, END_OF_DAY, ZONE).astimezone(dt.UTC)
