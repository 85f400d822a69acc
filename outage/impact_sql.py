"""SQL text that turns outages, sightings and the mirror of the base into lines and patterns, for DuckDB.

It reads these relations of the workspace: `base` (the mirror), `sightings` (line_id, element_id, seen_at), `lost`
(element_id, bundle, started_at, ended_at: when an element is without the services of a bundle), `bundles` (bundle,
service, quoted: the service's name as JSON), `held` (element_id, pattern, first_at, last_at: elements that hold lines),
`held_patterns` (pattern, service, started_at, ended_at) and `contract_days` (zone, day, starts_at). Instants are Unix
seconds. A bundle is a set of services that every element loses together, so that their intervals are computed once.
"""

from __future__ import annotations

# What a run keeps of a line, from the mirror: its facts, and neither its number nor anything that names a person.
FACTS = (
    "currency",
    "account_lines",
    "plan",
    "payment_type",
    "segment",
    "brand",
    "language",
    "zone",
    "status",
    "fee_list_minor",
    "fee_discounted_minor",
    "fee_service_minor",
    "fee_device_minor",
    "contract_started_on",
    "contract_ended_on",
    "attributes",
)

# Lines that were seen where service was lost; a sighting holds until the next moment at which the line was seen.
# Sightings of one moment hold equally long, so that the order they were imported in cannot matter.
_STAYS = """
CREATE TEMP TABLE stays AS
WITH near AS (
    SELECT DISTINCT line_id, element_id, seen_at FROM sightings
    WHERE seen_at BETWEEN $1 AND $2 AND line_id IN (
        SELECT line_id FROM sightings
        WHERE seen_at BETWEEN $1 AND $2 AND element_id IN (SELECT element_id FROM lost)
    )
), moments AS (
    SELECT line_id, seen_at, lead(seen_at) OVER (PARTITION BY line_id ORDER BY seen_at) AS next_at
    FROM (SELECT DISTINCT line_id, seen_at FROM near)
)
SELECT near.line_id, near.element_id, near.seen_at, moments.next_at
FROM near JOIN moments ON moments.line_id = near.line_id AND moments.seen_at = near.seen_at
WHERE near.element_id IN (SELECT element_id FROM lost)
"""

_PRESENCES = """
CREATE TEMP TABLE presences AS
SELECT
    stays.line_id, lost.bundle,
    greatest(stays.seen_at, lost.started_at) AS started_at,
    least(coalesce(stays.next_at, lost.ended_at), lost.ended_at) AS ended_at,
    greatest(lost.started_at - stays.seen_at, 0) AS age
FROM stays
JOIN lost ON lost.element_id = stays.element_id
WHERE stays.seen_at >= lost.started_at - $1
    AND stays.seen_at < lost.ended_at
    AND (stays.next_at IS NULL OR stays.next_at > lost.started_at)
"""

# Lines with a presence that are held by a failed element too get the union of both.
_LOSSES = """
CREATE TEMP TABLE losses AS
SELECT presences.line_id, bundle, started_at, ended_at
FROM presences SEMI JOIN base ON base.line_id = presences.line_id
UNION ALL
SELECT base.line_id, lost.bundle, lost.started_at, lost.ended_at
FROM base JOIN lost ON lost.element_id = base.served_by_id
WHERE base.line_id IN (SELECT line_id FROM presences)
"""

# The text that is hashed is the canonical form of intervals.pattern_key. Sorted lists, because aggregates with an order
# of their own take several times as long.
_PRESENT = """
CREATE TEMP TABLE present AS
WITH spans AS (
    SELECT line_id, bundle, min(started_at) AS first_at, max(ended_at) AS last_at,
        replace(list_sort(list([started_at, ended_at]))::VARCHAR, ' ', '') AS spans
    FROM merged GROUP BY line_id, bundle
), lines AS (
    SELECT line_id, min(first_at) AS first_at, max(last_at) AS last_at,
        list_sort(list({'service': service, 'text': '[' || quoted || ',' || spans || ']'})) AS texts
    FROM spans JOIN bundles ON bundles.bundle = spans.bundle GROUP BY line_id
), ages AS (
    SELECT line_id, max(age) AS sighting_age FROM presences GROUP BY line_id
)
SELECT lines.line_id, first_at, last_at, sighting_age,
    sha256('[' || array_to_string(list_transform(texts, lambda one: one.text), ',') || ']') AS pattern
FROM lines JOIN ages ON ages.line_id = lines.line_id
"""

_SHAPES = """
CREATE TEMP TABLE shapes AS
SELECT pattern, service, started_at, ended_at
FROM (SELECT pattern, min(line_id) AS line_id FROM present GROUP BY pattern) one
JOIN merged ON merged.line_id = one.line_id
JOIN bundles ON bundles.bundle = merged.bundle
UNION
SELECT pattern, service, started_at, ended_at FROM held_patterns
"""

USERS_OF = "SELECT DISTINCT served_by_id FROM base WHERE served_by_id IS NOT NULL"
ZONES = "SELECT DISTINCT zone FROM base ORDER BY zone"


