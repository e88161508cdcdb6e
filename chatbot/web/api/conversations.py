"""Routes of conversations: start or resume, read, export, erase, and follow the events."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from chatbot.errors import ConversationNotFoundError
from chatbot.export import to_json, to_markdown
from chatbot.proof_of_work import LIFE_S
from chatbot.web.api import wire
from chatbot.web.api.parts import ApiParts, Id
from chatbot.web.api.problems import ApiError, Problem
from chatbot.web.api.stream import EventStream
from chatbot.web.auth import Visitor, customer_id, new_visitor_id
from chatbot.web_settings import DEFAULT_SITE

LATEST = "latest"
_HOUR_S = 3600.0
_MOST_EVENTS = 2**53
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text, "content": {"application/problem+json": {}}}
    for status, text in {
        400: "The request cannot be read.",
        401: "No token, or one that does not hold.",
        403: "The token, or the page's origin, is of another conversation or site.",
        404: "There is no such thing.",
        422: "The request does not fit.",
        429: "Too many requests; `Retry-After` says when to try again.",
        503: "The server is busy or its disk is full.",
    }.items()
}


class Proof(BaseModel):
    """A solved challenge."""

    model_config = ConfigDict(extra="forbid")

    challenge: str = Field(max_length=200)
    nonce: str = Field(
        max_length=64, description="SHA-256 of `challenge:nonce` begins with enough zero bits."
    )


class Challenge(BaseModel):
    """Work for an anonymous visitor's browser."""

    challenge: str
    bits: int = Field(
        description="Zero bits that are asked for; 0 where the server asks for no proof.", examples=[18]
    )
    expires_in_s: int = Field(examples=[LIFE_S])


class StartRequest(BaseModel):
    """What a browser starts or resumes with."""

    model_config = ConfigDict(extra="forbid")

    site: str = Field(DEFAULT_SITE, max_length=64, examples=[DEFAULT_SITE])
    resume_token: str | None = Field(None, max_length=4096, description="To be the same visitor again.")
    customer_token: str | None = Field(
        None, max_length=8192, description="A JWT of the help desk that says which customer this is."
    )
    conversation_id: str | None = Field(
        None, max_length=64, description="One of the visitor's own to go on with, or `latest`."
    )
    proof: Proof | None = Field(
        None, description="Where the server asks for one; see `POST /conversations/challenges`."
    )


class CsatRequest(BaseModel):
    """How satisfied the customer was, from 1 (not at all) to 5 (fully)."""

    model_config = ConfigDict(extra="forbid")

    score: int = Field(ge=1, le=5, examples=[5])
    comment: str = Field("", max_length=4000, examples=["That was quick."])


class Started(BaseModel):
    """A conversation and the tokens that open it."""

    conversation: wire.ConversationView
    token: str = Field(description="For `Authorization: Bearer`; opens this conversation only.")
    token_expires_in_s: int = Field(examples=[3600])
    resume_token: str = Field(description="Keep it in the browser; resumes any conversation of the visitor.")
    conversations: list[wire.ConversationSummary] = Field([], description="The visitor's own, newest first.")


