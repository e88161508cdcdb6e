"""Changes that were asked for under an idempotency key, with the answers that were given."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "once",
        sa.Column("key_sha256", sa.String(64), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("answer", sa.JSON, nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False, index=True),
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_table("once")
