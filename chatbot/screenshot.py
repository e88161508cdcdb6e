"""A screenshot as evidence: its lines, the error codes and addresses on it, and where visual tokens join."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from PIL import Image

from chatbot.errors import AttachmentError
from chatbot.messages import OcrLine, ScreenReading

_CODE = re.compile(
    r"\b0x[0-9A-F]{4,8}\b"
    r"|\b[A-Z]{3,}(?:_[A-Z0-9]+)+\b"
    r"|\b[A-Z]{1,5}\s?[-–—]\s?[0-9OIl]{2,6}\b"
    r"|\b(?:error|fehler|code|http|status|错误)\s*(?:code)?\s*[:#]?\s*([A-Z]{0,4}-?\d{2,6})\b",
    re.IGNORECASE,
)
_LETTERS_CODE = re.compile(r"^([A-Z]{1,5})\s?[-–—]\s?([0-9OIl]{2,6})$", re.IGNORECASE)
_URL = re.compile(
    r"\b(?:https?://|www\.)[^\s<>\"']+|\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|local|example)\b(?:/\S*)?",
    re.I,
)
_DIGITS = str.maketrans("OoIl", "0011")


class ReadsText(Protocol):
    """What is needed of `vision.ocr.Ocr`."""

    def read(self, image: Image.Image) -> tuple[OcrLine, ...]:
        """Lines in reading order."""
        ...


class ScreenReader:
    """Reads stored images. Knows nothing of conversations."""

    def __init__(self, ocr: ReadsText) -> None:
        self._ocr = ocr

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
                lines = self._ocr.read(image.convert("RGB"))
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


def error_codes(lines: Iterable[str]) -> tuple[str, ...]:
    """Error codes in order of appearance; letters that OCR puts for digits are put right (`WR-5O1`)."""
    found = []
    for line in lines:
        for match in _CODE.finditer(line):
            code = match[1] or match[0]
            if parts := _LETTERS_CODE.match(code):
                code = f"{parts[1].upper()}-{parts[2].translate(_DIGITS)}"
            if any(c.isdigit() for c in code) or "_" in code:
                found.append(code)
    return tuple(dict.fromkeys(found))


def urls(lines: Iterable[str]) -> tuple[str, ...]:
    """Web addresses in order of appearance, without closing punctuation."""
    return tuple(dict.fromkeys(m[0].rstrip(".,;:)") for line in lines for m in _URL.finditer(line)))
