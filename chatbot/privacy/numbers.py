"""Numbers of people: cards, accounts, telephones, identity papers, addresses of mailboxes and machines."""

import ipaddress
import re
from collections.abc import Iterator

from chatbot.privacy import checksums
from chatbot.privacy.patterns import Pattern, any_of
from chatbot.privacy.spans import PiiSpan, PiiType

_WELL_KNOWN_RESOLVERS = frozenset({"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9"})
_SEPARATED = r"[ \u00a0.\-–/()]{0,3}"


def digits_of(text: str) -> str:
    """The decimal digits of a text."""
    return "".join(c for c in text if c.isascii() and c.isdigit())


def is_card(text: str) -> bool:
    """Twelve to nineteen digits that begin like a payment card's and pass the Luhn check."""
    digits = digits_of(text)
    return 12 <= len(digits) <= 19 and digits[0] in "23456" and checksums.luhn(digits)


def _is_public_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_global and text not in _WELL_KNOWN_RESOLVERS


def _digits_between(fewest: int, most: int) -> "re.Pattern[str]":
    """Digits in groups, as people write long numbers; it ends at a digit."""
    return re.compile(rf"(?<![\w.,€$£])(?:\d{_SEPARATED}){{{fewest - 1},{most - 1}}}\d(?![\w€%])")


def _has_phone_length(text: str) -> bool:
    other = re.fullmatch(
        r"(?:19|20)\d\d[-/.]\d\d?[-/.]\d\d?.*|\d{1,3}(?:\.\d{1,3}){3}", text
    )  # a date, an IPv4 address
    return 6 <= len(digits_of(text)) <= 15 and not other


def _is_spaced_phone(text: str) -> bool:
    return _has_phone_length(text) and not _looks_like_date(text)


def _looks_like_date(text: str) -> bool:
    return bool(re.fullmatch(r"\d{1,2}([-/.])\d{1,2}\1(?:19|20)?\d\d", text))


def _is_year(text: str) -> bool:
    return bool(re.fullmatch(r"(?:19|20)\d\d", text))


CARD_CUE = any_of(
    r"cards?", "cc", "visa", "master ?card", "amex", "maestro", "credit", "debit", "karte", "carte", "tarjeta"
)
_PHONE_CUE = any_of(
    r"(?:tele)?phones?",
    "tel",
    "mobiles?",
    "cell(?:phone)?",
    "fax",
    "call(?:ed|ing)?",
    "reach(?:ed)?",
    "ring",
    "dial",
    "text(?:ed)?",
    "sms",
    "whatsapp",
    "contact(?: number)?",
    "number",
    "messages? to",
    "answering at",
    "desk",
    "office",
    "landline",
    "handy",
    "telefon",
    "téléphone",
    "teléfono",
    "hotline",
    "voicemail",
    "line",
)
_PHONE_AFTER = re.compile(
    r"[\s\-–,(]{0,3}(?:(?:is|was) (?:the|my|our|his|her|their|your) (?:new |old )?)?"
    r"(?:office|fax|mobile|cell|home|work|desk|(?:tele)?phone)\b",
    re.IGNORECASE,
)
_IDENTITY_CUE = any_of(
    r"ssn",
    r"social security(?: number| no\.?| #)?",
    r"passports?(?: number| no\.?)?",
    r"driv(?:er|ing)(?:['’]?s)? ?licen[cs]e",
    r"licen[cs]e(?: number| no\.?| #)",
    "dl",
    "identity (?:card|number|document)",
    "id (?:card|number|no\\.?)",
    "(?:my|his|her|the) id",
    "national id(?:entity)?(?: number)?",
    "tax(?:payer)? (?:id|number|identification number)",
    "tin",
    "itin",
    "nino",
    "national insurance(?: number| no\\.?)?",
    "ni number",
    "nhs(?: number)?",
    "aadhaar",
    "pan",
    "pesel",
    "cpf",
    "curp",
    "dni",
    "nie",
    "nif",
    "bsn",
    "sin",
    "personnummer",
    "ausweis(?:nummer)?",
    "personalausweis",
    "steuer-?id",
    "codice fiscale",
    "medicare",
    "insurance number",
    "resident permit",
    "visa number",
)
_ACCOUNT_CUE = any_of(
    r"(?:account|acct|a/c|customer|client|member(?:ship)?|loyalty|policy|contract|subscri(?:ber|ption)|"
    r"user|iban|routing|sort|"
    r"bank|reference|ref|patient|employee|registration|frequent flyer|vehicle|plate|kunden|konto|vertrags)"
    r"(?:[ -]?(?:number|no|nr|num|id|code|account|nummer|#))*\.?(?: number)?"
)

