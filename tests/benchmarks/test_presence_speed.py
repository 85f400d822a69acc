"""How long a run over sightings on cells that fail in stages takes, against the joins and unions written by hand.

All contestants must come to the same seconds. PostgreSQL has its rows loaded and analysed before, and as many workers
as its planner wants; it is asked twice, the second time with an index that holds the rows in the order it wants.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from foundation.db import Database
from foundation.snapshots import SnapshotStore
from outage.runs.measuring import write_run
from outage.runs.writing import Written
from tests.benchmarks import impact_data as data

# What an analyst would write: where each line was until its next sighting, cut with the losses, then joined to islands.
_BY_HAND = f"""
WITH stays AS (
    SELECT line_id, element_id, seen_at, lead(seen_at) OVER (PARTITION BY line_id ORDER BY seen_at) AS next_at
    FROM sightings
), cut AS (
    SELECT line_id, greatest(seen_at, started_at) AS started_at,
        least(coalesce(next_at, ended_at), ended_at) AS ended_at
    FROM stays JOIN lost ON lost.element_id = stays.element_id
    WHERE seen_at >= started_at - {data.HOLD} AND seen_at < ended_at AND (next_at IS NULL OR next_at > started_at)
), marked AS (
    SELECT *, started_at <= max(ended_at) OVER (
        PARTITION BY line_id ORDER BY started_at, ended_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS goes_on FROM cut
), numbered AS (
    SELECT *, count(*) FILTER (WHERE goes_on IS NOT TRUE) OVER (
        PARTITION BY line_id ORDER BY started_at, ended_at ROWS UNBOUNDED PRECEDING
    ) AS island FROM marked
)
SELECT line_id, min(started_at) AS started_at, max(ended_at) AS ended_at FROM numbered GROUP BY line_id, island
"""
_RIVAL = "rival.parquet"


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    """A store with the memory that the settings give by default."""
    return SnapshotStore(tmp_path / "snapshots")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_run_over_sightings_on_cells_that_fail_in_stages(
    benchmark: Any, database: Database, store: SnapshotStore
) -> None:
    base, sightings = data.write_mirror(store, data.LINES), data.write_sightings(store, data.LINES)
    inputs = data.storm_inputs(base, sightings)
    by_hand: list[data.Cost] = []
    runs: list[data.Cost] = []
    found: list[Written] = []
    benchmark.pedantic(
        lambda: runs.append(data.cost_of(lambda: found.append(write_run(store, inputs)))),
        setup=lambda: by_hand.append(_in_duckdb(store, sightings)),
        rounds=data.ROUNDS,
    )
    written, took = found[-1], data.middle(runs)
    seconds = written.counts["services"]["voice"]["seconds"]
    assert _seconds_of_duckdb(store) == seconds
    _copy_in(database, store, sightings)
    plain = _in_postgresql(database, seconds)
    _add_index(database)
    indexed = _in_postgresql(database, seconds)
    rows = [
        data.compared("the run, with patterns and facts", took, took),
        data.compared("DuckDB by hand, joins and unions", took, data.middle(by_hand)),
        data.compared("PostgreSQL by hand, query alone", took, plain, in_process=False),
        data.compared("the same, with an index made for it", took, indexed, in_process=False),
    ]
    if importlib.util.find_spec("polars") is not None:
        rows.append(data.compared("Polars by hand", took, _in_polars(store, sightings, seconds)))
    seen = data.LINES * data.SIGHTINGS_PER_LINE
    hit = f"{written.counts['lines']:,} lines hit, {written.counts['patterns']:,} patterns"
    title = f"{data.LINES:,} lines, {seen:,} sightings, {data.CELLS:,} cells in stages: {hit}"
    data.print_table(title, data.COMPARED, rows)


def _lost() -> list[tuple[int, int, int]]:
    # One service is enough for the rivals: all three are lost together.
    return [(element, *span) for (element, service), out in data.storm().items() if service == "voice" for span in out]


def _values() -> str:
    return ", ".join(str(row) for row in _lost())


def _in_duckdb(store: SnapshotStore, sightings: tuple[str, ...]) -> data.Cost:
    target = store.directory / _RIVAL
    with store.connect() as workspace:
        workspace.execute(f"CREATE VIEW sightings AS FROM {store.source(*sightings)}")
        workspace.execute(f"CREATE TABLE lost AS FROM (VALUES {_values()}) v(element_id, started_at, ended_at)")
        statement = f"COPY ({_BY_HAND}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
        return data.cost_of(lambda: workspace.execute(statement))


def _seconds_of_duckdb(store: SnapshotStore) -> int:
    with store.connect() as workspace:
        ((seconds,),) = workspace.fetch_rows(f"SELECT sum(ended_at - started_at) FROM '{store.directory / _RIVAL}'")
    return int(seconds)


def _copy_in(database: Database, store: SnapshotStore, sightings: tuple[str, ...]) -> None:
    with database.transaction() as session:
        connection = session.connection()
        for table in ("sightings (line_id, element_id, seen_at)", "lost (element_id, started_at, ended_at)"):
            columns = table.replace(",", " bigint,").replace(")", " bigint)")
            connection.execute(text(f"CREATE UNLOGGED TABLE {columns}"))
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy("COPY lost FROM STDIN") as copy:
            for row in _lost():
                copy.write_row(row)
        path = store.directory / "sightings.csv"
        with store.connect() as workspace:
            workspace.execute(f"COPY (FROM {store.source(*sightings)}) TO '{path}' (FORMAT csv, HEADER false)")
        copy_in = "COPY sightings FROM STDIN (FORMAT csv)"
        with driver.cursor() as cursor, cursor.copy(copy_in) as copy, path.open("rb") as file:
            while block := file.read(1 << 20):
                copy.write(block)
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE sightings, lost")


def _add_index(database: Database) -> None:
    with database.engine.connect() as connection:
        autocommitting = connection.execution_options(isolation_level="AUTOCOMMIT")
        autocommitting.exec_driver_sql("CREATE INDEX ON sightings (line_id, seen_at) INCLUDE (element_id)")
        autocommitting.exec_driver_sql("VACUUM ANALYZE sightings")


def _in_postgresql(database: Database, expected: int) -> data.Cost:
    query = text(f"SELECT count(*), sum(ended_at - started_at) FROM ({_BY_HAND}) spans")
    found: list[int] = []
    with database.engine.connect() as connection:
        connection.execute(text("SET work_mem = '256MB'"))
        cost = data.cost_of(lambda: found.append(int(connection.execute(query).one()[1])))
    assert found == [expected]
    return cost


def _in_polars(store: SnapshotStore, sightings: tuple[str, ...], expected: int) -> data.Cost:
    polars: Any = importlib.import_module("polars")
    lost = polars.DataFrame(_lost(), schema=["element_id", "started_at", "ended_at"], orient="row").lazy()
    column = polars.col
    found: list[int] = []

    def run() -> None:
        stays = polars.scan_parquet([store.path(part) for part in sightings]).sort("line_id", "seen_at")
        stays = stays.with_columns(next_at=column("seen_at").shift(-1).over("line_id"))
        cut = stays.join(lost, on="element_id").filter(
            (column("seen_at") >= column("started_at") - data.HOLD)
            & (column("seen_at") < column("ended_at"))
            & (column("next_at").is_null() | (column("next_at") > column("started_at")))
        )
        cut = cut.select(
            "line_id",
            started_at=polars.max_horizontal("seen_at", "started_at"),
            ended_at=polars.min_horizontal(column("next_at").fill_null(column("ended_at")), "ended_at"),
        ).sort("line_id", "started_at", "ended_at")
        goes_on = column("started_at") <= column("ended_at").cum_max().shift(1).over("line_id")
        island = (~goes_on.fill_null(value=False)).cast(polars.Int64).cum_sum().over("line_id")
        spans = cut.with_columns(island=island).group_by("line_id", "island")
        whole = spans.agg(column("started_at").min(), column("ended_at").max()).collect()
        found.append((whole["ended_at"] - whole["started_at"]).sum())

    cost = data.cost_of(run)
    assert found == [expected]
    return cost
