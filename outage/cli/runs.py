"""Commands on what was measured and what follows: runs and their differences, scale, regulators, corrections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
from sqlalchemy.orm import Session

from foundation.cli import App, staff_option
from foundation.errors import InputError
from outage import queries
from outage.cli.incidents import INSTANT, incident
from outage.incidents import corrections
from outage.incidents.incidents import get_incident
from outage.incidents.timeline import shown
from outage.models import ImpactRun, Incident
from outage.runs import comparison, recount
from outage.runs.holding import holding_run


@click.group()
def runs() -> None:
    """Impact runs of an incident, and what one says that another does not."""


@runs.command("list")
@click.argument("ref", metavar="INCIDENT")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def list_runs(app: App, ref: str, as_json: bool) -> None:
    """List the impact runs of an INCIDENT."""
    with app.database.reading() as session:
        found = queries.list_runs(session, ref)
    names = ("number", "as_of", "measured_at", "measured_by", "held_at", "fingerprint", "counts")
    holding = max(found, key=lambda run: run.turn, default=None)
    if as_json:
        app.print_json([{**{name: getattr(run, name) for name in names}, "holds": run is holding} for run in found])
        return
    for run in found:
        minutes = run.counts["user_minutes"]
        click.echo(
            f"run {run.number}  as of {shown(run.as_of)}  {run.counts['lines']:>12,} lines {minutes:>16,} user-minutes"
            f"  by {run.measured_by} at {shown(run.measured_at)}{'  holds' if run is holding else ''}"
        )
    if not found:
        click.echo(f"no impact runs of {ref}")


@runs.command("compare")
@click.argument("ref", metavar="INCIDENT")
@click.argument("before", type=click.IntRange(1))
@click.argument("after", type=click.IntRange(1))
@click.option("--sample", type=click.IntRange(0, 10_000), default=20, show_default=True, help="Numbers per change.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def compare(app: App, ref: str, before: int, after: int, sample: int, as_json: bool) -> None:
    """Say what run AFTER of an INCIDENT says that run BEFORE does not, with the masked numbers of some lines.

    \b
    outage runs compare INC-2026-00001 1 2
    """
    with app.database.reading() as session:
        key = get_incident(session, ref).id
        first, second = (queries.get_run(session, key, number) for number in (before, after))
    found = comparison.compare_runs(app.store, first, second, sample=sample)
    numbers = _masked(app, found)
    if as_json:
        app.print_json(found.told(numbers))
    else:
        print_comparison(found, numbers)


@runs.command("check")
@click.argument("ref", metavar="INCIDENT")
@click.option("--mend", is_flag=True, help="Keep what was counted, with a word on the timeline.")
@staff_option
@click.pass_obj
def check(app: App, ref: str, mend: bool, actor: str) -> None:
    """Count the files of an INCIDENT's runs anew; exit code 1 when the counts kept beside one were others.

    \b
    outage runs check INC-2026-00001 --as nina
    """
    app.staff(actor, "incidents.write" if mend else "incidents.read")
    # Counting the files of a large run takes long: who only looks keeps nobody from writing.
    with app.database.transaction() if mend else app.database.reading() as session:
        found = queries.list_runs(session, ref)
        faults = {
            run.number: recount.mend_counts(session, app.store, run, actor=actor)
            if mend
            else recount.check_counts(app.store, run)
            for run in found
        }
    for number, wrong in faults.items():
        click.echo(f"run {number}: {'counts differ from its files' if wrong else 'as its files say'}")
        for fault in wrong:
            click.echo(f"  {fault.name}: {fault.stored} kept, {fault.counted} counted{', mended' if mend else ''}")
    if any(faults.values()) and not mend:
        click.get_current_context().exit(1)


def print_change(app: App, run: ImpactRun) -> None:
    """What a run says that the one before it did not; nothing for a first run."""
    with app.database.reading() as session:
        found = comparison.describe_change(app.store, session, run)
    if found is not None:
        print_comparison(found, _masked(app, found))


def _masked(app: App, found: comparison.RunComparison) -> dict[int, str]:
    """The numbers of the lines that a comparison names; the console shows them whole to those who may see them."""
    with app.database.reading() as session:
        return queries.numbers_of(session, found.sampled, in_clear=False)


def print_comparison(found: comparison.RunComparison, numbers: Mapping[int, str]) -> None:
    """A comparison, one kind of change per line; lines by these numbers."""
    title = f"run {found.before} to run {found.after}: {found.lines_before:,} lines to {found.lines_after:,}"
    click.echo(f"{title}, nothing changed" if found.is_same else title)
    if found.is_same:
        return
    for name, changes in (("all services", found.changes), *found.services.items()):
        click.echo(f"  {name:<14}{changes.lines:>14,} lines changed {changes.seconds:>+18,} s")
        for kind in ("added", "removed", "longer", "shorter", "moved"):
            change: comparison.Change = getattr(changes, kind)
            if change.lines:
                click.echo(f"    {kind:<12}{change.lines:>14,} lines {change.seconds:>+26,} s{_some(change, numbers)}")
    for kind in ("evidence", "facts"):
        change = getattr(found, kind)
        if change.lines:
            click.echo(f"  other {kind:<8}{change.lines:>14,} lines{_some(change, numbers)}")


def _some(change: comparison.Change, numbers: Mapping[int, str]) -> str:
    named = [comparison.name_of(line, numbers) for line in change.sample[:3]]
    return f"  ({', '.join(named)}{', ...' if len(named) < change.lines else ''})"


@incident.command("scale")
@click.argument("ref", metavar="INCIDENT")
@click.option("--at", type=INSTANT, default="now", help="At what time; default: now.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, with all series.")
@click.pass_obj
def scale(app: App, ref: str, at: datetime, as_json: bool) -> None:
    """Show how big an INCIDENT is: lines, user-minutes, sites, cells, areas."""
    from outage.scale.measure import scale_of

    with app.database.reading() as session:
        run = holding_run(session, get_incident(session, ref).id)
        found = scale_of(session, app.store, ref, run, at)
    if as_json:
        app.print_json(asdict(found))
        return
    click.echo(f"{ref} at {shown(found.at)}")
    for lines in (found.any, *found.services):
        click.echo(
            f"  {lines.service or 'any service':<14}{lines.lines:>12,} lines {lines.user_minutes:>16,} user-minutes"
            f" {lines.user_hours:>14,} user-hours {lines.now:>12,} out now {lines.worst:>12,} at worst"
        )
    for network in (found.sites, found.cells, *found.kinds):
        click.echo(
            f"  {network.kind + 's':<14}{network.ever:>12,} of {network.all:,} were out, {network.now:,} now,"
            f" {network.worst:,} at worst, {network.minutes:,} minutes together"
        )
    for area in found.areas:
        lived = "" if area.lines is None else f", {area.lines:,} of {area.lines_all:,} lines"
        click.echo(f"  area {area.area:<20} {area.cells.ever:,} of {area.cells.all:,} cells{lived}")
    for unknown in found.not_known:
        click.echo(f"  not known: {unknown}")


@incident.command("duties")
@click.argument("ref", metavar="INCIDENT")
@click.option("--regulator", help="One regulator only, such as FCC.")
@click.option("--at", type=INSTANT, default="now", help="At what time; default: now.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def duties(app: App, ref: str, regulator: str | None, at: datetime, as_json: bool) -> None:
    """Show which regulators' thresholds an INCIDENT has crossed, when, and what is due by when.

    \b
    outage incident duties INC-2026-00001 --regulator FCC
    """
    from outage.scale.duties import duties_of

    with app.database.reading() as session:
        found = duties_of(session, app.store, ref, at=at, regulator=regulator)
    if as_json:
        app.print_json([asdict(status) for status in found.thresholds])
        return
    click.echo(f"{ref} at {shown(found.scale.at)}")
    for status in found.thresholds:
        when = "" if status.crossed_at is None else f" at {shown(status.crossed_at)}"
        if status.expected_at is not None:
            when = f", will be at {shown(status.expected_at)} if nothing is restored"
        proposed = " (proposed)" if status.standing == "proposed" else ""
        click.echo(f"{status.regulator}, {status.rule}{proposed}: {status.state.replace('_', ' ')}{when}")
        for distance in status.distances:
            click.echo(f"  {distance.measure}: {distance.have:,} of {distance.need:,} {distance.unit}")
        for unknown in status.not_known:
            click.echo(f"  not known: {unknown}")
        for deadline in status.deadlines:
            click.echo(f"  {deadline.what}: {_due(deadline)}")


def _due(deadline: Any) -> str:
    given = "" if deadline.filed_at is None else f"given at {shown(deadline.filed_at)}; "
    if deadline.due_at is None:
        return given + str(deadline.note)
    text = f"{given}due {shown(deadline.due_at)}"
    if deadline.seconds_left is None:
        return text
    minutes = abs(deadline.seconds_left) // 60
    left = f"{minutes // 60:,} h {minutes % 60:02} min"
    return f"{text}, {'OVERDUE by' if deadline.seconds_left < 0 else 'in'} {left}"


@incident.command("filed")
@click.argument("ref", metavar="INCIDENT")
@click.option("--regulator", required=True)
@click.option("--what", required=True, help="Which duty, as `outage incident duties` names it.")
@click.option("--at", type=INSTANT, default="now", help="When it was given; default: now.")
@click.option("--reference", help="What the regulator answered.")
@staff_option
@click.pass_obj
def filed(app: App, ref: str, regulator: str, what: str, at: datetime, reference: str | None, actor: str) -> None:
    """Note that a regulator was given a notice or report on an INCIDENT."""
    from outage.scale.duties import record_filing

    app.staff(actor, "incidents.write")
    with app.database.transaction() as session:
        found = get_incident(session, ref)
        is_new = record_filing(
            session, found, regulator=regulator, what=what, filed_at=at, reference=reference, actor=actor
        )
    click.echo(f"{ref}: {'noted' if is_new else 'was noted already, nothing changed'}")


_Correct = Callable[..., corrections.CorrectedOutage | None]


def _correction(name: str, *options: Callable[[Any], Any]) -> Callable[[Callable[..., Any]], Any]:
    """A command that changes outages of one element; the function says what to call with which times."""

    def decorate(choose: Callable[..., tuple[_Correct, dict[str, datetime | None]]]) -> Any:
        @incident.command(name, help=choose.__doc__)
        @click.argument("ref", metavar="INCIDENT")
        @click.option("--element", required=True, metavar="REF", help="The element of the outage.")
        @click.option("--services", help="Comma list; default: all of which it has outages in this incident.")
        @click.option("--which", type=INSTANT, help="The outage's start as entered, if there are several.")
        @click.option("--reason", required=True, help="Why; it goes on the timeline and in the audit.")
        @staff_option
        @click.pass_obj
        def command(
            app: App,
            /,
            ref: str,
            element: str,
            services: str | None,
            which: datetime | None,
            reason: str,
            actor: str,
            **times: datetime | None,
        ) -> None:
            app.staff(actor, "incidents.write")
            change, given = choose(**times)
            with app.database.transaction() as session:
                found = get_incident(session, ref)
                done = [
                    change(session, found, element, service, which=which, actor=actor, reason=reason, **given)
                    for service in _services(session, found, element, services)
                ]
            click.echo(f"{ref}: {sum(one is not None for one in done)} outages changed; it is {found.status}")

        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _services(session: Session, found: Incident, element: str, text: str | None) -> Sequence[str]:
    if text is not None:
        return [part.strip() for part in text.split(",") if part.strip()]
    services = queries.services_lost_by(session, found, element)
    if not services:
        accepted = "an element of one of its outages"
        raise InputError(
            f"{found.ref} has no outage on this element", where="element", value=element, accepted=accepted
        )
    return services


@_correction(
    "correct",
    click.option("--started", type=INSTANT, help="When it really began, with offset."),
    click.option("--ended", type=INSTANT, help="When it really ended, with offset."),
)
def _correct(started: datetime | None, ended: datetime | None) -> tuple[_Correct, dict[str, datetime | None]]:
    """Correct the start or the end of an element's outages in an INCIDENT."""
    return corrections.correct_outage, {"started_at": started, "ended_at": ended}


@_correction("reopen-outage")
def _reopen() -> tuple[_Correct, dict[str, datetime | None]]:
    """Say that an element's outages in an INCIDENT have not ended after all."""
    return corrections.reopen_outage, {}


@_correction("remove-outage")
def _remove() -> tuple[_Correct, dict[str, datetime | None]]:
    """Take away an element's outages that were entered in an INCIDENT by mistake."""
    return corrections.remove_outage, {}


@_correction(
    "split",
    click.option("--restored", type=INSTANT, required=True, help="When service came back, with offset."),
    click.option("--lost", type=INSTANT, required=True, help="When it was lost again, with offset."),
)
def _split(restored: datetime | None, lost: datetime | None) -> tuple[_Correct, dict[str, datetime | None]]:
    """Say that service was back for a while in the middle of an element's outages in an INCIDENT."""
    return corrections.split_outage, {"restored_at": restored, "lost_at": lost}
