"""Release: from approved cases to credits, ledger entries, postings and texts; all of it becomes visible or none."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from compensation.approval import Binding, binding, bound_hash, check_releasable, lock_assessment
from compensation.assessment import check_stands, make_situation, postable
from compensation.cases import CaseLines
from compensation.keys import delivery_key, group_key
from compensation.ledger import accrue
from compensation.models import Assessment, AssessmentState, Case, Credit, PolicyVersion
from foundation import clock
from foundation.audit import write_audit
from foundation.bulk import insert_rows
from foundation.db import Database
from foundation.errors import RefusedError
from foundation.snapshots import SnapshotStore
from notify.models import DeliveryKind
from notify.outbox import NewDelivery, enqueue
from notify.texts import current_text
from outage.models import Incident

_COLUMNS = (
    "key",
    "assessment_id",
    "case_id",
    "subscriber_id",
    "account_id",
    "reward",
    "kind",
    "amount_minor",
    "currency",
    "created_at",
)
BILL_SIDE, MESSAGE_SIDE = "book", "spool"


@dataclass(frozen=True)
class Released:
    """What a release wrote; `is_new` False means it had been released before and nothing was written."""

    assessment: Assessment
    is_new: bool
    credits: int
    postings: int
    texts: int
    amount_minor: int


def release_credits(
    database: Database,
    store: SnapshotStore,
    ref: str,
    *,
    actor: str,
    progress: Callable[[int, int], None] | None = None,
) -> Released:
    """Write the credits of an approved assessment and enqueue their postings and texts, in one transaction.

    Raises RefusedError without an approval that binds the present hash, over a limit, for the approval of somebody
    who is no second person, or when this incident was released under this policy before. Again: nothing is written.
    """
    with database.transaction() as session, store.connect() as workspace:
        assessment = lock_assessment(session, ref)
        if assessment.state is AssessmentState.RELEASED:
            return _count(session, assessment, is_new=False)
        bound = _check_approved(session, assessment)
        release = _Release(session, store, assessment, bound)
        for step in (release.credit_batches, release.delivery_batches):
            step(release.join(workspace), progress)
        accrue(session, assessment, bound.version.basis)
        assessment.state = AssessmentState.RELEASED
        assessment.released_by, assessment.released_at = actor, clock.now()
        session.flush()
        released = _count(session, assessment, is_new=True)
        _check_totals(released)
        after = {"credits": released.credits, "texts": released.texts, "amount_minor": released.amount_minor}
        write_audit(session, actor=actor, action="assessment released", subject=ref, after=after)
        return released


def _check_approved(session: Session, assessment: Assessment) -> Binding:
    if assessment.state is not AssessmentState.APPROVED:
        raise RefusedError(f"{assessment.ref} is {assessment.state}", accepted="an assessment that is approved")
    bound = binding(session, assessment)
    if bound_hash(session, assessment) != bound.hash:
        raise RefusedError(
            "the approval is void: run, policy or texts changed since", where=assessment.ref, accepted="submit it again"
        )
    check_releasable(session, assessment, bound)
    check_stands(session, bound.run)
    earlier = (
        select(Assessment.ref)
        .join(PolicyVersion, PolicyVersion.id == Assessment.policy_version_id)
        .where(
            Assessment.incident_id == assessment.incident_id,
            Assessment.state == AssessmentState.RELEASED,
            PolicyVersion.name == bound.version.name,
        )
    )
    released = session.scalars(earlier).first()
    if released is not None:
        raise RefusedError(
            f"this incident was released under {bound.version.name} before, as {released}",
            where=assessment.ref,
            accepted="one release per incident and policy: nobody is credited twice",
        )
    return bound


class _Release:
    """One release under way: its cases and what each becomes for a line."""

    def __init__(self, session: Session, store: SnapshotStore, assessment: Assessment, bound: Binding) -> None:
        self._session = session
        self._assessment = assessment
        self._bound = bound
        self._situation = make_situation(session, store, assessment.impact_run_id, assessment.policy_version_id)
        self._incident = session.get_one(Incident, assessment.incident_id)
        rows = session.scalars(select(Case).where(Case.assessment_id == assessment.id))
        self._cases: dict[int, Case] = {case.number: case for case in rows}
        self._at = clock.to_unix(clock.now())

    def join(self, workspace: Any) -> CaseLines:
        expected = {case.number: (case.group_values, case.lines) for case in self._cases.values()}
        return self._situation.join_lines(workspace, expected)

    def credit_batches(self, lines: CaseLines, progress: Callable[[int, int], None] | None) -> None:
        batches = _watched(map(self._credits, lines.batches), "credits", self._assessment, progress)
        insert_rows(self._session.connection(), Credit.__table__, _COLUMNS, batches)  # type: ignore[arg-type]

    def delivery_batches(self, lines: CaseLines, progress: Callable[[int, int], None] | None) -> None:
        batches = _watched(map(self._deliveries, lines.batches), "deliveries", self._assessment, progress)
        enqueue(self._session, batches)

    def _credits(self, batch: pa.RecordBatch) -> list[tuple[Any, ...]]:
        lines = zip(*_columns(batch, "number", "line_id", "account_id"), strict=True)
        return [
            self._credit(self._cases[number], line, account, reward)
            for number, line, account in lines
            for reward in postable(self._cases[number])
        ]

    def _credit(self, case: Case, line: int, account: int, reward: Mapping[str, Any]) -> tuple[Any, ...]:
        name, kind, amount = reward["name"], reward["kind"], reward["amount_minor"]
        currency = reward["currency"] if amount is not None else None
        key = delivery_key(self._group(line), name)
        return (key, self._assessment.id, case.id, line, account, name, kind, amount, currency, self._at)

    def _group(self, line: int) -> str:
        return group_key(self._incident.ref, self._bound.version.name, line)

    def _deliveries(self, batch: pa.RecordBatch) -> list[NewDelivery]:
        rows: list[NewDelivery] = []
        names = ("number", "line_id", "account_ref", "msisdn", "language", "brand")
        for number, line, account, msisdn, language, brand in zip(*_columns(batch, *names), strict=True):
            case = self._cases[number]
            rewards = postable(case)
            group = self._group(line)
            rows += [self._posting(group, account, reward) for reward in rewards]
            if case.text_name is not None:
                payload = self._message(case.number, language or "en", brand or "")
                rows.append(self._text(group, msisdn, payload, waiting=bool(rewards)))
        return rows

    def _posting(self, group: str, account: str, reward: Mapping[str, Any]) -> NewDelivery:
        return NewDelivery(
            key=delivery_key(group, reward["name"]),
            campaign=self._assessment.ref,
            group_key=group,
            kind=DeliveryKind.POSTING,
            channel=BILL_SIDE,
            address=account,
            payload=self._posting_payload(reward["name"], reward["kind"], json.dumps(reward)),
            amount_minor=reward["amount_minor"],
            currency=reward["currency"] if reward["amount_minor"] is not None else None,
            waiting=False,
        )

    @functools.lru_cache(maxsize=4096)  # noqa: B019 - lives as long as the release
    def _posting_payload(self, name: str, kind: str, reward: str) -> dict[str, Any]:
        said = json.loads(reward)
        return {
            "reward": name,
            "kind": kind,
            "percent": said["percent"],
            "valid_from": said["valid_from"],
            "valid_to": said["valid_to"],
            "pays_on": said["pays_on"],
            "incident": self._incident.ref,
            "statement": f"{self._bound.version.title} ({self._incident.ref})",
        }

    def _text(self, group: str, msisdn: str, payload: dict[str, Any], *, waiting: bool) -> NewDelivery:
        return NewDelivery(
            key=delivery_key(group, "text"),
            campaign=self._assessment.ref,
            group_key=group,
            kind=DeliveryKind.MESSAGE,
            channel=MESSAGE_SIDE,
            address=msisdn,
            payload=payload,
            amount_minor=None,
            currency=None,
            waiting=waiting,
        )

    @functools.lru_cache(maxsize=65536)  # noqa: B019 - lives as long as the release
    def _message(self, number: int, language: str, brand: str) -> dict[str, Any]:
        case = self._cases[number]
        version = current_text(self._session, str(case.text_name), language)
        # Amounts are not said here: the text is filled from what was really posted.
        values = {"brand": brand, "outage_date": self._situation.incident.outage_date.isoformat()}
        return {"text": case.text_name, "language": version.language, "version": version.id, "values": values}


def _columns(batch: pa.RecordBatch, *names: str) -> list[list[Any]]:
    return [batch.column(name).to_pylist() for name in names]


def _watched(
    batches: Iterator[list[Any]], what: str, assessment: Assessment, progress: Callable[[int, int], None] | None
) -> Iterator[list[Any]]:
    total = assessment.totals["credits"] + (assessment.totals["texts"] if what == "deliveries" else 0)
    done = 0
    for batch in batches:
        yield batch
        done += len(batch)
        if progress is not None:
            progress(done, total)


def _count(session: Session, assessment: Assessment, *, is_new: bool) -> Released:
    statement = select(func.count(), func.coalesce(func.sum(Credit.amount_minor), 0)).where(
        Credit.assessment_id == assessment.id
    )
    count, amount = session.execute(statement).one()
    texts = assessment.totals["texts"]
    return Released(assessment, is_new, count, count, texts, int(amount or 0))


def _check_totals(released: Released) -> None:
    # The last door before money: what was written must be what was approved, or nothing is.
    totals = released.assessment.totals
    if (released.credits, released.amount_minor) != (totals["credits"], totals["cost_minor"]):
        raise RefusedError(
            "the rows written do not add up to what was approved",
            where=released.assessment.ref,
            value=(released.credits, released.amount_minor),
            accepted=f"{totals['credits']} credits of {totals['cost_minor']} minor units",
        )
