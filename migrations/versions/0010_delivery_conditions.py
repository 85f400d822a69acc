"""Conditions on deliveries, campaigns with waves and counters, senders' pace, receipts, suppression."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATES = (
    "pending",
    "claimed",
    "sending",
    "accepted",
    "delivered",
    "failed",
    "unknown",
    "cancelled",
    "suppressed",
)
IN_FLIGHT = "state IN ('claimed', 'sending', 'unknown')"
# What these tables said before: each index by its columns and its condition.
OLD_INDEXES = {
    "ix_deliveries_claimable": (["kind", "priority", "id"], "state = 'pending' AND NOT waiting"),
    "ix_deliveries_campaign_state": (["campaign", "kind", "state"], None),
}
INDEXES = {
    "ix_deliveries_claimable": (
        ["campaign", "kind", "channel", "wave", "priority", "id"],
        "state = 'pending' AND NOT waiting AND hold IS NULL",
    ),
    "ix_deliveries_receipt_due": (["lease_until"], "state = 'accepted' AND lease_until IS NOT NULL"),
    "ix_deliveries_asleep": (["not_before"], "state = 'pending' AND hold = 'time'"),
    "ix_deliveries_hold": (["hold"], "state = 'pending' AND hold IS NOT NULL AND hold <> 'time'"),
    "ix_deliveries_hold_until": (["hold_until"], "state = 'pending' AND hold_until IS NOT NULL"),
    "ix_deliveries_expiry": (["expires_at"], "state = 'pending' AND expires_at IS NOT NULL"),
    "ix_deliveries_provider_ref": (["provider_ref"], "provider_ref IS NOT NULL AND state = 'accepted'"),
    "ix_deliveries_campaign_state": (["campaign", "kind", "state", "id"], None),
}
CAMPAIGNS_OF_ROWS = """
INSERT INTO campaigns (campaign, state, priority, canary_percent, canary_rows, failure_percent, created_at, changed_at)
SELECT campaign, 'running', 100, 1, 100, 5, min(created_at), max(changed_at) FROM deliveries GROUP BY campaign
"""
# Rows that were enqueued before there were waves belong to the last one, and their campaigns are wholly open.
GATES_OF_ROWS = """
INSERT INTO campaign_gates (campaign, kind, open_wave, opened_at, checked, checked_bad)
SELECT campaign, kind, 4, min(created_at),
    sum(CASE WHEN state IN ('delivered', 'failed', 'unknown', 'accepted') THEN 1 ELSE 0 END),
    sum(CASE WHEN state IN ('failed', 'unknown') THEN 1 ELSE 0 END)
FROM deliveries GROUP BY campaign, kind
"""
COUNTS_OF_ROWS = """
INSERT INTO delivery_counts (campaign, kind, channel, wave, standing, currency, rows, amount_minor)
SELECT campaign, kind, channel, wave, standing, currency, count(*), coalesce(sum(amount_minor), 0)
FROM (
    SELECT campaign, kind, channel, wave, currency, amount_minor,
        CASE WHEN state NOT IN ('pending', 'claimed', 'sending') THEN state
            WHEN waiting THEN 'waiting' WHEN hold IS NOT NULL THEN 'held' ELSE 'pending' END AS standing
    FROM deliveries
) AS standings
GROUP BY campaign, kind, channel, wave, standing, currency
"""

BOOK_COUNTS_OF_ROWS = """
INSERT INTO book_counts (campaign, kind, currency, entries, amount_minor)
SELECT coalesce(deliveries.campaign, ''), book_entries.kind, book_entries.currency, count(*),
    coalesce(sum(book_entries.amount_minor), 0)
FROM book_entries LEFT JOIN deliveries ON deliveries.key = book_entries.key
GROUP BY 1, 2, 3
"""


def choice(name: str, *values: str) -> sa.Enum:
    """A column of words, checked by the database."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def kind() -> sa.Enum:
    """What a delivery carries."""
    return choice("deliverykind", "message", "posting")


def make_indexes(indexes: dict[str, tuple[list[str], str | None]]) -> None:
    """Make indexes on deliveries, partial where they have a condition."""
    for name, (columns, condition) in indexes.items():
        where = None if condition is None else sa.text(condition)
        op.create_index(name, "deliveries", columns, postgresql_where=where, sqlite_where=where)


