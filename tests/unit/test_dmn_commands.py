"""The commands on decision models: run, import, export, and mistakes in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import compensation
from compensation.cli.dmn import dmn
from compensation.document.reading import load_policy
from foundation.cli import EXIT_INPUT, Shell
from tests.dmn_models import decision as node
from tests.dmn_models import given
from tests.unit.test_dmn_xml import HEAD, decision, literal

SCHEME = Path(compensation.__file__).parent / "schemes" / "o2_uk_2012_07.yaml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.dmn"
    path.write_text(f"{HEAD}{decision(literal('if Age &gt; 17 then Age / 3 else Age + null'))}</definitions>")
    return path


def outage(*arguments: object) -> Any:
    shell = Shell(name="outage", commands={"dmn": dmn})
    assert isinstance(shell, click.Group)
    return CliRunner().invoke(shell, ["dmn", *map(str, arguments)])


def test_a_decision_runs_and_prints_json(file):
    result = outage("run", file, "--decision", "D", "--input", '{"Age": 18}')
    assert (result.exit_code, json.loads(result.stdout)) == (0, 6)


def test_why_a_result_is_null_goes_to_standard_error(file):
    result = outage("run", file, "--decision", "D")
    assert (result.exit_code, result.stdout) == (0, "null\n")
    assert "null: Age is not known (null)" in result.stderr


def test_structures_go_in_dates_come_out_and_what_is_missing_is_named(tmp_path):
    types = (
        '<itemDefinition name="tLoan"><itemComponent name="since"><typeRef>date</typeRef></itemComponent>'
        '<itemComponent name="term"><typeRef>years and months duration</typeRef></itemComponent></itemDefinition>'
    )
    model = tmp_path / "model.dmn"
    model.write_text(
        f"{HEAD}{types}{given('Loan', 'tLoan')}{given('grace', 'days and time duration')}{given('other')}"
        + node("Ends on", literal("Loan.since + Loan.term"), "in Loan", type_ref="date")
        + node("Both", literal("{ends: Ends on, late: Ends on + grace, term: Loan.term}"), "de Ends on", "in grace")
        + node("Unreadable", literal("1 +"))
        + "</definitions>"
    )
    inputs = tmp_path / "inputs.json"
    inputs.write_text('{"Loan": {"since": "2024-01-31", "term": "P1M"}}')
    result = outage("run", model, "--decision", "Ends on", "--input", f"@{inputs}")
    assert (result.exit_code, result.stdout) == (0, '"2024-02-29"\n')
    assert result.stderr == ""
    result = outage("run", model, "--decision", "Ends on")
    assert (result.exit_code, result.stdout) == (0, "null\n")
    assert 'missing: the input "Loan" (tLoan) is not given, so it is null' in result.stderr
    assert "other" not in result.stderr
    result = outage("run", model, "--decision", "Unreadable")
    assert (result.exit_code, result.stdout) == (EXIT_INPUT, "")


def test_mistakes_are_one_line_and_exit_code_2(file, tmp_path):
    bad = tmp_path / "bad.dmn"
    bad.write_text("<a>")
    for arguments, what in [
        (("run", file, "--decision", "E"), "no such decision"),
        (("run", file, "--decision", "D", "--input", '{"Age": "x"}'), "not a value of this input"),
        (("run", bad, "--decision", "D"), "not XML"),
        (("run", tmp_path / "gone", "--decision", "D"), "cannot be read"),
        (("import", file), "a model does not say them"),
        (("export", bad), "the policy"),
    ]:
        result = outage(*arguments)
        assert result.exit_code == EXIT_INPUT, result.output
        assert what in result.stderr


def test_a_policy_goes_out_and_comes_back(tmp_path):
    exported = tmp_path / "o2.dmn"
    exported.write_text(outage("export", SCHEME).stdout)
    again = load_policy(outage("import", exported).stdout)
    assert again.decisions == load_policy(SCHEME.read_text()).decisions


def test_the_reference_is_printed():
    assert outage("language").stdout.startswith("# The rule language")
