"""How satisfied customers were with whole conversations."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "csat",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column(
            "conversation_id",
            sa.String(32),
            sa.ForeignKey(
                "conversations.id", name="fk_csat_conversation_id_conversations", ondelete="CASCADE"
            ),
            nullable=False,
        ),
        sa.Column("score", sa.Integer, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_csat_conversation_id", "csat", ["conversation_id"])


def downgrade() -> None:
    """Takes it back."""
    op.drop_table("csat")
