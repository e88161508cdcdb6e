"""The images of a website's pages: on its host only, asked for politely, tied to their passages."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from knowledge_base.base import KnowledgeBase
from knowledge_base.report import IngestReport
from knowledge_base.settings import KnowledgeBaseSettings
from tests.knowledge_base.conftest import HashingEmbedder
from tests.knowledge_base.site_server import Answer, Site, serving
from tests.knowledge_base.test_embedded_images import manual
from tests.knowledge_base.test_images import ColourReader, png, screen

Opened = Callable[..., KnowledgeBase]


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


@pytest.fixture
def reader() -> ColourReader:
    return ColourReader()


@pytest.fixture
def opened(tmp_path: Path, embedder: HashingEmbedder, reader: ColourReader) -> Iterator[Opened]:
    opened: list[KnowledgeBase] = []

    def open_one(**settings: int) -> KnowledgeBase:
        own = {"crawl_delay_s": 0, "allow_private_addresses": True, **settings}
        opened.append(KnowledgeBase(tmp_path / "chroma", embedder, KnowledgeBaseSettings(**own), reader))
        return opened[-1]

    yield open_one
    for knowledge_base in opened:
        knowledge_base.close()


def show(
    site: Site, path: str, *images: str, words: str = "Open the page.", head: str = "", links: str = ""
) -> None:
    shown = "".join(f'<p>{words}</p><img src="{image}" alt="The page {image}">' for image in images)
    site.page(path, f"{words}{shown}", *links.split(), head=head)


def picture(site: Site, path: str, name: str = "") -> None:
    site.text(path, png(name or path), "image/png")


def sources(knowledge_base: KnowledgeBase) -> list[str]:
    return [image.source for image in knowledge_base.images()]


def test_an_image_of_a_page_is_tied_to_its_passage_and_found_by_a_copy(site: Site, opened: Opened) -> None:
    show(site, "/help/", "../img/guests.png", links="/help/other")
    show(site, "/help/other", "/img/firmware.png?utm_source=x")
    picture(site, "/img/guests.png", "guests")
    picture(site, "/img/firmware.png", "firmware")
    knowledge_base = opened()
    assert knowledge_base.sync_site(f"{site.address}/help/") == IngestReport(added=2)
    assert knowledge_base.stats().images == 2
    copy = io.BytesIO()
    screen("guests").crop((30, 20, 340, 250)).save(copy, "JPEG", quality=40)
    reading = knowledge_base.read_image(copy.getvalue(), "copy.jpg", "other words")
    first = knowledge_base.search_image(reading)[0]
    assert first.document_id.endswith("/help")
    assert first.alt == "The page ../img/guests.png"
    assert first.chunk_id == knowledge_base.retrieve("", images=[reading]).chunks[0].chunk.id
    assert knowledge_base.image_file(first.sha256).read_bytes() == png("guests")


def test_unchanged_images_are_asked_for_conditionally_and_not_read_again(
    site: Site, opened: Opened, reader: ColourReader
) -> None:
    show(site, "/", "/a.png", "/b.png", links="/page")
    show(site, "/page", "/a.png")
    picture(site, "/a.png")
    picture(site, "/b.png")
    knowledge_base = opened()
    knowledge_base.sync_site(site.address)
    assert site.asked.count("/a.png") == 1, "once for both pages"
    assert len(reader.read_names) == 2
    again = opened()
    assert again.sync_site(site.address) == IngestReport(unchanged=2)
    assert {"/a.png", "/b.png"} <= set(site.same)
    assert len(reader.read_names) == 2

    picture(site, "/a.png", "changed")
    again.sync_site(site.address)
    assert len(reader.read_names) == 3
    assert [image.source for image in again.images()] == ["/a.png", "/b.png", "/a.png"]
    assert again.image_file(again.images()[0].sha256).read_bytes() == png("changed")


def test_removed_pages_and_images_leave(site: Site, opened: Opened, tmp_path: Path) -> None:
    show(site, "/", "/a.png", "/gone.png", links="/page")
    show(site, "/page", "/b.png")
    for path in ("/a.png", "/b.png", "/gone.png"):
        picture(site, path)
    knowledge_base = opened()
    knowledge_base.sync_site(site.address)
    del site.pages["/page"], site.pages["/gone.png"]
    assert knowledge_base.sync_site(site.address).removed == 1
    assert sources(knowledge_base) == ["/a.png"]
    assert len([file for file in (tmp_path / "chroma" / "images").glob("*/*") if not file.suffix]) == 1


def test_an_image_that_fails_for_now_stays_and_is_told(site: Site, opened: Opened) -> None:
    show(site, "/", "/a.png")
    picture(site, "/a.png")
    knowledge_base = opened()
    knowledge_base.sync_site(site.address)
    site.pages["/a.png"] = Answer(status=503)
    show(site, "/", "/a.png", words="New words.")
    report = knowledge_base.sync_site(site.address)
    assert (report.updated, sources(knowledge_base)) == (1, ["/a.png"])
    assert "status 503" in report.failed[0][1]
    site.text("/a.png", b"\x89PNG\r\n\x1a\nbroken", "image/png")
    assert "damaged" in knowledge_base.sync_site(site.address).failed[0][1]
    assert sources(knowledge_base) == []


def test_images_elsewhere_and_what_is_no_screen_are_left_out(site: Site, opened: Opened) -> None:
    site.text("/robots.txt", "User-agent: *\nDisallow: /private/\n")
    icon = io.BytesIO()
    Image.new("RGB", (32, 200)).save(icon, "PNG")
    site.text("/icon.png", icon.getvalue(), "image/png")
    site.text("/drawing.svg", "<svg/>", "image/svg+xml")
    site.text("/login.png", "<html>Sign in</html>", "text/html")
    site.redirect("/away.png", "http://127.0.0.2:1/x.png")
    picture(site, "/private/a.png")
    show(
        site,
        "/",
        *("/icon.png", "/drawing.svg", "/login.png", "/away.png", "/private/a.png", "/missing.png"),
        *("http://127.0.0.2:1/a.png", "http://169.254.169.254/a.png", "file:///etc/a.png", "//["),
        "data:image/png;base64,AAAA",
    )
    knowledge_base = opened()
    assert knowledge_base.sync_site(site.address) == IngestReport(added=1)
    assert sources(knowledge_base) == []
    assert "/private/a.png" not in site.asked
    assert "](data:" not in knowledge_base.documents()[0].text


def test_late_images_bases_and_canonical_addresses_are_understood(site: Site, opened: Opened) -> None:
    late = '<p>Words.</p><img src="data:image/gif;base64,R0" data-src="shot.png" alt="Late">'
    site.page("/old/page", late, head='<base href="/files/">')
    site.page("/", "Start", "/old/page", "/copy/page?x=1")
    site.page(
        "/copy/page?x=1", '<img src="near.png" alt="Near">', head='<link rel="canonical" href="/better/page">'
    )
    picture(site, "/files/shot.png")
    picture(site, "/copy/near.png")
    knowledge_base = opened()
    assert knowledge_base.sync_site(site.address).failed == ()
    assert sources(knowledge_base) == [f"{site.address}/copy/near.png", f"{site.address}/files/shot.png"]


def test_one_page_by_hand_brings_its_images_within_the_limits(site: Site, opened: Opened) -> None:
    site.text("/robots.txt", "User-agent: *\nDisallow: /b.png\n")
    show(site, "/page", "/a.png", "/b.png", "/c.png", "/d.png")
    for name in "abcd":
        picture(site, f"/{name}.png")
    knowledge_base = opened(max_document_images=3)
    assert knowledge_base.add_page(f"{site.address}/page") == IngestReport(added=1)
    assert sources(knowledge_base) == ["/a.png", "/c.png"]
    assert "/d.png" not in site.asked


def test_what_a_killed_run_left_out_of_a_document_is_fetched_again(site: Site, opened: Opened) -> None:
    site.page("/", "Start", "/manual.pdf")
    site.text("/manual.pdf", manual(("invoices",)), "application/pdf")
    knowledge_base = opened()
    knowledge_base.sync_site(site.address)
    assert knowledge_base.stats().images == 1
    rows = knowledge_base.images()
    knowledge_base._index.remove_images([rows[0].id])
    again = opened()
    assert not again.has_images
    again.sync_site(site.address)
    assert again.stats().images == 1


def test_without_a_reader_no_image_is_asked_for(site: Site, open_knowledge_base: Opened) -> None:
    show(site, "/", "/a.png")
    picture(site, "/a.png")
    knowledge_base = open_knowledge_base(crawl_delay_s=0, allow_private_addresses=True)
    knowledge_base.sync_site(site.address)
    assert "/a.png" not in site.asked
