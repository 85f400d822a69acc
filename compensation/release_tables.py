"""The temporary tables of a release and how rows are made of them: what lines get, once for all that get the same.

Lines stand in one table with the number of their shape, and what each shape gets in three others: the database joins
them into credits, offers and deliveries. Both databases do so in less time than it takes to hand them the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    Insert,
    Integer,
    MetaData,
    Select,
    SmallInteger,
    String,
    Table,
    case,
    cast,
    func,
    insert,
    literal,
    select,
    text,
)

from compensation.ledger import write_accrued
from compensation.models import Credit
from compensation.offer_models import Offer, OfferState
from compensation.release_rows import CreditPart, OfferPart, Release
from compensation.release_shapes import Shaped
from compensation.rewards import Per
from foundation.bulk import insert_batches, insert_rows
from foundation.db import Document
from notify.models import DeliveryKind

_METADATA = MetaData()
LINES = Table(
    "released_lines",
    _METADATA,
    Column("line_id", BigInteger, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("account_ref", String(128), nullable=False),
    Column("msisdn", String(128)),
    Column("number", BigInteger, nullable=False),
    Column("priority", BigInteger, nullable=False),
    Column("group_key", String(128), nullable=False),
    Column("wave", SmallInteger, nullable=False),
    Column("shape", Integer, nullable=False),
    prefixes=["TEMPORARY"],
)


def _parts(name: str, *columns: Column[Any]) -> Table:
    return Table(
        name,
        _METADATA,
        Column("shape", Integer, nullable=False),
        Column("key_head", String(128), nullable=False),
        Column("key_tail", String(128), nullable=False),
        Column("scope", String(8), nullable=False),
        *columns,
        Index(f"ix_{name}_shape", "shape"),
        prefixes=["TEMPORARY"],
    )


CREDITS = _parts(
    "given_credits",
    Column("case_id", BigInteger),
    Column("basis", String(16), nullable=False),
    Column("purse", String(128), nullable=False),
    Column("quantity", String(64)),
    Column("reward", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("amount_minor", BigInteger),
    Column("currency", String(3)),
)
OFFERS = _parts(
    "given_offers",
    Column("name", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("basis", String(16), nullable=False),
    Column("purse", String(128), nullable=False),
    Column("size", String(64), nullable=False),
    Column("reward", Document, nullable=False),
    Column("default_at", BigInteger),
    Column("closes_at", BigInteger),
)
DELIVERIES = _parts(
    "given_deliveries",
    Column("kind", String(32), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("address", String(128)),
    Column("payload", Document, nullable=False),
    Column("amount_minor", BigInteger),
    Column("currency", String(3)),
    Column("waiting", Boolean, nullable=False),
    Column("purpose", String(32)),
    Column("statutory", Boolean, nullable=False),
    Column("zone", String(64)),
)
_PARTS = (CREDITS, OFFERS, DELIVERIES)


def create(connection: Connection) -> None:
    """Make the tables, empty."""
    _METADATA.create_all(connection, checkfirst=False)


def clear(connection: Connection) -> None:
    """Empty them for the next batch."""
    word = "TRUNCATE TABLE" if connection.dialect.name == "postgresql" else "DELETE FROM"
    for table in (LINES, *_PARTS):
        connection.execute(text(f"{word} {table.name}"))


def drop(connection: Connection) -> None:
    """Take them away."""
    _METADATA.drop_all(connection, checkfirst=False)


def stage(connection: Connection, shaped: Shaped) -> None:
    """Put a batch into the tables, which are empty."""
    insert_batches(connection, LINES, [shaped.lines])
    given: tuple[Iterable[tuple[int, tuple[Any, ...]]], ...] = (shaped.credits, shaped.offers, shaped.deliveries)
    for table, parts in zip(_PARTS, given, strict=True):
        insert_rows(connection, table, table.columns.keys(), [((shape, *part) for shape, part in parts)])


def write_credits(connection: Connection, release: Release) -> None:
    """Write the credits of the batch and what is owed for them; a key that is there already is refused, and all."""
    shared = {
        "assessment_id": literal(release.assessment_id),
        "case_number": LINES.c.number,
        "subscriber_id": LINES.c.line_id,
        "account_id": LINES.c.account_id,
        "created_at": literal(release.at, BigInteger),
    }
    write_accrued(connection, _insert(Credit.__table__, CREDITS, CreditPart._fields, shared))  # type: ignore[arg-type]


def write_offers(connection: Connection, release: Release) -> None:
    """Write the offers of the batch, as `write_credits` does."""
    shared = {
        "group_key": LINES.c.group_key,
        "assessment_id": literal(release.assessment_id),
        "case_number": LINES.c.number,
        "subscriber_id": LINES.c.line_id,
        "account_id": LINES.c.account_id,
        "account_ref": LINES.c.account_ref,
        "state": literal(OfferState.OPEN.value),
        "opened_at": literal(release.at, BigInteger),
    }
    connection.execute(_insert(Offer.__table__, OFFERS, OfferPart._fields, shared))  # type: ignore[arg-type]


def select_deliveries(release: Release) -> Select[Any]:
    """The deliveries of the batch, as `notify.loading.load` takes them."""
    to_account = DELIVERIES.c.kind == DeliveryKind.POSTING.value
    address = func.coalesce(DELIVERIES.c.address, case((to_account, LINES.c.account_ref), else_=LINES.c.msisdn))
    own = ("kind", "channel", "payload", "amount_minor", "currency", "waiting", "purpose", "statutory", "zone")
    return select(
        _key(DELIVERIES).label("key"),
        literal(release.campaign).label("campaign"),
        address.label("address"),
        *(LINES.c[name] for name in ("group_key", "priority", "wave")),
        *(DELIVERIES.c[name] for name in own),
    ).join_from(LINES, DELIVERIES, LINES.c.shape == DELIVERIES.c.shape)


def _insert(target: Table, parts: Table, names: Sequence[str], shared: dict[str, ColumnElement[Any]]) -> Insert:
    own = {name: parts.c[name] for name in names if not name.startswith("key_")}
    values = {"key": _key(parts), **own, **shared}
    rows = select(*values.values()).join_from(LINES, parts, LINES.c.shape == parts.c.shape)
    return insert(target).from_select(list(values), rows)


def _key(parts: Table) -> ColumnElement[str]:
    number = case((parts.c.scope == Per.ACCOUNT.value, LINES.c.account_id), else_=LINES.c.line_id)
    return parts.c.key_head + cast(number, String) + parts.c.key_tail
