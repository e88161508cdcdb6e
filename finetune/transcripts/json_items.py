"""The records of a JSON file one at a time: JSON Lines, arrays, arrays inside objects, values one after another.

Nothing but the record at hand is in memory. A record that is broken or too long is reported and the next ones used.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TextIO

from finetune.transcripts.lines import TooLong, bounded_lines
from finetune.transcripts.values import Dropped, Source

Item = tuple[int, Any]
"""A line number and a decoded record."""

_BLOCK_CHARS = 2**18
_SPACE = re.compile(r"[ \t\n\r\ufeff]*")
_WRAPPERS = frozenset({"data", "result", "response", "payload"})
_MAX_DEPTH = 3
_TAIL_CHARS = 16  # an error this near to the end of the window may be one of the window only
_SHAPE = re.compile(
    r'\{\s*("[^"\\]{1,60}")\s*:\s*(?:[^\s,{}\[\]][^,{}\[\]]{0,120}?,\s*("[^"\\]{1,60}")\s*:|([\[{]))'
)


def json_lines(file: TextIO, source: Source) -> Iterator[Item | Dropped]:
    """One record a line; a bad line is reported and the others are used."""
    limit = source.limits.max_item_chars
    for number, line in bounded_lines(file, limit):
        if isinstance(line, TooLong):
            yield source.dropped(number, "too_long", f"the line is longer than {limit:,} characters")
        elif line.strip("\ufeff \t\r\n"):
            yield _decoded_line(number, line.strip("\ufeff \t\r\n"), source)


def _decoded_line(number: int, line: str, source: Source) -> Item | Dropped:
    try:
        return number, json.loads(line)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(line) or error.msg.startswith("Unterminated")
        kind, why = ("truncated", "is cut off") if cut else ("not_json", "is not JSON")
        return source.dropped(number, kind, f"{why}: {error.msg} at character {error.pos + 1}")
    except (ValueError, RecursionError):
        return source.dropped(
            number, "not_json", "is not JSON: nested too deeply, or a number with too many digits"
        )


def json_values(
    file: TextIO, source: Source, is_conversation: Callable[[Any], bool]
) -> Iterator[Item | Dropped]:
    """The records of a JSON document, wherever its outer objects hold them.

    Args:
        is_conversation: Whether a decoded element is one. An array of an object whose first element is one is
            streamed; an object without such an array is a record itself.
    """
    return _Reader(file, source, is_conversation).records()


class _StopReading(Exception):  # noqa: N818 - ends the reading of a record; the caller reports why
    """The record at hand cannot be read."""

    def __init__(self, dropped: Dropped) -> None:
        super().__init__(dropped.why)
        self.dropped = dropped


class _Reader:
    """A window on the text that only moves forwards."""

    def __init__(self, file: TextIO, source: Source, is_conversation: Callable[[Any], bool]) -> None:
        self._file = file
        self._source = source
        self._is_conversation = is_conversation
        self._decoder = json.JSONDecoder()
        self._text = ""
        self._at = 0
        self._line = 1
        self._ended = False

    def records(self) -> Iterator[Item | Dropped]:
        try:
            while first := self._peek():
                if first == "[":
                    yield from self._array()
                elif first == "{":
                    yield from self._object(0)
                else:
                    yield self._line, self._decode()
        except _StopReading as stop:
            yield stop.dropped

    def _array(self) -> Iterator[Item | Dropped]:
        began = self._line
        self._advance(1)
        shape: re.Pattern[str] | None = None
        while (character := self._peek()) != "]":
            if character == ",":
                self._advance(1)
                continue
            line, start = self._line, self._text[self._at : self._at + 400]
            try:
                item = (
                    self._decode() if character else self._stop("truncated", "the list is not closed", began)
                )
            except _StopReading as stop:
                if shape is None or not self._skip_to(shape):
                    raise
                yield stop.dropped
                continue
            shape = shape or _shape(start)
            yield line, item
        self._advance(1)

    def _object(self, depth: int) -> Iterator[Item | Dropped]:
        line, streamed = self._line, False
        rest: dict[str, Any] = {}
        self._advance(1)
        while (character := self._peek()) != "}":
            if character == ",":
                self._advance(1)
                continue
            key, value = self._key(line)
            if value == "[" and self._holds_conversations():
                streamed = True
                yield from self._array()
            elif value == "{" and depth < _MAX_DEPTH and key in _WRAPPERS:
                streamed = True
                yield from self._object(depth + 1)
            else:
                rest[key] = self._decode()
        self._advance(1)
        if not streamed:
            yield line, rest

    def _key(self, began: int) -> tuple[str, str]:
        if not self._peek():
            self._stop("truncated", "the file ends in the middle of the record that begins here", began)
        key = self._decode()
        if not isinstance(key, str) or self._peek() != ":":
            self._stop("not_json", "is not JSON: a name and a colon are expected")
        self._advance(1)
        return key, self._peek()

    def _holds_conversations(self) -> bool:
        """Looks at an array's first element without taking it."""
        while True:
            begin = _SPACE.match(self._text, self._at + 1).end()  # type: ignore[union-attr]
            try:
                return self._is_conversation(self._decoder.raw_decode(self._text, begin)[0])
            except json.JSONDecodeError as error:
                if self._text[begin : begin + 1] == "]" or not self._may_be_cut(error) or not self._grow():
                    return False
            except (ValueError, RecursionError):
                return False

    def _decode(self) -> Any:
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._may_be_cut(error):
                    self._stop("not_json", f"is not JSON: {error.msg}", self._line_at(error.pos))
                if not self._grow():
                    self._stop("truncated", "the file ends in the middle of the record that begins here")
                continue
            except (ValueError, RecursionError):
                self._stop("not_json", "is not JSON: nested too deeply, or a number with too many digits")
            if end < len(self._text) or not self._grow():  # a number may go on
                self._advance(end - self._at)
                return value

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - _TAIL_CHARS

    def _grow(self) -> bool:
        """More text into the window, twice as much each time; False at the end of the file."""
        kept = len(self._text) - self._at
        if kept > self._source.limits.max_item_chars:
            limit = self._source.limits.max_item_chars
            self._stop("too_long", f"the record that begins here is longer than {limit:,} characters")
        block = "" if self._ended else self._file.read(max(_BLOCK_CHARS, kept))
        self._ended = not block
        self._text = self._text[self._at :] + block
        self._at = 0
        return bool(block)

    def _peek(self) -> str:
        """The next character that is no space, or nothing at the end of the file."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._advance(space.end() - self._at if space else 0)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._grow():
                return ""

    def _advance(self, count: int) -> None:
        self._line += self._text.count("\n", self._at, self._at + count)
        self._at += count

    def _line_at(self, position: int) -> int:
        return self._line + self._text.count("\n", self._at, position)

    def _skip_to(self, shape: re.Pattern[str]) -> bool:
        """Moves to the next record that begins like the ones before; False when there is none."""
        self._advance(1)
        while True:
            if found := shape.search(self._text, self._at):
                self._advance(found.start() - self._at)
                return True
            self._advance(max(0, len(self._text) - self._at - 400))
            if not self._grow():
                return False

    def _stop(self, kind: str, why: str, line: int = 0) -> NoReturn:
        raise _StopReading(self._source.dropped(line or self._line, kind, why))


def _shape(start: str) -> re.Pattern[str] | None:
    """How a record begins: its first name and the second one, or the bracket after the first."""
    found = _SHAPE.match(start)
    if not found:
        return None
    first, second, bracket = found.groups()
    if bracket:
        return re.compile(rf"\{{\s*{re.escape(first)}\s*:\s*{re.escape(bracket)}")
    return re.compile(
        rf"\{{\s*{re.escape(first)}\s*:\s*[^\s,{{}}\[\]][^,{{}}\[\]]{{0,120}}?,\s*{re.escape(second)}\s*:"
    )
