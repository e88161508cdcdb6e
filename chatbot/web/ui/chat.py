"""What the page's controls do: from Gradio values to messages, and from stream events back.

One object serves all visitors and keeps nothing of theirs: a visitor is the random id in their browser, a
conversation lives in the store.
"""

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from chatbot.errors import AttachmentError, FrontdeskError, InputError
from chatbot.export import to_json, to_markdown
from chatbot.messages import (
    Attachment,
    CitationAdded,
    Done,
    Message,
    Observation,
    Perceived,
    StatusChanged,
    StreamEvent,
    TextDelta,
    Warned,
)
from chatbot.store import Conversation, ConversationStore, StoredMessage
from chatbot.templates import Language
from chatbot.web.auth import is_reserved
from chatbot.web.ui.render import (
    ChatMessage,
    answer_markdown,
    chat_messages,
    citation_cards,
    notice,
    question_messages,
    reading_fields,
)
from chatbot.web.ui.texts import TEXTS, stage_text

log = logging.getLogger(__name__)


class Responds(Protocol):
    """What the page needs of the assistant."""

    def respond(self, message: Message, conversation_id: str, visitor_id: str) -> Iterator[StreamEvent]:
        """Answers one message as a stream of events."""
        ...


class StoresAttachments(Protocol):
    """What the page needs of `attachments.AttachmentStore`."""

    def add(self, source: Path, name: str) -> Attachment:
        """Checks and stores an upload."""
        ...

    def path(self, attachment: Attachment | str) -> Path:
        """Where a stored upload lies."""
        ...

    def drop(self, attachments: Sequence[Attachment]) -> None:
        """Removes uploads of a message that was not taken."""
        ...


class ReadsAhead(Protocol):
    """What the page needs of `read_ahead.ReadAhead`."""

    def attached(self, tab: str, paths: Sequence[Path]) -> None:
        """Says what lies attached in a tab now."""
        ...


class Limits(Protocol):
    """What the page needs of `page_limits.PageLimits`."""

    def begin(self, address: str) -> None:
        """Counts a conversation."""
        ...

    def admit(self, visitor_id: str, address: str) -> None:
        """Whether a message may be sent, before anything of it is read."""
        ...

    def may_read_ahead(self, visitor_id: str, address: str) -> bool:
        """Whether files that lie attached may be read already."""
        ...

    def take(self, visitor_id: str, address: str, message: Message) -> None:
        """Counts a message with its files."""
        ...

    def spent(self, visitor_id: str, address: str, tokens: int) -> None:
        """Counts what an answer has cost."""
        ...


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, where, in which language, and from which address; made anew for each request."""

    visitor_id: str
    conversation_id: str
    language: Language
    session: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows after a step of a turn."""

    messages: Sequence[ChatMessage]
    status: str = ""
    readings: Sequence[tuple[str, str, str]] | None = None


@dataclass(slots=True)
class _Answer:
    """The part of the chat that grows while an answer streams."""

    text: str = ""
    warnings: list[str] = field(default_factory=list)
    citations: list[CitationAdded] = field(default_factory=list)
    message_id: str = ""

    def messages(
        self, as_html: Callable[[str], Any], language: Language, stopped: bool = False
    ) -> list[ChatMessage]:
        shown: list[ChatMessage] = [{"role": "assistant", "content": notice(w)} for w in self.warnings]
        text = answer_markdown(self.text) + (f"\n\n*{TEXTS[language]['stopped']}*" if stopped else "")
        if text:
            shown.append({"role": "assistant", "content": text, "metadata": {"id": self.message_id}})
        if self.citations:
            cards = citation_cards([c.citation for c in self.citations], language)
            shown.append({"role": "assistant", "content": as_html(cards)})
        return shown


