"""Planned work announced ahead, billing incidents, and incidents that were merged into another."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CHECK = "ck_incidents_incidentstatus"
EARLIER = ("opened", "restored", "closed", "dismissed")
STATUSES = ("announced", *EARLIER, "merged")


def upgrade() -> None:
    """Apply; every incident so far is one of the network."""
    _allow(EARLIER, STATUSES)
    key = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    for column in (
        "kind VARCHAR(32) DEFAULT 'network' NOT NULL "
        "CONSTRAINT ck_incidents_incidentkind CHECK (kind IN ('network', 'billing'))",
        "announced_end_at BIGINT",
        f"overrun_of_id {key} CONSTRAINT fk_incidents_overrun_of_id REFERENCES incidents (id)",
        f"merged_into_id {key} CONSTRAINT fk_incidents_merged_into_id REFERENCES incidents (id)",
    ):
        op.execute(sa.text(f"ALTER TABLE incidents ADD COLUMN {column}"))


def downgrade() -> None:
    """Take back; what is announced or merged counts as dismissed."""
    op.execute(sa.text("UPDATE incidents SET status = 'dismissed' WHERE status IN ('announced', 'merged')"))
    for name in ("merged_into_id", "overrun_of_id", "announced_end_at", "kind"):
        op.drop_column("incidents", name)
    _allow(STATUSES, EARLIER)


def _allow(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Let the status be one of other words."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f(CHECK), "incidents", type_="check")
        op.create_check_constraint(op.f(CHECK), "incidents", sa.column("status").in_(after))
        return
    # SQLite changes a check only by making the table anew, which rows that refer to it forbid inside a transaction.
    # Its manual names this way for changes that leave the stored rows as they are.
    connection = op.get_bind()
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.execute(sa.text("PRAGMA writable_schema = ON"))
    connection.execute(
        sa.text(
            "UPDATE sqlite_master SET sql = replace(sql, :before, :after) WHERE type = 'table' AND name = 'incidents'"
        ),
        {"before": _words(before), "after": _words(after)},
    )
    changed = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'incidents'"))
    if _words(after) not in changed:
        raise AssertionError(f"the check of incidents.status is not the one expected: {changed}")
    connection.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))
    connection.execute(sa.text("PRAGMA writable_schema = OFF"))


def _words(statuses: tuple[str, ...]) -> str:
    return f"status IN ({', '.join(repr(status) for status in statuses)})"
