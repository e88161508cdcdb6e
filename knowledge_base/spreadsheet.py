"""The sheets of a workbook: FAQ and article tables as such, everything else as text, one line a row.

A row of a plain table is written with the names of its columns, so that a passage of it can be read alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from io import BytesIO
from typing import Any

from knowledge_base.faq_table import Row, is_entry_table
from knowledge_base.reading import Reading
from knowledge_base.text import clean

_MAX_COLUMNS = 200
_MAX_CELL_CHARS = 32_767


@dataclass(frozen=True, slots=True)
class Workbook:
    """What a workbook holds.

    Attributes:
        rows: Rows of its FAQ and article tables.
        page: Its other sheets; None when there is none with text.
    """

    rows: tuple[Row, ...]
    page: Reading | None


def read_xlsx(data: bytes) -> Workbook:
    """Reads a workbook: shown values, not formulas. A damaged one raises whatever openpyxl does."""
    from openpyxl import load_workbook

    workbook = load_workbook(BytesIO(data), read_only=True, data_only=True, keep_links=False)
    try:
        title = clean(workbook.properties.title or "")
        rows: list[Row] = []
        parts: list[str] = []
        for sheet in workbook.worksheets:
            if sheet.sheet_state != "visible":
                continue
            cells = list(_cells(sheet))
            if cells and is_entry_table(name.lower() for name in cells[0][1]):
                rows += _entries(sheet.title, cells)
            elif text := _text(cells):
                parts.append(f"## {sheet.title}\n\n{text}")
    finally:
        workbook.close()
    return Workbook(tuple(rows), Reading("\n\n".join(parts), title) if parts else None)


def _cells(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    for number, row in enumerate(sheet.iter_rows(values_only=True, max_col=_MAX_COLUMNS), 1):
        values = [_shown(value) for value in row]
        if any(values):
            yield number, values


def _entries(sheet: str, cells: list[tuple[int, list[str]]]) -> Iterator[Row]:
    names = [name.lower() for name in cells[0][1]]
    for number, values in cells[1:]:
        row: Mapping[str, Any] = {name: value for name, value in zip(names, values, strict=False) if name}
        yield f"sheet {sheet}, row {number}", row


def _text(cells: list[tuple[int, list[str]]]) -> str:
    """Rows as list items; a first row of at least two filled cells names the columns."""
    if not cells:
        return ""
    header = cells[0][1]
    if len(cells) > 1 and sum(map(bool, header)) > 1:
        return "\n".join(f"- {line}" for _, values in cells[1:] if (line := _named(header, values)))
    return "\n".join("- " + "; ".join(filter(None, values)) for _, values in cells)


def _named(header: list[str], values: list[str]) -> str:
    names = header + [""] * (len(values) - len(header))
    pairs = zip(names, values, strict=False)
    return "; ".join(f"{name}: {value}" if name else value for name, value in pairs if value)


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{value:.10g}"
    return " ".join(clean(str(value)[:_MAX_CELL_CHARS]).split(" "))