class ChatPage:
    """The page's behaviour, without its layout.

    Args:
        assistant: Gives the assistant; waits while models load.
        as_html: Wraps our own markup into the component that shows it.
        limits: How much may be asked.
        max_attachments: Most uploads taken from one message.
        is_ready: Whether the models are loaded.
        is_with_person: Whether a person has the conversation of this id.
        read_ahead: Reads pictures before they are sent; without it they are read then.
    """

    def __init__(
        self,
        *,
        store: ConversationStore,
        attachments: StoresAttachments,
        assistant: Callable[[], Responds],
        as_html: Callable[[str], Any],
        limits: Limits,
        max_attachments: int,
        is_ready: Callable[[], bool] = lambda: True,
        is_with_person: Callable[[str], bool] = lambda _: False,
        read_ahead: ReadsAhead | None = None,
    ) -> None:
        self._store = store
        self._attachments = attachments
        self._assistant = assistant
        self._as_html = as_html
        self._limits = limits
        self._max_attachments = max_attachments
        self._is_ready = is_ready
        self._is_with_person = is_with_person
        self._read_ahead = read_ahead
        self._stops: dict[str, threading.Event] = {}

    def visitor(self, known: str | None) -> str:
        """The browser's visitor id, or a new unguessable one; never one that could be guessed from somebody's name."""
        is_own = isinstance(known, str) and 20 <= len(known) <= 64 and not is_reserved(known)
        return known if known and is_own else secrets.token_urlsafe(24)

    def conversations(self, visitor_id: str) -> tuple[Conversation, ...]:
        """The visitor's conversations, newest first."""
        return self._store.list(visitor_id)

    def messages(self, visit: Visit) -> list[ChatMessage]:
        """The conversation as it is stored; empty for a new one or one that is not the visitor's."""
        try:
            conversation = self._store.get(visit.conversation_id, visit.visitor_id)
        except FrontdeskError:
            return []
        return chat_messages(
            conversation.messages,
            self._attachments.path,
            self._as_html,
            visit.language,
            is_with_person=self._is_with_person(conversation.id),
        )

    def stored(self, visit: Visit) -> tuple[StoredMessage, ...]:
        """The messages of the chosen conversation; none for a new one or one that is not the visitor's."""
        try:
            return self._store.get(visit.conversation_id, visit.visitor_id).messages
        except FrontdeskError:
            return ()

    def has(self, visit: Visit) -> bool:
        """Whether the chosen conversation is the visitor's own."""
        try:
            self._store.get(visit.conversation_id, visit.visitor_id)
        except FrontdeskError:
            return False
        return True

    def readings(self, visit: Visit) -> list[tuple[str, str, str]]:
        """What was read in the newest question, for correction."""
        question = self._newest(visit, "user")
        if question is None or question.observation is None:
            return []
        return _readings(question.observation, question.attachments, visit.language)

    def start(self, visit: Visit) -> Visit:
        """The visit with a conversation of the visitor's own: a new one if none is chosen.

        Raises:
            FrontdeskError: Too many were begun.
        """
        if self.has(visit):
            return visit
        self._limits.begin(visit.address)
        return replace(visit, conversation_id=self._store.create(visit.visitor_id).id)

    def waiting(self, visit: Visit) -> str:
        """What the status line says before the first stage begins."""
        return TEXTS[visit.language]["one_moment" if self._is_ready() else "loading"]

    def admit(self, visit: Visit, text: str, uploads: Sequence[str]) -> tuple[Visit, Message]:
        """Takes a message into the visitor's conversation, and counts it; see `start`.

        Raises:
            FrontdeskError: No more may be sent now; nothing of it is kept.
        """
        self._limits.admit(visit.visitor_id, visit.address)
        started, message = self.start(visit), self.accept(text, uploads)
        try:
            self._limits.take(visit.visitor_id, visit.address, message)
        except FrontdeskError:
            self._attachments.drop(message.attachments)
            raise
        return started, message

    def attached(self, visit: Visit, uploads: Sequence[str]) -> None:
        """Lets what lies in the box be read while the customer types; nothing of it is kept unless it is sent."""
        if self._read_ahead is None or not visit.session:
            return
        if uploads and not self._limits.may_read_ahead(visit.visitor_id, visit.address):
            return
        taken = uploads[: self._max_attachments]
        self._read_ahead.attached(visit.session, [Path(upload) for upload in taken])

    def left(self, session: str) -> None:
        """A browser tab is gone: its answer is stopped, and what lay in its box forgotten."""
        self.stop(session)
        if self._read_ahead and session:
            self._read_ahead.attached(session, ())

    def accept(self, text: str, uploads: Sequence[str]) -> Message:
        """Takes uploads in; those that are refused become problems beside the rest."""
        taken: list[Attachment] = []
        problems: list[str] = []
        for position, upload in enumerate(uploads):
            try:
                if position >= self._max_attachments:
                    raise AttachmentError(
                        f"Only the first {self._max_attachments} files of a message are read."
                    )
                taken.append(self._attachments.add(Path(upload), Path(upload).name))
            except FrontdeskError as error:
                problems.append(str(error))
        return Message(text, tuple(taken), problems=tuple(dict.fromkeys(problems)))

    def send(self, visit: Visit, message: Message) -> Iterator[View]:
        """Answers a message; each view is the whole chat so far."""
        before = self.messages(visit) + question_messages(
            message.text, message.attachments, self._attachments.path, self._as_html
        )
        answer = _Answer()
        stop = self._stops[visit.session] = threading.Event()
        yield View(before, self.waiting(visit), readings=[])
        try:
            events = self._assistant().respond(message, visit.conversation_id, visit.visitor_id)
            yield from self._show(visit, message, events, before, answer, stop)
        except FrontdeskError as error:
            answer.warnings.append(str(error))
        except Exception:
            log.exception("a turn failed")
            answer.warnings.append(TEXTS[visit.language]["failed"])
        finally:
            if self._stops.get(visit.session) is stop:
                del self._stops[visit.session]
        if stop.is_set() and (kept := self._newest(visit, "assistant")):
            answer.message_id = kept.id
            self._limits.spent(visit.visitor_id, visit.address, kept.evidence.tokens if kept.evidence else 0)
        yield View([*before, *answer.messages(self._as_html, visit.language, stop.is_set())])

    def _show(
        self,
        visit: Visit,
        message: Message,
        events: Iterator[StreamEvent],
        before: Sequence[ChatMessage],
        answer: _Answer,
        stop: threading.Event,
    ) -> Iterator[View]:
        status, readings = "", None
        for event in events:
            match event:
                case StatusChanged(stage):
                    status = stage_text(stage, visit.language)
                case Perceived(observation):
                    readings = _readings(observation, message.attachments, visit.language)
                case TextDelta(text):
                    answer.text += text
                case CitationAdded():
                    answer.citations.append(event)
                case Warned(text):
                    answer.warnings.append(text)
                case Done():
                    answer.message_id = event.message_id
                    self._limits.spent(visit.visitor_id, visit.address, event.tokens)
            if stop.is_set():
                events.close()  # type: ignore[attr-defined]
                return
            yield View([*before, *answer.messages(self._as_html, visit.language)], status, readings)

    def is_answering(self, session: str) -> bool:
        """Whether an answer is streaming to a browser tab."""
        return session in self._stops

    def stop(self, session: str) -> None:
        """Stops the answer that is streaming to a browser tab, if one is."""
        if event := self._stops.get(session):
            event.set()

    def corrected(self, visit: Visit, hashes: Sequence[str], texts: Sequence[str]) -> Message:
        """The newest question again, with every text that is not as it was read or heard.

        Raises:
            InputError: There is nothing to correct.
            FrontdeskError: No more may be sent now.
        """
        question = self._newest(visit, "user")
        if question is None:
            raise InputError("There is no question to correct yet.")
        as_read = _as_read(question.observation or Observation(""))
        shown = zip(hashes, texts, strict=False)
        corrections = {sha: text for sha, text in shown if sha and (sha, text) not in as_read}
        message = Message(question.text, question.attachments, corrections)
        self._limits.admit(visit.visitor_id, visit.address)
        self._limits.take(visit.visitor_id, visit.address, message)
        return message

    def rename(self, visit: Visit, title: str) -> None:
        """Gives the chosen conversation another title."""
        self._store.rename(visit.conversation_id, visit.visitor_id, title)

    def delete(self, visit: Visit) -> None:
        """Deletes the chosen conversation."""
        self._store.delete(visit.conversation_id, visit.visitor_id)

    def export(self, visit: Visit, form: str) -> str:
        """The chosen conversation as `json` or `markdown` text."""
        conversation = self._store.get(visit.conversation_id, visit.visitor_id)
        return to_json(conversation) if form == "json" else to_markdown(conversation)

    def rate(self, visit: Visit, message_id: str, rating: int, comment: str = "") -> None:
        """Stores thumbs and comment for an answer."""
        self._store.add_feedback(message_id, visit.visitor_id, rating, comment)

    def _newest(self, visit: Visit, role: str) -> StoredMessage | None:
        try:
            messages = self._store.get(visit.conversation_id, visit.visitor_id).messages
        except FrontdeskError:
            return None
        return next((m for m in reversed(messages) if m.role == role), None)


def _as_read(observation: Observation) -> set[tuple[str, str]]:
    """(attachment hash, text) of everything as it was before any correction."""
    heard = (replace(t, corrected_text=None) for t in observation.transcripts)
    seen = (replace(s, corrected_text=None) for s in observation.screens)
    return {(t.attachment_sha256, t.text) for t in heard} | {(s.attachment_sha256, s.text) for s in seen}


def _readings(
    observation: Observation, attachments: Sequence[Attachment], language: Language
) -> list[tuple[str, str, str]]:
    return reading_fields(observation, {a.sha256: a.name for a in attachments}, language)
