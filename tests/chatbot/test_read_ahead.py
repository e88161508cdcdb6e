"""Attached pictures are read one after the other, forgotten when they are detached, and sent as without it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from chatbot.attachments import AttachmentStore
from chatbot.errors import AttachmentError
from chatbot.media import DecodedImage
from chatbot.messages import OcrLine
from chatbot.privacy import pattern_redactor
from chatbot.privacy.looked_once import LookedOnce
from chatbot.privacy.screens import ScreenRedactor
from chatbot.read_ahead import ReadAhead
from chatbot.settings import Settings

A, B, C, D, E = (Path(f"{name}.png") for name in "abcde")
MAIL = OcrLine("write to ann.b@shop.example today", 0.9, (10, 10, 330, 30))


def opens(path: Path, name: str) -> DecodedImage | None:
    if path.suffix == ".txt":
        return None
    if path.stem == "broken":
        raise AttachmentError(f"{name} is damaged.")
    return DecodedImage(path.stem.encode(), "image/png", 1, 1)


class Pictures:
    """Notes what is looked at, in order, and what is forgotten; can be held up."""

    def __init__(self) -> None:
        self.looked: list[str] = []
        self.forgotten: list[str] = []
        self.old = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def ahead(self, data: bytes, media_type: str) -> None:
        self.looked.append(data.decode())
        assert self.may_go_on.wait(10)
        if data == b"fails":
            raise OSError("secret words of the picture")

    def forget(self, key: str) -> None:
        self.forgotten.append(key)

    def forget_old(self) -> None:
        self.old += 1


@pytest.fixture
def pictures() -> Pictures:
    return Pictures()


@pytest.fixture
def ahead(pictures: Pictures) -> Iterator[ReadAhead]:
    made = ReadAhead(opens, pictures, most_waiting=3, look_s=0.01)
    yield made
    pictures.may_go_on.set()
    made.close()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_attached_pictures_are_read_in_order_each_once(ahead: ReadAhead, pictures: Pictures) -> None:
    ahead.attached("tab", [A])
    ahead.attached("tab", [A, B])
    ahead.attached("tab", [A, B])
    until(lambda: pictures.looked == ["a", "b"])


def test_what_is_no_picture_or_damaged_is_left_for_sending(ahead: ReadAhead, pictures: Pictures) -> None:
    ahead.attached("one", [Path("note.txt"), Path("broken.png")])
    ahead.attached("two", [A])
    until(lambda: pictures.looked == ["a"])


def test_what_is_detached_is_forgotten_or_never_begun(ahead: ReadAhead, pictures: Pictures) -> None:
    pictures.may_go_on.clear()
    ahead.attached("tab", [A, B])
    until(lambda: pictures.looked == ["a"])
    ahead.attached("tab", [])
    ahead.attached("other", [C])
    pictures.may_go_on.set()
    until(lambda: pictures.looked == ["a", "c"])
    assert len(pictures.forgotten) >= 1


def test_what_lies_in_another_tab_too_is_not_forgotten(ahead: ReadAhead, pictures: Pictures) -> None:
    ahead.attached("one", [A])
    ahead.attached("two", [Path("elsewhere/a.png")])
    until(lambda: pictures.looked == ["a", "a"])
    ahead.attached("one", [])
    assert pictures.forgotten == []
    ahead.attached("two", [])
    assert len(pictures.forgotten) == 1


def test_too_many_that_wait_are_left_for_sending(ahead: ReadAhead, pictures: Pictures) -> None:
    pictures.may_go_on.clear()
    ahead.attached("one", [A])
    until(lambda: pictures.looked == ["a"])
    ahead.attached("two", [B, C, D])
    ahead.attached("three", [E])
    pictures.may_go_on.set()
    until(lambda: pictures.looked == ["a", "b", "c", "d"])
    ahead.attached("three", [E])
    until(lambda: pictures.looked == ["a", "b", "c", "d", "e"])


def test_a_failure_ends_nothing_and_tells_nothing_of_the_picture(
    ahead: ReadAhead, pictures: Pictures, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ahead.attached("tab", [Path("fails.png"), A])
    until(lambda: pictures.looked == ["fails", "a"])
    assert "OSError" in caplog.text
    assert "secret" not in caplog.text
    assert "fails" not in caplog.text


def test_what_was_kept_long_enough_is_looked_for_while_nobody_does_anything(
    ahead: ReadAhead, pictures: Pictures
) -> None:
    ahead.attached("tab", [A])
    until(lambda: pictures.looked == ["a"])
    before = pictures.old
    until(lambda: pictures.old > before + 2)


def test_after_the_end_nothing_is_read(pictures: Pictures) -> None:
    ahead = ReadAhead(opens, pictures)
    ahead.attached("tab", [A])
    until(lambda: pictures.looked == ["a"])
    ahead.close()
    assert len(pictures.forgotten) == 1
    ahead.attached("tab", [B])
    assert pictures.looked == ["a"]
    ahead.close()


class Reads:
    """Finds a mail address on the first look at each picture."""

    def __init__(self) -> None:
        self.looks = 0

    def read(self, image: Image.Image) -> tuple[OcrLine, ...]:
        self.looks += 1
        return (MAIL,) if image.getpixel((150, 20)) == (255, 255, 255) else ()


def test_what_was_read_ahead_is_stored_and_known_as_if_it_had_not_been(
    settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "screen.png"
    Image.new("RGB", (400, 100), "white").save(path)
    plain_screens = ScreenRedactor(Reads(), pattern_redactor)
    plain = AttachmentStore(tmp_path / "plain", settings, screens=plain_screens).add(path, path.name)

    reads = Reads()
    screens = ScreenRedactor(reads, pattern_redactor)
    pictures = LookedOnce(screens)
    store = AttachmentStore(tmp_path / "ahead", settings, screens=pictures)
    ahead = ReadAhead(store.picture, pictures)
    ahead.attached("tab", [path])
    until(lambda: pictures.kept == 1)
    until(lambda: reads.looks == 2)
    assert not (tmp_path / "ahead").exists()
    assert screens.lines_of(plain.sha256) is None
    sent = store.add(path, path.name)
    assert sent == plain
    assert reads.looks == 2
    assert screens.lines_of(sent.sha256) == plain_screens.lines_of(plain.sha256) == (MAIL,)
    ahead.close()
