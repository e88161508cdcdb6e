"""Bad answers are listed until somebody has looked at them, and a correction answers the question from then on."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chatbot.errors import InputError
from chatbot.handoff_desk import HandoffDesk
from chatbot.handoff_settings import HandoffSettings
from chatbot.messages import Citation, Decision, Message
from chatbot.policy import Cause
from chatbot.privacy import pattern_redactor
from chatbot.reviews import Reviews
from chatbot.store import ConversationStore, Evidence
from knowledge_base.documents import FaqEntry

CITED = Evidence(Decision.GENERATE, citations=(Citation(1, "returns", "Returns", "", "q", "q"),))


@dataclass
class Entries:
    """Takes FAQ entries."""

    added: list[FaqEntry] = field(default_factory=list)

    def add_entry(self, entry: FaqEntry) -> None:
        self.added.append(entry)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    opened = ConversationStore(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    yield opened
    opened.close()


@pytest.fixture
def entries() -> Entries:
    return Entries()


@pytest.fixture
def reviews(store: ConversationStore, entries: Entries) -> Reviews:
    return Reviews(store.database, lambda: entries, pattern_redactor())


def answered(store: ConversationStore, question: str, rating: int, comment: str = "") -> tuple[str, str]:
    conversation_id = store.create("ann").id
    store.add_question(conversation_id, "ann", Message(question))
    message_id = store.add_answer(conversation_id, "ann", "Within 14 days. [1]", CITED)
    store.add_feedback(message_id, "ann", rating, comment)
    return conversation_id, message_id


def test_only_answers_whose_newest_rating_is_bad_wait_newest_first(
    store: ConversationStore, reviews: Reviews
) -> None:
    _, first = answered(store, "How long?", -1, "Wrong!")
    answered(store, "Where?", 1)
    _, changed = answered(store, "Why?", -1)
    store.add_feedback(changed, "ann", 0)
    _, last = answered(store, "When?", -1)
    waiting = reviews.waiting()
    assert [bad.message_id for bad in waiting] == [last, first]
    assert (waiting[1].question, waiting[1].answer) == ("How long?", "Within 14 days. [1]")
    assert (waiting[1].comment, waiting[1].sources) == ("Wrong!", ("Returns",))


def test_a_correction_becomes_a_faq_entry_once(
    store: ConversationStore, reviews: Reviews, entries: Entries
) -> None:
    _, message_id = answered(store, "How long?", -1)
    made = reviews.correct(message_id, " How long \n can I return it? ", "45 days.")
    assert entries.added == [made]
    assert (made.question, made.answer, made.language) == ("How long can I return it?", "45 days.", "en")
    assert reviews.waiting() == ()
    for attempt in (lambda: reviews.correct(message_id, "Q", "A"), lambda: reviews.dismiss(message_id)):
        with pytest.raises(InputError, match="does not wait"):
            attempt()
    assert len(entries.added) == 1


def test_nothing_is_made_without_question_and_answer_or_of_an_erased_answer(
    store: ConversationStore, reviews: Reviews, entries: Entries
) -> None:
    conversation_id, message_id = answered(store, "How long?", -1)
    with pytest.raises(InputError, match="needs a question"):
        reviews.correct(message_id, "How long?", " \n")
    store.delete(conversation_id, "ann")
    with pytest.raises(InputError, match="does not wait"):
        reviews.correct(message_id, "How long?", "45 days.")
    assert entries.added == []


def test_what_was_put_aside_does_not_come_back(store: ConversationStore, reviews: Reviews) -> None:
    _, message_id = answered(store, "How long?", -1)
    reviews.dismiss(message_id)
    assert reviews.waiting() == ()


def test_a_reviewer_starts_from_what_a_person_said_without_personal_data(
    store: ConversationStore, reviews: Reviews
) -> None:
    conversation_id, _ = answered(store, "Write to ann@example.com: how long?", -1)
    desk = HandoffDesk(store, HandoffSettings())
    standing, _ = desk.request(conversation_id, "ann", cause=Cause.ASKED)
    desk.claim(standing.ticket.id, "Mia")
    desk.reply(standing.ticket.id, "Mia", "45 days, I wrote to ann@example.com too.")
    bad = reviews.waiting()[0]
    assert bad.correction.startswith("45 days")
    assert "ann@example.com" not in bad.question + bad.correction
