"""What goes over the wire: conversations and events as JSON. Scores and reasons for agents stay inside."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from chatbot.messages import (
    Attachment,
    Citation,
    CitationAdded,
    Decided,
    Done,
    Message,
    Observation,
    OptionsOffered,
    Perceived,
    Retrieved,
    StatusChanged,
    StreamEvent,
    TextDelta,
    Warned,
)
from chatbot.store import Conversation, StoredMessage

_MINUTE = "2026-03-01T09:30:00Z"
_ID = "0d9d5c2f7a0b4f1a8a3c1e5b7d9f2c64"
_SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class AttachmentView(BaseModel):
    """An upload; `id` is the SHA-256 of what is stored."""

    id: str = Field(examples=[_SHA])
    kind: Literal["image", "audio", "video", "text"]
    media_type: str = Field(examples=["image/png"])
    name: str = Field(examples=["screen.png"])
    size_bytes: int = Field(examples=[48213])
    width_px: int = 0
    height_px: int = 0
    duration_s: float = 0.0


class ReadingView(BaseModel):
    """What was heard or read in an attachment; correct it with PATCH."""

    attachment_id: str = Field(examples=[_SHA])
    kind: Literal["transcript", "screen"]
    text: str = Field(examples=["Error WR-204"])
    is_corrected: bool = False
    confidence: float = Field(1.0, description="Between 0 and 1; 1 for a correction.")
    error_codes: list[str] = []
    description: str = Field(
        "",
        examples=["A dark error message titled “Connection lost” with a red cross."],
        description="What the picture shows, in a sentence; empty where nobody looked at it.",
    )
    time_s: float = Field(0.0, description="Where in a video.")


class CitationView(BaseModel):
    """A numbered source; `[number]` stands in the answer's text."""

    number: int = Field(examples=[1])
    document_id: str = Field(examples=["returns"])
    title: str = Field(examples=["Returns"])
    url: str = Field("", examples=["https://wren.example/returns"])
    quote: str = Field("", examples=["You can return a Dot within 45 days of delivery."])


class PassageView(CitationView):
    """A citation with the passage that the quote stands in, word for word."""

    passage: str = Field(examples=["You can return a Dot within 45 days of delivery. Returns are free."])


class FeedbackView(BaseModel):
    """Thumbs up (1) or down (-1)."""

    rating: Literal[-1, 0, 1]
    comment: str = ""


class CsatView(BaseModel):
    """How satisfied the customer was with the conversation."""

    score: int = Field(ge=1, le=5, examples=[5], description="From 1 (not at all) to 5 (fully).")
    comment: str = ""


class MessageView(BaseModel):
    """A question (`user`), an answer (`assistant`) or what a person of the team said (`person`, with `author`)."""

    id: str = Field(examples=[_ID])
    role: Literal["user", "assistant", "person"]
    author: str = Field("", description="Name of the person.")
    text: str = Field(examples=["How long can I return a Dot?"])
    created_at: datetime = Field(examples=[_MINUTE])
    attachments: list[AttachmentView] = []
    readings: list[ReadingView] = []
    problems: list[str] = Field([], description="What of the message could not be read, or went wrong.")
    citations: list[CitationView] = []
    decision: Literal["template", "generate", "clarify", "decline", "refuse", "handoff", "person"] | None = (
        None
    )
    options: list[str] = Field(
        [],
        examples=[["How do I start a return?", "Who pays for sending a return?"]],
        description="Questions that are offered when the decision is `clarify`; send one as it is.",
    )
    stopped: bool = False
    feedback: FeedbackView | None = None


class ArticleView(BaseModel):
    """An article that may be of use next."""

    title: str = Field(examples=["Returns"])
    url: str = Field(examples=["https://wren.example/returns"])


class NextView(BaseModel):
    """What the customer may want after an answer; empty where nothing that was learnt is worth offering."""

    questions: list[str] = Field(
        [], examples=[["Who pays for sending a return?"]], description="Send one as it is."
    )
    articles: list[ArticleView] = []


class ConversationSummary(BaseModel):
    """One line of a visitor's list of conversations."""

    id: str = Field(examples=[_ID])
    title: str = Field(examples=["How long can I return a Dot?"])
    created_at: datetime = Field(examples=[_MINUTE])
    updated_at: datetime = Field(examples=[_MINUTE])


class ConversationView(ConversationSummary):
    """A whole conversation.

    `last_event_id` is where its event stream goes on: events of unanswered messages come after it.
    """

    messages: list[MessageView] = []
    last_event_id: int = Field(0, examples=[17])
    unanswered: int = Field(0, description="Messages that are still being answered.")
    csat: CsatView | None = None
    next: NextView = Field(NextView(), description="After the newest answer, where nothing follows it.")


def attachment_view(attachment: Attachment) -> AttachmentView:
    """An upload as clients see it."""
    a = attachment
    return AttachmentView(
        id=a.sha256,
        kind=a.kind.value,
        media_type=a.media_type,
        name=a.name,
        size_bytes=a.size_bytes,
        width_px=a.width_px,
        height_px=a.height_px,
        duration_s=a.duration_s,
    )


