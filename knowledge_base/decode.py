"""Bytes of a text file to text: which encoding, and whether it is text at all."""

import codecs

import filetype
from bs4.dammit import EncodingDetector

from knowledge_base.errors import DocumentError
from knowledge_base.text import clean


def decode(data: bytes, name: str, *, is_html: bool = False) -> str:
    """UTF-8, or UTF-16 with a byte-order mark, to text with plain line ends and no control characters.

    Args:
        is_html: A page that says its encoding is read in that one.

    Raises:
        DocumentError: It is empty, binary or in another encoding.
    """
    if not data.strip():
        raise DocumentError(f"{name} is empty.")
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if (kind := filetype.guess(data)) or (b"\0" in data and not utf16):
        what = kind.extension.upper() if kind else "binary data"
        raise DocumentError(f"{name} is not text but {what}.", "Save it as Markdown, HTML or text.")
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        declared = _declared(data) if is_html else None
        if declared is None:
            line = data[: error.start].count(b"\n") + 1
            raise DocumentError(
                f"{name} is not UTF-8: unreadable byte in line {line}.", "Save it in UTF-8 encoding."
            ) from error
        text = declared
    return clean(text.replace("\r\n", "\n").replace("\r", "\n")) + "\n"


def _declared(data: bytes) -> str | None:
    """A page's text in the encoding that it names itself, when that works."""
    name = EncodingDetector.find_declared_encoding(data, is_html=True)
    try:
        return data.decode(name) if name and codecs.lookup(name) else None
    except (LookupError, UnicodeDecodeError):
        return None
