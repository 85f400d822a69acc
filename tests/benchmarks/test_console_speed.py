"""How long what-if and the pages of the worst incidents take over a national network: the first time, and again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from foundation import clock
from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from outage.base.mirror import ensure_mirror
from outage.incidents.incidents import OutageStart, open_incident
from outage.lifecycle import CauseClass, Severity
from outage.network import footprint
from outage.network import map as network_map
from outage.network.failure import reach_of_failure
from outage.runs.impact import measure_impact
from outage.web import losses
from tests.benchmarks import impact_data as data
from tests.benchmarks import network_data as network
from tests.web_client import add_staff, make_web, sign_in

_AGAIN = 20


@pytest.fixture
def store(tmp_path: Any) -> SnapshotStore:
    """A store with the memory that the settings give by default."""
    return SnapshotStore(tmp_path / "snapshots")


def _forget() -> None:
    """As a process that has just started."""
    for kept in (network_map._kept, footprint._kept, losses._kept):
        kept.__init__(kept._most)  # type: ignore[misc]


def _times(work: Callable[[], object]) -> tuple[str, str]:
    """Milliseconds of a first call, and the 95th percentile of those after it."""
    _forget()
    first = data.seconds_of(work)
    again = sorted(data.seconds_of(work) for _ in range(_AGAIN))
    return f"{first * 1000:.0f}", f"{again[int(_AGAIN * 0.95) - 1] * 1000:.0f}"


def _incident(database: Database, *outages: OutageStart) -> str:
    with database.transaction() as session:
        return open_incident(
            session,
            title="Down",
            severity=Severity.CRITICAL,
            cause_class=CauseClass.SOFTWARE,
            started_at=clock.now() - timedelta(hours=3),
            outages=outages,
            actor="nina",
        ).ref


def test_the_pages_of_a_network_that_is_down(database: Database, store: SnapshotStore, settings: Settings) -> None:
    network.fill_network(database, store, data.LINES)
    ensure_mirror(database, store)
    began = clock.now() - timedelta(hours=3)
    register = _incident(database, OutageStart(network.REGISTER, None, began))
    sites = (OutageStart(network.site_ref(n), None, began + timedelta(minutes=n % 100)) for n in range(network.SITES))
    storm = _incident(database, *sites)
    measure_impact(database, store, register, actor="nina")

    def ask() -> None:
        with database.reading() as session:
            assert reach_of_failure(session, store, [network.REGISTER]).cells == network.CELLS

    add_staff(database, "noc")
    client = sign_in(make_web(settings, database, store), database, "noc")
    pages = {
        "what-if page": f"/network/whatif?elements={network.REGISTER}",
        "incident: one register": f"/incidents/{register}",
        "incident: every site": f"/incidents/{storm}",
        "its map": f"/incidents/{storm}/map.json",
        "its cells": f"/incidents/{storm}/cells",
        "the register's run": f"/incidents/{register}/runs/1",
        "the register's duties": f"/incidents/{register}/duties",
        "list of incidents": "/incidents",
        "map of the network": "/network/map.json",
    }
    rows = [("what breaks, asked of the use case", *_times(ask))]
    rows += [(name, *_times(data.page_of(client, address))) for name, address in pages.items()]
    title = f"{database.engine.dialect.name}: {network.CELLS:,} cells, {data.LINES:,} lines; milliseconds"
    data.print_table(title, ("", "first", "p95 of those after"), rows)
