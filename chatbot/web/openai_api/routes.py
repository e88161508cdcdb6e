"""`/v1/chat/completions`, `/v1/models` and `/v1/audio/transcriptions`.

A completion is an ordinary turn in a conversation that is erased when it ends: same line, same checks, same sources.
"""

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.datastructures import UploadFile

from chatbot.api_keys import ApiKey, Scope
from chatbot.assistant import Perceives
from chatbot.errors import ConversationNotFoundError, InputError
from chatbot.messages import Decision, Message, Transcript
from chatbot.quotas import Subjects, Use, use_of
from chatbot.store import Evidence
from chatbot.templates import asks_back, with_options
from chatbot.turn_log import LoggedEvent, Turn
from chatbot.web.api import wire
from chatbot.web.api.conversations import PROBLEMS
from chatbot.web.api.parts import ApiParts, key_holder
from chatbot.web.api.problems import ApiError
from chatbot.web.api.stream import POLL_S
from chatbot.web.openai_api.requests import MODEL, Asked, ChatRequest, read_chat

_BUSY_RETRY_S = 5
_LISTENERS = 2


class OpenAIRoutes:
    """The routes, on the parts they share with the API.

    Args:
        perceiver: Gives what listens to recordings; waits while models load.
    """

    def __init__(self, parts: ApiParts, perceiver: Callable[[], Perceives]) -> None:
        self._parts = parts
        self._perceiver = perceiver
        self._listening = CapacityLimiter(_LISTENERS)

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(prefix="/v1", tags=["OpenAI-compatible"], responses=PROBLEMS)
        may_chat = Annotated[ApiKey, Depends(key_holder(self._parts, Scope.CHAT))]
        may_transcribe = Annotated[ApiKey, Depends(key_holder(self._parts, Scope.TRANSCRIBE))]

        @router.get("/models")
        def list_models(key: may_chat) -> dict[str, Any]:
            """The one model there is: the assistant."""
            return {"object": "list", "data": [_MODEL]}

        @router.get("/models/{model}")
        def read_model(model: str, key: may_chat) -> dict[str, Any]:
            """The assistant, by its name."""
            _check_model(model)
            return _MODEL

        @router.post("/chat/completions", response_class=JSONResponse, responses=_STREAM)
        async def complete_chat(body: ChatRequest, key: may_chat, request: Request) -> Response:
            """Answers the last message; `frontdesk` in the answer has the decision and the citations."""
            self._admit(request, key)
            _check_model(body.model)
            return await self._complete(body, key, self._payers(request, key))

        @router.post("/audio/transcriptions", response_class=Response, openapi_extra=_UPLOAD)
        async def transcribe_audio(key: may_transcribe, request: Request) -> Response:
            """Writes down what is said in a recording; an empty text where nobody speaks."""
            self._admit(request, key)
            payers = self._payers(request, key)
            await run_sync(self._parts.quotas.check, payers, Use(messages=1))
            return await self._transcribe(request, payers)

        return router

    def _admit(self, request: Request, key: ApiKey) -> None:
        settings = self._parts.settings.web
        self._parts.count(request, "messages of a key", key.id, settings.key_messages_per_minute)
        if self._parts.hub.is_refusing or self._parts.runner.waiting >= settings.max_waiting_turns:
            raise ApiError(503, "busy", "The server is busy.", "Try again soon.", retry_after_s=_BUSY_RETRY_S)

    def _payers(self, request: Request, key: ApiKey) -> Subjects:
        return {"key": key.id, "address": self._parts.address(request)}

    async def _complete(self, body: ChatRequest, key: ApiKey, payers: Subjects) -> Response:
        await run_sync(self._parts.quotas.check, payers, Use(messages=1))
        most = self._parts.settings.max_attachments
        asked = await run_sync(read_chat, body, self._parts.attachments, most)
        await run_sync(self._parts.quotas.take, payers, use_of(asked.message))
        turn = await run_sync(self._begin, asked, f"key-{key.id}", payers)
        head = {"id": f"chatcmpl-{turn.id}", "created": int(time.time()), "model": MODEL}
        if body.stream:
            return StreamingResponse(self._chunks(turn, head), media_type="text/event-stream")
        last = [event async for event in self._events(turn)][-1]
        if last.name == "failed":
            raise ApiError(500, "no-answer", last.data["message"])
        return JSONResponse(_completion(head, last))

    def _begin(self, asked: Asked, visitor_id: str, payers: Subjects) -> Turn:
        store = self._parts.store
        conversation_id = store.create(visitor_id).id
        for role, text in asked.earlier:
            if role == "user":
                store.add_question(conversation_id, visitor_id, Message(text))
            else:
                decision = Decision.CLARIFY if asks_back(text) else Decision.GENERATE
                store.add_answer(conversation_id, visitor_id, text, Evidence(decision))
        event = wire.question_event(asked.message)
        turn, _ = self._parts.turns.accept(conversation_id, visitor_id, asked.message, event)
        self._parts.quotas.expect(turn.id, payers)
        self._parts.runner.submit(turn)
        return turn

    async def _events(self, turn: Turn) -> AsyncIterator[LoggedEvent]:
        """The events of a turn up to its last; its conversation is erased then, or when nobody listens any more."""
        after = 0
        try:
            with self._parts.hub.subscribe(turn.conversation_id) as subscription:
                while True:
                    for event in await run_sync(self._parts.turns.after, turn.conversation_id, after):
                        after = event.seq
                        yield event
                        if event.name in ("done", "failed"):
                            return
                    await subscription.wait(POLL_S)
        finally:
            self._forget(turn)

    def _forget(self, turn: Turn) -> None:
        self._parts.runner.stop(turn.conversation_id, turn.id)
        try:
            self._parts.store.delete(turn.conversation_id, turn.visitor_id)
        except ConversationNotFoundError:
            return

    async def _chunks(self, turn: Turn, head: dict[str, Any]) -> AsyncIterator[bytes]:
        yield _chunk(head, {"role": "assistant", "content": ""})
        async for event in self._events(turn):
            if event.name == "delta":
                yield _chunk(head, {"content": event.data["text"]})
            elif event.name == "options":
                yield _chunk(head, {"content": with_options("", event.data["options"])})
            elif event.name == "done":
                yield _chunk(head, {}, finish_reason="stop", frontdesk=_extension(event))
            elif event.name == "failed":
                yield _line(
                    {"error": {"message": event.data["message"], "type": "server_error", "code": "no-answer"}}
                )
        yield b"data: [DONE]\n\n"

    async def _transcribe(self, request: Request, payers: Subjects) -> Response:
        async with request.form(max_files=1, max_fields=16) as form:
            upload, form_name = form.get("file"), str(form.get("response_format") or "json")
            if not isinstance(upload, UploadFile):
                raise InputError("There is no file.", "Send the recording as the form field `file`.")
            if form_name not in ("json", "text", "verbose_json"):
                raise InputError(
                    f"{form_name!r} is no form of answer.", "Ask for json, text or verbose_json."
                )
            heard = await run_sync(self._hear, upload, payers, limiter=self._listening)
        text = heard.text if heard else ""
        if form_name == "text":
            return Response(text, media_type="text/plain")
        return JSONResponse({"text": text, **(_details(heard) if form_name == "verbose_json" else {})})

    def _hear(self, upload: UploadFile, payers: Subjects) -> Transcript | None:
        data = upload.file.read(self._parts.settings.max_attachment_bytes + 1)
        attachment = self._parts.attachments.add(data, upload.filename or "recording")
        try:
            if attachment.kind not in ("audio", "video"):
                raise InputError(f"{attachment.name} is no recording.", "Send a voice note or a video.")
            message = Message("", (attachment,))
            self._parts.quotas.take(payers, use_of(message))
            observation = self._perceiver().perceive(message)
        finally:
            self._parts.attachments.drop((attachment,))
        return observation.transcripts[0] if observation.transcripts else None


