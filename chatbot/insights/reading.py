"""The stored conversations as facts, read one visitor after the other: memory does not grow with their number."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, islice, pairwise
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from chatbot.database import Database
from chatbot.messages import Kind, Observation
from chatbot.schema import ConversationRow, CsatRow, FeedbackRow, MessageRow, TicketRow
from chatbot.understand import language_of

_OBSERVATION = TypeAdapter(Observation)
_ROWS = 500
_SAID_CHARS = 1_000
_MOST_OF_ONE_VISITOR = 200
NOT_CUSTOMERS = ("command-line",)
"""Visitors that are the operator's own."""
TEXT, SCREENSHOT, VOICE = "text", "screenshot", "voice"


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """An answer of the assistant.

    Attributes:
        documents: Titles of the documents that it cites, by id.
        rating: The newest: 1, -1, or 0 for none.
    """

    id: str
    at: datetime
    decision: str
    stopped: bool = False
    documents: Mapping[str, str] = field(default_factory=dict)
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    rating: int = 0


@dataclass(frozen=True, slots=True)
class QuestionFacts:
    """What a customer said, and what was answered; nothing while a person has the conversation.

    Attributes:
        channel: `voice` with a recording or video, else `screenshot` with an image, else `text`.
    """

    id: str
    at: datetime
    said: str
    channel: str = TEXT
    language: str = "en"
    answer: AnswerFacts | None = None


@dataclass(frozen=True, slots=True)
class ConversationFacts:
    """A conversation with everything that is counted.

    Attributes:
        person_asked_at: When a person was asked for, by the customer or the assistant.
        person_said_at: When persons of the team wrote.
        csat: How satisfied the customer was, from 1 to 5, as said last; 0 where nothing was said.
    """

    id: str
    visitor_id: str
    questions: tuple[QuestionFacts, ...]
    person_asked_at: tuple[datetime, ...] = ()
    person_said_at: tuple[datetime, ...] = ()
    csat: int = 0


Visitor = tuple[ConversationFacts, ...]
"""The conversations of one visitor, in the order in which they were begun."""


def visitors(database: Database, since: datetime, until: datetime) -> Iterator[Visitor]:
    """Everybody who had a conversation in the time, with these conversations whole.

    Of a visitor with very many conversations, as a program that asks for others is, each batch counts as one visitor.
    """
    with database.reading() as session:
        for _, own in groupby(_conversations(session, since, until), key=lambda c: c.visitor_id):
            while batch := tuple(islice(own, _MOST_OF_ONE_VISITOR)):
                yield batch


def _conversations(session: Session, since: datetime, until: datetime) -> Iterator[ConversationFacts]:
    rating = (
        select(FeedbackRow.rating)
        .where(FeedbackRow.message_id == MessageRow.id)
        .order_by(FeedbackRow.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(
            ConversationRow.visitor_id,
            MessageRow.conversation_id,
            MessageRow.id,
            MessageRow.role,
            MessageRow.text,
            MessageRow.created_at,
            MessageRow.attachments,
            MessageRow.observation,
            MessageRow.evidence,
            MessageRow.reply_to,
            rating.label("rating"),
        )
        .join(ConversationRow, ConversationRow.id == MessageRow.conversation_id)
        .where(
            ConversationRow.updated_at >= since,
            ConversationRow.created_at < until,
            ConversationRow.visitor_id.not_in(NOT_CUSTOMERS),
        )
        .order_by(
            ConversationRow.visitor_id,
            ConversationRow.created_at,
            MessageRow.conversation_id,
            MessageRow.position,
        )
        .execution_options(yield_per=_ROWS)
    )
    rows = groupby(session.execute(query), key=lambda row: row.conversation_id)
    whole = ((key, list(messages)) for key, messages in rows)
    while batch := list(islice(whole, _MOST_OF_ONE_VISITOR)):
        keys = [key for key, _ in batch]
        asked, scores = _tickets(session, keys), _scores(session, keys)
        for key, messages in batch:
            yield _conversation(messages, asked.get(key, ()), scores.get(key, 0))


def _tickets(session: Session, conversation_ids: Sequence[str]) -> dict[str, tuple[datetime, ...]]:
    query = (
        select(TicketRow.conversation_id, TicketRow.created_at, TicketRow.opened_at)
        .where(TicketRow.conversation_id.in_(conversation_ids))
        .order_by(TicketRow.opened_at)
    )
    found: dict[str, tuple[datetime, ...]] = {}
    for key, created_at, opened_at in session.execute(query):
        found[key] = (*found.get(key, ()), *sorted({created_at, opened_at}))
    return found


def _scores(session: Session, conversation_ids: Sequence[str]) -> dict[str, int]:
    query = (
        select(CsatRow.conversation_id, CsatRow.score)
        .where(CsatRow.conversation_id.in_(conversation_ids))
        .order_by(CsatRow.id)
    )
    return {row.conversation_id: row.score for row in session.execute(query)}  # the newest stays


def _conversation(rows: Sequence[Row[Any]], asked: tuple[datetime, ...], csat: int) -> ConversationFacts:
    replies = {row.reply_to: row for row in rows if row.role == "assistant" and row.reply_to}
    for before, row in pairwise(rows):
        if row.role == "assistant" and not row.reply_to and before.role == "user":
            replies.setdefault(before.id, row)
    return ConversationFacts(
        id=rows[0].conversation_id,
        visitor_id=rows[0].visitor_id,
        questions=tuple(_question(row, replies.get(row.id)) for row in rows if row.role == "user"),
        person_asked_at=asked,
        person_said_at=tuple(row.created_at for row in rows if row.role == "person"),
        csat=csat,
    )


def _question(row: Row[Any], reply: Row[Any] | None) -> QuestionFacts:
    observation = _OBSERVATION.validate_python(row.observation or {"text": row.text})
    said = " ".join((observation.said or row.text).split())[:_SAID_CHARS]
    return QuestionFacts(
        id=row.id,
        at=row.created_at,
        said=said,
        channel=_channel({attachment["kind"] for attachment in row.attachments or ()}),
        language=language_of(observation),
        answer=_answer(reply) if reply is not None else None,
    )


def _channel(kinds: set[str]) -> str:
    if kinds & {Kind.AUDIO, Kind.VIDEO}:
        return VOICE
    return SCREENSHOT if Kind.IMAGE in kinds else TEXT


def _answer(row: Row[Any]) -> AnswerFacts:
    evidence = row.evidence or {}
    return AnswerFacts(
        id=row.id,
        at=row.created_at,
        decision=evidence.get("decision", ""),
        stopped=bool(evidence.get("stopped")),
        documents={c["document_id"]: c["title"] for c in evidence.get("citations") or ()},
        timings_ms=evidence.get("timings_ms") or {},
        rating=row.rating or 0,
    )
