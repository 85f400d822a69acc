"""Commands that try policies: what-if on past and open incidents, and the liability clock."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from compensation import policies
from compensation.document.reading import PolicyDocument, load_policy
from compensation.simulation import whatif as simulation
from compensation.simulation.liability import LONGEST_HOURS, find_liability
from compensation.simulation.liability_curve import Cliff
from compensation.simulation.places import find_rival
from compensation.simulation.trials import Side
from compensation.simulation.whatif_results import ComparedCase, WhatIf
from compensation.tallies import Change
from foundation import clock
from foundation.cli import App
from foundation.errors import InputError
from foundation.money import Money
from outage.incidents.incidents import get_incident
from outage.queries import get_run


@click.command("whatif")
@click.argument("policy")
@click.option("--incident", required=True, help="The incident, past or open, that the policy is tried on.")
@click.option("--run", "run_number", type=int, help="Number of the impact run; the one that holds without it.")
@click.option("--against", help="Compare with NAME, NAME@NUMBER or none; the version in force without it.")
@click.option("--by", "by", multiple=True, type=click.Choice(list(simulation.DIMENSIONS)), help="Split the result.")
@click.option("--examples", default=1, show_default=True, help="Cases of each kind that are explained.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), help="Write every case there.")
@click.pass_obj
def whatif(
    app: App,
    policy: str,
    incident: str,
    run_number: int | None,
    against: str | None,
    by: tuple[str, ...],
    examples: int,
    csv_file: Path | None,
) -> None:
    """Try POLICY (a file, or NAME or NAME@NUMBER of a saved version) on an incident; nothing is written.

    \b
    outage policy whatif my_policy.yaml --incident INC-2026-00001
    outage policy whatif o2-uk-2012-07@2 --incident INC-2026-00001 --against o2-uk-2012-07@1 --by brand
    """
    with app.database.reading() as session:
        document = _document(session, policy)
        run = get_run(session, get_incident(session, incident).id, run_number)
        rival = find_rival(session, document.name, against)
        other = policies.load_document(session, rival) if rival is not None else None
        tried = simulation.make_simulation(session, app.store, document, run.id, other)
    result = tried.whatif(by=by, examples=examples)
    for line in _whatif_lines(result, policies.label(rival) if rival is not None else None):
        click.echo(line)
    if csv_file is not None:
        _write_cases(csv_file, tried.cases(), result.currency)
        click.echo(f"every case: {csv_file}")


def _document(session: Session, policy: str) -> PolicyDocument:
    path = Path(policy)
    if path.suffix in (".yaml", ".yml") or path.exists():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read: {error}", where=policy, accepted="a YAML file in UTF-8") from None
        return load_policy(text, source=policy, attributes=policies.list_attribute_facts(session))
    version = find_rival(session, policy, policy)
    if version is None:
        raise InputError("no policy", where="POLICY", value=policy, accepted="a file, NAME or NAME@NUMBER")
    return policies.load_document(session, version)


def _whatif_lines(found: WhatIf, rival: str | None) -> Iterable[str]:
    currency, tally = found.currency, found.side.tally
    cost = Money(tally.cost_minor, currency)
    yield f"{found.side.policy}: {tally.lines:,} lines in {tally.cases:,} cases, cost {cost}"
    yield f"  {tally.entitled:,} entitled, {tally.nothing:,} owed nothing, {tally.undetermined:,} undetermined"
    yield from _release_lines(found.side, currency)
    for reward in tally.rewards:
        yield f"  {reward.name}: {reward.lines:,} lines, {Money(reward.amount_minor, currency)}"
    for note in (*found.side.stopped, *found.notes, *(f"{lines:,} lines: {reason}" for reason, lines in found.reasons)):
        yield f"  note: {note}"
    if found.against is not None and found.shift is not None:
        before_minor = found.against.tally.cost_minor
        difference = _signed(tally.cost_minor - before_minor, currency)
        yield f"against {rival}: {Money(before_minor, currency)}, so {difference}"
        yield from _release_lines(found.against, currency)
        changes: tuple[tuple[str, Change], ...] = (
            ("get more", found.shift.winners),
            ("get less", found.shift.losers),
            ("get something else", found.shift.otherwise),
            ("are undetermined on one side", found.shift.unclear),
            ("get the same", found.shift.same),
        )
        for said, change in changes:
            yield f"  {change.lines:>12,} lines {said}: {_signed(change.difference_minor, currency)}"
    for part in found.parts:
        before = "" if part.against_minor is None else f", before {Money(part.against_minor, currency)}"
        value = "not known" if part.value is None else part.value
        yield f"  {part.dimension} {value}: {part.lines:,} lines, {Money(part.cost_minor, currency)}{before}"
    for example in found.examples:
        yield f"example ({example.kind}, {example.lines:,} lines): {Money(example.now_minor, currency)}"
        yield from (f"    {sentence}" for sentence in example.now)


def _release_lines(side: Side, currency: str) -> Iterable[str]:
    """What an assessment would release, where that is not what the rules give."""
    if not side.differs:
        return
    for said, change in (("held out", side.withheld.held_out), ("for what was given before", side.withheld.given)):
        if change.lines:
            yield f"  {change.lines:>12,} lines {said}: {_signed(change.difference_minor, currency)}"
    yield f"  to be released now: {Money(side.release.cost_minor, currency)}"
    if side.release.over_lines:
        over = Money(side.release.over_minor, currency)
        yield f"  {side.release.over_lines:>12,} lines keep {over} more than they are owed"


def _signed(amount_minor: int, currency: str) -> str:
    return f"{'+' if amount_minor > 0 else ''}{Money(amount_minor, currency)}"


def _write_cases(path: Path, cases: Iterable[ComparedCase], currency: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer: Any = None
        for case in cases:
            rest = {
                "lines": case.lines,
                "kind": case.kind,
                "outcome": case.outcome,
                "one_minor": case.now_minor,
                "release_one_minor": case.release_minor,
                "before_outcome": case.before_outcome,
                "before_one_minor": case.before_minor,
                "before_release_one_minor": case.before_release_minor,
                "currency": currency,
            }
            row = {**case.facts, **rest}
            if writer is None:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
            writer.writerow(row)


@click.command("liability")
@click.argument("incident")
@click.option("--hours", type=click.IntRange(1, LONGEST_HOURS), default=24, show_default=True, help="How far ahead.")
@click.option("--seconds", type=click.FloatRange(0, 3600), default=60, show_default=True, help="How long to compute.")
@click.pass_obj
def liability(app: App, incident: str, hours: int, seconds: float) -> None:
    """What an open INCIDENT costs if restored now, and the next cliffs.

    \b
    outage incident liability INC-2026-00001
    """
    with app.database.reading() as session:
        found = find_liability(session, app.store, incident, hours=hours, seconds=seconds)
    click.echo(f"{incident}, by impact run {found.run.number} as of {found.run.as_of:%Y-%m-%d %H:%M} UTC")
    if not found.policies:
        click.echo("no approved policy answers for it: it costs nothing")
    for warning in found.warnings:
        click.echo(f"warning: {warning}")
    for part in found.policies:
        click.echo(f"{policies.label(part.version)}: {Money(part.now_minor, part.currency)} if restored now")
        if part.owed_minor != part.now_minor:
            owed = Money(part.owed_minor, part.currency)
            click.echo(f"  {owed} by the rules alone: some of it was credited before, or its lines are held out")
        for cliff in part.cliffs:
            click.echo(f"  {_cliff_line(cliff, clock.to_unix(found.at), part.currency)}")
        last = part.points[-1]
        click.echo(
            f"  {Money(last.cost_minor, part.currency)} if restored {clock.from_unix(last.at):%Y-%m-%d %H:%M} UTC"
        )
    if not found.is_complete:
        click.echo(f"looked at up to {found.until:%Y-%m-%d %H:%M} UTC and not beyond: time ran out")


def _cliff_line(cliff: Cliff, now: int, currency: str) -> str:
    minutes = max(0, -(-(cliff.at - now) // 60))
    when = f"in {minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"in {minutes} min"
    lines = f"{cliff.lines:,} {'line' if cliff.lines == 1 else 'lines'}"
    return (
        f"{when}, {clock.from_unix(cliff.at):%H:%M} UTC: {lines}, {cliff.why}: {_signed(cliff.delta_minor, currency)}"
    )
