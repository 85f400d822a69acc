"""Commands: policies, assessments, approval, release."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click
from sqlalchemy.orm import Session

from compensation import approval, assessment, credits, policies, queries
from compensation.cases.kept import list_summaries
from compensation.cli.checks import boundary, check, diff, read_text
from compensation.cli.dmn import dmn
from compensation.cli.history import history
from compensation.cli.library import commands as library
from compensation.cli.whatif import whatif
from compensation.confirmations import record_confirmations
from compensation.decision.worked_cases import run_tests
from compensation.document.reading import load_policy
from compensation.models import AssessmentState, PolicyVersion
from compensation.over_credits import count_over_lines, list_over_lines
from compensation.simulation.history_tests import try_on_history
from compensation.words import books_lines, case_in_words, summary_in_words
from foundation.cli import EXIT_INPUT, App, staff_option
from foundation.errors import InputError
from foundation.logging import mask_msisdn
from foundation.money import Money
from notify.registry import make_routing
from outage.incidents.incidents import get_incident
from outage.queries import get_run


@click.group()
def policy() -> None:
    """Policies: check a file, run its tests, save, submit, approve.

    \b
    outage policy check my_policy.yaml
    outage policy save my_policy.yaml --as maria
    outage policy approve my-policy --as omar
    """


for command in (check, boundary, diff, whatif, history, *library):
    policy.add_command(command)


@policy.command("test")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_context
def test(context: click.Context, file: Path) -> None:
    """Run the tests attached to a policy file; exit code 1 when one fails."""
    results = run_tests(load_policy(read_text(file), source=str(file)))
    for result in results:
        click.echo(f"{'passed' if result.passed else 'FAILED'}  {result.name}")
        if not result.passed:
            click.echo(f"        expected  {result.expected}")
            click.echo(f"        got       {result.got}")
            click.echo(f"        {result.detail}")
    failed = sum(not result.passed for result in results)
    click.echo(f"{len(results)} tests, {failed} failed")
    context.exit(1 if failed or not results else 0)


@policy.command("save")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@staff_option
@click.pass_obj
def save(app: App, file: Path, actor: str) -> None:
    """Keep a policy file as the next version, as a draft."""
    app.staff(actor, "policies.write")
    with app.database.transaction() as session:
        saved = policies.save_policy(session, read_text(file), actor=actor, source=str(file))
        said = "saved" if saved.is_new else "there already, nothing changed"
        click.echo(f"{policies.label(saved.version)} {said} ({saved.version.state})")


@policy.command("list")
@click.pass_obj
def list_versions(app: App) -> None:
    """List all versions."""
    with app.database.reading() as session:
        for version in policies.list_versions(session):
            until = version.in_force_to or "further notice"
            click.echo(f"{policies.label(version):<32} {version.state:<10} {version.in_force_from} to {until}")


def _version_command(name: str, permission: str, help_text: str) -> click.Command:
    @policy.command(name, help=help_text)
    @click.argument("policy_name")
    @click.option("--number", type=int, help="Version number; the newest without it.")
    @staff_option
    @click.pass_obj
    def change(app: App, policy_name: str, number: int | None, actor: str) -> None:
        app.staff(actor, permission)
        step = {"submit": policies.submit_policy, "approve": policies.approve_policy, "retire": policies.retire_policy}
        with app.database.reading() as session:
            version = policies.get_version(session, policy_name, number)
        if name == "submit":
            try_on_history(app.database, app.store, version.id, actor=actor)
        with app.database.transaction() as session:
            version = step[name](session, version.id, actor=actor)
            click.echo(f"{policies.label(version)} is {version.state}")

    return change


_version_command("submit", "policies.write", "Ask a second person to approve a draft; its tests must be green.")
_version_command("approve", "policies.approve", "Approve a submitted version; not its author.")
_version_command("retire", "policies.approve", "Take an approved version out of force.")


@click.command()
@click.argument("incident")
@click.option("--policy", "policy_name", help="Policy to apply; without it, the one in force on the day of the outage.")
@click.option("--run", "run_number", type=int, help="Number of the impact run; the latest without it.")
@staff_option
@click.pass_obj
def assess(app: App, incident: str, policy_name: str | None, run_number: int | None, actor: str) -> None:
    """Assess the impact run of an INCIDENT under a policy and print its cases.

    \b
    outage assess INC-2026-00001 --as maria
    """
    app.staff(actor, "assessments.write")
    with app.database.reading() as session:
        found = get_incident(session, incident)
        run = get_run(session, found.id, run_number)
        version = choose_version(session, policy_name, found.started_at)
    done = assessment.assess(app.database, app.store, run.id, version.id, actor=actor)
    print_assessment(app, done.assessment.ref)
    if not done.is_new:
        click.echo(f"{done.assessment.ref} was there already, nothing changed")


def choose_version(session: Session, name: str | None, started_at: datetime) -> PolicyVersion:
    """The named policy's newest version, or the only one in force on the day an outage began."""
    if name is not None:
        return policies.get_version(session, name)
    found = policies.list_for_incident(session, started_at)
    if len(found) != 1:
        names = [policies.label(version) for version in found]
        raise InputError("name the policy", where="--policy", value=names, accepted="exactly one in force")
    return found[0]


