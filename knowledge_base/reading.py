"""What every reader of a format gives: text, and what it says of itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reading:
    """One document as text.

    Attributes:
        fields: Further facts, such as `language` and `url`.
        pages: Where each page or slide begins in the text; none when the format has no pages.
        problems: Parts of it that could not be read.
    """

    text: str
    title: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    pages: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()


def joined(parts: Iterable[str]) -> tuple[str, tuple[int, ...]]:
    """Pages as one text with blank lines between, and where each begins (an empty one where the next does)."""
    starts: list[int] = []
    pieces: list[str] = []
    length = 0
    for part in parts:
        gap = "\n\n" if length and part else ""
        starts.append(length + len(gap) if part else length)
        pieces.append(gap + part)
        length += len(gap) + len(part)
    return "".join(pieces), tuple(starts)


def table_text(rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table, the first row its header; rows are filled up to the widest."""
    cells = [[" ".join(cell.replace("|", "\\|").split()) for cell in row] for row in rows]
    cells = [row for row in cells if any(row)]
    if not cells:
        return ""
    width = max(len(row) for row in cells)
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in cells]
    return "\n".join([lines[0], "| " + " | ".join(["---"] * width) + " |", *lines[1:]])
