"""How long bringing the mirror up to date takes after one line in a hundred changed, against making it anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from foundation.db import Database
from foundation.snapshots import SnapshotStore
from outage.base.mirror import ensure_mirror
from outage.base.subscriber_import import import_subscribers
from outage.models import BulkState
from tests.benchmarks import impact_data as data


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    """A store with the memory that the settings give by default."""
    return SnapshotStore(tmp_path / "snapshots")


def test_refreshing_the_mirror_after_one_line_in_a_hundred_changed(
    benchmark: Any, database: Database, store: SnapshotStore, tmp_path: Path
) -> None:
    data.fill_base(database, store, data.LINES)
    first = data.seconds_of(lambda: ensure_mirror(database, store))
    path = data.write_subscriber_csv(store, tmp_path / "changed.csv", data.LINES, only="id % 100 = 7", plan="changed")
    with database.transaction() as session:
        result = import_subscribers(session, path, actor="ann", reject_dir=tmp_path)
    assert result.changed == data.LINES // 100
    layered = benchmark.pedantic(lambda: ensure_mirror(database, store), rounds=1)
    refreshed = benchmark.stats.stats.median
    reading = {"layer": _reading(store, layered)}
    with database.transaction() as session:
        session.execute(update(BulkState).values(whole_id=None, snapshot_id=None))
    anew_took = data.seconds_of(lambda: ensure_mirror(database, store))
    with database.reading() as session:
        anew = session.get_one(BulkState, "base").snapshot_id or ""
    reading["anew"] = _reading(store, anew)
    assert store.count_rows(layered) == store.count_rows(anew) == data.LINES
    rows = [
        ("the first", f"{first:.2f}", "", ""),
        ("anew after the change", f"{anew_took:.2f}", "1.0", f"{reading['anew'] * 1000:.0f} ms"),
        (
            "brought up to date",
            f"{refreshed:.2f}",
            f"{anew_took / refreshed:.1f} times faster",
            f"{reading['layer'] * 1000:.0f} ms",
        ),
    ]
    title = f"{database.engine.dialect.name}: mirror of {data.LINES:,} lines, 1 % of them changed"
    data.print_table(title, ("", "seconds", "", "to read it"), rows)


def _reading(store: SnapshotStore, snapshot_id: str) -> float:
    """The seconds to sum a few columns of all lines."""
    columns = "served_by_id, plan, sum(fee_list_minor), count(account_id)"
    query = f"SELECT {columns} FROM {store.source(snapshot_id)} GROUP BY ALL"
    with store.connect() as workspace:
        return min(data.seconds_of(lambda: workspace.fetch_rows(query)) for _ in range(3))
