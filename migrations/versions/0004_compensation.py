"""Tables of compensation."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "policy_versions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("title", sa.String(length=256), nullable=False),
        sa.Column("basis", sa.String(length=16), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "drafted",
                "submitted",
                "approved",
                "retired",
                name="policystate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("in_force_from", sa.Date(), nullable=False),
        sa.Column("in_force_to", sa.Date(), nullable=True),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("approved_by", sa.String(length=64), nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_versions")),
        sa.UniqueConstraint("name", "content_hash", name=op.f("uq_policy_versions_name_content_hash")),
        sa.UniqueConstraint("name", "number", name=op.f("uq_policy_versions_name_number")),
    )
    op.create_index(op.f("ix_policy_versions_name"), "policy_versions", ["name"], unique=False)
    op.create_table(
        "assessments",
        sa.Column("id", KEY, nullable=False),
        sa.Column("ref", sa.String(length=24), nullable=False),
        sa.Column("impact_run_id", KEY, nullable=False),
        sa.Column("incident_id", KEY, nullable=False),
        sa.Column("policy_version_id", KEY, nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "proposed",
                "submitted",
                "approved",
                "rejected",
                "released",
                name="assessmentstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("totals", DOCUMENT, nullable=False),
        sa.Column("assessed_by", sa.String(length=64), nullable=False),
        sa.Column("assessed_at", sa.BigInteger(), nullable=False),
        sa.Column("submitted_by", sa.String(length=64), nullable=True),
        sa.Column("submitted_at", sa.BigInteger(), nullable=True),
        sa.Column("released_by", sa.String(length=64), nullable=True),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["impact_run_id"], ["impact_runs.id"], name=op.f("fk_assessments_impact_run_id")),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_assessments_incident_id")),
        sa.ForeignKeyConstraint(
            ["policy_version_id"], ["policy_versions.id"], name=op.f("fk_assessments_policy_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessments")),
        sa.UniqueConstraint(
            "impact_run_id", "policy_version_id", name=op.f("uq_assessments_impact_run_id_policy_version_id")
        ),
        sa.UniqueConstraint("ref", name=op.f("uq_assessments_ref")),
    )
    op.create_index(op.f("ix_assessments_incident_id"), "assessments", ["incident_id"], unique=False)
    op.create_index(op.f("ix_assessments_policy_version_id"), "assessments", ["policy_version_id"], unique=False)
    op.create_table(
        "approvals",
        sa.Column("id", KEY, nullable=False),
        sa.Column("assessment_id", KEY, nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("bound_hash", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["assessment_id"], ["assessments.id"], name=op.f("fk_approvals_assessment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
    )
    op.create_index(op.f("ix_approvals_assessment_id"), "approvals", ["assessment_id"], unique=False)
    op.create_table(
        "cases",
        sa.Column("id", KEY, nullable=False),
        sa.Column("assessment_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("facts", DOCUMENT, nullable=False),
        sa.Column("group_values", DOCUMENT, nullable=False),
        sa.Column("lines", KEY, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("rewards", DOCUMENT, nullable=False),
        sa.Column("text_name", sa.String(length=64), nullable=True),
        sa.Column("cost_minor", KEY, nullable=False),
        sa.Column("trace", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(["assessment_id"], ["assessments.id"], name=op.f("fk_cases_assessment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("assessment_id", "number", name=op.f("uq_cases_assessment_id_number")),
    )
    op.create_table(
        "credits",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("assessment_id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("subscriber_id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("reward", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("amount_minor", KEY, nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor IS NULL OR amount_minor > 0", name=op.f("ck_credits_amount_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_credits_account_id")),
        sa.ForeignKeyConstraint(["assessment_id"], ["assessments.id"], name=op.f("fk_credits_assessment_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_credits_case_id")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"], name=op.f("fk_credits_subscriber_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credits")),
        sa.UniqueConstraint("key", name=op.f("uq_credits_key")),
    )
    op.create_index(op.f("ix_credits_account_id"), "credits", ["account_id"], unique=False)
    op.create_index("ix_credits_assessment", "credits", ["assessment_id"], unique=False)
    op.create_index(op.f("ix_credits_subscriber_id"), "credits", ["subscriber_id"], unique=False)
    op.create_table(
        "ledger_entries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(length=144), nullable=False),
        sa.Column("credit_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("debit", sa.String(length=128), nullable=False),
        sa.Column("credit", sa.String(length=128), nullable=False),
        sa.Column("amount_minor", KEY, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_ledger_entries_amount_positive")),
        sa.CheckConstraint("debit <> credit", name=op.f("ck_ledger_entries_two_sides")),
        sa.ForeignKeyConstraint(["credit_id"], ["credits.id"], name=op.f("fk_ledger_entries_credit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("key", name=op.f("uq_ledger_entries_key")),
    )
    op.create_index(op.f("ix_ledger_entries_credit_id"), "ledger_entries", ["credit_id"], unique=False)
    op.create_index(op.f("ix_ledger_entries_kind"), "ledger_entries", ["kind"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_ledger_entries_kind"), table_name="ledger_entries")
    op.drop_index(op.f("ix_ledger_entries_credit_id"), table_name="ledger_entries")
    op.drop_table("ledger_entries")
    op.drop_index(op.f("ix_credits_subscriber_id"), table_name="credits")
    op.drop_index("ix_credits_assessment", table_name="credits")
    op.drop_index(op.f("ix_credits_account_id"), table_name="credits")
    op.drop_table("credits")
    op.drop_table("cases")
    op.drop_index(op.f("ix_approvals_assessment_id"), table_name="approvals")
    op.drop_table("approvals")
    op.drop_index(op.f("ix_assessments_policy_version_id"), table_name="assessments")
    op.drop_index(op.f("ix_assessments_incident_id"), table_name="assessments")
    op.drop_table("assessments")
    op.drop_index(op.f("ix_policy_versions_name"), table_name="policy_versions")
    op.drop_table("policy_versions")