def merged_sql(relation: str, keys: str) -> str:
    """Per distinct `keys` of a relation, its intervals (started_at, ended_at) with all that overlap or touch joined."""
    return f"""
    WITH marked AS (
        SELECT {keys}, started_at, ended_at,
            started_at <= max(ended_at) OVER (
                PARTITION BY {keys} ORDER BY started_at, ended_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS goes_on
        FROM {relation}
    ), numbered AS (
        SELECT {keys}, started_at, ended_at,
            count(*) FILTER (WHERE goes_on IS NOT TRUE) OVER (
                PARTITION BY {keys} ORDER BY started_at, ended_at ROWS UNBOUNDED PRECEDING
            ) AS stretch
        FROM marked
    )
    SELECT {keys}, min(started_at) AS started_at, max(ended_at) AS ended_at FROM numbered GROUP BY {keys}, stretch
    """  # noqa: S608 - our own names


def stays_sql() -> str:
    """Make `stays` from `sightings`; $1 and $2: the first and the last instant at which a sighting can matter."""
    return _STAYS


def present_sql() -> tuple[tuple[str, bool], ...]:
    """Make `present` (line_id, pattern, first_at, last_at, sighting_age) and `shapes`, the intervals of all patterns.

    In order, each with whether it wants the parameter $1: how many seconds a sighting holds before a loss.
    """
    merged = f"CREATE TEMP TABLE merged AS {merged_sql('losses', 'line_id, bundle')}"
    return ((_PRESENCES, True), (_LOSSES, False), (merged, False), (_PRESENT, False), (_SHAPES, False))


def lines_sql() -> str:
    """The run: one row per line of the base that lost a service within its contract, in the order of line_id.

    Contracts that start or end outside of `contract_days` are decided by its first and last day. A contract
    runs from the first midnight of its first day to the first midnight after its last, in the line's zone.
    """
    facts = ", ".join(f"b.{name}" for name in FACTS)
    return f"""
    SELECT b.line_id, b.account_id, coalesce(p.pattern, h.pattern) AS pattern,
        CASE WHEN h.pattern IS NULL THEN 'present' ELSE 'served_by' END AS evidence,
        CASE WHEN h.pattern IS NULL THEN p.sighting_age END AS sighting_age, {facts}
    FROM base b
    LEFT JOIN held h ON h.element_id = b.served_by_id
    LEFT JOIN present p ON p.line_id = b.line_id
    LEFT JOIN contract_days s ON s.zone = b.zone AND s.day = b.contract_started_on
    LEFT JOIN contract_days e ON e.zone = b.zone AND e.day = b.contract_ended_on + 1
    CROSS JOIN (SELECT min(day) AS first_day, max(day) AS last_day FROM contract_days) d
    WHERE coalesce(p.pattern, h.pattern) IS NOT NULL
        AND (
            b.contract_started_on IS NULL OR b.contract_started_on < d.first_day
            OR s.starts_at < coalesce(p.last_at, h.last_at)
        )
        AND (
            b.contract_ended_on IS NULL OR b.contract_ended_on >= d.last_day
            OR e.starts_at > coalesce(p.first_at, h.first_at)
        )
    ORDER BY b.line_id
    """  # noqa: S608 - our own names


def patterns_sql(lines: str) -> str:
    """The intervals of the patterns that the written `lines` (a source) use."""
    return f"""
    SELECT pattern, service, started_at, ended_at FROM shapes
    WHERE pattern IN (SELECT pattern FROM {lines}) ORDER BY pattern, service, started_at
    """  # noqa: S608 - our own names


def totals_sql(lines: str) -> str:
    """One row: lines, accounts and patterns of the written `lines`."""
    return f"SELECT count(*), count(DISTINCT account_id), count(DISTINCT pattern) FROM {lines}"  # noqa: S608


def evidence_sql(lines: str) -> str:
    """Per evidence: how many lines."""
    return f"SELECT evidence, count(*) FROM {lines} GROUP BY evidence ORDER BY evidence"  # noqa: S608


def services_sql(lines: str, patterns: str) -> str:
    """Per service: how many lines lost it, and for how many seconds together."""
    return f"""
    SELECT service, sum(users.lines)::BIGINT, sum(users.lines * seconds)::HUGEINT
    FROM (SELECT pattern, service, sum(ended_at - started_at) AS seconds FROM {patterns} GROUP BY ALL) spans
    JOIN (SELECT pattern, count(*) AS lines FROM {lines} GROUP BY pattern) users USING (pattern)
    GROUP BY service ORDER BY service
    """  # noqa: S608 - our own names


def user_seconds_sql(lines: str, patterns: str) -> str:
    """One row: the seconds, over all lines, without at least one service."""
    return f"""
    SELECT coalesce(sum(users.lines * (ended_at - started_at)), 0)::HUGEINT
    FROM ({merged_sql(patterns, "pattern")}) spans
    JOIN (SELECT pattern, count(*) AS lines FROM {lines} GROUP BY pattern) users USING (pattern)
    """  # noqa: S608 - our own names
