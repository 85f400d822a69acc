"""Commands on evidence: ranges of numbers, presence and forgetting it, declarations, lists of lines and accounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy.orm import Session

from foundation.bulk import Progress
from foundation.cli import App, staff_option
from outage.cli.imports import FILE, column_map, import_group, import_options, map_option, run_import
from outage.cli.incidents import INSTANT
from outage.imports.importing import ImportResult
from outage.incidents.timeline import shown
from outage.lifecycle import SERVICES


@import_group.command("ranges")
@click.argument("file", type=FILE)
@map_option("--map", "FILE")
@import_options
def load_ranges(app: App, file: Path, map: tuple[str, ...], rejects: Path | None, actor: str) -> None:
    """Load ranges of numbers from FILE: kind (imsi, msisdn), first, last, element; valid_from, valid_to."""
    from outage.number_ranges import import_ranges

    def load(session: Session, reject_dir: Path, tell: Progress) -> list[ImportResult]:
        names = column_map(map)
        return [import_ranges(session, file, actor=actor, column_map=names, reject_dir=reject_dir, progress=tell)]

    run_import(app, actor, rejects, load)


@import_group.command("intervals")
@click.argument("file", type=FILE)
@map_option("--map", "FILE")
@import_options
def load_intervals(app: App, file: Path, map: tuple[str, ...], rejects: Path | None, actor: str) -> None:
    """Load ready intervals of presence from FILE (CSV, Parquet): msisdn, cell, started_at, ended_at with offsets."""
    from outage.presence.presence import import_intervals

    def load(session: Session, reject_dir: Path, tell: Progress) -> list[ImportResult]:
        names = column_map(map)
        return [
            import_intervals(
                session, app.store, file, actor=actor, column_map=names, reject_dir=reject_dir, progress=tell
            )
        ]

    run_import(app, actor, rejects, load)


@click.group()
def presence() -> None:
    """Where lines were seen: personal data that is kept for a while."""


@presence.command("forget")
@click.option("--days", type=int, required=True, help="How many days of it are kept.")
@staff_option
@click.pass_obj
def forget(app: App, days: int, actor: str) -> None:
    """Delete the presence of days that ended more than so many days ago; runs keep intervals, never a track.

    \b
    outage presence forget --days 90 --as nina
    """
    from outage.presence.presence import forget_old_presence

    app.staff(actor, "inventory.write")
    forgotten = forget_old_presence(app.database, app.store, older_than_days=days, actor=actor)
    click.echo(
        f"{forgotten.rows:,} rows in {len(forgotten.parts):,} parts forgotten"
        if forgotten.parts
        else "nothing is that old"
    )


def _services_option(command: Callable[..., None]) -> Callable[..., None]:
    decorated: Callable[..., None] = click.option(
        "--services", default=",".join(SERVICES), show_default=True, help="Comma list of services."
    )(command)
    return decorated


def _services(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


@click.group()
def declaration() -> None:
    """What customers said: that a line was without service."""


@declaration.command("add")
@click.argument("ref", metavar="INCIDENT")
@click.argument("msisdn")
@click.option("--said", type=INSTANT, default="now", show_default=True, help="When the customer said so.")
@click.option("--from", "started", type=INSTANT, help="Since when; default: the incident's start.")
@click.option("--to", "ended", type=INSTANT, help="Until when; default: the incident's end.")
@click.option("--allowed-days", type=click.IntRange(0), help="Days after the end in which it may be said; default 10.")
@_services_option
@staff_option
@click.pass_obj
def declare(
    app: App,
    ref: str,
    msisdn: str,
    said: datetime,
    started: datetime | None,
    ended: datetime | None,
    allowed_days: int | None,
    services: str,
    actor: str,
) -> None:
    """Record that the customer of MSISDN was without service in an INCIDENT, unless a sighting contradicts it.

    \b
    outage declaration add INC-2026-00001 +447700900123 --services voice --as nina
    """
    from outage.declarations import ALLOWED_DAYS, record_declaration

    app.staff(actor, "declarations.write")
    with app.database.transaction() as session:
        recorded, is_new = record_declaration(
            session,
            app.store,
            ref,
            msisdn,
            declared_at=said,
            services=_services(services),
            started_at=started,
            ended_at=ended,
            allowed_days=ALLOWED_DAYS if allowed_days is None else allowed_days,
            actor=actor,
        )
    click.echo(f"declaration {recorded.id} {'recorded' if is_new else 'was recorded before, nothing changed'}")


@declaration.command("withdraw")
@click.argument("number", type=int)
@click.option("--reason", required=True)
@staff_option
@click.pass_obj
def withdraw_declaration(app: App, number: int, reason: str, actor: str) -> None:
    """Withdraw the declaration of that NUMBER."""
    from outage import declarations

    app.staff(actor, "declarations.write")
    with app.database.transaction() as session:
        changed = declarations.withdraw_declaration(session, number, reason=reason, actor=actor)
    click.echo(f"declaration {number} {'withdrawn' if changed else 'was withdrawn before, nothing changed'}")


@declaration.command("list")
@click.argument("ref", metavar="INCIDENT")
@staff_option
@click.pass_obj
def list_declarations(app: App, ref: str, actor: str) -> None:
    """List the declarations on an INCIDENT; for those who may see numbers of customers."""
    from outage import declarations

    app.staff(actor, "people.read")
    with app.database.reading() as session:
        found = declarations.list_declarations(session, ref)
    for one, msisdn in found:
        span = f"{shown(one.started_at) or 'start'} to {shown(one.ended_at) or 'end'}"
        state = f"withdrawn by {one.withdrawn_by}" if one.withdrawn_at else "counts"
        click.echo(f"{one.id}  {msisdn}  {','.join(one.services)}  {span}  said {shown(one.declared_at)}  {state}")
    if not found:
        click.echo("no declarations")


@click.group()
def listing() -> None:
    """Lists of lines and accounts that an incident touched, such as one that has no cells."""


@listing.command("add")
@click.argument("ref", metavar="INCIDENT")
@click.argument("file", type=FILE)
@map_option("--map", "FILE")
@_services_option
@import_options
def add_listing(
    app: App, ref: str, file: Path, map: tuple[str, ...], services: str, rejects: Path | None, actor: str
) -> None:
    """Upload FILE, a list of what an INCIDENT touched: msisdn or account; services (a|b), started_at, ended_at.

    \b
    outage listing add INC-2026-00001 incomplete-bills.csv --map account=BILL_ACCOUNT --as nina
    """
    from outage.listings import upload_listing

    def load(session: Session, reject_dir: Path, tell: Progress) -> list[ImportResult]:
        return [
            upload_listing(
                session,
                app.store,
                ref,
                file,
                actor=actor,
                services=_services(services),
                column_map=column_map(map),
                reject_dir=reject_dir,
                progress=tell,
            )
        ]

    app.staff(actor, "incidents.write")
    run_import(app, actor, rejects, load)


@listing.command("withdraw")
@click.argument("number", type=int)
@click.option("--reason", required=True)
@staff_option
@click.pass_obj
def withdraw_listing(app: App, number: int, reason: str, actor: str) -> None:
    """Withdraw the list of that NUMBER."""
    from outage import listings

    app.staff(actor, "incidents.write")
    with app.database.transaction() as session:
        changed = listings.withdraw_listing(session, number, reason=reason, actor=actor)
    click.echo(f"list {number} {'withdrawn' if changed else 'was withdrawn before, nothing changed'}")


@listing.command("list")
@click.argument("ref", metavar="INCIDENT")
@click.pass_obj
def list_listings(app: App, ref: str) -> None:
    """Show the lists of an INCIDENT."""
    from outage import listings

    with app.database.reading() as session:
        found = listings.list_listings(session, ref)
    for one, rows in found:
        state = f"withdrawn by {one.withdrawn_by}" if one.withdrawn_at else "counts"
        click.echo(f"{one.id}  {one.file}  {rows:,} rows  by {one.uploaded_by} at {shown(one.uploaded_at)}  {state}")
    if not found:
        click.echo("no lists")


commands: list[click.Command] = [presence, declaration, listing]
