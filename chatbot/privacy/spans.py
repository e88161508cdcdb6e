"""What a recogniser finds and what is left of a text without it: plain values and pure functions."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

_TRIMMED = " \t\r\n,;:"


class PiiType(StrEnum):
    """Kinds of personal data that are masked; the value is the placeholder's word."""

    PERSON = "PERSON"
    ADDRESS = "ADDRESS"
    POSTCODE = "POSTCODE"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    CREDIT_CARD = "CREDIT_CARD"
    IBAN = "IBAN"
    IDENTITY_NUMBER = "IDENTITY_NUMBER"
    DATE_OF_BIRTH = "DATE_OF_BIRTH"
    ACCOUNT_NUMBER = "ACCOUNT_NUMBER"
    ORDER_ID = "ORDER_ID"
    TICKET_ID = "TICKET_ID"
    SERIAL_NUMBER = "SERIAL_NUMBER"
    IP_ADDRESS = "IP_ADDRESS"
    PASSWORD = "PASSWORD"  # noqa: S105
    PRIVATE = "PRIVATE"


@dataclass(frozen=True, slots=True)
class PiiSpan:
    """Characters `start` to `end` (exclusive) of a text; the score is how sure the recogniser is, in [0, 1]."""

    entity_type: PiiType
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with placeholders, and how many of each kind stand in it."""

    text: str
    counts: Mapping[str, int]


def placeholder(entity_type: PiiType) -> str:
    """What stands in the text instead, for example `<ORDER_ID>`."""
    return f"<{entity_type.value}>"


def without_overlaps(spans: Iterable[PiiSpan]) -> tuple[PiiSpan, ...]:
    """Non-overlapping spans in reading order that cover every character of the given ones.

    Where spans of one kind overlap they become one. Of different kinds the surer keeps its place, of equally sure
    ones the longer, and the other keeps what it has beyond, since masking too little is the worse mistake.
    """
    kept: list[PiiSpan] = []
    for span in sorted(spans, key=lambda s: (s.score, s.end - s.start), reverse=True):
        kept += _beyond(span, kept)
    joined: list[PiiSpan] = []
    for span in sorted(kept, key=lambda s: s.start):
        if joined and joined[-1].entity_type is span.entity_type and joined[-1].end == span.start:
            joined[-1] = PiiSpan(
                span.entity_type, joined[-1].start, span.end, max(joined[-1].score, span.score)
            )
        else:
            joined.append(span)
    return tuple(joined)


def _beyond(span: PiiSpan, taken: Sequence[PiiSpan]) -> list[PiiSpan]:
    """The parts of a span that lie on none of the taken ones."""
    pieces, start = [], span.start
    for other in sorted(
        (t for t in taken if t.start < span.end and t.end > span.start), key=lambda t: t.start
    ):
        if other.start > start:
            pieces.append(PiiSpan(span.entity_type, start, other.start, span.score))
        start = max(start, other.end)
    if start < span.end:
        pieces.append(PiiSpan(span.entity_type, start, span.end, span.score))
    return pieces


def trimmed(text: str, span: PiiSpan) -> PiiSpan | None:
    """The span without white space and separators at its ends, or None when nothing is left."""
    start, end = span.start, span.end
    while start < end and text[start] in _TRIMMED:
        start += 1
    while end > start and text[end - 1] in _TRIMMED:
        end -= 1
    if not any(c.isalnum() for c in text[start:end]):
        return None
    return PiiSpan(span.entity_type, start, end, span.score)


def mask_spans(text: str, spans: Sequence[PiiSpan]) -> Masked:
    """The text with each span replaced by its placeholder; the spans must not overlap."""
    pieces, position = [], 0
    for span in sorted(spans, key=lambda s: s.start):
        pieces += [text[position : span.start], placeholder(span.entity_type)]
        position = span.end
    counts = Counter(span.entity_type.value for span in spans)
    return Masked("".join(pieces) + text[position:], dict(sorted(counts.items())))
