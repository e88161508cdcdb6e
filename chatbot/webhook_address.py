"""Where a webhook may go: a name is resolved once, every address of it must be public, and that address is used.

Checking a name and then connecting by name would let its owner answer differently the second time. Pure but for the
resolver.
"""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from chatbot.errors import InputError
from knowledge_base.website.fetch import is_public

Resolver = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Target:
    """What to connect to: the address by number, and the name that the receiver goes by."""

    url: str
    host: str
    server_name: str


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, by number.

    Raises:
        OSError: It cannot be resolved.
    """
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def target(url: str, *, allow_private: bool, resolver: Resolver = resolve) -> Target:
    """The address to connect to.

    Raises:
        InputError: The name cannot be resolved, or one of its addresses is not public and that is not allowed.
    """
    parts = urlsplit(url)
    name = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        addresses = resolver(name, port)
    except OSError as error:
        raise InputError(f"{name} cannot be resolved: {error}.") from error
    private = [a for a in addresses if not is_public(a)]
    if not addresses or (private and not allow_private):
        raise InputError(f"{name} is not a public address.", "Set `allow_private` if it is your own.")
    address = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    pinned = urlunsplit((parts.scheme, f"{address}:{port}", parts.path or "/", parts.query, ""))
    return Target(pinned, parts.netloc.rpartition("@")[2], name)
