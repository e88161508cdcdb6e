"""The main text of an HTML page as Markdown-like text: headings, lists, tables and image texts survive."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PageElement, PreformattedString, Tag

from knowledge_base.embedded_images import INSIDE
from knowledge_base.scope import FIELDS
from knowledge_base.text import clean

_DROPPED = frozenset(
    "script style noscript template nav footer aside form button select iframe svg canvas dialog head".split()
)
_BLOCKS = frozenset(
    "p div section article main header ul ol table blockquote figure figcaption dl dt dd details summary hr"
    " address h1 h2 h3 h4 h5 h6".split()
)
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_SPACE = re.compile(r"[ \t\r\n\f]+")
_SPACES = re.compile(r" {2,}")
_MARGINS = re.compile(r"[ \t]*\n[ \t]*")
_BLANKS = re.compile(r"\n{3,}")
_PRE_BREAK, _PRE_SPACE = "\ue000", "\ue001"  # private-use stand-ins keep what collapses elsewhere
_CELL_END = "\ue002"
_LAYOUT = [
    "table",
    "ul",
    "ol",
    "pre",
    *(f"h{level}" for level in range(1, 7)),
]  # a cell with these is no cell
_PRE_START, _PRE_END = f"\n\n```{_PRE_BREAK}", f"{_PRE_BREAK}```\n\n"


@dataclass(frozen=True, slots=True)
class HtmlText:
    """A page's text and what its head says.

    Attributes:
        facts: Whom the page is for and when, by the names in `scope.FIELDS`.
    """

    text: str
    title: str
    language: str
    url: str
    facts: Mapping[str, str]


def read_html(html: str, image_source: Callable[[str], str] | None = None) -> HtmlText:
    """Reads a page; broken markup is repaired as a browser would, and scripts and navigation are left out.

    Args:
        image_source: What to call an image instead of what its `src` says; empty for one that is not kept. Such images
            stay without an alternative text too.
    """
    soup = BeautifulSoup(html, "lxml")
    for image in soup.find_all("img") if image_source else ():
        image["src"] = image_source(str(image.get("src") or "")) if image_source else ""
    root = soup.find("main") or soup.find("article") or soup.find(role="main") or soup.body
    text = _text(root) if isinstance(root, Tag) else ""
    return HtmlText(text, _title(soup), _attribute(soup, "html", "lang"), _canonical(soup), _facts(soup))


def _title(soup: BeautifulSoup) -> str:
    heading = soup.find("h1") or soup.find("title")
    return _SPACE.sub(" ", heading.get_text()).strip() if heading else ""


def _facts(soup: BeautifulSoup) -> dict[str, str]:
    metas = [(name, soup.find("meta", attrs={"name": name})) for name in FIELDS]
    return {name: clean(str(meta.get("content") or "")) for name, meta in metas if isinstance(meta, Tag)}


def _attribute(soup: BeautifulSoup, name: str, attribute: str) -> str:
    tag = soup.find(name)
    return str(tag.get(attribute) or "") if isinstance(tag, Tag) else ""


def _canonical(soup: BeautifulSoup) -> str:
    link = soup.find("link", rel="canonical")
    url = str(link.get("href") or "") if isinstance(link, Tag) else ""
    return url if url.startswith(("https://", "http://")) else ""


def _text(root: Tag) -> str:
    lines = _MARGINS.sub("\n", _SPACES.sub(" ", "".join(_pieces(root))))
    lines = lines.replace(_PRE_BREAK, "\n").replace(_PRE_SPACE, " ")
    return _BLANKS.sub("\n\n", lines).strip()


def _pieces(root: Tag) -> Iterator[str]:
    """Texts and line breaks in reading order; a stack instead of recursion, for pages of any depth."""
    todo: list[PageElement | str] = [root]
    inside_pre = inside_cell = 0
    while todo:
        node = todo.pop()
        if isinstance(node, Tag):
            opening, closing = _marks(node)
            if inside_cell and node.name in _BLOCKS:
                opening = closing = " "
            if node.name in ("td", "th") and not node.find(_LAYOUT):
                inside_cell += 1
                closing = _CELL_END
            inside_pre += opening == _PRE_START
            yield opening
            todo.append(closing)
            todo.extend(() if _is_dropped(node) else reversed(node.contents))
        elif not isinstance(node, NavigableString):
            inside_pre -= node == _PRE_END
            inside_cell -= node == _CELL_END
            yield " " if node == _CELL_END else str(node)
        elif inside_pre:
            yield node.strip("\n").replace("\n", _PRE_BREAK).replace(" ", _PRE_SPACE)
        elif not isinstance(node, PreformattedString):  # a comment
            yield _SPACE.sub(" ", node)


def _is_dropped(tag: Tag) -> bool:
    page_header = tag.name == "header" and tag.parent is not None and tag.parent.name == "body"
    return tag.name in _DROPPED or page_header


def _marks(tag: Tag) -> tuple[str, str]:
    """What stands before and after a tag's content."""
    if tag.name in _BLOCKS:
        return "\n\n" + _HEADINGS.get(tag.name, ""), "\n\n"
    if tag.name == "img":
        alt = _SPACE.sub(" ", str(tag.get("alt") or "")).strip()
        source = _source(tag)
        return (f"![{alt}]({source})" if alt or source.startswith(INSIDE) else ""), ""
    if tag.name == "tr":
        return "\n", _row_end(tag)
    marks = {"br": ("\n", ""), "li": ("\n- ", ""), "pre": (_PRE_START, _PRE_END)}
    return {**marks, "td": ("| ", " "), "th": ("| ", " ")}.get(tag.name, ("", ""))


def _source(image: Tag) -> str:
    """Where an image lies: pages that load images late have a placeholder in `src`."""
    written = (str(image.get(name) or "").strip() for name in ("src", "data-src", "data-original"))
    return next((source for source in written if source and not source.lower().startswith("data:")), "")


def _row_end(row: Tag) -> str:
    names = [cell.name for cell in row.find_all(["td", "th"], recursive=False)]
    rule = "\n" + "| --- " * len(names) + "|" if set(names) == {"th"} else ""
    return "|" + rule if names else ""
