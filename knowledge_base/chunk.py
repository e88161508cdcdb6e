"""A document cut into passages: by headings, then blocks, then sentences. Pure; knows no model.

Every passage is a slice of the document's text, so a citation can always be shown in its place.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from knowledge_base.documents import Chunk, Document

CountTokens = Callable[[str], int]
Span = tuple[int, int]
_LINE_END = re.compile(r"\r\n?|\n")
_SENTENCE = re.compile(r".+?(?:[.!?…]+[\"'”’)\]]*(?=\s)|[。！？；]+[”’」』）]*|\n|$)", re.DOTALL)
_WORD = re.compile(r"\S+")
_NUMBERED = re.compile(r"\s*#+\s*$")


@dataclass(frozen=True, slots=True)
class _Section:
    """What stands under one heading, as blocks; children of a block are where it may be cut first."""

    heading_path: tuple[str, ...]
    blocks: tuple["_Block", ...]


@dataclass(frozen=True, slots=True)
class _Block:
    start: int
    end: int
    children: tuple["_Block", ...] = ()


@dataclass(frozen=True, slots=True)
class _Unit:
    """A span that is never cut further, with its length."""

    start: int
    end: int
    tokens: int


def chunk(
    document: Document, count_tokens: CountTokens, max_tokens: int, overlap_tokens: int
) -> list[Chunk]:
    """Cuts a document into passages of at most `max_tokens`, title and headings included.

    Args:
        count_tokens: Length of a text in the embedder's tokens.
        overlap_tokens: How much of a passage is repeated by the next one of the same section.

    Returns:
        Passages in reading order with `document.text[start:end] == text`; together they hold everything but
        headings and the white space around blocks.
    """
    found: list[tuple[Span, tuple[str, ...]]] = []
    for section in _sections(document):
        heading = " > ".join((document.title, *section.heading_path))
        room = max(max_tokens - count_tokens(heading), max_tokens // 2)
        units = list(_units(document.text, section.blocks, count_tokens, room))
        spans = _packed(units, room, min(overlap_tokens, room // 2))
        found += [(span, section.heading_path) for span in spans]
    return [_chunk(document, n, span, path) for n, (span, path) in enumerate(found)]


def _chunk(document: Document, number: int, span: Span, heading_path: tuple[str, ...]) -> Chunk:
    return Chunk(
        id=f"{document.id}#{number}",
        document_id=document.id,
        title=document.title,
        text=document.text[slice(*span)],
        start=span[0],
        end=span[1],
        heading_path=heading_path,
        url=document.url,
        language=document.language,
    )


def _sections(document: Document) -> list[_Section]:
    text, lines = document.text, _line_starts(document.text)
    sections: list[_Section] = []
    levels: list[tuple[int, str]] = []
    blocks: list[_Block] = []
    for block, token, heading in _top_blocks(text, lines):
        if token is None or token.type != "heading_open":
            blocks.append(block)
            continue
        sections.append(_Section(_path(levels, document.title), tuple(blocks)))
        blocks = []
        level = int(token.tag[1:])
        levels = [(at, name) for at, name in levels if at < level] + [(level, heading)]
    sections.append(_Section(_path(levels, document.title), tuple(blocks)))
    kept = [section for section in sections if section.blocks]
    return kept or _whole(text)


def _path(levels: Sequence[tuple[int, str]], title: str) -> tuple[str, ...]:
    names = [name for _, name in levels if name]
    return tuple(names[1:] if names and names[0].casefold() == title.casefold() else names)


def _whole(text: str) -> list[_Section]:
    """A text of nothing but headings is still a text."""
    blocks = tuple(_trimmed(text, 0, len(text)))
    return [_Section((), blocks)] if blocks else []


def _line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in _LINE_END.finditer(text)), len(text)]


_MARKDOWN = MarkdownIt("commonmark").enable("table")


def _top_blocks(text: str, lines: Sequence[int]) -> Iterator[tuple[_Block, Token | None, str]]:
    """The outermost blocks in order; what Markdown does not render (link targets) becomes blocks too."""
    tokens = _MARKDOWN.parse(text)
    at = 0
    for i, token in enumerate(tokens):
        if token.level or not token.map or token.nesting < 0:
            continue
        start, end = _offsets(token, lines)
        yield from ((block, None, "") for block in _trimmed(text, at, start))
        heading = _NUMBERED.sub("", tokens[i + 1].content) if token.type == "heading_open" else ""
        children = _children(text, lines, tokens, i)
        yield from ((_Block(b.start, b.end, children), token, heading) for b in _trimmed(text, start, end))
        at = max(at, end)
    yield from ((block, None, "") for block in _trimmed(text, at, len(text)))


def _offsets(token: Token, lines: Sequence[int]) -> Span:
    first, last = token.map or (0, 0)
    return lines[min(first, len(lines) - 1)], lines[min(last, len(lines) - 1)]
