"""Commands on planned work, and on two incidents that are one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from foundation.cli import App, staff_option
from foundation.errors import InputError
from outage import queries
from outage.cli.incidents import INSTANT, incident, print_counts, services_of
from outage.incidents import planned_work
from outage.incidents.incidents import get_incident
from outage.incidents.merging import Guard, merge_incidents
from outage.incidents.timeline import shown
from outage.lifecycle import SERVICES, CauseClass
from outage.models import Incident

merge_guards: list[Guard] = []
"""Asked about the absorbed incident before a merge; the place that knows every package adds what it knows to it."""

_SERVICES = click.option("--services", help=f"Comma list of {', '.join(SERVICES)}; default: those the element carries.")
_ELEMENTS = click.option("--element", "elements", multiple=True, metavar="REF", help="Element; repeatable.")


@click.group()
def planned() -> None:
    """Planned work: announced ahead, begun and ended by its window.

    \b
    outage planned announce --title "HLR-1 software" --from 2026-12-01T01:00:00Z --to 2026-12-01T04:00:00Z \\
        --element hlr-1 --as nina
    outage planned overrun INC-2026-00007 --as nina
    """


@planned.command("announce")
@click.option("--title", required=True)
@click.option("--from", "starts_at", type=INSTANT, required=True, help="When the window opens, with offset.")
@click.option(
    "--to", "ends_at", type=INSTANT, required=True, help="When it closes: minutes after it are no more planned."
)
@click.option(
    "--cause", type=click.Choice([one.value for one in CauseClass]), default=CauseClass.UNKNOWN.value, show_default=True
)
@_ELEMENTS
@_SERVICES
@staff_option
@click.pass_obj
def announce(
    app: App,
    title: str,
    starts_at: datetime,
    ends_at: datetime,
    cause: str,
    elements: tuple[str, ...],
    services: str | None,
    actor: str,
) -> None:
    """Announce work on elements, and say what it would hit."""
    app.staff(actor, "incidents.write")
    with app.database.transaction() as session:
        made = planned_work.announce_planned_work(
            session,
            title=title,
            window=(starts_at, ends_at),
            elements=elements,
            services=services_of(services),
            cause_class=CauseClass(cause),
            actor=actor,
        )
    click.echo(f"{made.ref} announced for {shown(made.started_at)} to {shown(made.announced_end_at)}")
    _say_what_it_would_hit(app, made.ref, actor)


@planned.command("reschedule")
@click.argument("ref", metavar="INCIDENT")
@click.option("--from", "starts_at", type=INSTANT, help="When the window opens.")
@click.option("--to", "ends_at", type=INSTANT, help="When it closes.")
@_ELEMENTS
@_SERVICES
@staff_option
@click.pass_obj
def reschedule(
    app: App,
    ref: str,
    starts_at: datetime | None,
    ends_at: datetime | None,
    elements: tuple[str, ...],
    services: str | None,
    actor: str,
) -> None:
    """Give announced work another window, or other elements, and say what it would hit then."""
    app.staff(actor, "incidents.write")
    if (starts_at is None) != (ends_at is None):
        raise InputError("half a window", where="--from, --to", accepted="both of them, or neither")
    window = None if starts_at is None or ends_at is None else (starts_at, ends_at)
    with app.database.transaction() as session:
        found = get_incident(session, ref)
        changed = planned_work.reschedule_planned_work(
            session,
            found,
            window=window,
            elements=list(elements) or None,
            services=services_of(services),
            actor=actor,
        )
    said = "rescheduled" if changed else "nothing changed, it is announced"
    click.echo(f"{ref}: {said} for {shown(found.started_at)} to {shown(found.announced_end_at)}")
    if changed:
        _say_what_it_would_hit(app, ref, actor)


@planned.command("cancel")
@click.argument("ref", metavar="INCIDENT")
@click.option("--reason", required=True)
@staff_option
@click.pass_obj
def cancel(app: App, ref: str, reason: str, actor: str) -> None:
    """Cancel work that has not begun."""
    app.staff(actor, "incidents.write")
    with app.database.transaction() as session:
        changed = planned_work.cancel_planned_work(session, get_incident(session, ref), reason=reason, actor=actor)
    click.echo(f"{ref} is cancelled{'' if changed else ' already, nothing changed'}")


@planned.command("done")
@click.argument("ref", metavar="INCIDENT")
@click.option("--at", type=INSTANT, required=True, help="When it was done, with offset; or now.")
@staff_option
@click.pass_obj
def done(app: App, ref: str, at: datetime, actor: str) -> None:
    """Say that work was done before its announced end."""
    app.staff(actor, "incidents.write")
    with app.database.transaction() as session:
        found = get_incident(session, ref)
        changed = planned_work.finish_planned_work(session, found, at=at, actor=actor)
    click.echo(f"{ref}: {'done' if changed else 'nothing lasted beyond that, nothing changed'}; it is {found.status}")


@planned.command("overrun")
@click.argument("ref", metavar="INCIDENT")
@_ELEMENTS
@staff_option
@click.pass_obj
def overrun(app: App, ref: str, elements: tuple[str, ...], actor: str) -> None:
    """Say that work goes on after its announced end: an unplanned incident from there on."""
    app.staff(actor, "incidents.write")
    with app.database.transaction() as session:
        found = get_incident(session, ref)
        opened = planned_work.overrun_planned_work(session, found, elements=list(elements) or None, actor=actor)
    if opened is None:
        click.echo(f"{ref}: an incident opens at {shown(found.announced_end_at)}, its announced end")
    else:
        click.echo(f"{ref}: {opened.ref} counts from {shown(opened.started_at)} on")


@planned.command("due")
@staff_option
@click.pass_obj
def due(app: App, actor: str) -> None:
    """Begin and end what is due now, as the scheduler does; again: nothing changes."""
    app.staff(actor, "incidents.write")
    with app.database.transaction() as session:
        steps = planned_work.begin_due_planned_work(session, actor=actor)
    click.echo(f"{steps.begun} begun, {steps.ended} ended, {steps.overrun} ran over")


@planned.command("list")
@click.option("--past", is_flag=True, help="Also what is over or was cancelled, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def list_planned(app: App, past: bool, as_json: bool) -> None:
    """List planned work, the next to begin first."""
    with app.database.reading() as session:
        found = planned_work.list_planned_work(session, past=past)
    if as_json:
        app.print_json([_as_json(one) for one in found])
        return
    for one in found:
        window = f"{shown(one.started_at)} to {shown(one.announced_end_at) or 'no announced end'}"
        click.echo(f"{one.ref}  {one.status:<9} {window}  {one.title}")
    if not found:
        click.echo("no planned work")


@planned.command("show")
@click.argument("ref", metavar="INCIDENT")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def show(app: App, ref: str, as_json: bool) -> None:
    """Show planned work with its elements and what it would hit, as measured last."""
    with app.database.reading() as session:
        view = queries.get_incident_view(session, ref)
    one = view.incident
    if not one.planned:
        raise InputError(
            "not planned work", where="incident", value=ref, accepted="one of `outage planned list --past`"
        )
    if as_json:
        app.print_json({**_as_json(one), "outages": _outages_json(view.outages), "hits": view.run and view.run.counts})
        return
    click.echo(f"{one.ref}  {one.title}\n{one.status}, {shown(one.started_at)} to {shown(one.announced_end_at) or '-'}")
    for row in view.outages:
        click.echo(f"  {row.element:<24} {row.service:<6} {shown(row.started_at)} to {shown(row.ended_at) or 'open'}")
    if view.run is not None:
        click.echo(f"would hit, by impact run {view.run.number}")
        print_counts(view.run.counts)


@incident.command("merge")
@click.argument("keep", metavar="KEEP")
@click.argument("absorbed", metavar="ABSORBED")
@click.option("--reason", required=True, help="Why the two are one.")
@staff_option
@click.pass_obj
def merge(app: App, keep: str, absorbed: str, reason: str, actor: str) -> None:
    """Merge incident ABSORBED into KEEP, because they are one."""
    app.staff(actor, "incidents.write")

    def guard(session: Any, incident: Incident) -> None:
        for check in merge_guards:
            check(session, incident)

    with app.database.transaction() as session:
        kept = get_incident(session, keep)
        changed = merge_incidents(
            session, kept, get_incident(session, absorbed), actor=actor, reason=reason, guard=guard
        )
    said = f"merged into {keep}, which is {kept.status}" if changed else f"merged into {keep} already, nothing changed"
    click.echo(f"{absorbed}: {said}")


def _say_what_it_would_hit(app: App, ref: str, actor: str) -> None:
    from outage.runs.impact import measure_impact

    app.staff(actor, "impact.run")
    measured = measure_impact(app.database, app.store, ref, actor=actor)
    click.echo("would hit")
    print_counts(measured.run.counts)


def _as_json(one: Incident) -> dict[str, Any]:
    names = ("ref", "title", "status", "started_at", "announced_end_at", "restored_at")
    return {name: getattr(one, name) for name in names}


def _outages_json(rows: Sequence[queries.OutageView]) -> list[dict[str, Any]]:
    names = ("element", "service", "degree", "started_at", "ended_at")
    return [{name: getattr(row, name) for name in names} for row in rows]
