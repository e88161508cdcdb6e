"""A website as a source: which pages, only changed ones, and never a private machine."""

import gzip
import socket

import pytest

from knowledge_base.errors import DocumentError
from knowledge_base.report import IngestReport
from knowledge_base.website.fetch import Fetcher, check_address, host_of, is_public
from knowledge_base.website.pages import Robots, normalised, read_links, read_sitemap
from tests.knowledge_base.office_files import pdf
from tests.knowledge_base.site_server import Answer, serving


@pytest.fixture
def site():
    with serving() as served:
        yield served


@pytest.fixture
def knowledge_base(open_knowledge_base):
    return open_knowledge_base(crawl_delay_s=0, allow_private_addresses=True, max_site_pages=20)


def names(knowledge_base) -> list[str]:
    return [document.id.partition("/")[2] for document in knowledge_base.documents()]


def test_linked_pages_of_the_host_are_taken_in_with_their_addresses(site, knowledge_base):
    site.page(
        "/help/",
        "Start",
        "reset.html?utm_source=x#top",
        "/help/manual.pdf",
        "/shop/",
        "https://other.example/",
    )
    site.page("/help/reset.html", "Hold the button.", "/help/", "missing.html", "mailto:a@b.example")
    site.text("/help/manual.pdf", pdf([["One"], ["Two"]]), "application/pdf")
    site.page("/shop/", "Buy")
    report = knowledge_base.sync_site(f"{site.address}/help/")
    assert report == IngestReport(added=3)
    assert names(knowledge_base) == ["help", "help/manual.pdf", "help/reset.html"]
    reset = knowledge_base.documents()[2]
    assert (reset.url, reset.source) == (f"{site.address}/help/reset.html",) * 2
    assert reset.title == "reset.html"
    assert reset.text == "Hold the button.\n\ngo go go"
    assert "/shop/" not in site.asked


def test_a_second_sync_asks_conditionally_and_follows_changes(site, knowledge_base, embedder):
    site.page("/", "Start", "/a", "/b")
    site.page("/a", "Page a", "/")
    site.page("/b", "Page b")
    knowledge_base.sync_site(site.address)
    embedder.encoded.clear()
    assert knowledge_base.sync_site(site.address) == IngestReport(unchanged=3)
    assert embedder.encoded == []
    site.page("/a", "Page a is new", "/c")
    site.page("/c", "Page c")
    del site.pages["/b"]
    assert knowledge_base.sync_site(site.address) == IngestReport(added=1, updated=1, unchanged=1, removed=1)
    assert names(knowledge_base) == ["", "a", "c"] or names(knowledge_base)[1:] == ["a", "c"]


def test_markup_that_changes_at_every_visit_changes_nothing(site, knowledge_base, embedder):
    site.page("/", "Words", head="<meta name=token content=1>")
    knowledge_base.sync_site(site.address)
    embedder.encoded.clear()
    site.page("/", "Words", head="<meta name=token content=2>")
    assert knowledge_base.sync_site(site.address) == IngestReport(unchanged=1)
    assert embedder.encoded == []


def test_a_sitemap_says_which_pages_there_are(site, knowledge_base):
    site.sitemap("/a", "/b")
    site.page("/a", "Page a", "/unlisted")
    site.page("/b", "Page b")
    site.page("/unlisted", "Unlisted")
    assert knowledge_base.sync_site(site.address) == IngestReport(added=2)
    site.sitemap("/a")
    assert knowledge_base.sync_site(site.address) == IngestReport(unchanged=1, removed=1)


def test_robots_txt_is_obeyed_and_names_sitemaps(site, knowledge_base):
    site.text("/robots.txt", f"User-agent: *\nDisallow: /private/\nSitemap: {site.address}/map.xml\n")
    site.sitemap("/a", "/private/b", at="/map.xml")
    site.page("/a", "Page a")
    site.page("/private/b", "Secret")
    assert knowledge_base.sync_site(site.address) == IngestReport(added=1)
    assert "/private/b" not in site.asked
    site.text("/robots.txt", "User-agent: FrontdeskBot\nDisallow: /\n")
    del site.pages["/map.xml"]
    with pytest.raises(DocumentError, match="forbids"):
        knowledge_base.sync_site(site.address)
    site.pages["/robots.txt"] = Answer(status=503)
    with pytest.raises(DocumentError, match="Try again later"):
        knowledge_base.sync_site(site.address)
    assert knowledge_base.stats().documents == 1


def test_pages_that_say_so_are_left_out_and_doubles_are_one(site, knowledge_base):
    site.page("/", "Start", "/no", "/header", "/double?x=1", "/moved", "/away", "/picture")
    site.page("/no", "No", "/hidden", head='<meta name="robots" content="noindex, nofollow">')
    site.page("/hidden", "Hidden")
    site.page("/header", "No", **{"X-Robots-Tag": "noindex"})
    site.page("/double?x=1", "Double", head='<link rel="canonical" href="/double">')
    site.redirect("/moved", "/double")
    site.page("/double", "Double")
    site.redirect("/away", "http://127.0.0.2:1/")
    site.text("/picture", b"\x89PNG", "image/png")
    report = knowledge_base.sync_site(site.address)
    assert report.added == 2
    assert [url.rpartition("/")[2] for url, _ in report.failed] == ["away"]
    assert names(knowledge_base)[-1] == "double"


