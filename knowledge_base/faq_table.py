"""FAQ and article tables to entries; a bad row is reported with its place and the rest is used."""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from knowledge_base.documents import Document, FaqEntry
from knowledge_base.errors import DocumentError
from knowledge_base.scope import FIELDS, checked_facts
from knowledge_base.text import clean, guess_language, is_web_address

Entry = FaqEntry | Document
_MAX_PROBLEMS = 200
_COLUMNS = "Give a header row with the columns question and answer."


def parse_csv(text: str, source: str) -> tuple[list[Entry], list[str]]:
    """Entries and problems of a table with a header row; comma, semicolon or tab between values.

    Raises:
        DocumentError: There is no usable header, or hardly a row can be read.
    """
    lines = list(io.StringIO(text, newline="\n"))
    delimiter, names = _header(lines[0], source)
    return collected(_csv_rows(lines, delimiter, names), source)


def parse_jsonl(text: str, source: str) -> tuple[list[Entry], list[str]]:
    """Entries and problems of a table with one JSON object a line.

    Rows with `question` and `answer` are FAQ entries, rows with `title` and `text` are documents.

    Raises:
        DocumentError: Hardly a row can be read.
    """
    return collected(_json_rows(text), source)


def parse_json(text: str, source: str) -> tuple[list[Entry], list[str]]:
    """Entries and problems of a list of objects like those of `parse_jsonl`, or of an object that holds such lists.

    Raises:
        DocumentError: It is not JSON, is no such list, or hardly an object can be read.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{source} is not JSON: {error}.") from error
    lists = [content] if isinstance(content, list) else _lists(content)
    items = [item for found in lists for item in found]
    if not any(isinstance(item, dict) and is_entry_table(item) for item in items):
        raise DocumentError(
            f"{source} is no FAQ table.",
            "Give a list of objects with `question` and `answer`, or `title` and `text`.",
        )
    rows = (item if isinstance(item, dict) else "is not a JSON object" for item in items)
    return collected(((f"item {number}", row) for number, row in enumerate(rows, 1)), source)


def _lists(content: Any) -> list[list[Any]]:
    return (
        [value for value in content.values() if isinstance(value, list)] if isinstance(content, dict) else []
    )


def is_entry_table(names: Iterable[str]) -> bool:
    """Whether columns or keys, in small letters, make rows FAQ entries or articles."""
    given = set(names)
    return {"question", "answer"} <= given or {"title", "text"} <= given


def _header(line: str, source: str) -> tuple[str, list[str]]:
    for delimiter in ",;\t":
        names = [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter), [])]
        if {"question", "answer"} <= set(names):
            if len(set(names)) < len(names):
                raise DocumentError(f"{source}: a column is there twice.", "Name each column once.")
            return delimiter, names
    raise DocumentError(f"{source} is no FAQ table: its first line is {line.strip()[:80]!r}.", _COLUMNS)


Row = tuple[str, Mapping[str, Any] | str]
"""Where it stands (such as `line 7`), and the row or what is wrong with it."""


def _csv_rows(lines: list[str], delimiter: str, names: list[str]) -> Iterator[Row]:
    """Each record by a reader of its own, so that an unbalanced quote spoils one line, not all after it."""
    at = 1
    while at < len(lines):
        reader = csv.reader((lines[i] for i in range(at, len(lines))), delimiter=delimiter, strict=True)
        try:
            values = next(reader)
        except csv.Error as error:
            yield f"line {at + 1}", f"cannot be read: {error} (is a quotation mark missing?)"
            at += 1
            continue
        if len(values) > len(names):
            yield (
                f"line {at + 1}",
                f"{len(values)} values, {len(names)} expected (quote values with `{delimiter}`)",
            )
        elif any(value.strip() for value in values):
            yield f"line {at + 1}", dict(zip(names, values, strict=False))
        at += reader.line_num


def _json_rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield f"line {number}", f"is not JSON: {error}"
            continue
        yield f"line {number}", row if isinstance(row, dict) else "is not a JSON object"


def collected(rows: Iterable[Row], source: str) -> tuple[list[Entry], list[str]]:
    """Entries of rows, and what is wrong with the others.

    Raises:
        DocumentError: Hardly a row can be read.
    """
    entries: dict[tuple[type, str], Entry] = {}
    problems: list[str] = []
    for place, row in rows:
        try:
            entry = _refuse(row) if isinstance(row, str) else _entry(row, source)
            if (type(entry), entry.id) in entries:
                raise DocumentError(f"the id {entry.id!r} is there twice")
            entries[type(entry), entry.id] = entry
        except DocumentError as error:
            problems.append(f"{place}: {error}")
        if len(problems) > _MAX_PROBLEMS:
            raise DocumentError(f"{source}: more than {_MAX_PROBLEMS} bad rows; the first: {problems[0]}")
    return list(entries.values()), problems


def _refuse(problem: str) -> Entry:
    raise DocumentError(problem)


def _entry(row: Mapping[str, Any], source: str) -> Entry:
    if "question" not in row and "title" in row and "text" in row:
        return _document(row, source)
    return entry_of_row(row, source)


def entry_of_row(row: Mapping[str, Any], source: str = "") -> FaqEntry:
    """A FAQ entry of a row with `question`, `answer` and perhaps more; without an id, the question makes one.

    Raises:
        DocumentError: Something is missing or of the wrong kind.
    """
    question, answer = _text(row, "question"), _text(row, "answer")
    if not question or not answer:
        raise DocumentError(f"no {'answer' if question else 'question'}")
    digest = hashlib.sha256(question.casefold().encode()).hexdigest()
    return FaqEntry(
        id=_text(row, "id") or f"faq-{digest[:12]}",
        question=question,
        answer=answer,
        phrasings=_phrasings(row),
        language=_text(row, "language")[:2].lower() or guess_language(question),
        article_id=_text(row, "article") or _text(row, "article_id"),
        url=_url(row),
        source=source,
        metadata=_facts(row),
    )


def _document(row: Mapping[str, Any], source: str) -> Document:
    title, text = _text(row, "title"), _text(row, "text")
    if not text:
        raise DocumentError("no text")
    return Document(
        id=_text(row, "id") or hashlib.sha256(title.encode()).hexdigest()[:12],
        title=title or text[:80],
        text=text,
        url=_url(row),
        language=_text(row, "language")[:2].lower() or guess_language(text),
        content_hash=hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest(),
        source=source,
        metadata=_facts(row),
    )


def _facts(row: Mapping[str, Any]) -> dict[str, str]:
    """Whom a row is for and when; several products or audiences are one text with commas, or a list."""
    lists = {name: ", ".join(map(str, row[name])) for name in FIELDS if isinstance(row.get(name), list)}
    return checked_facts({name: _text({**row, **lists}, name) for name in FIELDS}, "the row")


def _phrasings(row: Mapping[str, Any]) -> tuple[str, ...]:
    given = row.get("phrasings") or ()
    parts = given.split(" | ") if isinstance(given, str) else given
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise DocumentError("phrasings must be a text separated by ` | ` or a list of texts")
    return tuple(dict.fromkeys(cleaned for part in parts if (cleaned := clean(part))))


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if isinstance(value, list | dict):
        raise DocumentError(f"{name} must be a text")
    return clean(str(value))


def _url(row: Mapping[str, Any]) -> str:
    url = _text(row, "url")
    if url and not is_web_address(url):
        raise DocumentError(f"{url[:80]!r} is no web address")
    return url
