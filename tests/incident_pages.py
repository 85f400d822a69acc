"""What tests of the incident pages share: a small network in a console, and incidents on it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from outage.incidents.incidents import open_incident
from outage.incidents.outages import OutageStart
from outage.lifecycle import CauseClass, Severity
from outage.models import Incident, NetworkElement
from tests.web_client import add_staff, make_web

STARTED_AT = datetime(2012, 7, 11, 12, 30, tzinfo=UTC)
STEPS = ("restore", "notes", "severity", "cause", "owner", "close", "reopen", "dismiss", "runs")
OPENING = {
    "title": "HLR-1 lost",
    "severity": "critical",
    "cause_class": "software",
    "started_at": "2012-07-11 13:30 Europe/London",
    "elements": "hlr-1",
    "degree": "lost",
    "kind": "network",
}


def make_incident_web(settings: Settings, database: Database, store: SnapshotStore) -> Flask:
    """A console over a register and four cells, with its staff."""
    add_staff(database)
    with database.transaction() as session:
        session.add(NetworkElement(ref="hlr-1", kind="hlr", name="Register 1", services=["voice", "sms", "data"]))
        session.add_all(
            NetworkElement(
                ref=f"cell-{number}",
                kind="cell",
                name=f"Cell {number}",
                area="Slough",
                latitude=51.5 + number / 100,
                longitude=-0.6,
                services=["voice", "data"],
            )
            for number in range(1, 5)
        )
    return make_web(settings, database, store)


def add_incident(database: Database, title: str = "Mast down", **values: object) -> str:
    options = {"severity": Severity.MAJOR, "outages": [OutageStart("cell-1"), OutageStart("cell-2")], **values}
    with database.transaction() as session:
        return open_incident(
            session,
            title=title,
            cause_class=CauseClass.POWER,
            started_at=STARTED_AT,
            actor="noc",
            **options,  # type: ignore[arg-type]
        ).ref


def count_of(database: Database, model: type) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def json_of(client: FlaskClient, address: str) -> Any:
    return client.get(address).json


def status_of(database: Database, ref: str) -> str:
    with database.reading() as session:
        return session.scalars(select(Incident.status).where(Incident.ref == ref)).one()
