"""The widget on a page of another origin: a server on fakes, a host page on its own port, one real Chromium."""

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from chatbot.assistant import Assistant
from chatbot.attachments import AttachmentStore
from chatbot.database import Database
from chatbot.handoff_desk import HandoffDesk
from chatbot.settings import Settings
from chatbot.store import ConversationStore
from chatbot.web.api.mount import add_api
from chatbot.web.api.parts import ApiParts
from chatbot.web.widget.demo import with_demo_site
from chatbot.web.widget.mount import add_widget
from chatbot.web_settings import SiteSettings, WebSettings
from chatbot.widget_settings import Day, WidgetSettings
from tests.fakes import FakeGenerator, FakeKnowledgeBase, FakePerceiver
from tests.web.conftest import CHROMIUM_ARGUMENTS, chromium_path
from tests.web.widget.part_host import PartHost

PATIENCE_MS = 20_000
PATIENCE_S = 20.0
SECRET = "s" * 64
CUSTOMER_SECRET = "c" * 40
RETURNS = "How long can I return a Dot?"
SAYS = "You can return a Dot within 45 days. [1] Returns are free within Germany. [1]"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1100, "height": 800}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 760}, "has_touch": True, "is_mobile": True}
DAYS: tuple[Day, ...] = get_args(Day)
OPENS = DAYS[(datetime.now(UTC).weekday() + 3) % 7]
"""The one day in which people answer on the site "closed": neither today nor tomorrow."""
CSP = "default-src 'none'; script-src {url}; connect-src {url}; base-uri 'none'; require-trusted-types-for 'script'"


class PacedGenerator(FakeGenerator):
    """Says its words at once, or each when it is told to while `is_held`."""

    def __init__(self) -> None:
        super().__init__(SAYS)
        self.is_held = False
        self.go_on = threading.Semaphore(0)

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[str]:
        for piece in super().stream(*args, **kwargs):
            if self.is_held:
                self.go_on.acquire(timeout=PATIENCE_S)
            yield piece

    def reset(self) -> None:
        self.is_held, self.says, self.fails_after = False, SAYS, None
        self.go_on.release(200)
        self.go_on = threading.Semaphore(0)


def serve(app: FastAPI) -> tuple[str, Callable[[], None]]:
    """A real server on a free port, and what ends it."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + PATIENCE_S
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    def stop() -> None:
        server.should_exit = True
        thread.join(PATIENCE_S)

    return f"http://127.0.0.1:{listener.getsockname()[1]}", stop


class HostSite:
    """Somebody's site; each page is what the last call of `put` gave it."""

    def __init__(self) -> None:
        self.app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        self.pages: dict[str, tuple[str, dict[str, str]]] = {}
        self.url, self.stop = serve(self.app)
        self.app.add_api_route("/{path:path}", self._page)

    def _page(self, path: str) -> Response:
        if path not in self.pages:
            return Response(status_code=404)
        html, headers = self.pages[path]
        return HTMLResponse(html, headers=headers)

    def put(self, html: str, path: str = "page", **headers: str) -> str:
        self.pages[path] = (html, {name.replace("_", "-"): value for name, value in headers.items()})
        return f"{self.url}/{path}"


class WidgetDesk:
    """The server with the widget, on fakes, and the site that embeds it."""

    def __init__(self, folder: Path) -> None:
        self.host = HostSite()
        self.settings = with_demo_site(_settings(folder, self.host.url), SECRET)
        store = ConversationStore(f"sqlite:///{folder / 'frontdesk.db'}")
        self.handoff = HandoffDesk(store, self.settings.handoff)
        self.perceiver, self.generator = FakePerceiver({}, {}), PacedGenerator()
        self.assistant = Assistant(
            store=store,
            perceiver=self.perceiver,
            knowledge_base=FakeKnowledgeBase(),
            generator=self.generator,
            settings=self.settings,
            handoff=self.handoff,
        )
        self.parts = ApiParts.build(
            settings=self.settings,
            store=store,
            attachments=AttachmentStore(folder / "attachments", self.settings),
            handoff=self.handoff,
            assistant=lambda: self.assistant,
            perceiver=lambda: self.perceiver,
            secret=SECRET,
        )
        self.app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        add_api(self.app, self.parts)
        add_widget(self.app, self.settings, SECRET)
        self.parts.runner.start()
        self.url, self._stop = serve(self.app)

    def page(
        self, attributes: str = "", body: str = "<h1>Shop</h1>", head: str = "", lang: str = "en"
    ) -> str:
        """A page of the host with the script tag."""
        script = f'<script src="{self.url}/widget/widget.js" {attributes} async></script>'
        return (
            f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Shop</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">{head}</head>'
            f"<body><main>{body}</main>{script}</body></html>"
        )

    def close(self) -> None:
        self.generator.reset()
        self.parts.hub.close()
        self.parts.runner.close(PATIENCE_S)
        self._stop()
        self.host.stop()
        self.parts.store.close()


