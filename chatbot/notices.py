"""Tells every process on one Postgres database what has changed, by LISTEN and NOTIFY.

A notice goes out with the transaction that it tells of, or not at all. One may be lost while a connection is
down, so it only ever says where to look. With SQLite there is one server process, and nobody to tell.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chatbot.database import Database
from chatbot.errors import StorageError

log = logging.getLogger(__name__)
_CHANNEL = "frontdesk"
_LOOK_UP_S = 0.5
_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something happened in a conversation.

    Attributes:
        stopped_turn: The turn that the customer wants to end, if that is it.
    """

    conversation_id: str
    stopped_turn: str = ""


def announce(session: Session, notices: Iterable[Notice]) -> None:
    """Tells all processes, this one included, once the session's changes are kept."""
    if session.get_bind().dialect.name != "postgresql":
        return
    statement = text("SELECT pg_notify(:channel, :payload)")
    for notice in notices:
        session.execute(statement, {"channel": _CHANNEL, "payload": json.dumps(asdict(notice))})


class Listener:
    """A thread that hears what all processes announce; it connects again when the connection breaks.

    Args:
        on_notice: Told of each notice.
        on_gap: Called when notices may have been missed.
    """

    def __init__(
        self, database: Database, on_notice: Callable[[Notice], object], on_gap: Callable[[], object]
    ) -> None:
        self._database = database
        self._on_notice = on_notice
        self._on_gap = on_gap
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="notices", daemon=True)

    def start(self) -> None:
        """Begins to listen, where there is anybody to hear."""
        if self._database.is_shared:
            self._thread.start()

    def close(self) -> None:
        """Ends it."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                with self._database.own_connection() as connection:
                    connection.execute(f"LISTEN {_CHANNEL}")
                    self._on_gap()
                    self._hear(connection)
            except StorageError as error:
                log.warning("other processes are not heard: %s", error)
                self._closed.wait(_AGAIN_S)

    def _hear(self, connection: Any) -> None:
        while not self._closed.is_set():
            for heard in connection.notifies(timeout=_LOOK_UP_S):
                self._on_notice(Notice(**json.loads(heard.payload)))
