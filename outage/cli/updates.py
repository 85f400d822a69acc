"""Commands on the updates of an incident: its plan, what is due, telling, and texts to the lines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from foundation import clock
from foundation.cli import App, staff_option
from notify.registry import make_routing
from outage.cli.incidents import INSTANT, incident
from outage.incidents.incidents import get_incident
from outage.incidents.timeline import shown
from outage.updates.cadence import OWN, PRESETS, Audience, UpdateKind
from outage.updates.updates import PlanView

_CADENCES = [*(one.name for one in PRESETS), OWN]


@incident.group("update")
def update_group() -> None:
    """Updates of an incident while service is out: who was told what, and what is due when.

    \b
    outage incident update list INC-2026-00001
    outage incident update post INC-2026-00001 --kind first --to public --to affected "We are looking." --as nina
    outage incident update plan INC-2026-00001 own --every-hours 2 --as nina
    """


@update_group.command("list")
@click.argument("ref", metavar="INCIDENT")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def list_updates(app: App, ref: str, as_json: bool) -> None:
    """Show the plan of an INCIDENT, what is due by it, and every update."""
    from outage.updates import updates

    with app.database.reading() as session:
        plan = updates.get_plan(session, get_incident(session, ref))
    if as_json:
        app.print_json(_plan_json(plan))
        return
    click.echo(f"{ref}: plan {plan.cadence.name}, {plan.cadence.says}")
    if plan.estimated_at is not None:
        click.echo(f"service expected back {shown(plan.estimated_at)}")
    now = clock.now()
    if plan.due is not None:
        state = "overdue" if plan.due.is_overdue(now) else "due" if plan.due.is_due(now) else "next"
        click.echo(f"{state}: {plan.due.kind}, {shown(plan.due.due_at)}, {plan.due.reason}")
    for one in reversed(plan.updates):
        texts = f"; {one.texts:,} texts ({one.text_name})" if one.texts else ""
        to = ", ".join(one.audiences)
        click.echo(f"{one.number:>3}  {shown(one.posted_at)}  {one.kind} to {to}{texts}: {one.text}")


def _plan_json(plan: PlanView) -> dict[str, Any]:
    now = clock.now()
    due = None
    if plan.due is not None:
        due = {"kind": plan.due.kind, "due_at": plan.due.due_at, "overdue_at": plan.due.overdue_at}
        due |= {"reason": plan.due.reason, "is_overdue": plan.due.is_overdue(now)}
    names = ("number", "kind", "audiences", "text", "posted_at", "posted_by", "text_name", "campaign", "texts")
    updates = [{name: getattr(one, name) for name in names} for one in reversed(plan.updates)]
    return {"cadence": plan.cadence.name, "estimated_at": plan.estimated_at, "due": due, "updates": updates}


@update_group.command("post")
@click.argument("ref", metavar="INCIDENT")
@click.argument("text")
@click.option(
    "--kind", type=click.Choice([one.value for one in UpdateKind]), default=UpdateKind.UPDATE.value, show_default=True
)
@click.option(
    "--to",
    "audiences",
    type=click.Choice([one.value for one in Audience]),
    multiple=True,
    required=True,
    help="Repeatable.",
)
@click.option("--at", type=INSTANT, help="When it was given out; default: now.")
@staff_option
@click.pass_obj
def post_update(
    app: App, ref: str, text: str, kind: str, audiences: tuple[str, ...], at: datetime | None, actor: str
) -> None:
    """Note that these audiences were told TEXT about an INCIDENT."""
    from outage.updates import updates

    app.staff(actor, "incidents.write")
    with app.database.transaction() as session:
        posted = updates.post_update(
            session,
            get_incident(session, ref),
            kind=UpdateKind(kind),
            text=text,
            audiences=[Audience(one) for one in audiences],
            at=at,
            actor=actor,
        )
    click.echo(f"{ref}: update {posted.update.number} {'posted' if posted.is_new else 'was posted some minutes ago'}")


@update_group.command("plan")
@click.argument("ref", metavar="INCIDENT")
@click.argument("cadence", type=click.Choice(_CADENCES))
@click.option("--every-hours", type=int, help="Of an own plan: hours between updates.")
@click.option("--later-every-hours", type=int, help="The same after the first 24 hours; default: as before.")
@click.option("--grace-minutes", type=int, help="What is due at once is overdue after so many minutes; default: 30.")
@staff_option
@click.pass_obj
def set_plan(
    app: App,
    ref: str,
    cadence: str,
    every_hours: int | None,
    later_every_hours: int | None,
    grace_minutes: int | None,
    actor: str,
) -> None:
    """Tell by this CADENCE while an INCIDENT goes on."""
    from outage.updates import updates

    app.staff(actor, "incidents.write")
    with app.database.transaction() as session:
        changed = updates.set_plan(
            session,
            get_incident(session, ref),
            cadence,
            every_hours=every_hours,
            later_every_hours=later_every_hours,
            grace_minutes=grace_minutes,
            actor=actor,
        )
    click.echo(f"{ref}: {'plan set' if changed else 'nothing changed'}")


@update_group.command("estimate")
@click.argument("ref", metavar="INCIDENT")
@click.argument("at", type=INSTANT, required=False)
@staff_option
@click.pass_obj
def set_estimate(app: App, ref: str, at: datetime | None, actor: str) -> None:
    """Say when the service of an INCIDENT is expected back; without a time: nobody can say."""
    from outage.updates import updates

    app.staff(actor, "incidents.write")
    with app.database.transaction() as session:
        changed = updates.set_estimate(session, get_incident(session, ref), at, actor=actor)
    click.echo(f"{ref}: {'estimate set, an update is due' if changed else 'nothing changed'}")


@update_group.command("text")
@click.argument("ref", metavar="INCIDENT")
@click.argument("number", type=int, metavar="UPDATE")
@click.argument("text_name", metavar="TEXT")
@staff_option
@click.pass_obj
def queue_texts(app: App, ref: str, number: int, text_name: str, actor: str) -> None:
    """Enqueue the text named TEXT to every line of the run that holds, as part of UPDATE of an INCIDENT."""
    from outage.updates import texts as update_texts
    from outage.updates import updates

    app.staff(actor, "incidents.write")
    with app.database.transaction() as session:
        found = get_incident(session, ref)
        queued = update_texts.queue_texts(
            session,
            app.store,
            found,
            updates.get_update(session, found, number),
            text_name,
            routing=make_routing(app.settings),
            next_at=updates.get_plan(session, found).next_at,
            actor=actor,
        )
    click.echo(f"{ref}: {f'{queued.texts:,} texts enqueued' if queued.texts else 'nothing was added'}")


commands: list[click.Command] = [incident]
"""The commands hang on `outage incident`; importing this module is what adds them."""
