"""The checks of every table of a policy, for each period between two changes of its parameters, and what is explained.

A result that no rule gives is a finding where it arises; later tables that read it do not repeat it.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compensation.document.explained import gap_text
from compensation.document.model import Explanation, PolicyDecision, PolicyDocument, TableDecision
from compensation.facts import Origin
from compensation.feel import FeelType, NameType, Node, Scope, Value
from compensation.feel.generate import put_in
from compensation.feel.known import known_type
from compensation.geometry.check import check_table
from compensation.geometry.report import TableReport, findings_in_words, region_words, report_json
from compensation.geometry.space import Region
from compensation.tables.table import Table
from foundation.money import exponent

_OUTAGE_DATE = "outage date"
# Facts and measures of one line's lost time hang together: the longest is never longer than the total.
_LOST_TIME = "lost time"
_OF_LOST_TIME = (Origin.PATTERN, Origin.MEASURE)
_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `since` until before `until` (None: open) on which every parameter has one value."""

    since: datetime.date
    until: datetime.date | None


@dataclass(frozen=True, slots=True)
class DecisionReport:
    """What was found in a table over some periods. `report` leaves out what the author explained; `stale` are the
    explanations, in words, of what is there in no period at all."""

    decision: str
    since: datetime.date
    until: datetime.date | None
    report: TableReport
    stale: tuple[str, ...] = ()

    def problems(self) -> list[str]:
        """What keeps a policy from being submitted: findings that nobody explained, and stale explanations."""
        report = dataclasses.replace(self.report, opaque=(), undecided=(), mergeable=())
        return [f"{self.decision}: {words}" for words in (*findings_in_words(report), *self.stale)]

    def remarks(self) -> list[str]:
        """What is worth knowing and keeps nothing: opaque cells, open questions, rules that could be one."""
        known = set(self.problems())
        said = (f"{self.decision}: {words}" for words in findings_in_words(self.report))
        return [words for words in said if words not in known]


@dataclass(frozen=True, slots=True)
class PolicyFindings:
    """The reports of all tables of a policy, in their order."""

    decisions: tuple[DecisionReport, ...]

    def problems(self) -> list[str]:
        """Everything that keeps the policy from being submitted, with the dates when it holds for a part of them."""
        return [words for one in self.decisions for words in one.problems()]

    def remarks(self) -> list[str]:
        """Everything else that is worth knowing."""
        return [words for one in self.decisions for words in one.remarks()]

    def as_json(self) -> list[dict[str, Any]]:
        """One entry per table and stretch of days: decision, since, until, stale, problems, and the report's keys."""
        return [
            {
                "decision": one.decision,
                "since": one.since.isoformat(),
                "until": one.until.isoformat() if one.until else None,
                "stale": list(one.stale),
                "problems": one.problems(),
                **report_json(one.report),
            }
            for one in self.decisions
        ]


def periods(document: PolicyDocument) -> tuple[Period, ...]:
    """The days in force, cut where a parameter changes."""
    start, end = document.in_force_from, document.in_force_to
    changes = {dated.since for parameter in document.parameters for dated in parameter.values}
    starts = [start, *sorted(day for day in changes if start < day and (end is None or day < end))]
    return tuple(Period(since, until) for since, until in zip(starts, [*starts[1:], end], strict=True))


def check_policy_tables(
    document: PolicyDocument, *, now: Callable[[], float], budget_seconds: float = 2.0
) -> PolicyFindings:
    """What the form of every table says, each within the budget and for each period of the parameters.

    Periods in which the findings are the same come as one.
    """
    raw = [one for period in periods(document) for one in _Tables(document, period, now, budget_seconds).reports()]
    found: list[DecisionReport] = []
    for decision in document.decisions:
        if isinstance(decision, TableDecision):
            found += _joined(_throughout([one for one in raw if one.decision == decision.name], decision.explained))
    return PolicyFindings(tuple(found))


def _throughout(reports: list[DecisionReport], explained: tuple[Explanation, ...]) -> Iterator[DecisionReport]:
    """The reports of one table without what is explained, and with what must hold in every period.

    A table may be written for several values of a parameter, of which each period has one: a rule never counts, and an
    explanation is stale, only when that is so throughout.
    """
    silent = frozenset.intersection(*(_silent(one.report) for one in reports))
    stale = list(_stale(reports[0].report, explained, silent))
    for other in reports[1:]:
        here = set(_stale(other.report, explained, silent))
        stale = [words for words in stale if words in here]
    for one in reports:
        yield dataclasses.replace(one, report=_unexplained(one.report, explained, silent), stale=tuple(stale))


def _silent(report: TableReport) -> frozenset[int]:
    return frozenset({one.rule for one in report.dead} | {one.rule for one in report.shadowed})


def _joined(reports: Iterable[DecisionReport]) -> list[DecisionReport]:
    """The reports of one table with periods of equal findings as one."""
    found: list[DecisionReport] = []
    for one in reports:
        if found and _continues(found[-1], one):
            found[-1] = dataclasses.replace(found[-1], until=one.until)
        else:
            found.append(one)
    return found


def _continues(before: DecisionReport, after: DecisionReport) -> bool:
    same = (before.decision, before.report, before.stale) == (after.decision, after.report, after.stale)
    return same and before.until == after.since


