"""Serves the chat page: the page answers while the models still load."""

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from chatbot.errors import SettingsError
from chatbot.services import Services
from chatbot.settings import Settings

EXAMPLE_QUESTIONS = (
    "My router shows a solid amber light. What does it mean?",
    "How do I cancel Wrenfield Plus before the trial ends?",
    "The app says WR-201 when I add a Dot",
    "我怎么重置路由器？",
)


def create_app(services: Services) -> FastAPI:
    """The web application: the page at `/`, and `/healthz`, `/readyz` for whoever watches over it."""
    from chatbot.web.ui.mount import mount_page
    from chatbot.web.ui.page import PageParts

    app = FastAPI(title="Frontdesk", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    def readyz() -> dict[str, bool]:
        return {"ready": services.is_ready}

    settings = services.settings
    parts = PageParts(
        store=services.store,
        attachments=services.attachments,
        assistant=services.assistant,
        max_attachments=settings.max_attachments,
        browser_secret=services.browser_secret(),
        company_name=settings.company_name,
        is_ready=lambda: services.is_ready,
        examples=EXAMPLE_QUESTIONS if settings.example_company else (),
    )
    return mount_page(app, parts, settings.max_attachment_bytes)


def run(settings: Settings, examples: Path | None, announce: Callable[[str], object]) -> None:
    """Listens until it is stopped.

    Raises:
        SettingsError: The address is in use or not ours.
    """
    listener = _listen(settings.host, settings.port)
    services = Services(settings, examples)
    try:
        app = create_app(services)
        server = _Server(
            uvicorn.Config(app, log_config=None, log_level="warning", timeout_graceful_shutdown=5)
        )
        server.when_listening = [
            lambda: announce(f"http://{settings.host}:{settings.port}"),
            services.start,
        ]
        server.run(sockets=[listener])
    finally:
        services.close()


class _Server(uvicorn.Server):
    """Says when it listens: models that load before that would keep the page waiting."""

    when_listening: Sequence[Callable[[], object]] = ()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to listen, then calls `when_listening`."""
        await super().startup(sockets=sockets)
        for call in self.when_listening:
            call()


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
