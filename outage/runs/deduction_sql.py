"""SQL text that finds the lines which another run has counted at the same time, for DuckDB.

It reads of the workspace `gross` (a relation with line_id, pattern, first_at, last_at, contract_started_on,
contract_ended_on, zone and more), `shapes` (outage.runs.shapes), `lost_spans` (pattern, service, started_at, ended_at:
the same, a row per interval), `contract_days` (zone, day, starts_at) and makes relations of its own. Patterns become
small integers at once: ten million keys, which are texts in old runs, do not fit the memory that ten million lines may
take. `own` numbers patterns of this run, `taken` those of other runs.
"""

from __future__ import annotations

from collections.abc import Sequence

EXTENT = "SELECT min(started_at), max(ended_at) FROM lost_spans"

_NUMBERS = (
    "CREATE TEMP TABLE own_patterns AS "
    "SELECT row_number() OVER () AS own, pattern FROM (SELECT DISTINCT pattern FROM lost_spans)",
    "CREATE TEMP TABLE taken_patterns AS "
    "SELECT row_number() OVER () AS taken, run, pattern FROM (SELECT DISTINCT run, pattern FROM taken_shapes)",
)

_SHARED = """
CREATE TEMP TABLE shared AS
SELECT mine.line_id, own, taken
FROM (SELECT g.line_id, o.own FROM gross g JOIN own_patterns o ON o.pattern = g.pattern) mine
JOIN (
    SELECT l.line_id, t.taken FROM taken_lines l JOIN taken_patterns t ON t.run = l.run AND t.pattern = l.pattern
) others ON others.line_id = mine.line_id
"""

# Only pairs of patterns that some line has together are compared, and each such pair once.
_CLASHES = """
CREATE TEMP TABLE clashes AS
SELECT DISTINCT pairs.own, pairs.taken
FROM (SELECT DISTINCT own, taken FROM shared) pairs
JOIN own_patterns o ON o.own = pairs.own
JOIN lost_spans s ON s.pattern = o.pattern
JOIN taken_patterns t ON t.taken = pairs.taken
JOIN taken_shapes ts ON ts.run = t.run AND ts.pattern = t.pattern AND ts.service = s.service
    AND ts.started_at < s.ended_at AND ts.ended_at > s.started_at
"""

_COMBINED = """
CREATE TEMP TABLE combined AS
SELECT s.line_id, s.own, list_sort(list(s.taken)) AS takens
FROM shared s JOIN clashes c ON c.own = s.own AND c.taken = s.taken
GROUP BY s.line_id, s.own
"""

_COMBOS = """
CREATE TEMP TABLE combos AS
SELECT row_number() OVER () AS combo, own, takens, lines
FROM (SELECT own, takens, count(*) AS lines FROM combined GROUP BY own, takens)
"""

_DEDUCTED = """
CREATE TEMP TABLE deducted AS
SELECT d.line_id, c.combo FROM combined d JOIN combos c ON c.own = d.own AND c.takens = d.takens
"""

COMBINATIONS = """
SELECT c.combo, c.lines, 'own' AS side, s.service, s.started_at, s.ended_at
FROM combos c JOIN own_patterns o ON o.own = c.own JOIN lost_spans s ON s.pattern = o.pattern
WHERE c.combo >= $1 AND c.combo < $2
UNION ALL
SELECT c.combo, c.lines, ts.cause, ts.service, ts.started_at, ts.ended_at
FROM (SELECT combo, lines, unnest(takens) AS taken FROM combos WHERE combo >= $1 AND combo < $2) c
JOIN taken_patterns t ON t.taken = c.taken
JOIN taken_shapes ts ON ts.run = t.run AND ts.pattern = t.pattern
ORDER BY combo
"""
"""Per combination from $1 to before $2 (rows of one stand together): what its lines lost, and what others counted."""

NET_PATTERNS = "CREATE TEMP TABLE net_patterns (combo BIGINT, pattern UUID, first_at BIGINT, last_at BIGINT)"
"""What is left of each combination; no pattern where nothing is."""

KEEP_COMPUTED = (
    "INSERT INTO net_patterns SELECT combo, pattern, first_at, last_at FROM computed_nets",
    """
    INSERT INTO shapes
    SELECT pattern, services, started_at, ended_at FROM computed_shapes
    WHERE pattern::UUID NOT IN (SELECT pattern FROM shapes)
    """,
)
"""From `computed_nets` and `computed_shapes` to what lasts; a pattern of two combinations is kept once."""

# What is left of a line may lie outside of its contract, when the whole did not.
_NET = """
CREATE VIEW net AS
SELECT g.* REPLACE (
    coalesce(n.pattern, g.pattern) AS pattern,
    CASE WHEN d.combo IS NOT NULL THEN g.pattern END AS gross_pattern,
    coalesce(n.first_at, g.first_at) AS first_at,
    coalesce(n.last_at, g.last_at) AS last_at
)
FROM gross g
LEFT JOIN deducted d ON d.line_id = g.line_id
LEFT JOIN net_patterns n ON n.combo = d.combo
LEFT JOIN contract_days s ON s.zone = g.zone AND s.day = g.contract_started_on
LEFT JOIN contract_days e ON e.zone = g.zone AND e.day = g.contract_ended_on + 1
WHERE d.combo IS NULL OR (
    n.pattern IS NOT NULL
    AND (s.starts_at IS NULL OR s.starts_at < n.last_at)
    AND (e.starts_at IS NULL OR e.starts_at > n.first_at)
)
"""


def taken_sql(runs: Sequence[str], shapes: Sequence[tuple[int, str, str, int | None, int | None]]) -> tuple[str, str]:
    """Make `taken_lines` (run, line_id, pattern) and `taken_shapes` (run, pattern, service, cause, its times).

    The second wants the parameters $1 and $2, the extent of this run, and keeps what can overlap with it. `runs`: the
    source of each run's lines, numbered by its place; `shapes`: the number of a run, the source of its patterns, the
    cause, and from and to which instant they count (None: without end).
    """
    lines = (
        f"SELECT {number} AS run, line_id, pattern::VARCHAR AS pattern FROM {source}"  # noqa: S608 - our own names
        for number, source in enumerate(runs)
    )
    parts = (_shapes_sql(*one) for one in shapes)
    return (
        f"CREATE VIEW taken_lines AS {' UNION ALL '.join(lines)}",
        f"CREATE TEMP TABLE taken_shapes AS {' UNION ALL '.join(parts)}",
    )


def find_sql() -> tuple[str, ...]:
    """Make `combos` (combo, own, takens, lines) and `deducted` (line_id, combo), in order."""
    return (*_NUMBERS, _SHARED, _CLASHES, _COMBINED, _COMBOS, _DEDUCTED)


def net_sql() -> str:
    """Make the view `net`: `gross` without the lines that have nothing left, and with what is left of the others."""
    return _NET


def _shapes_sql(number: int, source: str, cause: str, from_at: int | None, to_at: int | None) -> str:
    start = "started_at" if from_at is None else f"greatest(started_at, {from_at:d})"
    end = "ended_at" if to_at is None else f"least(ended_at, {to_at:d})"
    return f"""
    SELECT {number} AS run, pattern::VARCHAR AS pattern, service, '{cause}' AS cause,
        {start} AS started_at, {end} AS ended_at
    FROM {source} WHERE {start} < {end} AND {start} < $2 AND {end} > $1
    """  # noqa: S608 - our own names and numbers
