"""SQL text that counts a written run by pattern, for DuckDB: lines are read once, all else is patterns times counts.

Relations of the workspace: `crowds` (pattern, segment, brand, payment_type, area, lines) and `spans` (pattern, service,
started_at, ended_at; service None: without at least one of them).
"""

from __future__ import annotations

from outage.runs.interval_sql import merged_sql

CROWDS = """
CREATE TEMP TABLE crowds AS
SELECT {pattern} AS pattern, segment, brand, payment_type, {area} AS area, count(*) AS lines FROM {lines} GROUP BY ALL
"""

_SPANS = """
CREATE TEMP TABLE spans AS
SELECT pattern, service, started_at, ended_at FROM {patterns}
UNION ALL
SELECT pattern, NULL, started_at, ended_at FROM ({merged})
"""

# Per service, and per service and each single fact of the lines: which fact (`told`), its value, lines, seconds.
TOTALS = """
WITH totals AS (
    SELECT pattern, service, sum(ended_at - started_at) AS seconds FROM spans GROUP BY pattern, service
)
SELECT service,
    CASE WHEN NOT grouping(segment)::BOOLEAN THEN 'segment' WHEN NOT grouping(brand)::BOOLEAN THEN 'brand'
        WHEN NOT grouping(payment_type)::BOOLEAN THEN 'payment_type' WHEN NOT grouping(area)::BOOLEAN THEN 'area'
    END AS told,
    coalesce(segment, brand, payment_type, area) AS value, sum(lines)::BIGINT, sum(lines * seconds)::HUGEINT
FROM crowds JOIN totals USING (pattern)
GROUP BY GROUPING SETS (
    (service), (service, segment), (service, brand), (service, payment_type), (service, area)
)
ORDER BY service NULLS FIRST, told, value
"""

# How many lines more or less are without a service, at each instant at which that changes.
CHANGES = """
WITH users AS (
    SELECT pattern, sum(lines) AS lines FROM crowds GROUP BY pattern
)
SELECT service, instant, sum(change)::BIGINT FROM (
    SELECT service, started_at AS instant, lines AS change FROM spans JOIN users USING (pattern)
    UNION ALL
    SELECT service, ended_at, -lines FROM spans JOIN users USING (pattern)
) GROUP BY service, instant ORDER BY instant
"""

# How many lines lose a service for the first time, at each instant.
FIRST_LOST = """
WITH users AS (
    SELECT pattern, sum(lines) AS lines FROM crowds GROUP BY pattern
), firsts AS (
    SELECT pattern, service, min(started_at) AS instant FROM spans GROUP BY pattern, service
)
SELECT service, instant, sum(lines)::BIGINT FROM firsts JOIN users USING (pattern)
GROUP BY service, instant ORDER BY instant
"""

# The changes of some areas ($2), moved to the next multiple of $1 seconds, at which the level is exact.
AREA_CHANGES = """
SELECT area, ceil(instant / $1)::BIGINT * $1, sum(change)::BIGINT FROM (
    SELECT area, started_at AS instant, lines AS change FROM spans JOIN crowds USING (pattern) WHERE service IS NULL
    UNION ALL
    SELECT area, ended_at, -lines FROM spans JOIN crowds USING (pattern) WHERE service IS NULL
) WHERE list_contains($2, area) GROUP BY 1, 2 ORDER BY 2
"""

EXTENT = "SELECT min(started_at), max(ended_at) FROM spans"


def crowds_sql(lines: str, *, has_gross: bool, area: str | None) -> str:
    """Make `crowds` from a source of lines, each with all that it lost, whoever else counted that.

    `has_gross`: the run says what a line had lost before other runs were taken from it; `area`: the column that says
    where a line lives, None without one.
    """
    pattern = "coalesce(gross_pattern, pattern)" if has_gross else "pattern"
    return CROWDS.format(lines=lines, pattern=pattern, area=area or "NULL::VARCHAR")


def spans_sql(patterns: str) -> str:
    """Make `spans` from a source of patterns."""
    return _SPANS.format(patterns=patterns, merged=merged_sql(patterns, "pattern"))


def residents_sql(base: str, area: str) -> str:
    """Per area: how many lines of the base live there."""
    return f"SELECT {area}, count(*) FROM {base} WHERE {area} IS NOT NULL GROUP BY 1"  # noqa: S608 - our own names


def with_homes(lines: str, base: str, area: str) -> str:
    """A source of lines with the area in which they live, from the mirror that the run was measured on."""
    return f"""
    (SELECT run.*, homes.{area} FROM {lines} run
    JOIN (SELECT line_id, {area} FROM {base}) homes ON homes.line_id = run.line_id)
    """  # noqa: S608 - our own names
