"""Word documents and slides as text with headings, lists, tables and the alternative texts of pictures."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

from bs4 import BeautifulSoup

from knowledge_base.embedded_images import ImageNames, is_image_name, media_names
from knowledge_base.errors import DocumentError
from knowledge_base.html_text import read_html
from knowledge_base.reading import Reading, joined, table_text
from knowledge_base.text import clean

_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => p:fresh"
_PICTURE_NAME = "picture"


def read_docx(data: bytes, name: str, max_images: int) -> Reading:
    """Reads a Word document; what was deleted with tracked changes is not text.

    Raises:
        DocumentError: It has no text. A damaged one raises whatever mammoth does.
    """
    import mammoth

    named = media_names(data, "word/media/", ImageNames(max_images))

    def shown(image: Any) -> dict[str, str]:
        with image.open() as opened:
            return {"src": named(opened.read()) or _PICTURE_NAME}

    picture = mammoth.images.img_element(shown)
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


def read_pptx(data: bytes, name: str, max_pages: int, max_images: int) -> Reading:
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
    names = ImageNames(max_images)
    pages = ["" if _is_hidden(slide) else "\n\n".join(_slide(slide, names)) for slide in slides]
    text, starts = joined(pages)
    if not text:
        raise DocumentError(f"{name} has no text.")
    return Reading(text, clean(deck.core_properties.title or ""), pages=starts)


def _is_hidden(slide: Any) -> bool:
    return bool(slide._element.get("show") == "0")


def _slide(slide: Any, names: ImageNames) -> Iterator[str]:
    title = slide.shapes.title
    heading = _plain(title.text_frame.text) if title is not None else ""
    if heading:
        yield f"## {heading}"
    shapes = (shape for shape in slide.shapes if title is None or shape.shape_id != title.shape_id)
    yield from _shapes(shapes, names)
    if slide.has_notes_slide and (frame := slide.notes_slide.notes_text_frame) is not None:
        yield from filter(None, [_paragraphs(frame, is_list=False)])


def _shapes(shapes: Iterable[Any], names: ImageNames) -> Iterator[str]:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes, names)
        elif getattr(shape, "has_table", False):
            yield from filter(
                None, [table_text([cell.text for cell in row.cells] for row in shape.table.rows)]
            )
        elif shape.has_text_frame:
            yield from filter(None, [_paragraphs(shape.text_frame, is_list=shape.is_placeholder)])
        else:
            description, source = _plain(_described(shape)), _source(shape, names)
            if description or source:
                yield f"![{description}]({source or _PICTURE_NAME})"


def _source(shape: Any, names: ImageNames) -> str:
    """What stands for a picture's file in the text; empty for what is no picture or one of no known kind."""
    embedded = shape._element.xpath(".//a:blip/@r:embed")
    part = shape.part.rels[embedded[0]]._target if embedded and embedded[0] in shape.part.rels else None
    path = str(getattr(part, "partname", "")).lstrip("/")
    return names.name(path, part.blob) if part is not None and is_image_name(path) else ""


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
