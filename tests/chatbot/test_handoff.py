"""A handoff from the wish to the last word: customers are told the truth, agents do not clash."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chatbot.errors import ConversationNotFoundError, InputError
from chatbot.handoff import Action, Briefing, TicketState, brief, may_be_handed_off, next_state, standing_data
from chatbot.handoff_desk import HandoffDesk
from chatbot.handoff_settings import HandoffSettings
from chatbot.messages import Citation, Decision, Message
from chatbot.policy import Cause
from chatbot.store import Conversation, ConversationStore, Evidence
from chatbot.turn_log import TurnLog
from chatbot.web.ui.person import standing_line

HOURS = HandoffSettings(opening_hours=("mon-fri 09:00-17:00",), time_zone="UTC")
CITED = Evidence(
    Decision.GENERATE, citations=(Citation(1, "returns", "Returns", "https://x.example", "q", "q"),)
)
DECLINED = Evidence(Decision.DECLINE)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    opened = ConversationStore(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    yield opened
    opened.close()


@pytest.fixture
def desk(store: ConversationStore) -> HandoffDesk:
    return HandoffDesk(store, HandoffSettings())


@pytest.fixture
def conversation(store: ConversationStore) -> Conversation:
    opened = store.create("ann")
    store.add_question(opened.id, "ann", Message("Can I return a Dot?"))
    store.add_answer(opened.id, "ann", "Within 45 days. [1]", CITED)
    store.add_question(opened.id, "ann", Message("And a broken one?"))
    store.add_answer(opened.id, "ann", "I could not find it.", DECLINED)
    return opened


def asked(desk: HandoffDesk, conversation: Conversation, **more: str) -> str:
    standing, _ = desk.request(conversation.id, conversation.visitor_id, cause=Cause.ASKED, **more)
    return standing.ticket.id


def events(store: ConversationStore, conversation: Conversation) -> list[str]:
    return [e.name for e in TurnLog(store.database).after(conversation.id, 0)]


def told(desk: HandoffDesk, conversation: Conversation, said: str = "a human please") -> str:
    return desk.hand_off(conversation, Cause.ASKED, said=said, language="en")


def test_a_ticket_goes_from_open_to_closed_with_an_event_for_each_step(
    store: ConversationStore, desk: HandoffDesk, conversation: Conversation
) -> None:
    ticket_id = asked(desk, conversation)
    assert not desk.is_with_person(conversation.id)
    desk.claim(ticket_id, "Mia")
    assert desk.is_with_person(conversation.id)
    message_id = desk.reply(ticket_id, "Mia", "Hello, I am Mia.")
    last = store.get(conversation.id, "ann").messages[-1]
    assert (last.id, last.role, last.author, last.text) == (message_id, "person", "Mia", "Hello, I am Mia.")
    assert desk.give_back(ticket_id, "Mia").state is TicketState.RETURNED
    assert not desk.is_with_person(conversation.id)
    assert desk.close(ticket_id, "Mia").state is TicketState.CLOSED
    assert desk.queue() == ()
    assert events(store, conversation) == ["person_requested", "person_joined", "message", "person_left"]


def test_asking_again_finds_the_ticket_and_adds_what_is_new(
    store: ConversationStore, desk: HandoffDesk, conversation: Conversation
) -> None:
    first = asked(desk, conversation, note="It is urgent.")
    assert asked(desk, conversation, note="Really.", contact="ann@example.com") == first
    ticket = desk.case(first).ticket
    assert (ticket.note, ticket.contact) == ("It is urgent.\nReally.", "ann@example.com")
    assert events(store, conversation) == ["person_requested"]


def test_a_returned_ticket_is_opened_again_at_the_end_of_the_queue(
    store: ConversationStore, desk: HandoffDesk, conversation: Conversation
) -> None:
    ticket_id = asked(desk, conversation)
    desk.claim(ticket_id, "Mia")
    desk.give_back(ticket_id, "Mia")
    other = store.create("bob")
    desk.request(other.id, "bob", cause=Cause.ASKED)
    standing, is_new = desk.request(conversation.id, "ann", cause=Cause.ASKED)
    assert (standing.ticket.id, is_new, standing.position) == (ticket_id, True, 2)


def test_a_closed_ticket_stays_closed_and_a_new_wish_makes_another(
    desk: HandoffDesk, conversation: Conversation
) -> None:
    first = asked(desk, conversation)
    desk.close(first, "Mia")
    assert asked(desk, conversation) != first
    with pytest.raises(InputError):
        desk.claim(first, "Mia")


def test_the_queue_has_those_who_wait_first_and_tells_each_their_place(
    store: ConversationStore, desk: HandoffDesk
) -> None:
    tickets = []
    for visitor in ("ann", "bob", "cat"):
        opened = store.create(visitor)
        standing, _ = desk.request(opened.id, visitor, cause=Cause.ASKED)
        tickets.append(standing.ticket)
        assert standing.position == len(tickets)
    desk.claim(tickets[0].id, "Mia")
    assert [t.id for t in desk.queue()] == [tickets[1].id, tickets[2].id, tickets[0].id]
    standing_of_cat = desk.standing(tickets[2].conversation_id)
    assert standing_of_cat is not None
    assert standing_of_cat.position == 2


def test_only_one_agent_has_a_conversation(desk: HandoffDesk, conversation: Conversation) -> None:
    ticket_id = asked(desk, conversation)
    desk.seen("Mia")
    desk.claim(ticket_id, "Mia")
    for attempt in (
        lambda: desk.claim(ticket_id, "Tom"),
        lambda: desk.reply(ticket_id, "Tom", "Hi"),
        lambda: desk.give_back(ticket_id, "Tom"),
        lambda: desk.close(ticket_id, "Tom"),
    ):
        with pytest.raises(InputError, match="Mia has this conversation"):
            attempt()
    desk.gone("Mia")
    assert desk.claim(ticket_id, "Tom").agent == "Tom"


def test_nothing_is_said_without_taking_the_conversation_without_a_name_or_without_words(
    desk: HandoffDesk, conversation: Conversation
) -> None:
    ticket_id = asked(desk, conversation)
    with pytest.raises(InputError, match="Take it first"):
        desk.reply(ticket_id, "Mia", "Hi")
    with pytest.raises(InputError, match="name"):
        desk.claim(ticket_id, " \n ")
    desk.claim(ticket_id, "Mia")
    with pytest.raises(InputError, match="empty"):
        desk.reply(ticket_id, "Mia", " \u202e ")


def test_a_person_cannot_be_asked_for_in_the_conversation_of_another(
    desk: HandoffDesk, conversation: Conversation
) -> None:
    with pytest.raises(ConversationNotFoundError):
        desk.request(conversation.id, "bob", cause=Cause.ASKED)


def test_erasing_a_conversation_erases_its_ticket(
    store: ConversationStore, desk: HandoffDesk, conversation: Conversation
) -> None:
    ticket_id = asked(desk, conversation)
    store.delete(conversation.id, "ann")
    assert desk.queue() == ()
    with pytest.raises(InputError):
        desk.claim(ticket_id, "Mia")


def test_customers_are_told_truthfully_whether_anybody_is_there(
    store: ConversationStore, conversation: Conversation
) -> None:
    now = [datetime.now(UTC)]
    now[0] += timedelta(days=-now[0].weekday()) - timedelta(hours=now[0].hour - 12)  # Monday at noon
    desk = HandoffDesk(store, HOURS, clock=lambda: now[0])
    assert "nobody is at the desk at this moment" in told(desk, conversation)
    now[0] += timedelta(days=5)
    assert "Nobody is here now; we are back Monday 09:00 (UTC)." in told(desk, conversation)
    unstated = HandoffDesk(store, HandoffSettings())
    assert "Nobody is here at this moment" in told(unstated, conversation)
    unstated.seen("Mia")
    answer = told(unstated, conversation)
    assert "Somebody is here now" in answer
    assert "number 1 in the queue" in answer
    assert "write your e-mail address" in answer


def test_customers_do_not_see_the_address_that_an_account_is_named_by(
    store: ConversationStore, desk: HandoffDesk, conversation: Conversation
) -> None:
    ticket_id = asked(desk, conversation)
    assert desk.claim(ticket_id, "mia@shop.example").agent == "mia@shop.example"
    desk.reply(ticket_id, "mia@shop.example", "Hello")
    with pytest.raises(InputError, match=r"mia@shop\.example has this conversation"):
        desk.reply(ticket_id, "mia@other.example", "Hello")
    standing = desk.standing(conversation.id)
    assert standing is not None
    assert standing_data(standing)["agent"] == "mia"
    assert standing_line(standing, "en").startswith("mia ")
    desk.give_back(ticket_id, "mia@shop.example")
    told = [e.data for e in TurnLog(store.database).after(conversation.id, 0)]
    told += [{"author": m.author} for m in store.get(conversation.id, "ann").messages]
    assert "mia" in {data.get("agent") for data in told} & {data.get("author") for data in told}
    assert "shop.example" not in str(told)


def test_an_agent_who_was_not_seen_for_a_while_is_not_there(store: ConversationStore) -> None:
    later = HandoffDesk(store, HandoffSettings(), clock=lambda: datetime.now(UTC) + timedelta(minutes=3))
    later.seen("Mia")
    assert not later.availability().is_here


def test_an_email_address_in_the_message_is_kept(desk: HandoffDesk, conversation: Conversation) -> None:
    answer = told(desk, conversation, "A human please, I am ann@example.com")
    assert "We can also answer to ann@example.com." in answer
    assert desk.queue()[0].contact == "ann@example.com"


def test_the_briefing_is_made_of_what_was_said(store: ConversationStore, conversation: Conversation) -> None:
    made = brief(store.get(conversation.id, "ann").messages)
    assert made.questions == ("Can I return a Dot?", "And a broken one?")
    assert [(a.decision, a.sources) for a in made.attempts] == [("generate", ("Returns",)), ("decline", ())]
    assert made.sources == (("Returns", "https://x.example"),)
    summary = made.summary()
    assert "Asked last: And a broken one?" in summary
    assert "Answered by the assistant: 1; nothing found or handed over: 1." in summary
    assert Briefing((), (), (), (), (), ()).summary("zh").startswith("最后的问题")


def test_wishes_know_what_happened_before(
    store: ConversationStore, desk: HandoffDesk, conversation: Conversation
) -> None:
    earlier = store.get(conversation.id, "ann").messages
    wishes = desk.wishes("Yes please", earlier, conversation)
    assert wishes.person  # the answer before offered one
    assert wishes.found_nothing_before
    assert not wishes.is_waiting
    asked(desk, conversation)
    assert desk.wishes("Hm", earlier, conversation).is_waiting


def test_programs_whose_conversation_ends_at_once_are_not_handed_to_a_person() -> None:
    assert not may_be_handed_off("key-0123456789abcdef")
    assert not may_be_handed_off("command-line")
    assert may_be_handed_off("k" * 32)


def test_watchers_are_told_of_each_change(desk: HandoffDesk, conversation: Conversation) -> None:
    heard: list[str] = []
    desk.watchers.append(heard.append)
    ticket_id = asked(desk, conversation)
    desk.claim(ticket_id, "Mia")
    desk.reply(ticket_id, "Mia", "Hi")
    desk.close(ticket_id, "Mia")
    assert heard == [conversation.id] * 4


@pytest.mark.parametrize(
    ("state", "action"), [(TicketState.CLOSED, a) for a in Action] + [(TicketState.OPEN, Action.REPLY)]
)
def test_what_cannot_be_is_refused(state: TicketState, action: Action) -> None:
    with pytest.raises(InputError):
        next_state(state, action)
