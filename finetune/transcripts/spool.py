"""Messages that lie scattered over a file, put together to conversations in a temporary database on disk."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType

from finetune.transcripts.times import order_key
from finetune.transcripts.values import Dropped, Found, RawMessage, Source

_COLUMNS = "thread TEXT, line INT, speaker TEXT, text TEXT, at TEXT, rating INT, role TEXT, customer TEXT"
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Row:
    """One message and the conversation it belongs to; an empty thread is the file's only conversation."""

    line: int
    thread: str
    message: RawMessage
    customer: str = ""


class Spool:
    """Collects rows and gives conversations, in the order in which they begin in the file.

    SQLite keeps a nameless database in a file of its own that vanishes with the connection, and only its cache
    in memory.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._database = sqlite3.connect("")
        self._database.execute(f"CREATE TABLE said ({_COLUMNS})")
        self._waiting: list[tuple[str, int, str, str, str, int, str | None, str]] = []
        self.is_empty = True

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._database.close()

    def add(self, row: Row) -> None:
        """Keeps a message."""
        said = row.message
        self._waiting.append(
            (row.thread, row.line, said.speaker, said.text, said.at, said.rating, said.role, row.customer)
        )
        self.is_empty = False
        if len(self._waiting) >= _BATCH:
            self._flush()

    def conversations(self, renamed: dict[str, str] | None = None) -> Iterator[Found | Dropped]:
        """Every conversation; one with too many messages is reported and not put together.

        Args:
            renamed: Threads that turned out to be another one, which are joined with it.
        """
        self._flush()
        self._database.execute("CREATE INDEX threads ON said (thread, line)")
        if renamed:
            self._database.executemany(
                "UPDATE said SET thread = ? WHERE thread = ?", ((new, old) for old, new in renamed.items())
            )
        query = "SELECT thread, min(line), count(*) FROM said GROUP BY thread ORDER BY min(line)"
        limit = self._source.limits.max_turns
        with closing(self._database.execute(query)) as threads:
            for thread, line, count in threads:
                if count > limit:
                    why = f"{count} messages; at most {limit} make a conversation"
                    yield self._source.dropped(line, "too_long", why if thread else f"{why} ({_NO_ID})")
                else:
                    yield self._conversation(thread, line)

    def _conversation(self, thread: str, line: int) -> Found:
        query = (
            "SELECT speaker, text, at, rating, role, customer FROM said WHERE thread = ? ORDER BY line, rowid"
        )
        rows = self._database.execute(query, (thread,)).fetchall()
        messages = [RawMessage(*row[:5]) for row in rows]
        customer = next((row[5] for row in rows if row[5]), "")
        return Found(line, tuple(in_order(messages)), "" if thread.startswith("\0") else thread, customer)

    def _flush(self) -> None:
        self._database.executemany("INSERT INTO said VALUES (?,?,?,?,?,?,?,?)", self._waiting)
        self._waiting.clear()


_NO_ID = "no column says which conversation a row belongs to"


def in_order(messages: list[RawMessage]) -> list[RawMessage]:
    """By time, where every message has one; else as they came."""
    keys = [order_key(message.at) for message in messages]
    if any(key is None for key in keys):
        return messages
    order = sorted(range(len(messages)), key=lambda i: (keys[i] or 0.0, i))
    return [messages[i] for i in order]
