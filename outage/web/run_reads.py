"""What the pages of impact runs show: a run's scale, kept once counted, and lines without their owners' names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy.orm import Session

from foundation.audit import write_audit
from foundation.snapshots import SnapshotStore
from foundation.web import actor
from outage.intervals import total_seconds
from outage.models import ImpactRun, Incident
from outage.queries import numbers_of
from outage.runs.lines import LineImpact, sample_lines
from outage.scale.facts import AreaScale, GroupScale, IncidentScale, ServiceScale
from outage.scale.measure import scale_of
from outage.web.reads import outages_mark

_KEPT = 64
SAMPLE = 20


@dataclass(frozen=True)
class Row:
    """A row of a breakdown: name, lines, user-minutes, lines per service, share of the longest bar (0 to 100)."""

    name: str
    lines: int
    minutes: int
    services: Mapping[str, int]
    bar: float


@dataclass(frozen=True)
class SampleLine:
    """A line of a run: its number (masked unless asked for), what it lost in seconds per service, and how we know."""

    line_id: int
    number: str
    evidence: str
    sighting_age: int | None
    lost: Mapping[str, int]
    left_out: int
    facts: Mapping[str, Any]


def scale_at_run(session: Session, store: SnapshotStore, incident: Incident, run: ImpactRun) -> IncidentScale:
    """An incident's size where a run stops; counted once per state of its outages, because runs never change."""
    kept: OrderedDict[tuple[object, ...], IncidentScale] = current_app.extensions.setdefault("scales", OrderedDict())
    key = (
        run.id,
        run.fingerprint,
        incident.started_at,
        incident.restored_at,
        incident.status,
        *outages_mark(session, run.incident_id),
    )
    scale = kept.get(key)
    if scale is None:
        scale = scale_of(session, store, incident.ref, run, max(run.as_of, incident.started_at))
        kept[key] = scale
        while len(kept) > _KEPT:
            kept.popitem(last=False)
    return scale


def breakdown(groups: Sequence[GroupScale]) -> list[Row]:
    """The rows of one fact, most lines first."""
    most = max((group.lines for group in groups), default=0)
    rows = [
        Row(
            group.name or "not known",
            group.lines,
            group.seconds // 60,
            {service: lines for service, (lines, _) in group.services.items()},
            _bar(group.lines, most),
        )
        for group in groups
    ]
    return sorted(rows, key=lambda row: (-row.lines, row.name))


def service_bars(services: Sequence[ServiceScale]) -> list[tuple[ServiceScale, float]]:
    """Each service with its share of the longest bar."""
    most = max((service.lines for service in services), default=0)
    return [(service, _bar(service.lines, most)) for service in services]


def areas_by_size(areas: Sequence[AreaScale]) -> list[AreaScale]:
    """Areas with the most lines, or cells, that were hit first."""
    return sorted(areas, key=lambda area: (-(area.lines or 0), -area.cells.ever, area.area))


def evidence_rows(run: ImpactRun) -> list[tuple[str, int, float]]:
    """Lines per evidence, most first, each with its share of the longest bar."""
    counts: dict[str, int] = run.counts.get("evidence", {})
    most = max(counts.values(), default=0)
    return [(name, lines, _bar(lines, most)) for name, lines in sorted(counts.items(), key=lambda one: -one[1])]


def _bar(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def sample_of(session: Session, store: SnapshotStore, run: ImpactRun, *, in_clear: bool) -> list[SampleLine]:
    """The first lines of a run; their numbers masked unless `in_clear`, which is for those who may see people."""
    lines = sample_lines(store, run, limit=SAMPLE)
    numbers = numbers_of(session, [line.line_id for line in lines], in_clear=in_clear)
    return [_sample(line, numbers.get(line.line_id, "not in the base any more")) for line in lines]


def _sample(line: LineImpact, number: str) -> SampleLine:
    lost = {service: total_seconds(out) for service, out in line.services.items()}
    gross = 0 if line.gross is None else sum(total_seconds(out) for out in line.gross.values())
    left_out = max(gross - sum(lost.values()), 0)
    return SampleLine(line.line_id, number, line.evidence, line.sighting_age, lost, left_out, line.facts)


def audit_look(session: Session, subject: str, line_ids: Collection[int]) -> None:
    """Keep that somebody looked at the numbers of these lines."""
    write_audit(
        session,
        actor=actor(),
        action="numbers of a run looked at",
        subject=subject,
        after={"lines": sorted(line_ids)},
    )
