"""Opening hours: read, open, and opening next, across time zones and weekends."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from chatbot.opening import OpeningHours

HOURS = OpeningHours.read(("mon-fri 09:00-17:30", "sat 10:00-14:00"), "Europe/Berlin")
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)  # Berlin is an hour ahead


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        (MONDAY.replace(hour=7, minute=59), False),
        (MONDAY.replace(hour=8), True),
        (MONDAY.replace(hour=16, minute=29), True),
        (MONDAY.replace(hour=16, minute=30), False),
        (MONDAY + timedelta(days=5, hours=9), True),
        (MONDAY + timedelta(days=6, hours=9), False),
    ],
)
def test_open_is_told_in_the_time_zone_of_the_hours(at: datetime, is_open: bool) -> None:
    assert HOURS.is_open(at) is is_open
    assert HOURS.is_open(at.astimezone(timezone(timedelta(hours=9)))) is is_open


def test_the_next_opening_skips_closed_days() -> None:
    saturday_evening = MONDAY + timedelta(days=5, hours=20)
    opens = HOURS.next_opening(saturday_evening)
    assert opens is not None
    assert opens.isoformat() == "2026-03-09T09:00:00+01:00"


def test_a_week_with_one_shift_opens_again_a_week_later() -> None:
    hours = OpeningHours.read(("mon 09:00-10:00",), "UTC")
    assert hours.next_opening(MONDAY.replace(hour=9)) == MONDAY + timedelta(days=7, hours=9)


def test_without_hours_nothing_is_stated() -> None:
    assert not OpeningHours().are_stated
    assert not OpeningHours().is_open(MONDAY)
    assert OpeningHours().next_opening(MONDAY) is None


def test_days_may_go_around_the_week_and_to_midnight() -> None:
    hours = OpeningHours.read(("sat-mon 20:00-24:00",), "UTC")
    assert {s.day for s in hours.shifts} == {5, 6, 0}
    assert hours.is_open(MONDAY.replace(hour=23, minute=59))


@pytest.mark.parametrize(
    "line", ["", "monday 9-5", "mon 09:00-08:00", "xyz 09:00-10:00", "mon 09:70-10:00", "mon 09:00-25:00"]
)
def test_a_line_of_another_form_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"opening time|end after"):
        OpeningHours.read((line,), "UTC")
