"""Images of documents: found beside them, read once, searched by screenshots. The reader tells a picture's words by
its file and its vector by its colours; local features are the real ones."""

import hashlib
import io
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from knowledge_base.base import KnowledgeBase
from knowledge_base.errors import DocumentError
from knowledge_base.files import SourceFile
from knowledge_base.image_files import ImageFiles
from knowledge_base.image_reading import ImageReading
from knowledge_base.image_search import MIN_LIKE, MIN_SAME, evidence_of_words, same_screen, worth_showing
from knowledge_base.images import ImageMatch, ShownImage, shown_images
from knowledge_base.local_features import local_features
from knowledge_base.read_file import FileReader
from knowledge_base.scope import Filters
from knowledge_base.settings import KnowledgeBaseSettings
from tests.knowledge_base.conftest import HashingEmbedder

SCREENS = ("invoices", "firmware", "guests")


def screen(name: str) -> Image.Image:
    """A window full of shapes, always the same for a name."""
    chance = random.Random(name)
    image = Image.new("RGB", (360, 260), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, side = chance.randrange(340), chance.randrange(240), chance.randrange(8, 40)
        colour = tuple(chance.randrange(256) for _ in range(3))
        (draw.rectangle if chance.random() < 0.5 else draw.ellipse)((x, y, x + side, y + side), fill=colour)
    return image


def png(name: str) -> bytes:
    file = io.BytesIO()
    screen(name).save(file, "PNG")
    return file.getvalue()


class ColourReader:
    """Mean colours of a 4 × 4 grid as the vector; the words are told by the caller or by the size in bytes."""

    def __init__(self, name: str = "colours") -> None:
        self.id = name
        self.read_names: list[str] = []

    def read(self, data: bytes, name: str, text: str | None = None) -> ImageReading:
        self.read_names.append(name)
        try:
            image = Image.open(io.BytesIO(data)).convert("RGB")
        except OSError as error:
            raise DocumentError(f"{name} is damaged.", "Save it again.") from error
        colours = np.asarray(image.resize((4, 4)), np.float32).ravel() + 1
        words = f"window {len(data)}" if text is None else text
        return ImageReading(words, colours / np.linalg.norm(colours), local_features(image))


def help_with_images(folder: Path) -> Path:
    (folder / "images").mkdir(parents=True)
    for name in SCREENS:
        (folder / "images" / f"{name}.png").write_bytes(png(name))
        text = f"# About {name}\n\nFirst words.\n\n## Steps\n\nOpen {name}.\n\n![The {name} page](images/{name}.png)\n"
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return help_with_images(tmp_path / "help")


@pytest.fixture
def opened(tmp_path: Path, embedder: HashingEmbedder) -> Iterator[Callable[[ColourReader], KnowledgeBase]]:
    opened: list[KnowledgeBase] = []

    def open_one(reader: ColourReader) -> KnowledgeBase:
        opened.append(KnowledgeBase(tmp_path / "chroma", embedder, KnowledgeBaseSettings(), reader))
        return opened[-1]

    yield open_one
    for knowledge_base in opened:
        knowledge_base.close()


def held(knowledge_base: KnowledgeBase) -> list[tuple[str, str, int, str]]:
    return [(image.item, image.source, image.offset, image.sha256) for image in knowledge_base.images()]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a ![the alt](img/x.png) b", [ShownImage(2, "img/x.png", "the alt")]),
        ('![a [b] c](<my shot.png> "Title")', [ShownImage(0, "my shot.png", "a [b] c")]),
        ("![](x_(1).png){ width=30% }", [ShownImage(0, "x_(1).png", "")]),
        ('<img alt="A page" src="a.png">', [ShownImage(0, "a.png", "A page")]),
        (':::image type="content" source="m.png" alt-text="M":::', [ShownImage(0, "m.png", "M")]),
        ("[a link](page.png) and ![ not closed", []),
    ],
)
def test_images_are_found_in_the_text(text: str, found: list[ShownImage]) -> None:
    assert list(shown_images(text)) == found


def test_images_come_from_the_folder_and_from_nowhere_else(tmp_path: Path) -> None:
    reader = FileReader(KnowledgeBaseSettings())
    root = help_with_images(tmp_path / "help")
    (tmp_path / "secret.png").write_bytes(png("secret"))
    (root / "images" / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "sub").mkdir()
    (root / "sub" / "a.md").write_text("x")
    files = ImageFiles(SourceFile(root / "sub" / "a.md", "sub/a.md"), 1_000_000, reader)
    for source in ("../images/firmware.png", "/images/firmware.png", "..%2Fimages%2Ffirmware.png"):
        assert files.read(source, "sub/a.md") == png("firmware")
    for source in (
        "../../secret.png",
        "../images/link.png",
        "https://a.example/images/firmware.png",
        "../images/none.png",
        "a.md",
        "//[",
    ):
        assert files.read(source, "sub/a.md") is None
    assert (
        ImageFiles(SourceFile(root / "a.md", "a.md"), 10, reader).read("images/firmware.png", "a.md") is None
    )


