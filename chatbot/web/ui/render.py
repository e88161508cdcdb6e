"""Pure translation of stored messages and events into what Gradio's components show.

Everything that came from a customer, a model or a document is escaped here.
"""

import base64
import html
import io
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from chatbot.messages import Attachment, Citation, Kind, Observation
from chatbot.store import Conversation, StoredMessage
from chatbot.templates import Language
from chatbot.web.ui.texts import TEXTS

ChatMessage = dict[str, Any]
_WEB_LINK = re.compile(r"(?<![!\\])\[[^\[\]\n]+\]\((?:https?://|mailto:)[^\s()]+\)")
_IMAGE_LINK = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_MARK = re.compile(r"\s*\[(\d{1,2})\]")
_FORMATTING = re.compile(r"\*\*|`|^#{1,6} ", re.MULTILINE)
_THUMBNAIL_PX = 480
_INLINE_AUDIO_BYTES = 1_500_000


def safe_markdown(text: str) -> str:
    """Markdown without HTML, images or links to anything but web pages and mail addresses."""
    text = html.escape(text, quote=False)
    shown, end = "", 0
    for link in _WEB_LINK.finditer(text):
        shown += re.sub("!$", "&#33;", _without_links(text[end : link.start()])) + link[0]
        end = link.end()
    return shown + _without_links(text[end:])


def _without_links(text: str) -> str:
    """Words of links and images only; what is left of nested ones or of references can form none either."""
    text = _LINK.sub(r"\1", _IMAGE_LINK.sub(r"\1", text))
    return text.replace("](", "]&#40;").replace("]:", "]&#58;")


def answer_markdown(text: str) -> str:
    """An answer with its citation marks set apart from the words."""
    return _MARK.sub(lambda m: f" **[{m[1]}]**", safe_markdown(text))


def citation_cards(citations: Sequence[Citation], language: Language) -> str:
    """One card a source; opening it shows the quoted words inside their passage."""
    if not citations:
        return ""
    cards = "".join(_card(citation, language) for citation in citations)
    return f'<section class="fd-sources" aria-label="{TEXTS[language]["sources"]}">{cards}</section>'


def _card(citation: Citation, language: Language) -> str:
    passage, quote = _plain(citation.passage), _plain(citation.quote)
    before, found, after = passage.partition(quote) if quote else (passage, "", "")
    mark = f"<mark>{html.escape(found)}</mark>" if found else ""
    marked = f"{html.escape(before)}{mark}{html.escape(after)}"
    link = ""
    if citation.url.startswith(("https://", "http://")):
        label = TEXTS[language]["open_article"]
        link = f'<a href="{html.escape(citation.url)}" target="_blank" rel="noopener noreferrer">{label}</a>'
    return (
        f'<details class="fd-card"><summary><span class="fd-number">{citation.number}</span>'
        f"<span>{html.escape(_plain(citation.title))}</span></summary><blockquote>{marked}</blockquote>{link}</details>"
    )


def _plain(text: str) -> str:
    """Text of a document without the signs that Markdown formats with."""
    return _FORMATTING.sub("", text)


def attachment_html(attachment: Attachment, path: Path) -> str:
    """A small preview of an upload; its bytes travel inside the page, so no file address can be guessed."""
    name = html.escape(attachment.name)
    if attachment.kind is Kind.IMAGE:
        return f'<img class="fd-thumb" alt="{name}" src="{_thumbnail(path)}">'
    if attachment.kind is Kind.AUDIO and attachment.size_bytes <= _INLINE_AUDIO_BYTES and path.is_file():
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        source = f"data:{html.escape(attachment.media_type)};base64,{data}"
        return f'<audio controls preload="metadata" aria-label="{name}" src="{source}"></audio>'
    return f'<span class="fd-file">{name}</span>'


def _thumbnail(path: Path) -> str:
    try:
        with Image.open(path) as image:
            small = image.convert("RGB")
            small.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
            buffer = io.BytesIO()
            small.save(buffer, "JPEG", quality=80)
    except (OSError, UnidentifiedImageError):
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def status_html(text: str, busy: bool = True) -> str:
    """The status line, read out by screen readers when it changes."""
    shown = (
        f'<span class="fd-dot" aria-hidden="true"></span>{html.escape(text)}'
        if text and busy
        else html.escape(text)
    )
    return f'<div class="fd-status" role="status" aria-live="polite">{shown}</div>'


