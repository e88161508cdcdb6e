"""Security headers of every response that has not set its own, and who may frame the pages."""

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.web.accounts.gate import MAY_OPEN
from chatbot.web_settings import DEFAULT_SITE, WebSettings

_YEAR_S = 31_536_000
_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), payment=(), usb=(), microphone=(self), display-capture=(self)",
}
_STAFF = {
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), payment=(), usb=(), microphone=(), display-capture=()",
}
_PAGE_POLICY = "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors "


class SecurityHeaders:
    """Wraps the application, outermost: refusals have the headers too."""

    def __init__(self, app: ASGIApp, *, settings: WebSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Adds what is missing."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        missing = self._headers(scope)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in missing.items():
                    headers.setdefault(name, value)
            await send(message)

        return await self._app(scope, receive, sending)

    def _headers(self, scope: Scope) -> Mapping[str, str]:
        is_staff = f"/{scope['path'].strip('/').partition('/')[0]}" in MAY_OPEN
        framed_by = "'none'" if is_staff else self._framed_by(scope)
        added = {
            **_EVERYWHERE,
            "Content-Security-Policy": _PAGE_POLICY + framed_by,
            **(_STAFF if is_staff else {}),
        }
        if self._settings.public_url.startswith("https:"):
            added["Strict-Transport-Security"] = f"max-age={_YEAR_S}"
        return added

    def _framed_by(self, scope: Scope) -> str:
        """Pages of the site that the address names with `?site=`, of the default site when it names none."""
        named = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("site", [DEFAULT_SITE])[0]
        site = self._settings.sites.get(named)
        return " ".join(("'self'", *(site.origins if site else ())))
