"""What is suggested to an agent: the nearest reviewed answer or passage, and nothing when nothing comes close."""

from datetime import UTC, datetime

from chatbot.messages import Decision
from chatbot.store import Evidence, StoredMessage
from chatbot.suggest import last_question, suggested_answer
from knowledge_base.documents import FaqMatch, RetrievalResult, RetrievedChunk
from tests.fakes import INVOICE, RETURNS, FakeKnowledgeBase

NOW = datetime.now(UTC)


def message(role: str, text: str, *reasons: str) -> StoredMessage:
    evidence = Evidence(Decision.HANDOFF, reasons) if reasons else None
    return StoredMessage(text, "user" if role == "user" else "assistant", text, NOW, evidence=evidence)


def found(dense: float, similarity: float | None = None) -> RetrievalResult:
    faq = (FaqMatch(INVOICE, INVOICE.question, similarity),) if similarity is not None else ()
    return RetrievalResult("q", (RetrievedChunk(RETURNS, 0.03, {"dense": dense}),), faq)


def test_the_reviewed_answer_is_suggested_where_its_question_is_nearest() -> None:
    suggestion = suggested_answer(found(0.5, 0.8), 0.45)
    assert suggestion is not None
    assert (suggestion.text, suggestion.title) == (INVOICE.answer, INVOICE.question)


def test_else_the_passage_with_its_source() -> None:
    suggestion = suggested_answer(found(0.75, 0.8), 0.45)
    assert suggestion is not None
    assert suggestion.title == RETURNS.title
    assert suggestion.text in RETURNS.text


def test_nothing_is_suggested_when_nothing_comes_close() -> None:
    assert suggested_answer(found(0.44, 0.54), 0.45) is None
    assert suggested_answer(RetrievalResult("q"), 0.45) is None


def test_the_last_question_is_not_the_wish_for_a_person() -> None:
    messages = (
        message("user", "How long can I return a Dot?"),
        message("assistant", "Within 45 days."),
        message("user", "A human please"),
        message("assistant", "Passed on.", "a person was asked for: 'A human please'"),
    )
    assert last_question(messages) == "How long can I return a Dot?"
    assert last_question(messages[2:]) == ""
    assert suggested_answer(FakeKnowledgeBase().retrieve(last_question(messages)), 0.4) is not None
