"""SQL text that turns outages, sightings and the mirror of the base into lines and patterns, for DuckDB.

It reads these relations of the workspace: `base` (the mirror, with `served_by_id` of lines that a range holds),
`sightings` (line_id, element_id, seen_at), `visits` (line_id, element_id, started_at, ended_at: ready intervals),
`lost` (element_id, bundle, started_at, ended_at: when an element is without the services of a bundle), `bundles`
(bundle, service, quoted: the service's name as JSON), `claims` (evidence_sql), `held` (element_id, pattern, first_at,
last_at: elements that hold lines), `homes` and `away` (evidence_sql), `shared_patterns` (pattern, service, started_at,
ended_at: those of `held` and `homes`) and `contract_days` (zone, day, starts_at). Instants are Unix seconds. A bundle
is a set of services that are lost together, so that their intervals are computed once.
"""

from __future__ import annotations

from datetime import date

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
# Sightings of one moment hold equally long, so that the order they were imported in cannot matter. A ready interval
# ends an older sighting when it starts, as a sighting would.
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
    FROM (
        SELECT line_id, seen_at FROM near
        UNION SELECT line_id, started_at FROM visits
        WHERE started_at BETWEEN $1 AND $2 AND line_id IN (SELECT line_id FROM near)
    )
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
UNION ALL
SELECT
    visits.line_id, lost.bundle,
    greatest(visits.started_at, lost.started_at), least(visits.ended_at, lost.ended_at), 0
FROM visits
JOIN lost ON lost.element_id = visits.element_id
WHERE visits.started_at < lost.ended_at AND visits.ended_at > lost.started_at
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
UNION ALL
SELECT line_id, bundle, started_at, ended_at FROM claims
"""

# The text that is hashed is the canonical form of intervals.pattern_key. Sorted lists, because aggregates with an order
# of their own take several times as long.
_FOUND = """
CREATE TEMP TABLE found AS
WITH spans AS (
    SELECT line_id, bundle, min(started_at) AS first_at, max(ended_at) AS last_at,
        replace(list_sort(list([started_at, ended_at]))::VARCHAR, ' ', '') AS spans
    FROM merged GROUP BY line_id, bundle
), lines AS (
    SELECT line_id, min(first_at) AS first_at, max(last_at) AS last_at,
        list_sort(list({'service': service, 'text': '[' || quoted || ',' || spans || ']'})) AS texts
    FROM spans JOIN bundles ON bundles.bundle = spans.bundle GROUP BY line_id
), ages AS (
    SELECT line_id, 'present' AS evidence, max(age) AS sighting_age FROM presences GROUP BY line_id
    UNION ALL SELECT line_id, any_value(evidence), NULL FROM claims GROUP BY line_id
)
SELECT lines.line_id, evidence, first_at, last_at, sighting_age,
    sha256('[' || array_to_string(list_transform(texts, lambda one: one.text), ',') || ']') AS pattern
FROM lines JOIN ages ON ages.line_id = lines.line_id
"""

_SHAPES = """
CREATE TEMP TABLE shapes AS
SELECT pattern, service, started_at, ended_at
FROM (SELECT pattern, min(line_id) AS line_id FROM found GROUP BY pattern) one
JOIN merged ON merged.line_id = one.line_id
JOIN bundles ON bundles.bundle = merged.bundle
UNION
SELECT pattern, service, started_at, ended_at FROM shared_patterns
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


def presences_sql() -> str:
    """Make `presences`: who was where service was lost; $1: how many seconds a sighting holds before a loss."""
    return _PRESENCES


def found_sql() -> tuple[str, ...]:
    """Make `found` (line_id, evidence, pattern, first_at, last_at, sighting_age) of all that is known line by line.

    And `shapes`: the intervals of every pattern. In order.
    """
    merged = f"CREATE TEMP TABLE merged AS {merged_sql('losses', 'line_id, bundle')}"
    return _LOSSES, merged, _FOUND, _SHAPES


def gross_sql(first_day: date, last_day: date, *, with_homes: bool) -> str:
    """Make the view `gross`: one row per line of the base that lost a service within its contract, with its `FACTS`.

    Its columns: line_id, account_id, pattern, gross_pattern (none), evidence, sighting_age, first_at, last_at, and the
    facts. A view, for ten million lines behind one element need no table of their own. `with_homes`: whether any home
    area lost service. Contracts that start or end outside of `contract_days` are decided by its first and last day,
    which are given, for a join with them would lose the order of the base. A contract runs from the first midnight of
    its first day to the first midnight after its last, in the line's zone.
    """
    facts = ", ".join(f"b.{name}" for name in FACTS)
    found = ("p.{0}", "h.{0}", "a.{0}") if with_homes else ("p.{0}", "h.{0}")
    pattern, first_at, last_at = (
        f"coalesce({', '.join(one.format(name) for one in found)})" for name in ("pattern", "first_at", "last_at")
    )
    homes = """
    LEFT JOIN away w ON w.line_id = b.line_id
    LEFT JOIN homes a ON a.area = b.home_area AND w.line_id IS NULL
    """
    return f"""
    CREATE VIEW gross AS
    SELECT b.line_id, b.account_id, {pattern} AS pattern, NULL::VARCHAR AS gross_pattern,
        CASE WHEN h.pattern IS NOT NULL THEN 'served_by' ELSE coalesce(p.evidence, 'home_area') END AS evidence,
        CASE WHEN h.pattern IS NULL THEN p.sighting_age END AS sighting_age,
        {first_at} AS first_at, {last_at} AS last_at, {facts}
    FROM base b
    LEFT JOIN held h ON h.element_id = b.served_by_id
    LEFT JOIN found p ON p.line_id = b.line_id
    {homes if with_homes else ""}
    LEFT JOIN contract_days s ON s.zone = b.zone AND s.day = b.contract_started_on
    LEFT JOIN contract_days e ON e.zone = b.zone AND e.day = b.contract_ended_on + 1
    WHERE {pattern} IS NOT NULL
        AND (
            b.contract_started_on IS NULL OR b.contract_started_on < DATE '{first_day}' OR s.starts_at < {last_at}
        )
        AND (
            b.contract_ended_on IS NULL OR b.contract_ended_on >= DATE '{last_day}' OR e.starts_at > {first_at}
        )
    """  # noqa: S608 - our own names


def lines_sql(relation: str, *, in_order: bool = False) -> str:
    """The run's rows from `gross`, or from what a later step made of it; `in_order`: sorted by line_id."""
    columns = ", ".join(("line_id", "account_id", "pattern", "gross_pattern", "evidence", "sighting_age", *FACTS))
    return f"SELECT {columns} FROM {relation}{' ORDER BY line_id' if in_order else ''}"  # noqa: S608 - our own names


def patterns_sql(lines: str) -> str:
    """The intervals of the patterns that the written `lines` (a source) use."""
    return f"""
    SELECT pattern, service, started_at, ended_at FROM shapes
    WHERE pattern IN (SELECT pattern FROM {lines} UNION SELECT gross_pattern FROM {lines})
    ORDER BY pattern, service, started_at
    """  # noqa: S608 - our own names


def shortened_sql(lines: str) -> str:
    """One row: how many of the written `lines` lost less than was found, because others counted the rest."""
    return f"SELECT count(gross_pattern) FROM {lines}"  # noqa: S608 - our own names


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
