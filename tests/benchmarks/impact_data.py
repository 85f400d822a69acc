"""What the benchmarks of impact share: sizes from the environment, a base written straight in or as CSV, a table."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from flask.testing import FlaskClient
from sqlalchemy import text

from foundation import clock
from foundation.bulk import insert_rows
from foundation.db import Base, Database
from foundation.snapshots import SnapshotStore, WrittenFile, catalogue
from outage.base.mirror import SCHEMA as MIRROR
from outage.models import ImpactRun
from outage.network.inventory import raise_version
from outage.presence.sql import DAY_SECONDS
from outage.runs.inputs import RunInputs, extent_of
from outage.runs.measuring import write_run
from tests import impact_worlds as worlds

LINES = int(os.environ.get("OUTAGE_BENCH_LINES", "100000"))
"""How many lines; the small default finishes on any machine, the figures in docs/benchmarks.md say their own."""
ROUNDS = int(os.environ.get("OUTAGE_BENCH_ROUNDS", "3"))
"""How often each contestant runs; the median counts."""

HLR = 1
_BATCH = 50_000
ACCOUNT_COLUMNS = ("id", "ref", "name", "currency")
LINE_COLUMNS = (
    "id",
    "account_id",
    "msisdn",
    "imsi",
    "plan",
    "payment_type",
    "segment",
    "brand",
    "language",
    "zone",
    "status",
    "fee_list_minor",
    "fee_discounted_minor",
    "fee_service_minor",
    "fee_device_minor",
    "contract_started_on",
    "contract_ended_on",
    "served_by_id",
    "attributes",
)

# Every fifth line shares the account of the one before it. What is stored, as PostgreSQL and SQLite hold it.
_LINE = f"""
    i AS id, i - CASE WHEN i % 5 = 4 THEN 1 ELSE 0 END AS account_id,
    '+447' || lpad(i::VARCHAR, 9, '0') AS msisdn, '23410' || lpad(i::VARCHAR, 10, '0') AS imsi,
    'plan ' || (i % 40) AS plan, CASE WHEN i % 3 = 0 THEN 'prepaid' ELSE 'postpaid' END AS payment_type,
    'consumer' AS segment, 'O2' AS brand, 'en' AS language, 'Europe/London' AS zone, 'active' AS status,
    3000 + i % 500 AS fee_list_minor, 2500 AS fee_discounted_minor, 2000 AS fee_service_minor, 500 AS fee_device_minor,
    DATE '2009-01-01' + (i % 1000)::INTEGER AS contract_started_on, NULL AS contract_ended_on,
    {HLR} AS served_by_id, '{{}}' AS attributes
"""
_FILE = """
    msisdn, imsi, 'A' || account_id AS account, 'Name ' || account_id AS account_name, 'GBP' AS currency,
    plan, payment_type, segment, brand, language, zone, status,
    printf('%.2f', fee_list_minor / 100.0) AS fee_list, '25.00' AS fee_discounted, '20.00' AS fee_service,
    '5.00' AS fee_device, contract_started_on, 'E1' AS served_by
"""


def lines_sql(lines: int) -> str:
    """DuckDB's text of the stored lines, columns as in LINE_COLUMNS."""
    return f"SELECT {_LINE} FROM range(1, {lines + 1}) t(i)"


def accounts_sql(lines: int) -> str:
    """DuckDB's text of their stored accounts, columns as in ACCOUNT_COLUMNS."""
    columns = "i AS id, 'A' || i AS ref, 'Name ' || i AS name, 'GBP' AS currency"
    return f"SELECT {columns} FROM range(1, {lines + 1}) t(i) WHERE i % 5 <> 4"


def write_subscriber_csv(
    store: SnapshotStore, path: Path, lines: int, *, only: str = "true", plan: str | None = None
) -> Path:
    """The same lines, or some of them, as a file for `import_subscribers`; `plan`: another than they have."""
    file = _FILE if plan is None else _FILE.replace(" plan,", f" '{plan}' AS plan,")
    return _write_csv(store, path, f"SELECT {file} FROM ({lines_sql(lines)}) WHERE {only} ORDER BY id", header=True)


def write_stored_csv(store: SnapshotStore, path: Path, query: str) -> Path:
    """Stored rows as a file for PostgreSQL's own COPY."""
    return _write_csv(store, path, query, header=False)


def _write_csv(store: SnapshotStore, path: Path, query: str, *, header: bool) -> Path:
    with store.connect() as workspace:
        workspace.execute("SET preserve_insertion_order = true")
        workspace.execute(f"COPY ({query}) TO '{path}' (FORMAT csv, HEADER {str(header).lower()})")
    return path


