"""The tab "Insights" in a real browser, with a real server and a tiny embedder."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from chatbot.services import Services
from chatbot.settings import Settings
from chatbot.web.server import create_app
from finetune.web.mount import mount_finetune_page
from knowledge_base.base import KnowledgeBase
from knowledge_base.settings import KnowledgeBaseSettings
from tests.chatbot.insights.made import Said, put
from tests.knowledge_base.conftest import HashingEmbedder
from tests.web.test_browser import violations
from tests.web.test_finetune_page import opened

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LATE = "My parcel is late again, this is ridiculous!! Call +49 30 1234567"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Services]]:
    folder: Path = tmp_path_factory.mktemp("insights")
    services = Services(Settings(data_dir=folder / "data", engine="openai"))
    knowledge_base = KnowledgeBase(folder / "chroma", HashingEmbedder(), KnowledgeBaseSettings())
    services.loaded = lambda: SimpleNamespace(knowledge_base=knowledge_base)  # type: ignore[assignment, method-assign]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(services, (mount_finetune_page,)), log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", services
        server.should_exit = True
        thread.join(30)
    knowledge_base.close()
    services.close()


def fill(services: Services) -> None:
    """Three weeks of payments and refunds, and parcels that are late since this morning."""
    now, database = datetime.now(UTC), services.store.database
    for day in range(1, 22):
        at = now - timedelta(days=day, minutes=5)
        put(database, Said("How do I pay with my card?", documents=("cards",)), visitor=f"a{day}", at=at)
        put(database, Said("Can I pay with my card online?", kind="image"), visitor=f"b{day}", at=at)
        rated = (-1,) if day < 9 else ()
        put(database, Said("How long do I wait for my refund?", documents=("refunds",), ratings=rated), at=at)
    for n in range(9):
        put(database, Said(LATE, decision="decline"), visitor=f"l{n}", at=now - timedelta(hours=1))


def show(page: Page, name: str) -> None:
    page.locator("#ft-tabs").get_by_role("tab", name=name, exact=True).click()
    expect(page.locator("#in-unanswered")).not_to_be_empty()
    expect(page.locator("#in-status .fd-status")).to_be_empty()


def test_what_is_missing_is_said_and_then_a_surge_is_shown(
    chromium: Browser, site: tuple[str, Services]
) -> None:
    address, services = site
    page = opened(chromium, address)
    show(page, "Insights")
    expect(page.locator("#in-total")).to_contain_text("No customer wrote anything in this period")
    expect(page.locator("#in-surges")).to_contain_text("Not tested yet")
    expect(page.locator("#in-topics")).to_contain_text("No topic yet")
    expect(page.locator("#in-unanswered")).to_contain_text("nothing was asked yet")
    assert violations(page) == []

    fill(services)
    page.locator("#in-show").click()
    expect(page.locator("#in-total")).to_contain_text("72 messages in 72 conversations")
    expect(page.locator("#in-surges")).to_contain_text("9 negative messages in the last 24 hours")
    expect(page.locator("#in-topics")).to_contain_text("parcel")
    expect(page.locator("#in-topics")).not_to_contain_text("1234567")
    expect(page.locator("#in-outcomes")).to_contain_text("the customer came back to the same matter")
    expect(page.locator("#in-misleading")).to_contain_text("Refunds")
    expect(page.locator("#in-unanswered")).to_contain_text("My parcel is late again")
    expect(page.locator("#in-volume canvas, #in-volume svg").first).to_be_visible()
    expect(page.locator("#in-moods canvas, #in-moods svg").first).to_be_visible()
    assert violations(page) == []
    page.context.close()


def test_it_is_read_in_the_dark_on_a_phone_and_in_chinese(
    chromium: Browser, site: tuple[str, Services]
) -> None:
    page = opened(
        chromium, site[0], color_scheme="dark", locale="zh-CN", viewport={"width": 360, "height": 740}
    )
    show(page, "洞察")
    expect(page.locator("#in-total")).to_contain_text("条消息")
    expect(page.locator("#in-surges")).to_contain_text("最近 24 小时有 9 条负面消息")
    expect(page.locator("#in-outcomes")).to_contain_text("推定解决")
    assert page.evaluate(SIDEWAYS) == 0
    assert violations(page) == []
    page.context.close()
