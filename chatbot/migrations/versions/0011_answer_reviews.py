"""Which bad answers were looked at, and what became of them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "answer_reviews",
        sa.Column(
            "message_id", sa.String(32), sa.ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("entry_id", sa.String(100), nullable=False),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_table("answer_reviews")
