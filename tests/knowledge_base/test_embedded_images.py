"""Images inside of PDF, Word, PowerPoint and EPUB files, made here: named in the text, taken out, tied to passages."""

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from knowledge_base.archives import ArchiveLimits
from knowledge_base.base import KnowledgeBase
from knowledge_base.embedded_images import INSIDE, EmbeddedImages, path_inside
from knowledge_base.errors import DocumentError
from knowledge_base.images import shown_images
from knowledge_base.parse import ParseLimits, parse
from knowledge_base.report import IngestReport
from knowledge_base.settings import KnowledgeBaseSettings
from tests.knowledge_base.conftest import HashingEmbedder
from tests.knowledge_base.office_files import docx, epub, paragraph, picture
from tests.knowledge_base.test_images import ColourReader, png, screen

LIMITS = ParseLimits()


def word(name: str = "invoices", description: str = "The invoices page") -> bytes:
    """A Word document with a real picture in place of the empty one."""
    made = docx(paragraph("Invoices", "Title"), paragraph("Open them."), picture(description))
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as old, zipfile.ZipFile(written, "w") as new:
        for member in old.namelist():
            new.writestr(member, png(name) if member.endswith("p.png") else old.read(member))
    return written.getvalue()


def slides() -> bytes:
    from pptx import Presentation
    from pptx.util import Inches

    deck = Presentation()
    for name in ("firmware", "guests"):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = f"About {name}"
        shape = slide.shapes.add_picture(io.BytesIO(png(name)), Inches(1), Inches(2))
        shape._element.nvPicPr.cNvPr.set("descr", f"The {name} page" if name == "guests" else "")
    written = io.BytesIO()
    deck.save(written)
    return written.getvalue()


def book() -> bytes:
    made = epub(
        {"text/a.xhtml": '<h1>Guests</h1><p>Look.</p><img src="../img/g.png"/><img src="../gone.png"/>'}
    )
    written = io.BytesIO(made)
    with zipfile.ZipFile(written, "a") as added:
        added.writestr("OEBPS/img/g.png", png("guests"))
    return written.getvalue()


def manual(*pages: tuple[str, ...], side: int = 260) -> bytes:
    """A PDF with a line of text and images on each page, written by the library that reads it."""
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, NumberObject

    from tests.knowledge_base.office_files import pdf

    text = pdf([[f"Page {number} tells of {' and '.join(names)}"] for number, names in enumerate(pages, 1)])
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(text)))
    for page, names in zip(writer.pages, pages, strict=True):
        objects = DictionaryObject()
        for number, name in enumerate(names):
            image = screen(name).resize((side, side))
            stream = DecodedStreamObject()
            stream.set_data(image.tobytes())
            stream |= {
                NameObject("/Type"): NameObject("/XObject"),
                NameObject("/Subtype"): NameObject("/Image"),
                NameObject("/Width"): NumberObject(side),
                NameObject("/Height"): NumberObject(side),
                NameObject("/ColorSpace"): NameObject("/DeviceRGB"),
                NameObject("/BitsPerComponent"): NumberObject(8),
            }
            objects[NameObject(f"/Im{number}")] = writer._add_object(stream.flate_encode())
        resources = DictionaryObject(page["/Resources"])
        resources[NameObject("/XObject")] = objects
        page[NameObject("/Resources")] = resources
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def sources(data: bytes, name: str, limits: ParseLimits = LIMITS) -> list[tuple[str, str]]:
    (document,) = parse(data, name, limits).documents
    return [(image.alt, path_inside(image.source)) for image in shown_images(document.text)]


@pytest.fixture
def knowledge_base(tmp_path: Path, embedder: HashingEmbedder) -> Iterator[KnowledgeBase]:
    opened = KnowledgeBase(tmp_path / "chroma", embedder, KnowledgeBaseSettings(), ColourReader())
    yield opened
    opened.close()


def test_the_text_names_the_images_where_they_stand() -> None:
    assert sources(word(), "a.docx") == [("The invoices page", "word/media/p.png")]
    assert sources(word(description=""), "a.docx") == [("", "word/media/p.png")]
    assert [alt for alt, _ in sources(slides(), "a.pptx")] == ["", "The guests page"]
    assert all(path.startswith("ppt/media/image") for _, path in sources(slides(), "a.pptx"))
    assert sources(book(), "a.epub") == [("", "OEBPS/img/g.png")]
    found = sources(manual(("invoices",), ("firmware", "guests")), "a.pdf")
    assert found == [("", "page-1/Im0"), ("", "page-2/Im0"), ("", "page-2/Im1")]


def test_the_images_of_a_page_belong_to_that_page() -> None:
    (document,) = parse(manual(("invoices",), ("firmware",)), "a.pdf").documents
    places = [document.page_at(image.offset) for image in shown_images(document.text)]
    assert places == [1, 2]


def test_marks_on_many_pages_icons_and_too_many_images_are_left_out() -> None:
    pages = [("firmware",), *[("invoices", f"own {number}") for number in range(4)]]
    assert [path for _, path in sources(manual(*pages), "a.pdf")] == [
        "page-1/Im0",
        *[f"page-{number}/Im1" for number in range(2, 6)],
    ]
    assert sources(manual(("invoices",), side=40), "a.pdf") == []
    limits = ParseLimits(max_images=1)
    assert [path for _, path in sources(manual(("a", "b")), "a.pdf", limits)] == ["page-1/Im0"]
    assert [alt for alt, path in sources(slides(), "a.pptx", limits) if path] == [""]


