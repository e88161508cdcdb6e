"""What every request of the API meets first: its host and origin, the size and pace of its body, security headers.

Plain ASGI, before anything is parsed. It knows nothing of what a request asks for.
"""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.web.accounts.gate import is_for_staff
from chatbot.web.address import own_origin
from chatbot.web.api.problems import problem
from chatbot.web.auth import Sites
from chatbot.web_settings import WebSettings

PREFIXES = ("/api/", "/v1/")
UNCHECKED = ("/healthz", "/readyz")
TOKEN_HEADER = "Frontdesk-Token"  # noqa: S105 - a name
_TAKES_FILES = ("/messages", "/knowledge/documents")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_CORS = {
    "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Last-Event-ID",
    "Access-Control-Max-Age": "600",
}
_EXPOSED = f"{TOKEN_HEADER}, Retry-After, Location"


class Guard:
    """Wraps the application.

    Args:
        host: The address that the server listens on.
        json_bytes: Largest body that is not a form with files.
    """

    def __init__(
        self, app: ASGIApp, *, settings: WebSettings, sites: Sites, host: str, json_bytes: int
    ) -> None:
        self._app = app
        self._settings = settings
        self._sites = sites
        self._hosts = {*_LOOPBACK, host, urlsplit(settings.public_url).hostname or host}
        self._json_bytes = json_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets through what may go on."""
        if scope["type"] != "http" or scope["path"] in UNCHECKED:
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        if _name_of(headers.get("host", "")) not in self._hosts:
            refused = problem(421, "unknown-host", "This server has another name.", "Set `web.public_url`.")
            return await refused(scope, receive, send)
        if scope["path"].startswith(PREFIXES):
            return await self._api(scope, headers, receive, send)
        if is_for_staff(scope["path"]):
            return await self._app(scope, receive, send)  # they take in archives; others are refused unread
        return await self._within(self._settings.max_upload_bytes, scope, headers, receive, send)

    async def _api(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        origin = headers.get("origin", "")
        state = scope.setdefault("state", {})  # the token is renewed deep inside
        send = _with_headers(send, self._cors(origin, scope, headers), state)
        if origin and not self._is_known(origin, scope, headers):
            refused = problem(403, "forbidden-origin", "Pages of this origin may not use this server.",
                              "Add the origin to a site's `origins`.")  # fmt: skip
            return await refused(scope, receive, send)
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            return await _preflight(send)
        return await self._within(self._limit(scope, headers), scope, headers, receive, send)

    async def _within(self, limit: int, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        if _declared(headers) > limit:
            return await _too_large(limit)(scope, receive, send)
        return await self._app(scope, _limited(receive, limit, self._settings.body_timeout_s), send)

    def _is_known(self, origin: str, scope: Scope, headers: Headers) -> bool:
        return self._sites.knows_origin(origin) or origin == own_origin(self._settings, scope, headers)

    def _cors(self, origin: str, scope: Scope, headers: Headers) -> dict[str, str]:
        if not origin or not self._is_known(origin, scope, headers):
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED,
        }

    def _limit(self, scope: Scope, headers: Headers) -> int:
        has_files = headers.get("content-type", "").startswith("multipart/form-data")
        takes_files = scope["path"].startswith("/v1/") or scope["path"].endswith(_TAKES_FILES)
        large = takes_files and (has_files or scope["path"].startswith("/v1/"))
        return self._settings.max_upload_bytes if large else self._json_bytes


def _name_of(host: str) -> str:
    """The name in a `Host` header, without the port."""
    return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]


def _declared(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() else 0


def _too_large(limit: int) -> ASGIApp:
    return problem(413, "too-large", f"The request is too large: at most {limit:,} bytes are taken.")


async def _preflight(send: Send) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in _CORS.items()]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _with_headers(send: Send, more: dict[str, str], state: dict[str, Any]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in {**_HEADERS, **more}.items():
                headers.setdefault(name, value)
            if renewed := state.get("renewed_token"):
                headers[TOKEN_HEADER] = renewed
        await send(message)

    return sending


def _limited(
    receive: Receive, limit: int, timeout_s: float, clock: Callable[[], float] | None = None
) -> Receive:
    """Counts what arrives and how long that takes; after the body, only a disconnection can come."""
    taken, is_over = 0, False
    ends_s = 0.0

    async def receiving() -> Message:
        nonlocal taken, is_over, ends_s
        if is_over:
            return await receive()
        now = (clock or asyncio.get_running_loop().time)()
        ends_s = ends_s or now + timeout_s
        try:
            message = await asyncio.wait_for(receive(), ends_s - now)
        except TimeoutError as error:
            raise HTTPException(408, "The request took too long to arrive.") from error
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413, f"The request is too large: at most {limit:,} bytes are taken.")
        is_over = not message.get("more_body", False)
        return message

    return receiving