@click.command()
@click.argument("ref")
@click.pass_obj
def assessment_show(app: App, ref: str) -> None:
    """Show an assessment REF: totals, cases, books."""
    print_assessment(app, ref)


def print_assessment(app: App, ref: str) -> None:
    """Totals and every case of an assessment on the terminal."""
    with app.database.reading() as session:
        view = queries.get_assessment(session, ref)
        totals, currency = view.assessment.totals, view.assessment.currency
        cost = Money(totals["cost_minor"], currency)
        click.echo(f"{ref} ({view.assessment.state}): {view.incident_ref} under {policies.label(view.version)}")
        click.echo(f"{totals['lines']} lines in {totals['cases']} cases, {totals['entitled']} entitled, cost {cost}")
        for case in queries.list_cases(session, view.assessment.id, sort="lines"):
            click.echo(f"  {case.lines:>9}  {case_in_words(case)}")
        for summary in list_summaries(session, view.assessment.id):
            click.echo(f"  {summary.lines:>9}  {summary_in_words(summary)}, in {summary.cases} cases")


@click.command()
@click.argument("ref")
@staff_option
@click.pass_obj
def submit(app: App, ref: str, actor: str) -> None:
    """Submit assessment REF for a second person's approval."""
    app.staff(actor, "assessments.write")
    with app.database.transaction() as session:
        click.echo(f"{ref} is {approval.submit_assessment(session, ref, actor=actor).state}")


@click.command()
@click.argument("ref")
@click.option("--reason", required=True, help="Why; kept in the audit.")
@click.option("--reject", is_flag=True, help="Say no instead of yes.")
@staff_option
@click.pass_obj
def approve(app: App, ref: str, reason: str, reject: bool, actor: str) -> None:
    """Approve (or reject) assessment REF; not the person who submitted it.

    \b
    outage approve AS-2026-00001 --reason "as published" --as omar
    """
    app.staff(actor, "assessments.approve")
    step = approval.reject_assessment if reject else approval.approve_assessment
    with app.database.transaction() as session:
        click.echo(f"{ref} is {step(session, ref, actor=actor, reason=reason).state}")


@click.command()
@click.argument("ref")
@staff_option
@click.pass_obj
def release(app: App, ref: str, actor: str) -> None:
    """Release an approved assessment REF: credits written, postings and texts enqueued."""
    app.staff(actor, "assessments.release")
    with app.progress() as progress:
        task = progress.add_task("Credits and texts", total=None)
        done = credits.release_credits(
            app.database,
            app.store,
            ref,
            actor=actor,
            routing=make_routing(app.settings),
            progress=lambda count, total: progress.update(task, completed=count, total=total),
        )
    said = "released" if done.is_new else "was released before, nothing changed"
    amount = Money(done.amount_minor, done.assessment.currency)
    click.echo(f"{ref} {said}: {done.credits} credits of {amount}, {done.texts} texts")


@click.command()
@click.argument("ref")
@click.pass_context
def books(context: click.Context, ref: str) -> None:
    """Prove the books of assessment REF: decided = credited = posted = confirmed; exit code 1 on a difference."""
    app: App = context.obj
    with app.database.reading() as session:
        found = queries.books_of(session, ref)
        released = queries.find_assessment(session, ref).state is AssessmentState.RELEASED
    for name, minor in books_lines(found):
        click.echo(f"{name:<32} {Money(minor, found.currency)}")
    for difference in found.differences:
        click.echo(f"difference: {difference}")
    if not released:
        click.echo(f"{ref} is not released yet: only the cases have an amount")
        context.exit(EXIT_INPUT)
    context.exit(1 if found.differences else 0)


@click.command()
@click.pass_obj
def confirm(app: App) -> None:
    """Enter confirmed postings in the ledger now; the scheduler does it by itself."""
    with app.database.transaction() as session:
        click.echo(f"{record_confirmations(session)} confirmed postings entered in the ledger")


@click.command("over-credited")
@click.argument("ref")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many lines.")
@click.pass_obj
def over_credited(app: App, ref: str, limit: int) -> None:
    """Lines that were credited more before than assessment REF owes them; nothing is taken back by itself."""
    with app.database.reading() as session:
        found = queries.find_assessment(session, ref)
        lines = list_over_lines(session, app.store, found, limit=limit)
    count, minor = count_over_lines(found)
    click.echo(f"{count:,} lines keep {Money(minor, found.currency)} more than they are owed")
    for line in lines:
        case = "" if line.number is None else f"case {line.number}: "
        over = Money(line.over_minor, found.currency)
        click.echo(f"  {mask_msisdn(line.msisdn)}  account {line.account_ref}  {over}  {case}{line.why}")


assessment_show.name = "assessment"
_steps: list[click.Command] = [assess, assessment_show, over_credited, submit, approve, release, confirm, books]
commands: list[click.Command] = [policy, *_steps, dmn]
