"""A very small operator that lived through the outage of 11 July 2012, made by the product's own use cases."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import compensation.web
import notify.web
import outage.web
from compensation.approval import approve_assessment, submit_assessment
from compensation.assessment import assess
from compensation.confirmations import record_confirmations
from compensation.credits import release_credits
from compensation.models import Assessment
from compensation.policies import approve_policy, save_policy, submit_policy
from foundation.db import Database
from foundation.settings import Settings, read_settings
from foundation.snapshots import SnapshotStore
from notify.delivery import drain
from notify.registry import make_carriers
from notify.texts import install_ready_texts
from outage.incidents.incidents import OutageStart, open_incident, restore_elements
from outage.lifecycle import CauseClass, Severity
from outage.models import Account, NetworkElement, Subscriber
from outage.network.inventory import raise_version
from outage.runs.impact import measure_impact
from tests.web_client import make_web, sign_in

STARTED_AT = datetime(2012, 7, 11, 12, 30, tzinfo=UTC)
RESTORED_AT = datetime(2012, 7, 12, 8, 12, tzinfo=UTC)
MEASURED_AT = datetime(2012, 7, 13, 9, 0, tzinfo=UTC)
ENTITLED = "+447700900001"
NOTHING = "+447700900006"
# MSISDN, account, brand, payment type, segment, fee in pence, language, serving element
LINES = (
    (ENTITLED, "A-1", "O2", "postpaid", "consumer", 3000, "en", "HLR-1"),
    ("+447700900002", "A-2", "O2", "postpaid", "consumer", 2042, "es", "HLR-1"),
    ("+447700900003", "A-3", "O2", "prepaid", "consumer", 0, "de", "HLR-1"),
    ("+447700900004", "A-4", "Tesco Mobile", "postpaid", "consumer", 2000, "en", "HLR-1"),
    ("+447700900005", "A-5", "O2", "postpaid", "consumer", 3000, "en", "HLR-2"),
    (NOTHING, "A-6", "Tesco Mobile", "postpaid", "consumer", 2000, "en", "HLR-2"),
    ("+447700900007", "A-7", "O2", "postpaid", "business", 2500, "en", "HLR-1"),
    ("+447700900008", "A-7", "O2", "postpaid", "business", 2500, "en", "HLR-1"),
    ("+447700900009", "E-9", "O2", "postpaid", "consumer", 2500, "es", "HLR-1"),
)


@dataclass(frozen=True)
class World:
    """The records, their snapshots, and the incident."""

    settings: Settings
    database: Database
    store: SnapshotStore
    incident: str

    @functools.cached_property
    def web(self) -> Flask:
        """The console over these records."""
        packages = (outage.web, compensation.web, notify.web)
        panels = [compensation.web.incident_panel]
        return make_web(self.settings, self.database, self.store, *packages, panels=panels)

    def client(self, role: str) -> FlaskClient:
        """A browser in which the staff user of that role is signed in."""
        return sign_in(self.web, self.database, role)

    def measure(self) -> int:
        """The id of the incident's impact run."""
        measured = measure_impact(self.database, self.store, self.incident, actor="noc", as_of=MEASURED_AT)
        return measured.run.id

    def propose(self) -> str:
        """The reference of an assessment under the approved policy of O2."""
        version = self.adopt_policy()
        return assess(self.database, self.store, self.measure(), version, actor="marketing").assessment.ref

    def adopt_policy(self, *, approve: bool = True) -> int:
        """The id of the O2 version, submitted by marketing and approved by a second person."""
        with self.database.transaction() as session:
            version = save_policy(session, policy_text(), actor="marketing").version
            submit_policy(session, version.id, actor="marketing")
            if approve:
                approve_policy(session, version.id, actor="approver")
        return version.id

    def submit(self) -> str:
        """The reference of an assessment that marketing submitted."""
        ref = self.propose()
        with self.database.transaction() as session:
            submit_assessment(session, ref, actor="marketing")
        return ref

    def approve(self) -> str:
        """The reference of an approved assessment."""
        ref = self.submit()
        with self.database.transaction() as session:
            approve_assessment(session, ref, actor="approver", reason="As published.")
        return ref

    def release(self, *, deliver: bool = True) -> str:
        """The reference of a released assessment, by default with everything delivered and entered."""
        ref = self.approve()
        release_credits(self.database, self.store, ref, actor="approver")
        if deliver:
            self.deliver()
        return ref

    def deliver(self) -> None:
        """Drain the outbox and enter what was confirmed."""
        carriers = make_carriers(self.settings, self.database)
        for _ in range(3):
            drain(self.database, carriers, worker="test", lease_seconds=60, batch=100)
        with self.database.transaction() as session:
            record_confirmations(session)
        carriers["spool"].close()  # type: ignore[attr-defined]

    def assessment(self, ref: str) -> Assessment:
        """The assessment as it stands."""
        with self.database.reading() as session:
            return session.query(Assessment).filter_by(ref=ref).one()

    def line_id(self, msisdn: str) -> int:
        """The id of a line."""
        with self.database.reading() as session:
            return session.query(Subscriber).filter_by(msisdn=msisdn).one().id


def policy_text() -> str:
    """The policy of O2 for that outage."""
    return (files("compensation") / "schemes" / "o2_uk_2012_07.yaml").read_text(encoding="utf-8")


def make_world(settings: Settings, database: Database, store: SnapshotStore) -> World:
    """The operator with its restored incident; nothing measured yet."""
    with database.transaction() as session:
        add_network(session)
        add_lines(session)
        install_ready_texts(session, "marketing")
        for name in ("base", "inventory"):
            raise_version(session, name)
        incident = open_incident(
            session,
            title="HLR-1 lost its disks",
            severity=Severity.CRITICAL,
            cause_class=CauseClass.HARDWARE,
            started_at=STARTED_AT,
            outages=[OutageStart("HLR-1")],
            actor="noc",
        )
        restore_elements(session, incident, None, at=RESTORED_AT, actor="noc")
    return World(settings, database, store, incident.ref)


def make_small_world(directory: Path, database: Database, store: SnapshotStore) -> World:
    """The same over a given database, with settings of its own, for tests whose subject is not the database."""
    settings = read_settings({"OUTAGE_DATA": str(directory / "data"), "DATABASE_URL": database.url})
    return make_world(settings, database, store)


def add_network(session: Session) -> None:
    """Two registers."""
    for ref in ("HLR-1", "HLR-2"):
        session.add(NetworkElement(ref=ref, kind="hlr", name=ref, services=["voice", "sms", "data"]))
    session.flush()


def add_lines(session: Session) -> None:
    """The lines of `LINES` and their accounts."""
    elements = {element.ref: element.id for element in session.query(NetworkElement)}
    accounts: dict[str, Account] = {}
    for number, (msisdn, ref, brand, payment, segment, fee, language, served_by) in enumerate(LINES):
        if ref not in accounts:
            currency = "EUR" if ref.startswith("E") else "GBP"
            accounts[ref] = Account(ref=ref, name=f"Household {ref}", parent_id=None, currency=currency)
            session.add(accounts[ref])
            session.flush()
        line = Subscriber(
            account_id=accounts[ref].id,
            msisdn=msisdn,
            imsi=f"2341000000000{number:02d}",
            plan="Simplicity",
            payment_type=payment,
            segment=segment,
            brand=brand,
            language=language,
            zone="Europe/London",
            status="active",
            fee_list_minor=fee,
            fee_discounted_minor=fee,
            fee_service_minor=fee,
            fee_device_minor=0,
            served_by_id=elements[served_by],
            attributes={},
        )
        session.add(line)
    session.flush()
