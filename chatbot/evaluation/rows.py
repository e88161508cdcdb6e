"""Lines of JSON with the fields an evaluation needs, and which questions one asks."""

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from chatbot.errors import InputError

Row = dict[str, Any]
Item = TypeVar("Item")


class Questions(StrEnum):
    """Which questions of a help centre are asked: written ones, or its own headings and FAQ phrasings."""

    WRITTEN = "written"
    OWN = "own"


def read_rows(path: Path, required: Sequence[str]) -> list[Row]:
    """All rows of a JSONL file; blank lines do not count.

    Raises:
        InputError: The file is missing, empty, or a row is no object with the fields.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # a string may hold other line separators
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} cannot be read: {error}.") from error
    rows = [
        _row(line, f"Line {i} of {path.name}", required) for i, line in enumerate(lines, 1) if line.strip()
    ]
    if not rows:
        raise InputError(f"{path.name} has no rows.", f"Each line has {', '.join(required)}.")
    return rows


def spread(items: Sequence[Item], limit: int | None) -> list[Item]:
    """At most so many of the items, evenly spread."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[i * len(items) // limit] for i in range(limit)]


def _row(line: str, place: str, required: Sequence[str]) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(f"{place} is not JSON: {error}.") from error
    missing = [name for name in required if name not in row] if isinstance(row, dict) else list(required)
    if missing:
        raise InputError(f"{place} lacks {', '.join(missing)}.")
    return dict(row)
