"""Release: from approved cases to credits, ledger entries, postings and texts; all of it becomes visible or none."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Select, func, select
from sqlalchemy.orm import Session

from compensation import release_tables
from compensation.approval import binding, bound_hash, check_releasable, lock_assessment
from compensation.assessment import check_stands, knows_all, situation_of
from compensation.cases.sums import credited_of
from compensation.models import Assessment, AssessmentState, Case, Credit
from compensation.release_rows import GivenCase, Release
from compensation.release_shapes import Shapes
from foundation import clock
from foundation.audit import write_audit
from foundation.db import Database
from foundation.errors import RefusedError
from foundation.snapshots import SnapshotStore
from foundation.together import made_ahead
from foundation.workspaces import Workspace
from notify.loading import load
from notify.registry import EMBEDDED
from notify.routing import Routing
from outage.models import Incident


@dataclass(frozen=True)
class Released:
    """What a release wrote; `is_new` False means it had been released before and nothing was written."""

    assessment: Assessment
    is_new: bool
    credits: int
    postings: int
    texts: int
    amount_minor: int
    offers: int = 0


def release_credits(
    database: Database,
    store: SnapshotStore,
    ref: str,
    *,
    actor: str,
    routing: Routing = EMBEDDED,
    progress: Callable[[int, int], None] | None = None,
) -> Released:
    """Write the credits of an approved assessment and enqueue their postings and texts, in one transaction.

    Of a later revision only what is more than before is credited. Raises RefusedError without an approval that binds
    the present hash, over a limit, for the approval of somebody who is no second person, when a pool of codes is
    exhausted, when something was credited since that the assessment did not know of, or when no account system of
    `routing` carries a reward or no channel a text. Again: nothing is written.
    """
    with database.transaction() as session, store.connect() as workspace:
        assessment = lock_assessment(session, ref)
        if assessment.state is AssessmentState.RELEASED:
            return _count(session, assessment, is_new=False)
        _check_approved(session, assessment)
        release = _Releasing(session, store, assessment, workspace, routing, progress)
        release.write()
        assessment.state = AssessmentState.RELEASED
        assessment.released_by, assessment.released_at = actor, clock.now()
        session.flush()
        released = _count(session, assessment, is_new=True)
        _check_totals(released)
        after = {"credits": released.credits, "texts": released.texts, "amount_minor": released.amount_minor}
        write_audit(session, actor=actor, action="assessment released", subject=ref, after=after)
        return released


def _check_approved(session: Session, assessment: Assessment) -> None:
    if assessment.state is not AssessmentState.APPROVED:
        raise RefusedError(f"{assessment.ref} is {assessment.state}", accepted="an assessment that is approved")
    # Releases for one incident follow one another: each must know what the one before it gave.
    session.get_one(Incident, assessment.incident_id, with_for_update=True)
    bound = binding(session, assessment)
    if bound_hash(session, assessment) != bound.hash:
        raise RefusedError(
            "the approval is void: run, policy or texts changed since", where=assessment.ref, accepted="submit it again"
        )
    check_releasable(session, assessment, bound)
    check_stands(session, bound.run)


class _Releasing:
    """One release under way: its cases and what each becomes for a line."""

    def __init__(
        self,
        session: Session,
        store: SnapshotStore,
        assessment: Assessment,
        workspace: Workspace,
        routing: Routing,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._session = session
        self._assessment = assessment
        self._workspace = workspace
        self._progress = progress
        self._situation = situation_of(session, store, assessment)
        if not knows_all(session, store, self._situation, assessment):
            raise RefusedError(
                f"something was credited or lost before that {assessment.ref} does not know of",
                where=assessment.ref,
                accepted="assess again: all of it is taken into account, and nobody is credited twice",
            )
        now = clock.now()
        self._release = Release(
            assessment_id=assessment.id,
            campaign=assessment.ref,
            incident_ref=session.get_one(Incident, assessment.incident_id).ref,
            document=self._situation.document,
            revision=assessment.revision,
            outage_date=self._situation.incident.outage_date,
            today=clock.local_date(now, self._situation.document.zone),
            at=clock.to_unix(now),
            routing=routing,
        )
        rows = session.scalars(select(Case).where(Case.assessment_id == assessment.id))
        self._rows: dict[int, Case] = {case.number: case for case in rows}
        self._cases: dict[int, GivenCase] = {
            number: self._release.given_case(case.id, case.rewards, case.text_name)
            for number, case in self._rows.items()
        }
        routing.check_kinds({kind for case in self._cases.values() for kind in case.kinds})
        self._giving = [number for number, case in self._cases.items() if case.gives]

    def write(self) -> None:
        """Write all credits, offers, postings and texts, a batch of lines at a time."""
        connection = self._session.connection()
        release_tables.create(connection)
        # Whatever goes wrong, nobody reads the workspace any more when it is closed.
        with closing(self._batches(connection)) as batches:
            load(self._session, batches)
        release_tables.drop(connection)

    def _batches(self, connection: Connection) -> Generator[Select[Any]]:
        """Stage each batch, write its credits and offers, and give its deliveries to be written."""
        totals = self._assessment.totals
        shapes = Shapes(self._session, self._release, self._cases, totals)
        deliveries, done = release_tables.select_deliveries(self._release), 0
        apart = (shapes.tell_apart(batch) for batch in self._joined())
        with closing(made_ahead(apart)) as batches:
            for batch in batches:
                shaped = shapes.shaped(batch)
                release_tables.stage(connection, shaped)
                release_tables.write_credits(connection, self._release)
                release_tables.write_offers(connection, self._release)
                yield deliveries
                release_tables.clear(connection)
                done += shaped.rows
                if self._progress is not None:
                    self._progress(done, totals["credits"] + totals["texts"])

    def _joined(self) -> Iterator[pa.RecordBatch]:
        assessment = self._assessment
        if assessment.cases_snapshot is None and assessment.lines_snapshot is None:
            expected = {case.number: (case.group_values, case.lines) for case in self._rows.values()}
            return self._situation.join_lines(self._workspace, expected, self._giving)
        kept = assessment.cases_snapshot, assessment.lines_snapshot
        return self._situation.join_kept(self._workspace, *kept, self._giving)


def _count(session: Session, assessment: Assessment, *, is_new: bool) -> Released:
    statement = select(func.count(), func.coalesce(func.sum(Credit.amount_minor), 0)).where(
        Credit.assessment_id == assessment.id
    )
    count, amount = session.execute(statement).one()
    texts = assessment.totals["texts"]
    return Released(assessment, is_new, count, count, texts, int(amount or 0), assessment.totals.get("offers", 0))


def _check_totals(released: Released) -> None:
    # The last door before money: what was written must be what was approved, or nothing is.
    totals = released.assessment.totals
    wanted = totals["credits"], credited_of(totals)
    if (released.credits, released.amount_minor) != wanted:
        raise RefusedError(
            "the rows written do not add up to what was approved",
            where=released.assessment.ref,
            value=(released.credits, released.amount_minor),
            accepted=f"{wanted[0]} credits of {wanted[1]} minor units",
        )