def _settings(folder: Path, host: str) -> Settings:
    widget = WidgetSettings(suggestions=(RETURNS,), email="help@shop.example")
    site = SiteSettings(
        origins=(host,),
        customer_secrets={"k1": CUSTOMER_SECRET},  # type: ignore[dict-item]
        widget=widget,
    )
    closed = widget.model_copy(update={"opening_hours": {OPENS: "09:00-17:30"}})
    staffed = widget.model_copy(update={"opening_hours": dict.fromkeys(DAYS, "00:00-24:00"), "email": ""})
    hours = {"closed": closed, "staffed": staffed}
    web = WebSettings(
        sites={
            "default": site,
            **{name: SiteSettings(origins=(host,), widget=each) for name, each in hours.items()},
        },
        messages_per_minute=10_000,
        requests_per_minute=100_000,
        conversations_per_hour=100_000,
    )
    return Settings(data_dir=folder, web=web)


@pytest.fixture(scope="package")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WidgetDesk]:
    folder = tmp_path_factory.mktemp("widget")
    Database(f"sqlite:///{folder / 'frontdesk.db'}").close()
    made = WidgetDesk(folder)
    yield made
    made.close()
    shutil.rmtree(folder, ignore_errors=True)


Opens = Callable[..., Page]


@pytest.fixture
def device() -> dict[str, Any]:
    """What the browser runs on; a module may try several."""
    return DESKTOP


@pytest.fixture
def visit(chromium: Browser, desk: WidgetDesk, device: dict[str, Any]) -> Iterator[Opens]:
    """Opens a page of the host as a new visitor; `errors` of the page must stay empty."""
    contexts: list[BrowserContext] = []
    failures: list[str] = []

    def open_page(html: str = "", *, headers: dict[str, str] | None = None, context: BrowserContext | None = None,
                  **options: Any) -> Page:  # fmt: skip
        if context is None:
            context = chromium.new_context(**{"locale": "en-GB", **device, **options}, accept_downloads=True)
            context.set_default_timeout(PATIENCE_MS)
            contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(desk.host.put(html or desk.page(), **(headers or {})))
        expect(page.locator("frontdesk-widget")).to_have_count(1, timeout=PATIENCE_MS)
        return page

    yield open_page
    desk.generator.reset()
    for context in contexts:
        context.close()
    assert failures == []


@pytest.fixture(scope="session")
def part_host() -> Iterator[PartHost]:
    """A page that opens one part at a time."""
    host = PartHost()
    yield host
    host.close()


Launches = Callable[..., Browser]


@pytest.fixture(scope="session")
def launch(chromium: Browser) -> Iterator[Launches]:
    """Starts another Chromium, with more arguments; says `yes` or `no` to every question of a page."""
    browsers: list[Browser] = []

    def start(*more: str, says: str = "yes") -> Browser:
        ask = "--use-fake-ui-for-media-stream"
        arguments = [a for a in CHROMIUM_ARGUMENTS if a != ask] + [ask if says == "yes" else f"{ask}=deny"]
        path = chromium_path()
        browser = chromium.browser_type.launch(
            executable_path=path, args=[*arguments, *more], timeout=120_000
        )
        browsers.append(browser)
        return browser

    yield start
    for browser in browsers:
        browser.close()


@pytest.fixture(scope="session")
def filming_chromium(launch: Launches) -> Browser:
    """Has a microphone that beeps and a screen, and says yes to every question."""
    return launch("--use-fake-device-for-media-stream")


def launcher(page: Page) -> Locator:
    return page.locator("frontdesk-widget .launcher")


def panel(page: Page) -> Locator:
    return page.locator("frontdesk-widget .panel")


def box(page: Page) -> Locator:
    return page.locator("frontdesk-widget .composer > textarea")


def answers(page: Page) -> Locator:
    return page.locator("frontdesk-widget .answer .markdown")


def opened(page: Page) -> Page:
    launcher(page).click()
    expect(panel(page)).to_be_visible(timeout=PATIENCE_MS)
    panel(page).evaluate("async (it) => { for (const moves of it.getAnimations()) await moves.finished; }")
    return page


def ask(page: Page, text: str = RETURNS) -> None:
    """Asks, and returns when the answer is complete."""
    rated = page.locator("frontdesk-widget .actions .good")
    before = rated.count()
    box(page).fill(text)
    box(page).press("Enter")
    expect(rated).to_have_count(before + 1, timeout=PATIENCE_MS)


def press(page: Page, name: str) -> None:
    """Presses a button of the widget by its name."""
    page.locator("frontdesk-widget").get_by_role("button", name=name, exact=True).click()


def violations(page: Page) -> list[str]:
    """Findings of axe-core in the widget, of every impact, readable."""
    page.evaluate("document.getAnimations().forEach(a => { try { a.finish() } catch { a.cancel() } })")
    found = Axe().run(page, context="frontdesk-widget").response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for rule in found
        for node in rule["nodes"]
    ]
