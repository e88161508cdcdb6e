"""Topics that were found, surges that were told, and deliveries that belong to no conversation."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "insight_topics",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("embedder", sa.String(200), nullable=False, index=True),
        sa.Column("words", sa.JSON, nullable=False),
        sa.Column("centroid", sa.JSON, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "insight_surges",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("topic_id", sa.String(32), nullable=False, index=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("expected", sa.Float, nullable=False),
        sa.Column("chance", sa.Float, nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
    )
    with op.batch_alter_table("webhook_deliveries") as table:
        table.alter_column("conversation_id", existing_type=sa.String(32), nullable=True)


def downgrade() -> None:
    """Takes it back."""
    op.execute("DELETE FROM webhook_deliveries WHERE conversation_id IS NULL")
    with op.batch_alter_table("webhook_deliveries") as table:
        table.alter_column("conversation_id", existing_type=sa.String(32), nullable=False)
    op.drop_table("insight_surges")
    op.drop_table("insight_topics")