def table_scope(document: PolicyDocument, period: Period) -> dict[str, NameType]:
    """What can come under each name in a period: facts, the outage date within the period, and each result."""
    scope = {name: fact.name_type() for name, fact in document.catalogue.items()}
    last = period.until - _DAY if period.until else None
    scope[_OUTAGE_DATE] = NameType(FeelType.DATE, nullable=False, lowest=period.since, highest=last)
    return scope


class PolicyScope:
    """What can come under each name in a period: facts, the parameters' values, and the results of decisions taken."""

    def __init__(self, document: PolicyDocument, period: Period) -> None:
        self.parameters: dict[str, Value] = {
            one.name: dated.value for one in document.parameters if (dated := one.on(period.since)) is not None
        }
        self.scope = table_scope(document, period)

    def take(self, decision: PolicyDecision) -> None:
        """Adds the results of a decision: null, and as low and as fine, only as its form can make them."""
        if isinstance(decision, TableDecision):
            self.scope |= result_types(decision.table, decision.results(), self.parameters, self.scope)
            return
        bound = put_in(decision.expression, self.parameters)
        self.scope[decision.name] = _narrowed(decision.results()[decision.name], [bound], self.scope)


class _Tables:
    def __init__(self, document: PolicyDocument, period: Period, now: Callable[[], float], seconds: float) -> None:
        self.document = document
        self.period = period
        self.now = now
        self.seconds = seconds
        self.names = PolicyScope(document, period)
        self.behind = facts_behind(document)

    def reports(self) -> Iterator[DecisionReport]:
        for decision in self.document.decisions:
            if isinstance(decision, TableDecision):
                yield self.report(decision)
            self.names.take(decision)

    def report(self, decision: TableDecision) -> DecisionReport:
        gaps = [put_in(one.gap, self.names.parameters) for one in decision.explained if one.gap]
        report = check_table(
            decision.table,
            self.names.scope,
            now=self.now,
            exponent=exponent(self.document.currency),
            budget_seconds=self.seconds,
            parameters=self.names.parameters,
            accepted_gaps=gaps,
            behind=self.behind,
        )
        return DecisionReport(decision.name, self.period.since, self.period.until, report)


def facts_behind(document: PolicyDocument) -> dict[str, frozenset[str]]:
    """For each name the facts it depends on besides itself: of lost time, and of the decision it is a result of."""
    lost = frozenset((_LOST_TIME,))
    behind = {name: lost for name, fact in document.catalogue.items() if fact.origin in _OF_LOST_TIME}
    for decision in document.decisions:
        read = frozenset(decision.names_read())
        for name in decision.results():
            behind[name] = read.union(*(behind.get(one, frozenset()) for one in read))
    return behind


def result_types(
    table: Table, results: Mapping[str, NameType], parameters: Mapping[str, Value], scope: Scope
) -> dict[str, NameType]:
    """The types of a table's results: null, and as low and as fine, only as its rules and defaults can make it."""
    found = {}
    for index, (name, kind) in enumerate(results.items()):
        nodes = [rule.outputs[index] for rule in table.rules]
        default = table.outputs[index].default
        nodes += [default] if default is not None else []
        found[name] = _narrowed(kind, [put_in(node, parameters) for node in nodes], scope)
    return found


def _narrowed(kind: NameType, nodes: list[Node], scope: Scope) -> NameType:
    known = known_type(nodes, kind.type, scope)
    return dataclasses.replace(kind, nullable=known.nullable, lowest=known.lowest, step=known.step)


def _unexplained(report: TableReport, explained: tuple[Explanation, ...], silent: frozenset[int]) -> TableReport:
    """The report without the overlaps and rules that the author explained (gaps were left out already)."""
    pairs = {one.overlap for one in explained if one.overlap}
    rules = silent - {one.dead_rule for one in explained}
    return dataclasses.replace(
        report,
        overlaps=tuple(one for one in report.overlaps if one.rules not in pairs),
        conflicts=tuple(one for one in report.conflicts if one.rules not in pairs),
        dead=tuple(one for one in report.dead if one.rule in rules),
        shadowed=tuple(one for one in report.shadowed if one.rule in rules),
    )


def _stale(report: TableReport, explained: tuple[Explanation, ...], silent: frozenset[int]) -> Iterator[str]:
    """Explanations of what the check does not find."""
    gaps = (one for one in explained if one.gap)
    for one, is_open in zip(gaps, report.accepted, strict=True):
        if not is_open:
            words = region_words(report.inputs, Region(one.gap, (None,) * len(one.gap)))
            yield f'the gap where {words} is explained ("{one.why}"), but there is none'
    pairs = {one.rules for one in report.overlaps} | {one.rules for one in report.conflicts}
    # What the budget or a limit left open cannot be called stale.
    for one in explained if report.decided and not report.left_off else ():
        if one.overlap and one.overlap not in pairs:
            first, second = one.overlap
            yield f'the overlap of rules {first} and {second} is explained ("{one.why}"), but they do not overlap'
        if one.dead_rule and one.dead_rule not in silent:
            yield f'rule {one.dead_rule} is explained as never counting ("{one.why}"), but it can count'


def explanation_text(report: TableReport, most: int = 20) -> str:
    """YAML to paste under a table: one entry for each gap, with the reason left for the author to write."""
    lines = ["    explained:"]
    for gap in report.gaps[:most]:
        lines += [f"      - gap: {gap_text(report.inputs, gap.region.cells)}", "        why:"]
    return "\n".join(lines) + "\n"
