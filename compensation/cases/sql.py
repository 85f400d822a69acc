"""SQL text over an impact run's snapshots: group lines by what a policy reads, and join the groups back to lines.

SQL only groups and joins here; every number is computed in Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compensation.facts import Fact, Origin
from outage.runs.impact_sql import FACTS

# Columns of a run's lines that the mirror of the base has under the same name.
_SHARED = ("line_id", "account_id", *FACTS)


LOST_BEFORE = "lost_before"
"""The column that says what a line lost in incidents before this one, as decision.earlier reads it; null: nothing."""

# Facts of the account that are read from the mirror, and only for a policy that asks for them.
BILL_DAY_COLUMN = "account_bill_day"
_OF_ACCOUNT = {BILL_DAY_COLUMN: "BIGINT", "account_standing": "VARCHAR", "account_depth": "BIGINT"}


@dataclass(frozen=True)
class RunFiles:
    """Where a run's snapshots stand: the path of its lines, the source that reads the mirror of the base.

    `reports`: the source that reads what was said of single lines, None when nothing was. `tells_accounts`: whether
    the mirror holds the account's billing day, standing and depth; earlier releases wrote mirrors without. `earlier`:
    the source that reads what lines lost in incidents before this one, None when they lost nothing.
    """

    lines: str
    base: str
    reports: str | None = None
    tells_accounts: bool = True
    earlier: str | None = None


def population_sql(files: RunFiles, *, everyone: bool, facts: Sequence[Fact] = ()) -> str:
    """One row per line that the policy looks at: the run's lines, and for `everyone` the rest of the base too.

    `facts` are those that it reads: what the run's lines do not hold is joined to them only when it is asked for.
    """
    population = _population(files, everyone=everyone)
    account = [name for name in _OF_ACCOUNT if any(fact.column == name for fact in facts)]
    reported = any(fact.column == "reported_at" for fact in facts)
    overrides = files.reports is not None and any(fact.origin is Origin.ATTRIBUTE for fact in facts)
    looks_back = any(fact.looks_back for fact in facts)
    if not (account or reported or overrides or looks_back):
        return population
    told = "b" if files.tells_accounts else None
    columns = [f"{told}.{name}" if told else f"NULL::{_OF_ACCOUNT[name]} AS {name}" for name in account]
    columns += ["r.reported_at" if files.reports else "NULL::BIGINT AS reported_at"] if reported else []
    lost = "e.lost_before" if files.earlier else "NULL::VARCHAR AS lost_before"
    columns += [lost] if looks_back else []
    merged = "CASE WHEN r.attributes IS NULL THEN p.attributes ELSE json_merge_patch(p.attributes, r.attributes) END"
    own = f"p.* REPLACE ({merged} AS attributes)" if overrides else "p.*"
    joins = f" LEFT JOIN {files.base} b ON b.line_id = p.line_id" if account and told else ""
    joins += (
        f" LEFT JOIN {files.reports} r ON r.line_id = p.line_id" if files.reports and (reported or overrides) else ""
    )
    joins += f" LEFT JOIN {files.earlier} e ON e.line_id = p.line_id" if files.earlier and looks_back else ""
    return f"SELECT {', '.join([own, *columns])} FROM ({population}) p{joins}"


def _population(files: RunFiles, *, everyone: bool) -> str:
    shared = ", ".join(f"l.{name}" for name in _SHARED)
    own = "l.pattern::VARCHAR AS pattern, l.evidence, true AS affected"
    affected = f"SELECT {shared}, {own} FROM read_parquet('{files.lines}') l"
    if not everyone:
        return affected
    rest = ", ".join(f"b.{name}" for name in _SHARED)
    return (
        f"{affected} UNION ALL SELECT {rest}, NULL, 'everyone', false FROM {files.base} b "
        f"ANTI JOIN read_parquet('{files.lines}') l ON l.line_id = b.line_id"
    )


def group_expression(fact: Fact) -> str | None:
    """The SQL expression that a fact is grouped by; None when all lines share it (facts of the incident)."""
    if fact.origin is Origin.PATTERN:
        return "pattern"
    if fact.origin is Origin.ATTRIBUTE:
        # A fact's name is words of letters and digits (facts.check_name): nothing to quote.
        return f"json_extract_string(attributes, '$.\"{fact.name}\"')"
    return None if fact.origin is Origin.INCIDENT else fact.column


def group_columns(facts: Sequence[Fact]) -> tuple[str, ...]:
    """The distinct SQL expressions that tell cases apart; a policy that reads nothing of the line has one case."""
    expressions = [group_expression(fact) for fact in facts]
    expressions += [LOST_BEFORE] if any(fact.looks_back for fact in facts) else []
    return tuple(dict.fromkeys(text for text in expressions if text is not None)) or ("affected",)


def cases_sql(population: str, columns: Sequence[str]) -> str:
    """One row per case: number from 1 in a fixed order, the group's values (g0, g1, ...), and its count of lines."""
    names = ", ".join(f"{column} AS g{index}" for index, column in enumerate(columns))
    order = ", ".join(f"g{index} NULLS FIRST" for index in range(len(columns)))
    groups = ", ".join(f"g{index}" for index in range(len(columns)))
    return (
        f"SELECT row_number() OVER (ORDER BY {order}) AS number, {groups}, count(*) AS lines "
        f"FROM (SELECT {names} FROM ({population})) GROUP BY {groups} ORDER BY number"
    )


def line_sql(population: str, columns: Sequence[str], line_id: int) -> str:
    """The group's values of one line: at most one row (g0, g1, ...)."""
    names = ", ".join(f"{column} AS g{index}" for index, column in enumerate(columns))
    return f"SELECT {names} FROM ({population}) WHERE line_id = {int(line_id)}"
