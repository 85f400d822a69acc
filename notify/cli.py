"""Commands of notify: the worker, deliveries, suppression, the texts, the spool."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import click
from rich.table import Table

from foundation.cli import staff_option
from foundation.errors import InputError
from notify import texts
from notify.cli_delivery import delivery
from notify.cli_suppression import suppression
from notify.drained import DrainCounts
from notify.registry import make_carriers, make_conduct, make_routing, make_spool
from notify.rehearsal import send_rehearsal
from notify.segments import count_parts, foreign_letters
from notify.text_price import read_price
from notify.usable import UsableCarriers
from notify.wording import check_body
from notify.worker import run_worker, settled_memory

if TYPE_CHECKING:
    from foundation.cli import App


@click.command("worker")
@click.option("--until-idle", is_flag=True, help="Stop when nothing is left to do soon, instead of waiting for more.")
@click.option("--name", help="Name of this worker in the records; must be unique among living workers.")
@click.option(
    "--engine",
    type=click.Choice(["table", "procrastinate"]),
    default="table",
    show_default=True,
    help="Look for work in the records, or be woken by jobs of procrastinate (extra [scale], PostgreSQL).",
)
@click.pass_obj
def worker(app: App, until_idle: bool, name: str | None, engine: str) -> None:
    """Post credits and send texts. Stops after the batch in hand on SIGTERM or Ctrl-C; may be killed at any time.

    \b
    Examples:
      outage worker
      outage worker --until-idle
      outage worker --engine procrastinate
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if not until_idle and not app.wait_for_database(stop):
        return
    carriers = make_carriers(app.settings, app.database)
    with UsableCarriers(carriers, app.database, app.settings.data) as usable, settled_memory():
        counts = _runner(engine)(
            app.database,
            usable,
            lease_seconds=app.settings.lease_seconds,
            batch=app.settings.batch,
            stop=stop,
            until_idle=until_idle,
            name=name,
            conduct=make_conduct(app.settings),
        )
    app.console.print(_summary(counts))


def _runner(engine: str) -> Callable[..., DrainCounts]:
    if engine == "table":
        return run_worker
    try:
        from notify.scale import run_scaled
    except ModuleNotFoundError as error:
        accepted = "this package installed with its extra [scale]"
        raise InputError("procrastinate is not installed", where="--engine", accepted=accepted) from error
    return run_scaled


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
@click.option("--allow-links", is_flag=True, help="Let this text have a link; without it none is ever sent.")
@staff_option
@click.pass_obj
def save(app: App, name: str, language: str, body: str, allow_links: bool, actor: str) -> None:
    """Save a new version of a text, unless it is the current one already.

    \b
    Example:
      outage text save credit_only en "{brand}: {credit} is on {pays_on}. Code {code}." --as mary
    """
    author = app.staff(actor, "policies.write")
    with app.database.transaction() as session:
        version = texts.save_text(session, name, language, body, author=author, allow_links=allow_links)
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


@text.command("send-test")
@click.argument("name")
@click.option("--to", required=True, help="Your own number, as +447700900123, or e-mail address.")
@click.option("--language", default=texts.FALLBACK_LANGUAGE, show_default=True)
@staff_option
@click.pass_obj
def send_test(app: App, name: str, to: str, language: str, actor: str) -> None:
    """Send one copy of a text with made-up values to yourself.

    \b
    Example:
      outage text send-test credit_only --to +447700900123 --language de --as mary
    """
    author = app.staff(actor, "policies.write")
    routing = make_routing(app.settings)
    with app.database.transaction() as session:
        key = send_rehearsal(session, name, language, to, routing=routing, actor=author)
    app.console.print(f"{name} is on its way as {key}")


@text.command("preview")
@click.argument("body")
@click.pass_obj
def preview(app: App, body: str) -> None:
    """Check a text, count its parts as written (values come on top), and say their price if OUTAGE_TEXT_PRICE is set.

    \b
    Example:
      outage text preview "{brand}: {credit} is on {pays_on}."
    """
    placeholders = check_body(body)
    parts = count_parts(body)
    price = read_price(app.settings.adapters["OUTAGE_TEXT_PRICE"])
    costs = f", {price.of(1000 * parts.parts)} for a thousand" if price else ""
    click.echo(f"{parts.characters} characters, {parts.encoding}, parts: {parts.parts}{costs}")
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


commands: list[click.Command] = [worker, delivery, suppression, text, spool]


def _summary(counts: DrainCounts) -> str:
    return (
        f"{counts.delivered:,} delivered, {counts.failed:,} failed, {counts.unknown:,} unknown, "
        f"{counts.put_back:,} put back, {counts.released:,} texts released by their credits"
    )
