"""SQL text for evidence that is not measured, and for lines held by ranges of numbers, for DuckDB.

It reads, besides the relations of impact_sql: `mirror` (the base as it was written), `imsi_ranges` and `msisdn_ranges`
(first_key, last_key, element_id), `claimed` (rank, evidence, line_id or account_id, services, started_at, ended_at;
ranks as in evidence.PRECEDENCE, no time: the incident's own), `claim_bundles` (services, bundle), `impaired`
(element_id, service, started_at, ended_at: when an element was without the service or had it only in part), `homes`
(area, pattern, first_at, last_at: areas that lost service) and `home_cells` (area, element_id: their lost cells).
"""

from __future__ import annotations

# A number as one integer that sorts by its length first, for IMSIs may begin with zeros.
_KEY = "length({0}) * 10000000000000000 + {0}::BIGINT"


def key_sql(column: str) -> str:
    """The integer that stands for a number of digits, a leading + aside; `number_key` is the same in Python."""
    return _KEY.format(f"ltrim({column}, '+')")


def number_key(number: str) -> int:
    """The integer that stands for a number of digits, a leading + aside."""
    digits = number.lstrip("+")
    return len(digits) * 10**16 + int(digits)


# An explicit link wins over a range, and the range of the IMSI, which a register is asked by, over the MSISDN's.
# Ranges of one kind do not overlap, so that the nearest one below a number is the only one that can hold it.
_RANGED = f"""
CREATE TEMP TABLE ranged AS
SELECT line_id, coalesce(imsi_element, msisdn_element) AS element_id FROM (
    SELECT n.line_id,
        CASE WHEN n.imsi_key <= i.last_key THEN i.element_id END AS imsi_element,
        CASE WHEN n.msisdn_key <= m.last_key THEN m.element_id END AS msisdn_element
    FROM (
        SELECT line_id, {key_sql("imsi")} AS imsi_key, {key_sql("msisdn")} AS msisdn_key
        FROM mirror WHERE served_by_id IS NULL
    ) n
    ASOF LEFT JOIN imsi_ranges i ON n.imsi_key >= i.first_key
    ASOF LEFT JOIN msisdn_ranges m ON n.msisdn_key >= m.first_key
) WHERE coalesce(imsi_element, msisdn_element) IN (SELECT element_id FROM lost)
"""  # noqa: S608 - our own names

_BASE = """
CREATE VIEW base AS
SELECT m.* REPLACE (coalesce(m.served_by_id, r.element_id) AS served_by_id)
FROM mirror m LEFT JOIN ranged r ON r.line_id = m.line_id
"""

# Where a line was seen, each sighting as an interval of one second.
_SEEN = """
    SELECT line_id, element_id, seen_at AS started_at, seen_at + 1 AS ended_at FROM sightings
    UNION ALL SELECT line_id, element_id, started_at, ended_at FROM visits
"""

_NAMED = """
CREATE TEMP TABLE named AS
SELECT c.rank, c.evidence, b.line_id, b.served_by_id, c.services,
    greatest(coalesce(c.started_at, $1), $1) AS started_at, least(coalesce(c.ended_at, $2), $2) AS ended_at
FROM claimed c JOIN base b ON b.line_id = c.line_id
UNION ALL
SELECT c.rank, c.evidence, b.line_id, b.served_by_id, c.services,
    greatest(coalesce(c.started_at, $1), $1), least(coalesce(c.ended_at, $2), $2)
FROM claimed c JOIN base b ON b.account_id = c.account_id
"""

_CLAIMS = """
CREATE OR REPLACE TEMP TABLE claims AS
SELECT open.line_id, open.evidence, bundle, started_at, ended_at
FROM (
    SELECT * FROM named n
    WHERE started_at < ended_at AND n.line_id > $1 AND n.line_id <= $2
        AND n.line_id NOT IN (SELECT line_id FROM found)
        AND NOT EXISTS (FROM held WHERE held.element_id = n.served_by_id)
        AND NOT (n.evidence = 'declared' AND n.line_id IN (SELECT line_id FROM contradictions))
    QUALIFY rank = min(rank) OVER (PARTITION BY line_id)
) open JOIN claim_bundles USING (services)
"""

_NO_CONTRADICTIONS = (
    "CREATE TEMP TABLE contradictions (line_id BIGINT, element_id BIGINT, service VARCHAR, seen_at BIGINT)"
)

_AWAY = f"""
CREATE TEMP TABLE away AS
SELECT DISTINCT seen.line_id
FROM ({_SEEN}) seen
JOIN base ON base.line_id = seen.line_id
JOIN homes ON homes.area = base.home_area
WHERE seen.ended_at > homes.first_at - $1 AND seen.started_at < homes.last_at
    AND NOT EXISTS (
        FROM home_cells c WHERE c.area = homes.area AND c.element_id = seen.element_id
    )
"""  # noqa: S608 - our own names


CLAIMS = "SELECT line_id, evidence, bundle, started_at, ended_at FROM claims"
CLAIMED_SERVICES = "SELECT DISTINCT services FROM claimed ORDER BY services"
FIRST_CONTRADICTION = (
    "SELECT element_id, service, seen_at FROM contradictions ORDER BY seen_at, element_id, service LIMIT 1"
)
CONTRADICTED = "SELECT count(DISTINCT line_id) FROM contradictions"


def ranged_sql() -> tuple[str, str]:
    """Make `ranged` (line_id, element_id: lines without an explicit link) and the view `base` over the mirror."""
    return _RANGED, _BASE


def contradictions_sql(claims: str) -> str:
    """Make `contradictions` (line_id, element_id, service, seen_at) of `claims`: line_id, service, its two times.

    A claim is contradicted by a moment within it at which the line was on a cell that had the service whole. The
    intervals of `impaired` neither overlap nor touch, so that a time lies in all of them together only if it lies in
    one.
    """
    return f"""
    CREATE TEMP TABLE contradictions AS
    SELECT c.line_id, seen.element_id, c.service, greatest(seen.started_at, c.started_at) AS seen_at
    FROM ({claims}) c
    JOIN ({_SEEN}) seen
        ON seen.line_id = c.line_id AND seen.started_at < c.ended_at AND seen.ended_at > c.started_at
    WHERE NOT EXISTS (
        FROM impaired i
        WHERE i.element_id = seen.element_id AND i.service = c.service
            AND i.started_at <= greatest(seen.started_at, c.started_at)
            AND i.ended_at >= least(seen.ended_at, c.ended_at)
    )
    """  # noqa: S608 - our own names


def named_sql(*, any_said: bool) -> tuple[tuple[str, bool], ...]:
    """Make `named`, the lines that people named, and `contradictions`.

    In order, each with whether it wants the parameters $1 and $2, the incident's start and end. `any_said`: whether
    anybody said anything; if not, there is no `named`, and the base is not read for nothing.
    """
    if not any_said:
        return ((_NO_CONTRADICTIONS, False),)
    declared = """
    SELECT line_id, unnest(string_split(services, '|')) AS service, started_at, ended_at
    FROM named WHERE evidence = 'declared' AND started_at < ended_at
    """
    return ((_NAMED, True), (contradictions_sql(declared), False))


def claims_sql() -> str:
    """Make `claims` (line_id, evidence, bundle, started_at, ended_at): the best of what people say.

    Of the lines of `named` over $1 and up to $2; those of them with a presence must stand in `found` by then.
    """
    return _CLAIMS


def away_sql() -> str:
    """Make `away`: lines of `homes` that were seen elsewhere; $1: for how many seconds before that counts."""
    return _AWAY
