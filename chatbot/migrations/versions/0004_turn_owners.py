"""Which process answers a turn and since when, and which question an answer belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Applies the change."""
    op.add_column("turns", sa.Column("owner", sa.String(32), nullable=True))
    op.add_column("turns", sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("messages", sa.Column("reply_to", sa.String(32), nullable=True))
    op.create_index("ix_messages_reply_to", "messages", ["reply_to"], unique=True)


def downgrade() -> None:
    """Takes it back."""
    op.drop_index("ix_messages_reply_to", "messages")
    op.drop_column("messages", "reply_to")
    op.drop_column("turns", "begun_at")
    op.drop_column("turns", "owner")
