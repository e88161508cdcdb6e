"""PDF, Word, slides, spreadsheets, books and archives: what becomes of their parts, and how they fail."""

import io
import stat
import zipfile

import pytest

from knowledge_base.archives import ArchiveLimits
from knowledge_base.chunk import chunk
from knowledge_base.errors import DocumentError
from knowledge_base.parse import ParseLimits, parse
from tests.knowledge_base.office_files import (
    docx,
    epub,
    paragraph,
    pdf,
    picture,
    word_table,
    xlsx,
    zipped,
)

REPEATED = [[f"Manual {n}", f"Page {n} says word{n}.", f"{n} of 6"] for n in range(1, 7)]
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


def document(data: bytes, source: str):
    (found,) = parse(data, source).documents
    return found


def test_pages_of_a_pdf_are_kept_and_running_heads_are_not():
    found = document(pdf(REPEATED), "guides/manual.pdf")
    assert (found.id, found.title) == ("guides/manual", "manual")
    assert found.text.split("\n\n") == [f"Page {n} says word{n}." for n in range(1, 7)]
    assert [found.page_at(found.text.index(f"word{n}")) for n in range(1, 7)] == [1, 2, 3, 4, 5, 6]


def test_every_passage_of_a_pdf_knows_its_page():
    pages = [[f"Sentence {line} of page {n} is about word{n}." for line in range(12)] for n in range(1, 6)]
    found = document(pdf(pages), "manual.pdf")
    chunks = chunk(found, lambda text: len(text.split()), 40, 0)
    assert {c.page for c in chunks} == {1, 2, 3, 4, 5}
    assert all(f"word{c.page}" in c.text for c in chunks)


def test_bookmarks_of_a_pdf_become_headings():
    pages = [["Setup", "Plug it in."], ["Light", "Amber is bad.", "Hold the but-", "ton."]]
    found = document(pdf(pages, {"Setup": 0, "Light": 1, "Elsewhere": 1}, title="Wren manual"), "m.pdf")
    assert found.title == "Wren manual"
    assert (
        found.text
        == "## Setup\n\nPlug it in.\n\n## Elsewhere\n\n\n## Light\n\nAmber is bad.\nHold the button."
    )
    paths = {c.heading_path for c in chunk(found, lambda text: len(text.split()), 100, 0)}
    assert paths == {("Setup",), ("Light",)}


