"""Turns and events are kept in order, found again after a restart, and taken over from a process that ended."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from chatbot.errors import ConversationNotFoundError, TurnTakenOverError
from chatbot.messages import Message
from chatbot.store import ConversationStore
from chatbot.turn_log import IdempotencyError, TooManyTurnsError, Turn, TurnLog

HELLO = Message("Hello?")
ASKED = ("question", {"text": "Hello?"})


@pytest.fixture
def store(database_url: str) -> Iterator[ConversationStore]:
    opened = ConversationStore(database_url)
    yield opened
    opened.close()


def accepted(log: TurnLog, conversation_id: str, key: str = "", message: Message = HELLO) -> Turn:
    return log.accept(conversation_id, "ann", message, ASKED, key)[0]


def test_events_come_in_order_after_the_one_that_was_seen(store: ConversationStore) -> None:
    log, conversation = TurnLog(store.database), store.create("ann").id
    turn = accepted(log, conversation)
    log.append(conversation, "delta", {"text": "Hi"})
    log.finish(turn, "done", {"text": "Hi"})
    assert [(e.seq, e.name) for e in log.after(conversation, 1)] == [(2, "delta"), (3, "done")]
    assert log.after(conversation, 3) == ()
    assert log.after(conversation, 0)[0].data == {"turn_id": turn.id, "text": "Hello?"}


def test_several_events_are_kept_in_their_order_or_not_at_all(store: ConversationStore) -> None:
    log, conversation = TurnLog(store.database), store.create("ann").id
    turn = accepted(log, conversation)
    log.tell(turn, "status", {}, [("perceived", {"n": 1})])
    log.finish(turn, "done", {}, [("decided", {}), ("delta", {})])
    told = [(1, "question"), (2, "perceived"), (3, "status"), (4, "decided"), (5, "delta"), (6, "done")]
    assert [(e.seq, e.name) for e in log.after(conversation, 0)] == told
    with pytest.raises(TurnTakenOverError):
        log.finish(turn, "done", {}, [("delta", {})])
    assert len(log.after(conversation, 0)) == len(told)


def test_reading_goes_on_before_the_oldest_unanswered_turn(store: ConversationStore) -> None:
    log, conversation = TurnLog(store.database), store.create("ann").id
    first = accepted(log, conversation)
    log.finish(first, "done", {})
    accepted(log, conversation)
    log.append(conversation, "delta", {})
    assert log.resume_point(conversation) == (2, 1)


def test_a_key_gives_the_same_turn_and_never_another_message(store: ConversationStore) -> None:
    log, conversation = TurnLog(store.database), store.create("ann").id
    assert accepted(log, conversation, "k") == accepted(log, conversation, "k")
    assert len(log.after(conversation, 0)) == 1
    with pytest.raises(IdempotencyError):
        accepted(log, conversation, "k", Message("Else?"))
    assert accepted(log, store.create("ann").id, "k").message == HELLO


def test_nothing_can_be_asked_or_told_in_the_conversation_of_another_visitor(
    store: ConversationStore,
) -> None:
    log, conversation = TurnLog(store.database), store.create("ann").id
    with pytest.raises(ConversationNotFoundError):
        log.accept(conversation, "bob", HELLO, ASKED)
    with pytest.raises(ConversationNotFoundError):
        log.after("0" * 32, 0)


def test_only_so_many_turns_wait(store: ConversationStore) -> None:
    log, conversation = TurnLog(store.database), store.create("ann").id
    log.accept(conversation, "ann", HELLO, ASKED, "", 1)
    with pytest.raises(TooManyTurnsError):
        log.accept(conversation, "ann", HELLO, ASKED, "", 1)


def test_a_turn_is_taken_over_only_when_its_process_shows_no_life(store: ConversationStore) -> None:
    conversation = store.create("ann").id
    ended, alive = TurnLog(store.database, lease_s=-1), TurnLog(store.database)
    left = accepted(ended, conversation)
    kept = accepted(alive, conversation)
    assert alive.leases.claim_abandoned() == (left,)
    assert alive.leases.claim_abandoned() == ()
    alive.leases.release([kept.id])
    assert alive.leases.claim_abandoned() == (kept,)
    alive.finish(kept, "done", {})
    ended.leases.renew([kept.id, left.id])
    assert alive.leases.claim_abandoned() == (left,)


def test_erasing_a_conversation_erases_its_turns_and_events(store: ConversationStore) -> None:
    log, conversation = TurnLog(store.database), store.create("ann").id
    turn = accepted(log, conversation)
    store.delete(conversation, "ann")
    with pytest.raises(ConversationNotFoundError):
        log.finish(turn, "done", {})
    assert TurnLog(store.database, lease_s=-1).leases.claim_abandoned() == ()


def test_old_events_go_and_their_numbers_are_not_given_again(store: ConversationStore) -> None:
    log = TurnLog(store.database)
    old, busy = store.create("ann").id, store.create("ann").id
    first = accepted(log, old, "k")
    log.tell(first, "delta", {})
    log.finish(first, "done", {})
    log.finish(accepted(log, busy), "done", {})
    accepted(log, busy)
    cut = datetime.now(UTC)
    assert log.prune(cut - timedelta(days=1)) == 0
    assert log.prune(cut) == 2
    assert [(e.seq, e.name) for e in log.after(old, 0)] == [(3, "done")]
    assert [e.name for e in log.after(busy, 0)] == ["question", "done", "question"]
    assert log.append(old, "person_requested", {}) == 4
    assert accepted(log, old, "k").id != first.id  # the key is free again
