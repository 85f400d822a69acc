"""The records: one engine, its column types, and the two ways in (`transaction()`, `reading()`)."""

from __future__ import annotations

import contextlib
import enum
import functools
import json
from collections import namedtuple
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Double,
    Engine,
    Enum,
    Integer,
    MetaData,
    Result,
    String,
    Text,
    any_,
    bindparam,
    cast,
    create_engine,
    event,
    func,
    literal,
    make_url,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeDecorator

from foundation import clock
from foundation.errors import RefusedError

# A bulk load of a million lines holds SQLite's only write lock for half a minute.
BUSY_SECONDS = 120
# How PostgreSQL and SQLite name a key that stands there already.
_MADE_TWICE = frozenset({"23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"})

Key = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER is SQLite's own row id
Document = JSON().with_variant(postgresql.JSONB(), "postgresql")


class Instant(TypeDecorator[datetime]):
    """Aware UTC in Python, integer Unix seconds in the database, so every engine does the same arithmetic.

    A naive datetime is refused with ValueError; fractions of a second are cut off.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else clock.to_unix(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else clock.from_unix(value)


def choice(kind: type[enum.StrEnum]) -> Enum:
    """A column type for a StrEnum: its values as text, checked by the database too."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        validate_strings=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
        name=kind.__name__.lower(),
    )


class Base(DeclarativeBase):
    """All tables of all packages; constraint names are fixed so that migrations can name them."""

    # 32 bits of minor units end at 21 million pounds.
    type_annotation_map: ClassVar[dict[Any, Any]] = {int: Key}

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class ReferenceCounter(Base):
    """The last number given for a kind of reference in a year."""

    __tablename__ = "reference_counters"

    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int]


def next_reference(session: Session, kind: str, at: datetime) -> str:
    """The next reference for people, such as INC-2026-00042; gaps only where a transaction was rolled back."""
    table = ReferenceCounter.__table__
    insert = insert_ignoring(session, ReferenceCounter)
    session.execute(insert, {"kind": kind, "year": at.year, "last": 0})
    number = session.scalar(
        update(ReferenceCounter)
        .where(table.c.kind == kind, table.c.year == at.year)
        .values(last=table.c.last + 1)
        .returning(table.c.last)
    )
    return f"{kind}-{at.year}-{number:05d}"


def insert_ignoring(session: Session, model: type[Base]) -> Any:
    """`INSERT ... ON CONFLICT DO NOTHING` for the session's database."""
    return insert_of(dialect_of(session), model).on_conflict_do_nothing()


def insert_of(dialect: str, target: Any) -> Any:
    """The INSERT of that database, which can say what becomes of rows that are there already."""
    return (postgresql if dialect == "postgresql" else sqlite).insert(target)


def dialect_of(session: Session) -> str:
    """The name of the session's database: `sqlite` or `postgresql`."""
    return session.get_bind().dialect.name


def refusal_of(error: DBAPIError) -> RefusedError | None:
    """What to tell whoever made the same as somebody else at that moment; None where an error means another thing."""
    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None)
    if code not in _MADE_TWICE:
        return None
    return RefusedError(
        "somebody else made the same at the same moment; nothing of yours was kept", accepted="a new look"
    )


def one_of(session: Session, column: ColumnElement[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """Whether a column is one of many values: `IN` with one parameter, whatever their number.

    A parameter each costs more than the query, for both the statement's text and its plan are made anew.
    """
    dialect = dialect_of(session)
    return is_one_of(dialect, column, literal(packed(dialect, values), Text))


def is_one_of(dialect: str, column: ColumnElement[Any], values: ColumnElement[str]) -> ColumnElement[bool]:
    """The same for a statement that is made once: `values` is a parameter, and each time gets what `packed` makes."""
    if dialect == "postgresql":
        return column == any_(cast(values, postgresql.ARRAY(column.type)))
    found = func.json_each(values).table_valued("value")
    return column.in_(select(found.c.value))


def packed(dialect: str, values: Collection[Any]) -> str:
    """Many numbers or texts as one text that `is_one_of` reads: no look at each by the driver, which takes longer."""
    written = json.dumps(list(values), separators=(",", ":"), ensure_ascii=False)
    if dialect != "postgresql":
        return written
    # An array is written as JSON writes it, but for its brackets, escapes and nothing.
    if "\\" in written or "null" in written:
        return "{" + ",".join(map(_array_item, values)) + "}"
    return "{" + written[1:-1] + "}"


def _array_item(value: object) -> str:
    if value is None:
        return "NULL"
    if not isinstance(value, str):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def plain_rows(result: Result[Any]) -> list[Any]:
    """All rows of a result as named tuples: their columns are looked up several times as fast as those of a Row."""
    return list(map(_row_type(tuple(result.keys()))._make, result.all()))


@functools.cache
def _row_type(names: tuple[str, ...]) -> Any:
    return namedtuple("PlainRow", names)


def database_now(session: Session, plus_seconds: int = 0) -> ColumnElement[datetime]:
    """The present by the database's clock, as an expression: leases of many machines must not hang on each one's own.

    SQLite has no clock but the machine's. A moved clock (`clock.moved_to`) moves this one by as much.
    """
    return now_of(dialect_of(session), plus_seconds)


def now_of(dialect: str, plus_seconds: ColumnElement[int] | int = 0) -> ColumnElement[datetime]:
    """The same for a statement that is made once: the clock is read whenever it runs."""
    if dialect != "postgresql":
        return type_coerce(bindparam(None, type_=BigInteger, callable_=_unix_now) + plus_seconds, Instant)
    shift = bindparam(None, type_=Double, callable_=clock.shift_seconds)
    moved = func.extract("epoch", func.statement_timestamp()) + cast(shift, Double)
    return type_coerce(cast(func.floor(moved), BigInteger) + plus_seconds, Instant)


def _unix_now() -> int:
    return clock.to_unix(clock.now())


def database_microseconds(session: Session) -> int:
    """The present by the same clock in microseconds since 1970, read anew at each call, also within a transaction."""
    if dialect_of(session) != "postgresql":
        return clock.now_microseconds()
    seconds = func.extract("epoch", func.clock_timestamp()) + cast(clock.shift_seconds(), Double)
    return session.execute(select(cast(func.floor(seconds * 1_000_000), BigInteger))).scalar_one()


class Database:
    """One database by its URL. Entry points open transactions here; use cases take the session and never commit."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self.engine = _make_engine(url, pool_size)
        # All reads of one session see one moment; SQLite's transactions do so anyway.
        level = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._read_engine = self.engine.execution_options(read_only=True, postgresql_readonly=True, **level)

    @property
    def is_sqlite(self) -> bool:
        """Whether the records are in an SQLite file (one writer at a time)."""
        return self.engine.dialect.name == "sqlite"

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Session]:
        """A writing session, committed at the end, rolled back on any exception.

        On SQLite it takes the write lock at once, so that reading first and writing later cannot fail half-way.
        """
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for reading only, all of one moment; it never blocks a writer."""
        with Session(self._read_engine, expire_on_commit=False) as session, session.begin():
            yield session

    def dispose(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()


def _make_engine(url: str, pool_size: int) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_size=pool_size, max_overflow=10, pool_pre_ping=True)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=10,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own; _begin_sqlite does
    # FULL: a power cut must not undo the commit that said `sending` after the text had left.
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    # A deferred transaction that turns into a writer later fails at once when another wrote in between.
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
