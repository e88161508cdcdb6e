"""Conversations, messages, evidence and feedback in SQLite or Postgres.

It knows nothing of models or pages: values in, values out. What a method has returned from is on disk.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Select, case, exists, func, select
from sqlalchemy.orm import Session, selectinload

from chatbot.attachment_claims import AttachmentClaims, loosen, settle
from chatbot.database import Database
from chatbot.errors import ConversationNotFoundError, InputError, TurnTakenOverError
from chatbot.messages import Attachment, Citation, Decision, Message, Observation
from chatbot.notices import Notice, announce
from chatbot.schema import ConversationRow, CsatRow, FeedbackRow, MessageRow, TurnRow
from chatbot.text import clean_text

TITLE_CHARS = 60
_ERASED_AT_ONCE = 100
Role = Literal["user", "assistant", "person"]
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "person": "person"}
_ATTACHMENTS = TypeAdapter(tuple[Attachment, ...])
_OBSERVATION = TypeAdapter(Observation)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an answer rests on: kept for agents, evaluation and fine-tuning.

    Attributes:
        retrieved: Id and score of every passage found, best first.
        adapter: Id of the adapter that was asked, `none` for the bare base; empty when no model was.
        refusal_probability: How likely no passage holds the answer, as the adapter's `RefusalRule` has it.
        tokens: What the language model read and wrote.
        options: Questions that were offered, where the answer asks back.
    """

    decision: Decision
    reasons: tuple[str, ...] = ()
    citations: tuple[Citation, ...] = ()
    retrieved: tuple[tuple[str, float], ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    stopped: bool = False
    adapter: str = ""
    refusal_probability: float | None = None
    tokens: int = 0
    options: tuple[str, ...] = ()


_EVIDENCE = TypeAdapter(Evidence)


@dataclass(frozen=True, slots=True)
class Feedback:
    """Thumbs up (1) or down (-1), and why."""

    rating: int
    comment: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Csat:
    """How satisfied the customer was with a whole conversation: `score` from 1 (not at all) to 5 (fully)."""

    score: int
    comment: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A question (`role` user), an answer (assistant) or what a person of the team said, as it was kept.

    Attributes:
        author: The person's name, as customers see it.
    """

    id: str
    role: Role
    text: str
    created_at: datetime
    attachments: tuple[Attachment, ...] = ()
    observation: Observation | None = None
    evidence: Evidence | None = None
    feedback: Feedback | None = None
    reply_to: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation; listings have neither `messages` nor `csat`."""

    id: str
    visitor_id: str
    title: str
    created_at: datetime
    updated_at: datetime
    messages: tuple[StoredMessage, ...] = ()
    csat: Csat | None = None


@dataclass(frozen=True, slots=True)
class AdapterFeedback:
    """What customers thought of the answers of one adapter; `none` is the bare base.

    Attributes:
        answers: Turns in which it was asked, with the `declined` among them.
    """

    adapter: str
    answers: int
    declined: int
    thumbs_up: int
    thumbs_down: int


class ConversationStore:
    """All reading and writing of conversations, always within one visitor's own.

    Args:
        url: `sqlite:////data/frontdesk.db` or `postgresql://user:password@host/name`.
        attachments: Folder of the files that messages refer to; an erasure removes those that no other one does.

    Attributes:
        database: For what is kept beside conversations.
        claims: Which of the files are needed.

    Raises:
        StorageError: The database cannot be opened or migrated.
    """

    def __init__(self, url: str, attachments: Path | None = None) -> None:
        self.database = Database(url)
        self.claims = AttachmentClaims(self.database, attachments)

    def create(self, visitor_id: str, title: str = "") -> Conversation:
        """Starts an empty conversation; the first question names it unless `title` is given."""
        now = datetime.now(UTC)
        row = ConversationRow(
            id=_new_id(), visitor_id=visitor_id, title=_short(title), created_at=now, updated_at=now
        )
        with self.database.writing() as session:
            session.add(row)
        return _conversation(row)

    def list(self, visitor_id: str, limit: int = 200) -> tuple[Conversation, ...]:
        """The visitor's conversations without their messages, newest activity first."""
        query = (
            select(ConversationRow)
            .where(ConversationRow.visitor_id == visitor_id)
            .order_by(ConversationRow.updated_at.desc())
            .limit(limit)
        )
        with self.database.reading() as session:
            return tuple(_conversation(row) for row in session.scalars(query))

    def get(self, conversation_id: str, visitor_id: str) -> Conversation:
        """One conversation with its messages, oldest first.

        Raises:
            ConversationNotFoundError: It does not exist or is somebody else's.
        """
        with self.database.reading() as session:
            row = _owned(session, conversation_id, visitor_id)
            return _conversation(row, messages_of(session, row.id), _newest_csat(session, row.id))

    def all_of(self, identity: str) -> tuple[Conversation, ...]:
        """The conversation of this id, or all of the visitor of this id, with messages; for the operator."""
        query = select(ConversationRow).where(_is_of(identity)).order_by(ConversationRow.created_at)
        with self.database.reading() as session:
            return tuple(
                _conversation(row, messages_of(session, row.id), _newest_csat(session, row.id))
                for row in session.scalars(query)
            )

    def rename(self, conversation_id: str, visitor_id: str, title: str) -> None:
        """Gives a conversation another title.

        Raises:
            InputError: The title is blank.
        """
        if not _short(title):
            raise InputError("A conversation needs a title.", "Type at least one character.")
        with self.database.writing() as session:
            _owned(session, conversation_id, visitor_id).title = _short(title)

    def delete(self, conversation_id: str, visitor_id: str) -> None:
        """Removes a conversation with its messages, their feedback, and the files that nothing else refers to."""
        with self.database.writing() as session:
            _erase(session, _owned(session, conversation_id, visitor_id))
            announce(session, [Notice(conversation_id)])
        self.claims.sweep()

    def erase(self, identity: str) -> tuple[tuple[str, ...], int]:
        """Removes the conversation of this id, or all of the visitor of this id; for whoever runs the installation.

        Returns:
            The ids of the conversations that are gone, with their messages and feedback, and how many attached
            files went with them; files that other conversations refer to stay.
        """
        gone = self._erase(select(ConversationRow).where(_is_of(identity)))
        return gone, self.claims.sweep()

    def count_before(self, before: datetime) -> int:
        """How many conversations `erase_before` would remove."""
        with self.database.reading() as session:
            return session.scalar(_expired(before).with_only_columns(func.count())) or 0

    def erase_before(self, before: datetime) -> tuple[int, int]:
        """Removes the conversations in which nothing was written since, and nothing waits for its answer.

        In several transactions, so that nobody waits long for the database.

        Returns:
            How many conversations are gone, with all that `erase` removes, and how many attached files.
        """
        count = 0
        while gone := self._erase(_expired(before).limit(_ERASED_AT_ONCE).with_for_update(skip_locked=True)):
            count += len(gone)
        return count, self.claims.sweep()

    def _erase(self, query: Select[ConversationRow]) -> tuple[str, ...]:
        with self.database.writing() as session:
            rows = session.scalars(query).all()
            for row in rows:
                _erase(session, row)
            announce(session, [Notice(row.id) for row in rows])
            return tuple(row.id for row in rows)

    def add_question(
        self, conversation_id: str, visitor_id: str, message: Message, message_id: str = ""
    ) -> str:
        """Stores a customer's message before anything is done with it; returns its id.

        Args:
            message_id: The id it was promised, if any; a message that is stored already stays as it is.
        """
        with self.database.writing() as session:
            row = _owned(session, conversation_id, visitor_id, lock=True)
            known = session.get(MessageRow, message_id) if message_id else None
            if known is not None and known.conversation_id == conversation_id:
                return message_id
            if not row.title:
                row.title = _short(message.text) or _short(" ".join(a.name for a in message.attachments))
            if not message_id:  # else they were settled when it was promised
                settle(session, message.new_files)
            attachments = _ATTACHMENTS.dump_python(message.attachments, mode="json")
            return _append(session, row, "user", message.text, attachments=attachments, message_id=message_id)

    def set_observation(self, message_id: str, observation: Observation) -> None:
        """Keeps what was perceived in a stored question."""
        with self.database.writing() as session:
            row = session.get(MessageRow, message_id)
            if row is not None:
                row.observation = _OBSERVATION.dump_python(observation, mode="json")

    def add_answer(
        self, conversation_id: str, visitor_id: str, text: str, evidence: Evidence, question_id: str = ""
    ) -> str:
        """Stores an answer with its evidence; returns its id.

        Args:
            question_id: The question, which can be answered once, and by one process.

        Raises:
            TurnTakenOverError: It has its answer, or another process is making it.
        """
        with self.database.writing() as session:
            row = _owned(session, conversation_id, visitor_id, lock=True)
            if question_id:
                _check_unanswered(session, question_id, self.database.process_id)
            dumped = _EVIDENCE.dump_python(evidence, mode="json")
            return _append(
                session, row, "assistant", text, attachments=[], evidence=dumped, reply_to=question_id
            )

    def answer_to(self, conversation_id: str, visitor_id: str, question_id: str) -> StoredMessage | None:
        """The answer to a question, if it has one."""
        messages = self.get(conversation_id, visitor_id).messages
        return next((m for m in messages if m.reply_to == question_id), None)

    def add_feedback(self, message_id: str, visitor_id: str, rating: int, comment: str = "") -> None:
        """Stores thumbs up (1), down (-1) or taken back (0) for an answer of the visitor's own.

        Raises:
            InputError: The rating is none of these.
            ConversationNotFoundError: There is no such answer in the visitor's conversations.
        """
        if rating not in (-1, 0, 1):
            raise InputError(f"A rating is 1, 0 or -1; {rating} was given.")
        with self.database.writing() as session:
            message = session.get(MessageRow, message_id)
            if message is None or message.role != "assistant":
                raise ConversationNotFoundError("There is no such answer.")
            _owned(session, message.conversation_id, visitor_id)
            session.add(
                FeedbackRow(
                    message_id=message_id,
                    rating=rating,
                    comment=clean_text(comment)[:4000],
                    created_at=datetime.now(UTC),
                )
            )

    def add_csat(self, conversation_id: str, visitor_id: str, score: int, comment: str = "") -> None:
        """Stores how satisfied the visitor was with a conversation of their own; the newest score counts.

        Raises:
            InputError: The score is not from 1 to 5.
            ConversationNotFoundError: It does not exist or is somebody else's.
        """
        if score not in range(1, 6):
            raise InputError(f"A score is from 1 to 5; {score} was given.")
        with self.database.writing() as session:
            _owned(session, conversation_id, visitor_id)
            now = datetime.now(UTC)
            text = clean_text(comment)[:4000]
            session.add(CsatRow(conversation_id=conversation_id, score=score, comment=text, created_at=now))

    def adapter_feedback(self, since: datetime | None = None) -> tuple[AdapterFeedback, ...]:
        """The answers of each adapter and their newest ratings, for comparing one on trial with the usual one.

        Args:
            since: Only answers from then on; for a fair comparison, when the trial began.
        """
        with self.database.reading() as session:
            return tuple(AdapterFeedback(*row) for row in session.execute(_by_adapter(since)))

    def close(self) -> None:
        """Closes the database."""
        self.database.close()


def messages_of(session: Session, conversation_id: str) -> tuple[StoredMessage, ...]:
    """The messages of a conversation, oldest first, inside of a transaction of the caller's."""
    query = (
        select(MessageRow)
        .where(MessageRow.conversation_id == conversation_id)
        .order_by(MessageRow.position)
        .options(selectinload(MessageRow.feedback))
    )
    return tuple(_message(message) for message in session.scalars(query))


def add_person_message(
    session: Session, conversation: ConversationRow, author: str, text: str
) -> StoredMessage:
    """Adds what a person of the team says, inside of a transaction of the caller's."""
    message_id = _append(session, conversation, "person", text, attachments=[], author=author)
    return StoredMessage(message_id, "person", text, conversation.updated_at, author=author)


def _owned(session: Session, conversation_id: str, visitor_id: str, *, lock: bool = False) -> ConversationRow:
    """Locked, it is changed by one session at a time; SQLite has but one writer anyway."""
    row = session.get(ConversationRow, conversation_id, with_for_update=lock or None)
    if row is None or row.visitor_id != visitor_id:
        raise ConversationNotFoundError(
            f"There is no conversation {conversation_id!r}.", "Start a new one or pick one from your list."
        )
    return row


def _check_unanswered(session: Session, question_id: str, process_id: str) -> None:
    is_answered = session.scalar(select(MessageRow.id).where(MessageRow.reply_to == question_id))
    turn = session.get(TurnRow, question_id)
    if is_answered or (turn is not None and turn.owner != process_id):
        raise TurnTakenOverError("Another process answers this message.")


def _is_of(identity: str) -> ColumnElement[bool]:
    return (ConversationRow.id == identity) | (ConversationRow.visitor_id == identity)


def _expired(before: datetime) -> Select[ConversationRow]:
    waits = exists().where(TurnRow.conversation_id == ConversationRow.id, TurnRow.is_done.is_(False))
    return select(ConversationRow).where(ConversationRow.updated_at < before, ~waits)


def _erase(session: Session, conversation: ConversationRow) -> None:
    kept = select(MessageRow.attachments).where(MessageRow.conversation_id == conversation.id)
    waiting = select(TurnRow.message).where(TurnRow.conversation_id == conversation.id)
    files = [*chain.from_iterable(session.scalars(kept))]
    files += chain.from_iterable(message["attachments"] for message in session.scalars(waiting))
    loosen(session, {file["sha256"] for file in files})
    session.delete(conversation)


def _newest_csat(session: Session, conversation_id: str) -> Csat | None:
    query = select(CsatRow).where(CsatRow.conversation_id == conversation_id).order_by(CsatRow.id.desc())
    row = session.scalars(query.limit(1)).first()
    return Csat(row.score, row.comment, row.created_at) if row else None


def _append(
    session: Session,
    conversation: ConversationRow,
    role: str,
    text: str,
    *,
    attachments: Any,
    evidence: Any = None,
    message_id: str = "",
    reply_to: str = "",
    author: str | None = None,
) -> str:
    last = session.scalar(
        select(func.max(MessageRow.position)).where(MessageRow.conversation_id == conversation.id)
    )
    conversation.updated_at = datetime.now(UTC)
    row = MessageRow(
        id=message_id or _new_id(),
        conversation_id=conversation.id,
        position=(last if last is not None else -1) + 1,
        role=role,
        author=author,
        text=text,
        created_at=conversation.updated_at,
        attachments=attachments,
        evidence=evidence,
        reply_to=reply_to or None,
    )
    session.add(row)
    return row.id


def _by_adapter(since: datetime | None) -> Select[str, int, int, int, int]:
    adapter = MessageRow.evidence["adapter"].as_string()
    declined = MessageRow.evidence["decision"].as_string() == Decision.DECLINE
    newest = select(func.max(FeedbackRow.id)).group_by(FeedbackRow.message_id)
    query = (
        select(
            adapter,
            func.count(),
            _sum(declined),
            _sum(FeedbackRow.rating > 0),
            _sum(FeedbackRow.rating < 0),
        )
        .outerjoin(FeedbackRow, (FeedbackRow.message_id == MessageRow.id) & FeedbackRow.id.in_(newest))
        .where(MessageRow.role == "assistant", adapter != "")
        .group_by(adapter)
        .order_by(adapter)
    )
    return query if since is None else query.where(MessageRow.created_at >= since)


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def _conversation(
    row: ConversationRow, messages: tuple[StoredMessage, ...] = (), csat: Csat | None = None
) -> Conversation:
    return Conversation(row.id, row.visitor_id, row.title, row.created_at, row.updated_at, messages, csat)


def _message(row: MessageRow) -> StoredMessage:
    newest = max(row.feedback, key=lambda f: f.id, default=None)
    return StoredMessage(
        id=row.id,
        role=_ROLES[row.role],
        text=row.text,
        created_at=row.created_at,
        attachments=_ATTACHMENTS.validate_python(row.attachments),
        observation=_OBSERVATION.validate_python(row.observation) if row.observation else None,
        evidence=_EVIDENCE.validate_python(row.evidence) if row.evidence else None,
        feedback=Feedback(newest.rating, newest.comment, newest.created_at) if newest else None,
        reply_to=row.reply_to or "",
        author=row.author or "",
    )


def _new_id() -> str:
    return uuid.uuid4().hex


def _short(title: str) -> str:
    line = " ".join(clean_text(title).split())
    return line if len(line) <= TITLE_CHARS else line[: TITLE_CHARS - 1].rstrip() + "…"
