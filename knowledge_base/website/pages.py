"""What a page, a sitemap and robots.txt say. Pure; fetches nothing."""

import re
import zlib
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit, urlunsplit

from bs4 import BeautifulSoup
from bs4.element import Tag
from protego import Protego

from knowledge_base.errors import DocumentError
from knowledge_base.website.fetch import USER_AGENT

_TYPES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "application/pdf": ".pdf",
    "application/epub+zip": ".epub",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
}
_TRACKING = re.compile(r"(?:^|&)(?:utm_\w+|fbclid|gclid|mc_[ce]id|ref)=[^&]*")
_MAX_SITEMAP_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Links:
    """What a page says to crawlers.

    Attributes:
        canonical: The address it wants to be known by; empty when it does not say.
        base: What its relative addresses stand beside; empty for its own address.
    """

    links: tuple[str, ...] = ()
    canonical: str = ""
    may_index: bool = True
    base: str = ""


@dataclass(frozen=True, slots=True)
class Sitemap:
    """Addresses of pages and of further sitemaps."""

    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()


def suffix_of(content_type: str) -> str:
    """The suffix of a type of content that is read; empty for others."""
    return _TYPES.get(content_type.partition(";")[0].strip().lower(), "")


def charset_of(content_type: str) -> str:
    """The encoding that a type of content names; empty when it does not."""
    match = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", content_type, re.IGNORECASE)
    return match[1] if match else ""


def read_links(body: bytes, url: str, robots_header: str = "") -> Links:
    """What a page of HTML says to crawlers, in addresses without fragments and tracking."""
    soup = BeautifulSoup(body, "lxml")
    base = soup.find("base", href=True)
    root = urljoin(url, str(base["href"])) if isinstance(base, Tag) else url
    said = robots_header.lower()
    for meta in soup.find_all("meta", attrs={"name": re.compile(rf"^(?:robots|{USER_AGENT})$", re.I)}):
        said += "," + str(meta.get("content") or "").lower()
    rules = set(re.split(r"[\s,]+", said))
    found = (str(a["href"]) for a in soup.find_all("a", href=True) if "nofollow" not in (a.get("rel") or []))
    follow = not rules & {"nofollow", "none"}
    canonical = soup.find("link", rel="canonical", href=True)
    return Links(
        tuple(dict.fromkeys(filter(None, (normalised(href, root) for href in found)))) if follow else (),
        normalised(str(canonical["href"]), root) if isinstance(canonical, Tag) else "",
        not rules & {"noindex", "none"},
        root,
    )


def normalised(href: str, base: str) -> str:
    """An address as it is asked for; empty when it is none of the web."""
    try:
        parts = urlsplit(urljoin(base, href.strip()))
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return ""
    query = _TRACKING.sub("", parts.query).lstrip("&")
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path or "/", query, ""))


def read_sitemap(body: bytes, url: str) -> Sitemap:
    """The addresses of a sitemap or of an index of sitemaps, also packed with gzip; plain text has one a line.

    Raises:
        DocumentError: It is neither, or too large.
    """
    if body.startswith(b"\x1f\x8b"):
        body = _unpacked(body, url)
    if not body.lstrip().startswith(b"<"):
        lines = (normalised(line, url) for line in body.decode("utf-8", "replace").split())
        return Sitemap(pages=tuple(filter(None, lines)))
    soup = BeautifulSoup(body, "lxml-xml")
    if soup.find(["urlset", "sitemapindex"]) is None:
        raise DocumentError(f"{url} is no sitemap.")
    return Sitemap(_located(soup, "url", url), _located(soup, "sitemap", url))


def _located(soup: BeautifulSoup, name: str, base: str) -> tuple[str, ...]:
    tags = (entry.find("loc", recursive=False) for entry in soup.find_all(name))
    found = (normalised(tag.get_text(), base) for tag in tags if isinstance(tag, Tag))
    return tuple(dict.fromkeys(filter(None, found)))


def _unpacked(body: bytes, url: str) -> bytes:
    unpack = zlib.decompressobj(31)
    try:
        found = unpack.decompress(body, _MAX_SITEMAP_BYTES)
    except zlib.error as error:
        raise DocumentError(f"{url} is damaged.") from error
    if unpack.unconsumed_tail:
        raise DocumentError(f"{url} is a sitemap of more than {_MAX_SITEMAP_BYTES:,} bytes.", "Split it.")
    return found


class Robots:
    """The rules of a robots.txt; an empty text allows everything."""

    def __init__(self, text: str) -> None:
        self._rules = Protego.parse(text)

    def allows(self, url: str) -> bool:
        """Whether an address may be asked for."""
        return bool(self._rules.can_fetch(url, USER_AGENT))

    @property
    def delay_s(self) -> float:
        """Seconds between requests that the site wants; 0 when it does not say."""
        return float(self._rules.crawl_delay(USER_AGENT) or 0.0)

    @property
    def sitemaps(self) -> tuple[str, ...]:
        """Addresses of sitemaps."""
        return tuple(self._rules.sitemaps)