def test_a_page_that_fails_for_now_keeps_what_it_held(site, knowledge_base):
    site.page("/", "Start", "/a")
    site.page("/a", "Page a")
    knowledge_base.sync_site(site.address)
    site.pages["/a"] = Answer(status=500)
    report = knowledge_base.sync_site(site.address)
    assert (report.unchanged, report.removed) == (1, 0)
    assert "status 500" in report.failed[0][1]
    assert knowledge_base.stats().documents == 2
    site.pages["/"] = Answer(status=500)
    with pytest.raises(DocumentError, match="status 500"):
        knowledge_base.sync_site(site.address)


def test_too_many_pages_and_too_large_ones_are_refused(site, knowledge_base, open_knowledge_base):
    site.page("/", "Start", *(f"/{n}" for n in range(30)))
    with pytest.raises(DocumentError, match="more than 20 pages"):
        knowledge_base.sync_site(site.address)
    bomb = gzip.compress(bytes(1_000_000))
    site.pages["/"] = Answer(bomb, headers={"Content-Type": "text/html", "Content-Encoding": "gzip"})
    small = open_knowledge_base(crawl_delay_s=0, allow_private_addresses=True, max_document_bytes=10_000)
    with pytest.raises(DocumentError, match="more than 10,000 bytes"):
        small.sync_site(site.address)


def test_one_page_may_be_added_by_hand(site, knowledge_base):
    site.pages["/a"] = Answer(
        "<html><body>重置路由器</body></html>".encode("gb2312"),
        headers={"Content-Type": "text/html; charset=gb2312"},
    )
    assert knowledge_base.add_page(f"{site.address}/a") == IngestReport(added=1)
    assert knowledge_base.documents()[0].text == "重置路由器"
    assert knowledge_base.entries()[0].origin == f"add:{host_of(site.address)}"
    with pytest.raises(DocumentError, match="status 404"):
        knowledge_base.add_page(f"{site.address}/b")


def test_private_machines_are_not_asked_unless_it_is_allowed(site, open_knowledge_base):
    site.page("/", "Secret")
    port = site.address.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0"):
        with pytest.raises(DocumentError, match=r"private address|no host"):
            open_knowledge_base().sync_site(f"http://{host}:{port}/")
    assert site.asked == []


def test_a_name_that_points_to_a_private_machine_is_not_asked(site, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **named: [(0, 0, 0, "", ("10.0.0.1", 80))])
    fetcher = Fetcher("innocent.example", 1000, 5, allow_private=False)
    with pytest.raises(DocumentError, match="private address"):
        fetcher.get("http://innocent.example/")


def test_redirects_are_checked_before_they_are_followed(site):
    site.redirect("/", "http://169.254.169.254/latest/meta-data/")
    site.redirect("/file", "file:///etc/passwd")
    site.redirect("/loop", "/loop")
    fetcher = Fetcher(host_of(site.address), 1000, 5, allow_private=True)
    try:
        for path, said in (("/", "is not on"), ("/file", "no web address"), ("/loop", "redirects more than")):
            with pytest.raises(DocumentError, match=said):
                fetcher.get(site.address + path)
    finally:
        fetcher.close()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        *(
            (a, False)
            for a in ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0")
        ),
        *(
            (a, False)
            for a in ("100.64.0.1", "224.0.0.1", "::1", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1")
        ),
        *((a, False) for a in ("2002:0a00:0001::1", "64:ff9b::a00:1", "240.0.0.1")),
    ],
)
def test_what_counts_as_public(address, public):
    assert is_public(address) is public


def test_addresses_are_of_the_web_and_of_the_host():
    check_address("https://help.example/a", "help.example")
    check_address("http://HELP.example:80/a", "help.example")
    for url in (
        "ftp://help.example/",
        "https://a@help.example/",
        "https://evil.example/",
        "https://help.example:x/",
    ):
        with pytest.raises(DocumentError):
            check_address(url, "help.example")


def test_links_are_resolved_and_cleaned():
    html = (
        b'<base href="/docs/"><a href="a?utm_medium=x&b=1#c">a</a><a href="javascript:x">b</a>'
        b"<a rel=nofollow href=n>n</a>"
    )
    assert read_links(html, "https://h.example/x").links == ("https://h.example/docs/a?b=1",)
    assert normalised("//evil@h.example/", "https://h.example/") == ""


def test_sitemaps_may_be_indexes_packed_or_plain():
    index = b"<sitemapindex><sitemap><loc>/a.xml</loc></sitemap></sitemapindex>"
    assert read_sitemap(index, "https://h.example/").sitemaps == ("https://h.example/a.xml",)
    plain = gzip.compress(b"https://h.example/a\nhttps://h.example/b\n")
    assert read_sitemap(plain, "https://h.example/").pages == ("https://h.example/a", "https://h.example/b")
    entity = (
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><urlset><url><loc>/&e;</loc></url></urlset>'
    )
    for wrong in (b"<html></html>", b"\x1f\x8bbroken", entity):
        with pytest.raises(DocumentError):
            read_sitemap(wrong, "https://h.example/map.xml")


def test_robots_may_ask_for_a_pause():
    assert Robots("User-agent: *\nCrawl-delay: 3\n").delay_s == 3
    assert Robots("").delay_s == 0
    assert not Robots("User-agent: *\nDisallow: /*.pdf$\n").allows("https://h.example/a.pdf")
