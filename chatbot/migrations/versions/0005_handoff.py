"""Tickets that a person claims and answers, who wrote a message, and which agents are there."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
_TICKET_TEXTS = (("cause", 32, "asked"), ("language", 8, "en"), ("agent", 100, ""))


def upgrade() -> None:
    """Applies the change."""
    op.add_column("messages", sa.Column("author", sa.String(100), nullable=True))
    for name, length, before in _TICKET_TEXTS:
        op.add_column("tickets", sa.Column(name, sa.String(length), nullable=False, server_default=before))
    with op.batch_alter_table("tickets") as tickets:
        tickets.add_column(sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True))
        tickets.add_column(sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE tickets SET opened_at = created_at, changed_at = created_at")
    with op.batch_alter_table("tickets") as tickets:
        tickets.alter_column("opened_at", existing_type=sa.DateTime(timezone=True), nullable=False)
        tickets.alter_column("changed_at", existing_type=sa.DateTime(timezone=True), nullable=False)
    op.create_index("ix_tickets_queue", "tickets", ["status", "opened_at"])
    op.create_table(
        "agents_present",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_table("agents_present")
    op.drop_index("ix_tickets_queue", "tickets")
    with op.batch_alter_table("tickets") as tickets:
        for name in (*(name for name, _, _ in _TICKET_TEXTS), "opened_at", "changed_at"):
            tickets.drop_column(name)
    op.drop_column("messages", "author")
