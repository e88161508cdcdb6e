"""Answers accepted turns: a bounded line, a few at a time, one of each conversation.

Reviewed answers do not wait for those that the language model composes. Every event is kept before it is told. It knows
nothing of HTTP, and nothing of how an answer is made.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast

from chatbot.errors import ConversationNotFoundError, FrontdeskError, StorageError, TurnTakenOverError
from chatbot.messages import Decided, Decision, Done, Message, Perceived, Retrieved, StreamEvent
from chatbot.notices import Listener, Notice
from chatbot.retention import erase_expired
from chatbot.store import ConversationStore, StoredMessage
from chatbot.turn_log import Event, Turn, TurnLog
from chatbot.web.api import wire
from chatbot.web.api.hub import Hub
from chatbot.web.api.line import Line, Phase, Place
from chatbot.web.api.next_steps import NextSteps, NothingLearnt

log = logging.getLogger(__name__)
_PRUNE_EVERY_S = 3600.0
_BROKE = "Something went wrong on our side. Please ask again."


class Responds(Protocol):
    """What the runner needs of `assistant.Assistant`."""

    def respond(
        self, message: Message, conversation_id: str, visitor_id: str, question_id: str = ""
    ) -> Iterator[StreamEvent]:
        """Answers one message as a stream of events."""
        ...


class TurnRunner:
    """Worker threads that look at turns, and others that compose answers, in the order in which the turns came.

    Args:
        assistant: Gives the assistant; waits while models load.
        workers: Answers that the language model composes at the same time; as many turns are looked at.
        keep_days: Days after which events are removed.
        retention_days: Days after which conversations are erased; 0: never.
        spent: Told the id of each turn with an answer, and the tokens it has cost.
        next_steps: Knows what to offer after an answer.
    """

    def __init__(
        self,
        *,
        assistant: Callable[[], Responds],
        store: ConversationStore,
        turns: TurnLog,
        hub: Hub,
        workers: int,
        keep_days: int = 30,
        retention_days: int = 0,
        spent: Callable[[str, int], object] = lambda _turn_id, _tokens: None,
        next_steps: NextSteps = NextSteps(NothingLearnt()),  # noqa: B008 - has no state
    ) -> None:
        self._assistant = assistant
        self._store = store
        self._turns = turns
        self._hub = hub
        self._keep_for = timedelta(days=keep_days)
        self._retention_days = retention_days
        self._prune_next_s = 0.0
        self._spent = spent
        self._next_steps = next_steps
        self._line = Line(workers)
        self._stopped: set[str] = set()
        self._held: set[str] = set()  # waiting turns whose conversation is answered by another process
        self._woken: set[str] = set()  # conversations that had news while one of their turns was looked at
        self._changed = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(target=work, name=f"{name}-{n}", daemon=True)
            for name, work in (("look", self._look), ("compose", self._compose))
            for n in range(workers)
        ]
        self._keeper = threading.Thread(target=self._keep_leases, name="turn-leases", daemon=True)
        self._closed = threading.Event()
        self._listener = Listener(store.database, self._hear, self._hear_all)

    def start(self) -> None:
        """Begins to work, with what another process has left undone."""
        for thread in (*self._threads, self._keeper):
            thread.start()
        self._listener.start()

    def submit(self, turn: Turn) -> None:
        """Puts an accepted turn into the line."""
        with self._changed:
            self._line.add(turn)
            self._changed.notify_all()
        self._hub.notify(turn.conversation_id)

    @property
    def waiting(self) -> int:
        """Length of the line."""
        with self._changed:
            return self._line.count(Phase.NEW, Phase.PARKED)

    @property
    def running(self) -> int:
        """Turns that are being answered."""
        with self._changed:
            return self._line.count(Phase.LOOKED_AT, Phase.COMPOSED)

    def positions(self, conversation_id: str) -> dict[str, int]:
        """The conversation's turns with their place in the line, from 1; 0 for the one that is answered."""
        with self._changed:
            return self._line.positions(conversation_id)

    def stop(self, conversation_id: str, turn_id: str) -> bool:
        """Ends a turn after what has been said; False when it is not waiting or running here."""
        with self._changed:
            known = turn_id in {turn.id for turn in self._line.of(conversation_id)}
            if known:
                self._stopped.add(turn_id)
                self._changed.notify_all()
        return known

    def stop_anywhere(self, conversation_id: str, turn_id: str) -> None:
        """Ends a turn after what has been said, in whichever process answers it."""
        if not self.stop(conversation_id, turn_id):
            self._turns.announce([Notice(conversation_id, turn_id)])

    def close(self, timeout_s: float) -> None:
        """Takes nothing new from the line, finishes what has begun and leaves the rest to whoever starts next."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
            busy = (Phase.LOOKED_AT, Phase.COMPOSED)
            self._changed.wait_for(lambda: not self._line.count(*busy), timeout_s)
            left, parked = self._line.turns(), self._line.parked()
        self._closed.set()
        self._listener.close()
        self._turns.leases.release([turn.id for turn in left])
        for events in parked:
            self._drop(events)

    def _drop(self, events: Iterator[StreamEvent]) -> None:
        """Ends an answer that has not been begun, and was left to another process: nothing of it is kept."""
        try:
            cast("Generator[StreamEvent]", events).close()
        except FrontdeskError as error:
            log.info("an answer that waited was left: %s", error)

    def _look(self) -> None:
        """Gives reviewed answers, and lets others wait for the language model."""
        while place := self._next(self._next_to_look_at):
            turn, is_parked, is_put_back = place.turn, False, False
            try:
                if place.events is not None:
                    self._guard(turn, self._end_stopped, place.events)
                elif self._begin(turn):
                    is_parked = self._guard(turn, self._open)
                else:
                    is_put_back = True
            except (TurnTakenOverError, ConversationNotFoundError) as error:
                log.info("a turn was left: %s", error)
            finally:
                if not is_parked:  # then it is somebody else's already
                    self._leave(turn, is_put_back)

    def _compose(self) -> None:
        """Lets the language model compose answers."""
        while place := self._next(self._line.next_parked):
            turn, events = place.turn, place.events
            try:
                self._tell_moved(turn)
                if events is not None:
                    self._guard(turn, self._go_on, events)
            finally:
                self._leave(turn)

    def _next(self, find: Callable[[], Place | None]) -> Place | None:
        with self._changed:
            while not self._closing:
                if place := find():
                    self._woken.discard(place.turn.conversation_id)
                    return place
                self._changed.wait()
        return None

    def _next_to_look_at(self) -> Place | None:
        stopped = self._line.next_parked(lambda turn: turn.id in self._stopped)  # it need not wait any more
        return stopped or self._line.next_new(lambda turn: turn.id in self._held)

    def _begin(self, turn: Turn) -> bool:
        """False when it is not its time: another process answers an earlier message of the conversation."""
        is_waiting = self.positions(turn.conversation_id).get(turn.id, 0) > 0
        try:
            return self._turns.leases.begin(turn, is_waiting=is_waiting)
        except StorageError as error:
            log.error("a turn could not be begun", exc_info=error)
            return False

    def _tell_moved(self, turn: Turn) -> None:
        """An answer is composed now: who stands behind it has moved up."""
        with self._changed:
            moved = self._line.behind(turn)
        self._hub.notify_moved(moved)
        try:
            self._turns.announce(Notice(conversation_id) for conversation_id in moved)
        except StorageError as error:
            log.error("places in the line could not be told to other processes", exc_info=error)

    def _leave(self, turn: Turn, is_put_back: bool = False) -> None:
        with self._changed:
            moved = self._line.behind(turn)
            if is_put_back:
                self._line.put_back(turn)
                if turn.conversation_id not in self._woken:
                    self._held.add(turn.id)
            else:
                self._line.remove(turn)
                self._stopped.discard(turn.id)
                self._let_go(turn.conversation_id)
            self._woken.discard(turn.conversation_id)
            self._changed.notify_all()
        self._hub.notify(turn.conversation_id)
        self._hub.notify_moved(moved)

    def _let_go(self, conversation_id: str = "") -> None:
        """Looks again at turns that were put back, of one conversation or of all."""
        for turn in self._line.turns():
            if conversation_id in ("", turn.conversation_id):
                self._held.discard(turn.id)
                self._woken.add(turn.conversation_id)

    def _hear(self, notice: Notice) -> None:
        if notice.stopped_turn:
            self.stop(notice.conversation_id, notice.stopped_turn)
            return
        self._hub.notify(notice.conversation_id)
        with self._changed:
            self._let_go(notice.conversation_id)
            self._changed.notify_all()

    def _hear_all(self) -> None:
        self._hub.notify_all()
        with self._changed:
            self._let_go()
            self._changed.notify_all()

    def _guard(self, turn: Turn, step: Callable[..., bool], *more: Iterator[StreamEvent]) -> bool:
        """Takes a step of an answer; what goes wrong ends the turn. True when the rest waits for the model."""
        try:
            return step(turn, *more)
        except ConversationNotFoundError:
            log.info("the conversation of a turn was erased")
        except TurnTakenOverError:
            self._finish_answered(turn)
        except FrontdeskError as error:
            log.warning("a turn failed", exc_info=error)
            self._finish(turn, *wire.failed_event(turn.id, str(error)))
        except Exception:
            log.exception("a turn failed")
            self._finish(turn, *wire.failed_event(turn.id, _BROKE))
        return False

    def _open(self, turn: Turn) -> bool:
        """Answers as far as that goes without the language model; True when the rest waits for it."""
        if answer := self._stored_answer(turn):  # the process ended between the answer and its last event
            self._finish_stored(turn, answer)
            return False
        events = self._assistant().respond(turn.message, turn.conversation_id, turn.visitor_id, turn.id)
        return self._tell(turn, events, parks=True)

    def _go_on(self, turn: Turn, events: Iterator[StreamEvent]) -> bool:
        if self._turns.is_shared:
            self._turns.leases.begin(turn)
        return self._tell(turn, events, parks=False)

    def _end_stopped(self, turn: Turn, events: Iterator[StreamEvent]) -> bool:
        cast("Generator[StreamEvent]", events).close()
        self._finish_broken_off(turn)
        return False

    def _tell(self, turn: Turn, events: Iterator[StreamEvent], *, parks: bool) -> bool:
        """Keeps and tells what happens; what follows at once on what is kept in one change with that."""
        is_parked = is_quick = False
        held: list[Event] = []
        try:
            for happened in events:
                if turn.id in self._stopped:
                    break
                is_quick = is_quick or (parks and _is_followed_at_once(turn, happened))
                if told := wire.event(turn.id, happened):
                    if isinstance(happened, Done):
                        self._charge(turn, happened.tokens)
                        self._finish_done(turn, *told, held)
                        return False
                    if is_quick or isinstance(happened, Perceived):
                        held.append(told)
                        continue
                    self._turns.tell(turn, *told, held)
                    held.clear()
                    self._hub.notify(turn.conversation_id)
                if parks and isinstance(happened, Retrieved) and happened.needs_model:
                    is_parked = True
                    self._park(turn, events)
                    return True
        finally:
            if not is_parked:
                cast("Generator[StreamEvent]", events).close()
        self._finish_broken_off(turn, held)
        return False

    def _park(self, turn: Turn, events: Iterator[StreamEvent]) -> None:
        with self._changed:
            self._line.park(turn, events)
            self._changed.notify_all()

    def _finish_broken_off(self, turn: Turn, held: Sequence[Event] = ()) -> None:
        if answer := self._stored_answer(turn):
            self._finish_stored(turn, answer, held)
        else:
            self._finish(turn, *wire.failed_event(turn.id, "The answer was stopped."), held)

    def _finish_answered(self, turn: Turn) -> None:
        """Tells the answer that a process kept which had lost the turn; that one tells nothing more."""
        if answer := self._stored_answer(turn):
            self._finish_stored(turn, answer)

    def _finish_stored(self, turn: Turn, answer: StoredMessage, held: Sequence[Event] = ()) -> None:
        self._charge(turn, answer.evidence.tokens if answer.evidence else 0)
        self._finish_done(turn, *wire.done_event(turn.id, answer), held)

    def _finish_done(
        self, turn: Turn, name: str, data: dict[str, object], held: Sequence[Event] = ()
    ) -> None:
        """Tells an answer, which is stored, with what may come next."""
        after = self._next_steps.after(
            lambda: self._store.get(turn.conversation_id, turn.visitor_id).messages
        )
        self._finish(turn, name, {**data, "next": after.model_dump()}, held)

    def _charge(self, turn: Turn, tokens: int) -> None:
        try:
            self._spent(turn.id, tokens)
        except FrontdeskError as error:
            log.error("the tokens of a turn could not be counted", exc_info=error)

    def _stored_answer(self, turn: Turn) -> StoredMessage | None:
        return self._store.answer_to(turn.conversation_id, turn.visitor_id, turn.id)

    def _finish(self, turn: Turn, name: str, data: dict[str, object], held: Sequence[Event] = ()) -> None:
        try:
            self._turns.finish(turn, name, data, held)
        except (ConversationNotFoundError, TurnTakenOverError) as error:
            log.info("a turn was left: %s", error)
        except FrontdeskError as error:
            log.error("the end of a turn could not be kept", exc_info=error)

    def _keep_leases(self) -> None:
        while True:
            try:
                self._turns.leases.renew(list(self._mine()))
                self._take_over()
                self._hear_all()
                self._prune()
            except FrontdeskError as error:
                log.error("turns could not be looked after", exc_info=error)
            if self._closed.wait(self._turns.leases.lease_s / 4):
                return

    def _prune(self) -> None:
        if time.monotonic() < self._prune_next_s:
            return
        self._prune_next_s = time.monotonic() + _PRUNE_EVERY_S
        if count := self._turns.prune(datetime.now(UTC) - self._keep_for):
            log.info("%d old events were removed", count)
        if self._retention_days:
            erase_expired(self._store, self._retention_days)

    def _take_over(self) -> None:
        with self._changed:
            if self._closing:
                return
        claimed = self._turns.leases.claim_abandoned()
        mine = self._mine()  # after a pause of the whole machine its own turns look abandoned too
        for turn in claimed:
            if turn.id not in mine:
                self._turns.tell(turn, "restarted", {"turn_id": turn.id})
                self.submit(turn)

    def _mine(self) -> set[str]:
        with self._changed:
            return {turn.id for turn in self._line.turns()}


def _is_followed_at_once(turn: Turn, happened: StreamEvent) -> bool:
    """Whether the rest of an answer without the model comes with this; a handoff's ticket tells of itself between."""
    if turn.message.attachments:  # pictures are described after the answer
        return False
    return isinstance(happened, Decided) and happened.decision is not Decision.HANDOFF
