"""From a run to its assessment, and on to released rows: against hand-written SQL, a bare COPY and executemany."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, delete, text

from compensation import approval, assessment, policies
from compensation.assessment import make_situation
from compensation.cases import sql as case_sql
from compensation.cases.situation import Situation
from compensation.credits import release_credits
from compensation.decision.function import PolicyFunction
from compensation.models import Approval, Assessment, Case, CaseSummary, Credit, LedgerEntry, PolicyState
from foundation.bulk import insert_rows
from foundation.db import Database
from foundation.settings import read_settings
from foundation.snapshots import SnapshotStore, catalogue
from notify.models import Delivery
from outage.lifecycle import IncidentStatus
from outage.models import ImpactRun
from outage.runs.impact import measure_impact
from tests import impact_worlds as worlds
from tests.benchmarks import impact_data as data

_RULES = 20
_HEAD = """\
policy: bench
title: Twenty rules over six facts
basis: goodwill
currency: GBP
zone: Europe/London
in force: {from: 2012-01-01, to: null}
population: affected
sources: [{what: made up, where: here}]
"""
_INPUTS = "plan | payment type | segment | lines on account | total loss | evidence || share : number"


def _rules() -> list[tuple[str, str, int, Fraction]]:
    """Plan, payment type, most lines on the account, share of the fee."""
    return [
        (f"plan {2 * number}", "prepaid" if number % 3 == 0 else "postpaid", 1 + number % 2, Fraction(number + 1, 100))
        for number in range(_RULES)
    ]


def _policy(fee: str) -> str:
    rows = [
        f'"{plan}" | "{payment}" | "consumer" | <= {most} | >= @"PT12H" | "served_by" || {float(share)}'
        for plan, payment, most, share in _rules()
    ]
    table = "\n".join(f"      {line}" for line in (_INPUTS, *rows))
    return (
        f"{_HEAD}decisions:\n  - name: share\n    hit policy: F\n    table: |\n{table}\n"
        "rewards:\n  - name: credit\n    kind: bill_credit\n    when: share != null\n"
        f"    amount: round half up(share * {fee}, 2)\n"
    )


def _case_text(fee: str) -> str:
    """The same as one writes it by hand: a row of the run's table per line, its amount in minor units."""
    whens = " ".join(
        f"WHEN plan = '{plan}' AND payment_type = '{payment}' AND segment = 'consumer' AND account_lines <= {most} "
        f"AND lost_seconds >= 43200 AND evidence = 'served_by' THEN round({fee} * {float(share)}::numeric)"
        for plan, payment, most, share in _rules()
    )
    return f"SELECT sum(CASE {whens} ELSE 0 END) FROM rival_lines"


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    """A store with the memory that the settings give by default."""
    return SnapshotStore(tmp_path / "snapshots", memory_mb=read_settings({"OUTAGE_DATA": str(tmp_path)}).bulk_memory_mb)


def distinct_fees(database: Database, store: SnapshotStore, run: ImpactRun, fees: int) -> None:
    """Give the lines of a run so many different service fees."""
    fee = f"(1000 + line_id % {fees})::BIGINT"
    with store.connect() as workspace:
        query = f"FROM {store.source(run.lines_snapshot)} SELECT * REPLACE ({fee} AS fee_service_minor)"
        written = store.write_query(workspace, "lines", query)
    with database.transaction() as session:
        session.get_one(ImpactRun, run.id).lines_snapshot = catalogue(session, written)


def fill_world(database: Database, store: SnapshotStore) -> int:
    """All lines, in the records too, lost 20 hours. Returns the run."""
    data.fill_base(database, store, data.LINES)
    with database.transaction() as session:
        incident = worlds.add_incident(session)
        worlds.add_outage(session, incident, data.HLR, 0, 1200)
        incident.status = IncidentStatus.OPENED
    return measure_impact(database, store, "INC-2012-00001", actor="nora").run.id


def save_version(database: Database, fee: str) -> int:
    """The policy of twenty rules, approved, that gives shares of a fee. Returns its id."""
    with database.transaction() as session:
        version = policies.save_policy(session, _policy(fee), actor="maria").version
        version.state = PolicyState.APPROVED
        return version.id


def _forget(database: Database, *tables: Any) -> None:
    with database.transaction() as session:
        for table in tables or (LedgerEntry, Delivery, Credit, Case, CaseSummary, Approval, Assessment):
            session.execute(delete(table))
    _clean(database)


def _clean(database: Database) -> None:
    """Take dead rows and their entries in the indexes away: whoever writes next would have to look at them."""
    if not database.is_sqlite:
        with database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM")


