"""Suggested questions and related articles beside the chat, in a real browser."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, expect

from chatbot.assistant import Assistant
from chatbot.insights.suggestions import Step, Suggester
from chatbot.services import Services
from chatbot.settings import Settings
from chatbot.web.server import create_app
from chatbot.web.ui.next_steps import related_html
from knowledge_base.base import KnowledgeBase
from knowledge_base.documents import FaqEntry
from knowledge_base.settings import KnowledgeBaseSettings
from tests.chatbot.insights.made import Said, put
from tests.chatbot.insights.test_recommend import IDS, PAIRS
from tests.fakes import FakeGenerator, FakeIntents, FakePerceiver
from tests.knowledge_base.conftest import HashingEmbedder
from tests.web.test_browser import violations


def test_links_lead_to_web_pages_only_and_are_escaped() -> None:
    shown = related_html(
        (Step("a", "A <b>", "https://help.example/?a=1&b"), Step("b", "B", "javascript:x")), "en"
    )
    assert 'href="https://help.example/?a=1&amp;b"' in shown
    assert "A &lt;b&gt;" in shown
    assert "javascript" not in shown
    assert related_html((Step("b", "B", "javascript:x"),), "en") == ""


Served = tuple[str, Assistant]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("next")
    services = Services(Settings(data_dir=folder / "data", engine="openai", example_company=False))
    knowledge_base = KnowledgeBase(folder / "chroma", HashingEmbedder(), KnowledgeBaseSettings())
    for key, question in zip(IDS, (q for pair in PAIRS for q in pair), strict=True):
        knowledge_base.add_entry(FaqEntry(key, question, f"The answer to {key}."))
    for n in range(260):
        turns = (Said("?", documents=(IDS[2 * (n % 4)],)), Said("?", 0.1, documents=(IDS[2 * (n % 4) + 1],)))
        put(
            services.store.database,
            *turns,
            visitor=f"v{n}",
            at=datetime.now(UTC) - timedelta(days=3, minutes=n),
        )
    services.suggester = Suggester(services.store.database, lambda: knowledge_base, knowledge_base.encode)
    assert services.suggester.learn().is_won
    assistant = Assistant(
        store=services.store,
        perceiver=FakePerceiver(),
        knowledge_base=knowledge_base,
        generator=FakeGenerator(),
        settings=services.settings,
    )
    services.assistant = lambda: assistant  # type: ignore[method-assign]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(services), log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", assistant
        server.should_exit = True
        thread.join(30)
    knowledge_base.close()
    services.close()


@pytest.fixture
def address(served: Served) -> str:
    return served[0]


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_a_suggested_question_is_asked_with_one_press(chromium: Browser, address: str) -> None:
    context = chromium.new_context(viewport={"width": 1100, "height": 800}, locale="en-GB")
    context.set_default_timeout(240_000)
    page = context.new_page()
    page.goto(address)
    expect(page.locator(".fd-header p")).not_to_be_empty()
    expect(page.locator("button.fd-next:visible")).to_have_count(0)
    page.locator("#fd-box textarea").fill("How do I pay?")
    page.locator("#fd-box textarea").press("Enter")
    expect(page.locator("#fd-chat .bot-row")).to_have_count(1)
    button = page.get_by_role("button", name="When comes my refund?", exact=True)
    expect(button).to_be_visible()
    assert violations(page) == []
    button.click()
    expect(page.locator("#fd-chat .user-row").last).to_contain_text("When comes my refund?")
    expect(page.locator("#fd-chat .bot-row")).to_have_count(2)
    expect(page.locator("#fd-chat")).to_contain_text("The answer to q01.")
    expect(button).to_have_count(0)  # what was asked is not offered again
    context.close()


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_questions_that_may_be_meant_are_buttons_until_the_next_message(
    chromium: Browser, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, assistant = served
    asked_back = {"something about pay": {"q00": 0.3, "q01": 0.25}}
    monkeypatch.setattr(assistant, "_intents", FakeIntents(asked_back))
    settings = assistant._settings.model_copy(update={"clarify_min_similarity": -1})
    monkeypatch.setattr(assistant, "_settings", settings)
    context = chromium.new_context(viewport={"width": 1100, "height": 800}, locale="en-GB")
    context.set_default_timeout(240_000)
    page = context.new_page()
    page.goto(address)
    expect(page.locator(".fd-header p")).not_to_be_empty()
    page.locator("#fd-box textarea").fill("something about pay")
    page.locator("#fd-box textarea").press("Enter")
    expect(page.locator("#fd-chat .bot-row")).to_contain_text("I am not sure which of these you mean.")
    options = page.locator("button.fd-next:visible")
    expect(options).to_have_count(2)
    assert violations(page) == []
    page.reload()
    expect(options).to_have_count(2)
    options.first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#fd-chat .bot-row").last).to_contain_text("The answer to q00.")
    expect(options.filter(has_text="How do I pay?")).to_have_count(0)
    context.close()
