"""The one place that knows every package: the web application, the timetable, and the command `outage`."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import click
from rich.table import Table

import compensation.cli.main
import compensation.cli.rewards
import compensation.cli.whatif
import foundation.commands
import notify.cli
import notify.cli_adjustments
import notify.cli_book
import outage.cli.incidents
import outage.cli.main
import outage.cli.planned
from compensation.confirmations import Confirmations
from compensation.demo import demo
from compensation.errands import ASSESS, RELEASE
from compensation.offers import settle_due_offers
from compensation.queries import check_not_released
from foundation import clock, migrate
from foundation.cli import App, Shell
from foundation.db import Database
from foundation.errand_runner import Runner
from foundation.logging import set_up_logging
from foundation.schedule import Job, is_late, list_job_states, run_scheduler
from foundation.settings import Settings, read_settings
from foundation.snapshots import SnapshotStore
from notify.registry import make_carriers, make_routing
from notify.settling import settle_unknown
from notify.text_price import read_price
from notify.upkeep import look_after, recover, tend
from outage.errands import MEASURE
from outage.incidents.planned_work import begin_due_planned_work
from outage.presence.presence import forget_old_presence
from outage.updates.texts import free_texts
from outage.updates.updates import mark_overdue

if TYPE_CHECKING:
    from flask import Flask


def create_app(settings: Settings | None = None, *, errands_here: bool = True) -> Flask:
    """The web application; raises RefusedError unless the database stands at the newest migration.

    Long work that its pages ask for runs in a thread here, unless `outage errand run` does it (`errands_here` false).
    """
    import compensation.web
    import notify.web
    import outage.web
    from foundation.web import make_app, register

    settings = settings or read_settings()
    read_price(settings.adapters["OUTAGE_TEXT_PRICE"])  # a mistake in it is said now and not on a page
    set_up_logging(settings.log)
    database = Database(settings.database_url)
    migrate.check_current(database)
    app = make_app(settings, database, SnapshotStore(settings.snapshots, memory_mb=settings.bulk_memory_mb))
    register(app, outage.web, compensation.web, notify.web)
    app.extensions["errands"].run_here = errands_here
    app.extensions["incident_panels"].append(compensation.web.liability_panel)
    app.extensions["incident_panels"].append(compensation.web.incident_panel)
    app.extensions.setdefault("merge_guards", []).append(check_not_released)
    return app


def timetable(app: App) -> list[Job]:
    """Every job of the product; each may run twice without harm."""
    carriers = make_carriers(app.settings, app.database)
    routing = make_routing(app.settings)

    confirmations = Confirmations()

    def confirm() -> int:
        with app.database.transaction() as session:
            entered = confirmations.enter(session)
        confirmations.keep()
        return entered

    def sweep() -> int:
        with app.database.reading() as session:
            return app.store.sweep(session)

    def begin_planned_work() -> object:
        with app.database.transaction() as session:
            return begin_due_planned_work(session)

    def forget_presence() -> object:
        days = app.settings.presence_days
        return forget_old_presence(app.database, app.store, older_than_days=days, actor="scheduler")

    def settle_offers() -> int:
        with app.database.transaction() as session:
            return settle_due_offers(session, routing=routing)

    def tend_updates() -> None:
        with app.database.transaction() as session:
            mark_overdue(session)
            free_texts(session, app.store)

    def look_after_deliveries() -> None:
        tend(app.database)
        look_after(app.database, carriers)

    return [
        Job("take back what dead workers hold", 15, lambda: recover(app.database)),
        Job("let go, cancel and count what is due", 15, look_after_deliveries),
        Job("ask about unknown outcomes", 30, lambda: settle_unknown(app.database, carriers)),
        Job("enter confirmed postings in the ledger", 5, confirm),
        Job("give the defaults of choices, close offers that are over", 60, settle_offers),
        Job("begin and end planned work that is due", 30, begin_planned_work),
        Job("mark overdue updates, let go texts to lines that have service", 30, tend_updates),
        Job("forget who was seen where", 3600, forget_presence),
        Job("sweep stray snapshot files", 3600, sweep),
    ]


@click.group(cls=Shell, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="outage-compensation")
@click.pass_context
def main(context: click.Context) -> None:
    """Outage incidents, impact, compensation and delivery: from the alarm to the posted credit.

    \b
    outage demo                 the whole chain on a synthetic operator
    outage db upgrade           make or update the database
    outage run                  console, scheduler and worker together
    outage incident list        what is going on

    Settings come from the environment: see `outage settings`. Exit codes: 0 done, 1 a check failed, 2 not accepted.
    """
    if context.obj is None:
        context.obj = App()
    context.call_on_close(context.obj.close)


@main.command()
@click.option("--host", help="Address to listen on (OUTAGE_HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (OUTAGE_PORT).")
@click.option("--errands/--no-errands", default=True, help="Do long work here too, or leave it to `errand run`.")
@click.pass_obj
def serve(app: App, host: str | None, port: int | None, errands: bool) -> None:
    """Serve the console and the API."""
    import waitress

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    app.wait_for_database(threading.Event())
    web = create_app(app.settings, errands_here=errands)
    web.extensions["errands"].take_up()
    host, port = host or app.settings.host, app.settings.port if port is None else port
    server = waitress.create_server(web, host=host, port=port, threads=8, ident="outage")
    click.echo(f"console at http://{host}:{server.effective_port}")
    try:
        server.run()
    finally:
        web.extensions["errands"].close()


@main.group(invoke_without_command=True)
@click.pass_context
def scheduler(context: click.Context) -> None:
    """Run the timetable; of several schedulers one leads, the others wait to take over."""
    if context.invoked_subcommand is not None:
        return
    app: App = context.obj
    stop = stop_on_signal()
    if app.wait_for_database(stop):
        run_scheduler(timetable(app), app.database, app.settings.data / "scheduler.lock", stop)


@scheduler.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.pass_obj
def scheduler_status(app: App, as_json: bool) -> None:
    """Show when each job last ran, and what failed or was left out. Exit code 1 when one is late."""
    with app.database.reading() as session:
        states = list_job_states(session)
    late = [state.name for state in states if is_late(state, clock.now())]
    if as_json:
        names = ("name", "seconds", "runs", "failures", "missed", "trouble", "leader")
        instants = ("last_run_at", "trouble_at")
        app.print_json(
            [
                {name: getattr(state, name) for name in names}
                | {name: at.isoformat() if (at := getattr(state, name)) else None for name in instants}
                | {"late": state.name in late}
                for state in states
            ]
        )
    else:
        table = Table("job", "every", "last run", "runs", "failed", "left out", "last trouble")
        for state in states:
            last = f"{state.last_run_at:%Y-%m-%d %H:%M:%S}Z" if state.last_run_at else "never"
            trouble = f"{state.trouble_at:%Y-%m-%d %H:%M}Z {state.trouble}" if state.trouble_at else ""
            counts = (f"{state.runs:,}", f"{state.failures:,}", f"{state.missed:,}")
            shown = f"{last} (late)" if state.name in late else last
            table.add_row(state.name, f"{state.seconds} s", shown, *counts, trouble)
        app.console.print(table if states else "no scheduler has run here yet")
    if late:
        raise click.exceptions.Exit(1)


@main.command()
@click.pass_obj
def run(app: App) -> None:
    """Console, scheduler, worker and long work together, each a process of its own; ends when one ends or on Ctrl-C."""
    stop = stop_on_signal()
    if not app.wait_for_database(stop):
        return
    app.database.dispose()  # it stands at the newest migration
    # Long work has a process of its own, so that pages stay quick beside it.
    commands = (["serve", "--no-errands"], ["scheduler"], ["worker"], ["errand", "run"])
    processes = [subprocess.Popen([sys.executable, "-m", "wsgi", *command]) for command in commands]  # noqa: S603
    try:
        while not stop.wait(0.5) and all(process.poll() is None for process in processes):
            pass
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


@foundation.commands.errand.command("run")
@click.pass_obj
def run_errands(app: App) -> None:
    """Do the long work that pages ask for; any number of these may run.

    On SIGTERM or Ctrl-C the errand in hand is left at its next step, and another runner begins it again.
    """
    kinds = {kind.name: kind for kind in (MEASURE, ASSESS, RELEASE)}
    stop = stop_on_signal()
    if app.wait_for_database(stop):
        Runner(foundation.commands.surroundings_of(app), kinds, stop).run()


def stop_on_signal() -> threading.Event:
    """An event that SIGTERM and SIGINT set, so that work under way ends cleanly."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


outage.cli.planned.merge_guards.append(check_not_released)
for module in (
    foundation.commands,
    outage.cli.main,
    compensation.cli.main,
    compensation.cli.rewards,
    notify.cli,
    notify.cli_adjustments,
    notify.cli_book,
):
    for command in module.commands:
        main.add_command(command)
main.add_command(demo)
outage.cli.incidents.incident.add_command(compensation.cli.whatif.liability)

if __name__ == "__main__":
    main()
