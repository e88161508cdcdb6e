"""How the widget looks and when people answer, for each site; `chatbot.web_settings` nests them under a site."""

import re
from datetime import datetime, time, timedelta
from typing import Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_CONFIG = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


class WidgetSettings(BaseModel):
    """What the widget of one site shows; attributes of the script tag go before these."""

    model_config = _CONFIG

    title: str = Field("", max_length=60)
    """Name at the top of the panel; the company's name when empty."""
    greeting: str = Field("", max_length=300)
    """First words in an empty conversation; a friendly sentence in the reader's language when empty."""
    suggestions: tuple[str, ...] = Field((), max_length=6)
    """Questions that one press asks."""
    color: str = ""
    """Colour of launcher, own messages and buttons, such as `#047857`."""
    logo: str = Field("", max_length=500)
    """Address of a picture beside the title, https; the host page's `img-src` must allow it."""
    email: str = Field("", max_length=254)
    """Address that is offered when the server cannot be reached and when no person is there."""
    timezone: str = "UTC"
    """Time zone of the opening hours, such as `Europe/Berlin`."""
    opening_hours: dict[Day, str] = Field(default_factory=dict)
    """Hours in which people answer, by day: `mon = "09:00-17:30"`. Days left out are closed; empty: not told."""

    @field_validator("color")
    @classmethod
    def _is_a_color(cls, color: str) -> str:
        if color and not _COLOR.fullmatch(color):
            raise ValueError(f"`{color}` is not a colour; write it like `#047857`")
        return color

    @field_validator("logo")
    @classmethod
    def _is_an_address(cls, logo: str) -> str:
        if logo and not logo.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise ValueError(f"`{logo}` does not begin with https://")
        return logo

    @field_validator("timezone")
    @classmethod
    def _is_a_timezone(cls, timezone: str) -> str:
        if timezone != "UTC" and timezone not in available_timezones():
            raise ValueError(f"`{timezone}` is not a time zone; write it like `Europe/Berlin`")
        return timezone

    @model_validator(mode="after")
    def _has_spans(self) -> Self:
        for day, span in self.opening_hours.items():
            if not _SPAN.fullmatch(span) or not (hours := _hours(span)) or hours[0] >= hours[1]:
                raise ValueError(f"the hours `{span}` of {day} are not written like `09:00-17:30`")
        return self

    def is_open(self, now: datetime) -> bool | None:
        """Whether people answer now; None when no hours are set."""
        if not self.opening_hours:
            return None
        local = now.astimezone(ZoneInfo(self.timezone))
        span = self.opening_hours.get(_DAYS[local.weekday()])
        if span is None:
            return False
        starts, ends = _hours(span)
        return starts <= timedelta(hours=local.hour, minutes=local.minute) < ends

    def opens_at(self, now: datetime) -> datetime | None:
        """When people answer next; None when they do now or no hours are set."""
        if self.is_open(now) is not False:
            return None
        zone = ZoneInfo(self.timezone)
        local = now.astimezone(zone)
        for ahead in range(8):
            day = local.date() + timedelta(days=ahead)
            if span := self.opening_hours.get(_DAYS[day.weekday()]):
                starts, _ = _hours(span)
                opens = datetime.combine(day, (datetime.min + starts).time(), zone)
                if opens > local:
                    return opens
        return None


def _hours(span: str) -> tuple[timedelta, timedelta]:
    starts, _, ends = span.partition("-")
    return _since_midnight(starts), _since_midnight(ends)


def _since_midnight(text: str) -> timedelta:
    if text == "24:00":
        return timedelta(days=1)
    clock = time.fromisoformat(text)
    return timedelta(hours=clock.hour, minutes=clock.minute)
