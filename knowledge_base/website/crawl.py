"""The pages of a website: those of its sitemap, or else those that are linked, below the address given.

Pages that are known are asked for conditionally. Knows nothing of documents and of the index.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from knowledge_base.errors import DocumentError
from knowledge_base.website.fetch import Fetcher, Response, check_address, host_of
from knowledge_base.website.pages import Links, Robots, normalised, read_links, read_sitemap, suffix_of

log = logging.getLogger(__name__)
GONE = (404, 410)
"""What a server answers for what is no longer there."""
_MAX_SITEMAPS = 200
_SITEMAP_SUFFIXES = (".xml", ".xml.gz")
_MAX_DELAY_S = 30.0
_ACCEPT = "text/html,application/xhtml+xml,application/pdf;q=0.9,*/*;q=0.5"


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said of a version of a page, for asking whether there is another."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A page as it is now.

    Attributes:
        suffix: Of a file with this type of content.
        base: What its relative addresses stand beside.
    """

    url: str
    body: bytes
    suffix: str
    content_type: str
    validators: Validators
    base: str


@dataclass(frozen=True, slots=True)
class SamePage:
    """A page that did not change."""

    url: str


@dataclass(frozen=True, slots=True)
class FailedPage:
    """A page that could not be fetched, and why; it may be there all the same."""

    url: str
    reason: str


Found = FetchedPage | SamePage | FailedPage
"""What the crawl tells of a page; a page of which it tells nothing is not (or no longer) part of the site."""


@dataclass(frozen=True, slots=True)
class CrawlOptions:
    """How far and how fast."""

    max_pages: int = 5_000
    delay_s: float = 0.2
    sleep: Callable[[float], None] = time.sleep

    def pause(self, robots: Robots) -> None:
        """Waits as long as is wanted here, or as the site wants."""
        self.sleep(max(self.delay_s, min(robots.delay_s, _MAX_DELAY_S)))


def read_robots(fetcher: Fetcher, address: str) -> Robots:
    """The rules of a site; without a robots.txt everything is allowed.

    Raises:
        DocumentError: They cannot be read now.
    """
    parts = urlsplit(address)
    response = fetcher.get(f"{parts.scheme}://{parts.netloc}/robots.txt")
    if response.status >= 500:
        raise DocumentError(f"The robots.txt of {parts.netloc} cannot be read now.", "Try again later.")
    return Robots(response.body.decode("utf-8", "replace") if response.status == 200 else "")


