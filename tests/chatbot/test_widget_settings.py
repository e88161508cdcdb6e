"""Opening hours, and what of the widget's settings is refused."""

from datetime import datetime

import pytest
from pydantic import ValidationError

from chatbot.widget_settings import WidgetSettings

WEEK = WidgetSettings(timezone="Europe/Berlin", opening_hours={"mon": "09:00-17:30", "fri": "00:00-24:00"})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("now", "is_open", "opens_at"),
    [
        ("2026-03-02T08:00:00+00:00", True, None),  # Monday, 9:00 in Berlin
        ("2026-03-02T07:59:00+00:00", False, "2026-03-02T09:00:00+01:00"),
        ("2026-03-02T16:29:00+00:00", True, None),
        ("2026-03-02T16:30:00+00:00", False, "2026-03-06T00:00:00+01:00"),
        ("2026-03-06T22:59:00+00:00", True, None),
        ("2026-03-28T12:00:00+00:00", False, "2026-03-30T09:00:00+02:00"),  # over the change to summer time
    ],
)
def test_people_answer_in_the_opening_hours(now: str, is_open: bool, opens_at: str | None) -> None:
    assert WEEK.is_open(at(now)) is is_open
    assert WEEK.opens_at(at(now)) == (at(opens_at) if opens_at else None)


def test_without_hours_nothing_is_told() -> None:
    now = at("2026-03-02T08:00:00+00:00")
    assert WidgetSettings().is_open(now) is None
    assert WidgetSettings().opens_at(now) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"color": "red"},
        {"logo": "javascript:alert(1)"},
        {"timezone": "Mars/Olympus"},
        {"opening_hours": {"mon": "9-17"}},
        {"opening_hours": {"mon": "17:00-09:00"}},
        {"opening_hours": {"someday": "09:00-17:00"}},
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WidgetSettings(**wrong)  # type: ignore[arg-type]
