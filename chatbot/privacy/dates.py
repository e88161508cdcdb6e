"""Dates of birth: a date beside a word of birth, as written or as heard."""

import re
from collections.abc import Iterator

from chatbot.privacy.patterns import Pattern, any_of
from chatbot.privacy.spans import PiiSpan, PiiType

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|"
    r"dec(?:ember)?|januar|februar|märz|mai|juni|juli|oktober|dezember|janvier|février|mars|avril|juin|"
    r"juillet|août|septembre|"
    r"octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|"
    r"noviembre|diciembre)\.?"
)
_DAY = r"(?:[0-3]?\d(?:st|nd|rd|th|\.)?)"
_YEAR = r"(?:(?:19|20)\d\d|['’]?\d\d)"
DATE = re.compile(
    rf"(?<![\w-])(?:(?:19|20)\d\d([-/.])[01]?\d\1[0-3]?\d|[0-3]?\d ?([-/.]) ?[0-3]?\d ?\2 ?{_YEAR}"
    rf"|(?:the )?{_DAY} (?:of (?:the )?|de )?(?:{_MONTH}|[01]?\d(?:st|nd|rd|th))(?:,| of| de)? ?{_YEAR}?"
    rf"|{_MONTH} (?:the )?{_DAY}(?:,? (?:of )?{_YEAR})?|{_MONTH},? (?:19|20)\d\d|[0-3]\d ?[01]\d ?(?:19|20)\d\d"
    rf"|(?:19|20)\d\d ?[01]\d ?[0-3]\d)(?![\w-])",
    re.IGNORECASE,
)
CUE = any_of(
    "born(?: on| in)?",
    "births?",
    "birth ?dates?",
    "birthdays?",
    "d\\.?o\\.?b\\.?",
    "geboren(?: am)?",
    "geburtsdatum",
    "geb\\.",
    "née? le",
    "date de naissance",
    "naissance",
    "nacid[oa]",
    "nacimiento",
    "nat[oa] il",
)
PATTERNS = (
    Pattern(
        PiiType.DATE_OF_BIRTH,
        DATE,
        0.9,
        cue=CUE,
        cue_after=re.compile(r"\W{0,3}(?:is my birthday)", re.I),
        reach=60,
    ),
    Pattern(
        PiiType.DATE_OF_BIRTH,
        re.compile(r"(?<![\w.])(?:19|20)\d\d(?![\w-])"),
        0.75,
        cue=re.compile(r"\bborn in\s*$", re.I),
    ),
)


def find_dates(text: str) -> Iterator[PiiSpan]:
    """Every date of birth."""
    for pattern in PATTERNS:
        yield from pattern.find(text)
