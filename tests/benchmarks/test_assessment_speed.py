"""From a run to its assessment, and on to released rows: against hand-written SQL, a bare COPY and executemany."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterable
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, Table, delete, select, text

from compensation import approval, assessment, policies
from compensation.assessment import make_situation
from compensation.cases import sql as case_sql
from compensation.cases.situation import Situation
from compensation.credits import release_credits
from compensation.decision.function import PolicyFunction
from compensation.models import Approval, Assessment, Case, CaseSummary, Credit, LedgerEntry, PolicyState
from compensation.release_rows import CREDIT_COLUMNS
from foundation.bulk import insert_rows
from foundation.db import Database
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
    return SnapshotStore(tmp_path / "snapshots")


def _world(database: Database, store: SnapshotStore, *, distinct_fees: int = 0) -> int:
    """All lines lost 20 hours; with `distinct_fees` so many different service fees among them. Returns the run."""
    data.fill_base(database, store, data.LINES)
    with database.transaction() as session:
        incident = worlds.add_incident(session)
        worlds.add_outage(session, incident, data.HLR, 0, 1200)
        incident.status = IncidentStatus.OPENED
    run = measure_impact(database, store, "INC-2012-00001", actor="nora").run
    if distinct_fees:
        fee = f"1000 + line_id % {distinct_fees}"
        query = f"FROM {store.source(run.lines_snapshot)} SELECT * REPLACE (({fee})::BIGINT AS fee_service_minor)"
        with store.connect() as workspace:
            written = store.write_query(workspace, "lines", query)
        with database.transaction() as session:
            session.get_one(ImpactRun, run.id).lines_snapshot = catalogue(session, written)
    return run.id


def _version(database: Database, fee: str) -> int:
    with database.transaction() as session:
        version = policies.save_policy(session, _policy(fee), actor="maria").version
        version.state = PolicyState.APPROVED
        return version.id


def _forget(database: Database, *tables: Any) -> None:
    with database.transaction() as session:
        for table in tables or (LedgerEntry, Delivery, Credit, Case, CaseSummary, Approval, Assessment):
            session.execute(delete(table))


def _median(work: Callable[[], float]) -> float:
    return sorted(work() for _ in range(data.ROUNDS))[data.ROUNDS // 2]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("fee", ["discounted fee", "service fee"], ids=["few cases", "many cases"])
def test_from_a_run_to_its_assessment(benchmark: Any, database: Database, store: SnapshotStore, fee: str) -> None:
    many = fee == "service fee"
    run = _world(database, store, distinct_fees=min(data.LINES, 1_000_000) if many else 0)
    version = _version(database, fee)

    def assess() -> Assessment:
        return assessment.assess(database, store, run, version, actor="maria").assessment

    made = benchmark.pedantic(assess, setup=lambda: _forget(database), rounds=data.ROUNDS)
    took = benchmark.stats.stats.median
    with database.reading() as session:
        situation = make_situation(session, store, run, version)
    column = "fee_service_minor" if many else "fee_discounted_minor"
    by_hand = _median(lambda: _sum_by_hand(database, store, situation, column, made.totals["cost_minor"]))
    grouped, decided = _group_and_decide(store, situation)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = [
        ("the assessment, kept", f"{took:.2f}", "1.00"),
        ("PostgreSQL SELECT sum(CASE ...)", f"{by_hand:.2f}", f"{took / by_hand:.2f}"),
        ("DuckDB GROUP BY + generated function", f"{grouped + decided:.2f}", f"{took / (grouped + decided):.2f}"),
        ("  of it the generated function", f"{decided:.2f}", ""),
    ]
    title = f"{data.LINES:,} lines, {made.totals['cases']:,} cases; peak of the process {peak:.0f} MB"
    data.print_table(title, ("", "seconds", "assessment / this"), rows)


def _sum_by_hand(database: Database, store: SnapshotStore, situation: Situation, column: str, expected: int) -> float:
    columns = f"line_id, plan, payment_type, segment, account_lines, evidence, {column}"
    with database.engine.connect() as connection:
        known = connection.execute(text("SELECT to_regclass('rival_lines')")).scalar()
    if known is None:
        with database.engine.begin() as connection:
            connection.execute(
                text(
                    "CREATE TABLE rival_lines (line_id bigint, plan text, payment_type text, segment text, "
                    f"account_lines bigint, evidence text, {column} bigint, lost_seconds bigint)"
                )
            )
            insert_rows(
                connection,
                Table("rival_lines", MetaData()),
                [*columns.split(", "), "lost_seconds"],
                _rival_rows(store, situation, columns),
            )
        with database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE rival_lines")
    with database.engine.connect() as connection:
        found: list[Any] = []
        took = data.seconds_of(lambda: found.append(connection.execute(text(_case_text(column))).scalar()))
    assert int(found[0]) == expected
    return took


def _rival_rows(store: SnapshotStore, situation: Situation, columns: str) -> Iterable[list[tuple[Any, ...]]]:
    with store.connect() as workspace:
        query = f"FROM ({situation.population}) SELECT {columns}, 72000"
        for batch in workspace.fetch_batches(query):
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _group_and_decide(store: SnapshotStore, situation: Situation) -> tuple[float, float]:
    """DuckDB's bare GROUP BY of the same facts, and then the generated function once per group."""
    query = case_sql.cases_sql(situation.population, situation.columns)
    with store.connect() as workspace:
        rows: list[tuple[Any, ...]] = []
        grouped = data.seconds_of(lambda: rows.extend(workspace.fetch_rows(query)))
    function = PolicyFunction(situation.document, on=date(2012, 7, 11))
    facts = [situation.facts_of(row[1:-1]) for row in rows]
    return grouped, data.seconds_of(lambda: [function(one) for one in facts])


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_from_an_assessment_to_released_rows(benchmark: Any, database: Database, store: SnapshotStore) -> None:
    run = _world(database, store)
    version = _version(database, "discounted fee")

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

    released = benchmark.pedantic(release, setup=ready, rounds=data.ROUNDS)
    took = benchmark.stats.stats.median
    with database.reading() as session:
        names = [getattr(Credit, name) for name in CREDIT_COLUMNS]
        credits = [tuple(row) for row in session.execute(select(*names))]
    stored = [(*row[:-1], int(row[-1].timestamp())) for row in credits]
    with database.reading() as session:
        table: Table = Delivery.__table__  # type: ignore[assignment]
        columns = [column for column in table.columns if column.name != "id"]
        deliveries = [tuple(map(_stored, row)) for row in session.execute(select(*columns))]
    _forget(database, LedgerEntry, Delivery, Credit)
    bare = _median(lambda: _bare(database, stored, [column.name for column in columns], deliveries))
    name = "executemany" if database.is_sqlite else "COPY"
    rows = [
        ("the release: credits, ledger, postings", f"{took:.2f}", f"{released.credits / took:,.0f}", "1.00"),
        (
            f"a bare {name} of credits and postings",
            f"{bare:.2f}",
            f"{released.credits / bare:,.0f}",
            f"{took / bare:.2f}",
        ),
    ]
    title = f"{released.credits:,} credits of {data.LINES:,} lines, {database.engine.dialect.name}"
    data.print_table(title, ("", "seconds", "credits a second", "release / this"), rows)


def _stored(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value)
    return int(value.timestamp()) if hasattr(value, "timestamp") else value


def _bare(database: Database, credits: list[Any], columns: list[str], deliveries: list[Any]) -> float:
    """Both tables filled with rows that are ready, their keys in place; then emptied again."""

    def fill(connection: Connection) -> None:
        insert_rows(connection, Credit.__table__, CREDIT_COLUMNS, [credits])  # type: ignore[arg-type]
        insert_rows(connection, Delivery.__table__, columns, [deliveries])  # type: ignore[arg-type]

    with database.engine.connect() as connection:
        took = data.seconds_of(lambda: fill(connection))
        connection.rollback()
    return took
