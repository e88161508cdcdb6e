"""Everything that is stored as lines of JSON: a backup that any embedder and any later version can read."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from knowledge_base.errors import DocumentError
from knowledge_base.items import Provenance
from knowledge_base.records import Record, record_from_dict, record_to_dict

_NAME, _VERSION = "frontdesk_knowledge_base", 1
Pairs = list[tuple[Record, Provenance]]


def export_records(pairs: Iterable[tuple[Record, Provenance]], file: Path) -> int:
    """Writes records; the file appears whole or not at all. Returns how many.

    Raises:
        DocumentError: The file cannot be written.
    """
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    count = 0
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as written:
            written.write(json.dumps({_NAME: _VERSION}) + "\n")
            for record, provenance in pairs:
                line = {"record": record_to_dict(record), "provenance": asdict(provenance)}
                written.write(json.dumps(line, ensure_ascii=False) + "\n")
                count += 1
            written.flush()
            os.fsync(written.fileno())
        temporary.replace(file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise DocumentError(f"{file} cannot be written: {error.strerror}.", "Give another place.") from error
    return count


def read_export(file: Path) -> tuple[Pairs, list[str]]:
    """Records, and what is wrong with lines that are none.

    Raises:
        DocumentError: It is no export of a knowledge base, or one of a later version.
    """
    pairs: Pairs = []
    problems: list[str] = []
    try:
        with file.open(encoding="utf-8") as lines:
            _check_header(next(lines, ""), file)
            for number, line in enumerate(lines, 2):
                try:
                    pairs.append(_pair(json.loads(line)))
                except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                    problems.append(f"line {number} is no record")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{file} cannot be read: {error}.") from error
    return pairs, problems


def _check_header(line: str, file: Path) -> None:
    try:
        version = json.loads(line)[_NAME]
    except (ValueError, TypeError, KeyError) as error:
        raise DocumentError(
            f"{file} is no export of a knowledge base.", "Give a file that `frontdesk kb export` wrote."
        ) from error
    if version != _VERSION:
        raise DocumentError(
            f"{file} is an export of version {version}, {_VERSION} is read here.", "Update Frontdesk."
        )


def _pair(line: dict[str, Any]) -> tuple[Record, Provenance]:
    record, provenance = record_from_dict(line["record"]), Provenance(**line["provenance"])
    body = record.answer if "question" in line["record"] else record.text  # type: ignore[union-attr]
    if not (isinstance(record.id, str) and isinstance(body, str) and record.id and body):
        raise ValueError("a record without id or text")
    return record, provenance
