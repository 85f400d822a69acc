"""What lines lost in incidents before the one assessed, as a snapshot of its own beside what was credited."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_KEY = "fk_assessments_earlier_snapshot_snapshots"


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("assessments") as table:
        table.add_column(sa.Column("earlier_snapshot", sa.String(length=64)))
        table.create_foreign_key(op.f(_KEY), "snapshots", ["earlier_snapshot"], ["id"])


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("assessments") as table:
        table.drop_constraint(op.f(_KEY), type_="foreignkey")
        table.drop_column("earlier_snapshot")
