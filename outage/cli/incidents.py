"""Commands on incidents: open, add outages, restore, close, note, list, show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from foundation import clock
from foundation.cli import App, staff_option
from outage import queries
from outage.incidents import incidents
from outage.incidents.outages import OutageStart
from outage.incidents.timeline import shown
from outage.lifecycle import SERVICES, CauseClass, Degree, ForceMajeure, IncidentKind, IncidentStatus, Severity
from outage.models import Incident


class InstantType(click.ParamType[datetime]):
    """A time with its offset from UTC; `now` is the present."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ARG002
        """The instant; raises InputError for a naive one."""
        if isinstance(value, datetime):
            return value
        return clock.now() if value == "now" else clock.parse_instant(value, where=param.opts[0] if param else "")


INSTANT = InstantType()
_NO_FORCE = "none"
_CHANGERS: Sequence[tuple[str, Callable[..., bool], str, str]] = (
    ("close", incidents.close_incident, "Close a restored INCIDENT; its record is frozen.", "closed"),
    ("reopen", incidents.reopen_incident, "Open a restored INCIDENT again.", "opened"),
    ("dismiss", incidents.dismiss_incident, "Dismiss an open INCIDENT that was none.", "dismissed"),
)


@click.group()
def incident() -> None:
    """Incidents: open, add outages, restore in stages, close.

    \b
    outage incident open --title "HLR-1 down" --severity critical --started 2012-07-11T13:30:00+01:00 \\
        --element hlr-1 --as nina
    outage incident restore INC-2026-00001 --element hlr-1 --services voice,sms --at 2012-07-12T08:00:00+01:00 --as nina
    outage incident list --status opened --json
    """


def _outage_options(command: Any) -> Any:
    for option in (
        click.option("--element", "elements", multiple=True, metavar="REF", help="Element without service."),
        click.option("--services", help=f"Comma list of {', '.join(SERVICES)}; default: those the element carries."),
        click.option(
            "--degree", type=click.Choice([one.value for one in Degree]), default=Degree.LOST.value, show_default=True
        ),
    ):
        command = option(command)
    return command


@incident.command("open")
@click.option("--title", required=True)
@click.option("--severity", type=click.Choice([one.value for one in Severity]), required=True)
@click.option(
    "--cause", type=click.Choice([one.value for one in CauseClass]), default=CauseClass.UNKNOWN.value, show_default=True
)
@click.option("--started", type=INSTANT, required=True, help="When it began, with offset; or now.")
@click.option("--planned", is_flag=True, help="Planned work; to announce it ahead see `outage planned`.")
@click.option("--billing", is_flag=True, help="About bills: no elements, a list of the accounts instead.")
@_outage_options
@staff_option
@click.pass_obj
def open_incident(
    app: App,
    title: str,
    severity: str,
    cause: str,
    started: datetime,
    planned: bool,
    billing: bool,
    elements: tuple[str, ...],
    services: str | None,
    degree: str,
    actor: str,
) -> None:
    """Open an incident with outages of the elements named, or one about bills."""
    app.staff(actor, "incidents.write")
    wanted = services_of(services)
    with app.database.transaction() as session:
        opened = incidents.open_incident(
            session,
            title=title,
            severity=Severity(severity),
            cause_class=CauseClass(cause),
            started_at=started,
            outages=[OutageStart(element, wanted, None, Degree(degree)) for element in dict.fromkeys(elements)],
            planned=planned,
            kind=IncidentKind.BILLING if billing else IncidentKind.NETWORK,
            actor=actor,
        )
    click.echo(f"{opened.ref} opened")


@incident.command("add")
@click.argument("ref", metavar="INCIDENT")
@click.option("--from", "started", type=INSTANT, required=True, help="When the outages began, with offset; or now.")
@click.option("--to", "ended", type=INSTANT, help="When they ended; without it they are open.")
@_outage_options
@staff_option
@click.pass_obj
def add_outages(
    app: App,
    ref: str,
    started: datetime,
    ended: datetime | None,
    elements: tuple[str, ...],
    services: str | None,
    degree: str,
    actor: str,
) -> None:
    """Add outages to an INCIDENT."""
    app.staff(actor, "incidents.write")
    wanted = services_of(services)
    starts = [OutageStart(element, wanted, started, Degree(degree), ended) for element in dict.fromkeys(elements)]
    with app.database.transaction() as session:
        found = incidents.get_incident(session, ref)
        rows = incidents.add_outages(session, found, starts, actor=actor)
    click.echo(f"{ref}: {len(rows)} outages added; it is {found.status}")


@incident.command("restore")
@click.argument("ref", metavar="INCIDENT")
@click.option("--element", "elements", multiple=True, metavar="REF", help="Element restored; repeatable; default: all.")
@click.option("--services", help=f"Comma list of {', '.join(SERVICES)}; default: all.")
@click.option("--at", type=INSTANT, required=True, help="When service came back, with offset; or now.")
@staff_option
@click.pass_obj
def restore(app: App, ref: str, elements: tuple[str, ...], services: str | None, at: datetime, actor: str) -> None:
    """End the open outages of an INCIDENT; the last one restores it."""
    app.staff(actor, "incidents.write")
    with app.database.transaction() as session:
        found = incidents.get_incident(session, ref)
        ended = incidents.restore_elements(
            session, found, list(elements) or None, at=at, services=services_of(services), actor=actor
        )
    counted = "its bills are right again" if found.kind == IncidentKind.BILLING else f"{ended} outages ended"
    said = counted if ended else "nothing was open there, nothing changed"
    click.echo(f"{ref}: {said}; it is {found.status}")


