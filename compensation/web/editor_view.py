"""What the editor's script gets to know about a policy: problems in their cells, names to offer, tests, as JSON."""

from __future__ import annotations

from typing import Any

from compensation.decision.worked_cases import TestResult, run_tests
from compensation.document.places import PlacedProblem, place_problems
from compensation.document.reading import PolicyError
from compensation.policy_check import Offered, PolicyReport


def report_json(report: PolicyReport) -> dict[str, Any]:
    """Problems, names, and the worked cases' results (null while the policy has problems)."""
    document = report.document
    return {
        "problems": [_problem(problem) for problem in report.problems],
        "names": [_offered(name) for name in report.names],
        "tests": [_test(result) for result in run_tests(document)] if document is not None else None,
        "currency": document.currency if document is not None else None,
    }


def problems_json(error: PolicyError, text: str) -> list[dict[str, Any]]:
    """The problems of a policy that could not be saved."""
    return [_problem(problem) for problem in place_problems(text, error.problems)]


def _problem(placed: PlacedProblem) -> dict[str, Any]:
    problem = placed.problem
    return {
        "line": problem.line,
        "column": problem.column,
        "what": problem.what,
        "accepted": problem.accepted,
        "path": list(placed.path),
        "fix": placed.fix,
        "instead": placed.instead,
    }


def _offered(name: Offered) -> dict[str, Any]:
    return {
        "name": name.name,
        "kind": name.kind,
        "type": name.type,
        "unit": name.unit,
        "meaning": name.meaning,
        "allowed": list(name.allowed),
    }


def _test(result: TestResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "passed": result.passed,
        "expected": result.expected,
        "got": result.got,
        "detail": result.detail,
        "rules": {decision: list(numbers) for decision, numbers in result.rules.items()},
    }