@pytest.mark.parametrize(
    ("made", "name", "shown"),
    [(word, "a.docx", "invoices"), (slides, "a.pptx", "guests"), (book, "a.epub", "guests")],
)
def test_an_image_is_taken_out_as_it_was_put_in(made: Callable[[], bytes], name: str, shown: str) -> None:
    path = sources(made(), name)[-1][1]
    assert EmbeddedImages(made(), name, ArchiveLimits()).read(path, 1_000_000) == png(shown)


def test_an_image_of_a_pdf_is_taken_out_as_a_file() -> None:
    data = EmbeddedImages(manual(("guests",)), "a.pdf", ArchiveLimits()).read("page-1/Im0", 1_000_000)
    with Image.open(io.BytesIO(data)) as image:
        assert image.convert("RGB").tobytes() == screen("guests").resize((260, 260)).tobytes()


@pytest.mark.parametrize("path", ["page-9/Im0", "page-1/Im7", "page-x/Im0", "../secret.png", ""])
def test_what_is_not_there_is_told(path: str) -> None:
    with pytest.raises(DocumentError):
        EmbeddedImages(manual(("guests",)), "a.pdf", ArchiveLimits()).read(path, 1_000_000)
    with pytest.raises(DocumentError):
        EmbeddedImages(word(), "a.docx", ArchiveLimits()).read(path, 1_000_000)


def test_an_image_with_too_many_bytes_is_refused() -> None:
    with pytest.raises(DocumentError, match="at most 100"):
        EmbeddedImages(word(), "a.docx", ArchiveLimits()).read("word/media/p.png", 100)


def test_images_inside_of_files_are_kept_with_their_passage_and_found_again(
    tmp_path: Path, knowledge_base: KnowledgeBase
) -> None:
    folder = tmp_path / "help"
    folder.mkdir()
    (folder / "word.docx").write_bytes(word())
    (folder / "deck.pptx").write_bytes(slides())
    (folder / "manual.pdf").write_bytes(manual(("tickets",)))
    with zipfile.ZipFile(folder / "more.zip", "w") as packed:
        packed.writestr("books/guests.epub", book())
    assert knowledge_base.sync_folder(folder) == IngestReport(added=4)
    assert {image.item: path_inside(image.source) for image in knowledge_base.images()} == {
        "document/deck": "ppt/media/image2.png",
        "document/manual": "page-1/Im0",
        "document/more.zip/books/guests": "OEBPS/img/g.png",
        "document/word": "word/media/p.png",
    }
    shot = knowledge_base.read_image(png("invoices"), "shot.png", "")
    assert shot is not None
    match = knowledge_base.search_image(shot)[0]
    assert (match.document_id, match.alt) == ("word", "The invoices page")
    assert match.chunk_id
    assert knowledge_base.retrieve("", images=[shot]).chunks[0].chunk.document_id == "word"


def test_what_did_not_change_is_taken_out_no_more_and_what_did_is_read_anew(
    tmp_path: Path, knowledge_base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    from knowledge_base.read_file import FileReader

    taken: list[str] = []
    take = FileReader.image

    def counted(self: FileReader, file: Path, member: str, image: str) -> bytes:
        taken.append(image)
        return take(self, file, member, image)

    monkeypatch.setattr(FileReader, "image", counted)
    folder = tmp_path / "help"
    folder.mkdir()
    (folder / "word.docx").write_bytes(word())
    knowledge_base.sync_folder(folder)
    (before,) = knowledge_base.images()
    taken.clear()
    assert knowledge_base.sync_folder(folder) == IngestReport(unchanged=1)
    assert taken == []
    (folder / "word.docx").write_bytes(word("guests"))
    assert knowledge_base.sync_folder(folder) == IngestReport(updated=1)
    (after,) = knowledge_base.images()
    assert (before.sha256, after.sha256) != (after.sha256, before.sha256)
    assert "word/media/p.png" in taken


def test_a_damaged_image_is_reported_and_the_text_goes_in(
    tmp_path: Path, knowledge_base: KnowledgeBase
) -> None:
    folder = tmp_path / "help"
    folder.mkdir()
    (folder / "word.docx").write_bytes(docx(paragraph("Words."), picture("Nothing to see")))
    report = knowledge_base.sync_folder(folder)
    assert report.added == 1
    ((source, why),) = report.failed
    assert source == "word.docx"
    assert "damaged" in why
    assert knowledge_base.images() == ()


def test_a_page_that_claims_an_image_inside_of_itself_gets_none(
    tmp_path: Path, knowledge_base: KnowledgeBase
) -> None:
    folder = tmp_path / "help"
    folder.mkdir()
    (folder / "a.md").write_text(f"# A\n\nWords.\n\n![x]({INSIDE}etc/passwd#0)\n")
    assert knowledge_base.sync_folder(folder).added == 1
    assert knowledge_base.images() == ()
