"""Commands on the network: what would break, what fails alone, and how the inventory changed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from foundation import clock
from foundation.cli import App
from foundation.errors import InputError
from outage.incidents.timeline import shown
from outage.network.failure import ElementCount, FailureReach, SinglePoint
from outage.network.failure_lines import LineReach
from outage.network.history import ADDED, CHANGED, DEPENDENCY, ELEMENT, RETIRED, Change
from outage.network.importing import NetworkResult

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
_SHOWN = 15
_INSTANTS = ("valid_from", "valid_to")


@click.command()
@click.argument("refs", nargs=-1, metavar="[REF]...")
@click.option("--services", help="Comma list; default: those each element carries.")
@click.option("--single-points", is_flag=True, help="Instead: the elements that fail alone with others.")
@click.option("--top", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many single points.")
@click.option("--hold-hours", type=int, default=6, show_default=True, help="How old a last sighting may be.")
@_JSON
@click.pass_obj
def whatif(
    app: App,
    refs: tuple[str, ...],
    services: str | None,
    single_points: bool,
    top: int,
    hold_hours: int,
    as_json: bool,
) -> None:
    """Tell what breaks if the elements REF fail now, together; nothing is written but a mirror of the base.

    \b
    outage whatif hlr-1
    outage whatif mme-1 mme-2 --services data
    outage whatif --single-points --top 10
    """
    from outage.base.mirror import ensure_mirror
    from outage.network.failure import list_single_points, reach_of_failure

    if single_points == bool(refs):
        raise InputError(
            "name elements, or ask for single points", where="whatif", accepted="REF..., or --single-points"
        )
    ensure_mirror(app.database, app.store)
    with app.database.reading() as session:
        if single_points:
            _print_points(app, list_single_points(session, app.store, limit=top, hold_hours=hold_hours), as_json)
            return
        wanted = None if services is None else [part.strip() for part in services.split(",") if part.strip()]
        reach = reach_of_failure(session, app.store, refs, wanted, hold_hours)
    if as_json:
        app.print_json(reach_json(reach))
    else:
        _print_reach(reach)


@click.group()
def inventory() -> None:
    """The network inventory: its history."""


@inventory.command("history")
@click.option("--ref", help="One element, and its dependencies.")
@click.option("--version", type=int, help="One import, by the version it made.")
@click.option("--change", type=click.Choice([ADDED, CHANGED, RETIRED]))
@click.option("--kind", type=click.Choice([ELEMENT, DEPENDENCY]))
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@_JSON
@click.pass_obj
def history(
    app: App, ref: str | None, version: int | None, change: str | None, kind: str | None, limit: int, as_json: bool
) -> None:
    """List what imports added, changed and retired, newest first.

    \b
    outage inventory history --ref cell-1
    """
    from outage.network.history import list_changes

    with app.database.reading() as session:
        rows = list_changes(session, ref=ref, version=version, subject=kind, change=change, limit=limit)
    if as_json:
        app.print_json([_change_json(row) for row in rows])
        return
    for row in rows:
        click.echo(f"{row.version:>5}  {shown(row.at)}  {row.actor:<12} {_told(row)}")
    if not rows:
        click.echo("no changes")


def print_diff(result: NetworkResult) -> None:
    """Print what an import could not retire; of a dry run, samples of what it would do and reject too."""
    if result.dry_run:
        for row in result.samples:
            click.echo(f"  {_told(row)}")
        for line, field, value, reason in result.refused:
            click.echo(f"  line {line}, {field} {value!r}: {reason}", err=True)
        click.echo("dry run: nothing was written")
    for held in result.held[:_SHOWN]:
        click.echo(f"not retired: {held.ref}, for {held.incident} is open on it", err=True)
    if len(result.held) > _SHOWN:
        click.echo(f"not retired: {len(result.held) - _SHOWN:,} more, for incidents are open on them", err=True)
    if result.unread:
        reason = f"{result.unread:,} rows do not tell what they are about"
        click.echo(f"{Path(result.file).name}: nothing retired, for {reason}", err=True)


def reach_json(reach: FailureReach) -> dict[str, Any]:
    """The reach of a failure as a JSON object, without the elements one by one."""
    fields = {one.name: getattr(reach, one.name) for one in dataclasses.fields(reach) if one.name != "without"}
    plain = {name: _plain(value) for name, value in fields.items()}
    return {**plain, "elements": len(reach.without), "breaks_nothing": reach.breaks_nothing}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _print_reach(reach: FailureReach) -> None:
    refs = ", ".join(reach.failed)
    if reach.breaks_nothing:
        click.echo(f"{refs}: nothing else breaks")
    else:
        told = f"{_counted(reach.others, 'other element')} and {_counted(reach.cells, 'cell')}"
        click.echo(f"{refs}: {told} without service")
    for title, counts in (("by kind", reach.by_kind), ("cells by area", reach.by_area), ("by radio", reach.by_radio)):
        if not reach.breaks_nothing:
            _print_counts(title, counts)
    if reach.lines is None:
        click.echo("lines: unknown, there is no mirror of the base")
    elif reach.lines.lines:
        click.echo(_told_lines(reach.lines))
    for one in reach.protections[:_SHOWN]:
        share = f"{len(one.left)} of {len(one.left) + len(one.lost)} members left"
        click.echo(
            f"protected: {one.group} keeps {'|'.join(one.services)} for {one.elements:,} elements, {share}"
            f" ({', '.join(one.left[:5])})"
        )


def _told_lines(lines: LineReach) -> str:
    parts = [f"{service} {count:,}" for service, count in lines.services.items()]
    parts += [f"by {kind} {count:,}" for kind, count in lines.evidence.items()]
    return f"lines without service: {lines.lines:,} ({', '.join(parts)})"


def _print_counts(title: str, counts: Sequence[ElementCount]) -> None:
    for one in counts[:_SHOWN]:
        services = ", ".join(f"{service} {count:,}" for service, count in one.services.items())
        click.echo(f"  {title}: {one.name or '(none)'} {one.elements:,} ({services})")
    if len(counts) > _SHOWN:
        click.echo(f"  {title}: {len(counts) - _SHOWN:,} more")


def _print_points(app: App, points: Sequence[SinglePoint], as_json: bool) -> None:
    if as_json:
        app.print_json([_plain(point) for point in points])
        return
    for point in points:
        lines = "lines unknown" if point.lines is None else f"{point.lines:,} lines"
        what = f"{lines}, {point.others:,} elements, {point.cells:,} cells"
        click.echo(f"{point.ref:<24} {point.kind:<12} {what} ({'|'.join(point.services)})")
    if not points:
        click.echo("no element fails alone with others")


def _told(row: Change) -> str:
    before, after = row.before or {}, row.after or {}
    unlike = [name for name in after if row.before is not None and before.get(name) != after[name]]
    said = "; ".join(f"{name}: {_value(name, before.get(name))} -> {_value(name, after[name])}" for name in unlike)
    return f"{row.change} {row.subject} {row.ref}{': ' if said else ''}{said}"


def _value(name: str, value: Any) -> str:
    if name in _INSTANTS and value is not None:
        return shown(clock.from_unix(value)) or ""
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def _change_json(row: Change) -> dict[str, Any]:
    names = ("version", "at", "actor", "file", "subject", "ref", "change", "before", "after")
    return {name: getattr(row, name) for name in names}


commands: list[click.Command] = [whatif, inventory]