def _median(work: Callable[[], float]) -> float:
    return sorted(work() for _ in range(data.ROUNDS))[data.ROUNDS // 2]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("fee", ["discounted fee", "service fee"], ids=["few cases", "many cases"])
def test_from_a_run_to_its_assessment(benchmark: Any, database: Database, store: SnapshotStore, fee: str) -> None:
    """Wanted: a fifth of the hand-written SQL, 1.5 times DuckDB's bare grouping with the function, at 10 M lines.

    With a million distinct fees: three times what few cases take, plus the function's own time, within the memory.
    """
    fees = min(data.LINES, 1_000_000) if fee == "service fee" else 0
    recorded = data.record_run(database, store, data.LINES)
    if fees:
        distinct_fees(database, store, recorded, fees)
    run, version = recorded.id, save_version(database, fee)
    before = data.forget_peak()

    def assess() -> Assessment:
        return assessment.assess(database, store, run, version, actor="maria").assessment

    costs: list[data.Cost] = []
    made: list[Assessment] = []

    def work() -> None:
        costs.append(data.cost_of(lambda: made.append(assess())))

    benchmark.pedantic(work, setup=lambda: _forget(database), rounds=data.ROUNDS)
    peak, took = data.peak_mb(), data.middle(costs)
    with database.reading() as session:
        situation = make_situation(session, store, run, version)
    data.make_rival(database, data.LINES, f"(1000 + i % {fees})::bigint" if fees else "2000::bigint")
    column = "fee_service_minor" if fees else "fee_discounted_minor"
    by_hand = _median(lambda: _sum_by_hand(database, column, made[0].totals["cost_minor"]))
    grouped, decided = _group_and_decide(store, situation)
    rows = [
        data.compared("the assessment, kept", took, took),
        data.compared("PostgreSQL SELECT sum(CASE ...)", took, data.Cost(by_hand, 0), in_process=False),
        data.compared("DuckDB GROUP BY + generated function", took, data.plus(grouped, decided)),
        data.compared("  of it the generated function", took, decided),
    ]
    title = (
        f"{data.LINES:,} lines, {made[0].totals['cases']:,} cases; the process held {before} MB before, at most {peak} "
        f"MB while assessing; DuckDB's limit {store.memory_mb} MB"
    )
    data.print_table(title, data.COMPARED, rows)


def _sum_by_hand(database: Database, column: str, expected: int) -> float:
    with database.engine.connect() as connection:
        found: list[Any] = []
        took = data.seconds_of(lambda: found.append(connection.execute(text(_case_text(column))).scalar()))
    assert int(found[0]) == expected
    return took


def _group_and_decide(store: SnapshotStore, situation: Situation) -> tuple[data.Cost, data.Cost]:
    """DuckDB's bare GROUP BY of the same facts, and then the generated function once per group."""
    query = case_sql.cases_sql(situation.population, situation.columns)
    found: list[list[tuple[Any, ...]]] = []
    with store.connect() as workspace:
        costs = [data.cost_of(lambda: found.append(workspace.fetch_rows(query))) for _ in range(data.ROUNDS)]
    function = PolicyFunction(situation.document, on=date(2012, 7, 11))
    facts = [situation.facts_of(row[1:-1]) for row in found[0]]
    return data.middle(costs), data.cost_of(lambda: [function(one) for one in facts])


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_from_an_assessment_to_released_rows(benchmark: Any, database: Database, store: SnapshotStore) -> None:
    """Wanted on PostgreSQL 1.3 times, on SQLite at a million lines 1.5 times what the bare rows take."""
    run = fill_world(database, store)
    version = save_version(database, "discounted fee")

    def ready() -> tuple[tuple[str], dict[str, Any]]:
        _forget(database)
        ref = assessment.assess(database, store, run, version, actor="maria").assessment.ref
        with database.transaction() as session:
            approval.submit_assessment(session, ref, actor="maria")
        with database.transaction() as session:
            approval.approve_assessment(session, ref, actor="omar", reason="bench")
        return (ref,), {}

    def release(ref: str) -> Any:
        return release_credits(database, store, ref, actor="omar")

    costs: list[data.Cost] = []
    made: list[Any] = []

    def timed(ref: str) -> None:
        costs.append(data.cost_of(lambda: made.append(release(ref))))

    benchmark.pedantic(timed, setup=ready, rounds=data.ROUNDS)
    took, released = data.middle(costs), made[-1]
    ready_rows = {model: _ready(database, model) for model in (Credit, Delivery, LedgerEntry)}
    _forget(database, LedgerEntry, Delivery, Credit)
    money = data.middle([_bare(database, ready_rows, Credit, Delivery) for _ in range(data.ROUNDS)])
    every = data.middle([_bare(database, ready_rows, Credit, Delivery, LedgerEntry) for _ in range(data.ROUNDS)])
    name = "executemany" if database.is_sqlite else "COPY"
    rows = [
        data.compared("the release: credits, ledger, postings", took, took),
        data.compared(f"a bare {name} of credits and postings", took, money, in_process=database.is_sqlite),
        data.compared(f"a bare {name} of all three", took, every, in_process=database.is_sqlite),
    ]
    title = f"{released.credits:,} credits of {data.LINES:,} lines, {database.engine.dialect.name}"
    data.print_table(title, data.COMPARED, rows)


def _ready(database: Database, model: Any) -> Callable[[Connection], object]:
    """What writes the rows of a table again as they are, in the form that the database takes in with least work."""
    table: Table = model.__table__
    # What the database computes is nobody's to write.
    own = [column.name for column in table.columns if column.computed is None]
    # The ledger names the credits by their ids, which would be others.
    names = [name for name in own if name != "id" or model is Credit]
    listed = ", ".join(f'"{name}"' for name in names)
    order = ", ".join(column.name for column in table.primary_key)
    query = f"SELECT {listed} FROM {table.name} ORDER BY {order}"
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if database.is_sqlite:
            rows = driver.execute(query).fetchall()
            return lambda connection: insert_rows(connection, table, names, [rows])
        with driver.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT") as copy:
            written = b"".join(map(bytes, copy))
    return lambda connection: _copy(connection, f"COPY {table.name} ({listed}) FROM STDIN", written)


def _copy(connection: Connection, statement: str, written: bytes) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(written)


def _bare(database: Database, ready: dict[Any, Callable[[Connection], object]], *models: Any) -> data.Cost:
    """Tables filled with rows that are ready, their keys in place; then emptied again."""
    with database.engine.connect() as connection:
        took = data.cost_of(lambda: [ready[model](connection) for model in models])
        connection.rollback()
    _clean(database)
    return took
