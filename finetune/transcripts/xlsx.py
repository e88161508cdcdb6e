"""The rows of a spreadsheet as texts. Formulas stay what they are, texts; nothing is computed."""

import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from finetune.transcripts.csv_rows import Cells
from finetune.transcripts.mapping import suggest_mapping
from finetune.transcripts.values import Dropped, Source, TranscriptError


def xlsx_rows(source: Source) -> Iterator[Cells | Dropped]:
    """The rows of the first sheet whose columns can be used (of the first sheet when none can), header first.

    Raises:
        TranscriptError: It is damaged, empty or would unpack to too much.
    """
    from finetune.transcripts.archives import check_sizes

    check_sizes(source)
    workbook = _opened(source)
    try:
        sheets = [s for s in workbook.worksheets if _first_row(s) is not None]
        if not sheets:
            raise TranscriptError(f"{source.label} has no rows.", "Export the conversations again.")
        usable = (s for s in sheets if _fits(_first_row(s) or (0, []), source))
        yield from _rows(next(usable, sheets[0]))
    except (KeyError, ValueError, TypeError, SyntaxError, zipfile.BadZipFile, OSError, EOFError) as error:
        raise _damaged(source) from error
    finally:
        workbook.close()


def _opened(source: Source) -> Any:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        # A file object, because openpyxl believes names; formulas as texts, because cached results may be stale.
        return load_workbook(source.path.open("rb"), read_only=True, data_only=False, keep_links=False)
    except (
        InvalidFileException,
        KeyError,
        ValueError,
        TypeError,
        SyntaxError,
        zipfile.BadZipFile,
        OSError,
    ) as error:
        raise _damaged(source) from error


def _damaged(source: Source) -> TranscriptError:
    return TranscriptError(
        f"{source.label} is no spreadsheet that can be read.", "Save it again as XLSX, or as CSV in UTF-8."
    )


def _fits(header: Cells, source: Source) -> bool:
    names = [name.strip() for name in header[1]]
    mapping = source.options.mapping
    return set(mapping.columns) <= set(names) if mapping else suggest_mapping(names).is_usable


def _first_row(sheet: Any) -> Cells | None:
    return next(_rows(sheet), None)


def _rows(sheet: Any) -> Iterator[Cells]:
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        values = [_text(value) for value in row]
        if any(value.strip() for value in values):
            yield number, values


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # ids
    return str(getattr(value, "text", value) or "")  # array formulas are objects with their text
