"""How long a run of a million lines behind one HLR takes, against a bare DuckDB COPY of the same rows."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from foundation import clock
from foundation.bulk import insert_rows
from foundation.db import Base, Database
from foundation.snapshots import SnapshotStore
from outage.impact import measure_impact
from outage.impact_sql import FACTS
from outage.inventory import raise_version
from outage.lines import impact_of_line
from outage.mirror import ensure_mirror
from outage.models import Outage
from tests import impact_worlds as worlds

_LINES = 1_000_000
_BATCH = 50_000
_HLR = 1


def _accounts() -> Iterator[list[tuple[Any, ...]]]:
    for first in range(1, _LINES + 1, _BATCH):
        yield [(number, f"A{number}", f"Name {number}", "GBP") for number in range(first, first + _BATCH)]


def _lines() -> Iterator[list[tuple[Any, ...]]]:
    for first in range(1, _LINES + 1, _BATCH):
        yield [_line(number) for number in range(first, first + _BATCH)]


def _line(number: int) -> tuple[Any, ...]:
    who = (number, number, f"+44{number:010d}", f"23410{number:010d}", f"plan {number % 40}", "postpaid", "consumer")
    return (
        *who,
        "O2",
        "en",
        "Europe/London",
        "active",
        3000 + number % 500,
        2500,
        2000,
        500,
        _HLR,
        '{"loyalty":"gold"}',
    )


_FEES = ["fee_list_minor", "fee_discounted_minor", "fee_service_minor", "fee_device_minor"]
_WHO = ["id", "account_id", "msisdn", "imsi", "plan", "payment_type", "segment", "brand", "language", "zone", "status"]
_COLUMNS = [*_WHO, *_FEES, "served_by_id", "attributes"]


def _fill(database: Database) -> None:
    accounts, subscribers = Base.metadata.tables["accounts"], Base.metadata.tables["subscribers"]
    with database.transaction() as session:
        worlds.add_elements(session, _HLR)
        insert_rows(session.connection(), accounts, ["id", "ref", "name", "currency"], _accounts())
        insert_rows(session.connection(), subscribers, _COLUMNS, _lines())
        raise_version(session, "base")
        worlds.add_outage(session, worlds.add_incident(session), _HLR, 0, 1200)


def test_a_million_lines_behind_one_hlr(benchmark: Any, database: Database, store: SnapshotStore) -> None:
    _fill(database)
    started = clock.monotonic()
    base = ensure_mirror(database, store)
    mirror_took = clock.monotonic() - started
    minutes = iter(range(600, 1200))

    def correct_the_end() -> None:
        with database.transaction() as session:
            session.execute(update(Outage).values(ended_at=worlds.at(next(minutes))))

    def measure() -> Any:
        return measure_impact(database, store, "INC-2012-00001", actor="nora").run

    run = benchmark.pedantic(measure, setup=correct_the_end, rounds=5)
    assert run.counts["lines"] == _LINES
    rival = _bare_copy(store, base)
    took = benchmark.stats.stats.median
    started = clock.monotonic()
    assert impact_of_line(store, run, _LINES // 2) is not None
    looked_up = clock.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"\n{database.engine.dialect.name}: mirror {mirror_took:.2f} s ({_LINES / mirror_took:,.0f} lines/s); "
        f"run {took:.2f} s; bare COPY {rival:.2f} s; ratio {took / rival:.2f}; "
        f"one line {looked_up * 1000:.0f} ms; peak {peak} MB"
    )


def _bare_copy(store: SnapshotStore, base: str) -> float:
    """The median seconds of a plain COPY of the same rows and columns, with neither order nor checks nor counts."""
    columns = f"line_id, account_id, repeat('a', 64) AS pattern, 'served_by' AS evidence, {', '.join(FACTS)}"
    target = store.directory / "rival.parquet"
    times = []
    for _ in range(5):
        with store.connect() as workspace:
            started = clock.monotonic()
            workspace.execute(
                f"COPY (SELECT {columns} FROM {store.source(base)} WHERE served_by_id = {_HLR}) "
                f"TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
            )
            times.append(clock.monotonic() - started)
    return sorted(times)[2]


@pytest.fixture
def store(tmp_path: Any) -> SnapshotStore:
    """A store with the memory that the settings give by default."""
    return SnapshotStore(tmp_path / "snapshots")
