"""Puts the API into a web application."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.routing import BaseRoute, Match

from chatbot.api_keys import Scope
from chatbot.web.api.conversations import ConversationRoutes
from chatbot.web.api.document import PAGE_HEADERS, document, page
from chatbot.web.api.guard import PREFIXES, Guard
from chatbot.web.api.messages import MessageRoutes
from chatbot.web.api.parts import ApiParts, Bearer, key_holder
from chatbot.web.api.persons import PersonRoutes
from chatbot.web.api.problems import add_handlers, problem
from chatbot.web.api.sites import SiteRoutes
from chatbot.web.metrics import MEDIA_TYPE
from chatbot.web.openai_api.routes import OpenAIRoutes

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
_CHAR_BYTES = 6  # of one character in JSON, as an escape


def add_api(app: FastAPI, parts: ApiParts) -> None:
    """Adds the routes, their errors, and what every request meets first; other paths of the API are refused."""
    settings = parts.settings
    app.add_middleware(
        Guard,
        settings=settings.web,
        sites=parts.sites,
        host=settings.host,
        json_bytes=max(256_000, 2 * _CHAR_BYTES * settings.max_message_chars),
    )
    add_handlers(app)
    routers = [
        ConversationRoutes(parts).router(),
        MessageRoutes(parts).router(),
        SiteRoutes(parts).router(),
        PersonRoutes(parts).router(),
        OpenAIRoutes(parts, parts.perceiver).router(),
    ]
    for router in routers:
        add_router(app, router)
    routes: Sequence[BaseRoute] = app.state.api_routes

    async def nothing_here(request: Request) -> JSONResponse:
        return _refused(request, routes)

    app.add_api_route("/metrics", _metrics(parts), response_class=Response, include_in_schema=False)
    app.add_api_route("/openapi.json", lambda: document(app), include_in_schema=False)
    app.add_api_route(
        "/docs", lambda: HTMLResponse(page(document(app)), headers=PAGE_HEADERS), include_in_schema=False
    )
    for prefix in PREFIXES:
        app.add_api_route(prefix + "{rest:path}", nothing_here, methods=_METHODS, include_in_schema=False)


def add_router(app: FastAPI, router: APIRouter) -> None:
    """Adds routes to the API; those of others before `add_api`, which refuses every other path."""
    app.include_router(router)
    app.state.api_routes = (*getattr(app.state, "api_routes", ()), *router.routes)


def _metrics(parts: ApiParts) -> Callable[..., Response]:
    """Open to whoever is on this machine; a server that others reach wants a key."""
    parts.metrics.watch("turns_waiting", "Turns in the line.", lambda: parts.runner.waiting)
    parts.metrics.watch("turns_running", "Turns that are being answered.", lambda: parts.runner.running)
    parts.metrics.watch("event_streams", "Open event streams.", lambda: parts.hub.streams)
    holder = key_holder(parts, Scope.METRICS)

    def metrics(request: Request, bearer: Bearer) -> Response:
        if parts.settings.web.public_url:
            holder(request, bearer)
        return Response(parts.metrics.text(), media_type=MEDIA_TYPE)

    return metrics


def _refused(request: Request, routes: Sequence[BaseRoute]) -> JSONResponse:
    """Every other path below ours: the page would answer it otherwise."""
    found = [route for route in routes if route.matches(request.scope)[0] is Match.PARTIAL]
    allowed = sorted({method for route in found for method in getattr(route, "methods", None) or ()})
    if not allowed:
        return problem(404, "not-found", "There is nothing at this address.", "See /docs.")
    headers = {"Allow": ", ".join(allowed)}
    return problem(405, "method-not-allowed", f"{request.method} is not for this address.", headers=headers)