def notice(message: str) -> str:
    """A warning as a Markdown quote."""
    return "> ⚠️ " + safe_markdown(message).replace("\n", "\n> ")


def conversation_choices(conversations: Sequence[Conversation], language: Language) -> list[tuple[str, str]]:
    """Label and id of each conversation, for the list."""
    return [(c.title or TEXTS[language]["untitled"], c.id) for c in conversations]


def reading_fields(
    observation: Observation, names: dict[str, str], language: Language
) -> list[tuple[str, str, str]]:
    """(attachment hash, label, text) of everything that was read or heard and can be corrected."""
    words = TEXTS[language]
    fields = []
    for heard in observation.transcripts:
        sure = _mean([math.exp(s.avg_logprob) for s in heard.segments])
        label = words["heard"].format(
            name=names.get(heard.attachment_sha256, ""), language=heard.language, confidence=f"{sure:.0%}"
        )
        fields.append((heard.attachment_sha256, label, heard.text))
    for screen in observation.screens:
        sure = _mean([line.confidence for line in screen.lines])
        label = words["seen"].format(name=names.get(screen.attachment_sha256, ""), confidence=f"{sure:.0%}")
        label = f"{label} · {screen.description}" if screen.description else label
        fields.append((screen.attachment_sha256, label, screen.text))
    return fields


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def chat_messages(
    messages: Sequence[StoredMessage],
    path_of: Callable[[Attachment], Path],
    as_html: Callable[[str], Any],
    language: Language,
    *,
    is_with_person: bool = False,
) -> list[ChatMessage]:
    """The whole conversation for the chat component.

    Args:
        path_of: Where an attachment is stored.
        as_html: Wraps markup of ours into the component that shows it.
        is_with_person: A person has the conversation, so that no answer of the assistant is missing.
    """
    shown: list[ChatMessage] = []
    for position, message in enumerate(messages):
        if message.role == "person":
            is_with_person = True  # as far as is known, until the assistant speaks again
            shown.append(person_message(message))
        elif message.role == "user":
            shown += question_messages(message.text, message.attachments, path_of, as_html)
            is_last = position + 1 == len(messages) or messages[position + 1].role == "user"
            if is_last and not is_with_person:
                shown.append({"role": "assistant", "content": notice(TEXTS[language]["unanswered"])})
        else:
            shown += answer_messages(message, as_html, language)
    return shown


def question_messages(
    text: str,
    attachments: Sequence[Attachment],
    path_of: Callable[[Attachment], Path],
    as_html: Callable[[str], Any],
) -> list[ChatMessage]:
    """A customer's message: previews first, then the words."""
    shown: list[ChatMessage] = [
        {"role": "user", "content": as_html(attachment_html(a, path_of(a)))} for a in attachments
    ]
    if text:
        shown.append({"role": "user", "content": safe_markdown(text)})
    return shown


def person_message(message: StoredMessage) -> ChatMessage:
    """What a person of the team said, under their name."""
    return {
        "role": "assistant",
        "content": f"**{safe_markdown(message.author)}**\n\n{safe_markdown(message.text)}",
    }


def answer_messages(
    message: StoredMessage, as_html: Callable[[str], Any], language: Language
) -> list[ChatMessage]:
    """An answer: warnings, words with the message's id for feedback, and source cards."""
    evidence = message.evidence
    shown: list[ChatMessage] = [
        {"role": "assistant", "content": notice(w)} for w in (evidence.warnings if evidence else ())
    ]
    text = answer_markdown(message.text)
    if evidence and evidence.stopped:
        text = f"{text}\n\n*{TEXTS[language]['stopped']}*"
    if text:
        shown.append({"role": "assistant", "content": text, "metadata": {"id": message.id}})
    if evidence and evidence.citations:
        shown.append({"role": "assistant", "content": as_html(citation_cards(evidence.citations, language))})
    return shown