def test_an_image_is_tied_to_its_passage_and_a_changed_copy_finds_it(folder: Path, opened) -> None:
    knowledge_base = opened(ColourReader())
    assert not knowledge_base.has_images
    assert knowledge_base.add_path(folder).failed == ()
    assert knowledge_base.stats().images == 3
    copy = io.BytesIO()
    screen("guests").crop((30, 20, 340, 250)).resize((220, 160)).save(copy, "JPEG", quality=40)
    reading = knowledge_base.read_image(copy.getvalue(), "copy.jpg", "no words in common")
    first, *others = knowledge_base.search_image(reading)
    assert (first.document_id, first.source, first.alt) == ("guests", "images/guests.png", "The guests page")
    assert first.scores["features"] > 4 * max(match.scores["features"] for match in others)
    assert set(first.scores) == {"image", "features", "words"}

    found = knowledge_base.retrieve("", images=[reading])
    assert found.images[0] == first
    assert found.chunks[0].chunk.id == first.chunk_id
    assert "images/guests.png" in found.chunks[0].chunk.text
    assert found.chunks[0].scores["image"] == pytest.approx(first.score)
    assert knowledge_base.image_file(first.sha256).read_bytes() == png("guests")
    assert knowledge_base.image_file("../../etc/passwd") is None


def test_an_image_of_an_internal_article_is_not_found_by_a_customer(folder: Path, opened) -> None:
    for article in folder.glob("*.md"):
        article.write_text(f"---\naudience: internal\n---\n{article.read_text()}")
    knowledge_base = opened(ColourReader())
    knowledge_base.add_path(folder)
    assert knowledge_base.has_images
    reading = knowledge_base.read_image(png("guests"), "shot.png")
    shown = knowledge_base.retrieve("", extra=reading.text, images=[reading])
    assert (shown.chunks, shown.images) == ((), ())
    internal = Filters(audience="internal")
    assert knowledge_base.retrieve("", images=[reading], filters=internal).images != ()


def test_a_screen_that_no_document_shows_moves_nothing(folder: Path, opened) -> None:
    knowledge_base = opened(ColourReader())
    knowledge_base.add_path(folder)
    other = io.BytesIO()
    screen("something else").save(other, "PNG")
    reading = knowledge_base.read_image(other.getvalue(), "other.png", "")
    plain, shown = (
        knowledge_base.retrieve("open firmware"),
        knowledge_base.retrieve("open firmware", images=[reading]),
    )
    assert [c.chunk.id for c in plain.chunks] == [c.chunk.id for c in shown.chunks]
    assert all("image" not in c.scores for c in shown.chunks)


def part(name: str, box: tuple[int, int, int, int], scale: float, quality: int) -> bytes:
    """A small, blurred piece of a screen as a file."""
    piece = screen(name).crop(box)
    file = io.BytesIO()
    size = (round(piece.width * scale), round(piece.height * scale))
    piece.resize(size).save(file, "JPEG", quality=quality)
    return file.getvalue()


def test_a_screen_without_words_finds_what_it_is_a_little_like_where_nothing_else_is(
    folder: Path, opened
) -> None:
    knowledge_base = opened(ColourReader())
    knowledge_base.add_path(folder)
    little = part("guests", (30, 20, 200, 140), 0.5, 20)
    reading = knowledge_base.read_image(little, "little.jpg", "")
    first = knowledge_base.search_image(reading)[0]
    assert first.score < MIN_LIKE
    found = knowledge_base.retrieve("", images=[reading]).chunks
    assert [(one.chunk.id, one.scores["image"]) for one in found] == [(first.chunk_id, first.score)]

    asked = knowledge_base.retrieve("open firmware", images=[reading])
    assert all("image" not in one.scores for one in asked.chunks)
    other = knowledge_base.read_image(part("tickets", (30, 20, 200, 140), 0.5, 20), "other.jpg", "")
    assert knowledge_base.retrieve("", images=[other]).chunks == ()


