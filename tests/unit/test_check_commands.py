"""The commands on what a policy file says: its checks with an exit code, and tests for every end point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from compensation.cli_checks import boundary, check
from compensation.document import load_policy
from compensation.policy_tests import run_tests
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
