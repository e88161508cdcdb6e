"""Errors as problem details (RFC 9457): one JSON form for everything that can go wrong."""

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from chatbot.errors import (
    AdapterError,
    ConversationNotFoundError,
    FrontdeskError,
    InputError,
    ModelError,
    StorageError,
)
from chatbot.once import StillUnderWayError
from chatbot.quotas import QuotaError
from chatbot.turn_log import IdempotencyError, TooManyTurnsError
from chatbot.web.auth import AuthError, ForbiddenError
from knowledge_base.errors import DocumentError, IndexUnavailableError

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
_PREFIX = "urn:frontdesk:problem:"


class Problem(BaseModel):
    """What went wrong, for programs (`type`) and people (`detail`, `hint`)."""

    type: str = Field(examples=[f"{_PREFIX}not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field("", examples=["There is no conversation '1f0c'."])
    hint: str = Field("", examples=["Start a new one or pick one from your list."])
    errors: list[str] = Field([], description="Each fault of a request that does not fit the schema.")


class _AsciiJson(JSONResponse):
    """Details may repeat what was sent, and that need not be encodable."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode("ascii")


class ApiError(FrontdeskError):
    """An error with its HTTP status and a code for programs.

    Args:
        retry_after_s: When trying again makes sense.
    """

    def __init__(
        self, status: int, code: str, message: str, hint: str = "", *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


_STATUS: Sequence[tuple[type[FrontdeskError], int, str]] = (
    (AuthError, 401, "unauthorized"),
    (ForbiddenError, 403, "forbidden"),
    (ConversationNotFoundError, 404, "not-found"),
    (IdempotencyError, 422, "idempotency-key-reused"),
    (TooManyTurnsError, 429, "too-many-unanswered"),
    (InputError, 422, "unusable-input"),
    (DocumentError, 422, "unusable-document"),
    (AdapterError, 409, "adapter-refused"),
    (StillUnderWayError, 409, "still-under-way"),
    (IndexUnavailableError, 503, "knowledge-base-unavailable"),
    (ModelError, 503, "model-unavailable"),
    (StorageError, 503, "storage-unavailable"),
)


def problem(
    status: int,
    code: str,
    detail: str = "",
    hint: str = "",
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> JSONResponse:
    """A problem-details response."""
    body = {"type": _PREFIX + code, "title": HTTPStatus(status).phrase, "status": status}
    body |= {name: value for name, value in {"detail": detail, "hint": hint, **more}.items() if value}
    return _AsciiJson(body, status, dict(headers or {}), MEDIA_TYPE)


def described(error: FrontdeskError) -> JSONResponse:
    """The response that an error of ours becomes."""
    if isinstance(error, ApiError):
        wait = {} if error.retry_after_s is None else {"Retry-After": str(max(1, round(error.retry_after_s)))}
        return problem(error.status, error.code, error.message, error.hint, wait)
    if isinstance(error, QuotaError):
        return problem(
            429, "quota-exceeded", error.message, error.hint, {"Retry-After": str(error.retry_after_s)}
        )
    known = ((status, code) for kind, status, code in _STATUS if isinstance(error, kind))
    status, code = next(known, (500, "internal"))
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "5"}}.get(status, {})
    return problem(status, code, error.message, error.hint, headers)


def add_handlers(app: FastAPI) -> None:
    """Makes every error of the application's own routes a problem."""

    @app.exception_handler(FrontdeskError)
    async def of_ours(request: Request, error: FrontdeskError) -> JSONResponse:
        response = _for_clients_of(request, described(error))
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("%s", error, exc_info=error)
        return response

    @app.exception_handler(RequestValidationError)
    async def of_schema(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        refused = problem(422, "invalid-request", "The request does not fit the schema.", errors=faults)
        return _for_clients_of(request, refused)

    @app.exception_handler(HTTPException)
    async def of_http(_request: Request, error: HTTPException) -> JSONResponse:
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        detail = str(error.detail) if error.detail != HTTPStatus(error.status_code).phrase else ""
        return problem(error.status_code, code, detail, headers=error.headers)

    @app.exception_handler(Exception)
    async def of_nobody(_request: Request, error: Exception) -> JSONResponse:
        said = "Something went wrong on our side."
        return problem(500, "internal", said, "Please try again.", {"X-Content-Type-Options": "nosniff"})


def _for_clients_of(request: Request, response: JSONResponse) -> JSONResponse:
    """Clients of OpenAI's interface look for the text inside `error`."""
    if not request.url.path.startswith("/v1/"):
        return response
    body = json.loads(bytes(response.body))
    code = body["type"].removeprefix(_PREFIX)
    text = " ".join(part for part in (body.get("detail"), *body.get("errors", ()), body.get("hint")) if part)
    error = {"message": text, "type": "invalid_request_error", "param": None, "code": code}
    headers = {
        name: response.headers[name]
        for name in ("retry-after", "www-authenticate")
        if name in response.headers
    }
    return _AsciiJson({**body, "error": error}, response.status_code, headers, MEDIA_TYPE)
