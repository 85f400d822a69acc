"""The commands on what a policy file says: its checks with an exit code, and tests for every end point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from compensation.cli.checks import boundary, check
from compensation.cli.main import test as run_cases
from compensation.decision.worked_cases import run_tests
from compensation.document.reading import load_policy
from compensation.scheme_library import get_scheme
from foundation.cli import EXIT_INPUT, Shell
from tests.unit.test_boundary_tests import POLICY
from tests.unit.test_geometry_policy import EXPLAINED
from tests.unit.test_geometry_policy import POLICY as OPEN


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "policy.yaml"


def outage(*arguments: object) -> Any:
    shell = Shell(name="outage", commands={"check": check, "boundary-tests": boundary})
    return CliRunner().invoke(shell, [str(argument) for argument in arguments])


def test_a_check_without_findings_ends_well(file):
    file.write_text(OPEN.replace("@EXPLAINED@\n", EXPLAINED))
    result = outage("check", file)
    assert result.exit_code == 0
    assert "steps is sound: reads currency, hours lost" in result.stdout


def test_a_check_names_each_gap_and_ends_with_1_and_what_it_prints_closes_them(file):
    file.write_text(OPEN.replace("@EXPLAINED@\n", ""))
    result = outage("check", file, "--explain")
    assert result.exit_code == 1
    assert 'level: no rule matches when rule is "old" and hours lost is below 4' in result.stdout
    assert "      - gap: {rule: '\"old\"', hours lost: '< 4'}\n        why:\n" in result.stdout


def test_a_check_with_findings_says_that_the_policy_can_be_saved_but_not_submitted(file):
    file.write_text(OPEN.replace("@EXPLAINED@\n", ""))
    said = outage("check", file).stdout.splitlines()[0]
    assert "steps can be saved, but not submitted until this is closed or explained: reads" in said


def test_a_failing_case_says_what_was_expected_and_what_came_out(file):
    file.write_text(get_scheme("pt-lei-16-2022").text.replace("{credit: 1.67}", "{credit: 1.66}", 1))
    result = CliRunner().invoke(run_cases, [str(file)])
    said = [line.strip() for line in result.stdout.splitlines()]
    at = next(place for place, line in enumerate(said) if line.startswith("FAILED"))
    assert result.exit_code == 1
    assert said[at + 1] == "expected  entitled: credit 1.66; text credit_only"
    assert said[at + 2] == "got       entitled: credit 1.67; text credit_only"


def test_a_file_that_cannot_be_read_is_one_line(file):
    result = outage("check", file)
    assert (result.exit_code, len(result.stderr.splitlines())) == (EXIT_INPUT, 1)


def test_printed_boundary_tests_can_be_pasted_and_pass(file):
    file.write_text(POLICY)
    result = outage("boundary-tests", file)
    assert result.exit_code == 0
    results = run_tests(load_policy(f"{POLICY}tests:\n{result.stdout}"))
    assert len(results) > 15
    assert all(one.passed for one in results)
    assert outage("boundary-tests", file, "--most", 2).stdout.count("- name:") == 2
