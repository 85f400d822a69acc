"""Commands on tests over history: past incidents that every version of a policy is tried on."""

from __future__ import annotations

from collections.abc import Iterable

import click
from sqlalchemy.orm import Session

from compensation import policies
from compensation.history_checks import list_tried
from compensation.history_rules import BOUNDED, Expectation
from compensation.models import PolicyVersion
from compensation.simulation import history_tests
from foundation.cli import App, staff_option
from foundation.errors import InputError
from outage.incidents.incidents import get_incident
from outage.queries import get_run

_NUMBER = click.option("--number", type=int, help="Version number; the newest without it.")
_REASON = click.option("--reason", required=True, help="Why; kept in the audit.")
_BOUND = f"TOTAL:LOWEST:HIGHEST, an end may be left out: {', '.join(BOUNDED)}."


@click.group()
def history() -> None:
    """Tests over history: past incidents that every version of a policy is tried on before it is approved.

    \b
    outage policy history set my-policy --incident INC-2026-00001 --expect unchanged --as maria
    outage policy history set my-policy --incident INC-2026-00002 --expect within --bound cost_minor:0:500000 --as maria
    outage policy history replay my-policy --as maria
    outage policy history accept my-policy 3 --reason "the regulator asks for it" --as maria
    """


@history.command("set")
@click.argument("policy")
@click.option("--incident", required=True)
@click.option("--run", "run_number", type=int, help="Number of the impact run; the one that holds without it.")
@click.option("--expect", "expectation", required=True, type=click.Choice([str(one) for one in Expectation]))
@click.option(
    "--bound", "bounds", multiple=True, help=f"TOTAL:LOWEST:HIGHEST, either may be empty: {', '.join(BOUNDED)}."
)
@click.option("--number", type=int, help="The version whose result is pinned; the one in force without it.")
@staff_option
@click.pass_obj
def set_test(
    app: App,
    policy: str,
    incident: str,
    run_number: int | None,
    expectation: str,
    bounds: tuple[str, ...],
    number: int | None,
    actor: str,
) -> None:
    """Choose a run of an incident as a test of POLICY, or change what is expected of it."""
    app.staff(actor, "policies.write")
    with app.database.reading() as session:
        run = get_run(session, get_incident(session, incident).id, run_number)
    wanted = Expectation(expectation)
    test = history_tests.set_test(
        app.database, app.store, policy, run.id, wanted, bounds=_bounds(bounds), number=number, actor=actor
    )
    click.echo(f"test {test.id} of {policy}: {incident} run {run.number}, {wanted.said}")


def _bounds(texts: Iterable[str]) -> dict[str, tuple[int | None, int | None]]:
    found = {}
    for text in texts:
        name, *ends = text.split(":")
        try:
            lowest, highest = (int(end) if end else None for end in ends)
        except ValueError:
            accepted = "TOTAL:LOWEST:HIGHEST in whole numbers, such as cost_minor:0:500000"
            raise InputError("not a bound", where="--bound", value=text, accepted=accepted) from None
        found[name] = (lowest, highest)
    return found


@history.command("list")
@click.argument("policy")
@_NUMBER
@click.pass_obj
def list_tests(app: App, policy: str, number: int | None) -> None:
    """List the tests of POLICY and what a version gave on them."""
    with app.database.reading() as session:
        version = policies.get_version(session, policy, number)
        _echo_tried(session, version)


def _echo_tried(session: Session, version: PolicyVersion) -> None:
    tried = list_tried(session, version)
    click.echo(f"{policies.label(version)}: {len(tried)} tests over history")
    for one in tried:
        state = "not tried" if not one.is_current else "passed" if one.passed else "FAILED"
        click.echo(f"{one.test.id:>5}  {'accepted' if one.accepted else state:<10} {one.name}")
        for reason in one.result.reasons if one.result is not None and one.is_current else ():
            click.echo(f"         {reason}")
        if one.accepted and one.result is not None:
            click.echo(f"         accepted by {one.result.accepted_by}: {one.result.accepted_reason}")


@history.command("replay")
@click.argument("policy")
@_NUMBER
@staff_option
@click.pass_context
def replay(context: click.Context, policy: str, number: int | None, actor: str) -> None:
    """Try a version of POLICY on all its tests and keep what it gives; exit code 1 when one fails."""
    app: App = context.obj
    app.staff(actor, "policies.write")
    with app.database.reading() as session:
        version = policies.get_version(session, policy, number)
    failed = history_tests.replay(app.database, app.store, version.id, actor=actor)
    with app.database.reading() as session:
        _echo_tried(session, version)
    context.exit(1 if failed else 0)


@history.command("accept")
@click.argument("policy")
@click.argument("test", type=int)
@_NUMBER
@_REASON
@staff_option
@click.pass_obj
def accept(app: App, policy: str, test: int, number: int | None, reason: str, actor: str) -> None:
    """Accept that a version of POLICY differs on TEST; somebody else approves."""
    app.staff(actor, "policies.write")
    with app.database.transaction() as session:
        version = policies.get_version(session, policy, number)
        history_tests.accept_difference(session, version.id, test, actor=actor, reason=reason)
    click.echo(f"accepted on test {test} of {policies.label(version)}")


@history.command("withdraw")
@click.argument("policy")
@click.argument("test", type=int)
@_REASON
@staff_option
@click.pass_obj
def withdraw(app: App, policy: str, test: int, reason: str, actor: str) -> None:
    """Take TEST of POLICY away."""
    app.staff(actor, "policies.write")
    with app.database.transaction() as session:
        history_tests.withdraw_test(session, policy, test, actor=actor, reason=reason)
    click.echo(f"test {test} of {policy} is withdrawn")
