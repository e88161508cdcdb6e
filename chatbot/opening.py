"""Opening hours of a week, in a time zone: whether it is open, and when it opens next. Knows no clock of its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LINE = re.compile(r"([a-z]{3})(?:-([a-z]{3}))?\s+(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


@dataclass(frozen=True, slots=True)
class Shift:
    """One stretch of one day of the week (0 is Monday), in minutes after midnight; the end is not in it."""

    day: int
    begins_min: int
    ends_min: int


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When somebody answers; without shifts it is not stated."""

    shifts: tuple[Shift, ...] = ()
    zone: str = "UTC"

    @classmethod
    def read(cls, lines: Sequence[str], zone: str) -> "OpeningHours":
        """Hours from lines such as `mon-fri 09:00-17:30`.

        Raises:
            ValueError: A line is not of this form.
        """
        return cls(tuple(shift for line in lines for shift in _shifts(line)), zone)

    @property
    def are_stated(self) -> bool:
        """Whether there are any."""
        return bool(self.shifts)

    def is_open(self, at: datetime) -> bool:
        """Whether the moment lies in a shift; always False where hours are not stated."""
        there = at.astimezone(ZoneInfo(self.zone))
        minute = there.hour * 60 + there.minute
        return any(s.day == there.weekday() and s.begins_min <= minute < s.ends_min for s in self.shifts)

    def next_opening(self, at: datetime) -> datetime | None:
        """The next beginning of a shift after the moment, in the time zone of the hours; None without shifts."""
        zone = ZoneInfo(self.zone)
        today = at.astimezone(zone).date()
        begins = (
            datetime.combine(day, time(s.begins_min // 60, s.begins_min % 60), zone)
            for day in (today + timedelta(days=n) for n in range(8))
            for s in self.shifts
            if s.day == day.weekday()
        )
        return min((b for b in begins if b > at), default=None)


def _shifts(line: str) -> tuple[Shift, ...]:
    found = _LINE.fullmatch(line.strip().lower())
    if not found or found[1] not in DAYS or (found[2] or found[1]) not in DAYS:
        raise ValueError(f"`{line}` is not an opening time; write it like `mon-fri 09:00-17:30`")
    first, last = DAYS.index(found[1]), DAYS.index(found[2] or found[1])
    begins, ends = int(found[3]) * 60 + int(found[4]), int(found[5]) * 60 + int(found[6])
    if int(found[4]) > 59 or int(found[6]) > 59 or not 0 <= begins < ends <= 24 * 60:
        raise ValueError(f"`{line}` does not end after it begins on the same day")
    days = range(first, last + 1) if first <= last else (*range(first, 7), *range(last + 1))
    return tuple(Shift(day, begins, ends) for day in days)
