"""The database tables. Only `store.py` and the migrations use them."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Float,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcDateTime(TypeDecorator[datetime]):
    """Time-zone aware UTC everywhere; SQLite itself would drop the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Puts the zone back, or turns the server's into it."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Names every constraint, so that migrations can change it on any database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class ConversationRow(Base):
    """One conversation of one visitor."""

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    visitor_id: Mapped[str] = mapped_column(String(64), index=True)
    title: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    messages: Mapped[list["MessageRow"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="MessageRow.position"
    )


class MessageRow(Base):
    """A question or an answer; `position` orders them inside their conversation."""

    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_conversation_position", "conversation_id", "position", unique=True),
        Index("ix_messages_reply_to", "reply_to", unique=True),  # a question is answered once
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    position: Mapped[int]
    role: Mapped[str] = mapped_column(String(16))
    author: Mapped[str | None] = mapped_column(String(100), nullable=True)
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    attachments: Mapped[Any] = mapped_column(JSON)
    observation: Mapped[Any] = mapped_column(JSON, nullable=True)
    evidence: Mapped[Any] = mapped_column(JSON, nullable=True)
    reply_to: Mapped[str | None] = mapped_column(String(32), nullable=True)
    feedback: Mapped[list["FeedbackRow"]] = relationship(cascade="all, delete-orphan", passive_deletes=True)


class FeedbackRow(Base):
    """What a visitor thought of an answer; the newest row of a message counts."""

    __tablename__ = "feedback"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    rating: Mapped[int]
    comment: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CsatRow(Base):
    """How satisfied a customer was with a whole conversation, from 1 to 5; the newest row of a conversation counts."""

    __tablename__ = "csat"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    conversation_id: Mapped[str] = mapped_column(
        ForeignKey("conversations.id", ondelete="CASCADE"), index=True
    )
    score: Mapped[int]
    comment: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TurnRow(Base):
    """A message that was accepted over the API: answered even if the process ends before. Its id is the question's."""

    __tablename__ = "turns"
    __table_args__ = (
        Index("ix_turns_conversation_key", "conversation_id", "idempotency_key", unique=True),
        Index("ix_turns_unfinished", "is_done", "lease_until"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    message: Mapped[Any] = mapped_column(JSON)
    idempotency_key: Mapped[str | None] = mapped_column(String(200), nullable=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    first_seq: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    owner: Mapped[str | None] = mapped_column(String(32), nullable=True)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)
    begun_at: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)
    is_done: Mapped[bool]


class EventRow(Base):
    """What a client of the API is told; `seq` numbers the events of one conversation from 1."""

    __tablename__ = "events"

    conversation_id: Mapped[str] = mapped_column(
        ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True
    )
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(32))
    data: Mapped[Any] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TicketRow(Base):
    """A customer's wish to speak to a person, and what became of it."""

    __tablename__ = "tickets"
    __table_args__ = (Index("ix_tickets_queue", "status", "opened_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(
        ForeignKey("conversations.id", ondelete="CASCADE"), index=True
    )
    status: Mapped[str] = mapped_column(String(16))
    cause: Mapped[str] = mapped_column(String(32))
    note: Mapped[str] = mapped_column(Text)
    contact: Mapped[str] = mapped_column(String(254))
    language: Mapped[str] = mapped_column(String(8))
    agent: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PresenceRow(Base):
    """An agent whose inbox is open; the last sign of life."""

    __tablename__ = "agents_present"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DeliveryRow(Base):
    """A webhook that waits for its receiver; gone once it is delivered or given up, or its conversation is erased."""

    __tablename__ = "webhook_deliveries"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    conversation_id: Mapped[str | None] = mapped_column(
        ForeignKey("conversations.id", ondelete="CASCADE"), index=True, nullable=True
    )
    webhook: Mapped[str] = mapped_column(String(100))
    body: Mapped[Any] = mapped_column(JSON)
    attempts: Mapped[int]
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    last_error: Mapped[str] = mapped_column(Text)


class AttachmentClaimRow(Base):
    """A stored file that is kept until a time although no message refers to it; then it has to be looked at."""

    __tablename__ = "attachment_claims"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class AnswerReviewRow(Base):
    """A bad answer that somebody has looked at."""

    __tablename__ = "answer_reviews"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(16))
    entry_id: Mapped[str] = mapped_column(String(100))
    reviewed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TopicRow(Base):
    """A topic that customers wrote about, so that it is known again at the next run; no words of one person."""

    __tablename__ = "insight_topics"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    embedder: Mapped[str] = mapped_column(String(200), index=True)
    words: Mapped[Any] = mapped_column(JSON)
    centroid: Mapped[Any] = mapped_column(JSON)
    size: Mapped[int]
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SurgeRow(Base):
    """A surge of negative messages that was told; it has ended once a look does not find it any more."""

    __tablename__ = "insight_surges"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    topic_id: Mapped[str] = mapped_column(String(32), index=True)
    name: Mapped[str] = mapped_column(String(200))
    count: Mapped[int]
    expected: Mapped[float] = mapped_column(Float)
    chance: Mapped[float] = mapped_column(Float)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)


class ApiKeyRow(Base):
    """A program's key; only the hash of its secret is kept."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    secret_sha256: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[Any] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)


class AccountRow(Base):
    """A person of the company who may sign in; only the Argon2 hash of the password is kept."""

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str | None] = mapped_column(String(200), nullable=True)
    oidc_subject: Mapped[str | None] = mapped_column(String(64), nullable=True, unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime, nullable=True)


class AccountSessionRow(Base):
    """One signed-in browser; only the hash of its token is kept."""

    __tablename__ = "account_sessions"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AccountLinkRow(Base):
    """A link with which a password is chosen, once; without an account it makes the first administrator."""

    __tablename__ = "account_links"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str | None] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), nullable=True, index=True
    )
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LoginAttemptRow(Base):
    """Failed attempts to sign in, by a keyed hash of the name or the address they came from."""

    __tablename__ = "login_attempts"

    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class AuditRow(Base):
    """What somebody did who may do more than customers."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(200))
    details: Mapped[Any] = mapped_column(JSON)


class UsageRow(Base):
    """What a subject has used on a day; the subject is a keyed hash."""

    __tablename__ = "usage"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    messages: Mapped[int]
    uploads: Mapped[int]
    audio_s: Mapped[float] = mapped_column(Float)
    tokens: Mapped[int] = mapped_column(BigInteger)


class OnceRow(Base):
    """A change that a program asked for under an idempotency key; the answer is there once it is made."""

    __tablename__ = "once"

    key_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    answer: Mapped[Any] = mapped_column(JSON, nullable=True)
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class SpentChallengeRow(Base):
    """A proof of work that was accepted, until its challenge expires anyway."""

    __tablename__ = "spent_challenges"

    challenge_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
