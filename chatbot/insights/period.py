"""A stretch of time cut into hours, days or weeks of the company's own time zone. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from chatbot.errors import InputError

_MOST_BUCKETS = 5_000


class Granularity(StrEnum):
    """How long one bucket is; a week begins on Monday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` to just before `until`, both with a time zone.

    Raises:
        InputError: It is empty, has no time zone, or has more buckets than anybody reads.
    """

    since: datetime
    until: datetime
    granularity: Granularity = Granularity.DAY
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.since.tzinfo is None or self.until.tzinfo is None:
            raise InputError("A period needs moments with a time zone.")
        if self.since >= self.until:
            raise InputError("The period ends before it begins.", "Give an earlier `since`.")
        hours = {Granularity.HOUR: 1, Granularity.DAY: 24, Granularity.WEEK: 168}[self.granularity]
        if (self.until - self.since) / timedelta(hours=hours) > _MOST_BUCKETS:
            raise InputError("The period has too many parts.", "Choose a shorter one, or days or weeks.")

    @classmethod
    def last_days(
        cls, days: int, now: datetime, granularity: Granularity = Granularity.DAY, zone: str = "UTC"
    ) -> "Period":
        """So many whole days and the one that is going on."""
        midnight = now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(midnight - timedelta(days=days), now, granularity, zone)

    def holds(self, moment: datetime) -> bool:
        """Whether the moment lies in it."""
        return self.since <= moment < self.until

    def bucket(self, moment: datetime) -> str:
        """The bucket of a moment: its first day, with the hour where buckets are hours."""
        there = moment.astimezone(ZoneInfo(self.zone))
        if self.granularity is Granularity.HOUR:
            return f"{there:%Y-%m-%d %H:00}"
        if self.granularity is Granularity.WEEK:
            there -= timedelta(days=there.weekday())
        return f"{there:%Y-%m-%d}"

    def buckets(self) -> tuple[str, ...]:
        """All buckets in order, those without anything in them too."""
        return tuple(dict.fromkeys(self.bucket(moment) for moment in self._hours()))

    def _hours(self) -> Iterator[datetime]:
        step = timedelta(hours=1 if self.granularity is Granularity.HOUR else 12)
        moment = self.since.astimezone(UTC)
        while moment < self.until:
            yield moment
            moment += step
        yield self.until - timedelta(microseconds=1)
