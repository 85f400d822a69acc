"""Commands: what rules may read, and the ready-made policies of real operators and regulators."""

from __future__ import annotations

import click

from compensation import policies
from compensation.decision.worked_cases import run_tests
from compensation.facts_reference import reference
from compensation.scheme_library import get_scheme, list_schemes, missing_attributes
from foundation.cli import App, staff_option


@click.command("facts")
def facts() -> None:
    """Print the reference of facts and measures (docs/facts.md)."""
    click.echo(reference(), nl=False)


@click.command("list-schemes")
def schemes() -> None:
    """List the ready-made policies, each with its worked cases."""
    for scheme in list_schemes():
        document = scheme.document
        until = document.in_force_to or "further notice"
        click.echo(f"{scheme.name:<34} {document.basis:<12} {document.in_force_from} to {until}  {document.title}")


@click.command("scheme")
@click.argument("name")
@click.pass_context
def scheme(context: click.Context, name: str) -> None:
    """Print the text of the ready-made policy NAME; exit code 1 when one of its worked cases fails.

    \b
    outage policy scheme nl-telecommunicatiewet-2017 > my_policy.yaml
    """
    found = get_scheme(name)
    click.echo(found.text, nl=False)
    failed = [result.name for result in run_tests(found.document) if not result.passed]
    for case in failed:
        click.echo(f"FAILED  {case}", err=True)
    context.exit(1 if failed else 0)


@click.command("save-scheme")
@click.argument("name")
@staff_option
@click.pass_obj
def save_scheme(app: App, name: str, actor: str) -> None:
    """Keep the ready-made policy NAME as a draft, to be read, changed and submitted like any other."""
    app.staff(actor, "policies.write")
    found = get_scheme(name)
    with app.database.transaction() as session:
        saved = policies.save_policy(session, found.text, actor=actor, source=found.name)
        said = "saved" if saved.is_new else "there already, nothing changed"
        click.echo(f"{policies.label(saved.version)} {said} ({saved.version.state})")
        for one in missing_attributes(found.document, policies.list_attribute_facts(session)):
            click.echo(f"  not defined yet, so null for every line: attribute {one.name} ({one.type}): {one.meaning}")


commands: tuple[click.Command, ...] = (facts, schemes, scheme, save_scheme)
