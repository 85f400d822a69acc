"""Tables of notify."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "book_accounts",
        sa.Column("account", sa.String(length=128), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("balance_minor", KEY, nullable=False),
        sa.PrimaryKeyConstraint("account", "currency", name=op.f("pk_book_accounts")),
    )
    op.create_table(
        "book_entries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("account", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("amount_minor", KEY, nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("detail", DOCUMENT, nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("booked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_book_entries")),
        sa.UniqueConstraint("key", name=op.f("uq_book_entries_key")),
    )
    op.create_index(op.f("ix_book_entries_account"), "book_entries", ["account"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("group_key", sa.String(length=128), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("message", "posting", name="deliverykind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("address", sa.String(length=128), nullable=False),
        sa.Column("payload", DOCUMENT, nullable=False),
        sa.Column("amount_minor", KEY, nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "claimed",
                "sending",
                "accepted",
                "delivered",
                "failed",
                "unknown",
                "cancelled",
                "suppressed",
                name="deliverystate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("waiting", sa.Boolean(), nullable=False),
        sa.Column("priority", KEY, nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("attempt", KEY, nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("worker", sa.String(length=64), nullable=True),
        sa.Column("provider_ref", sa.String(length=128), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("key", name=op.f("uq_deliveries_key")),
    )
    op.create_index("ix_deliveries_address", "deliveries", ["address"], unique=False)
    op.create_index("ix_deliveries_campaign_state", "deliveries", ["campaign", "kind", "state"], unique=False)
    op.create_index(
        "ix_deliveries_claimable",
        "deliveries",
        ["kind", "priority", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND NOT waiting"),
        sqlite_where=sa.text("state = 'pending' AND NOT waiting"),
    )
    op.create_index("ix_deliveries_group", "deliveries", ["group_key"], unique=False)
    op.create_index(
        "ix_deliveries_in_flight",
        "deliveries",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state IN ('claimed', 'sending', 'unknown')"),
        sqlite_where=sa.text("state IN ('claimed', 'sending', 'unknown')"),
    )
    op.create_table(
        "text_versions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("placeholders", DOCUMENT, nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_versions")),
        sa.UniqueConstraint("name", "language", "number", name=op.f("uq_text_versions_name_language_number")),
    )
    op.create_table(
        "attempts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("delivery_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("worker", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_attempts_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("delivery_id", "number", name=op.f("uq_attempts_delivery_id_number")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("attempts")
    op.drop_table("text_versions")
    op.drop_index(
        "ix_deliveries_in_flight",
        table_name="deliveries",
        postgresql_where=sa.text("state IN ('claimed', 'sending', 'unknown')"),
        sqlite_where=sa.text("state IN ('claimed', 'sending', 'unknown')"),
    )
    op.drop_index("ix_deliveries_group", table_name="deliveries")
    op.drop_index(
        "ix_deliveries_claimable",
        table_name="deliveries",
        postgresql_where=sa.text("state = 'pending' AND NOT waiting"),
        sqlite_where=sa.text("state = 'pending' AND NOT waiting"),
    )
    op.drop_index("ix_deliveries_campaign_state", table_name="deliveries")
    op.drop_index("ix_deliveries_address", table_name="deliveries")
    op.drop_table("deliveries")
    op.drop_index(op.f("ix_book_entries_account"), table_name="book_entries")
    op.drop_table("book_entries")
    op.drop_table("book_accounts")
