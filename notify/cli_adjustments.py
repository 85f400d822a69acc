"""Commands of adjustment files: write them, list them, take the billing side's answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from foundation.cli import staff_option
from notify.adjustments import acknowledge, count_unfiled, list_files, write_adjustments

if TYPE_CHECKING:
    from foundation.cli import App


@click.group("adjustment")
def adjustment() -> None:
    """Adjustment files for bill runs: credits that a billing system reads from a file."""


@adjustment.command("write")
@staff_option
@click.pass_obj
def write(app: App, actor: str) -> None:
    """Close a file over the credits that await one and write it, with control totals."""
    actor = app.staff(actor, "deliveries.write")
    directory = app.settings.data / "adjustments"
    written = write_adjustments(app.database, directory, actor=actor)
    for file in written:
        click.echo(f"{file.ref}: {file.lines:,} lines in {directory / file.ref}.csv, SHA-256 {file.sha256}")
    if not written:
        click.echo("no credit awaits a file")


@adjustment.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many.")
@click.pass_obj
def show_files(app: App, limit: int) -> None:
    """Files, newest first, and what was answered."""
    with app.database.reading() as session:
        for file in list_files(session, limit=limit):
            open_lines = file.lines - file.accepted - file.rejected
            said = f"{file.accepted:,} accepted, {file.rejected:,} rejected, {open_lines:,} not answered"
            click.echo(f"{file.ref} {file.lines:>10,} lines: {said}")
        click.echo(f"{count_unfiled(session):,} lines await a file")


@adjustment.command("acknowledge")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@staff_option
@click.pass_obj
def take_answers(app: App, file: Path, actor: str) -> None:
    """Take an acknowledgement file: what it accepts is posted, what it rejects has failed. Again changes nothing."""
    actor = app.staff(actor, "deliveries.write")
    with app.database.transaction() as session:
        taken = acknowledge(session, file, actor=actor)
    click.echo(
        f"{taken.ref}: {taken.accepted:,} accepted, {taken.rejected:,} rejected, {taken.repeated:,} known before"
    )


commands: list[click.Command] = [adjustment]
