"""`outage demo`: 11-12 July 2012 from first alarm to posted credit, each step through the product's own doors."""

from __future__ import annotations

from pathlib import Path

import click

from compensation.demo.money_chapters import decide, deliver, measure, prove_books, say_goodbye
from compensation.demo.outage_chapters import live_through_outage, load_operator, set_up
from compensation.demo.stage import Stage
from compensation.demo.world import DemoInput
from foundation import clock
from foundation.cli import App


@click.command()
@click.option("--subscribers", type=click.IntRange(100, 50_000_000), default=20_000, show_default=True)
@click.option("--seed", type=int, default=2012, show_default=True, help="The same seed makes the same operator.")
@click.option("--cells", type=click.Path(path_type=Path), help="Real cells (CSV) instead of made-up ones.")
@click.option("--customers", type=click.Path(path_type=Path), help="Real tariffs (CSV); with --cells.")
@click.pass_obj
def demo(app: App, subscribers: int, seed: int, cells: Path | None, customers: Path | None) -> None:
    """Walk 11-12 July 2012 from alarm to posted credit, on made-up customers or on real cells and tariffs.

    \b
    outage demo
    outage demo --subscribers 1000000
    outage demo --cells cells.csv --customers tariffs.csv

    It works in OUTAGE_DATA, only in empty records or in those of the same demonstration: again changes nothing.
    """
    if (cells is None) != (customers is None):
        raise click.UsageError("--cells and --customers go together")
    wanted = DemoInput(subscribers if cells is None else 0, seed, str(cells or ""), str(customers or ""))
    tell(Stage(app, wanted))


def tell(stage: Stage) -> None:
    """All chapters in order; raises RefusedError when the books do not agree in the end."""
    started = clock.monotonic()
    password = set_up(stage)
    load_operator(stage)
    incident = live_through_outage(stage)
    run_id = measure(stage, incident)
    ref = decide(stage, incident, run_id)
    deliver(stage, ref)
    prove_books(stage, ref)
    say_goodbye(stage, password, clock.monotonic() - started)
