"""What was used on a day, and proofs of work that were accepted."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "usage",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("messages", sa.Integer, nullable=False),
        sa.Column("uploads", sa.Integer, nullable=False),
        sa.Column("audio_s", sa.Float, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "spent_challenges",
        sa.Column("challenge_sha256", sa.String(64), primary_key=True),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_spent_challenges_expires_at", "spent_challenges", ["expires_at"])


def downgrade() -> None:
    """Takes it back."""
    op.drop_table("spent_challenges")
    op.drop_table("usage")
