"""Errands: long work that a person asked for, with its progress and what became of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
OPEN = sa.text("state IN ('waiting', 'running')")
STATES = ("waiting", "running", "done", "failed", "stopped")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "errands",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("arguments", DOCUMENT, nullable=False),
        sa.Column(
            "state",
            sa.Enum(*STATES, name="errandstate", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", KEY, nullable=False),
        sa.Column("step", sa.String(length=128), nullable=False),
        sa.Column("done", KEY, nullable=False),
        sa.Column("total", KEY, nullable=False),
        sa.Column("stop_asked", sa.Boolean(), nullable=False),
        sa.Column("result", DOCUMENT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_errands")),
    )
    op.create_index(op.f("ix_errands_subject"), "errands", ["subject"])
    op.create_index("ix_errands_open", "errands", ["key"], unique=True, postgresql_where=OPEN, sqlite_where=OPEN)


def downgrade() -> None:
    """Take back."""
    op.drop_table("errands")
