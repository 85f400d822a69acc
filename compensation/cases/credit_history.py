"""What was credited before an assessment, as a snapshot, so that its decisions can be replayed for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlalchemy import BigInteger, String, case, cast, func, literal, null, select, union_all
from sqlalchemy.orm import Session

from compensation.cases import standing_sql
from compensation.decision.settling import TEXT_PURSE
from compensation.document.reading import PolicyDocument
from compensation.models import Assessment, AssessmentState, Credit, PolicyVersion
from compensation.offer_models import CareCredit, Offer, OfferState
from compensation.rewards import CASH
from compensation.terms import Over
from foundation import clock
from foundation.bulk import read_batches
from foundation.snapshots import SnapshotStore, WrittenFile
from foundation.workspaces import Workspace
from notify.models import Delivery, DeliveryKind
from outage.models import Incident

_SCHEMA = pa.schema(
    [
        ("line_id", pa.int64()),
        ("account_id", pa.int64()),
        ("incident_id", pa.int64()),
        ("own", pa.int64()),
        ("scope", pa.string()),
        ("purse", pa.string()),
        ("size", pa.string()),
        ("amount_minor", pa.int64()),
    ]
)
_TOLD = pa.schema([("group_key", pa.string())])
_KIND = "credit history"


@dataclass(frozen=True)
class _Window:
    """An incident that counts: whether it is the one assessed, began in its month, and how many days before."""

    incident_id: int
    this: bool
    in_month: bool
    back: int | None


@dataclass(frozen=True)
class Mark:
    """What stands for the state of the records before an incident, and about how many rows are to be read of them."""

    rows: int
    records: tuple[object, ...]


class History:
    """What was before one incident for one policy, gathered in a workspace."""

    def __init__(self, session: Session, store: SnapshotStore, document: PolicyDocument, incident: Incident) -> None:
        self._session = session
        self._store = store
        self._document = document
        self._incident = incident
        self._on = clock.local_date(incident.started_at, document.zone)
        self.facts = tuple(document.catalogue[name] for name in document.history_read())

    def write(self) -> WrittenFile | None:
        """The snapshot's file, to be catalogued with the assessment; None when nothing was before."""
        if self.mark() is None:
            return None
        with self._store.connect() as workspace:
            written = self._store.write_query(workspace, _KIND, self._gathered(workspace))
        return written if written.rows else None

    def differs_from(self, snapshot: str | None) -> bool:
        """Whether something was credited since that snapshot was taken."""
        if self.mark() is None:
            return snapshot is not None
        with self._store.connect() as workspace:
            workspace.execute(f"CREATE TEMP TABLE now AS {self._gathered(workspace)}")
            if snapshot is None:
                ((count,),) = workspace.fetch_rows("SELECT count(*) FROM now")
                return bool(count)
            # Earlier releases kept outages before here too.
            if self._store.columns(snapshot) != tuple(workspace.schema_of("FROM now").names):
                return True
            kept = f"FROM {self._store.source(snapshot)}"
            both = f"(FROM now EXCEPT ALL {kept}) UNION ALL ({kept} EXCEPT ALL FROM now)"
            ((count,),) = workspace.fetch_rows(f"FROM ({both}) SELECT count(*)")
            return bool(count)

    def mark(self) -> Mark | None:
        """What is equal while what was before is the same, found quickly; None when nothing was before."""
        windows = self._windows()
        incidents = [window.incident_id for window in windows]
        releases = select(Assessment.id, Assessment.totals).where(
            Assessment.state == AssessmentState.RELEASED, Assessment.incident_id.in_(incidents)
        )
        released = self._session.execute(releases.order_by(Assessment.id)).all()
        care = select(func.count(), func.max(CareCredit.id)).where(CareCredit.incident_id.in_(incidents))
        given = self._session.execute(care).one()
        if not (released or given[0]):
            return None
        offering = [number for number, totals in released if totals.get("offers")]
        answers = select(func.count()).where(Offer.assessment_id.in_(offering), Offer.state == OfferState.TAKEN)
        taken = self._session.scalar(answers) if offering else 0
        rows = sum(totals["credits"] + totals.get("offers", 0) + totals["texts"] for _, totals in released)
        records = (tuple(number for number, _ in released), tuple(given), taken, tuple(windows))
        return Mark(rows + int(given[0]), records)

    def _gathered(self, workspace: Workspace) -> str:
        windows = self._windows()
        rows = pa.Table.from_pylist(
            [vars(window) for window in windows],
            schema=pa.schema(
                [("incident_id", pa.int64()), ("this", pa.bool_()), ("in_month", pa.bool_()), ("back", pa.int64())]
            ),
        )
        workspace.register_arrow(standing_sql.WINDOWS, rows)
        workspace.register_arrow("credited_rows", self._credited([window.incident_id for window in windows]))
        workspace.execute(f"CREATE TEMP TABLE {standing_sql.CREDITED} AS FROM credited_rows")
        if (told := self._told()) is not None:
            workspace.register_arrow("told_rows", told)
            workspace.execute(standing_sql.told_sql(self._incident.id, TEXT_PURSE))
        return standing_sql.history_sql(self.facts)

    # --- which incidents

    def _windows(self) -> list[_Window]:
        begin, end = self._period()
        others = select(Incident.id, Incident.started_at).where(
            Incident.started_at >= begin, Incident.started_at < end, Incident.id != self._incident.id
        )
        found = [_Window(self._incident.id, True, True, None)]
        if begin == end:
            return found
        for incident_id, started_at in self._session.execute(others.order_by(Incident.id)):
            day = clock.local_date(started_at, self._document.zone)
            before = started_at < self._incident.started_at
            in_month = (day.year, day.month) == (self._on.year, self._on.month)
            found.append(_Window(incident_id, False, in_month, (self._on - day).days if before else None))
        return found

    def _period(self) -> tuple[datetime, datetime]:
        """From when until before when other incidents count; none do where the policy asks for none."""
        wants_month = any(cap.over is Over.MONTH for cap in self._document.terms.caps)
        columns = {str(fact.column) for fact in self.facts}
        begin = end = self._incident.started_at
        if wants_month or columns & {"h_month", "h_own_month"}:
            first = self._on.replace(day=1)
            following = (first + timedelta(days=32)).replace(day=1)
            begin, end = self._start_of(first), self._start_of(following)
        backs = [int(column.rpartition("_")[2]) for column in columns if column.rpartition("_")[2].isdigit()]
        if backs:
            begin = min(begin, self._start_of(self._on - timedelta(days=max(backs))))
        return begin, end

    def _start_of(self, day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(self._document.zone))

    # --- what was credited

    def _credited(self, incidents: Sequence[int]) -> pa.RecordBatchReader:
        rows = union_all(self._credits(incidents), self._care_credits(incidents), self._offers()).subquery()
        batches = read_batches(self._session.connection(), select(*rows.c), _SCHEMA)
        return pa.RecordBatchReader.from_batches(_SCHEMA, batches)

    def _credits(self, incidents: Sequence[int]) -> Any:
        own = PolicyVersion.name == self._document.name
        mine = own & (Assessment.incident_id == self._incident.id)
        cash = Credit.kind.in_(sorted(CASH)) & (Credit.currency == self._document.currency)
        return (
            select(
                Credit.subscriber_id.label("line_id"),
                Credit.account_id,
                Assessment.incident_id,
                case((own, 1), else_=0).label("own"),
                Credit.scope,
                Credit.purse,
                func.coalesce(Credit.quantity, cast(Credit.amount_minor, String), "1").label("size"),
                case((cash, Credit.amount_minor), else_=null()).label("amount_minor"),
            )
            .join(Assessment, Assessment.id == Credit.assessment_id)
            .join(PolicyVersion, PolicyVersion.id == Assessment.policy_version_id)
            .where(
                Assessment.state == AssessmentState.RELEASED,
                Assessment.incident_id.in_(incidents),
                mine | cash,
            )
        )

    def _care_credits(self, incidents: Sequence[int]) -> Any:
        return select(
            CareCredit.subscriber_id.label("line_id"),
            CareCredit.account_id,
            CareCredit.incident_id,
            literal(0).label("own"),
            literal("line").label("scope"),
            literal("money").label("purse"),
            cast(CareCredit.amount_minor, String).label("size"),
            CareCredit.amount_minor,
        ).where(CareCredit.incident_id.in_(incidents), CareCredit.currency == self._document.currency)

    def _offers(self) -> Any:
        """What this policy offers for this incident and nobody has answered yet; what was taken is a credit."""
        return (
            select(
                Offer.subscriber_id.label("line_id"),
                Offer.account_id,
                Assessment.incident_id,
                literal(1).label("own"),
                Offer.scope,
                Offer.purse,
                Offer.size,
                cast(null(), BigInteger).label("amount_minor"),
            )
            .join(Assessment, Assessment.id == Offer.assessment_id)
            .join(PolicyVersion, PolicyVersion.id == Assessment.policy_version_id)
            .where(
                Offer.state != OfferState.TAKEN,
                Assessment.incident_id == self._incident.id,
                PolicyVersion.name == self._document.name,
            )
        )

    def _told(self) -> pa.RecordBatchReader | None:
        """The groups of the texts that this policy sent for this incident; None before its first release."""
        refs = (
            select(Assessment.ref)
            .join(PolicyVersion, PolicyVersion.id == Assessment.policy_version_id)
            .where(
                Assessment.incident_id == self._incident.id,
                Assessment.state == AssessmentState.RELEASED,
                PolicyVersion.name == self._document.name,
            )
        )
        released = self._session.scalars(refs).all()
        if not released:
            return None
        told = select(Delivery.group_key).where(Delivery.campaign.in_(released), Delivery.kind == DeliveryKind.MESSAGE)
        batches = read_batches(self._session.connection(), told, _TOLD)
        return pa.RecordBatchReader.from_batches(_TOLD, batches)
