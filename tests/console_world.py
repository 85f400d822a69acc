"""A small operator for the console: cells of two areas behind a core, lines that live there, an incident in stages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from sqlalchemy import select

from foundation import clock
from foundation.db import Database
from foundation.snapshots import SnapshotStore
from outage.incidents.corrections import correct_outage
from outage.incidents.incidents import get_incident, open_incident, restore_elements
from outage.incidents.outages import OutageStart
from outage.incidents.planned_work import announce_planned_work
from outage.lifecycle import CauseClass, Degree, Severity
from outage.models import NetworkElement
from outage.network.importing import import_network
from outage.runs.impact import measure_impact
from tests import impact_worlds

AREAS = {"Slough": (51.51, -0.59), "Leeds": (53.80, -1.55)}
CELLS = 40
LINES = 60


@dataclass(frozen=True)
class ConsoleWorld:
    """References of what was made: an incident with two runs, one that is open, and work that is announced."""

    measured: str
    opened: str
    announced: str


def make_network(database: Database, directory: Path) -> None:
    """Two areas of cells behind a pool of two MMEs and one HLR, imported twice, so that there is a history."""
    elements, dependencies = directory / "elements.csv", directory / "dependencies.csv"
    rows = ["ref,kind,name,services,site,radio,latitude,longitude,area"]
    rows += [f"{ref},{kind},{name},,,,,," for ref, kind, name in _CORE]
    rows += list(_cell_rows())
    elements.write_text("\n".join(rows) + "\n")
    links = [f"cell-{number:03d},{group},{member}," for number in range(CELLS) for group, member in _needs(number)]
    dependencies.write_text("\n".join(["element,group,member,services", *links]) + "\n")
    with database.transaction() as session:
        import_network(session, elements, dependencies, actor="noc", reject_dir=directory)
    renamed = (text.replace("Home register", "Home location register") for text in rows)
    elements.write_text("\n".join([*renamed, "hlr-2,hlr,Second register,,,,,,"]) + "\n")
    with database.transaction() as session:
        import_network(session, elements, None, actor="admin", reject_dir=directory)


_CORE = (("hlr-1", "hlr", "Home register"), ("mme-1", "mme", "Mobility 1"), ("mme-2", "mme", "Mobility 2"))


def _cell_rows() -> list[str]:
    random = Random(11)
    rows = []
    for number in range(CELLS):
        area = list(AREAS)[number % 2]
        latitude, longitude = (middle + random.gauss(0, 0.05) for middle in AREAS[area])
        site = f"site-{number // 4:02d}"
        rows.append(
            f"cell-{number:03d},cell,Cell {number},voice|sms|data,{site},LTE,{latitude:.5f},{longitude:.5f},{area}"
        )
    return rows


def _needs(number: int) -> list[tuple[str, str]]:
    # Every fourth cell hangs on one of the two alone.
    return [("alone", "mme-1")] if number % 4 == 3 else [("pool", "mme-1"), ("pool", "mme-2")]


def make_world(database: Database, store: SnapshotStore, directory: Path) -> ConsoleWorld:
    """The network, its lines, and what happened to them in the last hours."""
    make_network(database, directory)
    now = clock.from_unix(clock.to_unix(clock.now()) // 3600 * 3600)
    began = now - timedelta(hours=30)
    with database.transaction() as session:
        ids = {row.ref: row.id for row in session.execute(select(NetworkElement.ref, NetworkElement.id))}
        for number in range(1, LINES + 1):
            impact_worlds.add_line(
                session,
                number,
                served_by=ids["hlr-1"] if number % 3 else None,
                brand=("O2", "giffgaff", "Tesco Mobile")[number % 3],
                segment=("consumer", "business")[number % 7 == 0],
                payment_type=("postpaid", "prepaid")[number % 4 == 0],
                home_area=list(AREAS)[number % 2],
            )
        cells = [f"cell-{number:03d}" for number in range(0, CELLS, 2)]
        incident = open_incident(
            session,
            title="Transmission ring cut in Slough",
            severity=Severity.CRITICAL,
            cause_class=CauseClass.TRANSMISSION,
            started_at=began,
            outages=[OutageStart(ref) for ref in cells] + [OutageStart("hlr-1", None, began + timedelta(hours=1))],
            actor="noc",
        )
        restore_elements(session, incident, ["hlr-1"], at=began + timedelta(hours=5), actor="noc")
        restore_elements(session, incident, cells[:8], at=began + timedelta(hours=8), actor="noc")
        restore_elements(session, incident, None, at=began + timedelta(hours=20), actor="noc")
    measure_impact(database, store, incident.ref, actor="noc")
    with database.transaction() as session:
        correct_outage(
            session,
            get_incident(session, incident.ref),
            "hlr-1",
            "data",
            ended_at=began + timedelta(hours=7),
            actor="noc",
            reason="The register's own log says so",
        )
    measure_impact(database, store, incident.ref, actor="noc")
    with database.transaction() as session:
        opened = open_incident(
            session,
            title="Masts without power near Leeds",
            severity=Severity.MAJOR,
            cause_class=CauseClass.POWER,
            started_at=now - timedelta(hours=3),
            outages=[
                OutageStart("cell-001"),
                OutageStart("cell-003"),
                OutageStart("cell-005", ("data",), None, Degree.DEGRADED),
            ],
            actor="noc",
        )
        work = announce_planned_work(
            session,
            title="New software on the home register",
            window=(now + timedelta(days=3), now + timedelta(days=3, hours=4)),
            elements=["hlr-1"],
            actor="noc",
        )
    return ConsoleWorld(incident.ref, opened.ref, work.ref)
