"""How long a what-if takes after one edited cell, against a hand-written SELECT sum(CASE ...) over the same lines."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from compensation.document.reading import load_policy
from compensation.policies import list_attribute_facts
from compensation.simulation import whatif as simulation
from compensation.simulation.whatif_results import WhatIf
from foundation.db import Database
from foundation.settings import read_settings
from foundation.snapshots import SnapshotStore
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
decisions:
  - name: share
    hit policy: F
    table: |
      plan | payment type | segment | lines on account | total loss | evidence || share : number
"""
_REWARDS = """\
rewards:
  - {name: credit, kind: bill_credit, when: share != null, amount: "round half up(share * discounted fee, 2)"}
"""


def _shares(edited: int) -> list[Fraction]:
    """The last column of the table; each edit is another value in the cell of the eighth rule."""
    shares = [Fraction(number + 1, 100) for number in range(_RULES)]
    shares[7] = Fraction(50 + edited, 100)
    return shares


def _rules() -> list[tuple[str, str, int]]:
    return [
        (f"plan {2 * number}", "prepaid" if number % 3 == 0 else "postpaid", 1 + number % 2) for number in range(_RULES)
    ]


def _policy(edited: int) -> str:
    rows = [
        f'      "{plan}" | "{payment}" | "consumer" | <= {most} | >= @"PT12H" | "served_by" || {float(share)}\n'
        for (plan, payment, most), share in zip(_rules(), _shares(edited), strict=True)
    ]
    return f"{_HEAD}{''.join(rows)}{_REWARDS}"


def _by_hand(edited: int) -> str:
    whens = " ".join(
        f"WHEN plan = '{plan}' AND payment_type = '{payment}' AND segment = 'consumer' AND account_lines <= {most} "
        f"AND lost_seconds >= 43200 AND evidence = 'served_by' "
        f"THEN round(fee_discounted_minor * {float(share)}::numeric)"
        for (plan, payment, most), share in zip(_rules(), _shares(edited), strict=True)
    )
    return f"SELECT sum(CASE {whens} ELSE 0 END) FROM rival_lines"


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    """A store with the memory that the settings give by default."""
    return SnapshotStore(tmp_path / "snapshots", memory_mb=read_settings({"OUTAGE_DATA": str(tmp_path)}).bulk_memory_mb)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_whatif_after_one_edited_cell(benchmark: Any, database: Database, store: SnapshotStore) -> None:
    """Wanted at 10 million lines: under 200 ms, and a fiftieth of the hand-written SQL."""
    run = data.record_run(database, store, data.LINES)
    found: list[WhatIf] = []

    def edit(number: int, against: Any = None) -> None:
        with database.reading() as session:
            found.append(simulation.simulate_text(session, store, _policy(number), run.id, against=against))

    first = data.seconds_of(lambda: edit(0))
    edits = iter(range(1, 10_000))
    benchmark.pedantic(lambda: edit(next(edits)), rounds=max(data.ROUNDS, 5))
    took = benchmark.stats.stats.median
    with database.reading() as session:
        rival = simulation.make_simulation(session, store, _document(session, _policy(0)), run.id).now.document
    compared = sorted(data.seconds_of(lambda: edit(next(edits), rival)) for _ in range(5))[2]
    edit(40)
    data.make_rival(database, data.LINES)
    by_hand = sorted(_sum(database, 40, found[-1].side.tally.cost_minor) for _ in range(data.ROUNDS))[data.ROUNDS // 2]
    rows = [
        ("what-if after an edited cell", f"{took:.3f}", "1"),
        ("the same, compared with another version", f"{compared:.3f}", f"{by_hand / compared:.0f}"),
        ("the first what-if on the run", f"{first:.3f}", f"{by_hand / first:.1f}"),
        ("PostgreSQL SELECT sum(CASE ...)", f"{by_hand:.3f}", f"{by_hand / took:.0f}"),
    ]
    title = f"{data.LINES:,} lines, {found[0].side.tally.cases:,} cases"
    data.print_table(title, ("", "seconds", "by hand / this"), rows)


def _document(session: Any, policy: str) -> Any:
    return load_policy(policy, attributes=list_attribute_facts(session))


def _sum(database: Database, edited: int, expected: int) -> float:
    found: list[Any] = []
    with database.engine.connect() as connection:
        took = data.seconds_of(lambda: found.append(connection.execute(text(_by_hand(edited))).scalar()))
    assert int(found[0]) == expected
    return took
