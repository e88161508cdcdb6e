"""The main text of an HTML page as Markdown-like text: headings, lists, tables and image texts survive."""

import re
from dataclasses import dataclass

from bs4 import BeautifulSoup
from bs4.element import Comment, NavigableString, Tag

_DROPPED = (
    "script style noscript template nav header footer aside form button select iframe svg canvas dialog head"
).split()
_BLOCKS = frozenset(
    "p div section article main ul ol table blockquote figure figcaption dl dt dd details summary hr address"
    " h1 h2 h3 h4 h5 h6 pre".split()
)
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_SPACE = re.compile(r"[ \t\r\n\f]+")
_MARGINS = re.compile(r"[ \t]*\n[ \t]*")
_BLANKS = re.compile(r"\n{3,}")
_PRE = "\ue000"  # private-use stand-ins keep what collapses elsewhere
_PRE_SPACE = "\ue001"


@dataclass(frozen=True, slots=True)
class HtmlText:
    """A page's text and what its head says."""

    text: str
    title: str
    language: str
    url: str


def read_html(html: str) -> HtmlText:
    """Reads a page; broken markup is repaired as a browser would, and scripts and navigation are left out."""
    soup = BeautifulSoup(html, "lxml")
    title, language, url = _title(soup), _attribute(soup, "html", "lang"), _canonical(soup)
    for tag in soup.find_all(_DROPPED):
        if tag.name != "header" or not tag.find("h1"):
            tag.extract()
    root = soup.find("main") or soup.find("article") or soup.find(role="main") or soup.body
    return HtmlText(_text(root) if isinstance(root, Tag) else "", title, language, url)


def _title(soup: BeautifulSoup) -> str:
    heading = soup.find("h1") or soup.find("title")
    return _SPACE.sub(" ", heading.get_text()).strip() if heading else ""


def _attribute(soup: BeautifulSoup, name: str, attribute: str) -> str:
    tag = soup.find(name)
    return str(tag.get(attribute) or "") if isinstance(tag, Tag) else ""


def _canonical(soup: BeautifulSoup) -> str:
    link = soup.find("link", rel="canonical")
    url = str(link.get("href") or "") if isinstance(link, Tag) else ""
    return url if url.startswith(("https://", "http://")) else ""


def _text(root: Tag) -> str:
    """Marks blocks with line breaks in the tree, then takes its text: no recursion, any depth."""
    for node in list(root.descendants):
        if isinstance(node, Comment):
            node.extract()
        elif isinstance(node, NavigableString):
            _set_space(node)
    for tag in list(root.find_all(True)):
        _mark(tag)
    lines = _MARGINS.sub("\n", root.get_text())
    lines = lines.replace(_PRE, "\n").replace(_PRE_SPACE, " ")
    return _BLANKS.sub("\n\n", lines).strip()


def _set_space(node: NavigableString) -> None:
    text = str(node)
    if node.find_parent("pre"):
        node.replace_with(text.strip("\n").replace("\n", _PRE).replace(" ", _PRE_SPACE))
    else:
        node.replace_with(_SPACE.sub(" ", text))


def _mark(tag: Tag) -> None:
    if tag.name == "br":
        tag.replace_with("\n")
    elif tag.name == "img":
        alt = _SPACE.sub(" ", str(tag.get("alt") or "")).strip()
        tag.replace_with(f"![{alt}]({tag.get('src') or ''})" if alt else "")
    elif tag.name == "li":
        tag.insert(0, "\n- ")
    elif tag.name == "tr":
        _mark_row(tag)
    elif tag.name == "pre":
        tag.insert(0, f"\n\n```{_PRE}")
        tag.append(f"{_PRE}```\n\n")
    elif tag.name in _BLOCKS:
        tag.insert(0, "\n\n" + _HEADINGS.get(tag.name, ""))
        tag.append("\n\n")


def _mark_row(row: Tag) -> None:
    cells = row.find_all(["td", "th"], recursive=False)
    for cell in cells:
        cell.insert(0, "| ")
        cell.append(" ")
    row.insert(0, "\n")
    if cells:
        row.append("|")
        if all(cell.name == "th" for cell in cells):
            row.append("\n" + "| --- " * len(cells) + "|")
