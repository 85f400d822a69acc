"""SQL text over an impact run's snapshots: group lines by what a policy reads, and join the groups back to lines.

SQL only groups and joins here; every number is computed in Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compensation.facts import Fact, Origin
from outage.impact_sql import FACTS

# Columns of a run's lines that the mirror of the base has under the same name.
_SHARED = ("line_id", "account_id", *FACTS)


@dataclass(frozen=True)
class RunFiles:
    """Where a run's snapshots stand: the path of its lines, the source that reads the mirror of the base."""

    lines: str
    base: str


def population_sql(files: RunFiles, *, everyone: bool) -> str:
    """One row per line that the policy looks at: the run's lines, and for `everyone` the rest of the base too."""
    shared = ", ".join(f"l.{name}" for name in _SHARED)
    affected = f"SELECT {shared}, l.pattern, l.evidence, true AS affected FROM read_parquet('{files.lines}') l"
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


def joined_sql(population: str, columns: Sequence[str], base: str, numbers: str) -> str:
    """One row per line of the cases in table `numbers` (number, g0, ...): case, line, account, address, language.

    Numbers and account references come from the mirror of the base that the run was measured on.
    """
    match = " AND ".join(f"p.g{index} IS NOT DISTINCT FROM n.g{index}" for index in range(len(columns)))
    names = ", ".join(f"{column} AS g{index}" for index, column in enumerate(columns))
    return (
        "SELECT n.number, p.line_id, p.account_id, b.account_ref, b.msisdn, b.language, b.brand "
        f"FROM (SELECT line_id, account_id, {names} FROM ({population})) p "
        f"JOIN {numbers} n ON {match} "
        f"JOIN {base} b ON b.line_id = p.line_id"
    )


def line_sql(population: str, columns: Sequence[str], line_id: int) -> str:
    """The group's values of one line: at most one row (g0, g1, ...)."""
    names = ", ".join(f"{column} AS g{index}" for index, column in enumerate(columns))
    return f"SELECT {names} FROM ({population}) WHERE line_id = {int(line_id)}"
