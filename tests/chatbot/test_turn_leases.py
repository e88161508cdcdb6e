"""Of several processes on one database one answers a message, and what the others say is not kept."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from chatbot.errors import ConversationNotFoundError, TurnTakenOverError
from chatbot.messages import Decision, Message
from chatbot.store import ConversationStore, Evidence
from chatbot.turn_log import Turn, TurnLog
from tests.postgres import PostgresServer

ASKED = ("question", {"text": "Hello?"})
ANSWERED = Evidence(Decision.GENERATE)


@dataclass
class Process:
    """What one server process has of its own: connections and an id."""

    store: ConversationStore
    log: TurnLog

    @classmethod
    def on(cls, url: str) -> "Process":
        store = ConversationStore(url)
        return cls(store, TurnLog(store.database))

    def accept(self, conversation_id: str) -> Turn:
        turn, _ = self.log.accept(conversation_id, "ann", Message("Hello?"), ASKED)
        self.store.add_question(conversation_id, "ann", turn.message, turn.id)
        return turn

    def answer(self, turn: Turn) -> str:
        return self.store.add_answer(turn.conversation_id, "ann", "Yes.", ANSWERED, turn.id)


@pytest.fixture
def processes(database_url: str) -> Iterator[tuple[Process, Process]]:
    both = (Process.on(database_url), Process.on(database_url))
    yield both
    for process in both:
        process.store.close()


def test_a_process_that_has_lost_a_turn_says_nothing_more(processes: tuple[Process, Process]) -> None:
    paused, other = processes
    turn = paused.accept(paused.store.create("ann").id)
    assert paused.log.leases.begin(turn)
    paused.log.tell(turn, "delta", {"text": "Y"})
    paused.log.leases.release([turn.id])  # as if its lease had run out in a long pause
    assert other.log.leases.claim_abandoned() == (turn,)
    paused.log.leases.renew([turn.id])
    attempts = (
        lambda: paused.log.tell(turn, "delta", {"text": "es"}),
        lambda: paused.log.finish(turn, "done", {}),
        lambda: paused.log.leases.begin(turn),
        lambda: paused.answer(turn),
    )
    for attempt in attempts:
        with pytest.raises(TurnTakenOverError):
            attempt()
    assert [e.name for e in other.log.after(turn.conversation_id, 0)] == ["question", "delta"]
    assert other.log.leases.begin(turn)
    other.answer(turn)
    other.log.finish(turn, "done", {})
    with pytest.raises(TurnTakenOverError):
        other.log.finish(turn, "done", {})
    assert [e.name for e in paused.log.after(turn.conversation_id, 2)] == ["done"]


def test_a_question_is_answered_once(processes: tuple[Process, Process]) -> None:
    process, _ = processes
    turn = process.accept(process.store.create("ann").id)
    assert process.store.answer_to(turn.conversation_id, "ann", turn.id) is None
    answer_id = process.answer(turn)
    with pytest.raises(TurnTakenOverError):
        process.answer(turn)
    kept = process.store.answer_to(turn.conversation_id, "ann", turn.id)
    assert kept
    assert (kept.id, kept.reply_to) == (answer_id, turn.id)


def test_a_message_waits_until_the_earlier_one_of_its_conversation_is_answered(
    processes: tuple[Process, Process],
) -> None:
    first_process, second_process = processes
    conversation_id = first_process.store.create("ann").id
    first, second = first_process.accept(conversation_id), second_process.accept(conversation_id)
    assert not second_process.log.leases.begin(second)
    assert first_process.log.leases.begin(first)
    assert not second_process.log.leases.begin(second)
    first_process.log.finish(first, "done", {})
    assert second_process.log.leases.begin(second)
    first_process.store.delete(conversation_id, "ann")
    with pytest.raises(ConversationNotFoundError):
        second_process.log.leases.begin(second)


def test_abandoned_turns_are_shared_out_without_one_being_taken_twice(
    processes: tuple[Process, Process],
) -> None:
    left = [processes[0].accept(processes[0].store.create("ann").id) for _ in range(20)]
    processes[0].log.leases.release([turn.id for turn in left])
    together = threading.Barrier(2)
    taken: list[Turn] = []

    def take(process: Process) -> None:
        together.wait()
        taken.extend(process.log.leases.claim_abandoned())

    threads = [threading.Thread(target=take, args=(process,)) for process in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(turn.id for turn in taken) == sorted(turn.id for turn in left)


def test_the_place_in_another_process_line_is_known(postgres: PostgresServer) -> None:
    url = postgres.emptied()
    busy, other = Process.on(url), Process.on(url)
    turns = [busy.accept(busy.store.create("ann").id) for _ in range(3)]
    assert busy.log.leases.begin(turns[0])

    def places(process: Process) -> list[dict[str, int]]:
        return [process.log.leases.places_elsewhere(turn.conversation_id) for turn in turns]

    assert places(other) == [{turns[0].id: 0}, {turns[1].id: 1}, {turns[2].id: 2}]
    assert places(busy) == [{}, {}, {}]
    busy.log.finish(turns[0], "done", {})
    assert busy.log.leases.begin(turns[1])
    assert places(other) == [{}, {turns[1].id: 0}, {turns[2].id: 1}]
    busy.store.close()
    other.store.close()
