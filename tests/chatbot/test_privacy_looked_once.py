"""The same picture is looked through once, and nothing of one that is not sent is known or kept for long."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from chatbot.messages import OcrLine
from chatbot.privacy.looked_once import LookedOnce, key_of
from chatbot.privacy.screens import LookedThrough

PNG = "image/png"
LINE = OcrLine("Error WR-204", 0.9, (0, 0, 9, 9))


class Screens:
    """Counts its looks; each can be held up, or fail once."""

    def __init__(self) -> None:
        self.looks: list[bytes] = []
        self.remembered: list[LookedThrough] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.has_begun = threading.Event()
        self.failures = 0

    def look(self, data: bytes, media_type: str) -> LookedThrough:
        self.looks.append(data)
        self.has_begun.set()
        assert self.may_go_on.wait(10)
        if self.failures:
            self.failures -= 1
            raise OSError("the engine is broken")
        return LookedThrough(b"covered " + data, (LINE,))

    def remember(self, looked: LookedThrough) -> None:
        self.remembered.append(looked)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def screens() -> Screens:
    return Screens()


@pytest.fixture
def pictures(screens: Screens) -> LookedOnce:
    return LookedOnce(screens)


def test_a_picture_that_was_looked_through_ahead_is_not_looked_through_again(
    screens: Screens, pictures: LookedOnce
) -> None:
    pictures.ahead(b"one", PNG)
    pictures.ahead(b"one", PNG)
    assert pictures.redacted(b"one", PNG) == b"covered one"
    assert screens.looks == [b"one"]


def test_the_words_are_known_once_it_was_sent_and_nothing_is_kept_then(
    screens: Screens, pictures: LookedOnce
) -> None:
    pictures.ahead(b"one", PNG)
    assert screens.remembered == []
    pictures.redacted(b"one", PNG)
    assert screens.remembered == [LookedThrough(b"covered one", (LINE,))]
    assert pictures.kept == 0


def test_who_sends_a_picture_that_is_being_looked_through_waits_for_it(
    screens: Screens, pictures: LookedOnce
) -> None:
    screens.may_go_on.clear()
    with ThreadPoolExecutor(2) as pool:
        ahead = pool.submit(pictures.ahead, b"one", PNG)
        assert screens.has_begun.wait(10)
        sent = pool.submit(pictures.redacted, b"one", PNG)
        assert not sent.done()
        screens.may_go_on.set()
        assert sent.result(10) == b"covered one"
        ahead.result(10)
    assert screens.looks == [b"one"]


def test_who_waits_gets_it_also_when_it_is_forgotten_meanwhile(
    screens: Screens, pictures: LookedOnce
) -> None:
    screens.may_go_on.clear()
    with ThreadPoolExecutor(2) as pool:
        pool.submit(pictures.ahead, b"one", PNG)
        assert screens.has_begun.wait(10)
        sent = pool.submit(pictures.redacted, b"one", PNG)
        pictures.forget(key_of(b"one", PNG))
        screens.may_go_on.set()
        assert sent.result(10) == b"covered one"
    assert pictures.kept == 0


def test_what_failed_ahead_is_tried_again_when_it_is_sent_and_fails_as_it_would_have(
    screens: Screens, pictures: LookedOnce
) -> None:
    screens.failures = 2
    with pytest.raises(OSError, match="broken"):
        pictures.ahead(b"one", PNG)
    with pytest.raises(OSError, match="broken"):
        pictures.redacted(b"one", PNG)
    assert pictures.redacted(b"one", PNG) == b"covered one"
    assert len(screens.looks) == 3


def test_who_waited_for_a_look_that_failed_looks_themselves(screens: Screens, pictures: LookedOnce) -> None:
    screens.failures = 1
    screens.may_go_on.clear()
    with ThreadPoolExecutor(2) as pool:
        ahead = pool.submit(pictures.ahead, b"one", PNG)
        assert screens.has_begun.wait(10)
        sent = pool.submit(pictures.redacted, b"one", PNG)
        screens.may_go_on.set()
        assert sent.result(10) == b"covered one"
        assert isinstance(ahead.exception(10), OSError)


def test_other_bytes_and_other_types_are_other_pictures(screens: Screens, pictures: LookedOnce) -> None:
    pictures.ahead(b"one", PNG)
    pictures.redacted(b"two", PNG)
    pictures.redacted(b"one", "image/jpeg")
    assert screens.looks == [b"one", b"two", b"one"]


def test_what_is_not_sent_is_forgotten_when_it_is_removed_or_after_a_while(screens: Screens) -> None:
    clock = Clock()
    pictures = LookedOnce(screens, kept_s=60, clock=clock)
    pictures.ahead(b"one", PNG)
    pictures.ahead(b"two", PNG)
    pictures.forget(key_of(b"one", PNG))
    assert pictures.kept == 1
    clock.now = 61
    pictures.forget_old()
    assert pictures.kept == 0
    pictures.redacted(b"two", PNG)
    assert screens.looks == [b"one", b"two", b"two"]


def test_what_lies_longest_makes_room(screens: Screens) -> None:
    pictures = LookedOnce(screens, kept_bytes=2 * len(b"covered one"))
    for data in (b"one", b"two", b"six"):
        pictures.ahead(data, PNG)
    assert pictures.kept == 2
    pictures.redacted(b"one", PNG)
    assert screens.looks == [b"one", b"two", b"six", b"one"]
