"""The route of a site: what its widget shows, and what it may send."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from chatbot.web.api.conversations import PROBLEMS
from chatbot.web.api.parts import ApiParts

_PROBLEMS: dict[int | str, dict[str, Any]] = {status: PROBLEMS[status] for status in (403, 422, 429)}
SiteId = Annotated[str, Path(max_length=64, examples=["default"])]


class SiteView(BaseModel):
    """How a site wants its widget, and the limits of a message."""

    title: str = Field(examples=["Wrenfield"])
    greeting: str = ""
    suggestions: list[str] = []
    color: str = Field("", examples=["#047857"])
    logo: str = ""
    email: str = Field("", examples=["help@shop.example"])
    is_open: bool | None = Field(None, description="Whether people answer now; null when no hours are set.")
    opens_at: datetime | None = Field(None, description="When people answer next, if they do not now.")
    max_message_chars: int = Field(examples=[8000])
    max_attachments: int = Field(examples=[6])
    max_attachment_bytes: int = Field(examples=[25_000_000])
    max_audio_s: float = Field(examples=[300])


class SiteRoutes:
    """The route, on the parts it needs."""

    def __init__(self, parts: ApiParts, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._parts = parts
        self._now = now

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(prefix="/api/v1/sites", tags=["sites"], responses=_PROBLEMS)

        @router.get("/{site}")
        def read_site(site: SiteId, request: Request) -> SiteView:
            """What the widget of a site shows; open to the site's own pages."""
            self._parts.count(request, "requests", "", self._parts.settings.web.requests_per_minute)
            self._parts.check_origin(request, site)
            return self._view(site)

        return router

    def _view(self, site: str) -> SiteView:
        settings, widget, now = self._parts.settings, self._parts.sites.get(site).widget, self._now()
        is_open, opens_at = widget.is_open(now), widget.opens_at(now)
        if is_open is None and (hours := settings.handoff.hours).are_stated:
            is_open = hours.is_open(now)
            opens_at = None if is_open else hours.next_opening(now)
        return SiteView(
            title=widget.title or settings.company_name,
            greeting=widget.greeting,
            suggestions=list(widget.suggestions),
            color=widget.color,
            logo=widget.logo,
            email=widget.email,
            is_open=is_open,
            opens_at=opens_at,
            max_message_chars=settings.max_message_chars,
            max_attachments=settings.max_attachments,
            max_attachment_bytes=settings.max_attachment_bytes,
            max_audio_s=settings.max_audio_s,
        )
