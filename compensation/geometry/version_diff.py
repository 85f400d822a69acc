"""What differs between two versions of a policy: cell by cell, by the exact region of inputs, and in worked cases."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from compensation.decision.worked_cases import expectation_text, what_comes_out
from compensation.document.model import Expectation, PolicyDocument, PolicyTest, TableDecision
from compensation.document.outline import Outline, read_outline
from compensation.document.outline_diff import Cell, EntryChange, RowChange, compare_outlines
from compensation.feel import Value
from compensation.geometry.boundary_tests import boundary_tests
from compensation.geometry.diff import ChangedRegion, changed_regions
from compensation.geometry.policy import Period, PolicyScope, facts_behind, periods
from compensation.geometry.report import example_words, region_words
from foundation.errors import InputError
from foundation.money import exponent

_MOST_CASES = 100
_EMPTY: Outline = {"head": {}, "lists": {}}


@dataclass(frozen=True, slots=True)
class DecisionDifference:
    """Where a table says something else, over some days. `inputs` are those of both versions together.

    `undecided` says why there may be more, empty when this is all.
    """

    decision: str
    since: datetime.date
    until: datetime.date | None
    inputs: tuple[str, ...]
    regions: tuple[ChangedRegion, ...]
    undecided: str = ""

    def words(self) -> list[str]:
        """Each region as a sentence."""
        said = []
        for one in self.regions:
            where = " and ".join([region_words(self.inputs, one.region), *one.conditions])
            example = example_words(self.inputs, one.region.example)
            said.append(f"{self.decision}: {one.before} -> {one.after} when {where}, for example {example}")
        if self.undecided:
            said.append(f"{self.decision}: not decided whether this is all: {self.undecided}")
        return said


@dataclass(frozen=True, slots=True)
class CaseDifference:
    """A worked case of either version that comes out otherwise: its facts as the case gives them, and both outcomes."""

    name: str
    given: dict[str, Value | int]
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """Everything that differs. `changes` go part by part and cell by cell; `cases` are the attached tests of both and
    tests at every end point of both, of which `cases_tried` were put to both versions.
    """

    changes: tuple[EntryChange, ...]
    decisions: tuple[DecisionDifference, ...]
    cases: tuple[CaseDifference, ...]
    cases_tried: int

    def as_json(self) -> dict[str, Any]:
        """Plain values for the console: the changes in words, regions by decision, and cases."""
        return {
            "changes": [words for one in self.changes for words in change_words(one)],
            "decisions": [
                {
                    "decision": one.decision,
                    "since": one.since.isoformat(),
                    "until": one.until.isoformat() if one.until else None,
                    "inputs": list(one.inputs),
                    "regions": [region.as_json(one.inputs) for region in one.regions],
                    "undecided": one.undecided,
                    "words": one.words(),
                }
                for one in self.decisions
            ],
            "cases": [{"name": one.name, "before": one.before, "after": one.after} for one in self.cases],
            "cases tried": self.cases_tried,
        }


def compare_versions(
    before: PolicyDocument, after: PolicyDocument, *, now: Callable[[], float], budget_seconds: float = 2.0
) -> VersionDiff:
    """All differences between two versions; the budget is per table and period (`now`: seconds, never back).

    Tables are compared on the days when both versions are in force, each period of the parameters for itself; versions
    that are never in force together are compared as if the older one went on.
    """
    decisions = tuple(_decisions(before, after, now, budget_seconds))
    tried, cases = _cases(before, after)
    outlines = [read_outline(document.text) for document in (before, after)]
    changes = compare_outlines(outlines[0] or _EMPTY, outlines[1] or _EMPTY)
    return VersionDiff(tuple(changes), decisions, tuple(cases[:_MOST_CASES]), tried)


def change_words(change: EntryChange) -> list[str]:
    """A change as sentences: each value that differs, each rule and column of its table."""
    place = " ".join(word for word in (change.part, change.name) if word)
    said = [f"{place} {change.kind}"] if change.kind != "changed" else []
    if change.kind == "changed":
        said += [f"{place}, {name}: {_cell_words(cell)}" for name, cell in change.fields]
    if change.table is not None and change.kind == "changed":
        heads = [(cell.after if cell.after is not None else cell.before) or "" for cell in change.table.heads]
        said += [f"{place}, column: {_cell_words(head)}" for head in change.table.heads if head.is_changed]
        for row in change.table.rows:
            said += _row_words(place, heads, row)
    return said


def _row_words(place: str, heads: list[str], row: RowChange) -> Iterator[str]:
    if row.kind in ("added", "removed"):
        cells = [(cell.after if row.kind == "added" else cell.before) or "" for cell in row.cells]
        yield f"{place}, rule {row.after or row.before} {row.kind}: {' | '.join(cells)}"
    elif row.kind == "changed":
        for head, cell in zip(heads, row.cells, strict=True):
            if cell.is_changed:
                yield f"{place}, rule {row.after}, {head}: {_cell_words(cell)}"


def _cell_words(cell: Cell) -> str:
    return f"{'nothing' if cell.before is None else cell.before} -> {'nothing' if cell.after is None else cell.after}"


def common_periods(before: PolicyDocument, after: PolicyDocument) -> list[Period]:
    """The days of both versions, cut where a parameter of either changes."""
    start = max(before.in_force_from, after.in_force_from)
    ends = [day for day in (before.in_force_to, after.in_force_to) if day is not None]
    end = min(ends, default=None)
    if end is not None and end <= start:
        end = after.in_force_to if start == after.in_force_from else None
    cuts = {period.since for document in (before, after) for period in periods(document)}
    starts = [start, *sorted(day for day in cuts if start < day and (end is None or day < end))]
    return [Period(since, until) for since, until in zip(starts, [*starts[1:], end], strict=True)]


def _decisions(
    before: PolicyDocument, after: PolicyDocument, now: Callable[[], float], seconds: float
) -> list[DecisionDifference]:
    found: list[DecisionDifference] = []
    behind = {**facts_behind(before), **facts_behind(after)}
    for period in common_periods(before, after):
        scopes = PolicyScope(before, period), PolicyScope(after, period)
        old = {one.name: one for one in before.decisions if isinstance(one, TableDecision)}
        for decision in after.decisions:
            if isinstance(decision, TableDecision) and decision.name in old:
                found_here = changed_regions(
                    old[decision.name].table,
                    decision.table,
                    scopes[0].scope | scopes[1].scope,
                    now=now,
                    exponent=exponent(after.currency),
                    budget_seconds=seconds,
                    parameters=(scopes[0].parameters, scopes[1].parameters),
                    behind=behind,
                )
                found.append(
                    DecisionDifference(
                        decision.name,
                        period.since,
                        period.until,
                        found_here.inputs,
                        found_here.regions,
                        found_here.undecided,
                    )
                )
            scopes[1].take(decision)
        for decision in before.decisions:
            scopes[0].take(decision)
    return _joined(one for one in found if one.regions or one.undecided)


def _joined(found: Iterable[DecisionDifference]) -> list[DecisionDifference]:
    """The same difference over adjoining periods as one, by decision in their order."""
    joined: dict[str, list[DecisionDifference]] = {}
    for one in found:
        own = joined.setdefault(one.decision, [])
        last = own[-1] if own else None
        if last and last.until == one.since and replace(last, until=one.until) == replace(one, since=last.since):
            own[-1] = replace(last, until=one.until)
        else:
            own.append(one)
    return [one for own in joined.values() for one in own]


def _cases(before: PolicyDocument, after: PolicyDocument) -> tuple[int, list[CaseDifference]]:
    tests: dict[str, PolicyTest] = {}
    for document in (after, before):
        for test in (*document.tests, *boundary_tests(document)):
            given = sorted(test.given.items(), key=lambda item: item[0])
            tests.setdefault(repr((given, test.lost, test.before)), test)
    tried, found = 0, []
    for test in tests.values():
        outcomes = [_outcome(document, test) for document in (before, after)]
        if None in outcomes:
            continue
        tried += 1
        old, new = outcomes
        if old is not None and new is not None and old != new:
            found.append(CaseDifference(test.name, dict(test.given), expectation_text(old), expectation_text(new)))
    return tried, found


def _outcome(document: PolicyDocument, test: PolicyTest) -> Expectation | None:
    """What comes out of a case, None when it lies outside the version: another date, a fact that it does not know."""
    known = document.catalogue
    try:
        given = {name: value for name, value in test.given.items() if name in known}
        return what_comes_out(document, replace(test, given=given))
    except InputError:
        return None
