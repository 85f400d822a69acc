"""Commands on decision models in DMN XML: run one, take one in as a policy, write a policy out."""

from __future__ import annotations

from pathlib import Path

import click

from compensation.dmn import (
    Model,
    evaluate_decision,
    inputs_from_json,
    missing_inputs,
    read_model,
    to_json,
    write_model,
)
from compensation.dmn.exchange import fact_hints, model_to_policy, policy_to_model
from compensation.document.reading import Basis, load_policy
from compensation.facts import CATALOGUE
from foundation.errors import InputError

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def dmn() -> None:
    """Decision models (DMN 1.1 to 1.6): run, import, export.

    \b
    outage dmn run model.dmn --decision Approval --input '{"Age": 17}'
    outage dmn import model.dmn --basis goodwill --currency GBP --zone Europe/London --from 2026-01-01
    outage dmn export my_policy.yaml > my_policy.dmn
    """


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), accepted="a DMN XML file") from None


def _model(path: Path, decision: str = "") -> Model:
    beside = (_bytes(other) for other in sorted(path.parent.glob("*.dmn")) if other != path)
    model = read_model(_bytes(path), decision, others=beside, as_far_as_possible=bool(decision))
    for warning in model.warnings:
        click.echo(f"warning: {path}: {warning}", err=True)
    return model


@dmn.command("run")
@click.argument("model", type=_FILE)
@click.option("--decision", required=True, help="Name of the decision.")
@click.option("--input", "given", default="{}", show_default=True, help="The inputs: a JSON object, or @FILE with one.")
def run(model: Path, decision: str, given: str) -> None:
    """Evaluate a decision of MODEL and print its result as JSON; why it is null goes to standard error.

    Inputs that are not given are null, and named on standard error. Dates, times and durations are ISO 8601 texts.
    What the decision does not require need not be readable. Models that MODEL imports are found beside it (*.dmn).
    """
    read = _model(model, decision)
    text = _bytes(Path(given[1:])).decode(errors="replace") if given.startswith("@") else given
    notes: list[str] = []
    inputs = inputs_from_json(read, text)
    value = evaluate_decision(read, decision, inputs, notes)
    for missing in missing_inputs(read, decision, inputs):
        kind = f" ({missing.type_ref})" if missing.type_ref else ""
        click.echo(f'missing: the input "{missing.name}"{kind} is not given, so it is null', err=True)
    if value is None:
        for note in notes:
            click.echo(f"null: {note}", err=True)
    click.echo(to_json(value))


@dmn.command("import")
@click.argument("model", type=_FILE)
@click.option("--basis", type=click.Choice([one.value for one in Basis]), help="Why it is owed.")
@click.option("--currency", help="ISO 4217 code.")
@click.option("--zone", help="Time zone, such as Europe/London.")
@click.option("--from", "since", metavar="DATE", help="First day in force.")
def import_model(model: Path, basis: str | None, currency: str | None, zone: str | None, since: str | None) -> None:
    """Print the YAML of a policy with the decisions of MODEL; a model that came from a policy gives it back."""
    read = _model(model)
    head = {"basis": basis or "", "currency": currency or "", "zone": zone or "", "from": since or ""}
    text = model_to_policy(read, head)
    for hint in fact_hints(read, CATALOGUE):
        click.echo(f"warning: {hint}", err=True)
    click.echo(text, nl=False)


@dmn.command("export")
@click.argument("policy", type=_FILE)
def export(policy: Path) -> None:
    """Print the DMN 1.3 XML of a POLICY file."""
    try:
        text = _bytes(policy).decode()
    except UnicodeDecodeError:
        raise InputError("not a UTF-8 text file", where=str(policy), accepted="a policy in YAML") from None
    click.echo(write_model(policy_to_model(load_policy(text, source=str(policy)))), nl=False)


@dmn.command("language")
def language() -> None:
    """Print the reference of the rule language (docs/rule-language.md)."""
    from compensation.rule_language import reference

    click.echo(reference(), nl=False)
