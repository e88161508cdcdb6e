"""Questions that customers asked and nobody could answer: what an answer should be written for."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import aliased

from chatbot.database import Database
from chatbot.messages import Decision, Observation
from chatbot.schema import MessageRow

_OBSERVATION = TypeAdapter(Observation)


@dataclass(frozen=True, slots=True)
class UnansweredQuestion:
    """What was typed or said in one turn that was declined."""

    text: str
    asked_at: datetime


def unanswered_questions(database: Database, limit: int = 1_000) -> tuple[UnansweredQuestion, ...]:
    """The newest questions that were declined, newest first; those without any words are left out."""
    question, answer = aliased(MessageRow), aliased(MessageRow)
    replied = or_(
        answer.reply_to == question.id,
        and_(
            answer.reply_to.is_(None),
            answer.conversation_id == question.conversation_id,
            answer.position == question.position + 1,
        ),
    )
    query = (
        select(question.text, question.observation, question.created_at)
        .join(answer, replied)
        .where(
            question.role == "user",
            answer.role == "assistant",
            answer.evidence["decision"].as_string() == Decision.DECLINE,
        )
        .order_by(question.created_at.desc())
        .limit(limit)
    )
    with database.reading() as session:
        rows = session.execute(query).all()
    found = ((_said(text, observation), asked_at) for text, observation, asked_at in rows)
    return tuple(UnansweredQuestion(said, asked_at) for said, asked_at in found if said)


def _said(text: str, observation: object) -> str:
    said = _OBSERVATION.validate_python(observation).said if observation else text
    return " ".join(said.split())
