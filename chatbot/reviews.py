"""Answers that customers found bad, for somebody to correct: a correction becomes a reviewed FAQ entry, at once.

What a reviewer is shown to start from is masked, because a FAQ entry is for everybody. It knows no page.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chatbot.database import Database
from chatbot.errors import InputError
from chatbot.messages import Observation
from chatbot.privacy.redactor import Redactor
from chatbot.schema import AnswerReviewRow, FeedbackRow, MessageRow
from chatbot.store import StoredMessage, messages_of
from chatbot.text import clean_text
from chatbot.understand import language_of
from knowledge_base.documents import FaqEntry

_MOST_LISTED = 100
_ID_CHARS = 16
Outcome = Literal["faq", "dismissed"]


class TakesEntries(Protocol):
    """What a review needs of `knowledge_base.base.KnowledgeBase`."""

    def add_entry(self, entry: FaqEntry) -> object:
        """Adds or replaces one FAQ entry."""
        ...


@dataclass(frozen=True, slots=True)
class BadAnswer:
    """An answer with a thumb down that nobody has looked at.

    Attributes:
        question: What was asked, with personal data masked.
        correction: To start from: what a person of the team said afterwards, masked; empty where nobody did.
        comment: What the customer wrote with the thumb.
        sources: Titles of the sources that the answer rested on.
    """

    message_id: str
    question: str
    answer: str
    correction: str
    comment: str
    sources: tuple[str, ...]
    rated_at: datetime


class Reviews:
    """The list of bad answers, and what becomes of each.

    Args:
        knowledge_base: Takes the corrections; waits while models load.
        redactor: Masks what a reviewer starts from.
    """

    def __init__(
        self, database: Database, knowledge_base: Callable[[], TakesEntries], redactor: Redactor
    ) -> None:
        self._database = database
        self._knowledge_base = knowledge_base
        self._redactor = redactor

    def waiting(self) -> tuple[BadAnswer, ...]:
        """Answers whose newest rating is a thumb down, newest first, without those that were looked at."""
        newest = select(func.max(FeedbackRow.id)).group_by(FeedbackRow.message_id)
        query = (
            select(MessageRow, FeedbackRow)
            .join(FeedbackRow, FeedbackRow.message_id == MessageRow.id)
            .outerjoin(AnswerReviewRow, AnswerReviewRow.message_id == MessageRow.id)
            .where(FeedbackRow.id.in_(newest), FeedbackRow.rating < 0, AnswerReviewRow.message_id.is_(None))
            .order_by(FeedbackRow.created_at.desc())
            .limit(_MOST_LISTED)
        )
        with self._database.reading() as session:
            found = [(row.id, row.conversation_id, f) for row, f in session.execute(query)]
            return tuple(self._bad(session, *each) for each in found)

    def correct(self, message_id: str, question: str, answer: str) -> FaqEntry:
        """Makes a reviewed FAQ entry; the same question is answered with it, word for word, from now on.

        Raises:
            InputError: Question or answer is blank, or the answer was looked at or erased meanwhile.
        """
        question, answer = " ".join(clean_text(question).split()), clean_text(answer)
        if not question or not answer:
            raise InputError("A FAQ entry needs a question and an answer.", "Fill in both.")
        self._check_waits(message_id)
        entry = FaqEntry(
            id=f"reviewed-{message_id[:_ID_CHARS]}",
            question=question,
            answer=answer,
            language=language_of(Observation(question)),
        )
        self._knowledge_base().add_entry(entry)
        self._settle(message_id, "faq", entry.id)
        return entry

    def dismiss(self, message_id: str) -> None:
        """Keeps that nothing is to be done about an answer.

        Raises:
            InputError: It was looked at or erased meanwhile.
        """
        self._check_waits(message_id)
        self._settle(message_id, "dismissed", "")

    def _check_waits(self, message_id: str) -> None:
        with self._database.reading() as session:
            is_known = session.get(MessageRow, message_id) is not None
            if not is_known or session.get(AnswerReviewRow, message_id) is not None:
                raise InputError("This answer does not wait for a review (any more).", "Reload the list.")

    def _settle(self, message_id: str, outcome: Outcome, entry_id: str) -> None:
        row = AnswerReviewRow(
            message_id=message_id, outcome=outcome, entry_id=entry_id, reviewed_at=datetime.now(UTC)
        )
        with self._database.writing() as session:
            session.merge(row)

    def _bad(
        self, session: Session, message_id: str, conversation_id: str, feedback: FeedbackRow
    ) -> BadAnswer:
        messages = messages_of(session, conversation_id)
        at = next(n for n, m in enumerate(messages) if m.id == message_id)
        asked = next((_said(m) for m in reversed(messages[:at]) if m.role == "user"), "")
        later = next((m.text for m in messages[at:] if m.role == "person"), "")
        question, correction = (masked.text for masked in self._redactor.mask_turns([asked, later]))
        evidence = messages[at].evidence
        return BadAnswer(
            message_id=message_id,
            question=question,
            answer=messages[at].text,
            correction=correction,
            comment=feedback.comment,
            sources=tuple(c.title for c in evidence.citations) if evidence else (),
            rated_at=feedback.created_at,
        )


def _said(question: StoredMessage) -> str:
    return (question.observation.said if question.observation else "") or question.text
