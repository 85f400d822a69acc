"""Adjustment files: postings gathered for a bill run, and what the billing side answered."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
UNFILED = sa.text("file_id IS NULL")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "adjustment_files",
        sa.Column("id", KEY, nullable=False),
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("lines", KEY, nullable=False),
        sa.Column("totals", DOCUMENT, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=True),
        sa.Column("accepted", KEY, nullable=False),
        sa.Column("rejected", KEY, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjustment_files")),
        sa.UniqueConstraint("ref", name=op.f("uq_adjustment_files_ref")),
    )
    op.create_table(
        "adjustment_lines",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("delivery_id", KEY, nullable=False),
        sa.Column("attempt", KEY, nullable=False),
        sa.Column("account", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("amount_minor", KEY, nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("detail", DOCUMENT, nullable=False),
        sa.Column("file_id", KEY, nullable=True),
        sa.Column("answer", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(
            ["file_id"], ["adjustment_files.id"], name=op.f("fk_adjustment_lines_file_id_adjustment_files")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjustment_lines")),
        sa.UniqueConstraint("key", name=op.f("uq_adjustment_lines_key")),
    )
    op.create_index(op.f("ix_adjustment_lines_file_id"), "adjustment_lines", ["file_id"])
    op.create_index(
        "ix_adjustment_lines_unfiled", "adjustment_lines", ["id"], postgresql_where=UNFILED, sqlite_where=UNFILED
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("adjustment_lines")
    op.drop_table("adjustment_files")
