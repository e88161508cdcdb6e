"""The page for fine-tuning in a real browser, with a real server and without any model."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from chatbot.audit import THIS_MACHINE, AuditLog
from chatbot.services import Services
from chatbot.settings import Settings
from chatbot.web.server import create_app
from finetune.registry import AdapterRegistry
from finetune.web.mount import PATH, mount_finetune_page
from tests.chatbot.tiny_adapters import FAILED, PASSED, make_adapter
from tests.web.conftest import PATIENCE_MS
from tests.web.test_browser import violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
TABLE = "a,b,c\n7,customer,Is <b>it</b> broken?\n7,agent,Restart it please.\n8,customer,Nobody answers\n"


@contextmanager
def served(services: Services) -> Iterator[str]:
    """The address of a server with the administration page."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(create_app(services, (mount_finetune_page,)), log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("admin")
    registry = AdapterRegistry(folder / "data")
    registry.register(make_adapter(folder / "shop-1", id="shop-1"), PASSED)
    for number in (2, 3):
        registry.register(
            make_adapter(folder / f"shop-{number}", id=f"shop-{number}", weights_seed=number), FAILED
        )
    services = Services(Settings(data_dir=folder / "data", engine="openai"))  # a remote base: nothing to load
    yield services
    services.close()


@pytest.fixture(scope="module")
def address(services: Services) -> Iterator[str]:
    with served(services) as address:
        yield address


def opened(chromium: Browser, address: str, **options: Any) -> Page:
    context = chromium.new_context(
        **{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **options}
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(f"{address}{PATH}")
    expect(page.locator(".ft-header p").first).not_to_be_empty()
    return page


def choose(page: Page, field: str, option: str) -> None:
    page.locator(f"{field} input").click()
    page.get_by_role("option", name=option, exact=True).click()
    expect(page.get_by_role("option")).to_have_count(0)  # the list fades out; the next one has the same names


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def test_transcripts_are_mapped_previewed_and_imported_and_an_adapter_is_promoted(
    chromium: Browser, address: str, services: Services, tmp_path: Path
) -> None:
    page = opened(chromium, address)
    table = tmp_path / "chats.csv"
    table.write_text(TABLE, encoding="utf-8")
    page.locator("#ft-files input[type=file]").first.set_input_files(table)
    expect(page.locator("#ft-preview")).to_contain_text("columns do not say what they hold")
    for field, column in (("text", "c"), ("role", "b"), ("conversation_id", "a")):
        choose(page, f"#ft-map-{field}", column)
    expect(page.locator("#ft-preview .ft-turn").first).to_contain_text("Is <b>it</b> broken?")
    expect(page.locator("#ft-preview")).to_contain_text("every message is by the customer")
    assert violations(page) == []
    page.locator("#ft-import").click()
    expect(page.locator("#ft-report")).to_contain_text("1 conversations with 2 turns are imported.")
    expect(page.locator("#ft-report")).to_contain_text("no_agent")
    expect(page.locator("#ft-which")).to_be_hidden()

    open_tab(page, "Training")
    expect(page.locator("#ft-training")).to_have_text("Nothing was trained from here yet.")
    expect(page.locator("#ft-cancel")).to_be_hidden()
    assert violations(page) == []

    open_tab(page, "Adapters")
    expect(page.locator("#ft-details")).to_contain_text("It refuses too often")
    page.locator("#ft-promote").click()
    expect(page.locator(".toast-body")).to_contain_text("It refuses too often")
    choose(page, "#ft-adapter", "shop-1")
    expect(page.locator("#ft-force")).to_be_hidden()
    page.locator("#ft-promote").click()
    expect(page.locator("#ft-adapter-status")).to_have_text("shop-1 now answers everybody.")
    expect(page.locator("#ft-adapters tr", has_text="shop-1")).to_contain_text("current")
    page.locator("#ft-export").click()
    with page.expect_download() as download:
        page.locator("#ft-download").click()
    assert download.value.suggested_filename == "shop-1.tar"
    choose(page, "#ft-adapter", "shop-3")
    page.locator("#ft-force textarea, #ft-force input").fill("shop-3")
    page.locator("#ft-try").click()
    expect(page.locator("#ft-adapter-status")).to_contain_text("shop-3")
    page.locator("#ft-rollback").click()
    expect(page.locator("#ft-adapter-status")).not_to_contain_text("shop-3")
    page.locator("#ft-delete").click()
    page.locator("#ft-sure").click()
    expect(page.locator("#ft-adapters")).not_to_contain_text("shop-3")
    entries = list(AuditLog(services.store.database).entries())
    assert {entry.actor for entry in entries} == {THIS_MACHINE}
    assert [(entry.action, entry.target) for entry in entries] == [
        ("transcripts-imported", ""),
        ("adapter-promoted", "shop-1"),
        ("adapter-exported", "shop-1"),
        ("adapter-tried", "shop-3"),
        ("adapter-rolled-back", "shop-1"),
        ("adapter-deleted", "shop-3"),
    ]
    assert entries[0].details == {"count": 1}
    assert entries[1].details == {"share_percent": 100.0, "because": ""}
    assert entries[3].details == {"share_percent": 10, "because": "typed its id on the page"}
    assert violations(page) == []
    page.context.close()


def test_every_step_is_usable_in_the_dark_on_a_phone_and_in_chinese(chromium: Browser, address: str) -> None:
    page = opened(
        chromium, address, color_scheme="dark", locale="zh-CN", viewport={"width": 360, "height": 740}
    )
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.get_by_role("tab", name="微调", exact=True)).to_be_visible()
    expect(page.locator("#ft-report")).to_be_visible()
    assert violations(page) == []
    sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(sideways) == 0
    page.locator("#ft-steps .overflow-menu > button").last.click()
    page.locator("#ft-steps .overflow-dropdown button", has_text="适配器").click()
    expect(page.locator("#ft-adapters")).to_contain_text("候选")
    assert page.evaluate(sideways) == 0
    assert violations(page) == []
    page.context.close()
