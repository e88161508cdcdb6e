"""The beginning of a file as it would be imported, for the step in which a person checks the columns."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from finetune.conversations import SupportConversation
from finetune.transcripts.csv_rows import csv_rows
from finetune.transcripts.formats import format_of
from finetune.transcripts.lines import open_text
from finetune.transcripts.mapping import suggest_mapping
from finetune.transcripts.read import read_numbered
from finetune.transcripts.tables import columns_of
from finetune.transcripts.values import ColumnMapping, Dropped, ReadOptions, Source, TranscriptError
from finetune.transcripts.xlsx import xlsx_rows

_RECORDS = 200
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file seems to hold.

    Attributes:
        columns: Names of the columns, for CSV and XLSX.
        mapping: Field → column, as given or as suggested.
        problem: Why nothing can be read as it stands, empty when something can.
    """

    format: str
    columns: tuple[str, ...]
    mapping: Mapping[str, str]
    conversations: tuple[SupportConversation, ...]
    dropped: tuple[Dropped, ...]
    problem: str = ""


def preview(path: Path, mapping: ColumnMapping | None = None, options: ReadOptions | None = None) -> Preview:
    """The first conversations of a file and the first things that would be dropped; reads only its beginning.

    Raises:
        TranscriptError: The file is empty, damaged or of an unknown kind.
    """
    options = options or ReadOptions()
    limits = replace(options.limits, max_records=_RECORDS)
    options = replace(options, mapping=mapping or options.mapping, limits=limits)
    source = Source(path, options.label(path.name), options)
    kind = format_of(source)
    columns = _columns(kind, source)
    mapped = columns_of(options.mapping or suggest_mapping(columns)) if columns else {}
    conversations: list[SupportConversation] = []
    dropped: list[Dropped] = []
    try:
        for found in islice(read_numbered(source), _RECORDS):
            if isinstance(found, Dropped):
                dropped.append(found)
            else:
                conversations.append(found[1])
            if len(conversations) >= _SHOWN:
                break
    except TranscriptError as error:
        return Preview(kind, columns, mapped, (), (), str(error))
    return Preview(kind, columns, mapped, tuple(conversations), tuple(dropped[:_SHOWN]))


def _columns(kind: str, source: Source) -> tuple[str, ...]:
    if kind == "xlsx":
        first = next(xlsx_rows(source), None)
    elif kind == "csv":
        with open_text(source) as file:
            first = next(csv_rows(file, source), None)
    else:
        return ()
    if first is None or isinstance(first, Dropped):
        return ()
    return tuple(name.strip("\ufeff \t\r\n") for name in first[1])