_CODE = (
    r"(?<![\w€$£#-])#?(?P<value>(?=[A-Za-z0-9\-/]*\d)[A-Za-z0-9]{1,8}(?:[-/ ]?\d[A-Za-z0-9]*){0,5})(?![\w%€])"
)

PATTERNS = (
    Pattern(
        PiiType.EMAIL,
        re.compile(r"(?<![\w.+-])[\w.+%'-]{1,64}@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,24}\b"),
        0.99,
    ),
    Pattern(
        PiiType.EMAIL,
        re.compile(
            r"\b[a-z0-9]+(?:(?: dot | underscore | ?\. ?)[a-z0-9]+){0,3} ?(?:\(at\)|\[at\]| at ) ?[a-z0-9-]+"
            r"(?: ?(?: dot | ?\(dot\) ?|\[dot\]|\.) ?[a-z]{2,12})?"
            r"(?: dot | ?\(dot\) ?| ?\[dot\] ?|\.)(?:com|net|org|edu|gov|de|fr|es|it|nl|co|uk|cn|io|eu|"
            r"at|ch|example)\b",
            re.IGNORECASE,
        ),
        0.8,
    ),
    Pattern(
        PiiType.IBAN,
        re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,3})?(?!\w)"),
        0.99,
        check=lambda found: checksums.iban(found.replace("-", "")),
    ),
    Pattern(
        PiiType.IBAN,
        re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?(?!\w)"),
        0.85,
        cue=any_of("iban", "account", "transfer"),
        check=lambda found: sum(c.isdigit() for c in found) >= 8,
    ),
    Pattern(PiiType.CREDIT_CARD, _digits_between(12, 19), 0.97, check=is_card),
    Pattern(
        PiiType.CREDIT_CARD,
        _digits_between(12, 19),
        0.9,
        cue=CARD_CUE,
        check=lambda found: 12 <= len(digits_of(found)) <= 19,
    ),
    Pattern(
        PiiType.CREDIT_CARD,
        re.compile(r"(?<![\w.,])\d{4}(?![\w.,-]|\s*(?:€|euro|usd|dollars|times|days))"),
        0.7,
        cue=re.compile(
            r"(?:card|visa|mastercard|amex)\b[\w\s]{0,12}\b(?:ending|ends?|last (?:four|4))\b[\w\s:]{0,18}$",
            re.I,
        ),
    ),
    Pattern(PiiType.IDENTITY_NUMBER, re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"), 0.95),
    Pattern(
        PiiType.IDENTITY_NUMBER,
        re.compile(r"(?<!\w)[XYZxyz]-?\d{7}-?[A-Za-z](?!\w)|(?<!\w)\d{8}-?[A-Za-z](?!\w)"),
        0.9,
        check=checksums.spanish_nif,
    ),
    Pattern(
        PiiType.IDENTITY_NUMBER,
        re.compile(r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]\b"),
        0.85,
    ),
    Pattern(
        PiiType.IDENTITY_NUMBER, re.compile(r"\b[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]\b", re.I), 0.95
    ),
    Pattern(
        PiiType.IDENTITY_NUMBER,
        re.compile(r"\b\d{6}[-+]\d{4}\b"),
        0.8,
        cue=any_of("personnummer", "personal (?:identity )?number", "id"),
    ),
    Pattern(
        PiiType.IDENTITY_NUMBER,
        re.compile(r"\b\d{6}[-+A]\d{3}[0-9A-FHJ-NPR-Y]\b"),
        0.6,
        cue=any_of("henkilötunnus", "hetu", "personal.*"),
    ),
    Pattern(PiiType.IDENTITY_NUMBER, re.compile(r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b"), 0.95),
    Pattern(
        PiiType.IDENTITY_NUMBER,
        re.compile(r"\b\d{11}\b"),
        0.9,
        cue=_IDENTITY_CUE,
        check=checksums.polish_pesel,
    ),
    Pattern(
        PiiType.IDENTITY_NUMBER,
        re.compile(_CODE),
        0.88,
        cue=_IDENTITY_CUE,
        check=lambda found: len(digits_of(found)) >= 5,
        reach=32,
    ),
    Pattern(
        PiiType.PHONE,
        re.compile(
            r"(?<![\w+])(?:\+|00)\d{1,3}[ .\-]?(?:\(\d{1,4}\)[ .\-]?)?\d(?:[ .\-/]{0,2}\d){5,12}(?: "
            r"?(?:x|ext\.?) ?\d{1,6})?(?!\w)",
            re.I,
        ),
        0.95,
        check=lambda found: 8 <= len(digits_of(found)) <= 21,
    ),
    Pattern(
        PiiType.PHONE,
        re.compile(
            r"(?<![\w-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?: ?(?:x|ext\.?) "
            r"?\d{1,6})?(?![\w-]|\.\d)",
            re.I,
        ),
        0.85,
    ),
    Pattern(
        PiiType.PHONE,
        re.compile(r"(?<![\w-])(?<!\d\.)0\d{1,4}[ \-/]\d{2,4}(?:[ \-]?\d{2,4}){1,3}(?![\w-])"),
        0.75,
        check=_is_spaced_phone,
    ),
    Pattern(PiiType.PHONE, re.compile(r"(?<![\w.-])0\d(?:[ .\-]\d\d){4}(?![\w-])"), 0.8),
    Pattern(
        PiiType.PHONE,
        re.compile(
            r"(?<![\w.-])(?:\(0?\d{1,4}\)[ -]{0,2}\d{2,4}[ /-]\d{2,4}(?:[ -]?\d{2,4})?|"
            r"(?:\+\(\d{1,3}\)|\(0\d{1,4}\))[ -]{0,2}\d{5,9})(?!\w)"
        ),
        0.75,
    ),
    Pattern(
        PiiType.PHONE,
        re.compile(
            r"(?<![\w€$£#/-])(?<!\d[.,])(?:\+?\(?\d(?:[ .\-–/()]{0,2}\d){5,14})(?: ?(?:x|ext\.?) "
            r"?\d{1,6})?(?![\w€%]|\.\d)",
            re.I,
        ),
        0.72,
        cue=_PHONE_CUE,
        cue_after=_PHONE_AFTER,
        check=_is_spaced_phone,
        reach=30,
    ),
    Pattern(
        PiiType.ACCOUNT_NUMBER,
        re.compile(_CODE),
        0.8,
        cue=_ACCOUNT_CUE,
        check=lambda found: (
            len(digits_of(found)) >= 4 and not _looks_like_date(found) and not _is_year(found)
        ),
        reach=28,
    ),
    Pattern(
        PiiType.ACCOUNT_NUMBER,
        re.compile(r"(?<!\w)[A-Z]{2}U?[ -]?\d(?:[ .]?\d){6,11}(?!\w)", re.I),
        0.85,
        cue=any_of("vat(?: id| number| no\\.?)?", "ust-?id(?:-?nr)?\\.?", "uid", "tva", "btw", "iva"),
    ),
    Pattern(
        PiiType.ACCOUNT_NUMBER,
        re.compile(r"(?<![\w-])\d\d-\d\d-\d\d(?![\w-])"),
        0.8,
        cue=any_of("sort ?code"),
    ),
    Pattern(
        PiiType.IP_ADDRESS,
        re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)"),
        0.9,
        check=_is_public_address,
    ),
    Pattern(
        PiiType.IP_ADDRESS,
        re.compile(r"(?<![\w:])(?:[0-9a-f]{1,4}:{1,2}){2,7}[0-9a-f]{1,4}(?![\w:])", re.I),
        0.9,
        check=_is_public_address,
    ),
    Pattern(
        PiiType.PASSWORD,
        re.compile(r"(?<!\w)(?P<value>\d{3,8})(?![\w.,]\d|\w)"),
        0.8,
        cue=re.compile(
            r"\b(?:pin|cvv2?|cvc2?|otp|passcode|security (?:code|number)|verification code|one[- ]time "
            r"(?:code|password))(?: code| number| is| of|:|=|\s){0,4}$",
            re.I,
        ),
    ),
    Pattern(
        PiiType.PASSWORD,
        re.compile(r"(?<!\S)[\"'“‘]?(?P<value>(?=\S*[\d!@#$%^&*_])(?=\S*[^\W\d_])[^\s\"'”’]{6,64})"),
        0.8,
        cue=re.compile(
            r"\b(?:password|passwort|pass ?phrase|passwd|pwd|setup key)(?: is|:|=| was|\s){1,3}[\"'“]?$", re.I
        ),
    ),
)


def find_numbers(text: str) -> Iterator[PiiSpan]:
    """Every number, mailbox or machine address that points to a person."""
    for pattern in PATTERNS:
        yield from pattern.find(text)
