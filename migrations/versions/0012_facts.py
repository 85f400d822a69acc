"""Facts that policies read: billing day and standing of accounts, force majeure, units, what lists and reports say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Each a snapshot of what was said of single lines beside their lost time.
_SAID = (("listings", "values_snapshot"), ("impact_runs", "reports_snapshot"))


def upgrade() -> None:
    """Apply; accounts have no billing day or standing until an import says them."""
    with op.batch_alter_table("accounts") as table:
        table.add_column(sa.Column("bill_day", KEY, nullable=True))
        table.add_column(sa.Column("standing", sa.String(length=16), nullable=True))
    op.add_column("incidents", sa.Column("force_majeure", sa.String(length=32), nullable=True))
    with op.batch_alter_table("attribute_definitions") as table:
        table.add_column(sa.Column("unit", sa.String(length=32), nullable=False, server_default=""))
    for name, column in _SAID:
        with op.batch_alter_table(name) as table:
            table.add_column(sa.Column(column, sa.String(length=64), nullable=True))
            table.create_foreign_key(op.f(f"fk_{name}_{column}"), "snapshots", [column], ["id"])


def downgrade() -> None:
    """Take back."""
    for name, column in reversed(_SAID):
        with op.batch_alter_table(name) as table:
            table.drop_constraint(op.f(f"fk_{name}_{column}"), type_="foreignkey")
            table.drop_column(column)
    with op.batch_alter_table("attribute_definitions") as table:
        table.drop_column("unit")
    # Not in a batch: that would make the table anew, and with it constraints that 0007 takes back by their columns.
    op.drop_column("incidents", "force_majeure")
    with op.batch_alter_table("accounts") as table:
        table.drop_column("standing")
        table.drop_column("bill_day")
