"""What comes from this machine itself, and whether anybody else can reach the server."""

import ipaddress
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from chatbot.settings import Settings

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


def is_loopback(host: str) -> bool:
    """Whether an address or a name can only be reached from the machine itself."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_reachable_by_others(settings: Settings) -> bool:
    """Whether the server listens on more than this machine, or is set up to be reached through a proxy."""
    web = settings.web
    return not is_loopback(settings.host) or bool(web.public_url) or web.trusted_proxies > 0


def comes_from_this_machine(request: HTTPConnection) -> bool:
    """Whether a request was made by this machine for a page of this machine.

    Foreign pages in the operator's browser (by their origin, or by a name that they let point here) and whoever comes
    through a proxy are turned away.
    """
    headers = request.headers
    origin = headers.get("origin", "")
    return (
        request.client is not None
        and is_loopback(request.client.host)
        and is_loopback(_host_of(f"//{headers.get('host', '')}"))
        and (not origin or is_loopback(_host_of(origin)))
        and not any(name in headers for name in _FORWARDED)
    )


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
