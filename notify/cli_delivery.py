"""Commands of delivery: where a campaign stands, steering it, and what people decide."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

import click
from rich.table import Table
from sqlalchemy.orm import Session

from foundation.cli import staff_option
from notify import queries, settling, upkeep
from notify.campaigns import abort_campaign, list_gates, pause_campaign, plan_campaign, plan_of, resume_campaign
from notify.decisions import Decision, decide_unknown, retry_failed
from notify.pacing import resume_sender, sender_of, set_pace
from notify.registry import make_carriers, make_routing

if TYPE_CHECKING:
    from foundation.cli import App


class Steering(Protocol):
    """A use case that steers a campaign; False when nothing was to be changed."""

    def __call__(self, session: Session, campaign: str, *, actor: str, reason: str) -> bool:
        """Do it."""
        ...


@click.group("delivery")
def delivery() -> None:
    """Deliveries: where a campaign stands, and taking up what dead workers left."""


@delivery.command("status")
@click.argument("campaign")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.pass_obj
def status(app: App, campaign: str, as_json: bool) -> None:
    """Count a campaign's postings and messages by state.

    \b
    Example:
      outage delivery status AS-2026-00001
    """
    with app.database.reading() as session:
        counts = queries.campaign_counts(session, campaign)
        amounts = queries.campaign_amounts(session, campaign)
        waiting = queries.count_waiting(session, campaign)
        held = queries.count_held(session, campaign)
        steering = queries.find_campaign(session, campaign)
        gates = list_gates(session, campaign)
    if as_json:
        document = {"campaign": campaign, "counts": counts, "amounts_minor": amounts, "waiting": waiting, "held": held}
        state = None if steering is None else str(steering.state)
        opened = {gate.kind: gate.open_percent for gate in gates}
        waits_for = {gate.kind: gate.waits_for for gate in gates if gate.waits_for}
        app.print_json(document | {"state": state, "open_percent": opened, "waits_for": waits_for})
        return
    if steering is None:
        app.console.print(f"{campaign}: nothing was enqueued")
        return
    table = Table("kind", "state", "rows", title=campaign)
    for kind, states in sorted(counts.items()):
        for state, count in sorted(states.items()):
            table.add_row(kind, state, f"{count:,}")
    app.console.print(table)
    app.console.print(f"{waiting:,} messages wait for their postings, {held:,} deliveries are held")
    waves = ", ".join(f"{gate.open_percent} % of {gate.kind}s" for gate in gates) or "nothing"
    app.console.print(f"{steering.state}; open: {waves}" + (f"; {steering.reason}" if steering.reason else ""))
    for gate in gates:
        if gate.waits_for:
            app.console.print(f"the next wave of {gate.kind}s: {gate.waits_for}", soft_wrap=True)


def _add_steering(name: str, step: Steering, said: str, done: str, already: str) -> None:
    """A command that steers a campaign: who and why are asked for, and running it twice changes nothing more."""

    @delivery.command(name, help=said)
    @click.argument("campaign")
    @click.option("--reason", required=True, help="Why; it stands in the audit.")
    @staff_option
    @click.pass_obj
    def command(app: App, campaign: str, reason: str, actor: str) -> None:
        who = app.staff(actor, "deliveries.write")
        with app.database.transaction() as session:
            changed = step(session, campaign, actor=who, reason=reason)
        cancelled = upkeep.cancel_aborted(app.database)
        more = f", {cancelled:,} deliveries cancelled" if cancelled else ""
        app.console.print(f"{campaign}: {done if changed else already}{more}")


_add_steering(
    *("pause", pause_campaign, "Stop sending a campaign from the next call of each worker on."),
    *("paused", "is paused already, nothing changed"),
)
_add_steering(
    *("resume", resume_campaign, "Let a campaign go on after a pause, or after failures had stopped it."),
    *("goes on", "runs already, nothing changed"),
)
_add_steering(
    *("abort", abort_campaign, "Send nothing more of a campaign, for ever; what has left has left."),
    *("aborted", "was aborted already, nothing changed"),
)


@delivery.command("plan")
@click.argument("campaign")
@click.option("--canary-percent", type=int, help="The first wave goes to this part of the rows; 100: all at once.")
@click.option("--canary-rows", type=int, help="Outcomes that must be in before a wave is judged.")
@click.option("--failure-percent", type=int, help="More failed or unknown than this stops the campaign.")
@click.option("--priority", type=int, help="Of several campaigns the lower number goes first.")
@click.option("--ceiling", type=int, help="A release of more rows than this is refused; 0 for no limit.")
@staff_option
@click.pass_obj
def plan(app: App, /, campaign: str, actor: str, ceiling: int | None, **figures: int | None) -> None:
    """Say how a campaign goes out; without figures show it. May be said before the release, by its reference.

    \b
    Examples:
      outage delivery plan AS-2026-00001 --canary-rows 1000 --ceiling 500000 --as mary
      outage delivery plan AS-2026-00001 --failure-percent 10 --as mary
    """
    who = app.staff(actor, "deliveries.write")
    changes: dict[str, int | None] = {name: value for name, value in figures.items() if value is not None}
    if ceiling is not None:
        changes["ceiling"] = ceiling or None
    with app.database.transaction() as session:
        planned, known = plan_of(session, campaign), queries.find_campaign(session, campaign) is not None
        if changes:
            planned = dataclasses.replace(planned, **changes)  # type: ignore[arg-type]  # whole numbers, or no ceiling
            plan_campaign(session, campaign, planned, actor=who)
    most = "no limit" if planned.ceiling is None else f"{planned.ceiling:,} rows"
    app.console.print(
        f"{campaign}: canary {planned.canary_percent} % and {planned.canary_rows:,} rows of each kind, stops at more "
        f"than {planned.failure_percent} % failures, priority {planned.priority}, ceiling {most}"
        + ("" if known else "; nothing was enqueued under this name yet"),
        soft_wrap=True,
    )


@delivery.command("decide")
@click.argument("campaign")
@click.argument("decision", type=click.Choice([str(one) for one in Decision]))
@click.option("--key", "keys", multiple=True, help="Only the delivery with this key; may be given more than once.")
@click.option("--reason", required=True, help="How you know; it stands in the audit.")
@staff_option
@click.pass_obj
def decide(app: App, campaign: str, decision: str, keys: tuple[str, ...], reason: str, actor: str) -> None:
    """Settle unknown attempts by a person's word: they are there, are not there, or are to be sent again.

    \b
    Example:
      outage delivery decide AS-2026-00001 not_there --reason "log of the provider" --as mary
    """
    who = app.staff(actor, "deliveries.write")
    with app.database.transaction() as session:
        settled = decide_unknown(session, campaign, Decision(decision), keys=keys or None, actor=who, reason=reason)
    app.console.print(f"{settled:,} unknown attempts are settled: {decision}")


@delivery.command("retry")
@click.argument("campaign")
@click.option("--failed-with", help="Only those that failed with exactly this reason.")
@click.option("--reason", required=True, help="What was mended; it stands in the audit.")
@staff_option
@click.pass_obj
def retry(app: App, campaign: str, failed_with: str | None, reason: str, actor: str) -> None:
    """Let failed deliveries be tried again: nothing of them took effect.

    \b
    Example:
      outage delivery retry AS-2026-00001 --failed-with "no such text" --reason "text saved" --as mary
    """
    who = app.staff(actor, "deliveries.write")
    with app.database.transaction() as session:
        retried = retry_failed(session, campaign, failed_with=failed_with, actor=who, reason=reason)
    app.console.print(f"{retried:,} deliveries will be tried again")


@delivery.command("pace")
@click.argument("sender")
@click.argument("rows_per_second", type=float)
@click.option("--burst", default=1, show_default=True, help="The most at once after a rest.")
@staff_option
@click.pass_obj
def pace(app: App, sender: str, rows_per_second: float, burst: int, actor: str) -> None:
    """Set the pace of a sender for all workers, from their next claim on; 0 lifts the limit.

    \b
    Example:
      outage delivery pace twilio:+447700900000 20 --burst 5 --as mary
    """
    who = app.staff(actor, "deliveries.write")
    with app.database.transaction() as session:
        set_pace(session, sender, rows_per_second=rows_per_second or None, burst=burst, actor=who)
    app.console.print(f"{sender}: {f'{rows_per_second:g} rows a second' if rows_per_second else 'no limit'}")


@delivery.command("carriers")
@click.pass_obj
def show_carriers(app: App) -> None:
    """List what is installed and how it is used; reads every setting of it, and connects to nothing.

    \b
    Example:
      OUTAGE_CHANNELS=twilio,email outage delivery carriers
    """
    routing = make_routing(app.settings)
    table = Table("name", "sender", "a second", "at once", "can be asked", "receipts")
    # Other commands ask for a sender by this name: it is never cut.
    for column in (*table.columns[:2], table.columns[-1]):
        column.no_wrap = True
    carried = {}
    for name, carrier in make_carriers(app.settings, app.database).items():
        pace, promises = carrier.manner.rows_per_second, carrier.promises
        carried[name] = ", ".join(sorted(routing.systems[name])) if name in routing.systems else "texts"
        receipts = "none" if promises.receipt_hours is None else f"in {promises.receipt_hours} h"
        asked = "yes" if promises.can_be_asked else "no"
        a_second = "" if pace is None else f"{pace:g}"
        table.add_row(name, sender_of(carrier), a_second, str(carrier.in_flight), asked, receipts)
    app.console.print(table)
    for name, what in carried.items():
        app.console.print(f"{name} carries {what}", soft_wrap=True)


@delivery.command("unhalt")
@click.argument("sender")
@click.option("--reason", required=True, help="What was mended; it stands in the audit.")
@staff_option
@click.pass_obj
def unhalt(app: App, sender: str, reason: str, actor: str) -> None:
    """Let a sender go on that its provider had refused."""
    who = app.staff(actor, "deliveries.write")
    with app.database.transaction() as session:
        changed = resume_sender(session, sender, actor=who, reason=reason)
    app.console.print(f"{sender}: {'goes on' if changed else 'was not halted'}")


@delivery.command("recover")
@click.pass_obj
def recover(app: App) -> None:
    """Take up what dead workers left, as every worker does by itself."""
    requeued, unknown = upkeep.recover(app.database)
    app.console.print(f"{requeued:,} claims put back, {unknown:,} attempts are now unknown")


@delivery.command("settle")
@click.pass_obj
def settle(app: App) -> None:
    """Ask the carriers about unknown attempts, as every worker does by itself."""
    counts = settling.settle_unknown(app.database, make_carriers(app.settings, app.database))
    app.console.print(f"{counts.settled:,} settled: {counts.delivered:,} were there, {counts.put_back:,} go again")