class Crawl:
    """One walk through a site.

    Args:
        start: The address below which pages count; a sitemap's address counts for its whole host.
        known: What servers said of pages that are stored.
    """

    def __init__(
        self, start: str, fetcher: Fetcher, known: Mapping[str, Validators], options: CrawlOptions
    ) -> None:
        self._start = normalised(start, start)
        self._host = host_of(start)
        self._fetcher = fetcher
        self._known = known
        self._options = options
        self._robots = Robots("")
        self._seen: set[str] = set()

    def pages(self, told: Callable[[int, int, str], None]) -> Iterator[Found]:
        """Fetches page after page.

        Args:
            told: Called before each with pages done, pages known of, and the address.

        Raises:
            DocumentError: The site does not answer, forbids it, or has more pages than allowed.
        """
        self._robots = read_robots(self._fetcher, self._start)
        listed = self._listed()
        first = listed if listed is not None else dict.fromkeys((self._start, *self._known))
        waiting = deque(first)
        self._seen |= set(waiting)
        done = 0
        while waiting:
            url = waiting.popleft()
            if not self._robots.allows(url):
                if url == self._start:
                    raise DocumentError(
                        f"The robots.txt of {self._host} forbids {url}.", "Ask whoever runs the site."
                    )
                continue
            told(done, done + len(waiting) + 1, url)
            done += 1
            found, links = self._page(url, is_start=url == self._start)
            if found:
                yield found
            if listed is None:
                waiting.extend(self._new(links.links))
        told(done, done, "")

    @property
    def robots(self) -> Robots:
        """The site's rules, once `pages` has begun."""
        return self._robots

    def _listed(self) -> list[str] | None:
        """Pages of the site's sitemaps; None when it has none, or none of the pages that count."""
        is_sitemap = urlsplit(self._start).path.endswith(_SITEMAP_SUFFIXES)
        guessed = urljoin(self._start, "/sitemap.xml")
        waiting = deque(dict.fromkeys([self._start] if is_sitemap else [*self._robots.sitemaps, guessed]))
        pages: dict[str, None] = {}
        for _ in range(_MAX_SITEMAPS):
            if not waiting:
                break
            url = waiting.popleft()
            try:
                response = self._fetcher.get(url)
                _check_status(response)
                sitemap = read_sitemap(response.body, url)
            except DocumentError:
                if is_sitemap or url != guessed:
                    raise  # part of the list is missing: what is not listed would be taken for gone
                continue
            waiting.extend(sitemap.sitemaps)
            pages |= dict.fromkeys(page for page in sitemap.pages if self._counts(page))
            self._check_count(len(pages))
        if is_sitemap and not pages:
            raise DocumentError(f"{self._start} lists no page of {self._host}.")
        return list(pages) or None

    def _page(self, url: str, *, is_start: bool) -> tuple[Found | None, Links]:
        self._options.pause(self._robots)
        try:
            response = self._fetcher.get(url, {"Accept": _ACCEPT, **conditions(self._known.get(url))})
            if response.status in GONE and not is_start:
                return None, Links()
            if response.status == 304 and url in self._known:
                return SamePage(url), Links()
            _check_status(response)
        except DocumentError as error:
            if is_start:
                raise
            return FailedPage(url, str(error)), Links()
        return self._read(url, response)

    def _read(self, url: str, response: Response) -> tuple[Found | None, Links]:
        content_type = response.headers.get("content-type", "text/html")
        suffix = suffix_of(content_type)
        if not suffix:
            return None, Links()
        said = Links()
        if suffix == ".html":
            said = read_links(response.body, response.url, response.headers.get("x-robots-tag", ""))
        at = normalised(response.url, url)
        if at != url and not self._counts(at):
            return None, Links()
        at = said.canonical if said.canonical and self._counts(said.canonical) else at
        if at != url:  # the same page under its better name
            if at in self._seen:
                return None, said
            self._seen.add(at)
            url = at
        if not said.may_index:
            return None, said
        base = said.base or response.url
        return FetchedPage(url, response.body, suffix, content_type, validators_of(response), base), said

    def _new(self, urls: tuple[str, ...]) -> Iterator[str]:
        """Addresses that count and were not seen before."""
        for url in urls:
            if url not in self._seen and self._counts(url):
                self._seen.add(url)
                self._check_count(len(self._seen))
                yield url

    def _check_count(self, count: int) -> None:
        if count > self._options.max_pages:  # the rest would be taken for gone
            raise DocumentError(
                f"{self._host} has more than {self._options.max_pages:,} pages.",
                "Give an address further down, or raise `max_site_pages`.",
            )

    def _counts(self, url: str) -> bool:
        """Whether an address is below the start on the same host."""
        try:
            check_address(url, self._host)
        except DocumentError:
            return False
        path = urlsplit(self._start).path
        folder = "/" if path.endswith(_SITEMAP_SUFFIXES) else path[: path.rindex("/") + 1]
        return urlsplit(url).path.startswith(folder)


def conditions(known: Validators | None) -> dict[str, str]:
    """Headers that ask for another version than the one known."""
    if known is None:
        return {}
    given = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in given.items() if value}


def validators_of(response: Response) -> Validators:
    """What the server said of this version."""
    return Validators(response.headers.get("etag", ""), response.headers.get("last-modified", ""))


def _check_status(response: Response) -> None:
    if response.status != 200:
        raise DocumentError(f"{response.url} answers with status {response.status}.")
