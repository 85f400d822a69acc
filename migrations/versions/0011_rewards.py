"""Rewards of every kind: offers, voucher codes, what care staff credited; revisions, and cases too many for rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_SNAPSHOTS = ("history_snapshot", "cases_snapshot", "lines_snapshot")
_OLD_UNIQUE = "uq_assessments_impact_run_id_policy_version_id"
_NEW_UNIQUE = "uq_assessments_impact_run_id_policy_version_id_round"


def upgrade() -> None:
    """Apply."""
    _widen_assessments()
    _widen_cases()
    _widen_credits()
    _add_summaries()
    _add_offers()
    _add_voucher_codes()
    _add_care_credits()


def _widen_assessments() -> None:
    with op.batch_alter_table("assessments") as table:
        for name in ("revision", "round"):
            table.add_column(sa.Column(name, KEY, nullable=False, server_default="1"))
        for name in _SNAPSHOTS:
            table.add_column(sa.Column(name, sa.String(length=64), nullable=True))
            table.create_foreign_key(op.f(f"fk_assessments_{name}"), "snapshots", [name], ["id"])
        table.drop_constraint(op.f(_OLD_UNIQUE), type_="unique")
        table.create_unique_constraint(op.f(_NEW_UNIQUE), ["impact_run_id", "policy_version_id", "round"])
    with op.batch_alter_table("assessments") as table:
        for name in ("revision", "round"):
            table.alter_column(name, existing_type=KEY, server_default=None)


def _widen_cases() -> None:
    # Up to now every cost was an amount that is credited.
    with op.batch_alter_table("cases") as table:
        for name in ("amount_minor", "over_minor"):
            table.add_column(sa.Column(name, KEY, nullable=False, server_default="0"))
    op.execute(sa.text("UPDATE cases SET amount_minor = cost_minor"))
    with op.batch_alter_table("cases") as table:
        for name in ("amount_minor", "over_minor"):
            table.alter_column(name, existing_type=KEY, server_default=None)


def _widen_credits() -> None:
    with op.batch_alter_table("credits") as table:
        table.add_column(sa.Column("case_number", KEY, nullable=True))
        table.add_column(sa.Column("basis", sa.String(length=16), nullable=True))
        table.add_column(sa.Column("scope", sa.String(length=8), nullable=False, server_default="line"))
        table.add_column(sa.Column("purse", sa.String(length=128), nullable=True))
        table.add_column(sa.Column("quantity", sa.String(length=64), nullable=True))
    op.execute(
        sa.text(
            "UPDATE credits SET case_number = (SELECT number FROM cases WHERE cases.id = credits.case_id), "
            "basis = (SELECT basis FROM policy_versions JOIN assessments "
            "ON assessments.policy_version_id = policy_versions.id WHERE assessments.id = credits.assessment_id), "
            "purse = CASE WHEN kind IN ('bill_credit', 'balance_credit') THEN 'money' ELSE kind END"
        )
    )
    # The size of a bonus stands in its posting: what a later version gives more is reckoned from it.
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    percent = "payload->>'percent'" if is_postgresql else "json_extract(payload, '$.percent')"
    op.execute(
        sa.text(
            f"UPDATE credits SET quantity = (SELECT {percent} FROM deliveries "  # noqa: S608 - our own text
            "WHERE deliveries.key = credits.key) WHERE kind = 'top_up_bonus'"
        )
    )
    with op.batch_alter_table("credits") as table:
        table.alter_column("case_id", existing_type=KEY, nullable=True)
        table.alter_column("case_number", existing_type=KEY, nullable=False)
        table.alter_column("basis", existing_type=sa.String(length=16), nullable=False)
        table.alter_column("purse", existing_type=sa.String(length=128), nullable=False)
        table.alter_column("scope", existing_type=sa.String(length=8), server_default=None)


def _add_summaries() -> None:
    sums = ("cases", "lines", "cost_minor", "amount_minor", "least_minor", "most_minor", "example_number")
    op.create_table(
        "case_summaries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("assessment_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("rewards", DOCUMENT, nullable=False),
        sa.Column("text_name", sa.String(length=64), nullable=True),
        *(sa.Column(name, KEY, nullable=False) for name in sums),
        sa.Column("example_facts", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(["assessment_id"], ["assessments.id"], name=op.f("fk_case_summaries_assessment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_summaries")),
        sa.UniqueConstraint("assessment_id", "number", name=op.f("uq_case_summaries_assessment_id_number")),
    )


def _add_offers() -> None:
    states = sa.Enum(
        "open",
        "taken",
        "declined",
        "expired",
        name="offerstate",
        native_enum=False,
        create_constraint=True,
        length=32,
    )
    op.create_table(
        "offers",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("group_key", sa.String(length=128), nullable=False),
        sa.Column("assessment_id", KEY, nullable=False),
        sa.Column("case_number", KEY, nullable=False),
        sa.Column("subscriber_id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("account_ref", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("basis", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("purse", sa.String(length=128), nullable=False),
        sa.Column("size", sa.String(length=64), nullable=False),
        sa.Column("reward", DOCUMENT, nullable=False),
        sa.Column("state", states, nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("default_at", sa.BigInteger(), nullable=True),
        sa.Column("closes_at", sa.BigInteger(), nullable=True),
        sa.Column("taken", DOCUMENT, nullable=True),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        *_references("offers", assessment_id="assessments", subscriber_id="subscribers", account_id="accounts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
        sa.UniqueConstraint("key", name=op.f("uq_offers_key")),
    )
    for name in ("assessment_id", "subscriber_id", "account_id"):
        op.create_index(op.f(f"ix_offers_{name}"), "offers", [name], unique=False)
    op.create_index("ix_offers_state_default", "offers", ["state", "default_at"], unique=False)


def _add_voucher_codes() -> None:
    op.create_table(
        "voucher_codes",
        sa.Column("id", KEY, nullable=False),
        sa.Column("pool", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("amount_minor", KEY, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("credit_key", sa.String(length=128), nullable=True),
        sa.Column("imported_by", sa.String(length=64), nullable=False),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher_codes")),
        sa.UniqueConstraint("credit_key", name=op.f("uq_voucher_codes_credit_key")),
        sa.UniqueConstraint("pool", "code", name=op.f("uq_voucher_codes_pool_code")),
    )
    columns = ["pool", "amount_minor", "currency", "credit_key"]
    op.create_index("ix_voucher_codes_free", "voucher_codes", columns, unique=False)


def _add_care_credits() -> None:
    op.create_table(
        "care_credits",
        sa.Column("id", KEY, nullable=False),
        sa.Column("ref", sa.String(length=64), nullable=False),
        sa.Column("incident_id", KEY, nullable=False),
        sa.Column("subscriber_id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("amount_minor", KEY, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_care_credits_amount_positive")),
        *_references("care_credits", incident_id="incidents", subscriber_id="subscribers", account_id="accounts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_care_credits")),
        sa.UniqueConstraint("ref", name=op.f("uq_care_credits_ref")),
    )
    for name in ("incident_id", "subscriber_id"):
        op.create_index(op.f(f"ix_care_credits_{name}"), "care_credits", [name], unique=False)


def _references(table: str, **columns: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([name], [f"{other}.id"], name=op.f(f"fk_{table}_{name}"))
        for name, other in columns.items()
    ]


def downgrade() -> None:
    """Take back; credits of cases that are no rows, and assessments of a later round, could not be kept."""
    for name in ("subscriber_id", "incident_id"):
        op.drop_index(op.f(f"ix_care_credits_{name}"), table_name="care_credits")
    op.drop_table("care_credits")
    op.drop_index("ix_voucher_codes_free", table_name="voucher_codes")
    op.drop_table("voucher_codes")
    op.drop_index("ix_offers_state_default", table_name="offers")
    for name in ("account_id", "subscriber_id", "assessment_id"):
        op.drop_index(op.f(f"ix_offers_{name}"), table_name="offers")
    op.drop_table("offers")
    op.drop_table("case_summaries")
    with op.batch_alter_table("credits") as table:
        for name in ("quantity", "purse", "scope", "basis", "case_number"):
            table.drop_column(name)
        table.alter_column("case_id", existing_type=KEY, nullable=False)
    with op.batch_alter_table("cases") as table:
        for name in ("over_minor", "amount_minor"):
            table.drop_column(name)
    with op.batch_alter_table("assessments") as table:
        table.drop_constraint(op.f(_NEW_UNIQUE), type_="unique")
        table.create_unique_constraint(op.f(_OLD_UNIQUE), ["impact_run_id", "policy_version_id"])
        for name in reversed(_SNAPSHOTS):
            table.drop_constraint(op.f(f"fk_assessments_{name}"), type_="foreignkey")
            table.drop_column(name)
        for name in ("round", "revision"):
            table.drop_column(name)
