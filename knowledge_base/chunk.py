"""A document cut into passages: by headings, then blocks, then sentences. Pure; knows no model.

Every passage is a slice of the document's text, so a citation can always be shown in its place.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from knowledge_base.documents import Chunk, Document
from knowledge_base.passages import Cut, passage

CountTokens = Callable[[str], int]
Span = tuple[int, int]
_MARKDOWN = MarkdownIt("commonmark").enable("table")
_LINE_END = re.compile(r"\r\n?|\n")
_SENTENCE = re.compile(r".+?(?:[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？；]+[”’」』）]*|$)", re.DOTALL)
_LINE = re.compile(r"[^\r\n]+")
_WORD = re.compile(r"\S+")
_MAX_CHARS_PER_TOKEN = 24  # anything longer is cut without being counted: counting megabytes takes gigabytes


@dataclass(frozen=True, slots=True)
class _Block:
    """A heading (`level` 1 to 6) or a paragraph, list, table…; `cuts` are where it may be cut first."""

    start: int
    end: int
    cuts: tuple[int, ...] = ()
    level: int = 0
    heading: str = ""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A span that is not cut further, and its length."""

    start: int
    end: int
    tokens: int


@dataclass(frozen=True, slots=True)
class _Ruler:
    """Measures spans of one text."""

    text: str
    count_tokens: CountTokens
    max_tokens: int

    def tokens(self, span: Span) -> int:
        """The span's length; one too many when it is plainly too long."""
        if span[1] - span[0] > self.max_tokens * _MAX_CHARS_PER_TOKEN:
            return self.max_tokens + 1
        return self.count_tokens(self.text[slice(*span)])


