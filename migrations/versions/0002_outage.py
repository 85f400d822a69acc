"""Tables of outage."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "accounts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("ref", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("parent_id", KEY, nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["accounts.id"], name=op.f("fk_accounts_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("ref", name=op.f("uq_accounts_ref")),
    )
    op.create_index(op.f("ix_accounts_parent_id"), "accounts", ["parent_id"], unique=False)
    op.create_table(
        "attribute_definitions",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("allowed", DOCUMENT, nullable=True),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_attribute_definitions")),
    )
    op.create_table(
        "incidents",
        sa.Column("id", KEY, nullable=False),
        sa.Column("ref", sa.String(length=24), nullable=False),
        sa.Column("title", sa.String(length=256), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "opened",
                "restored",
                "closed",
                "dismissed",
                name="incidentstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "severity",
            sa.Enum(
                "critical",
                "major",
                "minor",
                "warning",
                name="severity",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "cause_class",
            sa.Enum(
                "hardware",
                "software",
                "power",
                "transmission",
                "configuration",
                "third_party",
                "natural_disaster",
                "sabotage",
                "unknown",
                name="causeclass",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("planned", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("restored_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("opened_by", sa.String(length=64), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
        sa.UniqueConstraint("ref", name=op.f("uq_incidents_ref")),
    )
    op.create_index(op.f("ix_incidents_started_at"), "incidents", ["started_at"], unique=False)
    op.create_index(op.f("ix_incidents_status"), "incidents", ["status"], unique=False)
    op.create_table(
        "network_elements",
        sa.Column("id", KEY, nullable=False),
        sa.Column("ref", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("site", sa.String(length=128), nullable=True),
        sa.Column("radio", sa.String(length=8), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("area", sa.String(length=64), nullable=True),
        sa.Column("services", DOCUMENT, nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=True),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_network_elements")),
        sa.UniqueConstraint("ref", name=op.f("uq_network_elements_ref")),
    )
    op.create_index(op.f("ix_network_elements_area"), "network_elements", ["area"], unique=False)
    op.create_index(op.f("ix_network_elements_kind"), "network_elements", ["kind"], unique=False)
    op.create_index(op.f("ix_network_elements_site"), "network_elements", ["site"], unique=False)
    op.create_table(
        "alarms",
        sa.Column("id", KEY, nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("external_id", sa.String(length=128), nullable=False),
        sa.Column("element_ref", sa.String(length=128), nullable=False),
        sa.Column(
            "severity",
            sa.Enum(
                "critical",
                "major",
                "minor",
                "warning",
                name="severity",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("probable_cause", sa.String(length=128), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("services", DOCUMENT, nullable=True),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("cleared_at", sa.BigInteger(), nullable=True),
        sa.Column("incident_id", KEY, nullable=True),
        sa.Column("received", KEY, nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("payload", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_alarms_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_alarms_source_external_id")),
    )
    op.create_index(op.f("ix_alarms_element_ref"), "alarms", ["element_ref"], unique=False)
    op.create_index(op.f("ix_alarms_incident_id"), "alarms", ["incident_id"], unique=False)
    op.create_index(op.f("ix_alarms_raised_at"), "alarms", ["raised_at"], unique=False)
    op.create_table(
        "bulk_states",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("snapshot_id", sa.String(length=64), nullable=True),
        sa.Column("snapshot_version", KEY, nullable=True),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshots.id"], name=op.f("fk_bulk_states_snapshot_id")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_bulk_states")),
    )
    op.create_table(
        "dependencies",
        sa.Column("id", KEY, nullable=False),
        sa.Column("element_id", KEY, nullable=False),
        sa.Column("group", sa.String(length=64), nullable=False),
        sa.Column("member_id", KEY, nullable=False),
        sa.Column("services", DOCUMENT, nullable=True),
        sa.ForeignKeyConstraint(["element_id"], ["network_elements.id"], name=op.f("fk_dependencies_element_id")),
        sa.ForeignKeyConstraint(["member_id"], ["network_elements.id"], name=op.f("fk_dependencies_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dependencies")),
        sa.UniqueConstraint(
            "element_id", "group", "member_id", name=op.f("uq_dependencies_element_id_group_member_id")
        ),
    )
    op.create_index(op.f("ix_dependencies_member_id"), "dependencies", ["member_id"], unique=False)
    op.create_table(
        "impact_runs",
        sa.Column("id", KEY, nullable=False),
        sa.Column("incident_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("lines_snapshot", sa.String(length=64), nullable=False),
        sa.Column("patterns_snapshot", sa.String(length=64), nullable=False),
        sa.Column("base_snapshot", sa.String(length=64), nullable=False),
        sa.Column("counts", DOCUMENT, nullable=False),
        sa.Column("measured_by", sa.String(length=64), nullable=False),
        sa.Column("measured_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["base_snapshot"], ["snapshots.id"], name=op.f("fk_impact_runs_base_snapshot")),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_impact_runs_incident_id")),
        sa.ForeignKeyConstraint(["lines_snapshot"], ["snapshots.id"], name=op.f("fk_impact_runs_lines_snapshot")),
        sa.ForeignKeyConstraint(["patterns_snapshot"], ["snapshots.id"], name=op.f("fk_impact_runs_patterns_snapshot")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_impact_runs")),
        sa.UniqueConstraint("incident_id", "fingerprint", name=op.f("uq_impact_runs_incident_id_fingerprint")),
        sa.UniqueConstraint("incident_id", "number", name=op.f("uq_impact_runs_incident_id_number")),
    )
    op.create_table(
        "outages",
        sa.Column("id", KEY, nullable=False),
        sa.Column("incident_id", KEY, nullable=False),
        sa.Column("element_id", KEY, nullable=False),
        sa.Column("service", sa.String(length=16), nullable=False),
        sa.Column(
            "degree",
            sa.Enum("lost", "degraded", name="degree", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["element_id"], ["network_elements.id"], name=op.f("fk_outages_element_id")),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_outages_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outages")),
        sa.UniqueConstraint(
            "incident_id",
            "element_id",
            "service",
            "started_at",
            name=op.f("uq_outages_incident_id_element_id_service_started_at"),
        ),
    )
    op.create_index(op.f("ix_outages_element_id"), "outages", ["element_id"], unique=False)
    op.create_table(
        "presence_parts",
        sa.Column("snapshot_id", sa.String(length=64), nullable=False),
        sa.Column("seen_from", sa.BigInteger(), nullable=False),
        sa.Column("seen_to", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshots.id"], name=op.f("fk_presence_parts_snapshot_id")),
        sa.PrimaryKeyConstraint("snapshot_id", name=op.f("pk_presence_parts")),
    )
    op.create_index(op.f("ix_presence_parts_seen_from"), "presence_parts", ["seen_from"], unique=False)
    op.create_index(op.f("ix_presence_parts_seen_to"), "presence_parts", ["seen_to"], unique=False)
    op.create_table(
        "subscribers",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("msisdn", sa.String(length=16), nullable=False),
        sa.Column("imsi", sa.String(length=15), nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("payment_type", sa.String(length=16), nullable=False),
        sa.Column("segment", sa.String(length=32), nullable=False),
        sa.Column("brand", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("fee_list_minor", KEY, nullable=False),
        sa.Column("fee_discounted_minor", KEY, nullable=False),
        sa.Column("fee_service_minor", KEY, nullable=False),
        sa.Column("fee_device_minor", KEY, nullable=False),
        sa.Column("contract_started_on", sa.Date(), nullable=True),
        sa.Column("contract_ended_on", sa.Date(), nullable=True),
        sa.Column("served_by_id", KEY, nullable=True),
        sa.Column("attributes", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_subscribers_account_id")),
        sa.ForeignKeyConstraint(["served_by_id"], ["network_elements.id"], name=op.f("fk_subscribers_served_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscribers")),
        sa.UniqueConstraint("imsi", name=op.f("uq_subscribers_imsi")),
        sa.UniqueConstraint("msisdn", name=op.f("uq_subscribers_msisdn")),
    )
    op.create_index(op.f("ix_subscribers_account_id"), "subscribers", ["account_id"], unique=False)
    op.create_index(op.f("ix_subscribers_served_by_id"), "subscribers", ["served_by_id"], unique=False)
    op.create_table(
        "timeline_entries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("incident_id", KEY, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_timeline_entries_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timeline_entries")),
    )
    op.create_index("ix_timeline_entries_incident_at", "timeline_entries", ["incident_id", "at"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_timeline_entries_incident_at", table_name="timeline_entries")
    op.drop_table("timeline_entries")
    op.drop_index(op.f("ix_subscribers_served_by_id"), table_name="subscribers")
    op.drop_index(op.f("ix_subscribers_account_id"), table_name="subscribers")
    op.drop_table("subscribers")
    op.drop_index(op.f("ix_presence_parts_seen_to"), table_name="presence_parts")
    op.drop_index(op.f("ix_presence_parts_seen_from"), table_name="presence_parts")
    op.drop_table("presence_parts")
    op.drop_index(op.f("ix_outages_element_id"), table_name="outages")
    op.drop_table("outages")
    op.drop_table("impact_runs")
    op.drop_index(op.f("ix_dependencies_member_id"), table_name="dependencies")
    op.drop_table("dependencies")
    op.drop_table("bulk_states")
    op.drop_index(op.f("ix_alarms_raised_at"), table_name="alarms")
    op.drop_index(op.f("ix_alarms_incident_id"), table_name="alarms")
    op.drop_index(op.f("ix_alarms_element_ref"), table_name="alarms")
    op.drop_table("alarms")
    op.drop_index(op.f("ix_network_elements_site"), table_name="network_elements")
    op.drop_index(op.f("ix_network_elements_kind"), table_name="network_elements")
    op.drop_index(op.f("ix_network_elements_area"), table_name="network_elements")
    op.drop_table("network_elements")
    op.drop_index(op.f("ix_incidents_status"), table_name="incidents")
    op.drop_index(op.f("ix_incidents_started_at"), table_name="incidents")
    op.drop_table("incidents")
    op.drop_table("attribute_definitions")
    op.drop_index(op.f("ix_accounts_parent_id"), table_name="accounts")
    op.drop_table("accounts")
