"""How long the import of the customer base takes, checks included, against the database's own bulk path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from foundation.bulk import insert_rows
from foundation.db import Base, Database
from foundation.snapshots import SnapshotStore
from outage.base.subscriber_import import import_subscribers
from tests import impact_worlds as worlds
from tests.benchmarks import impact_data as data


def test_importing_the_base_against_the_databases_own_bulk_path(
    benchmark: Any, database: Database, store: SnapshotStore, tmp_path: Path
) -> None:
    """The rival loads the same rows into the same two tables, ready to store: COPY of a file, or executemany."""
    path = data.write_subscriber_csv(store, tmp_path / "lines.csv", data.LINES)
    with database.transaction() as session:
        worlds.add_elements(session, data.HLR)
    bare_load = _bare_load(database, store, tmp_path)
    rivals: list[float] = []

    def take_turns() -> None:
        _empty(database)
        rivals.append(data.seconds_of(bare_load))
        _empty(database)

    def load() -> Any:
        with database.transaction() as session:
            return import_subscribers(session, path, actor="ann", reject_dir=tmp_path)

    result = benchmark.pedantic(load, setup=take_turns, rounds=data.ROUNDS)
    assert (result.added, result.rejected) == (data.LINES, 0)
    again = data.seconds_of(load)
    took, rival = benchmark.stats.stats.median, sorted(rivals)[data.ROUNDS // 2]
    rows = [
        ("bare bulk load", f"{rival:.2f}", f"{data.LINES / rival:,.0f}", "1.00"),
        ("import, checked", f"{took:.2f}", f"{data.LINES / took:,.0f}", f"{took / rival:.2f}"),
        ("the same file again", f"{again:.2f}", f"{data.LINES / again:,.0f}", f"{again / rival:.2f}"),
    ]
    title = f"{database.engine.dialect.name}: {data.LINES:,} lines and their accounts"
    data.print_table(title, ("", "seconds", "lines/s", "ratio"), rows)


def _bare_load(database: Database, store: SnapshotStore, directory: Path) -> Callable[[], None]:
    """The load alone, in one transaction; its rows are made ready before, in a file or in memory."""
    queries = {
        "accounts": (data.ACCOUNT_COLUMNS, data.accounts_sql(data.LINES)),
        "subscribers": (data.LINE_COLUMNS, data.lines_sql(data.LINES)),
    }
    if database.is_sqlite:
        ready = {table: list(data.stored_rows(store, query)) for table, (_, query) in queries.items()}

        def execute_many() -> None:
            with database.transaction() as session:
                for table, (columns, _) in queries.items():
                    insert_rows(session.connection(), Base.metadata.tables[table], columns, ready[table])

        return execute_many
    files = {table: data.write_stored_csv(store, directory / f"{table}.csv", queries[table][1]) for table in queries}

    def copy_files() -> None:
        with database.transaction() as session:
            driver: Any = session.connection().connection.driver_connection
            for table, (columns, _) in queries.items():
                copy_in = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT csv)"
                with driver.cursor() as cursor, cursor.copy(copy_in) as copy, files[table].open("rb") as file:
                    while block := file.read(1 << 20):
                        copy.write(block)

    return copy_files


def _empty(database: Database) -> None:
    with database.transaction() as session:
        for table in ("subscribers", "accounts"):
            how = "DELETE FROM" if database.is_sqlite else "TRUNCATE"
            cascade = "" if database.is_sqlite else " CASCADE"
            session.connection().exec_driver_sql(f"{how} {table}{cascade}")
