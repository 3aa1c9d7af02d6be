"""Working days in mainland China: holidays do not count, exchanged weekends do."""

from __future__ import annotations

import datetime as dt

import pytest

from kcz_match.core.calendar import (
    add_workdays,
    due_after_workdays,
    is_workday,
    local_day,
    workdays_between,
)

DAY = dt.date


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (DAY(2025, 9, 30), True),
        (DAY(2025, 10, 1), False),
        (DAY(2025, 10, 8), False),
        (DAY(2025, 10, 9), True),
        (DAY(2025, 10, 11), True),
        (DAY(2025, 10, 12), False),
        (DAY(2025, 9, 28), True),
    ],
    ids=lambda value: str(value),
)
def test_the_national_holiday_and_its_exchanged_weekends(day, works):
    assert is_workday(day) is works


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [
        (DAY(2025, 9, 30), 1, DAY(2025, 10, 9)),
        (DAY(2025, 9, 30), 3, DAY(2025, 10, 11)),
        (DAY(2025, 9, 26), 2, DAY(2025, 9, 29)),
        (DAY(2025, 9, 30), 0, DAY(2025, 9, 30)),
    ],
)
def test_days_are_added_over_holidays_and_exchanged_weekends(start, count, end):
    assert add_workdays(start, count) == end
    assert workdays_between(start, end) == count


def test_counting_backwards_is_negative_and_adding_backwards_refused():
    assert workdays_between(DAY(2025, 10, 9), DAY(2025, 9, 30)) == -1
    with pytest.raises(ValueError):
        add_workdays(DAY(2025, 10, 9), -1)


def test_a_year_without_published_holidays_counts_monday_to_friday():
    saturday = DAY(2099, 10, 3)
    assert (is_workday(saturday), is_workday(DAY(2099, 10, 1))) == (False, True)


def test_the_day_and_the_deadline_are_those_of_china():
    late_evening_in_utc = dt.datetime(2025, 9, 29, 17, 30, tzinfo=dt.UTC)
    assert local_day(late_evening_in_utc) == DAY(2025, 9, 30)
    assert due_after_workdays(late_evening_in_utc, 1) == dt.datetime(2025, 10, 9, 9, 0, tzinfo=dt.UTC)
