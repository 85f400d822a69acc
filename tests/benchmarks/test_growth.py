"""How the time per line and the memory of a run grow with the number of lines, each run in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from foundation.settings import read_settings
from foundation.snapshots import SnapshotStore
from outage.runs.measuring import write_run
from tests.benchmarks import impact_data as data

_ROOT = Path(__file__).resolve().parents[2]
_SIZES = tuple(map(int, os.environ.get("OUTAGE_BENCH_GROWTH", f"{data.LINES // 10},{data.LINES}").split(",")))
_MEMORY_MB = int(os.environ.get("OUTAGE_MEMORY_MB", "500"))
_KINDS = {"behind one HLR": "hlr", "storm of cells": "storm"}


@pytest.mark.parametrize("kind", list(_KINDS))
def test_time_per_line_and_memory_as_the_base_grows(benchmark: Any, tmp_path: Path, kind: str) -> None:
    def grow() -> list[dict[str, Any]]:
        return [_run_alone(tmp_path / f"{lines}", lines, _KINDS[kind]) for lines in _SIZES]

    found = benchmark.pedantic(grow, rounds=1)
    rows = [
        (f"{lines:,}", f"{one['seconds']:.2f}", f"{one['seconds'] / lines * 1e6:.2f}", f"{one['peak_mb']}")
        for lines, one in zip(_SIZES, found, strict=True)
    ]
    title = f"Growth, {kind}: memory limit {_MEMORY_MB} MB, peak of the whole process"
    data.print_table(title, ("lines", "seconds", "microseconds per line", "peak MB"), rows)


def _run_alone(directory: Path, lines: int, kind: str) -> dict[str, Any]:
    store = SnapshotStore(directory)
    base = data.write_mirror(store, lines)
    sightings = data.write_sightings(store, lines) if kind == "storm" else ()
    command = [sys.executable, "-m", "tests.benchmarks.test_growth", str(directory), base, *sightings]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    for file in directory.glob("*.parquet"):
        file.unlink()
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["lines"] > lines // 2
    return answer


def _measure(directory: str, base: str, *sightings: str) -> None:
    budget = read_settings({"OUTAGE_DATA": directory, "OUTAGE_MEMORY_MB": str(_MEMORY_MB)}).bulk_memory_mb
    store = SnapshotStore(Path(directory), memory_mb=budget)
    inputs = data.storm_inputs(base, sightings) if sightings else data.hlr_inputs(base)
    counts: list[int] = []
    seconds = data.seconds_of(lambda: counts.append(write_run(store, inputs).counts["lines"]))
    print(json.dumps({"seconds": seconds, "lines": counts[0], "peak_mb": data.peak_mb()}))


if __name__ == "__main__":
    _measure(*sys.argv[1:])
