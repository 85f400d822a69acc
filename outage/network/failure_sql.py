"""SQL text that counts the lines behind failed elements at one moment, for DuckDB.

It reads these relations of the workspace: `base` (the mirror, `served_by_id` by link or range), `sightings` (line_id,
element_id, seen_at), `visits` (line_id, element_id, started_at, ended_at), `fallen` (element_id, mask: bits of the
services it is without) and `today` (zone, day). Instants are Unix seconds.
"""

from __future__ import annotations

# Of the lines seen on a fallen cell, all cells of their last moment: those that are fallen, for any other is no loss.
# A stay that began after the last sighting ends what that one says, as it does in a run.
_PLACES = """
CREATE TEMP TABLE places AS
WITH near AS (
    SELECT line_id, element_id, seen_at FROM sightings
    WHERE seen_at BETWEEN $1 AND $2 AND line_id IN (
        SELECT line_id FROM sightings WHERE seen_at BETWEEN $1 AND $2 AND element_id IN (SELECT element_id FROM fallen)
    )
), newest AS (
    SELECT line_id, max(seen_at) AS seen_at FROM (
        SELECT line_id, seen_at FROM near
        UNION ALL SELECT line_id, started_at FROM visits WHERE started_at BETWEEN $1 AND $2
    ) GROUP BY line_id
)
SELECT near.line_id, near.element_id
FROM near JOIN newest ON newest.line_id = near.line_id AND newest.seen_at = near.seen_at
UNION
SELECT line_id, element_id FROM visits WHERE started_at <= $2 AND ended_at > $2
"""

_UNDER_CONTRACT = """
    FROM base b JOIN today t ON t.zone = b.zone
"""

_CONTRACT = """
    (b.contract_started_on IS NULL OR b.contract_started_on <= t.day)
    AND (b.contract_ended_on IS NULL OR b.contract_ended_on >= t.day)
"""

_LINES = f"""
WITH present AS (
    SELECT line_id, bit_or(mask) AS mask FROM places JOIN fallen USING (element_id) GROUP BY line_id
)
SELECT coalesce(h.mask, 0) | coalesce(p.mask, 0), h.mask IS NOT NULL, count(*)
{_UNDER_CONTRACT}
LEFT JOIN fallen h ON h.element_id = b.served_by_id
LEFT JOIN present p ON p.line_id = b.line_id
WHERE (h.mask IS NOT NULL OR p.mask IS NOT NULL) AND {_CONTRACT}
GROUP BY ALL
"""  # noqa: S608 - our own names

_CROWDS = f"""
WITH cells AS (
    SELECT line_id, list_sort(list(element_id)) AS cells FROM places GROUP BY line_id
)
SELECT b.served_by_id, c.cells, count(*)
{_UNDER_CONTRACT}
LEFT JOIN cells c ON c.line_id = b.line_id
WHERE (b.served_by_id IS NOT NULL OR c.cells IS NOT NULL) AND {_CONTRACT}
GROUP BY ALL
"""  # noqa: S608 - our own names

ZONES = "SELECT DISTINCT zone FROM base"


def places_sql() -> str:
    """Make `places` (line_id, element_id): where lines are; $1 and $2: the oldest sighting that counts, and now."""
    return _PLACES


def lines_sql() -> str:
    """Per bits of services lost, and whether the line's own holder is among the fallen: how many lines."""
    return _LINES


def crowds_sql() -> str:
    """Per holding element and cells: how many lines are there; either may be nothing, not both."""
    return _CROWDS
