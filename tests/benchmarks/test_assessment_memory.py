"""The memory of `outage assess`, in a process of its own, as the lines and the cases grow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import select

from compensation.models import Assessment
from foundation import access, migrate
from foundation.cli import App
from foundation.db import Database
from foundation.settings import read_settings
from foundation.snapshots import SnapshotStore
from outage.models import Incident
from tests.benchmarks import impact_data as data
from tests.benchmarks.test_assessment_speed import distinct_fees, save_version
from wsgi import main

_ROOT = Path(__file__).resolve().parents[2]
_MEMORY_MB = os.environ.get("OUTAGE_MEMORY_MB", "500")
_SIZES = os.environ.get("OUTAGE_BENCH_CASES", f"{data.LINES // 10}:{data.LINES // 25},{data.LINES}:{data.LINES // 25}")
"""Pairs of lines and cases; every second case has a fee of its own, and a fee wants five lines."""


def test_memory_as_lines_and_cases_grow(benchmark: Any, tmp_path: Path) -> None:
    """Wanted: the whole process stays within its memory, whatever the number of lines or of cases."""
    sizes = [(int(lines), int(cases)) for lines, _, cases in (size.partition(":") for size in _SIZES.split(","))]

    def grow() -> list[dict[str, Any]]:
        return [_assess_alone(tmp_path / f"{lines}-{cases}", lines, cases) for lines, cases in sizes]

    found = benchmark.pedantic(grow, rounds=1)
    rows = [(f"{one['lines']:,}", f"{one['cases']:,}", f"{one['seconds']:.1f}", f"{one['peak_mb']}") for one in found]
    title = f"`outage assess`: memory limit {_MEMORY_MB} MB, peak of the whole process"
    data.print_table(title, ("lines", "cases", "seconds", "peak MB"), rows)


def _assess_alone(directory: Path, lines: int, cases: int) -> dict[str, Any]:
    settings = read_settings({"OUTAGE_DATA": str(directory)})
    database, store = Database(settings.database_url), SnapshotStore(settings.snapshots)
    migrate.upgrade(database)
    run = data.record_run(database, store, lines)
    distinct_fees(database, store, run, cases // 2)
    save_version(database, "service fee")
    with database.transaction() as session:
        access.add_user(
            session, name="maria", display_name="", password="a long password", roles=["admin"], actor="nora"
        )
        incident = session.get_one(Incident, run.incident_id).ref
    database.dispose()
    command = [sys.executable, "-m", "tests.benchmarks.test_assessment_memory", incident]
    environment = {**os.environ, "OUTAGE_DATA": str(directory), "OUTAGE_MEMORY_MB": _MEMORY_MB}
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True, env=environment)
    for file in settings.snapshots.glob("*.parquet"):
        file.unlink()
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _measure(incident: str) -> None:
    app = App()
    seconds = data.seconds_of(lambda: main(["assess", incident, "--as", "maria"], obj=app, standalone_mode=False))
    peak = data.peak_mb()
    with app.database.reading() as session:
        totals = session.scalars(select(Assessment.totals)).one()
    app.close()
    print(json.dumps({"seconds": seconds, "lines": totals["lines"], "cases": totals["cases"], "peak_mb": peak}))


if __name__ == "__main__":
    _measure(*sys.argv[1:])
