"""Where this server is reached, and where a request comes from."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection

from chatbot.web_settings import WebSettings


def own_origin(settings: WebSettings, scope: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Where this server is reached, as browsers write it."""
    return settings.public_url or f"{scope.get('scheme', 'http')}://{headers.get('host', '')}"


def client_address(settings: WebSettings, request: HTTPConnection) -> str:
    """Where the request comes from, as told by the proxies that are trusted."""
    direct = request.client.host if request.client else "unknown"
    hops = [hop.strip() for hop in request.headers.get("x-forwarded-for", "").split(",") if hop.strip()]
    trusted = settings.trusted_proxies
    return hops[-trusted] if trusted and len(hops) >= trusted else direct
