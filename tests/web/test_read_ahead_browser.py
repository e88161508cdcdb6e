"""Files in the chat page's box reach the server when they are attached, in a real browser; what is typed does not."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from chatbot.handoff_desk import HandoffDesk
from chatbot.settings import Settings
from chatbot.store import ConversationStore
from chatbot.web.ui.mount import mount_page
from chatbot.web.ui.page import PageParts
from tests.conftest import EXAMPLES
from tests.web.test_browser import attach, box
from tests.web.test_chat import FakeAttachments, Unlimited

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SCREENSHOTS = [
    EXAMPLES / "screenshots" / name for name in ("card-declined-dark.png", "guest-settings-dark.png")
]


@dataclass
class Noted:
    """Every list of files that a tab told of, by name."""

    lists: list[list[str]] = field(default_factory=list)
    tabs: set[str] = field(default_factory=set)
    uploaded: bool = True

    def attached(self, tab: str, paths: Sequence[Path]) -> None:
        self.tabs.add(tab)
        self.lists.append([path.name for path in paths])
        self.uploaded &= all(path.is_file() for path in paths)


class Speechless:
    """Answers nothing."""

    def respond(self, message: Any, conversation_id: str, visitor_id: str) -> Iterator[Any]:
        return iter(())


@pytest.fixture
def noted() -> Noted:
    return Noted()


@pytest.fixture
def page(chromium: Browser, tmp_path: Path, settings: Settings, noted: Noted) -> Iterator[Page]:
    store = ConversationStore(f"sqlite:///{tmp_path / 'page.db'}")
    parts = PageParts(
        store=store,
        attachments=FakeAttachments(tmp_path),
        handoff=HandoffDesk(store, settings.handoff),
        assistant=Speechless,
        limits=Unlimited(),
        address=lambda request: "",
        max_attachments=6,
        browser_secret="s" * 64,
        company_name="Wrenfield",
        read_ahead=noted,
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(mount_page(FastAPI(), parts, 10_000_000), port=port, log_level="warning")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    context = chromium.new_context(viewport={"width": 1100, "height": 800}, locale="en-GB")
    opened = context.new_page()
    opened.goto(f"http://127.0.0.1:{port}")
    expect(opened.locator(".fd-header p")).not_to_be_empty()
    yield opened
    context.close()
    server.should_exit = True
    thread.join(30)
    store.close()


def until(is_so: Any, patience_s: float = 60) -> None:
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait(page: Page, is_so: Any) -> None:
    """As `until`, while the browser goes on."""
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def test_files_are_told_when_they_are_attached_or_detached_and_words_never(page: Page, noted: Noted) -> None:
    sent: list[str] = []
    page.on(
        "request", lambda request: sent.append(request.post_data or "") if request.method == "POST" else None
    )
    first, second = (path.name for path in SCREENSHOTS)
    attach(page, SCREENSHOTS[0])
    wait(page, lambda: noted.lists == [[first]])
    sent.clear()
    box(page).press_sequentially("my secret question")
    page.wait_for_timeout(500)
    assert sent == []
    page.locator("#fd-box input[type=file]").first.set_input_files(SCREENSHOTS[1])
    wait(page, lambda: noted.lists[-1] == [first, second])
    page.locator("#fd-box .thumbnail-item .delete-button, #fd-box .thumbnail-wrapper button").first.click()
    wait(page, lambda: len(noted.lists[-1]) == 1)
    assert not any("secret" in body for body in sent)
    assert len(noted.tabs) == 1
    assert noted.uploaded


def test_after_sending_nothing_lies_in_the_box(page: Page, noted: Noted) -> None:
    attach(page, SCREENSHOTS[0])
    wait(page, lambda: noted.lists == [[SCREENSHOTS[0].name]])
    box(page).fill("What does this mean?")
    box(page).press("Enter")
    wait(page, lambda: noted.lists[-1] == [])
    assert noted.lists == [[SCREENSHOTS[0].name], []]
