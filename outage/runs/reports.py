"""What was said of single lines beside their lost time: when they reported it, and attributes that hold for it."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.snapshots import SnapshotStore, WrittenFile
from outage.models import Declaration, Incident, Listing

_DECLARED = pa.schema([("line_id", pa.int64()), ("reported_at", pa.int64())])
# The first report counts; of several lists that say an attribute the one that was uploaded last.
_ROWS = """
WITH said AS (
    SELECT line_id, reported_at, NULL::VARCHAR AS attributes, 0 AS place FROM declared
    UNION ALL {listed}
)
SELECT line_id, min(reported_at) AS reported_at,
    list_reduce(
        list_prepend('{{}}', list(attributes ORDER BY place) FILTER (WHERE attributes IS NOT NULL)),
        lambda before, after: json_merge_patch(before, after)
    )::VARCHAR AS attributes
FROM said GROUP BY line_id ORDER BY line_id
"""
_LISTED = """
    SELECT b.line_id, v.reported_at, v.attributes, {place} AS place
    FROM {values} v JOIN {base} b ON b.line_id = v.line_id OR (v.line_id IS NULL AND b.account_id = v.account_id)
"""


@dataclass(frozen=True)
class Reports:
    """Declarations in force as (line, Unix seconds of the first), and the lists' values in the order of upload."""

    declared: tuple[tuple[int, int], ...] = ()
    listed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.declared or self.listed)

    def told(self) -> list[object]:
        """What a run's fingerprint depends on."""
        return [self.declared, self.listed]


def gather_reports(session: Session, incident: Incident) -> Reports:
    """What was said of an incident's lines and was not withdrawn."""
    declared = (
        select(Declaration.subscriber_id, func.min(Declaration.declared_at))
        .where(Declaration.incident_id == incident.id, Declaration.withdrawn_at.is_(None))
        .group_by(Declaration.subscriber_id)
        .order_by(Declaration.subscriber_id)
    )
    listed = (
        select(Listing.values_snapshot)
        .where(Listing.incident_id == incident.id, Listing.withdrawn_at.is_(None), Listing.values_snapshot.is_not(None))
        .order_by(Listing.id)
    )
    return Reports(
        tuple((line, clock.to_unix(at)) for line, at in session.execute(declared)),
        tuple(one for one in session.scalars(listed) if one is not None),
    )


def write_reports(store: SnapshotStore, reports: Reports, base: str) -> WrittenFile | None:
    """One row per line of the base of which something was said (line_id, reported_at, attributes); None for nothing.

    Raises NotFoundError when a file is missing.
    """
    if not reports:
        return None
    lines, instants = zip(*reports.declared, strict=True) if reports.declared else ((), ())
    table = pa.Table.from_arrays([pa.array(lines, pa.int64()), pa.array(instants, pa.int64())], schema=_DECLARED)
    listed = [
        _LISTED.format(place=place, values=store.source(one), base=store.source(base))
        for place, one in enumerate(reports.listed, 1)
    ]
    query = _ROWS.format(listed=" UNION ALL ".join(listed) or "SELECT NULL, NULL, NULL, 0 WHERE false")
    with store.connect() as workspace:
        workspace.register_arrow("declared", table)
        return store.write_query(workspace, "impact_reports", query)
