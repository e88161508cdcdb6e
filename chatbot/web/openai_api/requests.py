"""OpenAI's chat messages as ours: text, pictures as data URLs, voice as base64. Nothing is ever fetched."""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chatbot.attachments import AttachmentStore
from chatbot.errors import InputError
from chatbot.messages import Attachment, Message
from chatbot.text import clean_text

MODEL = "frontdesk"
_DATA_URL = re.compile(r"data:[\w.+-]*/?[\w.+-]*(?:;[\w.+=-]+)*;base64,", re.ASCII)


class TextPart(BaseModel):
    """Words."""

    type: Literal["text"]
    text: str = Field(examples=["What does this mean?"])


class ImageUrl(BaseModel):
    """Where a picture is: in the URL itself."""

    url: str = Field(examples=["data:image/png;base64,iVBORw0KGgo="])


class ImagePart(BaseModel):
    """A picture as a `data:` URL."""

    type: Literal["image_url"]
    image_url: ImageUrl


class Audio(BaseModel):
    """A recording in base64."""

    data: str
    format: str = Field("wav", max_length=16)


class AudioPart(BaseModel):
    """A voice note."""

    type: Literal["input_audio"]
    input_audio: Audio


Part = Annotated[TextPart | ImagePart | AudioPart, Field(discriminator="type")]


class ChatMessage(BaseModel):
    """One message; those of the roles `system` and `developer` are taken and not used: the assistant has its own."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part] | None = Field(None, examples=["How long can I return a Dot?"])


class ChatRequest(BaseModel):
    """A chat completion to make; parameters of sampling are taken and not used."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(MODEL, max_length=200, examples=[MODEL])
    messages: list[ChatMessage] = Field(min_length=1, max_length=200)
    stream: bool = False
    n: Literal[1] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The last question, and what was said before as (role, text)."""

    message: Message
    earlier: Sequence[tuple[Literal["user", "assistant"], str]]


def read_chat(body: ChatRequest, attachments: AttachmentStore, most: int) -> Asked:
    """What is asked; files are stored.

    Args:
        most: Attachments that a message may have.

    Raises:
        InputError: The last message is not a user's, is empty, or a part cannot be used.
    """
    said = [m for m in body.messages if m.role in ("user", "assistant")]
    if not said or said[-1].role != "user":
        raise InputError("The last message is not a user's.", "End `messages` with the question.")
    taken = tuple(_attachments(said[-1], attachments, most))
    message = Message(clean_text(_text(said[-1])), taken)
    if not message.text and not message.attachments:
        raise InputError("The last message is empty.", "Give it text, a picture or a voice note.")
    earlier: list[tuple[Literal["user", "assistant"], str]] = [
        ("assistant" if m.role == "assistant" else "user", text)
        for m in said[:-1]
        if (text := clean_text(_text(m)))
    ]
    return Asked(message, earlier)


def _text(message: ChatMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    return "\n".join(part.text for part in message.content or () if isinstance(part, TextPart))


def _attachments(message: ChatMessage, store: AttachmentStore, most: int) -> Iterator[Attachment]:
    parts: Sequence[Any] = message.content if isinstance(message.content, list) else ()
    files = [part for part in parts if not isinstance(part, TextPart)]
    if len(files) > most:
        raise InputError(f"The message has {len(files)} files; at most {most} are taken.")
    for number, part in enumerate(files, 1):
        if isinstance(part, ImagePart):
            yield store.add(_from_url(part.image_url.url), f"image-{number}")
        else:
            suffix = re.sub(r"\W", "", part.input_audio.format)
            yield store.add(_decoded(part.input_audio.data), f"audio-{number}.{suffix}")


def _from_url(url: str) -> bytes:
    match = _DATA_URL.match(url)
    if match is None:
        raise InputError(
            "Only pictures inside the request are taken, none are fetched.",
            "Send a URL like `data:image/png;base64,…`.",
        )
    return _decoded(url[match.end() :])


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("A part of the message is not valid base64.", "Encode the whole file.") from error
