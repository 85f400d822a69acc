"""No index of deliveries changes while one goes well; what workers have in hand stands in rows of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
# Case by case, and last in each condition: SQLite works it out for each index of each row that gets so far.
STAGE = "CASE state WHEN 'claimed' THEN 'out' WHEN 'sending' THEN 'out' WHEN 'delivered' THEN 'out' ELSE state END"
DUE_AT = "CASE state WHEN 'accepted' THEN lease_until WHEN 'unknown' THEN lease_until END"
# Of what was confirmed at once nobody says anything more.
RECEIPT_REFS = """
UPDATE deliveries SET receipt_ref = provider_ref WHERE provider_ref IS NOT NULL
    AND (kind = 'message' OR state <> 'delivered' OR channel IN (SELECT channel FROM receipts))
"""
PENDING = {
    "ix_deliveries_claimable": (
        ["campaign", "kind", "channel", "wave", "priority", "id"],
        "NOT waiting AND hold IS NULL",
    ),
    "ix_deliveries_asleep": (["not_before"], "hold = 'time'"),
    "ix_deliveries_hold": (["hold"], "hold IS NOT NULL AND hold <> 'time'"),
    "ix_deliveries_hold_until": (["hold_until"], "hold_until IS NOT NULL"),
    "ix_deliveries_expiry": (["expires_at"], "expires_at IS NOT NULL"),
}
OLD = {
    **{name: (columns, f"state = 'pending' AND {where}") for name, (columns, where) in PENDING.items()},
    "ix_deliveries_in_flight": (["lease_until"], "state IN ('claimed', 'sending', 'unknown')"),
    "ix_deliveries_receipt_due": (["lease_until"], "state = 'accepted' AND lease_until IS NOT NULL"),
    "ix_deliveries_provider_ref": (["provider_ref"], "provider_ref IS NOT NULL AND state = 'accepted'"),
    "ix_deliveries_campaign_state": (["campaign", "kind", "state", "id"], None),
    "ix_deliveries_group": (["group_key"], None),
}
NEW = {
    **{name: (columns, f"{where} AND stage = 'pending'") for name, (columns, where) in PENDING.items()},
    "ix_deliveries_due": (["due_at"], "due_at IS NOT NULL"),
    "ix_deliveries_receipt_ref": (["receipt_ref"], "receipt_ref IS NOT NULL"),
    "ix_deliveries_stage": (["campaign", "kind", "stage", "id"], None),
    "ix_deliveries_group": (["group_key", "kind"], None),
}
IN_HAND = "SELECT worker, {0}(id) FROM deliveries WHERE state IN ('claimed', 'sending') GROUP BY worker"


def upgrade() -> None:
    """Apply; what workers had in hand is looked for where it now stands."""
    change_indexes(OLD, {})
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    # One statement writes the table anew once, for all columns; SQLite adds such columns only one by one, unwritten.
    kept = "STORED" if is_postgresql else "VIRTUAL"
    columns = [
        f"ADD COLUMN stage VARCHAR(32) GENERATED ALWAYS AS ({STAGE}) {kept}",
        f"ADD COLUMN due_at BIGINT GENERATED ALWAYS AS ({DUE_AT}) {kept}",
        "ADD COLUMN receipt_ref VARCHAR(128)",
    ]
    if is_postgresql:
        op.execute("ALTER TABLE deliveries SET (fillfactor = 60)")
    for change in [", ".join(columns)] if is_postgresql else columns:
        op.execute(f"ALTER TABLE deliveries {change}")
    op.execute(RECEIPT_REFS)
    change_indexes({}, NEW)
    op.create_table(
        "taken_deliveries",
        sa.Column("worker", sa.String(length=64), nullable=False),
        sa.Column("ids", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_taken_deliveries")),
    )
    in_hand = IN_HAND.format("jsonb_agg" if is_postgresql else "json_group_array")
    op.execute(f"INSERT INTO taken_deliveries (worker, ids) {in_hand}")


def downgrade() -> None:
    """Take back; each index says again what state its rows are in."""
    op.drop_table("taken_deliveries")
    change_indexes(NEW, {})
    for column in ("stage", "due_at", "receipt_ref"):
        op.execute(f"ALTER TABLE deliveries DROP COLUMN {column}")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE deliveries RESET (fillfactor)")
    change_indexes({}, OLD)


def change_indexes(old: dict[str, tuple[list[str], str | None]], new: dict[str, tuple[list[str], str | None]]) -> None:
    """Drop indexes of deliveries and make others, partial where they have a condition."""
    for name in old:
        op.drop_index(name, table_name="deliveries")
    for name, (columns, condition) in new.items():
        where = None if condition is None else sa.text(condition)
        op.create_index(name, "deliveries", columns, postgresql_where=where, sqlite_where=where)
