"""What the API allows a visitor holds on the chat page too: the same counts, kept in the same places."""

from starlette.requests import HTTPConnection

from chatbot.errors import FrontdeskError
from chatbot.messages import Message
from chatbot.quotas import Subjects, Use, use_of
from chatbot.web.address import client_address
from chatbot.web.api.limits import Rate
from chatbot.web.api.parts import ApiParts
from chatbot.web_settings import DEFAULT_SITE

_MINUTE_S, _HOUR_S = 60.0, 3600.0


class PageLimits:
    """Limits by minute and hour, and daily quotas, of the chat page's visitors.

    Args:
        parts: The API's, whose counts these are.
    """

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    def address(self, request: HTTPConnection) -> str:
        """Where a request comes from."""
        return client_address(self._parts.settings.web, request)

    def begin(self, address: str) -> None:
        """Counts a conversation.

        Raises:
            FrontdeskError: This address has begun too many.
        """
        most = self._parts.settings.web.conversations_per_hour
        self._parts.count_address(address, "conversations", most, _HOUR_S)

    def admit(self, visitor_id: str, address: str) -> None:
        """Whether a message may be sent, before anything of it is read.

        Raises:
            FrontdeskError: Too many were sent, the server is busy, or the day's share is used up.
        """
        self._parts.admit(address, visitor_id)
        self._parts.quotas.check(_payers(visitor_id, address), Use(messages=1))

    def may_read_ahead(self, visitor_id: str, address: str) -> bool:
        """Whether files that lie attached may be read already; counted, for they may never be sent."""
        web = self._parts.settings.web
        try:
            self._parts.count_address(address, "attached", web.messages_per_minute)
            self._parts.limits.take("attached", visitor_id, Rate(web.messages_per_minute, _MINUTE_S))
            self._parts.quotas.check(_payers(visitor_id, address), Use(messages=1))
        except FrontdeskError:
            return False
        return not self._parts.is_busy

    def take(self, visitor_id: str, address: str, message: Message) -> None:
        """Counts a message with its files.

        Raises:
            QuotaError: The day's share is used up.
        """
        self._parts.quotas.take(_payers(visitor_id, address), use_of(message))

    def spent(self, visitor_id: str, address: str, tokens: int) -> None:
        """Counts what an answer has cost: it is known only afterwards."""
        if tokens:
            self._parts.quotas.add(_payers(visitor_id, address), Use(tokens=tokens))


def _payers(visitor_id: str, address: str) -> Subjects:
    return {"visitor": visitor_id, "site": DEFAULT_SITE, "address": address}
