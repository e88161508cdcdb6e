"""The pages of a website as files that are taken in like those of a folder."""

import codecs
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from knowledge_base.errors import DocumentError
from knowledge_base.files import SourceFile, Walk
from knowledge_base.items import Provenance
from knowledge_base.report import Progress
from knowledge_base.settings import KnowledgeBaseSettings
from knowledge_base.website.crawl import Crawl, CrawlOptions, FailedPage, FetchedPage, SamePage, Validators
from knowledge_base.website.fetch import Fetcher, host_of
from knowledge_base.website.images import SiteImages
from knowledge_base.website.pages import charset_of, normalised, read_links, suffix_of

_TEXTS = (".html", ".txt", ".md")


@dataclass(frozen=True, slots=True)
class Site:
    """What a website holds.

    Attributes:
        images: Fetches those that its pages show.
    """

    walk: Walk
    images: SiteImages

    @property
    def pages(self) -> list[SourceFile]:
        """All pages that are surely there; those that did not change have no file."""
        same = (SourceFile(Path(name), name, name) for name in sorted(self.walk.unchanged))
        return [*self.walk.files, *same]


@contextmanager
def fetched_site(
    url: str, known: Mapping[str, Provenance], settings: KnowledgeBaseSettings, progress: Progress
) -> Iterator[Site]:
    """What a site holds; the files are there until the end of the block.

    Args:
        known: Its pages that are stored.

    Raises:
        DocumentError: The site cannot be read.
    """
    validators = {name: Validators(page.etag, page.last_modified) for name, page in known.items()}
    options = _options(settings)
    with TemporaryDirectory(prefix="frontdesk-site-") as folder, closing(_fetcher(url, settings)) as fetcher:
        files: list[SourceFile] = []
        failed: list[tuple[str, str]] = []
        same: set[str] = set()
        crawl = Crawl(url, fetcher, validators, options)
        for number, page in enumerate(crawl.pages(progress)):
            match page:
                case FetchedPage():
                    files.append(_written(page, Path(folder) / f"page{number}{page.suffix}"))
                case SamePage(at):
                    same.add(at)
                case FailedPage(at, reason):
                    failed.append((at, reason))
        images = SiteImages(fetcher, Path(folder), options, crawl.robots)
        yield Site(Walk(tuple(files), tuple(failed), frozenset(same)), images)


@contextmanager
def fetched_page(url: str, settings: KnowledgeBaseSettings) -> Iterator[Site]:
    """One page; its file is there until the end of the block.

    Raises:
        DocumentError: It cannot be fetched, or is of no type that is read.
    """
    at = normalised(url, url)
    with TemporaryDirectory(prefix="frontdesk-site-") as folder, closing(_fetcher(url, settings)) as fetcher:
        response = fetcher.get(at)
        content_type = response.headers.get("content-type", "text/html")
        suffix = suffix_of(content_type)
        if response.status != 200 or not suffix:
            what = content_type if response.status == 200 else f"status {response.status}"
            raise DocumentError(f"{url} answers with {what}.", "Give the address of a page or document.")
        base = read_links(response.body, response.url).base if suffix == ".html" else response.url
        page = FetchedPage(at, response.body, suffix, content_type, Validators(), base)
        walk = Walk((_written(page, Path(folder) / f"page{suffix}"),))
        yield Site(walk, SiteImages(fetcher, Path(folder), _options(settings)))


def _options(settings: KnowledgeBaseSettings) -> CrawlOptions:
    return CrawlOptions(settings.max_site_pages, settings.crawl_delay_s)


def _fetcher(url: str, settings: KnowledgeBaseSettings) -> Fetcher:
    return Fetcher(
        host_of(url),
        settings.max_document_bytes,
        settings.fetch_timeout_s,
        allow_private=settings.allow_private_addresses,
    )


def _written(page: FetchedPage, path: Path) -> SourceFile:
    path.write_bytes(_as_utf8(page))
    validators = (page.validators.etag, page.validators.last_modified)
    return SourceFile(path, page.url, page.url, validators, page.base)


def _as_utf8(page: FetchedPage) -> bytes:
    """The body, a text in another encoding turned into UTF-8 when the server names it."""
    charset = charset_of(page.content_type)
    try:
        if page.suffix not in _TEXTS or not charset or codecs.lookup(charset).name == "utf-8":
            return page.body
        return page.body.decode(charset).encode()
    except (LookupError, UnicodeError):
        return page.body
