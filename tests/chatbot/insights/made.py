"""Conversations as they would be stored, at times of the test's choice."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chatbot.database import Database
from chatbot.schema import ConversationRow, CsatRow, FeedbackRow, MessageRow, TicketRow

START = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday


@dataclass(frozen=True)
class Said:
    """A question at so many hours after the beginning, and its answer ten seconds later; no decision, no answer."""

    text: str
    hours: float = 0.0
    decision: str = "generate"
    documents: Sequence[str] = ()
    ratings: Sequence[int] = ()
    kind: str = ""
    stopped: bool = False
    timings_ms: Mapping[str, float] = field(default_factory=dict)


def put(
    database: Database,
    *turns: Said,
    visitor: str = "ann",
    at: datetime = START,
    asked_at_hours: float | None = None,
    person_at_hours: float | None = None,
    csat: Sequence[int] = (),
) -> str:
    """Stores a conversation; returns its id."""
    key = uuid.uuid4().hex
    last = at + timedelta(hours=max([*(t.hours for t in turns), person_at_hours or 0]), seconds=10)
    with database.writing() as session:
        session.add(ConversationRow(id=key, visitor_id=visitor, title="", created_at=at, updated_at=last))
        session.flush()
        position = 0
        for turn in turns:
            for row in _rows(key, turn, at + timedelta(hours=turn.hours)):
                row.position = position
                position += 1
                session.add(row)
                session.flush()
                if row.role == "assistant":
                    session.add_all(
                        FeedbackRow(message_id=row.id, rating=r, comment="", created_at=row.created_at)
                        for r in turn.ratings
                    )
        session.add_all(CsatRow(conversation_id=key, score=s, comment="", created_at=last) for s in csat)
        if person_at_hours is not None:
            session.add(_message(key, "person", "Hello", at + timedelta(hours=person_at_hours), position))
        if asked_at_hours is not None:
            session.add(_ticket(key, at + timedelta(hours=asked_at_hours)))
    return key


def _rows(key: str, turn: Said, at: datetime) -> list[MessageRow]:
    attachments = [{"kind": turn.kind}] if turn.kind else []
    question = _message(key, "user", turn.text, at, attachments=attachments)
    if not turn.decision:
        return [question]
    cited = [
        {"number": n, "document_id": d, "title": d.title(), "url": "", "quote": "", "passage": ""}
        for n, d in enumerate(turn.documents, 1)
    ]
    evidence = {
        "decision": turn.decision,
        "citations": cited,
        "timings_ms": dict(turn.timings_ms),
        "stopped": turn.stopped,
    }
    answer = _message(
        key, "assistant", "…", at + timedelta(seconds=10), evidence=evidence, reply_to=question.id
    )
    return [question, answer]


def _message(key: str, role: str, text: str, at: datetime, position: int = 0, **more: Any) -> MessageRow:
    return MessageRow(
        id=uuid.uuid4().hex,
        conversation_id=key,
        position=position,
        role=role,
        text=text,
        created_at=at,
        **{"attachments": [], **more},
    )


def _ticket(key: str, at: datetime) -> TicketRow:
    return TicketRow(
        id=uuid.uuid4().hex,
        conversation_id=key,
        status="open",
        cause="asked",
        note="",
        contact="",
        language="en",
        agent="",
        created_at=at,
        opened_at=at,
        changed_at=at,
    )
