"""Tests of policies over past runs and their results; cases get what lists are put in order and sought by."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_BATCH = 1_000


def upgrade() -> None:
    """Apply."""
    _add_tests()
    _add_results()
    _add_drafts()
    for name in ("rules", "searched"):
        op.add_column("cases", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    _fill_cases()
    with op.batch_alter_table("cases") as table:
        for name in ("rules", "searched"):
            table.alter_column(name, server_default=None)


def _add_tests() -> None:
    op.create_table(
        "history_tests",
        sa.Column("id", KEY, nullable=False),
        sa.Column("policy", sa.String(length=64), nullable=False),
        sa.Column("impact_run_id", KEY, nullable=False),
        sa.Column("expectation", sa.String(length=16), nullable=False),
        sa.Column("bounds", DOCUMENT, nullable=True),
        sa.Column("pinned", DOCUMENT, nullable=True),
        sa.Column("revision", KEY, nullable=False),
        sa.Column("set_by", sa.String(length=64), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_by", sa.String(length=64), nullable=True),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["impact_run_id"], ["impact_runs.id"], name=op.f("fk_history_tests_impact_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history_tests")),
        sa.UniqueConstraint(
            "policy", "impact_run_id", "expectation", name=op.f("uq_history_tests_policy_impact_run_id_expectation")
        ),
    )
    op.create_index(op.f("ix_history_tests_impact_run_id"), "history_tests", ["impact_run_id"], unique=False)


def _add_results() -> None:
    op.create_table(
        "history_results",
        sa.Column("id", KEY, nullable=False),
        sa.Column("test_id", KEY, nullable=False),
        sa.Column("policy_version_id", KEY, nullable=False),
        sa.Column("against_version_id", KEY, nullable=True),
        sa.Column("test_revision", KEY, nullable=False),
        sa.Column("reasons", DOCUMENT, nullable=False),
        sa.Column("totals", DOCUMENT, nullable=False),
        sa.Column("against", DOCUMENT, nullable=True),
        sa.Column("shift", DOCUMENT, nullable=True),
        sa.Column("replayed_by", sa.String(length=64), nullable=False),
        sa.Column("replayed_at", sa.BigInteger(), nullable=False),
        sa.Column("accepted_by", sa.String(length=64), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("accepted_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["test_id"], ["history_tests.id"], name=op.f("fk_history_results_test_id")),
        sa.ForeignKeyConstraint(
            ["policy_version_id"], ["policy_versions.id"], name=op.f("fk_history_results_policy_version_id")
        ),
        sa.ForeignKeyConstraint(
            ["against_version_id"], ["policy_versions.id"], name=op.f("fk_history_results_against_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history_results")),
        sa.UniqueConstraint("test_id", "policy_version_id", name=op.f("uq_history_results_test_id_policy_version_id")),
    )
    op.create_index(
        op.f("ix_history_results_policy_version_id"), "history_results", ["policy_version_id"], unique=False
    )


def _add_drafts() -> None:
    op.create_table(
        "policy_drafts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("policy", sa.String(length=64), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("based_on", KEY, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("revision", KEY, nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_drafts")),
        sa.UniqueConstraint("policy", "author", name=op.f("uq_policy_drafts_policy_author")),
    )


def _fill_cases() -> None:
    """Cases that were decided before get both from their trace."""
    cases = sa.table(
        "cases",
        sa.column("id", KEY),
        sa.column("outcome", sa.String()),
        sa.column("reason", sa.Text()),
        sa.column("rewards", DOCUMENT),
        sa.column("trace", DOCUMENT),
        sa.column("rules", sa.Text()),
        sa.column("searched", sa.Text()),
    )
    connection, last = op.get_bind(), 0
    read = sa.select(cases.c.id, cases.c.outcome, cases.c.reason, cases.c.rewards, cases.c.trace)
    fill = cases.update().where(cases.c.id == sa.bindparam("case_id"))
    fill = fill.values(rules=sa.bindparam("said"), searched=sa.bindparam("words"))
    while rows := connection.execute(read.where(cases.c.id > last).order_by(cases.c.id).limit(_BATCH)).all():
        connection.execute(fill, [_filled(*row) for row in rows])
        last = rows[-1].id


def _filled(number: int, outcome: str, reason: str | None, rewards: list[Any], trace: dict[str, Any]) -> dict[str, Any]:
    rules = _rules(trace)
    facts = [str(fact["said"]) for fact in trace.get("facts", ())]
    given = [f"{reward['name']} {reward['kind'].replace('_', ' ')}" for reward in rewards]
    words = " ".join([*facts, rules, outcome, reason or "", *given]).lower()
    return {"case_id": number, "said": rules, "words": words}


def _rules(trace: dict[str, Any]) -> str:
    said = []
    for step in trace.get("decisions", ()):
        if step["kind"] == "table":
            numbers = ", ".join(map(str, step["rules"]))
            word = "rules" if len(step["rules"]) > 1 else "rule"
            said.append(f"{step['name']}: {f'{word} {numbers}' if numbers else 'no rule'}")
    return "; ".join(said)


def downgrade() -> None:
    """Take back."""
    op.drop_table("policy_drafts")
    with op.batch_alter_table("cases") as table:
        for name in ("searched", "rules"):
            table.drop_column(name)
    op.drop_index(op.f("ix_history_results_policy_version_id"), table_name="history_results")
    op.drop_table("history_results")
    op.drop_index(op.f("ix_history_tests_impact_run_id"), table_name="history_tests")
    op.drop_table("history_tests")
