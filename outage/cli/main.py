"""Commands on alarms and impact, and the list of all commands of this package."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from foundation.cli import App, staff_option
from foundation.errors import InputError
from outage.cli import evidence as cli_evidence
from outage.cli import network as cli_network
from outage.cli import updates as cli_updates
from outage.cli.imports import FILE, attribute, import_group
from outage.cli.incidents import INSTANT, print_counts
from outage.cli.planned import planned
from outage.cli.runs import print_change, runs
from outage.incidents.timeline import shown


@click.group()
def alarm() -> None:
    """Alarms of the network."""


@alarm.command("replay")
@click.argument("file", type=FILE)
@staff_option
@click.pass_obj
def replay(app: App, file: Path, actor: str) -> None:
    """Take the Alertmanager webhook bodies of FILE (.json: one; .jsonl: one per line), as if they came in now.

    \b
    outage alarm replay webhooks.jsonl --as nina
    """
    from outage.feeds.alertmanager import read_webhook
    from outage.incidents.alarms import record_alarms

    app.staff(actor, "incidents.write")
    for where, body in _bodies(file):
        try:
            notices = read_webhook(body)
        except InputError as error:
            inside = f"{where}: {error.where}"
            raise InputError(error.what, where=inside, value=error.value, accepted=error.accepted) from None
        with app.database.transaction() as session:
            for recorded in record_alarms(session, notices, actor=actor):
                restored = "; restored" if recorded.restored else ""
                click.echo(f"{recorded.alarm.element_ref}: {recorded.reason}{restored}")


def _bodies(file: Path) -> Iterator[tuple[str, Any]]:
    """Each webhook body of a file with where it stands; a record that holds one under `body` will do."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError("cannot read this file", where=str(file), value=error.strerror) from None
    except UnicodeDecodeError:
        raise InputError("not a UTF-8 text file", where=str(file), accepted="JSON, or JSON lines") from None
    parts = enumerate(text.splitlines(), 1) if file.suffix == ".jsonl" else [(1, text)]
    found = False
    for line, part in parts:
        if part.strip():
            found = True
            where = f"{file}, line {line}" if file.suffix == ".jsonl" else str(file)
            record = _parsed(part, where)
            yield where, record["body"] if isinstance(record, dict) and "body" in record else record
    if not found:
        raise InputError("empty file", where=str(file), accepted="Alertmanager webhook bodies as JSON")


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InputError("not JSON", where=where, accepted="an Alertmanager webhook body") from None


@click.command()
@click.argument("ref", metavar="INCIDENT")
@click.option("--as-of", type=INSTANT, help="Where what is open is measured to; default: now; announced work: its end.")
@click.option("--hold-hours", type=int, default=6, show_default=True, help="How old a last sighting may be.")
@click.option("--home-area-share", default="1", show_default=True, help="Share of an area's cells that must be out.")
@staff_option
@click.pass_obj
def impact(app: App, ref: str, as_of: datetime | None, hold_hours: int, home_area_share: str, actor: str) -> None:
    """Measure whom an INCIDENT touched: an immutable impact run; the same inputs give the same run.

    \b
    outage impact INC-2026-00001 --as nina
    """
    from outage.runs.impact import measure_impact

    app.staff(actor, "impact.run")
    with app.progress() as progress:
        task = progress.add_task("Lines", total=None)
        measured = measure_impact(
            app.database,
            app.store,
            ref,
            actor=actor,
            as_of=as_of,
            hold_hours=hold_hours,
            home_area_share=_share(home_area_share),
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    said = "" if measured.is_new else " was measured before, nothing changed"
    click.echo(f"{ref}: impact run {measured.run.number}{said}, as of {shown(measured.run.as_of)}")
    print_counts(measured.run.counts)
    if measured.is_new:
        print_change(app, measured.run)


def _share(text: str) -> Fraction:
    try:
        return Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        accepted = "a share over 0 and up to 1, such as 0.8"
        raise InputError("not a share of cells", where="--home-area-share", value=text, accepted=accepted) from None


commands: list[click.Command] = [
    *cli_evidence.commands,
    *cli_network.commands,
    import_group,
    attribute,
    alarm,
    *cli_updates.commands,
    planned,
    impact,
    runs,
]
