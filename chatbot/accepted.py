"""Questions whose answers customers found right, for tuning the embedder."""

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from chatbot.database import Database
from chatbot.privacy.redactor import Redactor
from chatbot.schema import FeedbackRow, MessageRow
from knowledge_base.tuning.pairs import Accepted

_MOST = 10_000


def accepted_answers(database: Database, redactor: Redactor) -> list[Accepted]:
    """The newest answers with a thumb up, each with its typed question, masked, and what it cites first."""
    question, answer = aliased(MessageRow), aliased(MessageRow)
    newest = select(func.max(FeedbackRow.id)).group_by(FeedbackRow.message_id)
    query = (
        select(question.text, answer.evidence)
        .join(answer, answer.reply_to == question.id)
        .join(FeedbackRow, FeedbackRow.message_id == answer.id)
        .where(FeedbackRow.id.in_(newest), FeedbackRow.rating > 0)
        .order_by(answer.created_at.desc())
        .limit(_MOST)
    )
    with database.reading() as session:
        rows = session.execute(query).all()
    cited = [(text, evidence["citations"][0]) for text, evidence in rows if (evidence or {}).get("citations")]
    return [
        Accepted(redactor.mask(" ".join(text.split())).text, citation["document_id"])
        for text, citation in cited
        if text.strip()
    ]
