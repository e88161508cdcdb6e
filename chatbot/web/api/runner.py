"""Answers accepted turns: a bounded line, a few at a time, one of each conversation.

Every event is kept before it is told. It knows nothing of HTTP, and nothing of how an answer is made.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from typing import Protocol

from chatbot.errors import ConversationNotFoundError, FrontdeskError
from chatbot.messages import Done, Message, StreamEvent
from chatbot.store import ConversationStore, StoredMessage
from chatbot.turn_log import Turn, TurnLog
from chatbot.web.api import wire
from chatbot.web.api.hub import Hub

log = logging.getLogger(__name__)
_BROKE = "Something went wrong on our side. Please ask again."


class Responds(Protocol):
    """What the runner needs of `assistant.Assistant`."""

    def respond(
        self, message: Message, conversation_id: str, visitor_id: str, question_id: str = ""
    ) -> Iterator[StreamEvent]:
        """Answers one message as a stream of events."""
        ...


class TurnRunner:
    """Worker threads that answer turns in the order in which they came.

    Args:
        assistant: Gives the assistant; waits while models load.
        workers: Turns answered at the same time.
    """

    def __init__(
        self,
        *,
        assistant: Callable[[], Responds],
        store: ConversationStore,
        turns: TurnLog,
        hub: Hub,
        workers: int,
    ) -> None:
        self._assistant = assistant
        self._store = store
        self._turns = turns
        self._hub = hub
        self._waiting: deque[Turn] = deque()
        self._running: dict[str, Turn] = {}
        self._stopped: set[str] = set()
        self._changed = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._work, name=f"turn-{n}", daemon=True) for n in range(workers)
        ]
        self._keeper = threading.Thread(target=self._keep_leases, name="turn-leases", daemon=True)
        self._closed = threading.Event()

    def start(self) -> None:
        """Begins to work, with what another process has left undone."""
        for thread in (*self._threads, self._keeper):
            thread.start()

    def submit(self, turn: Turn) -> None:
        """Puts an accepted turn into the line."""
        with self._changed:
            self._waiting.append(turn)
            self._changed.notify_all()
        self._hub.notify(turn.conversation_id)

    @property
    def waiting(self) -> int:
        """Length of the line."""
        with self._changed:
            return len(self._waiting)

    @property
    def running(self) -> int:
        """Turns that are being answered."""
        with self._changed:
            return len(self._running)

    def positions(self, conversation_id: str) -> dict[str, int]:
        """The conversation's waiting turns with their place in the line, from 1; 0 for the one that is answered."""
        with self._changed:
            found = {t.id: n for n, t in enumerate(self._waiting, 1) if t.conversation_id == conversation_id}
            if turn := self._running.get(conversation_id):
                found[turn.id] = 0
        return found

    def stop(self, conversation_id: str, turn_id: str) -> bool:
        """Ends a turn after what has been said; False when it is not waiting or running here."""
        with self._changed:
            known = turn_id in {t.id for t in (*self._waiting, *self._running.values())
                                if t.conversation_id == conversation_id}  # fmt: skip
            if known:
                self._stopped.add(turn_id)
        return known

    def close(self, timeout_s: float) -> None:
        """Takes nothing new from the line, finishes what has begun and leaves the rest to whoever starts next."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            left = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._running, timeout_s)
            left += self._running.values()
        self._closed.set()
        if left:
            self._turns.release([turn.id for turn in left])

    def _work(self) -> None:
        while (turn := self._next()) is not None:
            try:
                self._run(turn)
            finally:
                with self._changed:
                    self._running.pop(turn.conversation_id, None)
                    self._stopped.discard(turn.id)
                    self._changed.notify_all()
                self._hub.notify(turn.conversation_id)

    def _next(self) -> Turn | None:
        with self._changed:
            while not self._closing:
                turn = next((t for t in self._waiting if t.conversation_id not in self._running), None)
                if turn:
                    self._waiting.remove(turn)
                    self._running[turn.conversation_id] = turn
                    moved = {t.conversation_id for t in (*self._waiting, turn)}
                    break
                self._changed.wait()
            else:
                return None
        for conversation_id in moved:
            self._hub.notify(conversation_id)
        return turn

    def _run(self, turn: Turn) -> None:
        try:
            self._answer(turn)
        except ConversationNotFoundError:
            log.info("the conversation of a turn was erased")
        except FrontdeskError as error:
            log.warning("a turn failed", exc_info=error)
            self._finish(turn, *wire.failed_event(turn.id, str(error)))
        except Exception:
            log.exception("a turn failed")
            self._finish(turn, *wire.failed_event(turn.id, _BROKE))

    def _answer(self, turn: Turn) -> None:
        if answer := self._stored_answer(turn):  # the process ended between the answer and its last event
            return self._finish(turn, *wire.done_event(turn.id, answer))
        events = self._assistant().respond(turn.message, turn.conversation_id, turn.visitor_id, turn.id)
        with closing(events):  # type: ignore[type-var]
            for happened in events:
                if turn.id in self._stopped:
                    break
                if told := wire.event(turn.id, happened):
                    if isinstance(happened, Done):
                        return self._finish(turn, *told)
                    self._turns.append(turn.conversation_id, *told)
                    self._hub.notify(turn.conversation_id)
        if answer := self._stored_answer(turn):
            return self._finish(turn, *wire.done_event(turn.id, answer))
        return self._finish(turn, *wire.failed_event(turn.id, "The answer was stopped."))

    def _stored_answer(self, turn: Turn) -> StoredMessage | None:
        messages = self._store.get(turn.conversation_id, turn.visitor_id).messages
        after = [b for a, b in pairwise(messages) if a.id == turn.id]
        return after[0] if after and after[0].role == "assistant" else None

    def _finish(self, turn: Turn, name: str, data: dict[str, object]) -> None:
        try:
            self._turns.finish(turn, name, data)
        except FrontdeskError as error:
            log.error("the end of a turn could not be kept", exc_info=error)

    def _keep_leases(self) -> None:
        while True:
            try:
                self._turns.renew(list(self._mine()))
                self._take_over()
            except FrontdeskError as error:
                log.error("turns could not be looked after", exc_info=error)
            if self._closed.wait(self._turns.lease_s / 4):
                return

    def _take_over(self) -> None:
        with self._changed:
            if self._closing:
                return
        claimed = self._turns.claim_abandoned()
        mine = self._mine()  # after a pause of the whole machine its own turns look abandoned too
        for turn in claimed:
            if turn.id not in mine:
                self._turns.append(turn.conversation_id, "restarted", {"turn_id": turn.id})
                self.submit(turn)

    def _mine(self) -> set[str]:
        with self._changed:
            return {turn.id for turn in (*self._waiting, *self._running.values())}
