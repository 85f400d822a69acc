"""The pages of impact runs: one run with whom it found, and two runs of an incident compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from foundation.errors import InputError, NotFoundError
from foundation.web import csv_response, figure, has_permission, permission, reading, store, transaction, wants_csv
from outage.incidents.incidents import get_incident
from outage.models import ImpactRun, Incident
from outage.queries import get_run, numbers_of
from outage.runs.comparison import Change, RunComparison, compare_runs
from outage.runs.deduction import deductions_changed
from outage.scale.facts import IncidentScale
from outage.web import charts, reads, run_reads, series

pages = Blueprint("runs", __name__, url_prefix="/incidents/<ref>/runs")
_NUMBER = "<int(max=2147483647):number>"
_SHOWN_STEPS = 300
_SHOWN_AREAS = 100
KINDS = {
    "added": "only in the later run",
    "removed": "only in the earlier run",
    "longer": "lost more time",
    "shorter": "lost less time",
    "moved": "as much time, at other times",
}


@pages.get(f"/{_NUMBER}")
@permission("incidents.read")
def show_run(ref: str, number: int) -> Response | str:
    """One run: lines over time, by area, service, brand, segment, payment type and evidence; tables as CSV."""
    with reading() as session:
        incident = get_incident(session, ref)
        run = get_run(session, incident.id, number)
        scale = run_reads.scale_at_run(session, store(), incident, run)
        if wants_csv():
            return _csv(incident, run, scale, request.args.get("table", ""))
        runs = reads.list_runs(session, incident)
        is_dated = deductions_changed(session, run)
    sample = _sample(incident, run)
    over_time = {one.service or "any": series.points_of(one.series) for one in scale.services}
    drawn = {service: series.held_until(points, run.as_of) for service, points in over_time.items()}
    return render_template(
        "outage/run.html",
        incident=incident,
        run=run,
        numbers=sorted((one.number for one in runs), reverse=True),
        holding=runs[0].number,
        scale=scale,
        is_dated=is_dated,
        deducted=run.counts.get("deducted"),
        time_chart=figure(charts.lost_service_chart(drawn, "Lines"), "Lines without service over time"),
        series=over_time,
        series_rows=series.rows_of(over_time, _SHOWN_STEPS),
        services=run_reads.service_bars(scale.services),
        groups=_groups(scale),
        areas=run_reads.areas_by_size(scale.areas)[:_SHOWN_AREAS],
        evidence=run_reads.evidence_rows(run),
        sample=sample,
        in_clear=_in_clear(),
        may_see=has_permission("people.read"),
    )


def _groups(scale: IncidentScale) -> list[tuple[str, str, list[run_reads.Row]]]:
    return [
        ("brand", "By brand", run_reads.breakdown(scale.brands)),
        ("segment", "By segment", run_reads.breakdown(scale.segments)),
        ("payment_type", "By payment type", run_reads.breakdown(scale.payment_types)),
    ]


def _in_clear() -> bool:
    return request.args.get("numbers") == "shown" and has_permission("people.read")


def _sample(incident: Incident, run: ImpactRun) -> list[run_reads.SampleLine]:
    """The first lines; who asked for their numbers stands in the audit before they are shown."""
    if not _in_clear():
        with reading() as session:
            return run_reads.sample_of(session, store(), run, in_clear=False)
    with transaction() as session:
        sample = run_reads.sample_of(session, store(), run, in_clear=True)
        run_reads.audit_look(session, f"{incident.ref} run {run.number}", [line.line_id for line in sample])
    return sample


def _csv(incident: Incident, run: ImpactRun, scale: IncidentScale, table: str) -> Response:
    tables = {
        "time": _time_table,
        "service": _service_table,
        "area": _area_table,
        "evidence": lambda _: (("evidence", "lines"), [row[:2] for row in run_reads.evidence_rows(run)]),
        **{name: _group_table(rows, name) for name, _, rows in _groups(scale)},
    }
    if table not in tables:
        raise InputError("no such table", where="table", value=table[:80], accepted=", ".join(tables))
    header, rows = tables[table](scale)
    return csv_response(f"{incident.ref}_run_{run.number}_{table}", header, rows)


Table = tuple[Sequence[str], Sequence[Sequence[object]]]


def _time_table(scale: IncidentScale) -> Table:
    points = {
        one.service or "any": [(at, level) for at, level in series.points_of(one.series)] for one in scale.services
    }
    rows = series.rows_of(points, None)
    return ("from", *points), [[row["at"], *row["counts"]] for row in rows]  # type: ignore[misc]


def _service_table(scale: IncidentScale) -> Table:
    every = (*scale.services, scale.any)
    header = ("service", "lines", "user_minutes", "user_hours", "most_at_once", "most_at")
    return header, [
        (one.service or "any", one.lines, one.user_minutes, one.user_hours, one.worst, one.worst_at) for one in every
    ]


def _area_table(scale: IncidentScale) -> Table:
    header = ("area", "cells_out", "cells", "cell_minutes", "lines_hit", "lines", "user_minutes")
    return header, [
        (
            one.area,
            one.cells.ever,
            one.cells.all,
            one.cells.minutes,
            one.lines,
            one.lines_all,
            None if one.lines_seconds is None else one.lines_seconds // 60,
        )
        for one in run_reads.areas_by_size(scale.areas)
    ]


def _group_table(rows: list[run_reads.Row], name: str) -> Any:
    services = sorted({service for row in rows for service in row.services})
    header = (name, "lines", "user_minutes", *(f"lines_without_{service}" for service in services))
    table = [(row.name, row.lines, row.minutes, *(row.services.get(one, 0) for one in services)) for row in rows]
    return lambda _: (header, table)


@pages.get("/compare")
@permission("incidents.read")
def compare(ref: str) -> Response | str:
    """What one run says that another did not; the one that holds and the one before it unless both are named."""
    with reading() as session:
        incident = get_incident(session, ref)
        runs = list(reads.list_runs(session, incident))
        chosen = _chosen(runs)
    compared = None if chosen is None else compare_runs(store(), *chosen)
    if compared is not None and wants_csv():
        return csv_response(f"{ref}_runs_{compared.before}_{compared.after}", *_comparison_table(compared))
    return render_template(
        "outage/comparison.html",
        incident=incident,
        runs=runs,
        chosen=chosen,
        compared=compared,
        kinds=KINDS,
        numbers={} if compared is None else _sampled_numbers(incident, compared),
        in_clear=_in_clear(),
        may_see=has_permission("people.read"),
    )


def _chosen(runs: Sequence[ImpactRun]) -> tuple[ImpactRun, ImpactRun] | None:
    if len(runs) < 2:
        return None
    asked = {name: request.args.get(name, "") for name in ("before", "after")}
    found = [_run_of(runs, text, default) for text, default in ((asked["before"], runs[1]), (asked["after"], runs[0]))]
    return found[0], found[1]


def _run_of(runs: Sequence[ImpactRun], text: str, default: ImpactRun) -> ImpactRun:
    if not text:
        return default
    run = next((run for run in runs if str(run.number) == text), None)
    if run is None:
        known = ", ".join(str(one.number) for one in reversed(runs))
        raise NotFoundError("no such impact run", where="run", value=text[:20], accepted=f"one of: {known[:200]}")
    return run


def _samples(compared: RunComparison) -> list[int]:
    changes: list[Change] = [getattr(compared.changes, kind) for kind in KINDS]
    return sorted({line for change in (*changes, compared.evidence, compared.facts) for line in change.sample})


def _sampled_numbers(incident: Incident, compared: RunComparison) -> dict[int, str]:
    lines = _samples(compared)
    if not _in_clear():
        with reading() as session:
            return numbers_of(session, lines, in_clear=False)
    with transaction() as session:
        run_reads.audit_look(session, f"{incident.ref} runs {compared.before} and {compared.after}", lines)
        return numbers_of(session, lines, in_clear=True)


def _comparison_table(compared: RunComparison) -> Table:
    rows: list[Sequence[object]] = []
    for service, changes in (("any", compared.changes), *compared.services.items()):
        rows += [(service, kind, getattr(changes, kind).lines, getattr(changes, kind).seconds) for kind in KINDS]
        rows.append((service, "unchanged", changes.unchanged, 0))
    rows += [("any", "other evidence", compared.evidence.lines, 0), ("any", "other facts", compared.facts.lines, 0)]
    return ("service", "change", "lines", "seconds"), rows
