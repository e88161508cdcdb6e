"""Limits on the head of a request, its first line and its headers: what the application never sees, it cannot limit."""

import asyncio
from typing import TYPE_CHECKING

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_S = 20.0
"""Seconds from its first byte within which a head must be there; a connection that says nothing ends as quietly."""
HEAD_BYTES = 64 * 1024

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _Protocol
else:
    _Protocol = AutoHTTPProtocol


class HeadLimits(_Protocol):
    """Uvicorn's protocol; closes connections whose heads come too slowly (408) or have no end (431)."""

    _timer: asyncio.TimerHandle | None = None
    _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Counts what belongs to a head that is not complete yet."""
        before = self.cycle
        if self._awaits_head() and self._timer is None:
            self._wait()
        super().data_received(data)
        if self.cycle is not before or self.transport.is_closing() or not self._awaits_head():
            self._stop()
        elif self._timer is not None:
            self._received += len(data)
            if self._received > HEAD_BYTES:
                self._refuse(b"431 Request Header Fields Too Large")

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits no longer."""
        self._stop()
        super().connection_lost(exc)

    def _awaits_head(self) -> bool:
        return self.cycle is None or not self.cycle.more_body

    def _wait(self) -> None:
        self._timer = self.loop.call_later(HEAD_S, self._late)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._received = None, 0

    def _late(self) -> None:
        if self.transport.get_protocol() is self:  # nobody else has taken the connection over
            self._refuse(b"408 Request Timeout")

    def _refuse(self, status: bytes) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if self._received and not is_answering:
            self.transport.write(
                b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        self._stop()
        self.transport.close()
