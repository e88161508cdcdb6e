"""Records (documents and FAQ entries) as plain values and back: for the index, other processes and exports."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from knowledge_base.documents import Document, FaqEntry

Record = Document | FaqEntry


def document_of(record: Record) -> Document:
    """What a record's passages are cut from: a FAQ entry's are of its question and answer."""
    return record if isinstance(record, Document) else record.as_document


def record_to_dict(record: Record) -> dict[str, Any]:
    """A record as values that JSON knows; a document's pages and a FAQ entry's metadata only where it has some."""
    values = asdict(record)
    optional = "pages" if isinstance(record, Document) else "metadata"
    if not values[optional]:
        del values[optional]
    return values


def record_from_dict(values: Mapping[str, Any]) -> Record:
    """The record again; keys of later versions are passed over.

    Raises:
        TypeError: A value that must be there is not.
    """
    kind = FaqEntry if "question" in values else Document
    known = {f.name for f in fields(kind)}
    tuples = {name: tuple(values[name]) for name in ("phrasings", "pages") if name in values}
    return kind(**{name: value for name, value in {**values, **tuples}.items() if name in known})
