"""Which lines each change of the customer base touched, for a mirror that is brought up to date line by line."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply; changes that were made before stand in no log."""
    op.create_table(
        "base_changes",
        sa.Column("version", KEY, nullable=False),
        sa.Column("line_id", KEY, nullable=False),
        sa.PrimaryKeyConstraint("version", "line_id", name=op.f("pk_base_changes")),
    )
    with op.batch_alter_table("bulk_states") as table:
        table.add_column(sa.Column("logged_from", KEY, nullable=True))
        table.add_column(sa.Column("whole_id", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("whole_version", KEY, nullable=True))
        table.create_foreign_key(op.f("fk_bulk_states_whole_id"), "snapshots", ["whole_id"], ["id"])
    op.execute(sa.text("UPDATE bulk_states SET logged_from = version"))
    with op.batch_alter_table("bulk_states") as table:
        table.alter_column("logged_from", existing_type=KEY, nullable=False)


def downgrade() -> None:
    """Take back; a mirror that is a layer goes, for earlier code would read it as a whole one."""
    op.execute(
        sa.text(
            "UPDATE bulk_states SET snapshot_id = NULL, snapshot_version = NULL "
            "WHERE whole_id IS NOT NULL AND snapshot_id <> whole_id"
        )
    )
    with op.batch_alter_table("bulk_states") as table:
        table.drop_constraint(op.f("fk_bulk_states_whole_id"), type_="foreignkey")
        table.drop_column("whole_version")
        table.drop_column("whole_id")
        table.drop_column("logged_from")
    op.drop_table("base_changes")
