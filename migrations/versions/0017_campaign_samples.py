"""Where the deliveries of a campaign stood over time, for its page; texts that may have a link."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
OPEN = sa.text("is_open")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "campaign_samples",
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("counts", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.campaign"], name=op.f("fk_campaign_samples_campaign_campaigns")
        ),
        sa.PrimaryKeyConstraint("campaign", "at", name=op.f("pk_campaign_samples")),
    )
    op.create_index(
        "ix_campaign_samples_open", "campaign_samples", ["campaign"], postgresql_where=OPEN, sqlite_where=OPEN
    )

    with op.batch_alter_table("text_versions") as table:
        table.add_column(sa.Column("allows_links", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("text_versions") as table:
        table.drop_column("allows_links")
    op.drop_table("campaign_samples")
