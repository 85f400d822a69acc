"""Ranges of numbers, presence by day and kind, home areas, declarations and listings."""

import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Apply; presence imported before counts as sightings of the day of its last one."""
    _add_days()
    with op.batch_alter_table("subscribers") as table:
        table.add_column(sa.Column("home_area", sa.String(length=64), nullable=True))
    op.create_table(
        "number_ranges",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("first", sa.String(length=16), nullable=False),
        sa.Column("last", sa.String(length=16), nullable=False),
        sa.Column("element_id", KEY, nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=True),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["element_id"], ["network_elements.id"], name=op.f("fk_number_ranges_element_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_number_ranges")),
    )
    op.create_index(op.f("ix_number_ranges_element_id"), "number_ranges", ["element_id"], unique=False)
    op.create_table(
        "declarations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("incident_id", KEY, nullable=False),
        sa.Column("subscriber_id", KEY, nullable=False),
        sa.Column("services", DOCUMENT, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("declared_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_by", sa.String(length=64), nullable=True),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_declarations_incident_id")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"], name=op.f("fk_declarations_subscriber_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declarations")),
    )
    op.create_index(op.f("ix_declarations_incident_id"), "declarations", ["incident_id"], unique=False)
    op.create_index(op.f("ix_declarations_subscriber_id"), "declarations", ["subscriber_id"], unique=False)
    op.create_table(
        "listings",
        sa.Column("id", KEY, nullable=False),
        sa.Column("incident_id", KEY, nullable=False),
        sa.Column("snapshot_id", sa.String(length=64), nullable=False),
        sa.Column("file", sa.String(length=256), nullable=False),
        sa.Column("uploaded_by", sa.String(length=64), nullable=False),
        sa.Column("uploaded_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_by", sa.String(length=64), nullable=True),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_listings_incident_id")),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshots.id"], name=op.f("fk_listings_snapshot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listings")),
    )
    op.create_index(op.f("ix_listings_incident_id"), "listings", ["incident_id"], unique=False)


def _add_days() -> None:
    with op.batch_alter_table("presence_parts") as table:
        table.add_column(sa.Column("kind", sa.String(length=8), nullable=True))
        table.add_column(sa.Column("day", sa.Date(), nullable=True))
    parts = sa.table(
        "presence_parts",
        sa.column("snapshot_id", sa.String()),
        sa.column("seen_to", sa.BigInteger()),
        sa.column("kind", sa.String()),
        sa.column("day", sa.Date()),
    )
    connection = op.get_bind()
    for snapshot_id, seen_to in connection.execute(sa.select(parts.c.snapshot_id, parts.c.seen_to)).all():
        day = datetime.datetime.fromtimestamp(seen_to, datetime.UTC).date()
        row = sa.update(parts).where(parts.c.snapshot_id == snapshot_id)
        connection.execute(row.values(kind="sighting", day=day))
    with op.batch_alter_table("presence_parts") as table:
        table.alter_column("kind", existing_type=sa.String(length=8), nullable=False)
        table.alter_column("day", existing_type=sa.Date(), nullable=False)
        table.create_index(op.f("ix_presence_parts_day"), ["day"], unique=False)


def downgrade() -> None:
    """Take back; ready intervals go, for earlier code would read them as sightings."""
    op.drop_index(op.f("ix_listings_incident_id"), table_name="listings")
    op.drop_table("listings")
    op.drop_index(op.f("ix_declarations_subscriber_id"), table_name="declarations")
    op.drop_index(op.f("ix_declarations_incident_id"), table_name="declarations")
    op.drop_table("declarations")
    op.drop_index(op.f("ix_number_ranges_element_id"), table_name="number_ranges")
    op.drop_table("number_ranges")
    with op.batch_alter_table("subscribers") as table:
        table.drop_column("home_area")
    op.execute(sa.text("DELETE FROM presence_parts WHERE kind = 'interval'"))
    with op.batch_alter_table("presence_parts") as table:
        table.drop_index(op.f("ix_presence_parts_day"))
        table.drop_column("day")
        table.drop_column("kind")
