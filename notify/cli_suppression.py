"""Commands of suppression: who must not be texted, one by one and by file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import click
from rich.table import Table

from foundation.cli import staff_option
from notify import suppression as suppressions
from notify.models import Scope

if TYPE_CHECKING:
    from foundation.cli import App

_SHOWN_COMPLAINTS = 20
_scope = click.Choice([str(one) for one in Scope])


@click.group("suppression")
def suppression() -> None:
    """Who must not be texted: by purpose (service, compensation, marketing) or not at all (any)."""


@suppression.command("add")
@click.argument("address")
@click.argument("scope", type=_scope)
@click.option("--reason", required=True, help="Why; it stands in the audit.")
@staff_option
@click.pass_obj
def add(app: App, address: str, scope: str, reason: str, actor: str) -> None:
    """Text this address no longer. A credit still goes.

    \b
    Example:
      outage suppression add +447700900123 marketing --reason "asked by letter" --as mary
    """
    who = app.staff(actor, "deliveries.write")
    with app.database.transaction() as session:
        added = suppressions.suppress(session, address, Scope(scope), reason=reason, actor=who)
    app.console.print("suppressed" if added else "was suppressed already, nothing changed")


@suppression.command("remove")
@click.argument("address")
@click.option("--scope", type=_scope, help="Only this scope; all of them without it.")
@click.option("--reason", required=True, help="Why; it stands in the audit.")
@staff_option
@click.pass_obj
def remove(app: App, address: str, scope: str | None, reason: str, actor: str) -> None:
    """Let this address be texted again."""
    who = app.staff(actor, "deliveries.write")
    with app.database.transaction() as session:
        ended = suppressions.lift(session, address, None if scope is None else Scope(scope), actor=who, reason=reason)
    app.console.print(f"{ended} ended" if ended else "was not suppressed, nothing changed")


@suppression.command("import")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@staff_option
@click.pass_obj
def import_file(app: App, file: TextIO, actor: str) -> None:
    """Read suppressions from CSV: address, scope, and if there reason and since. Exit code 1 when rows were rejected.

    \b
    Example:
      outage suppression import opted-out.csv --as mary
    """
    who = app.staff(actor, "deliveries.write")
    with app.database.transaction() as session:
        done = suppressions.import_suppressions(session, file, actor=who, source=file.name)
    app.console.print(
        f"{done.read:,} rows: {done.added:,} added, {done.unchanged:,} there already, {len(done.rejected):,} rejected"
    )
    for line, complaint in done.rejected[:_SHOWN_COMPLAINTS]:
        app.console.print(f"line {line}: {complaint}")
    if done.rejected:
        raise click.exceptions.Exit(1)


@suppression.command("export")
@click.argument("file", type=click.File("w", encoding="utf-8"))
@click.pass_obj
def export_file(app: App, file: TextIO) -> None:
    """Write the active suppressions as CSV, in the form an import reads (`-` for standard output)."""
    with app.database.reading() as session:
        number = suppressions.export_suppressions(session, file)
    click.echo(f"{number:,} suppressions written", err=True)


@suppression.command("list")
@click.argument("address")
@click.pass_obj
def list_address(app: App, address: str) -> None:
    """Show what holds and what held for one address."""
    table = Table("scope", "since", "ended", "source", "reason")
    with app.database.reading() as session:
        for row in suppressions.list_suppressions(session, address=address):
            ended = f"{row.ended_at:%Y-%m-%d %H:%M}Z" if row.ended_at else ""
            table.add_row(str(row.scope), f"{row.since:%Y-%m-%d %H:%M}Z", ended, row.source, row.reason)
    app.console.print(table)
