"""A screenshot as evidence: its lines, the error codes and addresses on it, and where visual tokens join."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from PIL import Image

from chatbot.errors import AttachmentError
from chatbot.messages import OcrLine, ScreenReading

_NO_CODES = frozenset(  # written like codes, but dates, standards and papers
    "JAN FEB MAR APR MAY JUN JUL AUG SEP SEPT OCT NOV DEC MON TUE WED THU FRI SAT SUN UTF ISO SHA MD RFC IEEE "
    "COVID USB HDMI AES RSA TLS SSL HTTP CP IP ID NO PO INV RMA TEL FAX EXT DIN EN UTC GMT".split()
)
_CODE = re.compile(
    r"(?<![\w-])(?:"
    r"(?P<hex>[0Oo][xX][0-9A-FOa-fo]{4,16})"
    r"|(?P<symbol>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|ERR(?:[ _][A-Z]{2,}){2,4})"
    r"|(?P<prefix>[A-Zcosuvwxz]{1,5})(?:[-‐–—]\s?|\s[-–—])(?P<tail>[0-9OIl|]{2,6}(?:-[0-9]{1,6})?)"
    r"|(?P<http>[45][0-9]{2})(?=\s+(?i:bad gateway|not found|forbidden|unauthori[sz]ed|bad request|"
    r"internal server error|service unavailable|gateway time-?out|too many requests))"
    r"|HTTP(?:/[0-9.]+)?\s*(?i:error|status)?\s*(?i:code)?\s*[:#]?\s*(?P<status>[45][0-9OIl]{2})"
    r"|(?i:error|fehler|erreur|错误|錯誤)(?:\s?(?i:code|no\.?|代码|码))?[\s:：#-]*"
    r"(?P<number>[A-Z]{0,4}-?[0-9OIl]{2,6})"
    r")(?![\w])"
)
_SYMBOL_WORDS = frozenset(  # an upper-case name with one of these is an error and no setting
    "ERR ERROR FAIL FAILED FAILURE DENIED REFUSED TIMEOUT TIMED EXPIRED INVALID RESET NXDOMAIN NOT NO BAD MISSING "
    "ABORTED UNREACHABLE BLOCKED CLOSED STOP FAULT EXCEPTION VIOLATION DIED PROBE INACCESSIBLE UNKNOWN".split()
)
_LIKE_DIGITS = str.maketrans("OoIl|", "00111")
_URL = re.compile(
    r"(?:https?\s?:\s?//\s?|(?<![@\w.-])www\.)[^\s<>\"'“”«»，。]+"
    r"|(?<![@\w./-])[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|local|example)\b(?:[/:][^\s<>\"'“”«»，。]*)?(?!@)",
    re.IGNORECASE,
)


class ReadsText(Protocol):
    """What is needed of `vision.ocr.Ocr`."""

    def read(self, image: Image.Image) -> tuple[OcrLine, ...]:
        """Lines in reading order."""
        ...


def _nothing_known(_sha256: str) -> None:
    """Everything is read from the stored image."""


class ScreenReader:
    """Reads stored images. Knows nothing of conversations.

    Args:
        known: What stood on an image, by the hash of what is stored of it, where that is known already: on the stored
            one personal data may be covered.
    """

    def __init__(
        self, ocr: ReadsText, known: Callable[[str], tuple[OcrLine, ...] | None] = _nothing_known
    ) -> None:
        self._ocr = ocr
        self._known = known

    def read(
        self, path: Path, name: str, attachment_sha256: str, *, visual_sha256: str = ""
    ) -> ScreenReading:
        """Everything read on one image.

        Args:
            visual_sha256: The stored image that visual tokens are made of; the attachment itself if empty.

        Raises:
            AttachmentError: The image cannot be opened.
        """
        try:
            with Image.open(path) as image:
                known = self._known(visual_sha256 or attachment_sha256)
                lines = self._ocr.read(image.convert("RGB")) if known is None else known
                width, height = image.size
        except OSError as error:
            raise AttachmentError(f"{name} cannot be opened any more.", "Please attach it again.") from error
        texts = [line.text for line in lines]
        return ScreenReading(
            attachment_sha256,
            lines,
            width,
            height,
            error_codes=error_codes(texts),
            urls=urls(texts),
            visual_sha256=visual_sha256 or attachment_sha256,
        )


def corrected(reading: ScreenReading, text: str) -> ScreenReading:
    """A reading with the customer's words in its place: codes and addresses are those of the new text."""
    lines = text.splitlines()
    return replace(reading, corrected_text=text, error_codes=error_codes(lines), urls=urls(lines))


def error_codes(lines: Iterable[str]) -> tuple[str, ...]:
    """Error codes in order of appearance, each once.

    Letters that OCR puts for digits are put right where only digits can stand (`WR-5O1` is WR-501). A number
    counts only beside a word that makes it an error, and keeps that word: `Error 403`, `HTTP 502`.
    """
    found = (_code(match) for line in lines for match in _CODE.finditer(line))
    return tuple(dict.fromkeys(code for code in found if code))


def urls(lines: Iterable[str]) -> tuple[str, ...]:
    """Web addresses in order of appearance, without closing punctuation."""
    found = (re.sub(r"\s", "", m[0]).rstrip(".,;:!?)]…") for line in lines for m in _URL.finditer(line))
    return tuple(dict.fromkeys(found))


def _code(match: re.Match[str]) -> str:
    if written := match["hex"]:
        digits = written[2:].upper().translate(_LIKE_DIGITS)
        return f"0x{digits}" if sum(c.isdigit() for c in written) >= 2 else ""
    if symbol := match["symbol"]:
        symbol = symbol.replace(" ", "_")
        return symbol if _SYMBOL_WORDS & set(symbol.split("_")) else ""
    if status := match["http"] or match["status"]:
        return f"HTTP {status.translate(_LIKE_DIGITS)}"
    if number := match["number"]:
        return _numbered(number)
    return _hyphened(match["prefix"], match["tail"])


def _numbered(written: str) -> str:
    """The code after the word "error": a bare number keeps the word, `WR-501` needs it not."""
    prefix, tail = written.rstrip("0123456789OIl"), written[len(written.rstrip("0123456789OIl")) :]
    if not re.search(r"\d", tail):
        return ""
    digits = tail.translate(_LIKE_DIGITS)
    return f"{prefix}{digits}" if prefix else f"Error {digits}"


def _hyphened(prefix: str, tail: str) -> str:
    name = prefix.upper()
    if prefix.islower() or name in _NO_CODES or not re.search(r"\d", tail):
        return ""
    if len(name) == 1 and name not in "EF" and len(tail) < 3:
        return ""
    return f"{name}-{tail.translate(_LIKE_DIGITS)}"
