"""Commands that load files: network, customer base, sightings; and those that define attributes of lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click
from sqlalchemy.orm import Session

from foundation.bulk import Progress
from foundation.cli import App, staff_option
from foundation.errors import InputError
from outage.cli.network import print_diff
from outage.imports.importing import ImportResult

FILE = click.Path(path_type=Path)


Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def map_option(flag: str, what: str) -> Decorator:
    """An option for the column map of a file."""
    return click.option(flag, multiple=True, metavar="OURS=THEIRS", help=f"Column map of {what}; repeatable.")


def import_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every import has, and the application."""
    rejects = click.option("--rejects", type=FILE, help="Where the reject file goes; default: OUTAGE_DATA/rejects.")
    decorated: Callable[..., None] = staff_option(rejects(click.pass_obj(command)))
    return decorated


@click.group("import")
def import_group() -> None:
    """Load CSV files: network, accounts, subscribers, sightings.

    Files are UTF-8 with a header. Good rows load; bad ones go to a reject file with line, field, value and reason,
    and the exit code is 1. The same file twice changes nothing.

    \b
    outage import network elements.csv --dependencies dependencies.csv --as nina
    outage import subscribers base.csv --map msisdn=NUMBER --map plan=TARIFF --as nina
    outage import sightings seen.csv --as nina
    """


@import_group.command("network")
@click.argument("elements", type=FILE)
@click.option("--dependencies", type=FILE, help="CSV of element, group, member, services.")
@map_option("--map", "ELEMENTS")
@map_option("--map-dependencies", "the dependencies file")
@click.option("--full", is_flag=True, help="The files are the whole network: what they lack is retired.")
@click.option("--dry-run", is_flag=True, help="Show the diff and write nothing.")
@import_options
def load_network(
    app: App,
    elements: Path,
    dependencies: Path | None,
    map: tuple[str, ...],
    map_dependencies: tuple[str, ...],
    full: bool,
    dry_run: bool,
    rejects: Path | None,
    actor: str,
) -> None:
    """Load network ELEMENTS: ref, kind, name, services (a|b); site, radio, latitude, longitude, area, valid_from/to."""
    from outage.network.importing import import_network

    def load(session: Session, reject_dir: Path, tell: Progress) -> Sequence[ImportResult]:
        return import_network(
            session,
            elements,
            dependencies,
            actor=actor,
            column_map=column_map(map),
            dependency_map=column_map(map_dependencies),
            reject_dir=reject_dir,
            progress=tell,
            full=full,
            dry_run=dry_run,
        )

    run_import(app, actor, rejects, load)


@import_group.command("subscribers")
@click.argument("file", type=FILE)
@map_option("--map", "FILE")
@import_options
def load_subscribers(app: App, file: Path, map: tuple[str, ...], rejects: Path | None, actor: str) -> None:
    """Load accounts and lines from FILE; columns attribute:NAME fill attributes that staff defined."""
    from outage.base.subscriber_import import import_subscribers

    def load(session: Session, reject_dir: Path, tell: Progress) -> list[ImportResult]:
        names = column_map(map)
        return [import_subscribers(session, file, actor=actor, column_map=names, reject_dir=reject_dir, progress=tell)]

    run_import(app, actor, rejects, load)


@import_group.command("accounts")
@click.argument("file", type=FILE)
@map_option("--map", "FILE")
@import_options
def load_accounts(app: App, file: Path, map: tuple[str, ...], rejects: Path | None, actor: str) -> None:
    """Load accounts, with lines or without, from FILE: account, currency; account_name, account_parent ..."""
    from outage.base.account_file import import_accounts

    def load(session: Session, reject_dir: Path, tell: Progress) -> list[ImportResult]:
        names = column_map(map)
        return [import_accounts(session, file, actor=actor, column_map=names, reject_dir=reject_dir, progress=tell)]

    run_import(app, actor, rejects, load)


