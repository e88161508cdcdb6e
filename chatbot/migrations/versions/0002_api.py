"""Turns accepted over the API, the events their clients resume from, and tickets for a person."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "turns",
        sa.Column("id", sa.String(32), primary_key=True),
        _conversation(),
        sa.Column("message", sa.JSON, nullable=False),
        sa.Column("idempotency_key", sa.String(200), nullable=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("first_seq", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_done", sa.Boolean, nullable=False),
    )
    op.create_index("ix_turns_conversation_key", "turns", ["conversation_id", "idempotency_key"], unique=True)
    op.create_index("ix_turns_unfinished", "turns", ["is_done", "lease_until"])
    op.create_table(
        "events",
        _conversation(primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "tickets",
        sa.Column("id", sa.String(32), primary_key=True),
        _conversation(index=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("contact", sa.String(254), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )


def _conversation(*, primary_key: bool = False, index: bool = False) -> sa.Column[str]:
    owner = sa.ForeignKey("conversations.id", ondelete="CASCADE")
    return sa.Column(
        "conversation_id", sa.String(32), owner, primary_key=primary_key, index=index, nullable=False
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_table("tickets")
    op.drop_table("events")
    op.drop_table("turns")
