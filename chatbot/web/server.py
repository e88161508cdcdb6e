"""Serves the chat page: the page answers while the models still load."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from anyio.to_thread import run_sync
from fastapi import FastAPI

from chatbot.errors import SettingsError
from chatbot.services import Services
from chatbot.settings import Settings
from chatbot.web.loopback import is_loopback
from chatbot.web.request_heads import HeadLimits

if TYPE_CHECKING:
    from chatbot.web.accounts.desk import AccountDesk
    from chatbot.web.api.parts import ApiParts

_FINISH_S = 20.0
EXAMPLE_QUESTIONS = (
    "My router shows a solid amber light. What does it mean?",
    "How do I cancel Wrenfield Plus before the trial ends?",
    "The app says WR-201 when I add a Dot",
    "我怎么重置路由器？",
)


@dataclass(frozen=True, slots=True)
class MountedPage:
    """A page beside the chat page: what it is called, and its path, which begins with `/`."""

    title: str
    path: str


PageMount = Callable[[FastAPI, Services], MountedPage]
"""Adds a page to the application; one that is not for customers below a path of `chatbot.web.accounts.gate`.

It may add routes below `/api/` too; `app.state.api` and `app.state.accounts` have what they need."""


def create_app(services: Services, mounts: Sequence[PageMount] = ()) -> FastAPI:
    """The web application: the page at `/`, and `/healthz`, `/readyz` for whoever watches over it.

    Args:
        mounts: Pages that the composition root adds; `app.state.pages` has their names and paths.

    Returns:
        The application; `app.state.api` has the parts of the API, whose runner is to be started and closed, and
        `app.state.accounts` those of signing in.
    """
    from chatbot.web.accounts.desk import AccountDesk
    from chatbot.web.accounts.mount import add_accounts
    from chatbot.web.api.mount import add_api
    from chatbot.web.metrics import MeasuredAssistant
    from chatbot.web.page_limits import PageLimits
    from chatbot.web.ui.mount import mount_page
    from chatbot.web.ui.page import PageParts
    from chatbot.web.widget.mount import add_widget

    app = FastAPI(title="Frontdesk", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    def readyz() -> dict[str, bool]:
        return {"ready": services.is_ready}

    app.state.accounts = AccountDesk.build(
        services.settings, services.store.database, services.browser_secret()
    )
    add_accounts(app, app.state.accounts)
    app.state.api = _api_parts(services)
    app.state.pages = tuple(mount(app, services) for mount in mounts)  # before: the API refuses other paths
    add_api(app, app.state.api)  # after the accounts: what it puts before every request comes first
    add_widget(app, services.settings, services.browser_secret())
    protect(app, services.settings)
    settings = services.settings
    limits = PageLimits(app.state.api)
    parts = PageParts(
        store=services.store,
        attachments=services.attachments,
        handoff=services.handoff,
        assistant=lambda: MeasuredAssistant(services.assistant(), app.state.api.metrics),
        limits=limits,
        address=limits.address,
        max_attachments=settings.max_attachments,
        browser_secret=services.browser_secret(),
        company_name=settings.company_name,
        is_ready=lambda: services.is_ready,
        examples=EXAMPLE_QUESTIONS if settings.example_company else (),
        offers=services.suggester.offer,
        read_ahead=services.read_ahead,
    )
    return mount_page(app, parts, settings.max_attachment_bytes)


def protect(app: FastAPI, settings: Settings) -> None:
    """Puts the security headers around everything that was added before."""
    from chatbot.web.headers import SecurityHeaders

    app.add_middleware(SecurityHeaders, settings=settings.web)


def _api_parts(services: Services) -> "ApiParts":
    from chatbot.web.api.parts import ApiParts
    from chatbot.web.widget.demo import with_demo_site

    return ApiParts.build(
        settings=with_demo_site(services.settings, services.browser_secret()),
        store=services.store,
        attachments=services.attachments,
        handoff=services.handoff,
        assistant=services.assistant,
        perceiver=lambda: services.loaded().perceiver,
        secret=services.browser_secret(),
        suggester=services.suggester,
    )


def run(
    settings: Settings,
    examples: Path | None,
    announce: Callable[[str, str], object],
    mounts: Sequence[PageMount] = (),
) -> None:
    """Listens until it is stopped.

    Args:
        announce: Told the name and the address of each page once they can be opened.

    Raises:
        SettingsError: The address is in use or not ours, or open to others without being set up for that.
    """
    _check_opened(settings)
    listener = _listen(settings.host, settings.port)
    services = Services(settings, examples, prepare=True)
    try:
        app = create_app(services, mounts)
        pages = [("Frontdesk", ""), *((page.title, page.path) for page in app.state.pages)]
        told = lambda: [announce(name, f"{_address(settings)}{path}") for name, path in pages]  # noqa: E731
        first = lambda: _announce_first_admin(app.state.accounts, settings, announce)  # noqa: E731
        listen_and_serve(
            app,
            listener,
            [told, first, services.start, services.webhooks.start, services.insight_watch.start],
        )
    finally:
        services.close()


def listen_and_serve(
    app: FastAPI, listener: socket.socket, when_listening: Sequence[Callable[[], object]] = ()
) -> None:
    """Serves an application with an API until a signal comes; answers that have begun are finished then."""
    config = uvicorn.Config(
        app, http=HeadLimits, log_config=None, log_level="warning", timeout_graceful_shutdown=5
    )
    server = _Server(config)
    server.when_listening = [*when_listening, app.state.api.runner.start]
    server.when_ending = lambda: app.state.api.close(_FINISH_S)
    server.run(sockets=[listener])


def _announce_first_admin(
    desk: "AccountDesk", settings: Settings, announce: Callable[[str, str], object]
) -> None:
    if path := desk.first_admin_path():
        what = "The page that makes the first administrator, once and within the hour,"
        announce(what, f"{settings.web.public_url or _address(settings)}{path}")


class _Server(uvicorn.Server):
    """Says when it listens: models that load before that would keep the page waiting."""

    when_listening: Sequence[Callable[[], object]] = ()
    when_ending: Callable[[], object] = staticmethod(lambda: None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to listen, then calls `when_listening`."""
        await super().startup(sockets=sockets)
        for call in self.when_listening:
            call()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Lets answers that have begun be finished and told, then closes what is open."""
        await run_sync(self.when_ending)
        await super().shutdown(sockets=sockets)


def _check_opened(settings: Settings) -> None:
    """More than this machine is served only when it is settled under which name, and for which sites."""
    if is_loopback(settings.host) or settings.web.public_url:
        return
    raise SettingsError(
        f"Listening on {settings.host} would open Frontdesk to others, and it is not set up for that.",
        "Set FRONTDESK_WEB__PUBLIC_URL to the address that browsers use (https behind a proxy), and the origins of "
        "your help-desk pages under `web.sites`; see docs/api.md.",
    )


def _address(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"Cannot listen on {host}:{port}: {error.strerror}.",
            "Stop what uses it, or choose another with `--port` or FRONTDESK_PORT.",
        ) from error
    return listener
