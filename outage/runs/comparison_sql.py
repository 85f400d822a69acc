"""SQL text that compares two written runs, for DuckDB: lines are joined once, whatever is about time is per pattern.

Relations of the workspace: `shapes` (side, pattern, number, service, seconds, shape: the intervals of one service of
one pattern, in words), `pairs` (was, becomes: numbers of patterns or None; other_evidence, other_facts, lines, ids: the
lowest line ids, at most $n of them). `side` is 0 for the run before and 1 for the run after.
"""

from __future__ import annotations

from collections.abc import Sequence

# The intervals of one service of a pattern, once per pattern; numbers stand for the 64 digits of its name in the join.
_SHAPES = """
CREATE TEMP TABLE shapes AS
WITH both_sides AS (
    SELECT 0 AS side, pattern::VARCHAR AS pattern, service, started_at, ended_at FROM {before}
    UNION ALL SELECT 1 AS side, pattern::VARCHAR AS pattern, service, started_at, ended_at FROM {after}
)
SELECT side, pattern, (dense_rank() OVER (ORDER BY pattern) - 1)::INTEGER AS number, service,
    sum(ended_at - started_at)::BIGINT AS seconds, md5(list_sort(list([started_at, ended_at]))::VARCHAR) AS shape
FROM both_sides GROUP BY side, pattern, service
"""

_PAIRS = """
CREATE TEMP TABLE pairs
(was INTEGER, becomes INTEGER, other_evidence BOOLEAN, other_facts BOOLEAN, lines BIGINT, ids BIGINT[])
"""

_NUMBERS = "CREATE TEMP TABLE numbers AS SELECT DISTINCT pattern, number FROM shapes"

# How the lines of one pair changed, over all services together and for each service.
_CHANGES = """
WITH services AS (
    SELECT DISTINCT service FROM shapes
), spans AS (
    SELECT DISTINCT number, service, seconds, shape FROM shapes
), folded AS (
    SELECT was, becomes, sum(lines) AS lines, {sample} AS ids FROM pairs GROUP BY was, becomes
), parts AS (
    SELECT folded.was, folded.becomes, folded.lines, folded.ids, services.service,
        coalesce(b.seconds, 0) AS seconds_before, coalesce(a.seconds, 0) AS seconds_after,
        b.shape IS NOT DISTINCT FROM a.shape AS same, b.shape IS NULL AS is_new, a.shape IS NULL AS is_gone
    FROM folded CROSS JOIN services
    LEFT JOIN spans b ON b.number = folded.was AND b.service = services.service
    LEFT JOIN spans a ON a.number = folded.becomes AND a.service = services.service
), whole AS (
    SELECT NULL::VARCHAR AS service, any_value(lines) AS lines, any_value(ids) AS ids,
        sum(seconds_before) AS seconds_before, sum(seconds_after) AS seconds_after, bool_and(same) AS same,
        was IS NULL AS is_new, becomes IS NULL AS is_gone
    FROM parts GROUP BY was, becomes
    UNION ALL
    SELECT service, lines, ids, seconds_before, seconds_after, same, is_new, is_gone FROM parts
    WHERE NOT (is_new AND is_gone)
), kinds AS (
    SELECT service, lines, ids, (seconds_after - seconds_before) * lines AS seconds,
        CASE WHEN is_new THEN 'added' WHEN is_gone THEN 'removed' WHEN same THEN 'unchanged'
            WHEN seconds_after > seconds_before THEN 'longer' WHEN seconds_after < seconds_before THEN 'shorter'
            ELSE 'moved' END AS kind
    FROM whole
)
SELECT service, kind, sum(lines)::BIGINT, sum(seconds)::HUGEINT, {sample} FROM kinds GROUP BY service, kind
"""


def shapes_sql(before: str, after: str) -> tuple[str, ...]:
    """Make `shapes`, `numbers` and an empty `pairs` from two sources of patterns."""
    return (_SHAPES.format(before=before, after=after), _NUMBERS, _PAIRS)


def pairs_sql(before: str, after: str, facts: Sequence[str], sample: int) -> str:
    """Add to `pairs` the lines of two sources whose id is over $1 and up to $2.

    `facts`: the columns that are compared as facts of the line; none to say that they are known to be the same.
    """
    print_of = f"hash({', '.join(facts)})" if facts else "0"
    columns = f"line_id, number, evidence, {print_of} AS facts"
    sides = [
        f"SELECT {columns} FROM {source} run JOIN numbers ON numbers.pattern = run.pattern::VARCHAR "  # noqa: S608
        "WHERE line_id > $1 AND line_id <= $2"
        for source in (before, after)
    ]
    return f"""
    INSERT INTO pairs
    SELECT b.number, a.number,
        b.evidence IS NOT NULL AND a.evidence IS NOT NULL AND b.evidence <> a.evidence AS other_evidence,
        b.facts IS NOT NULL AND a.facts IS NOT NULL AND b.facts <> a.facts AS other_facts,
        count(*), min(coalesce(a.line_id, b.line_id), {max(sample, 1)})
    FROM ({sides[0]}) b FULL JOIN ({sides[1]}) a ON a.line_id = b.line_id
    GROUP BY ALL
    """  # noqa: S608 - our own names


def changes_sql(sample: int) -> str:
    """Per service (None: over all of a line's services) and kind of change: lines, seconds, the lowest line ids."""
    return _CHANGES.format(sample=_lowest(sample))


def differing_sql(column: str, sample: int) -> str:
    """One row on the lines of both runs whose `other_evidence` or `other_facts` is set: how many, the lowest ids."""
    return f"SELECT coalesce(sum(lines), 0)::BIGINT, {_lowest(sample)} FROM pairs WHERE {column}"  # noqa: S608


def _lowest(sample: int) -> str:
    return f"list_sort(flatten(list(ids)))[:{sample}]"