_MODEL = {"id": MODEL, "object": "model", "created": 0, "owned_by": MODEL}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A chat completion, or its chunks when `stream` is true.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/event-stream": {"schema": {"type": "string"}},
        },
    }
}
_UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "model": {"type": "string"},
                        "response_format": {"enum": ["json", "text", "verbose_json"]},
                    },
                }
            }
        },
    },
    "responses": {
        "200": {
            "description": "What was said.",
            "content": {
                "application/json": {"schema": {"type": "object", "required": ["text"]}},
                "text/plain": {"schema": {"type": "string"}},
            },
        }
    },
}


def _check_model(model: str) -> None:
    if model != MODEL:
        raise ApiError(404, "model-not-found", f"There is no model {model!r}.", f"Use `{MODEL}`.")


def _extension(done: LoggedEvent) -> dict[str, Any]:
    return {
        "decision": done.data["decision"],
        "citations": done.data["citations"],
        "options": done.data["options"],
        "stopped": done.data["stopped"],
        "next": done.data["next"],
    }


def _completion(head: dict[str, Any], done: LoggedEvent) -> dict[str, Any]:
    content = with_options(done.data["text"], done.data["options"])
    message = {"role": "assistant", "content": content, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {**head, "object": "chat.completion", "choices": [choice], "frontdesk": _extension(done)}


def _chunk(
    head: dict[str, Any], delta: dict[str, Any], finish_reason: Literal["stop"] | None = None, **more: Any
) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
    return _line({**head, "object": "chat.completion.chunk", "choices": [choice], **more})


def _line(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode("ascii")


def _details(heard: Transcript | None) -> dict[str, Any]:
    if heard is None:
        return {"task": "transcribe", "language": "", "duration": 0.0, "segments": []}
    segments = [
        {"id": n, "start": s.start_s, "end": s.end_s, "text": s.text, "avg_logprob": s.avg_logprob,
         "no_speech_prob": s.no_speech_prob, "seek": 0, "tokens": [], "temperature": 0.0, "compression_ratio": 1.0}
        for n, s in enumerate(heard.segments)
    ]  # fmt: skip
    return {
        "task": "transcribe",
        "language": heard.language,
        "duration": heard.duration_s,
        "segments": segments,
    }