def test_a_pdf_with_five_thousand_pages_is_read_and_one_with_more_than_allowed_is_not():
    data = pdf([[f"Only page {n} has word{n}x."] for n in range(1, 5001)])
    found = document(data, "m.pdf")
    assert found.page_at(found.text.index("word4321x")) == 4321
    with pytest.raises(DocumentError, match="5,000 pages, at most 4,999"):
        parse(data, "m.pdf", ParseLimits(max_pages=4_999))


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"", "a.pdf", "is empty"),
        (b"words", "a.pdf", "is no PDF file"),
        (pdf(REPEATED, password="secret"), "a.pdf", "protected by a password"),
        (b"%PDF-1.7\n" + b"rubbish " * 100, "a.pdf", "is damaged"),
        (pdf(REPEATED)[:300], "a.pdf", "is damaged"),
        (pdf([[], []]), "a.pdf", "pictures of pages"),
        (OLE, "a.docx", "password, or an Office file of the kind before 2007"),
        (docx(paragraph("Words"))[:200], "a.docx", "is damaged"),
        (zipped({"word/document.xml": "<broken"}), "a.docx", "is damaged"),
        (zipped({"ppt/presentation.xml": "<broken"}), "a.pptx", "is damaged"),
        (zipped({"xl/workbook.xml": "<broken"}), "a.xlsx", "is damaged"),
        (docx(), "a.docx", "has no text"),
        (xlsx({"Empty": []}), "a.xlsx", "has no rows"),
        (epub({"a.xhtml": ""}), "a.epub", "has no text"),
        (zipped({"picture.png": b"x"}), "a.zip", "no file of a known type"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(data, name, said):
    with pytest.raises(DocumentError, match=said) as caught:
        parse(data, name)
    assert name in str(caught.value)


def test_a_page_that_is_damaged_is_reported_and_the_others_are_read(monkeypatch):
    from pypdf import PageObject

    extract = PageObject.extract_text

    def failing(page: PageObject) -> str:
        text = extract(page)
        if "word2" in text:
            raise KeyError("/Font")
        return text

    monkeypatch.setattr(PageObject, "extract_text", failing)
    found = parse(pdf(REPEATED), "m.pdf")
    assert found.problems == ("page 2 cannot be read: it is damaged",)
    text = found.documents[0].text
    assert "word2" not in text
    assert found.documents[0].page_at(text.index("word3")) == 3


def test_headings_tables_and_descriptions_of_pictures_of_a_word_document_survive():
    deleted = (
        "<w:p><w:del><w:r><w:delText>outdated</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>"
    )
    data = docx(
        paragraph("Reset it", "Title"),
        paragraph("The button", "heading1"),
        paragraph("Hold it."),
        word_table([["Light", "Meaning"], ["red", "fault"]]),
        picture("The button is below"),
        deleted,
    )
    found = document(data, "reset.docx")
    assert found.title == "Reset it"
    for part in (
        "# Reset it",
        "# The button",
        "Hold it.",
        "![The button is below](inside:word/media/p.png#",
        "new",
    ):
        assert part in found.text
    assert "| Light | Meaning |\n| --- | --- |\n| red | fault |" in found.text
    assert "outdated" not in found.text


def presentation() -> bytes:
    from pptx import Presentation
    from pptx.util import Inches

    deck = Presentation()
    for title in ("Lights", "Secret", "Codes"):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = f"{title} one\n{title} two"
        if title == "Secret":
            slide._element.set("show", "0")
    slide.notes_slide.notes_text_frame.text = "Ask for the serial number."
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for at, text in enumerate(("Code", "Meaning", "WR-104", "Password")):
        table.cell(at // 2, at % 2).text = text
    written = io.BytesIO()
    deck.save(written)
    return written.getvalue()


def test_slides_are_pages_with_lists_tables_and_notes():
    found = document(presentation(), "training.pptx")
    assert found.text.startswith("## Lights\n\n- Lights one\n- Lights two\n\n## Codes")
    assert "| WR-104 | Password |" in found.text
    assert found.text.endswith("Ask for the serial number.")
    assert "Secret" not in found.text
    assert [found.page_at(found.text.index(word)) for word in ("Lights", "Codes")] == [1, 3]


def test_sheets_with_questions_are_faq_and_others_are_text():
    data = xlsx(
        {
            "FAQ": [["Question", "Answer", "ID"], ["Why?", "So.", 7.0], ["What?", "", "x"]],
            "Prices": [["Model", "Price"], ["Wren One", 99.5], [None, None], ["Dot", 39]],
        }
    )
    found = parse(data, "book.xlsx")
    assert [(e.id, e.question, e.answer) for e in found.faq] == [("7", "Why?", "So.")]
    assert found.problems == ("sheet FAQ, row 3: no answer",)
    assert found.documents[0].text == "## Prices\n\n- Model: Wren One; Price: 99.5\n- Model: Dot; Price: 39"


def test_a_book_is_read_in_its_own_order():
    chapters = {"b.xhtml": "<h1>First</h1><p>One.</p>", "a.xhtml": "<h1>Second</h1>", "gone.xhtml": ""}
    parsed = parse(epub(chapters), "b.epub")
    (book,) = parsed.documents
    assert (book.title, book.language) == ("The Wren book", "en")
    assert book.text == "# First\n\nOne.\n\n# Second"
    assert parsed.problems == ("chapter gone.xhtml is missing",)


def test_a_protected_book_is_refused():
    listed = '<encryption><CipherReference URI="OEBPS/a.xhtml"/></encryption>'
    with pytest.raises(DocumentError, match="protected against copying"):
        parse(epub({"a.xhtml": "x"}, **{"META-INF/encryption.xml": listed}), "book.epub")


def test_json_is_a_list_of_entries_or_holds_one():
    listed = b'[{"question": "Why?", "answer": "So."}, 3]'
    assert parse(listed, "faq.json").faq[0].answer == "So."
    assert parse(listed, "faq.json").problems == ("item 2: is not a JSON object",)
    assert parse(b'{"faq": [{"question": "Why?", "answer": "So."}]}', "faq.json").faq
    for data in (b"{", b'{"name": "x"}', b"[" * 100_000):
        with pytest.raises(DocumentError, match=r"faq\.json"):
            parse(data, "faq.json")


def test_a_page_that_names_its_encoding_is_read_in_it():
    html = '<html><head><meta charset="gb2312"></head><body><p>重置路由器</p></body></html>'
    assert document(html.encode("gb2312"), "a.html").text == "重置路由器"
    with pytest.raises(DocumentError, match="not UTF-8"):
        parse(html.replace("gb2312", "no-such").encode("gb2312"), "a.html")


def test_the_files_of_an_archive_are_read_and_bad_ones_reported():
    data = zipped(
        {
            "guides/start.md": "# Start\n\nPlug it in.",
            "faq.csv": "question,answer\nWhy?,So.\nBad?\n",
            "manual.pdf": pdf(REPEATED),
            "broken.docx": b"PK rubbish",
            "inner.zip": zipped({"a.md": "x"}),
            "photo.png": b"x",
            ".hidden/a.md": "x",
            "__MACOSX/._start.md": b"\0",
        }
    )
    found = parse(data, "help.zip")
    assert [d.id for d in found.documents] == ["help.zip/guides/start", "help.zip/manual"]
    assert found.documents[0].source == "help.zip/guides/start.md"
    assert [e.source for e in found.faq] == ["help.zip/faq.csv"]
    assert [p.split(":")[0] for p in found.problems] == ["faq.csv", "broken.docx", "inner.zip"]
    assert "not unpacked" in found.problems[-1]


def test_names_that_point_outside_of_an_archive_and_links_are_refused():
    written = io.BytesIO()
    link = zipfile.ZipInfo("link.md")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(written, "w") as archive:
        for name in ("../evil.md", "/etc/evil.md", "..\\evil.md", "C:\\evil.md"):
            archive.writestr(name, "evil")
        archive.writestr(link, "/etc/passwd")
        archive.writestr("good.md", "good")
    found = parse(written.getvalue(), "a.zip")
    assert [d.text for d in found.documents] == ["good"]
    assert len(found.problems) == 5


def test_bombs_and_giants_are_refused_before_anything_is_unpacked():
    bomb = zipped({"a.md": bytes(2_000_000)})
    with pytest.raises(DocumentError, match="ZIP bomb"):
        parse(bomb, "a.zip")
    with pytest.raises(DocumentError, match="ZIP bomb"):
        parse(zipped({"word/document.xml": bytes(2_000_000)}), "a.docx")
    many = zipped({f"{n}.md": "x" for n in range(30)})
    with pytest.raises(DocumentError, match="30 files; at most 20"):
        parse(many, "a.zip", ParseLimits(archive=ArchiveLimits(max_files=20)))
    with pytest.raises(DocumentError, match="would unpack to"):
        parse(many, "a.zip", ParseLimits(archive=ArchiveLimits(max_bytes=20)))
    with pytest.raises(DocumentError, match="would unpack to"):
        parse(docx(paragraph("Words")), "a.docx", ParseLimits(archive=ArchiveLimits(max_bytes=20)))
