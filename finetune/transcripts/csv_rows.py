"""The rows of a CSV of any size. An unbalanced quotation mark spoils one row, not all after it."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import TextIO

from finetune.transcripts.lines import TooLong, bounded_lines
from finetune.transcripts.values import Dropped, Source, TranscriptError

Cells = tuple[int, list[str]]
"""A line number and the values of a row."""

DELIMITERS = ",;\t|"
_MAX_ROW_LINES = 400


def csv_rows(file: TextIO, source: Source) -> Iterator[Cells | Dropped]:
    """The header, then every row that has as many values as the header or fewer.

    Raises:
        TranscriptError: The file is empty.
    """
    lines = _Lines(file, source.limits.max_item_chars)
    first = lines.next_line()
    while first is not None and not isinstance(first[1], TooLong) and not first[1].strip("\ufeff \r\n"):
        first = lines.next_line()
    if first is None:
        raise TranscriptError(f"{source.label} is empty.", "Export the conversations again.")
    if isinstance(first[1], TooLong):
        raise TranscriptError(f"{source.label}: its first line is too long for a header of columns.")
    delimiter = find_delimiter(first[1])
    lines.push_back([first])
    header = _record(lines, delimiter, source, 0)
    if header is None or isinstance(header, Dropped):
        raise TranscriptError(
            f"{source.label}: its header cannot be read.", "Give column names in the first line."
        )
    yield header
    while (record := _record(lines, delimiter, source, len(header[1]))) is not None:
        if isinstance(record, Dropped) or any(value.strip() for value in record[1]):
            yield record


def find_delimiter(header: str) -> str:
    """The one of comma, semicolon, tab and bar that cuts the header into most columns."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(DELIMITERS, key=bare.count)


class _Lines:
    """Lines that can be given back."""

    def __init__(self, file: TextIO, limit: int) -> None:
        self._lines = bounded_lines(file, limit)
        self._again: deque[tuple[int, str | TooLong]] = deque()

    def next_line(self) -> tuple[int, str | TooLong] | None:
        return self._again.popleft() if self._again else next(self._lines, None)

    def push_back(self, lines: list[tuple[int, str | TooLong]]) -> None:
        self._again.extendleft(reversed(lines))


def _record(lines: _Lines, delimiter: str, source: Source, width: int) -> Cells | Dropped | None:
    """The next row; None at the end of the file."""
    first = lines.next_line()
    if first is None:
        return None
    number, line = first
    if isinstance(line, TooLong):
        limit = source.limits.max_item_chars
        return source.dropped(number, "too_long", f"the line is longer than {limit:,} characters")
    if '"' not in line:
        return _sized(number, line.rstrip("\r\n").split(delimiter), source, width)
    values = _quoted(lines, line, delimiter, source.limits.max_item_chars)
    if values is None:
        values = _repaired(line.rstrip("\r\n"), delimiter, width)
    if values is None:
        return source.dropped(
            number, "bad_row", "cannot be read: is a quotation mark missing or not doubled?"
        )
    return _sized(number, values, source, width)


def _sized(number: int, values: list[str], source: Source, width: int) -> Cells | Dropped:
    if width and len(values) > width and any(v.strip() for v in values[width:]):
        return source.dropped(number, "bad_row", f"{len(values)} values, {width} expected (quote the values)")
    return number, values


def _quoted(lines: _Lines, line: str, delimiter: str, limit: int) -> list[str] | None:
    """The values of a row with quotation marks, which may go on for several lines; None when they do not close."""
    taken: list[tuple[int, str | TooLong]] = []
    text = line
    while True:
        values = _parsed(text, delimiter)
        if values is not None:
            return values
        more = lines.next_line() if text.count('"') % 2 and len(taken) < _MAX_ROW_LINES else None
        if more is None or isinstance(more[1], TooLong) or len(text) > limit:
            lines.push_back([*taken, *([more] if more else [])])
            return None
        taken.append(more)
        text += more[1]


def _parsed(text: str, delimiter: str) -> list[str] | None:
    if text.count('"') % 2:
        return None
    try:
        rows = list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _repaired(line: str, delimiter: str, width: int) -> list[str] | None:
    """Marks inside a value that were not doubled: one closes a value only in front of a delimiter or the end."""
    d = re.escape(delimiter)
    field = re.compile(
        rf'(?:^|{d})(?:"((?:[^"]|"(?!\s*(?:{d}|$)))*)"\s*(?={d}|$)|([^"{d}][^{d}]*|)(?={d}|$))'
    )
    values: list[str] = []
    at = 0
    while at < len(line) or not values:
        found = field.match(line, at)
        if not found or (found.end() == at and values):
            return None
        quoted, bare = found.groups()
        values.append(bare if quoted is None else quoted.replace('""', '"'))
        at = found.end()
    return values if len(values) == width else None