def test_the_few_words_of_a_windows_frame_do_not_say_which_screen_it_is(folder: Path, opened) -> None:
    knowledge_base = opened(ColourReader())
    knowledge_base.add_path(folder)
    words_of_another = f"window {len(png('firmware'))}"  # all of them, and none of its own
    little = part("guests", (30, 20, 200, 140), 0.5, 20)
    reading = knowledge_base.read_image(little, "little.jpg", words_of_another)
    first, second = knowledge_base.search_image(reading)[:2]
    assert (first.document_id, second.document_id) == ("guests", "firmware")
    assert (first.scores["words"], second.scores["words"]) == (pytest.approx(0, abs=0.7), pytest.approx(1))
    assert first.score < MIN_LIKE
    found = knowledge_base.retrieve("", extra=words_of_another, images=[reading]).chunks
    assert found[0].chunk.id == first.chunk_id

    many = f"{words_of_another} and all that is said on it, in words enough to know it by: {words_of_another}"
    asked = knowledge_base.retrieve("", extra=many, images=[reading]).chunks
    assert all("image" not in one.scores for one in asked)  # there is more to go by than a little likeness


def test_without_a_question_an_image_that_is_alike_counts_more_than_words_on_the_screen(
    folder: Path, opened
) -> None:
    said = "Install the newest version now"
    with (folder / "firmware.md").open("a") as article:
        article.write(f"\n{said}.\n")
    knowledge_base = opened(ColourReader())
    knowledge_base.add_path(folder)
    alike = part("guests", (30, 20, 200, 140), 0.6, 25)
    reading = knowledge_base.read_image(alike, "alike.jpg", said)
    first = knowledge_base.search_image(reading)[0]
    assert MIN_LIKE <= first.score < MIN_SAME
    shown = knowledge_base.retrieve("", extra=said, images=[reading]).chunks
    assert shown[0].chunk.id == first.chunk_id


def test_the_more_is_written_the_more_words_say() -> None:
    assert evidence_of_words("") == evidence_of_words("□□ – ") == 0
    grows = [evidence_of_words(text) for text in ("Remote", "Remote session", "用户组详情", "Remote " * 30)]
    assert grows == sorted(set(grows))
    assert grows[-1] == 1


@pytest.mark.parametrize(
    ("features", "shown"),
    [
        ([14, 8, 7], ["0"]),
        ([14, 12], []),  # two are as little like it
        ([11, 2], []),  # too little
        ([17, 16.8, 3], ["0", "1"]),  # alike, both
        ([3, 14, 4], ["1"]),  # words put another first
        ([], []),
    ],
)
def test_what_is_worth_showing_for_a_screen_without_words(features: list[float], shown: list[str]) -> None:
    matches = [
        ImageMatch("d", "c", str(i), "s", "", same_screen(count, 0.0), {"features": float(count)})
        for i, count in enumerate(features)
    ]
    assert [match.sha256 for match in worth_showing(matches, is_wordless=True)] == shown
    with_words = worth_showing(matches, is_wordless=False)
    assert [match.sha256 for match in with_words] == [str(i) for i, n in enumerate(features) if n > 16.6]


def test_an_image_that_two_pages_show_does_not_stand_in_its_own_way() -> None:
    matches = [
        ImageMatch(document, document, "one", "s", "", 0.3, {"features": 14.0}) for document in ("a", "b")
    ]
    assert worth_showing(matches, is_wordless=True) == matches


def test_unchanged_images_are_not_read_again_and_changed_ones_are(folder: Path, opened) -> None:
    reader = ColourReader()
    knowledge_base = opened(reader)
    knowledge_base.sync_folder(folder)
    assert len(reader.read_names) == 3
    knowledge_base.sync_folder(folder)
    (folder / "firmware.md").write_text("New words before.\n\n" + (folder / "firmware.md").read_text())
    (folder / "again.md").write_text("Once more.\n\n![again](images/guests.png)\n")
    knowledge_base.sync_folder(folder)
    assert len(reader.read_names) == 3
    assert knowledge_base.stats().images == 4

    (folder / "images" / "firmware.png").write_bytes(png("another firmware page"))
    knowledge_base.sync_folder(folder)
    assert len(reader.read_names) == 4
    hashes = {image.source: image.sha256 for image in knowledge_base.images()}
    assert hashes["images/firmware.png"] == hashlib.sha256(png("another firmware page")).hexdigest()
    assert held(opened(ColourReader())) == held(knowledge_base)


def test_what_is_gone_goes_with_its_files(folder: Path, opened, tmp_path: Path) -> None:
    knowledge_base = opened(ColourReader())
    knowledge_base.sync_folder(folder)
    for name, age_s in (("old", 10_000), ("new", 0)):
        unfinished = next((tmp_path / "chroma" / "images").iterdir()) / f"{'0' * 64}.{name}.tmp"
        unfinished.write_bytes(b"half")
        os.utime(unfinished, (time.time() - age_s,) * 2)
    (folder / "guests.md").unlink()
    (folder / "images" / "invoices.png").unlink()
    knowledge_base.sync_folder(folder)
    assert [image.source for image in knowledge_base.images()] == ["images/firmware.png"]
    kept = {
        file.name.rpartition(".")[0] or file.name for file in (tmp_path / "chroma" / "images").glob("*/*")
    }
    sha256 = hashlib.sha256(png("firmware")).hexdigest()
    assert kept == {sha256, f"{sha256}.colours", f"{'0' * 64}.new"}


