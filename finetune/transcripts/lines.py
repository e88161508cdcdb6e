"""Text of any encoding, line by line, in bounded memory."""

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from finetune.transcripts.values import Source, TranscriptError

_SAMPLE_BYTES = 2**18
_BLOCK_BYTES = 2**20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COMMON_HAN = re.compile(r"[\u4e00-\u9fff，。！？：；、（）“”《》]")
_MAX_BAD_SHARE = 0.1


class TooLong:
    """Stands in for a line that is longer than the limit; it was skipped without being kept."""


def detect_encoding(path: Path) -> str:
    """The encoding of a text file, from its byte-order mark and its bytes.

    UTF-8 stays UTF-8 when a few bytes of it are damaged; else it is GB 18030 where that gives Chinese text, and
    Windows-1252 (which holds Latin-1's letters) where it does not.
    """
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    for mark, name in _BOMS:
        if sample.startswith(mark):
            return name
    if (nulls := sample.count(0)) > len(sample) // 8:
        return _utf16_without_mark(sample, nulls)
    bad = _first_invalid_utf8(path)
    return "utf-8" if bad is None else _legacy(path, bad)


def _utf16_without_mark(sample: bytes, nulls: int) -> str:
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) > 0.9 * nulls:
        return "utf-16-le" if odd > even else "utf-16-be"
    raise TranscriptError("This is binary data, not text.", "Export the conversations as JSON, CSV or text.")


def _first_invalid_utf8(path: Path) -> int | None:
    """Where the file stops being UTF-8; read in blocks, for files of any size."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    at = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                return max(0, at - pending + error.start)
            at += len(block)
    return at - len(decoder.getstate()[0]) if decoder.getstate()[0] else None


def _legacy(path: Path, bad_at: int) -> str:
    """What a file is that is not clean UTF-8, judged where it first shows."""
    with path.open("rb") as file:
        file.seek(max(0, bad_at - 1024))
        sample = file.read(_SAMPLE_BYTES)
    high = sum(byte >= 0x80 for byte in sample)
    damaged = sample.decode("utf-8", "replace").count("\ufffd")
    if damaged <= high * _MAX_BAD_SHARE:
        return "utf-8"
    chinese = sample.decode("gb18030", "replace")
    foreign = [c for c in chinese if c >= "\x80"]
    if foreign and len(_COMMON_HAN.findall(chinese)) >= 0.95 * len(foreign) and _is_paired(sample):
        return "gb18030"
    return "cp1252"


def _is_paired(sample: bytes) -> bool:
    """In GB 2312 text high bytes come in runs of twos; in Western text mostly alone."""
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", sample)]
    return sum(length % 2 == 0 for length in runs) >= 0.8 * len(runs)


@contextmanager
def open_text(source: Source) -> Iterator[TextIO]:
    """The file as text; bytes that are not text become U+FFFD, line ends stay as they are.

    Raises:
        TranscriptError: It is binary, cannot be opened, or the given encoding does not exist.
    """
    try:
        encoding = source.options.encoding or detect_encoding(source.path)
        with source.path.open(encoding=encoding, errors="replace", newline="") as file:
            if encoding in ("utf-8", "utf-16-le", "utf-16-be") and file.read(1) != "\ufeff":
                file.seek(0)
            yield file
    except OSError as error:
        reason = error.strerror or "it cannot be opened"
        raise TranscriptError(f"{source.label} cannot be read: {reason}.") from error
    except LookupError as error:
        raise TranscriptError(
            f"{source.options.encoding!r} is no known encoding.", "Name one such as utf-8, cp1252 or gb18030."
        ) from error


def bounded_lines(file: TextIO, max_chars: int) -> Iterator[tuple[int, str | TooLong]]:
    """Every line with its number, counted from 1; one that is too long is skipped piece by piece."""
    number = 0
    while line := file.readline(max_chars):
        number += 1
        if len(line) < max_chars or line.endswith(("\n", "\r")):
            yield number, line
            continue
        while (rest := file.readline(_BLOCK_BYTES)) and not rest.endswith(("\n", "\r")):
            pass
        yield number, TooLong()