def reading_views(observation: Observation | None) -> list[ReadingView]:
    """Everything that was heard and read, in the order of the attachments' kinds."""
    if observation is None:
        return []
    heard = (
        ReadingView(
            attachment_id=t.attachment_sha256,
            kind="transcript",
            text=t.text,
            is_corrected=t.corrected_text is not None,
            confidence=1.0
            if t.corrected_text is not None
            else _mean([_sure(s.avg_logprob) for s in t.segments]),
        )
        for t in observation.transcripts
    )
    seen = (
        ReadingView(
            attachment_id=s.attachment_sha256,
            kind="screen",
            text=s.text,
            is_corrected=s.corrected_text is not None,
            confidence=1.0 if s.corrected_text is not None else _mean([line.confidence for line in s.lines]),
            error_codes=list(s.error_codes),
            description=s.description,
            time_s=s.time_s,
        )
        for s in observation.screens
    )
    return [*heard, *seen]


def citation_views(citations: Sequence[Citation]) -> list[CitationView]:
    """Numbered sources without their passages."""
    return [
        CitationView(number=c.number, document_id=c.document_id, title=c.title, url=c.url, quote=c.quote)
        for c in citations
    ]


def message_view(message: StoredMessage) -> MessageView:
    """A stored question or answer."""
    evidence, observation = message.evidence, message.observation
    problems = (observation.problems if observation else ()) + (evidence.warnings if evidence else ())
    feedback = message.feedback
    return MessageView(
        id=message.id,
        role=message.role,
        author=message.author,
        text=message.text,
        created_at=message.created_at,
        attachments=[attachment_view(a) for a in message.attachments],
        readings=reading_views(observation),
        problems=list(dict.fromkeys(problems)),
        citations=citation_views(evidence.citations if evidence else ()),
        decision=evidence.decision.value if evidence else None,
        options=list(evidence.options) if evidence else [],
        stopped=evidence.stopped if evidence else False,
        feedback=FeedbackView(rating=_rating(feedback.rating), comment=feedback.comment)
        if feedback
        else None,
    )


def conversation_view(conversation: Conversation, last_event_id: int, unanswered: int) -> ConversationView:
    """A conversation with all its messages."""
    return ConversationView(
        **summary(conversation).model_dump(),
        messages=[message_view(m) for m in conversation.messages],
        last_event_id=last_event_id,
        unanswered=unanswered,
        csat=CsatView(score=conversation.csat.score, comment=conversation.csat.comment)
        if conversation.csat
        else None,
    )


def summary(conversation: Conversation) -> ConversationSummary:
    """A conversation without its messages."""
    c = conversation
    return ConversationSummary(id=c.id, title=c.title, created_at=c.created_at, updated_at=c.updated_at)


def question_event(message: Message) -> tuple[str, dict[str, Any]]:
    """The event that says that a message was accepted; the log adds its `turn_id`."""
    attachments = [attachment_view(a).model_dump() for a in message.attachments]
    return "question", {
        "text": message.text,
        "attachments": attachments,
        "corrections": dict(message.corrections),
        "problems": list(message.problems),
    }


def event(turn_id: str, happened: StreamEvent) -> tuple[str, dict[str, Any]] | None:
    """Name and data of the event that clients are told, None for what is not theirs to know."""
    match happened:
        case StatusChanged(stage):
            return "status", {"turn_id": turn_id, "stage": stage.value}
        case Perceived(observation):
            readings = [r.model_dump() for r in reading_views(observation)]
            return "perceived", {
                "turn_id": turn_id,
                "readings": readings,
                "problems": list(observation.problems),
            }
        case Retrieved():
            return None
        case Decided(decision):
            return "decided", {"turn_id": turn_id, "decision": decision.value}
        case TextDelta(text):
            return "delta", {"turn_id": turn_id, "text": text}
        case CitationAdded(citation):
            return "citation", {"turn_id": turn_id, **citation_views([citation])[0].model_dump()}
        case OptionsOffered(options):
            return "options", {"turn_id": turn_id, "options": list(options)}
        case Warned(message):
            return "warning", {"turn_id": turn_id, "message": message}
        case Done():
            return "done", _done(
                turn_id,
                happened.message_id,
                happened.text,
                happened.decision,
                happened.citations,
                happened.options,
                happened.stopped,
            )


def done_event(turn_id: str, answer: StoredMessage) -> tuple[str, dict[str, Any]]:
    """The last event of a turn whose answer is stored already."""
    evidence = answer.evidence
    citations, options = (evidence.citations, evidence.options) if evidence else ((), ())
    decision, stopped = (evidence.decision, evidence.stopped) if evidence else ("decline", True)
    return "done", _done(turn_id, answer.id, answer.text, decision, citations, options, stopped)


def failed_event(turn_id: str, message: str) -> tuple[str, dict[str, Any]]:
    """The last event of a turn that has no answer."""
    return "failed", {"turn_id": turn_id, "message": message}


def _done(
    turn_id: str,
    message_id: str,
    text: str,
    decision: str,
    citations: Sequence[Citation],
    options: Sequence[str],
    stopped: bool,
) -> dict[str, Any]:
    return {
        "turn_id": turn_id,
        "message_id": message_id,
        "text": text,
        "decision": str(decision),
        "citations": [c.model_dump() for c in citation_views(citations)],
        "options": list(options),
        "stopped": stopped,
    }


def _rating(rating: int) -> Literal[-1, 0, 1]:
    return 1 if rating > 0 else -1 if rating < 0 else 0


def _sure(avg_logprob: float) -> float:
    return math.exp(avg_logprob)


def _mean(values: Sequence[float]) -> float:
    return round(min(1.0, sum(values) / len(values)), 3) if values else 0.0
