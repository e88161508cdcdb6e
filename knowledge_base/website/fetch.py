"""One address of the web, fetched safely: no private machine is ever asked, whatever names and redirects say."""

import ipaddress
import socket
import ssl
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from knowledge_base.errors import DocumentError

USER_AGENT = "FrontdeskBot"
_AGENT_HEADER = f"Mozilla/5.0 (compatible; {USER_AGENT}/1.0)"
_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # an IPv4 address in its last bits
_PORTS = {"http": 80, "https": 443}


class OtherHostError(DocumentError):
    """An address is on another host than the site, or leads to one."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back.

    Attributes:
        url: Where it came from in the end.
        headers: By name in small letters.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Fetcher:
    """Fetches addresses of one host.

    Args:
        max_bytes: Largest body.
        timeout_s: For connecting, and for each part of the answer.
        allow_private: Also machines on private addresses, such as an intranet's.
    """

    def __init__(self, host: str, max_bytes: int, timeout_s: float, *, allow_private: bool) -> None:
        self._host = host
        self._max_bytes = max_bytes
        self._timeout = dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)
        self._pool = httpcore.ConnectionPool(
            ssl_context=_ssl_context(), network_backend=_GuardedBackend(allow_private=allow_private)
        )

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Response:
        """Fetches an address; redirects within the host are followed.

        Raises:
            DocumentError: It cannot be reached, is private, leads away from the host, or is too large.
        """
        for _ in range(_MAX_REDIRECTS + 1):
            check_address(url, self._host)
            response = self._asked(url, headers or {})
            if response.status not in _REDIRECTS or "location" not in response.headers:
                return response
            url = urljoin(url, response.headers["location"]).partition("#")[0]
        raise DocumentError(f"{url} redirects more than {_MAX_REDIRECTS} times.")

    def close(self) -> None:
        """Ends all connections."""
        self._pool.close()

    def _asked(self, url: str, headers: Mapping[str, str]) -> Response:
        sent = {"User-Agent": _AGENT_HEADER, "Accept-Encoding": "gzip", **headers}
        parts = urlsplit(url)
        sent["Host"] = parts.netloc.rpartition("@")[2]
        try:
            extensions = {"timeout": self._timeout}
            with self._pool.stream("GET", url, headers=list(sent.items()), extensions=extensions) as answer:
                found = {
                    name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers
                }
                body = b"" if answer.status in _REDIRECTS else self._body(answer.iter_stream(), found, url)
                return Response(url, answer.status, found, body)
        except httpcore.TimeoutException as error:
            raise DocumentError(f"{url} does not answer in time.", "Try again later.") from error
        except (
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.UnsupportedProtocol,
            OSError,
        ) as error:
            raise DocumentError(f"{url} cannot be reached: {error}.", "Check the address.") from error
        except (UnicodeError, ValueError, zlib.error) as error:
            raise DocumentError(f"{url} gave an answer that cannot be read: {error}.") from error

    def _body(self, parts: Iterable[bytes], headers: Mapping[str, str], url: str) -> bytes:
        """Everything that is sent, unpacked, up to the limit."""
        unpack = zlib.decompressobj(31) if headers.get("content-encoding", "").lower() == "gzip" else None
        body = bytearray()
        for part in parts:
            body += unpack.decompress(part, self._max_bytes + 1 - len(body)) if unpack else part
            if len(body) > self._max_bytes:
                raise DocumentError(
                    f"{url} has more than {self._max_bytes:,} bytes.", "Raise `max_document_bytes`."
                )
        return bytes(body)


def check_address(url: str, host: str) -> None:
    """Refuses what is no address of the web, or one of another host.

    Raises:
        DocumentError: It is.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise DocumentError(f"{url[:200]!r} is no web address.") from error
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
        raise DocumentError(
            f"{url[:200]!r} is no web address.", "Give one that begins with https:// or http://."
        )
    if place_of(parts.hostname, port or _PORTS[parts.scheme]) != place_of(*_split(host)):
        raise OtherHostError(
            f"{url} is not on {host}.", f"If that is right, give {parts.scheme}://{parts.netloc}/."
        )


def host_of(url: str) -> str:
    """The host of an address, with its port unless that is the usual one.

    Raises:
        DocumentError: It is no address of the web.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError) as error:
        raise DocumentError(
            f"{url[:200]!r} is no web address.", "Begin it with https:// or http://."
        ) from error
    return place_of(parts.hostname or "", port)


def place_of(name: str, port: int) -> str:
    """Host and port as one text; 80 and 443 are the same place."""
    name = f"[{name}]" if ":" in name else name
    return name.lower().rstrip(".") + ("" if port in _PORTS.values() else f":{port}")


def _split(host: str) -> tuple[str, int]:
    parts = urlsplit(f"//{host}")
    return parts.hostname or "", parts.port or _PORTS["https"]


class _GuardedBackend(httpcore.SyncBackend):
    """Looks the name up itself and connects to the very address that it checked."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        addresses = _addresses(host, port)
        if not self._allow_private and any(not is_public(address) for address in addresses):
            raise DocumentError(
                f"{host} is a machine on a private address; such are not asked.",
                "If that is right, set `allow_private_addresses`.",
            )
        return super().connect_tcp(addresses[0], port, *args, **kwargs)


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DocumentError(f"There is no host {host}.", "Check the address and the network.") from error
    return [str(entry[4][0]) for entry in found]


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    if ip in _NAT64:
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.is_global and not ip.is_multicast and (inner is None or is_public(str(inner)))


def _ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=True)