def test_an_image_that_a_document_shows_no_more_leaves_the_index(folder: Path, opened) -> None:
    knowledge_base = opened(ColourReader())
    knowledge_base.sync_folder(folder)
    (folder / "guests.md").write_text("# About guests\n\nNothing to see.\n")
    knowledge_base.sync_folder(folder)
    stored = {image.item for image in knowledge_base._index.load_images()}
    assert stored == {"document/firmware", "document/invoices"}


def test_texts_are_found_while_images_are_still_read(folder: Path, opened) -> None:
    class Looking(ColourReader):
        def read(self, data: bytes, name: str, text: str | None = None) -> ImageReading:
            found.append(len(knowledge_base.retrieve("open firmware").chunks))
            other = knowledge_base.add_files([SourceFile(note, f"note-{len(found)}.txt")])
            assert other.added == 1, "others can change it meanwhile"
            return super().read(data, name, text)

    found: list[int] = []
    note = folder.parent / "note.txt"
    note.write_text("A note.")
    knowledge_base = opened(Looking())
    assert knowledge_base.add_path(folder).failed == ()
    assert len(found) == 3
    assert all(found)
    assert knowledge_base.stats().images == 3


def test_a_zip_brings_its_images(folder: Path, opened, tmp_path: Path) -> None:
    archive = tmp_path / "help.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in sorted(folder.rglob("*")):
            packed.write(file, f"docs/{file.relative_to(folder).as_posix()}")
    knowledge_base = opened(ColourReader())
    assert knowledge_base.add_path(archive).failed == ()
    assert {image.source for image in knowledge_base.images()} == {f"images/{name}.png" for name in SCREENS}


def test_a_damaged_image_is_told_and_the_others_go_in(folder: Path, opened) -> None:
    (folder / "images" / "firmware.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    knowledge_base = opened(ColourReader())
    report = knowledge_base.add_path(folder)
    assert report.added == 3
    assert report.failed == (
        ("firmware.md", "images/firmware.png: images/firmware.png is damaged. Save it again."),
    )
    assert knowledge_base.stats().images == 2


def test_another_reader_builds_its_own_beside_and_reads_the_stored_files(folder: Path, opened) -> None:
    first = opened(ColourReader())
    first.add_path(folder)
    for file in (folder / "images").iterdir():
        file.unlink()
    reader = ColourReader("other-colours")
    second = opened(reader)
    assert not second.has_images
    second.reindex()
    assert len(reader.read_names) == 3
    assert held(second) == held(first)
    second.reindex()
    assert len(reader.read_names) == 3


_INGEST = """
import sys
from pathlib import Path
from knowledge_base.base import KnowledgeBase
from knowledge_base.read_file import FileReader
from knowledge_base.scope import Filters
from knowledge_base.settings import KnowledgeBaseSettings
from tests.knowledge_base.conftest import HashingEmbedder
from tests.knowledge_base.test_images import ColourReader

class Telling(ColourReader):
    def read(self, data, name, text=None):
        print(name, flush=True)
        return super().read(data, name, text)

folder, place = map(Path, sys.argv[1:])
opened = KnowledgeBase(place, HashingEmbedder(), KnowledgeBaseSettings(), Telling())
print("open", flush=True)
opened.sync_folder(folder)
print("done", flush=True)
"""


def test_killed_between_images_it_goes_on_where_it_was(folder: Path, opened, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _INGEST, str(folder), str(tmp_path / "chroma")]
    read: list[str] = []
    for lines in (
        2,
        2,
        3,
    ):  # killed at the first image, at the next one that is not there yet, and at the end
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            told = [process.stdout.readline().strip() for _ in range(lines)]
            process.send_signal(signal.SIGKILL)
        read += [name for name in told if name.endswith(".png")]
    reader = ColourReader()
    knowledge_base = opened(reader)
    knowledge_base.sync_folder(folder)
    clean = KnowledgeBase(tmp_path / "clean", HashingEmbedder(), KnowledgeBaseSettings(), ColourReader())
    clean.sync_folder(folder)
    try:
        assert held(knowledge_base) == held(clean)
        assert len(reader.read_names) < 3, "what was read before a kill is not read again"
    finally:
        clean.close()
