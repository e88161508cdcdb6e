"""Times as sources write them to ISO 8601; what cannot be read for certain is left out, never guessed."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_FORMATS = (
    "%a %b %d %H:%M:%S %z %Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y年%m月%d日 %H:%M",
    "%d.%m.%Y %H:%M",
)
_NUMBER = re.compile(r"\d{9,13}(?:\.\d+)?")
_FIRST_S, _LAST_S = 300_000_000, 4_000_000_000  # 1979 to 2096; other numbers are no times
_ZONE_NAME = re.compile(r"\s+(?:UTC|GMT|Z)$", re.IGNORECASE)


def iso_time(value: Any) -> str:
    """A time as ISO 8601, or an empty text when it is none or its order of day and month is open.

    Args:
        value: A datetime, seconds or milliseconds since 1970, ISO 8601, an e-mail date and the like.
    """
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        return _from_epoch(float(value))
    text = str(value).strip()
    if not text or len(text) > 60:
        return ""
    if _NUMBER.fullmatch(text):
        return _from_epoch(float(text))
    return _from_text(_ZONE_NAME.sub("+00:00", text))


def _from_epoch(number: float) -> str:
    seconds = number / 1000 if number > _LAST_S else number
    if not _FIRST_S <= seconds <= _LAST_S:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _from_text(text: str) -> str:
    if text[:4].isdigit() and "-" in text[:5]:
        try:
            return datetime.fromisoformat(text).isoformat()
        except ValueError:
            return ""
    for layout in _FORMATS:
        try:
            return datetime.strptime(text, layout).isoformat()
        except ValueError:
            continue
    try:
        return parsedate_to_datetime(text).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def order_key(at: str) -> float | None:
    """Seconds for sorting, or None when there is no time; a time without zone counts as UTC."""
    if not at:
        return None
    try:
        moment = datetime.fromisoformat(at)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
