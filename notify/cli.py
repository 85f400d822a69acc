"""Commands of delivery: the worker, where a campaign stands, the texts, the spool."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import click
from rich.table import Table

from foundation.cli import staff_option
from notify import delivery as deliveries
from notify import queries, texts
from notify.registry import make_carriers, make_spool
from notify.segments import count_parts, foreign_letters
from notify.wording import check_body
from notify.worker import run_worker

if TYPE_CHECKING:
    from foundation.cli import App


@click.command("worker")
@click.option("--until-idle", is_flag=True, help="Stop when nothing is left to do soon, instead of waiting for more.")
@click.option("--name", help="Name of this worker in the records; must be unique among living workers.")
@click.pass_obj
def worker(app: App, until_idle: bool, name: str | None) -> None:
    """Post credits and send texts. Stops after the batch in hand on SIGTERM or Ctrl-C; may be killed at any time.

    \b
    Examples:
      outage worker
      outage worker --until-idle
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    counts = run_worker(
        app.database,
        make_carriers(app.settings, app.database),
        lease_seconds=app.settings.lease_seconds,
        batch=app.settings.batch,
        stop=stop,
        until_idle=until_idle,
        name=name,
    )
    app.console.print(_summary(counts))


@click.group("delivery")
def delivery() -> None:
    """Deliveries: where a campaign stands, and taking up what dead workers left."""


@delivery.command("status")
@click.argument("campaign")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.pass_obj
def status(app: App, campaign: str, as_json: bool) -> None:
    """Count a campaign's postings and messages by state.

    \b
    Example:
      outage delivery status AS-2026-00001
    """
    with app.database.reading() as session:
        counts = queries.campaign_counts(session, campaign)
        amounts = queries.campaign_amounts(session, campaign)
        waiting = queries.count_waiting(session, campaign)
    if as_json:
        app.print_json({"campaign": campaign, "counts": counts, "amounts_minor": amounts, "waiting": waiting})
        return
    if not counts:
        app.console.print(f"{campaign}: nothing was enqueued")
        return
    table = Table("kind", "state", "rows", title=campaign)
    for kind, states in sorted(counts.items()):
        for state, count in sorted(states.items()):
            table.add_row(kind, state, f"{count:,}")
    app.console.print(table)
    app.console.print(f"{waiting:,} messages wait for their postings")


@delivery.command("recover")
@click.pass_obj
def recover(app: App) -> None:
    """Take up what dead workers left, as every worker does by itself."""
    requeued, unknown = deliveries.recover(app.database)
    app.console.print(f"{requeued:,} claims put back, {unknown:,} attempts are now unknown")


@delivery.command("settle")
@click.pass_obj
def settle(app: App) -> None:
    """Ask the carriers about unknown attempts, as every worker does by itself."""
    counts = deliveries.settle_unknown(app.database, make_carriers(app.settings, app.database))
    app.console.print(f"{counts.settled:,} settled: {counts.delivered:,} were there, {counts.put_back:,} go again")


@click.group("text")
def text() -> None:
    """Texts to customers: versions per name and language."""


@text.command("list")
@click.pass_obj
def list_texts(app: App) -> None:
    """List the current version of every text."""
    table = Table("name", "language", "version", "parts", "text")
    with app.database.reading() as session:
        for version in texts.list_current_texts(session):
            parts = count_parts(version.body).parts
            table.add_row(version.name, version.language, str(version.number), str(parts), version.body)
    app.console.print(table)


@text.command("save")
@click.argument("name")
@click.argument("language")
@click.argument("body")
@staff_option
@click.pass_obj
def save(app: App, name: str, language: str, body: str, actor: str) -> None:
    """Save a new version of a text, unless it is the current one already.

    \b
    Example:
      outage text save credit_only en "{brand}: {credit} is on {pays_on}. Code {code}." --as mary
    """
    author = app.staff(actor, "policies.write")
    with app.database.transaction() as session:
        version = texts.save_text(session, name, language, body, author=author)
    app.console.print(f"{version.name} ({version.language}): current version is {version.number}")


@text.command("ready")
@staff_option
@click.pass_obj
def install_ready(app: App, actor: str) -> None:
    """Save the ready texts that come with the product where no version exists; nobody's own wording is replaced."""
    author = app.staff(actor, "policies.write")
    with app.database.transaction() as session:
        saved = texts.install_ready_texts(session, author)
    app.console.print(f"{saved} texts saved" if saved else "all there already, nothing changed")


@text.command("preview")
@click.argument("body")
def preview(body: str) -> None:
    """Check a text and count its parts as written (values come on top).

    \b
    Example:
      outage text preview "{brand}: {credit} is on {pays_on}."
    """
    placeholders = check_body(body)
    parts = count_parts(body)
    click.echo(f"{parts.characters} characters, {parts.encoding}, parts: {parts.parts}")
    click.echo(f"placeholders: {', '.join(placeholders) or 'none'}")
    if letters := foreign_letters(body):
        click.echo(f"these characters make every part shorter: {letters}")


@click.group("spool")
def spool() -> None:
    """The spool: every text the embedded channel has taken."""


@spool.command("list")
@click.option("--search", default="", help="Part of an address, a key or the words.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@click.pass_obj
def list_spool(app: App, search: str, limit: int) -> None:
    """List the newest texts, and say how many there are."""
    taken = make_spool(app.settings)
    table = Table("at", "to", "parts", "text")
    for row in taken.list_texts(search, limit=limit):
        table.add_row(f"{row.accepted_at:%Y-%m-%d %H:%M:%S}Z", row.address, str(row.parts), row.body)
    app.console.print(table)
    app.console.print(f"{taken.count(search):,} texts, {len(taken.doubles()):,} keys texted twice")


commands: list[click.Command] = [worker, delivery, text, spool]


def _summary(counts: deliveries.DrainCounts) -> str:
    return (
        f"{counts.delivered:,} delivered, {counts.failed:,} failed, {counts.unknown:,} unknown, "
        f"{counts.put_back:,} put back, {counts.released:,} texts released by their credits"
    )
