"""Which screenshots of a turn are compared with images of documents."""

from pathlib import Path

from chatbot.messages import Observation, OcrLine, ScreenReading
from chatbot.screen_search import screen_images
from knowledge_base.errors import DocumentError
from knowledge_base.image_reading import ImageReading
from tests.fakes import FakeKnowledgeBase


def shot(sha256: str, text: str) -> ScreenReading:
    return ScreenReading(sha256, (OcrLine(text, 0.9, (0, 0, 9, 9)),), 10, 10, visual_sha256=sha256)


class Refusing(FakeKnowledgeBase):
    def read_image(self, data: bytes, name: str, text: str | None = None) -> ImageReading:
        if data == b"broken":
            raise DocumentError("It is damaged.")
        return super().read_image(data, name, text)


def test_nothing_is_read_where_no_document_has_an_image(tmp_path: Path) -> None:
    seen = Observation("", screens=(shot("a", "one"),))
    assert screen_images(FakeKnowledgeBase(), seen, tmp_path.joinpath) == ()


def test_the_first_two_are_read_with_what_is_written_on_them(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(b"image")
    seen = Observation("", screens=(shot("a", "one"), shot("b", "two"), shot("c", "three")))
    found = screen_images(FakeKnowledgeBase(has_images=True), seen, tmp_path.joinpath)
    assert [reading.text for reading in found] == ["one", "two"]


def test_what_is_gone_or_damaged_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"broken")
    seen = Observation("", screens=(shot("a", "one"), shot("gone", "two")))
    assert screen_images(Refusing(has_images=True), seen, tmp_path.joinpath) == ()
