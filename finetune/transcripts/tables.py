"""Rows of CSV and XLSX to messages, exchanges or whole conversations, by a mapping of columns."""

from collections.abc import Iterator, Mapping, Sequence

from finetune.conversations import Role
from finetune.transcripts.chat_text import messages_in
from finetune.transcripts.chats import as_rating, stars
from finetune.transcripts.csv_rows import Cells
from finetune.transcripts.mapping import checked_mapping
from finetune.transcripts.roles import part_of
from finetune.transcripts.spool import Row, Spool
from finetune.transcripts.times import iso_time
from finetune.transcripts.values import ColumnMapping, Dropped, Found, RawMessage, Source

_STARS = ("star", "csat", "score")


def table(rows: Iterator[Cells | Dropped], source: Source) -> Iterator[Found | Dropped]:
    """The conversations of a table whose first row is its header.

    Raises:
        TranscriptError: The header has no usable columns; the text lists them.
    """
    header = next((row for row in rows if not isinstance(row, Dropped)), (0, []))[1]
    names = [name.strip("\ufeff \t\r\n") for name in header]
    reader = _RowReader(checked_mapping(names, source), names, source)
    with Spool(source) as spool:
        for row in rows:
            read = row if isinstance(row, Dropped) else reader.read(*row)
            if not isinstance(read, tuple):
                yield read
                continue
            for message in read:
                spool.add(message)
        yield from spool.conversations()


class _RowReader:
    """Reads one row at a time."""

    def __init__(self, mapping: ColumnMapping, header: Sequence[str], source: Source) -> None:
        self._mapping = mapping
        self._source = source
        self._at = {name: index for index, name in reversed(list(enumerate(header)))}

    def read(self, line: int, values: Sequence[str]) -> tuple[Row, ...] | Found | Dropped:
        """Messages that belong to a conversation, or a whole one."""
        mapping = self._mapping
        if mapping.text and mapping.role:
            return self._message(line, values)
        if mapping.question and mapping.answer:
            return self._exchange(line, values)
        text = self._value(values, mapping.transcript)
        messages = messages_in(text, self._source.options.roles)
        if not messages:
            return self._source.dropped(line, "no_role", "no line of the text says who speaks")
        return Found(
            line,
            messages,
            self._thread(values),
            self._customer(values),
            self._time(values),
            self._rating(values),
        )

    def _message(self, line: int, values: Sequence[str]) -> tuple[Row, ...] | Dropped:
        text, speaker = self._value(values, self._mapping.text), self._value(values, self._mapping.role)
        if not text.strip():
            return self._source.dropped(line, "empty", "the row has no text")
        thread = self._thread(values)
        if self._mapping.conversation_id and not thread:
            return self._source.dropped(
                line, "no_id", "the row does not say which conversation it belongs to"
            )
        role = self._role(speaker)
        said = RawMessage(speaker, text, self._time(values), self._rating(values), role)
        return (Row(line, thread, said, self._customer(values)),)

    def _role(self, speaker: str) -> Role | None:
        part = part_of(speaker, self._source.options.roles, self._mapping.role)
        return part if part in ("customer", "agent", "system") else None

    def _exchange(self, line: int, values: Sequence[str]) -> tuple[Row, ...] | Found | Dropped:
        asked, answered = (
            self._value(values, self._mapping.question),
            self._value(values, self._mapping.answer),
        )
        if not asked.strip() or not answered.strip():
            missing = "question" if not asked.strip() else "answer"
            return self._source.dropped(line, "empty", f"the row has no {missing}")
        at, rating, customer = self._time(values), self._rating(values), self._customer(values)
        said = (
            RawMessage("", asked, at, role="customer"),
            RawMessage("", answered, at, rating, role="agent"),
        )
        thread = self._thread(values)
        if not thread:
            return Found(line, said, customer=customer, started_at=at)
        return tuple(Row(line, thread, message, customer) for message in said)

    def _value(self, values: Sequence[str], column: str) -> str:
        index = self._at.get(column, len(values)) if column else len(values)
        return values[index] if index < len(values) else ""

    def _thread(self, values: Sequence[str]) -> str:
        return self._value(values, self._mapping.conversation_id).strip()

    def _customer(self, values: Sequence[str]) -> str:
        return self._value(values, self._mapping.customer).strip()

    def _time(self, values: Sequence[str]) -> str:
        return iso_time(self._value(values, self._mapping.at))

    def _rating(self, values: Sequence[str]) -> int:
        value = self._value(values, self._mapping.rating)
        in_stars = any(word in self._mapping.rating.casefold() for word in _STARS)
        return stars(value) if in_stars else as_rating(value)


def neutralised(cell: str) -> str:
    """A text that no spreadsheet takes for a formula when it is written to a CSV."""
    return f"'{cell}" if cell.lstrip(" \t\r\n").startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def columns_of(mapping: ColumnMapping) -> Mapping[str, str]:
    """Field → column, of those that are mapped."""
    return {name: getattr(mapping, name) for name in mapping.__slots__ if getattr(mapping, name)}
