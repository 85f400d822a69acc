"""How long a file of sightings takes into parts by day, checks included, against DuckDB that only sorts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foundation.db import Database
from foundation.snapshots import SnapshotStore
from outage.base.mirror import ensure_mirror
from outage.presence.presence import import_sightings
from tests import impact_worlds as worlds
from tests.benchmarks import impact_data as data

_ELEMENTS = 4_000
_DAYS = 2
_SEEN = f"""
    SELECT '+447' || lpad((i // {data.SIGHTINGS_PER_LINE} + 1)::VARCHAR, 9, '0') AS msisdn,
        'E' || (1 + hash(i) % {_ELEMENTS}) AS cell,
        to_timestamp({data.STARTED} + (hash(i + 7) % {_DAYS * 86_400})::BIGINT) AS seen_at
    FROM range({data.LINES * data.SIGHTINGS_PER_LINE}) t(i) ORDER BY hash(i + 11)
"""
"""Sightings of all lines in no order, as a probe writes them."""


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    """A store with the memory that the settings give by default."""
    return SnapshotStore(tmp_path / "snapshots")


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_importing_sightings_against_sorting_and_writing_them(
    benchmark: Any, sqlite_database: Database, store: SnapshotStore, tmp_path: Path, form: str
) -> None:
    data.fill_base(sqlite_database, store, data.LINES)
    with sqlite_database.transaction() as session:
        worlds.add_elements(session, *range(2, _ELEMENTS + 1))
    ensure_mirror(sqlite_database, store)
    path = tmp_path / f"seen.{form}"
    with store.connect() as workspace:
        workspace.execute(f"COPY ({_SEEN}) TO '{path}' (FORMAT {form})")
        target = tmp_path / "sorted.parquet"
        text = "types = {'msisdn': 'VARCHAR', 'cell': 'VARCHAR', 'seen_at': 'TIMESTAMPTZ'}"
        source = f"read_csv('{path}', {text})" if form == "csv" else f"'{path}'"
        ordered = f"COPY (FROM {source} ORDER BY msisdn, seen_at) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
        rival = data.cost_of(lambda: workspace.execute(ordered))

    def load() -> Any:
        with sqlite_database.transaction() as session:
            return import_sightings(session, store, path, actor="ann", reject_dir=tmp_path)

    took: list[data.Cost] = []
    found: list[Any] = []
    benchmark.pedantic(lambda: took.append(data.cost_of(lambda: found.append(load()))), rounds=1)
    rows = data.LINES * data.SIGHTINGS_PER_LINE
    assert (found[0].read, found[0].rejected) == (rows, 0)
    told = [data.compared("the import, checked", took[0], took[0]), data.compared("DuckDB, bare", took[0], rival)]
    pace = f"{rows / took[0].wall * 60:,.0f} rows a minute"
    data.print_table(f"{rows:,} sightings of {data.LINES:,} lines from {form}: {pace}", data.COMPARED, told)