def stored_rows(store: SnapshotStore, query: str) -> Iterator[list[tuple[Any, ...]]]:
    """Batches of stored rows (dates as ISO text) for `insert_rows`."""
    with store.connect() as workspace:
        workspace.execute("SET preserve_insertion_order = true")
        dated = f"SELECT * REPLACE (contract_started_on::VARCHAR AS contract_started_on) FROM ({query})"
        for batch in workspace.fetch_batches(dated if "contract_started_on" in query else query, size=_BATCH):
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def fill_base(database: Database, store: SnapshotStore, lines: int) -> None:
    """One HLR and the lines behind it, written straight into the records."""
    accounts, subscribers = Base.metadata.tables["accounts"], Base.metadata.tables["subscribers"]
    with database.transaction() as session:
        worlds.add_elements(session, HLR)
        connection = session.connection()
        insert_rows(connection, accounts, ACCOUNT_COLUMNS, stored_rows(store, accounts_sql(lines)))
        insert_rows(connection, subscribers, LINE_COLUMNS, stored_rows(store, lines_sql(lines)))
        raise_version(session, "base")
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")


def seconds_of(work: Callable[[], object]) -> float:
    """How long one call takes, on the wall."""
    started = clock.monotonic()
    work()
    return clock.monotonic() - started


@dataclass(frozen=True)
class Cost:
    """What one call took: seconds on the wall, and seconds of processor time of this process with all its threads."""

    wall: float
    processor: float


def cost_of(work: Callable[[], object]) -> Cost:
    """What one call takes. On a busy machine the processor tells more than the wall."""
    spent = time.process_time()
    wall = seconds_of(work)
    return Cost(wall, time.process_time() - spent)


def middle(costs: Sequence[Cost]) -> Cost:
    """The medians."""
    return Cost(statistics.median(one.wall for one in costs), statistics.median(one.processor for one in costs))


def plus(one: Cost, other: Cost) -> Cost:
    """One after the other."""
    return Cost(one.wall + other.wall, one.processor + other.processor)


def compared(name: str, run: Cost, rival: Cost, *, in_process: bool = True) -> tuple[str, ...]:
    """A row of a table: a contestant's seconds and how many times as long the run took, by the wall and processor."""
    told = (name, f"{rival.wall:.2f}", f"{run.wall / rival.wall:.2f}")
    if not in_process:
        return (*told, "", "")
    return (*told, f"{rival.processor:.2f}", f"{run.processor / rival.processor:.2f}")


COMPARED = ("", "seconds", "run / this", "processor seconds", "run / this")
"""The header of rows of `compared`."""


def page_of(client: FlaskClient, address: str) -> Callable[[], None]:
    """A call of a page, which must answer with something."""

    def get() -> None:
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.status)
        assert answer.data

    return get


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A small table on the terminal."""
    widths = [max(len(row[at]) for row in (header, *rows)) for at in range(len(header))]
    print(f"\n{title}")
    for row in (header, *rows):
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))


def write_mirror(store: SnapshotStore, lines: int) -> str:
    """A mirror of these lines without a database; returns its id."""
    return _mirror(store, lines).id


def record_run(database: Database, store: SnapshotStore, lines: int) -> ImpactRun:
    """A run of these lines behind an HLR that failed for 20 hours: its files and its record, and no lines in the base.

    For what reads nothing of a line but the snapshots: ten million are there in seconds.
    """
    mirror = _mirror(store, lines)
    written = write_run(store, hlr_inputs(mirror.id))
    with database.transaction() as session:
        worlds.add_elements(session, HLR)
        incident = worlds.add_incident(session)
        worlds.add_outage(session, incident, HLR, 0, 1200)
        base, found, patterns = (catalogue(session, file) for file in (mirror, written.lines, written.patterns))
        run = ImpactRun(
            incident_id=incident.id,
            number=1,
            as_of=worlds.at(1200),
            fingerprint=written.lines.id,
            lines_snapshot=found,
            patterns_snapshot=patterns,
            base_snapshot=base,
            counts=written.counts,
            measured_by="nora",
            measured_at=worlds.at(1200),
        )
        session.add(run)
    return run


RIVAL_SQL = """
CREATE TABLE rival_lines AS SELECT i AS line_id, 'plan ' || (i % 40) AS plan,
    CASE WHEN i % 3 = 0 THEN 'prepaid' ELSE 'postpaid' END AS payment_type, 'consumer'::text AS segment,
    CASE WHEN i % 5 >= 3 THEN 2 ELSE 1 END::bigint AS account_lines, 'served_by'::text AS evidence,
    2500::bigint AS fee_discounted_minor, {fee} AS fee_service_minor, 72000::bigint AS lost_seconds
