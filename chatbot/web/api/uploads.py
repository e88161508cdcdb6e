"""A message out of a request: JSON, or a form with files. Files that are refused become problems beside the rest."""

import json
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile

from chatbot.attachments import AttachmentStore
from chatbot.errors import AttachmentError, FrontdeskError, InputError, StorageError
from chatbot.messages import Attachment, Message
from chatbot.settings import Settings
from chatbot.text import clean_text
from chatbot.web.api.problems import ApiError

_JSON = "application/json"
_FORM = "multipart/form-data"


class MessageRequest(BaseModel):
    """A typed message."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, examples=["How long can I return a Dot?"])


BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            _JSON: {"schema": MessageRequest.model_json_schema()},
            _FORM: {
                "schema": {
                    "type": "object",
                    "properties": {
                        "text": {"type": "string", "description": "What the customer types; may be empty."},
                        "files": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "Screenshots, voice notes, short videos, text files.",
                        },
                    },
                }
            },
        },
    }
}
"""The body in the OpenAPI document: it is read by hand, after the sender is known."""


async def read_message(request: Request, attachments: AttachmentStore, settings: Settings) -> Message:
    """The message in a request.

    Raises:
        InputError: It is neither form nor JSON, does not fit, or is empty.
        StorageError: A file could not be stored.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == _FORM:
        message = await _from_form(request, attachments, settings)
    elif content_type == _JSON:
        message = Message(clean_text(_from_json(await request.body())))
    else:
        raise ApiError(
            415,
            "unsupported-media-type",
            f"{content_type or 'Nothing'} was sent.",
            f"Send {_FORM} or {_JSON}.",
        )
    if not message.text and not message.attachments and not message.problems:
        raise InputError("The message is empty.", "Type a question, add a screenshot or record a voice note.")
    return message


def _from_json(body: bytes) -> str:
    try:
        return MessageRequest.model_validate(json.loads(body)).text
    except (ValueError, RecursionError) as error:
        detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "It is not JSON."
        raise InputError(f"The message cannot be read: {detail}", 'Send {"text": "…"}.') from error


async def _from_form(request: Request, attachments: AttachmentStore, settings: Settings) -> Message:
    most = settings.max_attachments
    async with request.form(
        max_files=most * 4 + 1, max_fields=8, max_part_size=16 * settings.max_message_chars
    ) as form:
        text = form.get("text", "")
        files = [part for part in form.getlist("files") if isinstance(part, UploadFile)]
        taken, problems = await run_sync(_accept, files, attachments, settings)
    return Message(clean_text(text if isinstance(text, str) else ""), taken, problems=problems)


def _accept(
    files: list[UploadFile], attachments: AttachmentStore, settings: Settings
) -> tuple[tuple[Attachment, ...], tuple[str, ...]]:
    taken: list[Attachment] = []
    problems: list[str] = []
    for position, part in enumerate(files):
        try:
            if position >= settings.max_attachments:
                raise AttachmentError(
                    f"Only the first {settings.max_attachments} files of a message are read."
                )
            data = part.file.read(settings.max_attachment_bytes + 1)
            taken.append(attachments.add(data, part.filename or "file"))
        except StorageError:
            raise
        except FrontdeskError as error:
            problems.append(str(error))
    return tuple(taken), tuple(dict.fromkeys(problems))
