"""Make the cases of an assessment: few as rows with their traces, many as a snapshot with a summary."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import pyarrow as pa

from compensation.cases import account_sql
from compensation.cases.facts import facts_to_json
from compensation.cases.situation import DecidedCase, Situation
from compensation.cases.standings import MILLIONTHS, Standings
from compensation.cases.sums import Summary, Sums, amount_of
from compensation.decision.function import FastDecision, PolicyFunction
from compensation.decision.settling import Standing
from compensation.document.reading import TableDecision
from compensation.reward_json import reward_to_json
from compensation.rewards import Per, RewardLine
from foundation.snapshots import SnapshotStore, WrittenFile
from foundation.workspaces import Workspace

MANY_CASES = 5_000
"""Above so many the cases are kept in a snapshot; up to it each is a row with its trace."""

_AT_ONCE = 10_000
_SORTED_AT_ONCE = 100_000
REFINED = "refined_cases"
_LINE_VALUES = ("line_minor", "given_minor", "cap_minor")
_DECIDED = pa.schema(
    [
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("rewards", pa.string()),
        ("text_name", pa.string()),
        ("rules", pa.string()),
        ("cost_minor", pa.int64()),
        ("amount_minor", pa.int64()),
        ("over_minor", pa.int64()),
        ("gives", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class MadeCases:
    """Either `rows`, or `file` with `summaries`; `lines_file` where the case of each line had to be written down.

    The files are on disk and not yet catalogued.
    """

    sums: Sums
    rows: list[DecidedCase] = field(default_factory=list)
    file: WrittenFile | None = None
    summaries: tuple[Summary, ...] = ()
    lines_file: WrittenFile | None = None


def make_cases(
    situation: Situation,
    store: SnapshotStore,
    *,
    many: int = MANY_CASES,
    progress: Callable[[int, int], None] | None = None,
) -> MadeCases:
    """Decide every case of a situation; memory stays at a batch of cases and at what the store may use."""
    with store.connect() as workspace:
        workspace.execute(f"CREATE TEMP TABLE {account_sql.NUMBERS} AS {situation.numbers}")
        table, lines_file = account_sql.NUMBERS, None
        if situation.standings.concerns_accounts:
            table, lines_file = REFINED, tell_accounts_apart(situation, store, workspace)
        ((count,),) = workspace.fetch_rows(f"FROM {table} SELECT count(*)")
        making = _Making(situation, count, progress)
        if count <= many:
            rows = [making.decided(row) for row in workspace.fetch_rows(f"FROM {table} ORDER BY number")]
            made = MadeCases(making.sums, rows, lines_file=lines_file)
        else:
            # Cases are read once, in order: what was needed to group the lines is needed by those who decide them.
            workspace.limit_memory(max(store.memory_mb * 2 // 3, 1))
            file = making.write(store, workspace, f"FROM {table}")
            made = MadeCases(making.sums, [], file, tuple(making.summaries.values()), lines_file)
        if situation.absent is not None:
            count_and_sum = f"FROM ({situation.absent}) SELECT count(*), coalesce(sum(credited_minor), 0)"
            ((lines, credited),) = workspace.fetch_rows(count_and_sum)
            making.sums.add_absent(int(lines), int(credited))
        return made


class _Making:
    """The cases under way: what they add up to so far."""

    def __init__(self, situation: Situation, total: int, progress: Callable[[int, int], None] | None) -> None:
        self.situation = situation
        self.total = total
        self.progress = progress
        self.sums = Sums()
        self.summaries: dict[tuple[object, ...], Summary] = {}
        self.said: dict[tuple[tuple[int, ...], ...], str] = {}
        self.tables = [one.name for one in situation.document.decisions if isinstance(one, TableDecision)]

    def decided(self, row: tuple[Any, ...]) -> DecidedCase:
        number, *values, lines = row
        case = self.situation.decide_group(int(number), values, int(lines))
        self.sums.add(case.decision, case.lines, case.decision.cost_minor)
        self.tell()
        return case

    def tell(self) -> None:
        if self.progress is not None and (self.sums.cases % _AT_ONCE == 0 or self.sums.cases == self.total):
            self.progress(self.sums.cases, self.total)

    # --- many

    def write(self, store: SnapshotStore, workspace: Workspace, query: str) -> WrittenFile:
        """The snapshot of all cases, decided by the generated function."""
        ((empty,),) = [(batch.schema,) for batch in workspace.fetch_batches(f"{query} LIMIT 1", size=1)]
        schema = pa.schema([*empty, *_DECIDED])
        batches = self.batches(workspace, query)
        return store.write_batches("cases", schema, (self.decided_batch(batch, schema) for batch in batches))

    def batches(self, workspace: Workspace, query: str) -> Iterator[pa.RecordBatch]:
        """All cases in the order of their numbers, which run from 1."""
        # Sorted all at once, they would be held a second time beside their table.
        for first in range(1, self.total + 1, _SORTED_AT_ONCE):
            numbers = f"WHERE number BETWEEN {first} AND {first + _SORTED_AT_ONCE - 1}"
            yield from workspace.fetch_batches(f"{query} {numbers} ORDER BY number", size=_AT_ONCE)

    def decided_batch(self, batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
        function = self.function
        width = len(self.situation.columns)
        columns: list[list[Any]] = [[] for _ in _DECIDED]
        for number, *values, lines in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            group, account = values[:width], values[width:]
            decision = function(self.situation.facts_quickly(group), self.situation.standing_of(group, account))
            cost, amount = decision.cost_minor, amount_of(decision.rewards)
            self.sums.add(decision, lines, cost)
            self.tell()
            rules = self.rules_said(decision.rules)
            self.summarise(decision, rules, lines, cost, amount, (number, group))
            gives = bool(decision.rewards) or decision.text is not None
            row = (
                decision.outcome,
                decision.reason,
                _rewards_text(decision.rewards),
                decision.text,
                rules,
                cost,
                amount,
                decision.over_minor,
                gives,
            )
            for column, value in zip(columns, row, strict=True):
                column.append(value)
        arrays = [pa.array(column, type=kind.type) for column, kind in zip(columns, _DECIDED, strict=True)]
        return pa.RecordBatch.from_arrays([*batch.columns, *arrays], schema=schema)

    @functools.cached_property
    def function(self) -> PolicyFunction:
        return PolicyFunction(self.situation.document, on=self.situation.incident.outage_date)

    def rules_said(self, rules: tuple[tuple[int, ...], ...]) -> str:
        said = self.said.get(rules)
        if said is None:
            said = self.said[rules] = rules_said(self.tables, rules)
        return said

    def summarise(
        self,
        decision: FastDecision,
        rules: str,
        lines: int,
        cost: int,
        amount: int,
        example: tuple[int, Sequence[object]],
    ) -> None:
        names = tuple(f"{line.name} ({line.kind})" for line in decision.rewards)
        key = (rules, decision.outcome, decision.reason if decision.outcome == "nothing" else None, names)
        summary = self.summaries.get((*key, decision.text))
        if summary is None:
            number, group = example
            facts = facts_to_json(self.situation.facts_of(group))
            summary = Summary(rules, decision.outcome, decision.reason, names, decision.text, number, facts)
            self.summaries[*key, decision.text] = summary
        summary.add(cost, amount, lines)


def rules_said(tables: list[str], rules: tuple[tuple[int, ...], ...]) -> str:
    """Which rules decided: `promise: rule 2; owed: no rule`."""
    said = []
    for table, numbers in zip(tables, rules, strict=False):
        word = "rules" if len(numbers) > 1 else "rule"
        said.append(f"{table}: {f'{word} ' + ', '.join(map(str, numbers)) if numbers else 'no rule'}")
    return "; ".join(said)


def _rewards_text(rewards: tuple[RewardLine, ...]) -> str | None:
    return json.dumps([reward_to_json(line) for line in rewards], separators=(",", ":")) if rewards else None


# --- accounts


def tell_accounts_apart(situation: Situation, store: SnapshotStore, workspace: Workspace) -> WrittenFile:
    """Split the cases in `account_sql.NUMBERS` by what the lines of one account have to do with each other.

    Makes the table `REFINED` and writes each line's case as a file, which is not catalogued.
    """
    rewards = [reward.name for reward in situation.standings.per_account]
    schema = pa.schema(
        [(name, pa.int64()) for name in ("number", *(f"v{i}" for i in range(len(rewards))), *_LINE_VALUES)]
    )
    # A file, not a table of Arrow: there may be a million cases. It is not catalogued and goes with the next sweep.
    values = store.write_batches("case values", schema, _case_values(situation, workspace, schema))
    placed = account_sql.placed_sql(
        account_sql.numbered_sql(situation.population, situation.columns, account_sql.NUMBERS),
        store.source(values.id),
        len(rewards),
        situation.account_history,
        wants_sizes=situation.standings.wants_sizes,
    )
    workspace.execute(f"CREATE TEMP TABLE {account_sql.PLACED} AS {placed}")
    refined = account_sql.refined_sql(len(situation.columns))
    workspace.execute(f"CREATE TEMP TABLE refined_base AS {refined}")
    lines = store.write_query(workspace, "case lines", account_sql.lines_sql("refined_base"))
    workspace.execute(f"CREATE TEMP TABLE {REFINED} AS FROM refined_base SELECT * EXCLUDE (base)")
    return lines


def _case_values(situation: Situation, workspace: Workspace, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """What each case gives per account, the cash of its own, and its account's cap; as if nothing was given before."""
    function = PolicyFunction(situation.document, on=situation.incident.outage_date)
    for batch in workspace.fetch_batches(f"FROM {account_sql.NUMBERS}", size=_AT_ONCE):
        rows = []
        for number, *group, _lines in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            standing = situation.standing_of(group)
            decision = function(situation.facts_quickly(group), replace(standing, given={}))
            shared, *own = account_values(situation.standings, standing, decision)
            rows.append((number, *shared, *own))
        columns = zip(*rows, strict=True)
        yield pa.RecordBatch.from_arrays([pa.array(column, pa.int64()) for column in columns], schema=schema)


def account_values(
    standings: Standings, standing: Standing, decision: FastDecision
) -> tuple[tuple[int | None, ...], int, int, int]:
    """What a line gives per account (None: not), the cash of its own, what of that it was given, its account's cap.

    `decision` is the one without regard to other lines, as if nothing had been given before.
    """
    shared = {line.name: _comparable(line) for line in decision.rewards if line.per is Per.ACCOUNT}
    own = sum(line.amount_minor or 0 for line in decision.rewards if line.per is Per.LINE and line.is_cash)
    caps = [decision.caps[place] for place in standings.account_caps if decision.caps]
    before = int(standing.given.get("money", 0))
    return tuple(shared.get(one.name) for one in standings.per_account), own, before, max(caps, default=0)


def _comparable(line: RewardLine) -> int:
    return line.amount_minor if line.amount_minor is not None else int(line.size * Fraction(MILLIONTHS))
