"""What keeps a drafted policy version from being submitted, each with the place where it is put right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from compensation.decision.worked_cases import run_tests
from compensation.document.reading import PolicyDocument
from compensation.geometry.policy import DecisionReport, check_policy_tables
from compensation.geometry.report import TableReport, findings_in_words
from compensation.models import PolicyVersion
from compensation.policies import load_document
from compensation.text_checks import list_text_problems
from foundation import clock
from foundation.errors import InputError

_FINDINGS = ("conflicts", "overlaps", "gaps", "dead", "shadowed")


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing to put right: in words, and where: a table with or without a rule, or a worked case (from 0)."""

    words: str
    decision: str | None = None
    rule: int | None = None
    case: int | None = None


def list_blockers(session: Session, version: PolicyVersion) -> list[Blocker]:
    """What `submit_policy` would refuse for, besides the tests over history; empty when nothing stands in the way."""
    try:
        document = load_document(session, version)
    except InputError as error:
        return [Blocker(f"the version can no longer be read: {error.message}")]
    texts = [Blocker(problem) for problem in list_text_problems(session, document)]
    return [*_cases(document), *_tables(document), *texts]


def _cases(document: PolicyDocument) -> Iterator[Blocker]:
    results = run_tests(document)
    if not results:
        yield Blocker("no worked case is attached")
    for place, result in enumerate(results):
        if not result.passed:
            said = f'the worked case "{result.name}" fails: expected {result.expected}, got {result.got}'
            yield Blocker(said, case=place)


def _tables(document: PolicyDocument) -> Iterator[Blocker]:
    for one in check_policy_tables(document, now=clock.monotonic).decisions:
        yield from _findings(one)
        for words in one.stale:
            yield Blocker(f"{one.decision}: {words}", one.decision)


def _findings(one: DecisionReport) -> Iterator[Blocker]:
    for kind in _FINDINGS:
        for finding in getattr(one.report, kind):
            only: dict[str, Any] = {kind: (finding,)}
            alone = TableReport(one.report.inputs, **only)
            rules = getattr(finding, "rules", None) or (getattr(finding, "rule", None),)
            yield Blocker(f"{one.decision}: {findings_in_words(alone)[0]}", one.decision, rules[0])