@import_group.command("sightings")
@click.argument("file", type=FILE)
@map_option("--map", "FILE")
@import_options
def load_sightings(app: App, file: Path, map: tuple[str, ...], rejects: Path | None, actor: str) -> None:
    """Load sightings of lines on cells from FILE (CSV, or .parquet): msisdn, cell, seen_at (with its offset)."""
    from outage.presence.presence import import_sightings

    def load(session: Session, reject_dir: Path, tell: Progress) -> list[ImportResult]:
        names = column_map(map)
        return [
            import_sightings(
                session, app.store, file, actor=actor, column_map=names, reject_dir=reject_dir, progress=tell
            )
        ]

    run_import(app, actor, rejects, load)


def run_import(
    app: App, actor: str, rejects: Path | None, load: Callable[[Session, Path, Progress], Sequence[ImportResult]]
) -> None:
    """Run an import in a transaction, say what it did, and end with 1 when something was rejected."""
    app.staff(actor, "inventory.write")
    with app.progress() as progress, app.database.transaction() as session:
        task = progress.add_task("Rows", total=None)
        results = load(
            session,
            rejects or app.settings.data / "rejects",
            lambda done, total: progress.update(task, completed=done, total=total),
        )
    for result in results:
        _print_result(result)
    if any(result.rejected for result in results):
        click.get_current_context().exit(1)


def _print_result(result: ImportResult) -> None:
    from outage.network.importing import NetworkResult

    counts = ("read", "added", "changed", "unchanged", "rejected")
    said = [f"{getattr(result, name):,} {name}" for name in counts]
    said += [f"{count:,} {name}" for name, count in result.details.items() if count]
    click.echo(f"{Path(result.file).name}: {', '.join(said)}{'' if result.changes else '; nothing changed'}")
    if result.reject_file is not None:
        click.echo(f"rejected rows: {result.reject_file}", err=True)
    if isinstance(result, NetworkResult):
        print_diff(result)


def column_map(pairs: Sequence[str]) -> dict[str, str]:
    """Pairs of OURS=THEIRS as a mapping; raises InputError for one that is none."""
    names: dict[str, str] = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not equals or not ours.strip() or not theirs.strip():
            raise InputError("not a column map", where="--map", value=pair, accepted="OURS=THEIRS, as in msisdn=NUMBER")
        names[ours.strip()] = theirs.strip()
    return names


@click.group()
def attribute() -> None:
    """Facts about lines that staff define."""


@attribute.command("define")
@click.argument("name")
@click.option("--type", "kind", required=True, help="string, number, boolean, date, instant or duration.")
@click.option("--meaning", required=True, help="What it says about a line.")
@click.option("--allowed", multiple=True, help="An allowed value; repeatable; none: all of the type.")
@click.option("--unit", default="", help="What a number counts, such as EUR, days or h; rules are checked against it.")
@staff_option
@click.pass_obj
def define_attribute(
    app: App, name: str, kind: str, meaning: str, allowed: tuple[str, ...], unit: str, actor: str
) -> None:
    """Define the attribute NAME, so that imports may fill it.

    \b
    outage attribute define tier --type string --allowed gold --allowed blue --meaning "Loyalty tier" --as nina
    """
    from outage.base import attributes

    app.staff(actor, "inventory.write")
    with app.database.transaction() as session:
        _, changed = attributes.define_attribute(
            session, name=name, kind=kind, meaning=meaning, allowed=list(allowed) or None, unit=unit, actor=actor
        )
    click.echo(f"attribute {name} {'defined' if changed else 'was defined like this before, nothing changed'}")


@attribute.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def list_attributes(app: App, as_json: bool) -> None:
    """List the attributes of lines that staff defined, by name."""
    from outage.base import attributes

    with app.database.reading() as session:
        found = attributes.list_attributes(session)
    if as_json:
        names = ("name", "type", "unit", "allowed", "meaning")
        app.print_json([{name: getattr(one, name) for name in names} for one in found])
        return
    for one in found:
        values = f" ({', '.join(map(str, one.allowed))})" if one.allowed else ""
        click.echo(f"{one.name:<24} {f'{one.type} {one.unit}'.strip():<16} {one.meaning}{values}")
    if not found:
        click.echo("no attributes")
