"""Word documents and slides as text with headings, lists, tables and the alternative texts of pictures."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

from bs4 import BeautifulSoup

from knowledge_base.errors import DocumentError
from knowledge_base.html_text import read_html
from knowledge_base.reading import Reading, joined, table_text
from knowledge_base.text import clean

_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => p:fresh"
_PICTURE_NAME = "picture"


def read_docx(data: bytes, name: str) -> Reading:
    """Reads a Word document; what was deleted with tracked changes is not text.

    Raises:
        DocumentError: It has no text. A damaged one raises whatever mammoth does.
    """
    import mammoth

    picture = mammoth.images.img_element(lambda image: {"src": _PICTURE_NAME})
    html = mammoth.convert_to_html(BytesIO(data), style_map=_STYLES, convert_image=picture).value
    page = read_html(f"<html><body>{_with_headers(html)}</body></html>")
    if not page.text:
        raise DocumentError(f"{name} has no text.")
    return Reading(page.text, page.title)


def _with_headers(html: str) -> str:
    """The first row of a table as its header: Word seldom says which one it is."""
    soup = BeautifulSoup(html, "lxml")
    for row in soup.select("table:not(:has(th)) tr:first-child"):
        for cell in row.find_all("td", recursive=False):
            cell.name = "th"
    return str(soup)


def read_pptx(data: bytes, name: str, max_pages: int) -> Reading:
    """Reads slides with their notes; a slide is a page. Hidden slides are empty pages.

    Raises:
        DocumentError: It has too many slides or no text. A damaged one raises whatever python-pptx does.
    """
    from pptx import Presentation

    deck = Presentation(BytesIO(data))
    slides = list(deck.slides)
    if len(slides) > max_pages:
        raise DocumentError(
            f"{name} has {len(slides):,} slides, at most {max_pages:,} are read.",
            "Split it or raise `max_pages`.",
        )
    text, starts = joined(["" if _is_hidden(slide) else "\n\n".join(_slide(slide)) for slide in slides])
    if not text:
        raise DocumentError(f"{name} has no text.")
    return Reading(text, clean(deck.core_properties.title or ""), pages=starts)


def _is_hidden(slide: Any) -> bool:
    return bool(slide._element.get("show") == "0")


def _slide(slide: Any) -> Iterator[str]:
    title = slide.shapes.title
    heading = _plain(title.text_frame.text) if title is not None else ""
    if heading:
        yield f"## {heading}"
    yield from _shapes(shape for shape in slide.shapes if title is None or shape.shape_id != title.shape_id)
    if slide.has_notes_slide and (frame := slide.notes_slide.notes_text_frame) is not None:
        yield from filter(None, [_paragraphs(frame, is_list=False)])


def _shapes(shapes: Iterable[Any]) -> Iterator[str]:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes)
        elif getattr(shape, "has_table", False):
            yield from filter(
                None, [table_text([cell.text for cell in row.cells] for row in shape.table.rows)]
            )
        elif shape.has_text_frame:
            yield from filter(None, [_paragraphs(shape.text_frame, is_list=shape.is_placeholder)])
        elif description := _plain(_described(shape)):
            yield f"![{description}]({_PICTURE_NAME})"


def _described(shape: Any) -> str:
    properties = shape._element.xpath(".//p:cNvPr")
    return str(properties[0].get("descr") or "") if properties else ""


def _paragraphs(frame: Any, *, is_list: bool) -> str:
    lines = [(paragraph.level, _plain(paragraph.text)) for paragraph in frame.paragraphs]
    lines = [(level, text) for level, text in lines if text]
    if is_list and len(lines) > 1:
        return "\n".join(f"{'  ' * level}- {text}" for level, text in lines)
    return "\n\n".join(text for _, text in lines)


def _plain(text: str) -> str:
    return " ".join(clean(text).split())