FROM generate_series(1, {lines}) t(i)
"""
"""The same lines in one plain table of PostgreSQL, with what rules read of them."""


def make_rival(database: Database, lines: int, fee: str = "2000::bigint") -> None:
    """The rival's table, vacuumed and analysed; `fee`: the service fee of line i."""
    with database.engine.begin() as connection:
        connection.execute(text(RIVAL_SQL.format(lines=lines, fee=fee)))
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE rival_lines")


def _mirror(store: SnapshotStore, lines: int) -> WrittenFile:
    others = {
        "line_id": "id",
        "account_ref": "'A' || account_id",
        "currency": "'GBP'",
        "account_lines": "CASE WHEN id % 5 >= 3 THEN 2 ELSE 1 END",
        "home_area": "NULL::VARCHAR",
        "contract_ended_on": "NULL::DATE",
        "served_by_id": "served_by_id::BIGINT",
    }
    nothing = {pa.int64(): "NULL::BIGINT", pa.int32(): "NULL::INTEGER", pa.date32(): "NULL::DATE"}
    for field in MIRROR:
        if field.name not in (*LINE_COLUMNS, *others):
            others[field.name] = nothing.get(field.type, "NULL::VARCHAR")
    columns = ", ".join(f"{others.get(name, name)} AS {name}" for name in MIRROR.names)
    with store.connect() as workspace:
        workspace.execute("SET preserve_insertion_order = true")
        return store.write_query(workspace, "base", f"SELECT {columns} FROM ({lines_sql(lines)}) ORDER BY line_id")


CELLS = 2_000
_FIRST_CELL = 10
SIGHTINGS_PER_LINE = 10
HOLD = 6 * 3600
STARTED = worlds.seconds(0)


def write_sightings(store: SnapshotStore, lines: int) -> tuple[str, ...]:
    """Ten sightings of each line on one of twice as many cells as fail, from the hold before to a day after.

    A part per UTC day, each in the order of lines and moments, as an import writes them. No line is seen twice in one
    second, so that SQL which asks for the next row asks for the next moment.
    """
    each, seconds = SIGHTINGS_PER_LINE, HOLD + 86_400
    query = f"""
        SELECT i // {each} + 1 AS line_id,
            {_FIRST_CELL} + (hash(i) % {2 * CELLS})::BIGINT AS element_id,
            {STARTED - HOLD} + (hash(i + 7) % {seconds // each})::BIGINT * {each} + i % {each} AS seen_at
        FROM range({lines * each}) t(i)
    """
    first_day, last_day = ((STARTED + shift) // DAY_SECONDS for shift in (-HOLD, 86_400 - 1))
    with store.connect() as workspace:
        return tuple(
            store.write_query(
                workspace,
                "presence",
                f"FROM ({query}) WHERE seen_at // {DAY_SECONDS} = {day} ORDER BY line_id, seen_at, element_id",
            ).id
            for day in range(first_day, last_day + 1)
        )


def storm() -> dict[tuple[int, str], tuple[tuple[int, int], ...]]:
    """The cells that fail, in twenty stages, restored in forty: per (element id, service), in Unix seconds."""
    return {
        (_FIRST_CELL + number, service): ((STARTED + number % 20 * 600, STARTED + 36_000 + number % 40 * 600),)
        for number in range(CELLS)
        for service in worlds.SERVICES
    }


def storm_inputs(base: str, sightings: tuple[str, ...]) -> RunInputs:
    """The storm over a mirror and its sightings."""
    footprint = storm()
    first, last = extent_of(footprint.values())
    return RunInputs(base=base, footprint=footprint, hold_seconds=HOLD, extent=(first, last), sightings=sightings)


def hlr_inputs(base: str) -> RunInputs:
    """The HLR of all lines, twenty hours without service."""
    span = (STARTED, STARTED + 72_000)
    footprint = {(HLR, service): (span,) for service in worlds.SERVICES}
    return RunInputs(base=base, footprint=footprint, hold_seconds=HOLD, extent=span)


def forget_peak() -> int:
    """Measure the peak anew from here on (Linux); returns what the process holds now, in megabytes."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak_mb()


def peak_mb() -> int:
    """The most memory that this process ever held (Linux); getrusage would count its parent's too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) // 1024
