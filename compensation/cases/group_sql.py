"""SQL text that groups a run's lines by some columns, for what-if and the liability clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compensation.cases.standing_sql import GIVEN

AREA = "home_area"
"""The one column that is read from the mirror of the base: runs do not keep it."""


def groups_sql(population: str, columns: Sequence[str], base: str, limit: int) -> str:
    """One row per distinct values of `columns` (SQL expressions) in a fixed order, with its count of lines last."""
    source = _with_area(population, base) if AREA in columns else population
    names = ", ".join(f"{column} AS g{index}" for index, column in enumerate(columns))
    groups = ", ".join(f"g{index}" for index in range(len(columns)))
    order = ", ".join(f"g{index} NULLS FIRST" for index in range(len(columns)))
    return (
        f"SELECT {groups}, count(*) AS lines FROM (SELECT {names} FROM ({source})) "
        f"GROUP BY {groups} ORDER BY {order} LIMIT {limit}"
    )


def _with_area(population: str, base: str) -> str:
    return (
        f"SELECT p.*, m.{AREA} FROM ({population}) p "
        f"JOIN (SELECT line_id, {AREA} FROM {base}) m ON m.line_id = p.line_id"
    )


def with_cases_sql(population: str, cases: Mapping[str, str]) -> str:
    """The population with the number of each line's case, by column; `cases` are the sources they stand in.

    A line that stands in none of a source has no number there.
    """
    told = "".join(f", c{index}.number AS {column}" for index, column in enumerate(cases))
    joins = "".join(
        f" LEFT JOIN {source} c{index} ON c{index}.line_id = p.line_id" for index, source in enumerate(cases.values())
    )
    return f"SELECT p.*{told} FROM ({population}) p{joins}" if cases else population


def kinds_sql(numbered: str, history: str | None, limit: int) -> str:
    """One row per kind of account: the cases of its lines (a list in the order of line ids), what was before, how many.

    `numbered` as `account_sql.numbered_sql`, `history` as `standing_sql.account_history_sql`.
    """
    accounts = f"SELECT account_id, list(number ORDER BY line_id) AS lines FROM ({numbered}) GROUP BY account_id"
    before = "coalesce(a.a_other, 0)::BIGINT, coalesce(a.a_month, 0)::BIGINT, a.a_given, a.a_line_given"
    join = f"LEFT JOIN ({history}) a ON a.account_id = l.account_id"
    if history is None:
        before, join = "0, 0, NULL::VARCHAR, NULL::VARCHAR", ""
    return f"SELECT l.lines, {before}, count(*) AS accounts FROM ({accounts}) l {join} GROUP BY ALL LIMIT {limit}"


def with_before_sql(population: str, before: Mapping[str, tuple[str, Sequence[str]]]) -> str:
    """The population with columns of what was before, each name ended by the key that it stands under in `before`.

    `before`: a query of one row per line, and which of its columns are wanted; texts and counts of lines that have none
    are as the query has them for a line without anything.
    """
    told = "".join(
        f", {f'h{index}.{column}' if column in GIVEN else f'coalesce(h{index}.{column}, 0)'} AS {column}_{key}"
        for index, (key, (_, columns)) in enumerate(before.items())
        for column in columns
    )
    joins = "".join(
        f" LEFT JOIN ({query}) h{index} ON h{index}.line_id = p.line_id"
        for index, (query, _) in enumerate(before.values())
    )
    return f"SELECT p.*{told} FROM ({population}) p{joins}" if told else population


def amounts_sql(cases: str, most: int) -> str:
    """How many lines of kept cases get how much: each amount by itself while there are at most `most`.

    Else in `most` - 1 equal steps and nothing by itself: rows of least, most, lines, cost, by amount.
    """
    sums = f"(FROM {cases} SELECT cost_minor AS a, sum(lines)::BIGINT AS n GROUP BY cost_minor)"
    shape = f"(FROM {sums} SELECT count(*) AS amounts, greatest(1, ceil(max(a) / {most - 1}))::BIGINT AS step)"
    index = "((a - 1) // step)"
    many = f"(amounts > {most} AND a > 0)"
    return (
        f"SELECT CASE WHEN {many} THEN {index} * step + 1 ELSE a END AS least, "
        f"CASE WHEN {many} THEN ({index} + 1) * step ELSE a END AS most, "
        f"sum(n)::BIGINT, sum(a * n)::BIGINT FROM {sums}, {shape} GROUP BY least, most ORDER BY least"
    )
