"""What kind of transcripts a file holds, from its content; its name only decides between CSV and text."""

import re
import zipfile
from itertools import islice
from json import JSONDecodeError, loads
from pathlib import Path

from finetune.transcripts.csv_rows import find_delimiter
from finetune.transcripts.lines import TooLong, bounded_lines, open_text
from finetune.transcripts.mapping import suggest_mapping
from finetune.transcripts.records import HELPDESKS
from finetune.transcripts.values import ReadOptions, Source, TranscriptError

FORMATS = ("jsonl", "json", "csv", "xlsx", "mbox", "text", "audio", "zip", *HELPDESKS)
"""What `ReadOptions.format` may name. The shape of JSON records is recognised one by one."""

_SAMPLE_BYTES = 8192
_SAMPLE_LINES = 8
_SAMPLE_LINE_CHARS = 2**20
_MAIL_HEADER = re.compile(r"[A-Z][\w-]*:\s")
_MAIL_NAMES = re.compile(
    r"^(?:from|to|subject|date|message-id|mime-version|received|return-path|delivered-to):", re.I | re.M
)
_HELP = "JSON, JSON Lines, CSV, XLSX, mbox, text with speakers, recordings and ZIPs of these can be imported."


def detect_format(path: Path) -> str:
    """One of `FORMATS`.

    Raises:
        TranscriptError: The file is empty or of a kind that holds no transcripts.
    """
    return format_of(Source(path, ReadOptions().label(path.name), ReadOptions()))


def format_of(source: Source) -> str:
    """`detect_format` for a file that is being read; a given format is checked and believed."""
    given = source.options.format
    if given:
        if given not in FORMATS:
            raise TranscriptError(f"{given!r} is no known format.", f"Give one of {', '.join(FORMATS)}.")
        if given not in HELPDESKS:
            return given
    try:
        with source.path.open("rb") as file:
            start = file.read(_SAMPLE_BYTES)
    except OSError as error:
        raise TranscriptError(
            f"{source.label} cannot be read: {error.strerror or 'it is not there'}."
        ) from error
    if not start.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
        raise TranscriptError(f"{source.label} is empty.", "Export the conversations again.")
    return _binary(start, source) or _textual(source)


def _binary(start: bytes, source: Source) -> str:
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(source)
    import filetype

    kind = filetype.guess(start)
    if kind is None:
        return ""
    if kind.mime.startswith(("audio/", "video/")) or kind.mime == "application/ogg":
        return "audio"
    raise TranscriptError(
        f"{source.label} is a file of type {kind.extension.upper()}, not transcripts.", _HELP
    )


def _zipped(source: Source) -> str:
    try:
        with zipfile.ZipFile(source.path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError) as error:
        raise TranscriptError(f"{source.label} is a damaged ZIP file.", "Pack it again.") from error
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "word/document.xml" in names:
        raise TranscriptError(f"{source.label} is a Word document.", "Save it as plain text and import that.")
    return "zip"


def _textual(source: Source) -> str:
    with open_text(source) as file:
        lines = [line for _, line in islice(bounded_lines(file, _SAMPLE_LINE_CHARS), 40)]
    texts = [line for line in lines if isinstance(line, str) and line.strip("\ufeff \t\r\n\x0c")]
    first = texts[0].lstrip("\ufeff \t") if texts else ""
    if source.path.suffix.lower() in (".jsonl", ".ndjson"):
        return "jsonl"
    if first.startswith("{") or re.match(r"\[\s*([\[{\"\]]|$)", first):
        return _json(texts)
    if first.startswith("From ") or _is_mail(lines):
        return "mbox"
    if re.match(r"<(?:!doctype|html|\?xml)", first, re.I):
        raise TranscriptError(f"{source.label} is a web page or XML file, not transcripts.", _HELP)
    if not texts and any(isinstance(line, TooLong) for line in lines):
        return "json"
    return "csv" if _is_table(first, source) else "text"


def _json(lines: list[str]) -> str:
    """JSON Lines have a whole value in a line, and several of them; an array of one record a line is JSON."""
    whole = [_is_whole(line) for line in lines[:_SAMPLE_LINES]]
    begins_array = lines[0].lstrip("\ufeff \t").startswith("[") and not whole[0]
    return "jsonl" if any(whole) and len(lines) > 1 and not begins_array else "json"


def _is_whole(line: str) -> bool:
    try:
        return isinstance(loads(line.strip("\ufeff \t\r\n")), dict | list)
    except (JSONDecodeError, RecursionError, ValueError):
        return False


def _is_mail(lines: list[str | TooLong]) -> bool:
    head: list[str] = []
    for line in lines:
        if not isinstance(line, str) or not line.strip():
            break
        head.append(line)
    names = {found.casefold() for found in _MAIL_NAMES.findall("".join(head))}
    return bool(head) and bool(_MAIL_HEADER.match(head[0])) and len(names) >= 3 and "from:" in names


def _is_table(first: str, source: Source) -> bool:
    if source.path.suffix.lower() in (".csv", ".tsv"):
        return True
    names = [name.strip(' "\r\n') for name in first.split(find_delimiter(first))]
    mapping = source.options.mapping or suggest_mapping(names)
    return len(names) > 1 and mapping.is_usable and set(mapping.columns) <= set(names)
