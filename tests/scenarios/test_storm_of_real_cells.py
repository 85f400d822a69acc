"""A storm takes every site of one county in stages: the product's figures against a script that reads only the CSVs."""

from __future__ import annotations

import csv
import hashlib
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from sqlalchemy import select

from foundation import clock
from foundation.db import Database
from foundation.snapshots import SnapshotStore
from outage.base.subscriber_import import import_subscribers
from outage.incidents.incidents import OutageStart, add_outages, get_incident, open_incident, restore_elements
from outage.intervals import total_seconds
from outage.lifecycle import CauseClass, IncidentStatus, Severity
from outage.models import Subscriber
from outage.network.importing import import_network
from outage.presence.presence import import_sightings
from outage.queries import get_run
from outage.runs.impact import measure_impact
from outage.runs.lines import sample_lines
from outage.scale.measure import scale_of
from outage.steps import level_at
from tests.storm_script import Storm, area_of, carried, read_rows

COUNTY = "Gloucestershire"
NEIGHBOUR = "Wiltshire"
BEGAN = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
"""The night in which British clocks go back: a storm does not ask what the time is called."""
HOLD_HOURS = 6
SHARE = Fraction(3, 4)
LINES = 600


def at(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


def text(instant: datetime) -> str:
    return instant.isoformat()


def site_ref(address: str) -> str:
    return "site-" + hashlib.sha256(address.encode()).hexdigest()[:12]


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def cells(shared: Path) -> Path:
    return shared / "data" / "cells_o2_uk_234-10.csv"


@pytest.fixture
def stages(cells: Path, tmp_path: Path) -> Path:
    """From the west the wind takes site after site, every seventh only its data; from the north they come back.

    Every eleventh is lost a second time before the end.
    """
    rows = [row for row in read_rows(cells) if area_of(row["site_name"]) == COUNTY]
    west = sorted({row["site_name"]: float(row["lon"]) for row in rows}.items(), key=lambda one: one[1])
    north = [
        address
        for address, _ in sorted({row["site_name"]: -float(row["lat"]) for row in rows}.items(), key=lambda one: one[1])
    ]
    assert len(west) > 100
    found = []
    for place, (address, _) in enumerate(west):
        services = "data" if place % 7 == 6 else "voice|sms|data"
        back = 300 + north.index(address) // 20 * 75
        found.append((address, services, text(at(place // 20 * 15)), text(at(back))))
        if place % 11 == 10:
            found.append((address, services, text(at(back + 20.5)), text(at(back + 70))))
    return write(tmp_path / "stages.csv", ("address", "services", "lost_at", "restored_at"), found)


@pytest.fixture
def people(cells: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Lines that were seen on cells of the county and of its neighbour, and some that were not seen at all."""
    draw = random.Random(20261025)
    near = [row["cell_key"] for row in read_rows(cells) if area_of(row["site_name"]) in (COUNTY, NEIGHBOUR)]
    lines, sightings = [], []
    for number in range(LINES):
        msisdn = f"+4477009{number:05d}"
        lines.append((msisdn, COUNTY if number % 3 == 0 else ""))
        home = draw.randrange(len(near))
        moments = sorted(draw.sample(range(-600 * 60, 1100 * 60), draw.randrange(7)))
        sightings += [
            (msisdn, near[(home + draw.randrange(40)) % len(near)], text(at(moment / 60))) for moment in moments
        ]
    return (
        write(tmp_path / "lines.csv", ("msisdn", "home_area"), lines),
        write(tmp_path / "sightings.csv", ("msisdn", "cell", "seen_at"), sightings),
    )


def load(database: Database, store: SnapshotStore, cells: Path, people: tuple[Path, Path], directory: Path) -> None:
    """Everything through the imports."""
    rows = read_rows(cells)
    header = ("ref", "kind", "name", "services", "site", "radio", "latitude", "longitude", "area")
    sites = {
        row["site_name"]: (
            site_ref(row["site_name"]),
            "site",
            row["site_name"],
            "",
            "",
            "",
            row["lat"],
            row["lon"],
            area_of(row["site_name"]),
        )
        for row in rows
    }
    own = [
        (
            *(row["cell_key"], "cell", row["cell_key"], "|".join(carried(row["radio"])), site_ref(row["site_name"])),
            *(row["radio"], row["lat"], row["lon"], area_of(row["site_name"])),
        )
        for row in rows
    ]
    elements = write(directory / "elements.csv", header, [*sites.values(), *own])
    needs = [(row["cell_key"], site_ref(row["site_name"])) for row in rows]
    dependencies = write(directory / "needs.csv", ("element", "member"), needs)
    fixed = ("GBP", "Simplicity", "postpaid", "consumer", "O2", "en", "Europe/London", "active", *("0.00",) * 4)
    columns = ("currency", "plan", "payment_type", "segment", "brand", "language", "zone", "status")
    fees = ("fee_list", "fee_discounted", "fee_service", "fee_device")
    lines = [
        (row["msisdn"], f"23410{number:010d}", f"A{number}", *fixed, row["home_area"])
        for number, row in enumerate(read_rows(people[0]))
    ]
    subscribers = write(directory / "people.csv", ("msisdn", "imsi", "account", *columns, *fees, "home_area"), lines)
    with database.transaction() as session:
        results = [
            *import_network(session, elements, dependencies, actor="ann", reject_dir=directory),
            import_subscribers(session, subscribers, actor="ann", reject_dir=directory),
            import_sightings(session, store, people[1], actor="ann", reject_dir=directory),
        ]
    assert [result.rejected for result in results] == [0] * 4


def live(database: Database, store: SnapshotStore, stages: Path, *, measured_at: datetime) -> str:
    """The storm as staff saw it: sites are lost and come back, stage by stage; one look at it in between."""
    moments: dict[datetime, tuple[list[OutageStart], list[str]]] = {}
    for row in read_rows(stages):
        lost_at, back_at = (datetime.fromisoformat(row[name]) for name in ("lost_at", "restored_at"))
        start = OutageStart(site_ref(row["address"]), tuple(row["services"].split("|")), lost_at)
        moments.setdefault(lost_at, ([], []))[0].append(start)
        moments.setdefault(back_at, ([], []))[1].append(site_ref(row["address"]))
    first, *others = sorted(moments)
    with clock.moved_to(first), database.transaction() as session:
        ref = open_incident(
            session,
            title=f"Storm over {COUNTY}",
            severity=Severity.CRITICAL,
            cause_class=CauseClass.NATURAL_DISASTER,
            started_at=first,
            outages=moments[first][0],
            actor="nina",
        ).ref
    for moment in others:
        if moment > measured_at and measured_at >= first:
            with clock.moved_to(measured_at):
                measure_impact(
                    database, store, ref, actor="nina", hold_hours=HOLD_HOURS, home_area_share=SHARE, as_of=measured_at
                )
            measured_at = datetime.min.replace(tzinfo=UTC)
        with clock.moved_to(moment), database.transaction() as session:
            incident = get_incident(session, ref)
            lost, back = moments[moment]
            if back:
                restore_elements(session, incident, back, at=moment, actor="nina")
            if lost:
                add_outages(session, incident, lost, actor="nina")
    return ref


def compare(database: Database, store: SnapshotStore, ref: str, number: int, storm: Storm) -> None:
    """Every figure of a run and of the scale at it, against the script's."""
    with database.reading() as session:
        run = get_run(session, get_incident(session, ref).id, number)
        scale = scale_of(session, store, ref, run, run.as_of)
        numbers = {key: msisdn for key, msisdn in session.execute(select(Subscriber.id, Subscriber.msisdn))}  # noqa: C416
    found = {
        numbers[line.line_id]: (line.evidence, {service: list(spans) for service, spans in line.services.items()})
        for line in sample_lines(store, run, limit=LINES)
    }
    assert found == storm.lines
    assert run.counts["lines"] == len(storm.lines)
    assert run.counts["user_minutes"] == storm.user_seconds() // 60
    for service, counts in run.counts["services"].items():
        spans = [lost[service] for _, lost in storm.lines.values() if service in lost]
        seconds = sum(total_seconds(tuple(one)) for one in spans)
        assert (counts["lines"], counts["seconds"]) == (len(spans), seconds)
    assert scale.any.seconds == storm.user_seconds()
    assert scale.cells.ever == len(storm.cells_ever())
    assert {area.area: area.cells.ever for area in scale.areas if area.cells.ever} == {COUNTY: len(storm.cells_ever())}
    for second in range(clock.to_unix(BEGAN) - 60, clock.to_unix(run.as_of), 450):
        assert level_at(scale.cells.series, second) == len(storm.cells_out(second))
        assert level_at(scale.sites.series, second) == storm.sites_out(second)
        assert level_at(scale.any.series, second) == storm.lines_out(second)


def test_the_figures_of_a_storm_are_those_of_a_script_that_reads_only_the_files(
    database: Database,
    store: SnapshotStore,
    cells: Path,
    stages: Path,
    people: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    load(database, store, cells, people, tmp_path)
    looked_at = at(400)
    ref = live(database, store, stages, measured_at=looked_at)

    def told(as_of: datetime) -> Storm:
        lines, sightings = people
        return Storm(cells, stages, lines, sightings, as_of=clock.to_unix(as_of), hold=HOLD_HOURS * 3600, share=SHARE)

    with clock.moved_to(at(2000)):
        run = measure_impact(database, store, ref, actor="nina", hold_hours=HOLD_HOURS, home_area_share=SHARE).run
    with database.reading() as session:
        incident = get_incident(session, ref)
        assert (incident.status, run.number) == (IncidentStatus.RESTORED, 2)
    whole = told(at(2000))
    assert {evidence for evidence, _ in whole.lines.values()} == {"present", "home_area"}
    assert len(whole.lines) > LINES // 3
    compare(database, store, ref, 2, whole)
    compare(database, store, ref, 1, told(looked_at))