class ConversationRoutes:
    """The routes, on the parts they share."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts
        self._stream = EventStream(parts.turns, parts.runner, parts.hub)

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(prefix="/api/v1/conversations", tags=["conversations"], responses=PROBLEMS)
        visitor = Annotated[Visitor, Depends(self._parts.visitor)]

        @router.post("", status_code=201, responses={200: {"model": Started, "description": "Resumed."}})
        def start_conversation(body: StartRequest, request: Request, response: Response) -> Started:
            """Starts a conversation, or resumes one of the visitor's own."""
            return self._start(body, request, response)

        @router.get("/{conversation_id}")
        def read_conversation(conversation_id: Id, who: visitor) -> wire.ConversationView:
            """The conversation with its messages, and where its events go on."""
            return self._view(conversation_id, who)

        @router.get("/{conversation_id}/events", response_class=StreamingResponse, responses=_EVENTS)
        async def follow_events(
            conversation_id: Id,
            who: visitor,
            last_event_id: Annotated[str, Header(description="Number of the last event that was seen.")] = "",
            after: Annotated[
                int, Query(ge=0, le=_MOST_EVENTS, description="The same, for a first connection.")
            ] = 0,
            follow: Annotated[bool, Query(description="False ends after what there is.")] = True,
        ) -> Response:
            """Server-sent events: what came after the last one that was seen, then each as it happens."""
            return await self._events(conversation_id, who, _number(last_event_id, after), follow)

        @router.get("/{conversation_id}/export", response_class=Response, responses=_EXPORT)
        def export_conversation(
            conversation_id: Id,
            who: visitor,
            form: Annotated[Literal["json", "markdown"], Query()] = "json",
        ) -> Response:
            """The conversation to keep, as JSON or Markdown."""
            return self._export(conversation_id, who, form)

        @router.post("/{conversation_id}/csat", status_code=204)
        def rate_conversation(conversation_id: Id, who: visitor, body: CsatRequest) -> None:
            """Says how satisfied the customer was with the whole conversation; the newest score counts."""
            self._parts.store.add_csat(conversation_id, who.visitor_id, body.score, body.comment)

        @router.delete("/{conversation_id}", status_code=204)
        def erase_conversation(conversation_id: Id, who: visitor) -> None:
            """Erases the conversation with everything that was said, its events and its tickets."""
            self._parts.store.delete(conversation_id, who.visitor_id)
            self._parts.hub.notify(conversation_id)

        @router.post("/challenges", status_code=201)
        def make_challenge(request: Request) -> Challenge:
            """Makes a challenge whose solution a new visitor sends with `POST /conversations`, where that is asked."""
            return self._challenge(request)

        return router

    def _challenge(self, request: Request) -> Challenge:
        settings = self._parts.settings.web
        self._parts.count(request, "challenges", "", settings.conversations_per_hour, _HOUR_S)
        challenge, bits = self._parts.proofs.challenge(), settings.proof_of_work_bits
        return Challenge(challenge=challenge, bits=bits, expires_in_s=LIFE_S)

    def _check_proof(self, body: StartRequest) -> None:
        bits = self._parts.settings.web.proof_of_work_bits
        if not bits or body.customer_token or body.resume_token:
            return  # these are read, and refused where they do not hold
        proof = body.proof
        if proof is None or not self._parts.proofs.accepts(proof.challenge, proof.nonce, bits):
            raise ApiError(
                403,
                "proof-needed",
                f"A new visitor needs a fresh proof of work of {bits} bits.",
                "Solve a challenge of `POST /api/v1/conversations/challenges`.",
            )

    def _start(self, body: StartRequest, request: Request, response: Response) -> Started:
        parts, settings = self._parts, self._parts.settings.web
        parts.check_origin(request, body.site)
        parts.count(request, "conversations", "", settings.conversations_per_hour, _HOUR_S)
        self._check_proof(body)
        visitor_id = self._who(body)
        if conversation_id := self._wanted(body, visitor_id):
            parts.store.get(conversation_id, visitor_id)
            response.status_code = 200
        else:
            conversation_id = parts.store.create(visitor_id).id
        who = Visitor(body.site, visitor_id, conversation_id, 0.0)
        return Started(
            conversation=self._view(conversation_id, who),
            token=parts.tokens.access(body.site, visitor_id, conversation_id),
            token_expires_in_s=round(settings.token_s),
            resume_token=parts.tokens.resume(body.site, visitor_id),
            conversations=[wire.summary(c) for c in parts.store.list(visitor_id)],
        )

    def _wanted(self, body: StartRequest, visitor_id: str) -> str | None:
        """The conversation to go on with; None for a new one."""
        if body.conversation_id != LATEST:
            return body.conversation_id
        return next((c.id for c in self._parts.store.list(visitor_id)), None)

    def _who(self, body: StartRequest) -> str:
        if body.customer_token:
            return customer_id(body.customer_token, body.site, self._parts.sites.get(body.site))
        if body.resume_token:
            return self._parts.tokens.read_resume(body.resume_token, body.site)
        return new_visitor_id()

    def _view(self, conversation_id: str, who: Visitor) -> wire.ConversationView:
        last_event_id, unanswered = self._parts.turns.resume_point(
            conversation_id
        )  # first: no event is missed
        conversation = self._parts.store.get(conversation_id, who.visitor_id)
        view = wire.conversation_view(conversation, last_event_id, unanswered)
        view.next = self._parts.next_steps.after(lambda: conversation.messages)
        return view

    async def _events(self, conversation_id: str, who: Visitor, after: int, follow: bool) -> Response:
        headers = {"X-Accel-Buffering": "no"}
        first = await self._stream.rest(conversation_id, after) if not follow else b""
        if not follow:
            return Response(first, headers=headers, media_type="text/event-stream")
        if self._parts.hub.is_full(conversation_id):
            raise ApiError(429, "too-many-streams", "This conversation has too many open streams.",
                           "Close one of them.", retry_after_s=5)  # fmt: skip
        life_s = self._parts.tokens.remaining_s(who)
        parts = self._stream.follow(conversation_id, after, life_s)
        return StreamingResponse(parts, headers=headers, media_type="text/event-stream")

    def _export(self, conversation_id: str, who: Visitor, form: str) -> Response:
        conversation = self._parts.store.get(conversation_id, who.visitor_id)
        text, media_type, suffix = (
            (to_json(conversation), "application/json", "json")
            if form == "json"
            else (to_markdown(conversation), "text/markdown; charset=utf-8", "md")
        )
        headers = {"Content-Disposition": f'attachment; filename="conversation.{suffix}"'}
        return Response(text, headers=headers, media_type=media_type)


_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A stream of events, described in docs/api.md.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
_EXPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The conversation as a file.",
        "content": {"application/json": {"schema": {}}, "text/markdown": {"schema": {"type": "string"}}},
    }
}


def _number(last_event_id: str, after: int) -> int:
    if last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 16:
        return int(last_event_id)
    return after


def owned_message(parts: ApiParts, conversation_id: str, message_id: str, who: Visitor, role: str) -> Any:
    """A message of the conversation with this role.

    Raises:
        ConversationNotFoundError: There is none.
    """
    messages = parts.store.get(conversation_id, who.visitor_id).messages
    found = next((m for m in messages if m.id == message_id and m.role == role), None)
    if found is None:
        raise ConversationNotFoundError(f"There is no such message with the role {role}.")
    return found
