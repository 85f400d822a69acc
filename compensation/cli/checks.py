"""Commands on what policies say: the checks of their tables, tests at every end point, what two versions change."""

from __future__ import annotations

from pathlib import Path

import click

from compensation import policies
from compensation.document.reading import PolicyDocument, load_policy
from compensation.geometry.boundary_tests import boundary_tests, yaml_of_tests
from compensation.geometry.policy import check_policy_tables, explanation_text
from compensation.geometry.version_diff import change_words, compare_versions
from foundation import clock
from foundation.cli import App
from foundation.errors import InputError

FILE = click.Path(path_type=Path, dir_okay=False)


def read_text(path: Path) -> str:
    """The text of a policy file; raises InputError when it cannot be read."""
    try:
        data = path.read_bytes()
        return data.decode("utf-8")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), accepted="a YAML file") from None
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        where, value = f"{path}:{line}:{column}", f"the byte {data[error.start]:#04x}"
        raise InputError("not UTF-8", where=where, value=value, accepted="a YAML file saved as UTF-8") from None


def read_document(path: Path) -> PolicyDocument:
    """The checked policy of a file."""
    return load_policy(read_text(path), source=str(path))


@click.command("check")
@click.argument("file", type=FILE)
@click.option("--seconds", type=float, default=2.0, show_default=True, help="How long the check of one table may take.")
@click.option("--explain", is_flag=True, help="Print what to paste under a table to explain its gaps.")
@click.pass_context
def check(context: click.Context, file: Path, seconds: float, explain: bool) -> None:
    """Check a policy file: every problem with its line and column, then every gap, overlap and rule that never counts.

    Exit code 1 when its tables leave something open that nobody explained: it could not be submitted.
    """
    document = read_document(file)
    findings = check_policy_tables(document, now=clock.monotonic, budget_seconds=seconds)
    problems = findings.problems()
    verdict = "can be saved, but not submitted until this is closed or explained" if problems else "is sound"
    click.echo(f"{file}: {document.name} {verdict}: reads {', '.join(document.facts_read())}")
    for words in problems:
        click.echo(f"  {words}")
    for words in findings.remarks():
        click.echo(f"  note: {words}")
    for one in findings.decisions if explain else ():
        if one.report.gaps:
            click.echo(f"\n  - name: {one.decision}\n{explanation_text(one.report)}", nl=False)
    context.exit(1 if problems else 0)


@click.command("boundary-tests")
@click.argument("file", type=FILE)
@click.option("--most", type=click.IntRange(1, 20_000), default=2_000, show_default=True, help="At most so many.")
def boundary(file: Path, most: int) -> None:
    """Print tests for every end point of the tables of FILE, to paste under `tests:`.

    Each is the point, just below or just above it, with what the policy gives now: check that against the source.
    """
    document = read_document(file)
    click.echo(yaml_of_tests(document, boundary_tests(document, most=most)), nl=False)


@click.command("diff")
@click.argument("name")
@click.argument("before", type=int)
@click.argument("after", type=int)
@click.option("--seconds", type=float, default=2.0, show_default=True, help="How long a table and period may take.")
@click.pass_obj
def diff(app: App, name: str, before: int, after: int, seconds: float) -> None:
    """Print what differs between versions BEFORE and AFTER of policy NAME.

    Cell by cell; then the exact inputs for which a table says something else; then the worked cases, attached and made
    at every end point of both, that come out otherwise.
    """
    with app.database.reading() as session:
        versions = [policies.get_version(session, name, number) for number in (before, after)]
        pair = [policies.load_document(session, version) for version in versions]
    found = compare_versions(pair[0], pair[1], now=clock.monotonic, budget_seconds=seconds)
    for change in found.changes:
        for words in change_words(change):
            click.echo(words)
    click.echo(f"\nresults that differ{'' if found.decisions else ': none'}")
    for one in found.decisions:
        period = f"from {one.since}" + (f" until before {one.until}" if one.until else "")
        for words in one.words():
            click.echo(f"  {period}: {words}")
    click.echo(f"\n{len(found.cases)} of {found.cases_tried} cases come out otherwise")
    for case in found.cases:
        click.echo(f"  {case.name}: {case.before} -> {case.after}")
