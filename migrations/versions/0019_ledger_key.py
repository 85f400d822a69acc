"""Entries of the ledger are told apart by credit, kind and number: one index instead of four."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SHARED = "credit_id, kind, debit, credit, amount_minor, currency, at"


def upgrade() -> None:
    """Apply; a key named the one entry of a kind for a credit, which becomes its first."""
    number = "row_number() OVER (PARTITION BY credit_id, kind ORDER BY id) AS number"
    op.execute(f"CREATE TEMPORARY TABLE kept_entries AS SELECT {_SHARED}, {number} FROM ledger_entries")  # noqa: S608
    op.drop_table("ledger_entries")
    _create(
        [
            sa.Column("credit_id", KEY, nullable=False),
            sa.Column("kind", sa.String(length=16), nullable=False),
            sa.Column("number", sa.SmallInteger(), nullable=False),
        ],
        sa.PrimaryKeyConstraint("credit_id", "kind", "number", name=op.f("pk_ledger_entries")),
    )
    _fill("number", "number", "credit_id, kind, number")


def downgrade() -> None:
    """Take back; an entry's key is its credit's and its kind again."""
    op.execute(f"CREATE TEMPORARY TABLE kept_entries AS SELECT {_SHARED}, number FROM ledger_entries")  # noqa: S608
    op.drop_table("ledger_entries")
    _create(
        [
            sa.Column("id", KEY, nullable=False),
            sa.Column("key", sa.String(length=144), nullable=False),
            sa.Column("credit_id", KEY, nullable=False),
            sa.Column("kind", sa.String(length=16), nullable=False),
        ],
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("key", name=op.f("uq_ledger_entries_key")),
    )
    op.create_index(op.f("ix_ledger_entries_credit_id"), "ledger_entries", ["credit_id"], unique=False)
    op.create_index(op.f("ix_ledger_entries_kind"), "ledger_entries", ["kind"], unique=False)
    credit = "(SELECT c.key FROM credits c WHERE c.id = kept_entries.credit_id)"
    further = "CASE WHEN number > 1 THEN ':' || number ELSE '' END"
    _fill("key", f"{credit} || ':' || kind || {further}", "at, credit_id, number")


def _create(columns: list[sa.Column[int] | sa.Column[str]], *keys: sa.Constraint) -> None:
    op.create_table(
        "ledger_entries",
        *columns,
        sa.Column("debit", sa.String(length=128), nullable=False),
        sa.Column("credit", sa.String(length=128), nullable=False),
        sa.Column("amount_minor", KEY, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_ledger_entries_amount_positive")),
        sa.CheckConstraint("debit <> credit", name=op.f("ck_ledger_entries_two_sides")),
        sa.ForeignKeyConstraint(["credit_id"], ["credits.id"], name=op.f("fk_ledger_entries_credit_id")),
        *keys,
    )


def _fill(column: str, value: str, order: str) -> None:
    rows = f"SELECT {_SHARED}, {value} FROM kept_entries ORDER BY {order}"  # noqa: S608 - our own identifiers
    op.execute(f"INSERT INTO ledger_entries ({_SHARED}, {column}) {rows}")
    op.drop_table("kept_entries")
