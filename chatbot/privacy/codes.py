"""Order, ticket and serial numbers: the company's own forms, and any code that is called so."""

import re
from collections.abc import Iterator

from chatbot.errors import SettingsError
from chatbot.privacy import checksums
from chatbot.privacy.numbers import digits_of
from chatbot.privacy.patterns import Pattern, any_of
from chatbot.privacy.rules import PrivacyRules
from chatbot.privacy.spans import PiiSpan, PiiType

_NUMBER_WORD = r"(?: ?(?:number|numbers|no|nr|num|id|code|reference|ref|#))?"
_LED = r"(?:\s*(?:\(?s\)?|is|are|was|:|=|#|-|,|number|no\.?|the|it['’]?s|with|id|code|nr\.?)){0,4}\s*$"
_CODE = re.compile(
    r"(?<![\w€$£-])#?(?P<value>(?=[A-Za-z0-9\-]*\d[A-Za-z0-9\-]*\d[A-Za-z0-9\-]*\d[A-Za-z0-9\-]*\d)"
    r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*)(?![\w€%]|[.,]\d)"
)


def _after(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words}){_NUMBER_WORD}{_LED}", re.IGNORECASE)


def _is_code(text: str) -> bool:
    return 4 <= len(digits_of(text)) <= 30 and not re.fullmatch(r"(?:19|20)\d\d(?:-\d\d-\d\d)?", text)


CUED = (
    Pattern(
        PiiType.ORDER_ID,
        _CODE,
        0.82,
        cue=_after(
            "orders?|invoices?|bookings?|reservations?|tracking|shipments?|parcels?|deliver(?:y|ies)|"
            "purchases?|transactions?|"
            "confirmation|receipt|return|rma|bestellung|bestellnummer|rechnung(?:snummer)?|"
            "auftrag(?:snummer)?|commande|pedido"
        ),
        check=_is_code,
    ),
    Pattern(
        PiiType.TICKET_ID,
        _CODE,
        0.82,
        cue=_after("tickets?|cases?|incidents?|requests?|complaints?|vorgang"),
        check=_is_code,
    ),
    Pattern(
        PiiType.SERIAL_NUMBER,
        _CODE,
        0.82,
        cue=_after(r"serials?|s/n|sn|seriennummer|device id|imei|meid|imsi|iccid"),
        check=_is_code,
    ),
    Pattern(
        PiiType.SERIAL_NUMBER,
        re.compile(r"(?<!\d)\d{15}(?!\d)"),
        0.8,
        cue=any_of("imei", "device", "phone"),
        check=checksums.luhn,
    ),
    Pattern(
        PiiType.SERIAL_NUMBER,
        re.compile(r"(?<![\w:-])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![\w:-])"),
        0.9,
    ),
)


def company_patterns(rules: PrivacyRules) -> tuple[Pattern, ...]:
    """The company's own codes as patterns.

    Raises:
        SettingsError: One is no regular expression.
    """
    patterns = []
    for code in rules.codes:
        try:
            patterns.append(Pattern(code.entity_type, re.compile(code.pattern, re.IGNORECASE), 0.99))
        except re.error as error:
            raise SettingsError(
                f"The pattern {code.pattern!r} of {code.entity_type} is no regular expression: {error}.",
                r"Write for example \bWF-\d{8}\b.",
            ) from error
    return tuple(patterns)


def find_codes(text: str, company: tuple[Pattern, ...]) -> Iterator[PiiSpan]:
    """Every code of an order, a ticket or a device."""
    for pattern in (*company, *CUED):
        yield from pattern.find(text)
