"""How long a run of lines behind one HLR takes, against DuckDB's bare COPY and PostgreSQL's INSERT of the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from foundation.db import Database
from foundation.snapshots import SnapshotStore
from outage.base.mirror import ensure_mirror
from outage.models import Outage
from outage.runs.impact import measure_impact
from outage.runs.impact_sql import FACTS
from outage.runs.lines import impact_of_line
from tests import impact_worlds as worlds
from tests.benchmarks import impact_data as data

_REF = "INC-2012-00001"
_KEY = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
_OWN = f"'{_KEY}'::uuid AS pattern, NULL::uuid AS gross_pattern, 'served_by' AS evidence, NULL::bigint AS sighting_age"
_RUN = f"line_id, account_id, {_OWN}, {', '.join(FACTS)}"


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    """A store with the memory that the settings give by default."""
    return SnapshotStore(tmp_path / "snapshots")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_run_of_all_lines_behind_one_hlr(benchmark: Any, database: Database, store: SnapshotStore) -> None:
    data.fill_base(database, store, data.LINES)
    with database.transaction() as session:
        worlds.add_outage(session, worlds.add_incident(session), data.HLR, 0, 1200)
    base = ensure_mirror(database, store)
    minutes = iter(range(600, 1200))
    copies: list[data.Cost] = []
    runs: list[data.Cost] = []
    found: list[Any] = []

    def take_turns() -> None:
        copies.append(_bare_copy(store, base))
        with database.transaction() as session:
            session.execute(update(Outage).values(ended_at=worlds.at(next(minutes))))

    def measure() -> None:
        runs.append(data.cost_of(lambda: found.append(measure_impact(database, store, _REF, actor="nora").run)))

    benchmark.pedantic(measure, setup=take_turns, rounds=data.ROUNDS)
    run = found[-1]
    assert run.counts["lines"] == data.LINES
    took = data.middle(runs)
    inserted = data.middle([_bare_insert(database) for _ in range(data.ROUNDS)])
    looked_up = data.seconds_of(lambda: impact_of_line(store, run, data.LINES // 2))
    rows = [
        data.compared("the run, catalogued", took, took),
        data.compared("DuckDB COPY of its rows", took, data.middle(copies)),
        data.compared("PostgreSQL INSERT ... SELECT", took, inserted, in_process=False),
        ("one line looked up", f"{looked_up:.3f}", "", "", ""),
    ]
    data.print_table(f"{data.LINES:,} lines behind one HLR", data.COMPARED, rows)


def _bare_copy(store: SnapshotStore, base: str) -> data.Cost:
    """A plain COPY of the same rows and columns, with neither order nor checks nor counts."""
    target = store.directory / "rival.parquet"
    query = f"SELECT {_RUN} FROM {store.source(base)} WHERE served_by_id = {data.HLR}"
    with store.connect() as workspace:
        statement = f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
        return data.cost_of(lambda: workspace.execute(statement))


def _bare_insert(database: Database) -> data.Cost:
    """A plain INSERT of the same rows from a table that is the mirror already, into one without an index."""
    joined = "FROM subscribers s JOIN accounts a ON a.id = s.account_id"
    facts = ", ".join(name for name in FACTS if name not in ("currency", "account_lines"))
    mirror = (
        f"SELECT s.id AS line_id, account_id, a.currency, 1::bigint AS account_lines, served_by_id, {facts} {joined}"
    )
    with database.engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE IF NOT EXISTS rival_mirror AS {mirror}"))
        connection.execute(text("DROP TABLE IF EXISTS rival_run"))
        connection.execute(text(f"CREATE TABLE rival_run AS SELECT {_RUN} FROM rival_mirror LIMIT 0"))
    statement = text(f"INSERT INTO rival_run SELECT {_RUN} FROM rival_mirror WHERE served_by_id = {data.HLR}")

    def insert() -> None:
        with database.engine.begin() as connection:
            connection.execute(statement)

    return data.cost_of(insert)
