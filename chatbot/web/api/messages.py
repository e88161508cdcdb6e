"""Routes of messages: send, correct, stop, rate, open a source or an upload."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Header, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chatbot.errors import ConversationNotFoundError, FrontdeskError, InputError
from chatbot.messages import Attachment, Message
from chatbot.quotas import Subjects, Use, use_of
from chatbot.store import StoredMessage
from chatbot.text import clean_text
from chatbot.web.api import wire
from chatbot.web.api.conversations import PROBLEMS, owned_message
from chatbot.web.api.parts import ApiParts, Id
from chatbot.web.api.uploads import BODY, read_message
from chatbot.web.auth import Visitor

_INLINE = ("image/png", "image/jpeg", "image/webp", "image/gif", "audio/", "video/")
Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
IdempotencyKey = Annotated[
    str,
    Header(
        max_length=200, description="The same key and message again give the same answer, not another one."
    ),
]


class Accepted(BaseModel):
    """A message that will be answered; follow the events."""

    turn_id: str = Field(description="Names the turn in every event; also the id of the question.")
    conversation_id: str


class CorrectionRequest(BaseModel):
    """What an attachment really says, by the attachment's id."""

    model_config = ConfigDict(extra="forbid")

    corrections: dict[
        Annotated[str, Field(pattern="^[0-9a-f]{64}$")], Annotated[str, Field(max_length=20_000)]
    ] = Field(min_length=1, max_length=16)


class FeedbackRequest(BaseModel):
    """Thumbs up (1), down (-1) or taken back (0)."""

    model_config = ConfigDict(extra="forbid")

    rating: Literal[-1, 0, 1]
    comment: str = Field("", max_length=4000)


class MessageRoutes:
    """The routes, on the parts they share."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(
            prefix="/api/v1/conversations/{conversation_id}", tags=["messages"], responses=PROBLEMS
        )
        visitor = Annotated[Visitor, Depends(self._parts.visitor)]

        @router.post("/messages", status_code=202, openapi_extra=BODY)
        async def send_message(
            conversation_id: Id,
            who: visitor,
            request: Request,
            idempotency_key: IdempotencyKey = "",
        ) -> Accepted:
            """Sends a message; it is kept before this returns, and its answer comes over the events."""
            payers = self._parts.payers(request, who)
            self._parts.admit(self._parts.address(request), who.visitor_id)
            await run_sync(self._parts.quotas.check, payers, Use(messages=1))
            message = await read_message(request, self._parts.attachments, self._parts.settings)
            try:
                return await run_sync(self._accept, conversation_id, who, message, idempotency_key, payers)
            except FrontdeskError:
                await run_sync(self._parts.attachments.drop, message.attachments)
                raise

        @router.patch("/messages/{message_id}", status_code=202)
        def correct_message(
            conversation_id: Id, message_id: Id, who: visitor, body: CorrectionRequest, request: Request,
            idempotency_key: IdempotencyKey = "",
        ) -> Accepted:  # fmt: skip
            """Corrects what was heard or read in a question, and asks it again as a new message."""
            self._parts.admit(self._parts.address(request), who.visitor_id)
            question = owned_message(self._parts, conversation_id, message_id, who, "user")
            corrected, payers = _corrected(question, body.corrections), self._parts.payers(request, who)
            return self._accept(conversation_id, who, corrected, idempotency_key, payers)

        @router.post("/turns/{turn_id}/stop", status_code=204)
        def stop_turn(conversation_id: Id, turn_id: Id, who: visitor) -> None:
            """Stops an answer; what has been said stays. A turn that has ended already is left alone."""
            self._parts.runner.stop_anywhere(conversation_id, turn_id)

        @router.post("/messages/{message_id}/feedback", status_code=204)
        def rate_answer(conversation_id: Id, message_id: Id, who: visitor, body: FeedbackRequest) -> None:
            """Rates an answer; the newest rating counts."""
            owned_message(self._parts, conversation_id, message_id, who, "assistant")
            self._parts.store.add_feedback(message_id, who.visitor_id, body.rating, clean_text(body.comment))

        @router.get("/messages/{message_id}/citations/{number}")
        def read_citation(
            conversation_id: Id,
            message_id: Id,
            number: Annotated[int, Path(ge=1, le=1000)],
            who: visitor,
        ) -> wire.PassageView:
            """A source of an answer with the passage that its quote stands in."""
            return self._passage(conversation_id, message_id, number, who)

        @router.get("/attachments/{attachment_id}", response_class=Response, responses=_BYTES)
        def read_attachment(conversation_id: Id, attachment_id: Sha256, who: visitor) -> Response:
            """An upload of this conversation."""
            return self._attachment(conversation_id, attachment_id, who)

        return router

    def _accept(
        self, conversation_id: str, who: Visitor, message: Message, key: str, payers: Subjects
    ) -> Accepted:
        use = use_of(message)
        self._parts.quotas.check(payers, use)
        most = self._parts.settings.web.max_waiting_per_conversation
        turn, is_new = self._parts.turns.accept(
            conversation_id, who.visitor_id, message, wire.question_event(message), key, most
        )
        if is_new:  # a repeated message costs nothing
            self._parts.quotas.add(payers, use)
            self._parts.quotas.expect(turn.id, payers)
            self._parts.runner.submit(turn)
        return Accepted(turn_id=turn.id, conversation_id=conversation_id)

    def _passage(self, conversation_id: str, message_id: str, number: int, who: Visitor) -> wire.PassageView:
        answer = owned_message(self._parts, conversation_id, message_id, who, "assistant")
        citations = answer.evidence.citations if answer.evidence else ()
        found = next((c for c in citations if c.number == number), None)
        if found is None:
            raise ConversationNotFoundError(f"The answer has no source {number}.")
        return wire.PassageView(**wire.citation_views([found])[0].model_dump(), passage=found.passage)

    def _attachment(self, conversation_id: str, attachment_id: str, who: Visitor) -> Response:
        messages = self._parts.store.get(conversation_id, who.visitor_id).messages
        every = (a for m in messages for a in m.attachments)
        found: Attachment | None = next((a for a in every if a.sha256 == attachment_id), None)
        if found is None:
            raise ConversationNotFoundError("This conversation has no such attachment.")
        with self._parts.attachments.open(found) as file:
            data = file.read()
        shown = found.media_type.startswith(_INLINE)
        headers = {"Content-Disposition": "inline" if shown else "attachment"}
        return Response(
            data, headers=headers, media_type=found.media_type if shown else "application/octet-stream"
        )


def _corrected(question: StoredMessage, corrections: Mapping[str, str]) -> Message:
    own = {attachment.sha256 for attachment in question.attachments}
    if foreign := sorted(set(corrections) - own):
        raise InputError(f"The message has no attachment {foreign[0]}.", "Correct what the message has.")
    cleaned = {sha256: clean_text(text) for sha256, text in corrections.items()}
    return Message(question.text, question.attachments, cleaned)


_BYTES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The stored bytes.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}