def _changer(name: str, change: Callable[..., bool], about: str, done: str) -> None:
    @incident.command(name, help=about)
    @click.argument("ref", metavar="INCIDENT")
    @staff_option
    @click.pass_obj
    def step(app: App, ref: str, actor: str) -> None:
        app.staff(actor, "incidents.write")
        with app.database.transaction() as session:
            changed = change(session, incidents.get_incident(session, ref), actor=actor)
        click.echo(f"{ref} is {done}{'' if changed else ' already, nothing changed'}")


for _changer_arguments in _CHANGERS:
    _changer(*_changer_arguments)


@incident.command("cause")
@click.argument("ref", metavar="INCIDENT")
@click.argument("cause", type=click.Choice([one.value for one in CauseClass]))
@click.option(
    "--force-majeure",
    type=click.Choice([*(one.value for one in ForceMajeure), _NO_FORCE]),
    help="What was beyond anybody's control; none takes it away; without this it stays as it is.",
)
@staff_option
@click.pass_obj
def change_cause(app: App, ref: str, cause: str, force_majeure: str | None, actor: str) -> None:
    """Set the class of CAUSE of an INCIDENT, which policies read; an alarm opens it as unknown.

    \b
    outage incident cause INC-2026-00001 power --force-majeure storm --as nina
    """
    app.staff(actor, "incidents.write")
    with app.database.transaction() as session:
        found = incidents.get_incident(session, ref)
        changed = incidents.change_cause(session, found, CauseClass(cause), actor=actor)
        if force_majeure is not None:
            kind = None if force_majeure == _NO_FORCE else ForceMajeure(force_majeure)
            changed |= incidents.change_force_majeure(session, found, kind, actor=actor)
    said = "" if force_majeure is None else f", force majeure: {force_majeure}"
    click.echo(f"{ref}: the cause is {cause}{said}{'' if changed else ' already, nothing changed'}")


@incident.command("note")
@click.argument("ref", metavar="INCIDENT")
@click.argument("text")
@click.option("--at", type=INSTANT, help="What time the note is about; default: now.")
@staff_option
@click.pass_obj
def note(app: App, ref: str, text: str, at: datetime | None, actor: str) -> None:
    """Write TEXT on the timeline of an INCIDENT."""
    app.staff(actor, "incidents.write")
    with app.database.transaction() as session:
        incidents.add_note(session, incidents.get_incident(session, ref), text, actor=actor, at=at)
    click.echo(f"{ref}: noted")


@incident.command("list")
@click.option("--status", type=click.Choice([one.value for one in IncidentStatus]))
@click.option("--search", help="Text in reference or title.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def list_incidents(app: App, status: str | None, search: str | None, limit: int, offset: int, as_json: bool) -> None:
    """List incidents, newest first."""
    wanted = None if status is None else IncidentStatus(status)
    with app.database.reading() as session:
        found = queries.list_incidents(session, wanted, search, limit=limit, offset=offset)
    if as_json:
        app.print_json([_incident_json(one) for one in found])
        return
    for one in found:
        click.echo(f"{one.ref}  {one.status:<9} {one.severity:<8} {shown(one.started_at)}  {one.title}")
    if not found:
        click.echo("no incidents")


@incident.command("show")
@click.argument("ref", metavar="INCIDENT")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def show_incident(app: App, ref: str, as_json: bool) -> None:
    """Show an INCIDENT with its outages, timeline, alarms and latest impact run."""
    with app.database.reading() as session:
        view = queries.get_incident_view(session, ref)
    if as_json:
        app.print_json(_view_json(view))
        return
    one = view.incident
    click.echo(
        f"{one.ref}  {one.title}\n{one.status}, {one.severity}, cause {one.cause_class}, owner {one.owner or '-'}"
    )
    click.echo(f"started {shown(one.started_at)}, restored {shown(one.restored_at) or '-'}")
    for row in view.outages:
        until = shown(row.ended_at) or "open"
        click.echo(f"  {row.element:<24} {row.service:<6} {row.degree:<9} {shown(row.started_at)} to {until}")
    for entry in view.timeline:
        click.echo(f"  {shown(entry.at)}  {entry.actor:<12} {entry.text}")
    if view.run is not None:
        click.echo(f"impact run {view.run.number}, measured {shown(view.run.measured_at)}")
        print_counts(view.run.counts)


def _incident_json(one: Incident) -> dict[str, Any]:
    names = ("ref", "title", "status", "severity", "cause_class", "force_majeure", "kind", "planned", "owner")
    times = ("started_at", "restored_at", "closed_at")
    return {name: getattr(one, name) for name in (*names, *times)}


def _view_json(view: queries.IncidentView) -> dict[str, Any]:
    def rows(found: Sequence[Any], *names: str) -> list[dict[str, Any]]:
        return [{name: getattr(row, name) for name in names} for row in found]

    return {
        **_incident_json(view.incident),
        "outages": rows(view.outages, "element", "service", "degree", "started_at", "ended_at"),
        "timeline": rows(view.timeline, "at", "actor", "kind", "text"),
        "alarms": rows(view.alarms, "source", "external_id", "element_ref", "severity", "raised_at", "cleared_at"),
        "run": None if view.run is None else rows([view.run], "number", "as_of", "measured_at", "counts")[0],
    }


def services_of(text: str | None) -> tuple[str, ...] | None:
    """The services of a comma list; None when there is no list."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def print_counts(counts: Mapping[str, Any], indent: str = "  ") -> None:
    """The counts of an impact run, one per line."""
    for name, value in counts.items():
        if isinstance(value, Mapping):
            click.echo(f"{indent}{name}")
            print_counts(value, f"{indent}  ")
        else:
            click.echo(f"{indent}{name:<24} {value:>14,}" if isinstance(value, int) else f"{indent}{name:<24} {value}")
