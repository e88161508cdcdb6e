"""Updates in quick succession, and what a page that draws only the newest of them shows."""

from collections.abc import Iterator
from typing import Any

import pytest

from chatbot.web.ui import repeated as module
from chatbot.web.ui.repeated import REPEAT_S, repeated


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def drawn(updates: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """What stays when only the last of several updates within a frame counts."""
    return list(updates)[-1]


def test_the_last_update_of_a_frame_holds_those_before_it(clock: list[float]) -> None:
    @repeated
    def turn(name: str) -> Iterator[dict[str, Any]]:
        yield {"box": "", "status": "reading"}
        yield {"chat": name}
        yield {"status": ""}

    assert drawn(turn("an answer")) == {"box": "", "chat": "an answer", "status": ""}


def test_what_was_drawn_long_ago_is_not_sent_again(clock: list[float]) -> None:
    @repeated
    def turn() -> Iterator[dict[str, Any]]:
        yield {"box": ""}
        clock[0] += REPEAT_S / 2
        yield {"chat": "An"}
        clock[0] += REPEAT_S
        yield {"chat": "An answer"}
        yield {"status": ""}

    assert list(turn()) == [
        {"box": ""},
        {"box": "", "chat": "An"},
        {"chat": "An answer"},
        {"chat": "An answer", "status": ""},
    ]


def test_an_error_comes_after_what_was_sent_before_it(clock: list[float]) -> None:
    @repeated
    def turn() -> Iterator[dict[str, Any]]:
        try:
            yield {"status": "working"}
            raise ValueError("broken")
        finally:
            yield {"button": "on"}

    updates = turn()
    assert next(updates) == {"status": "working"}
    assert next(updates) == {"status": "working", "button": "on"}
    with pytest.raises(ValueError, match="broken"):
        next(updates)
