"""Any file of transcripts to checked conversations, streaming. It knows nothing of redaction and of training."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from chatbot.messages import Transcript
from finetune.conversations import SupportConversation
from finetune.transcripts.archives import members
from finetune.transcripts.assemble import assemble
from finetune.transcripts.calls import recording
from finetune.transcripts.chat_text import text_conversations
from finetune.transcripts.csv_rows import csv_rows
from finetune.transcripts.formats import format_of
from finetune.transcripts.json_items import Item, json_lines, json_values
from finetune.transcripts.lines import open_text
from finetune.transcripts.mail import mailbox
from finetune.transcripts.records import is_conversation, read_record
from finetune.transcripts.spool import Row, Spool
from finetune.transcripts.tables import table
from finetune.transcripts.values import ColumnMapping, Dropped, Found, ReadOptions, Source, TranscriptError
from finetune.transcripts.xlsx import xlsx_rows

T = TypeVar("T")
Numbered = tuple[int, SupportConversation]
"""The line where a conversation begins, and the conversation."""


def read_transcripts(
    path: Path,
    *,
    mapping: ColumnMapping | None = None,
    format: str | None = None,
    transcribe: Callable[[Path], Transcript] | None = None,
    options: ReadOptions | None = None,
) -> Iterator[SupportConversation | Dropped]:
    """The conversations of a file, one at a time, and what of it is not used.

    Args:
        mapping: Columns of a table; `options.mapping` when absent, and so for the next two.
        format: One of `FORMATS`.
        transcribe: Turns a recording into a transcript.
        options: Everything else: who is an agent, limits, encoding.

    Raises:
        TranscriptError: The file as a whole cannot be used; raised when the first conversation is asked for.
    """
    options = options or ReadOptions()
    options = replace(
        options,
        mapping=mapping or options.mapping,
        format=format or options.format,
        transcribe=transcribe or options.transcribe,
    )
    for found in read_numbered(Source(path, options.label(path.name), options)):
        yield found if isinstance(found, Dropped) else found[1]


def read_numbered(source: Source) -> Iterator[Numbered | Dropped]:
    """The conversations of a file with their lines.

    Raises:
        TranscriptError: The file as a whole cannot be used.
    """
    kind = format_of(source)
    if kind == "zip":
        yield from _archive(source)
        return
    for found in _READERS[kind](source):
        if isinstance(found, Dropped):
            yield found
            continue
        made = assemble(found, source)
        yield made if isinstance(made, Dropped) else (found.line, made)


def member_source(source: Source, path: Path, name: str) -> Source:
    """A file of a ZIP as a source: it is called by both names, and read by its own content."""
    return replace(source, path=path, label=f"{source.label}/{source.options.label(name)}").with_options(
        format=None
    )


def _archive(source: Source) -> Iterator[Numbered | Dropped]:
    for member in members(source):
        if isinstance(member, Dropped):
            yield member
            continue
        inner = member_source(source, member.path, member.name)
        try:
            if format_of(inner) == "zip":
                yield inner.dropped(0, "refused", "a ZIP inside of a ZIP is not unpacked")
            else:
                yield from read_numbered(inner)
        except TranscriptError as error:
            yield inner.dropped(0, "file", str(error))


def _first(source: Source, items: Iterator[T]) -> Iterator[T]:
    return islice(items, source.limits.max_records or None)


def _jsonl(source: Source) -> Iterator[Found | Dropped]:
    with open_text(source) as file:
        yield from _records(_first(source, json_lines(file, source)), source)


def _json(source: Source) -> Iterator[Found | Dropped]:
    with open_text(source) as file:
        yield from _records(_first(source, json_values(file, source, is_conversation)), source)


def _records(items: Iterator[Item | Dropped], source: Source) -> Iterator[Found | Dropped]:
    notes = 0
    with Spool(source) as spool:
        for item in items:
            if isinstance(item, Dropped):
                yield item
                continue
            read, private = read_record(*item, source)
            notes += private
            if isinstance(read, Row):
                spool.add(read)
            else:
                yield read
        yield from spool.conversations()
    if notes:
        yield source.dropped(0, "private_note", "private notes of agents are left out", notes)


def _csv(source: Source) -> Iterator[Found | Dropped]:
    with open_text(source) as file:
        yield from table(_first(source, csv_rows(file, source)), source)


def _xlsx(source: Source) -> Iterator[Found | Dropped]:
    yield from table(_first(source, xlsx_rows(source)), source)


def _text(source: Source) -> Iterator[Found | Dropped]:
    with open_text(source) as file:
        yield from _first(source, text_conversations(file, source))


def _mbox(source: Source) -> Iterator[Found | Dropped]:
    with source.path.open("rb") as file:
        yield from mailbox(file, source)


_READERS: dict[str, Callable[[Source], Iterator[Any]]] = {
    "jsonl": _jsonl,
    "json": _json,
    "csv": _csv,
    "xlsx": _xlsx,
    "text": _text,
    "mbox": _mbox,
    "audio": recording,
}
