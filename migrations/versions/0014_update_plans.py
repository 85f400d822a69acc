"""A stamp per state of bulk data, the run that holds per incident, and update plans with what was told."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.add_column("bulk_states", sa.Column("stamp", sa.String(length=32), nullable=True))
    stamped = sa.text("UPDATE bulk_states SET stamp = :stamp WHERE name = 'inventory'")
    op.execute(stamped.bindparams(stamp=secrets.token_hex(16)))
    # SQLite makes a table anew to change a column, which rows that refer to it forbid: hence the defaults.
    op.add_column("impact_runs", sa.Column("turn", KEY, server_default="0", nullable=False))
    op.add_column("impact_runs", sa.Column("held_at", sa.BigInteger(), server_default="0", nullable=False))
    op.execute("UPDATE impact_runs SET turn = number, held_at = measured_at")
    _create_plans()
    _create_updates()
    op.create_index("ix_impact_runs_incident_id_turn", "impact_runs", ["incident_id", "turn"], unique=True)


def _create_plans() -> None:
    op.create_table(
        "update_plans",
        sa.Column("incident_id", KEY, autoincrement=False, nullable=False),
        sa.Column("cadence", sa.String(length=32), nullable=True),
        sa.Column("every_hours", KEY, nullable=True),
        sa.Column("later_every_hours", KEY, nullable=True),
        sa.Column("grace_minutes", KEY, nullable=True),
        sa.Column("estimated_at", sa.BigInteger(), nullable=True),
        sa.Column("estimate_set_at", sa.BigInteger(), nullable=True),
        sa.Column("overdue_at", sa.BigInteger(), nullable=True),
        sa.Column("set_by", sa.String(length=64), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_update_plans_incident_id")),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_update_plans")),
    )


def _create_updates() -> None:
    op.create_table(
        "incident_updates",
        sa.Column("id", KEY, nullable=False),
        sa.Column("incident_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                *("first", "update", "restored", "cause"),
                name="updatekind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("audiences", DOCUMENT, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("facts", DOCUMENT, nullable=False),
        sa.Column("posted_at", sa.BigInteger(), nullable=False),
        sa.Column("posted_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("text_name", sa.String(length=64), nullable=True),
        sa.Column("campaign", sa.String(length=64), nullable=True),
        sa.Column("run_id", KEY, nullable=True),
        sa.Column("texts", KEY, server_default="0", nullable=False),
        sa.Column("freed_turn", KEY, nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_incident_updates_incident_id")),
        sa.ForeignKeyConstraint(["run_id"], ["impact_runs.id"], name=op.f("fk_incident_updates_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_updates")),
        sa.UniqueConstraint("incident_id", "number", name=op.f("uq_incident_updates_incident_id_number")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("incident_updates")
    op.drop_table("update_plans")
    op.drop_index("ix_impact_runs_incident_id_turn", table_name="impact_runs")
    for name in ("held_at", "turn"):
        op.drop_column("impact_runs", name)
    op.drop_column("bulk_states", "stamp")
