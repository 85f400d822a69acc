"""SQL text that gathers what lines lost in the runs of other incidents: one row per line, with a text.

Patterns become small integers first, as in outage.runs.deduction_sql: each distinct list of them is said once, however
many lines have it. The text is read by compensation.decision.earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compensation.cases.sql import LOST_BEFORE
from compensation.decision.earlier import RECORD, SPAN
from outage.runs.interval_sql import quote


@dataclass(frozen=True, slots=True)
class RunSource:
    """A run as a record begins with it: name, cause, force majeure; the sources of its lines and of its intervals.

    Only what lies from `from_at` on counts (Unix seconds).
    """

    head: str
    lines: str
    spans: str
    from_at: int | None


_SHAPES = f"""
CREATE TEMP TABLE earlier_shapes AS
SELECT row_number() OVER (ORDER BY run, pattern) AS part, run, pattern,
    string_agg(said, '{RECORD}' ORDER BY service) AS said
FROM (
    SELECT run, pattern, service, any_value(head) || ' ' || service || ' ' ||
        string_agg(started_at || '-' || ended_at, '{SPAN}' ORDER BY started_at) AS said
    FROM earlier_spans GROUP BY run, pattern, service
) GROUP BY run, pattern
"""  # noqa: S608 - our own names

_PARTS = """
CREATE TEMP TABLE earlier_parts AS
SELECT l.line_id, list_sort(list(s.part)) AS parts
FROM earlier_lines l JOIN earlier_shapes s ON s.run = l.run AND s.pattern = l.pattern
GROUP BY l.line_id
"""

_TEXTS = f"""
CREATE TEMP TABLE earlier_texts AS
SELECT d.parts, string_agg(s.said, '{RECORD}' ORDER BY s.part) AS {LOST_BEFORE}
FROM (SELECT parts, unnest(parts) AS part FROM (SELECT DISTINCT parts FROM earlier_parts)) d
JOIN earlier_shapes s ON s.part = d.part
GROUP BY d.parts
"""  # noqa: S608 - our own names

LOSSES = f"""
SELECT p.line_id, t.{LOST_BEFORE} FROM earlier_parts p JOIN earlier_texts t ON t.parts = p.parts ORDER BY p.line_id
"""  # noqa: S608 - our own names
"""One row per line that lost anything, by line, after the statements of `gather_sql`."""


def gather_sql(runs: Sequence[RunSource], since: int) -> tuple[str, ...]:
    """The statements that make what `LOSSES` reads; `since`: what ended before that instant is left out."""
    spans = " UNION ALL ".join(_spans(number, run, since) for number, run in enumerate(runs))
    lines = " UNION ALL ".join(
        f"SELECT {number} AS run, line_id, pattern::VARCHAR AS pattern FROM {run.lines}"  # noqa: S608 - our own names
        for number, run in enumerate(runs)
    )
    return (
        f"CREATE VIEW earlier_spans AS {spans}",
        f"CREATE VIEW earlier_lines AS {lines}",
        _SHAPES,
        _PARTS,
        _TEXTS,
    )


def _spans(number: int, run: RunSource, since: int) -> str:
    start = "started_at" if run.from_at is None else f"greatest(started_at, {run.from_at:d})"
    return f"""
    SELECT {number} AS run, '{quote(run.head)}' AS head, pattern::VARCHAR AS pattern, service,
        {start} AS started_at, ended_at
    FROM {run.spans} WHERE ended_at > {since:d} AND {start} < ended_at
    """  # noqa: S608 - our own names and numbers
