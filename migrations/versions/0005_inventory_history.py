"""Validity of dependencies, and the history of the network inventory."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
KEYS = ["element_id", "group", "member_id"]


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("dependencies") as table:
        table.add_column(sa.Column("valid_from", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("valid_to", sa.BigInteger(), nullable=True))
        table.drop_constraint(op.f("uq_dependencies_element_id_group_member_id"), type_="unique")
        table.create_unique_constraint(
            op.f("uq_dependencies_element_id_group_member_id_valid_from"), [*KEYS, "valid_from"]
        )
    op.create_table(
        "inventory_changes",
        sa.Column("id", KEY, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("file", sa.String(length=256), nullable=False),
        sa.Column("subject", sa.String(length=16), nullable=False),
        sa.Column("ref", sa.String(length=384), nullable=False),
        sa.Column("change", sa.String(length=16), nullable=False),
        sa.Column("before", DOCUMENT, nullable=True),
        sa.Column("after", DOCUMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_changes")),
    )
    op.create_index(op.f("ix_inventory_changes_at"), "inventory_changes", ["at"], unique=False)
    op.create_index(op.f("ix_inventory_changes_ref"), "inventory_changes", ["ref"], unique=False)
    op.create_index("ix_inventory_changes_version", "inventory_changes", ["version", "subject", "change"], unique=False)


def downgrade() -> None:
    """Take back; of a dependency with several stretches of validity the latest stays."""
    op.drop_index("ix_inventory_changes_version", table_name="inventory_changes")
    op.drop_index(op.f("ix_inventory_changes_ref"), table_name="inventory_changes")
    op.drop_index(op.f("ix_inventory_changes_at"), table_name="inventory_changes")
    op.drop_table("inventory_changes")
    newer = sa.table("dependencies", *map(sa.column, [*KEYS, "id"])).alias("newer")
    rows = sa.table("dependencies", *map(sa.column, [*KEYS, "id"]))
    same = [rows.c[name] == newer.c[name] for name in KEYS]
    op.execute(sa.delete(rows).where(sa.exists().where(*same, newer.c.id > rows.c.id)))
    with op.batch_alter_table("dependencies") as table:
        table.drop_constraint(op.f("uq_dependencies_element_id_group_member_id_valid_from"), type_="unique")
        table.drop_column("valid_to")
        table.drop_column("valid_from")
        table.create_unique_constraint(op.f("uq_dependencies_element_id_group_member_id"), KEYS)