def upgrade() -> None:
    """Apply; what is enqueued already goes on as it would have, all of it at once."""
    for name in OLD_INDEXES:
        op.drop_index(name, table_name="deliveries")
    with op.batch_alter_table("deliveries") as table:
        table.add_column(sa.Column("expires_at", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("hold", sa.String(length=128), nullable=True))
        table.add_column(sa.Column("hold_until", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("wave", sa.SmallInteger(), nullable=False, server_default="4"))
        table.add_column(sa.Column("purpose", choice("purpose", "service", "compensation", "marketing"), nullable=True))
        table.add_column(sa.Column("statutory", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("any_hour", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("zone", sa.String(length=64), nullable=True))
    with op.batch_alter_table("deliveries") as table:
        for name in ("wave", "statutory", "any_hour"):
            table.alter_column(name, server_default=None)
    op.execute(sa.text("UPDATE deliveries SET purpose = 'compensation' WHERE kind = 'message'"))
    op.execute(sa.text("UPDATE deliveries SET hold = 'time' WHERE state = 'pending' AND not_before IS NOT NULL"))
    make_indexes(INDEXES)
    make_campaigns()
    make_receipts()
    make_senders()
    make_book_counts()
    make_job_states()
    for statement in (CAMPAIGNS_OF_ROWS, GATES_OF_ROWS, COUNTS_OF_ROWS, BOOK_COUNTS_OF_ROWS):
        op.execute(sa.text(statement))


def make_campaigns() -> None:
    """Campaigns, how far they are open, and their counters."""
    op.create_table(
        "campaigns",
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("state", choice("campaignstate", "running", "paused", "stopped", "aborted"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("priority", KEY, nullable=False),
        sa.Column("canary_percent", KEY, nullable=False),
        sa.Column("canary_rows", KEY, nullable=False),
        sa.Column("failure_percent", KEY, nullable=False),
        sa.Column("ceiling", KEY, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", name=op.f("pk_campaigns")),
    )
    op.create_table(
        "campaign_gates",
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("kind", kind(), nullable=False),
        sa.Column("open_wave", sa.SmallInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("checked", KEY, nullable=False),
        sa.Column("checked_bad", KEY, nullable=False),
        sa.ForeignKeyConstraint(["campaign"], ["campaigns.campaign"], name=op.f("fk_campaign_gates_campaign")),
        sa.PrimaryKeyConstraint("campaign", "kind", name=op.f("pk_campaign_gates")),
    )
    op.create_table(
        "delivery_counts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("kind", kind(), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("wave", sa.SmallInteger(), nullable=False),
        sa.Column("standing", sa.String(length=32), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("rows", KEY, nullable=False),
        sa.Column("amount_minor", KEY, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_counts")),
    )
    op.create_index("ix_delivery_counts_campaign", "delivery_counts", ["campaign"])
    pending = sa.text("standing = 'pending'")
    op.create_index(
        "ix_delivery_counts_pending",
        "delivery_counts",
        ["campaign", "kind", "channel"],
        postgresql_where=pending,
        sqlite_where=pending,
    )


def make_receipts() -> None:
    """What providers say later, and what recipients said."""
    op.create_table(
        "receipts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("provider_ref", sa.String(length=128), nullable=True),
        sa.Column("delivery_id", KEY, nullable=True),
        sa.Column("attempt", KEY, nullable=True),
        sa.Column("state", choice("deliverystate", *STATES), nullable=False),
        sa.Column("provider_status", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("said_at", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=True),
        sa.Column("moved", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_receipts_fingerprint")),
    )
    op.create_index("ix_receipts_delivery", "receipts", ["delivery_id"])
    unapplied = sa.text("applied_at IS NULL")
    op.create_index(
        "ix_receipts_unapplied",
        "receipts",
        ["channel", "provider_ref"],
        postgresql_where=unapplied,
        sqlite_where=unapplied,
    )
    op.create_table(
        "suppressions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("address", sa.String(length=128), nullable=False),
        sa.Column("scope", choice("scope", "any", "service", "compensation", "marketing"), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
    )
    active = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_suppressions_active",
        "suppressions",
        ["address", "scope"],
        unique=True,
        postgresql_where=active,
        sqlite_where=active,
    )


def make_senders() -> None:
    """The pace of senders, and how many texts an address had on a day."""
    op.create_table(
        "senders",
        sa.Column("sender", sa.String(length=128), nullable=False),
        sa.Column("rate", KEY, nullable=True),
        sa.Column("burst", KEY, nullable=False),
        sa.Column("tokens", KEY, nullable=False),
        sa.Column("refilled_at", KEY, nullable=False),
        sa.Column("slow_rate", KEY, nullable=True),
        sa.Column("slowed_at", KEY, nullable=True),
        sa.Column("blocked_until", KEY, nullable=True),
        sa.Column("halted_at", sa.BigInteger(), nullable=True),
        sa.Column("halted_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("sender", name=op.f("pk_senders")),
    )
    op.create_table(
        "address_days",
        sa.Column("address", sa.String(length=128), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("texts", KEY, nullable=False),
        sa.PrimaryKeyConstraint("address", "day", name=op.f("pk_address_days")),
    )


def make_job_states() -> None:
    """What became of the scheduler's runs."""
    op.create_table(
        "job_states",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("seconds", KEY, nullable=False),
        sa.Column("runs", KEY, nullable=False),
        sa.Column("failures", KEY, nullable=False),
        sa.Column("missed", KEY, nullable=False),
        sa.Column("last_run_at", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("trouble_at", sa.BigInteger(), nullable=True),
        sa.Column("leader", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_states")),
    )


def make_book_counts() -> None:
    """What the account book holds, counted."""
    op.create_table(
        "book_counts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("entries", KEY, nullable=False),
        sa.Column("amount_minor", KEY, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_book_counts")),
    )
    op.create_index(op.f("ix_book_counts_campaign"), "book_counts", ["campaign"])


def downgrade() -> None:
    """Take back; refused while anything pends on a condition that earlier code would not keep."""
    held = "SELECT count(*) FROM deliveries WHERE state = 'pending' AND (hold <> 'time' OR expires_at IS NOT NULL)"
    paused = "SELECT count(*) FROM campaigns WHERE state <> 'running'"
    if any(op.get_bind().scalar(sa.text(query)) for query in (held, paused)):
        raise RuntimeError("deliveries are held or expire, or campaigns do not run: earlier code would send them")
    for table in (
        "job_states",
        "book_counts",
        "address_days",
        "senders",
        "suppressions",
        "receipts",
        "delivery_counts",
        "campaign_gates",
    ):
        op.drop_table(table)
    op.drop_table("campaigns")
    for name in INDEXES:
        op.drop_index(name, table_name="deliveries")
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.drop_constraint(op.f("ck_deliveries_purpose"), type_="check")
        for name in ("zone", "any_hour", "statutory", "purpose", "wave", "hold_until", "hold", "expires_at"):
            deliveries.drop_column(name)
    make_indexes(OLD_INDEXES)
