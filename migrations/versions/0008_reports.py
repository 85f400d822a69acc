"""Notices and reports that regulators were given."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "duty_filings",
        sa.Column("id", KEY, nullable=False),
        sa.Column("incident_id", KEY, nullable=False),
        sa.Column("regulator", sa.String(length=32), nullable=False),
        sa.Column("what", sa.String(length=128), nullable=False),
        sa.Column("filed_at", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(length=128), nullable=True),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_duty_filings_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_filings")),
    )
    op.create_index(op.f("ix_duty_filings_incident_id"), "duty_filings", ["incident_id"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_duty_filings_incident_id"), table_name="duty_filings")
    op.drop_table("duty_filings")
