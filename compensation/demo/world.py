"""The world of the demonstration: who works there, the alarms of 11-12 July 2012, and what makes it repeatable."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation.access import add_user, find_user
from foundation.cli import App
from foundation.errors import RefusedError
from outage.models import Incident, NetworkElement, Subscriber
from outage.samples.files import HLR

STARTED_AT = datetime(2012, 7, 11, 12, 30, tzinfo=UTC)
STORM_AT = datetime(2012, 7, 11, 12, 50, tzinfo=UTC)
STORM_OVER_AT = datetime(2012, 7, 11, 16, 10, tzinfo=UTC)
CALLS_BACK_AT = datetime(2012, 7, 12, 4, 40, tzinfo=UTC)
DATA_BACK_AT = datetime(2012, 7, 12, 8, 35, tzinfo=UTC)
MEASURED_AT = datetime(2012, 7, 13, 9, 0, tzinfo=UTC)
DECIDED_AT = datetime(2012, 7, 17, 10, 0, tzinfo=UTC)
RELEASED_AT = datetime(2012, 7, 20, 9, 0, tzinfo=UTC)
STORM_AREAS = ("Slough", "SL")

STAFF = {
    "nina": ("Nina Okafor", "noc"),
    "maria": ("Maria Santos", "marketing"),
    "omar": ("Omar Haddad", "approver"),
    "carla": ("Carla Weiss", "care"),
    "dev": ("Dev Patel", "delivery"),
    "ada": ("Ada Lind", "auditor"),
    "root": ("Administrator", "admin"),
}


@dataclass(frozen=True)
class DemoInput:
    """What a demonstration runs on; another input in the same records would mix two worlds."""

    subscribers: int
    seed: int
    cells: str
    customers: str


def claim_directory(app: App, wanted: DemoInput) -> None:
    """Mark the data directory as this demonstration's; raises RefusedError when the records hold anything else."""
    mark = app.settings.data / "demo.json"
    if mark.exists():
        found = json.loads(mark.read_text())
        if found != vars(wanted):
            raise RefusedError(
                "another demonstration is in these records", where=str(mark), value=found, accepted=_elsewhere()
            )
        return
    with app.database.reading() as session:
        used = session.scalar(select(Subscriber.id).limit(1)) or session.scalar(select(Incident.id).limit(1))
    if used:
        raise RefusedError("these records are in use", where=app.settings.data.name, accepted=_elsewhere())
    mark.write_text(json.dumps(vars(wanted)))


def _elsewhere() -> str:
    return "an empty place: set OUTAGE_DATA to another directory (and DATABASE_URL, where it is set)"


def add_staff(session: Session, data: Path) -> str:
    """One staff user per role, all with one generated password, kept in a file only its owner can read."""
    path = data / "demo-password.txt"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(12))
    password = path.read_text().strip()
    for name, (display_name, role) in STAFF.items():
        if find_user(session, name) is None:
            add_user(session, name=name, display_name=display_name, password=password, roles=[role], actor="demo")
    return password


def storm_sites(session: Session) -> list[str]:
    """Up to two sites of one town that fall to the signalling storm, in a fixed order."""
    statement = (
        select(NetworkElement.ref)
        .where(NetworkElement.kind == "site", NetworkElement.area.in_(STORM_AREAS))
        .order_by(NetworkElement.ref)
        .limit(2)
    )
    return list(session.scalars(statement))


def alarm_body(element: str, name: str, summary: str, raised_at: datetime, cleared_at: datetime | None) -> Any:
    """A webhook body in Alertmanager's form (version 4), as its receiver gets it."""
    labels = {"alertname": name, "ne": element, "severity": "critical" if element == HLR else "major"}
    alert = {
        "status": "firing" if cleared_at is None else "resolved",
        "labels": labels,
        "annotations": {"summary": summary},
        "startsAt": raised_at.isoformat().replace("+00:00", "Z"),
        "endsAt": "0001-01-01T00:00:00Z" if cleared_at is None else cleared_at.isoformat().replace("+00:00", "Z"),
        "generatorURL": "",
        "fingerprint": f"{name}-{element}",
    }
    return {
        "version": "4",
        "status": alert["status"],
        "receiver": "outage",
        "groupKey": f'{{}}:{{alertname="{name}"}}',
        "groupLabels": {"alertname": name},
        "commonLabels": labels,
        "commonAnnotations": {"summary": summary},
        "externalURL": "",
        "truncatedAlerts": 0,
        "alerts": [alert],
    }