def chunk(document: Document, count_tokens: CountTokens, max_tokens: int, overlap_tokens: int) -> list[Chunk]:
    """Cuts a document into passages of at most `max_tokens`, title and headings included.

    Args:
        count_tokens: Length of a text in the embedder's tokens.
        overlap_tokens: How much of a passage the next one of the same section repeats, at most.

    Returns:
        Passages in reading order with `document.text[start:end] == text`; together they hold everything but
        headings and the white space around blocks.
    """
    found: list[tuple[Span, tuple[str, ...]]] = []
    for heading_path, blocks in _sections(document):
        heading_tokens = count_tokens(" > ".join((document.title, *heading_path)))
        room = max(max_tokens - heading_tokens, max_tokens // 2)
        units = list(_units(blocks, _Ruler(document.text, count_tokens, room)))
        found += [(span, heading_path) for span in _packed(units, room, overlap_tokens)]
    return [passage(document, number, Cut(*span, path)) for number, (span, path) in enumerate(found)]


def windows(text: str, count_tokens: CountTokens, max_tokens: int) -> list[str]:
    """Cuts any text into pieces of at most `max_tokens` at sentence ends where it can; an empty one into none."""
    block = [_Block(*span) for span in _trimmed(text, (0, len(text)))]
    units = list(_units(block, _Ruler(text, count_tokens, max_tokens)))
    return [text[slice(*span)] for span in _packed(units, max_tokens, 0)]


def _sections(document: Document) -> Iterator[tuple[tuple[str, ...], list[_Block]]]:
    """Heading paths and what stands under each; a text of nothing but headings is one section."""
    above: list[_Block] = []
    content: list[_Block] = []
    blocks = list(_blocks(document.text))
    if all(block.level for block in blocks):
        yield (), blocks
        return
    for block in blocks:
        if block.level:
            if content:
                yield _path(above, document.title), content
            above = [*(b for b in above if b.level < block.level), block]
            content = []
        else:
            content.append(block)
    if content:
        yield _path(above, document.title), content


def _path(above: Sequence[_Block], title: str) -> tuple[str, ...]:
    names = [block.heading for block in above if block.heading]
    return tuple(names[1:] if names and names[0].casefold() == title.casefold() else names)


def _blocks(text: str) -> Iterator[_Block]:
    """The outermost Markdown blocks; lines that render to nothing (link targets) are blocks too."""
    lines = [0, *(match.end() for match in _LINE_END.finditer(text)), len(text)]
    tokens = _MARKDOWN.parse(text)
    at = 0
    for i, token in enumerate(tokens):
        if token.level or not token.map:
            continue
        start, end = (lines[min(line, len(lines) - 1)] for line in token.map)
        yield from (_Block(*span) for span in _trimmed(text, (at, start)))
        level = int(token.tag[1:]) if token.type == "heading_open" else 0
        heading = _plain(tokens[i + 1]) if level else ""
        cuts = tuple(lines[line] for line in _cut_lines(tokens, i))
        yield from (_Block(*span, cuts, level, heading) for span in _trimmed(text, (start, end)))
        at = end
    yield from (_Block(*span) for span in _trimmed(text, (at, len(text))))


def _plain(inline: Token) -> str:
    texts = (child.content if child.content else " " for child in inline.children or ())
    return " ".join("".join(texts).split())


def _cut_lines(tokens: Sequence[Token], at: int) -> Iterable[int]:
    """Lines where a long block may be cut: before list items, rows, lines of code; not in a paragraph."""
    block = tokens[at]
    first, last = block.map or (0, 0)
    if block.type in ("bullet_list_open", "ordered_list_open"):
        end = next(i for i in range(at + 1, len(tokens)) if not tokens[i].level)
        items = (token for token in tokens[at:end] if token.type == "list_item_open" and token.level == 1)
        return [item.map[0] for item in items if item.map]
    return () if block.type == "paragraph_open" else range(first, last)


def _trimmed(text: str, span: Span) -> list[Span]:
    """The span without the white space around it; nothing when nothing is left."""
    start, end = span
    inside = text[start:end]
    start += len(inside) - len(inside.lstrip())
    end -= len(inside) - len(inside.rstrip())
    return [(start, end)] if start < end else []


def _units(blocks: Iterable[_Block], ruler: _Ruler) -> Iterator[_Unit]:
    for block in blocks:
        span = (block.start, block.end)
        pieces = [span]
        if block.cuts and ruler.tokens(span) > ruler.max_tokens:
            inner = [cut for cut in block.cuts if block.start < cut < block.end]
            bounds = zip((block.start, *inner), (*inner, block.end), strict=True)
            pieces = [piece for bound in bounds for piece in _trimmed(ruler.text, bound)]
        for piece in pieces:
            yield from _cut(piece, (_SENTENCE, _LINE, _WORD), ruler)


def _cut(span: Span, finer: Sequence[re.Pattern[str]], ruler: _Ruler) -> Iterator[_Unit]:
    """Cuts a span at the coarsest pattern that makes the pieces fit; a giant word is halved."""
    tokens = ruler.tokens(span)
    if tokens <= ruler.max_tokens or span[1] - span[0] == 1:
        yield _Unit(*span, tokens)
        return
    if finer:
        pieces: Iterable[Span] = (match.span() for match in finer[0].finditer(ruler.text, *span))
    else:
        middle = sum(span) // 2
        pieces = ((span[0], middle), (middle, span[1]))
    for piece in pieces:
        for trimmed in _trimmed(ruler.text, piece):
            yield from _cut(trimmed, finer[1:], ruler)


def _packed(units: Sequence[_Unit], max_tokens: int, overlap_tokens: int) -> Iterator[Span]:
    """Joins neighbours while they fit; each span but the first may begin inside the one before it."""
    first = 0
    while first < len(units):
        last, total = first, units[first].tokens
        while last + 1 < len(units) and total + units[last + 1].tokens <= max_tokens:
            last += 1
            total += units[last].tokens
        yield units[first].start, units[last].end
        if last + 1 == len(units):
            return
        spare = min(overlap_tokens, max_tokens - units[last + 1].tokens)
        first = _overlap_start(units, first, last, spare)


def _overlap_start(units: Sequence[_Unit], first: int, last: int, spare_tokens: int) -> int:
    start = last + 1
    while start - 1 > first and units[start - 1].tokens <= spare_tokens:
        start -= 1
        spare_tokens -= units[start].tokens
    return start
