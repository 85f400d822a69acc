"""Whether the tests over history let a version be submitted and approved; and pins that move with an approval."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from compensation.history_rules import Expectation
from compensation.models import HistoryResult, HistoryTest, PolicyState, PolicyVersion
from foundation import clock
from foundation.audit import write_audit
from foundation.errors import RefusedError
from outage.models import ImpactRun, Incident


@dataclass(frozen=True)
class TriedTest:
    """A test with what a version gave on it; `result` is None, or out of date (`is_stale`), until it is tried again."""

    test: HistoryTest
    run: ImpactRun
    incident: Incident
    result: HistoryResult | None
    is_stale: bool

    @property
    def name(self) -> str:
        """How people name it."""
        return f"{self.incident.ref} run {self.run.number}, {Expectation(self.test.expectation).said}"

    @property
    def is_current(self) -> bool:
        """Whether the version was tried on it as it stands now."""
        return self.result is not None and not self.is_stale

    @property
    def passed(self) -> bool:
        """Whether it was met."""
        return self.result is not None and self.is_current and not self.result.reasons

    @property
    def accepted(self) -> bool:
        """Whether a failure was accepted."""
        return self.result is not None and self.is_current and self.result.accepted_by is not None


def find_in_force(session: Session, policy: str) -> PolicyVersion | None:
    """The approved version of a policy: the one that its next version is compared with."""
    statement = select(PolicyVersion).where(PolicyVersion.name == policy, PolicyVersion.state == PolicyState.APPROVED)
    return session.scalars(statement.order_by(PolicyVersion.number.desc()).limit(1)).one_or_none()


def list_tried(session: Session, version: PolicyVersion) -> list[TriedTest]:
    """The tests of a version's policy with what it gave on them, newest incident first."""
    rows = session.execute(
        select(HistoryTest, ImpactRun, Incident, HistoryResult)
        .join(ImpactRun, ImpactRun.id == HistoryTest.impact_run_id)
        .join(Incident, Incident.id == ImpactRun.incident_id)
        .outerjoin(
            HistoryResult,
            (HistoryResult.test_id == HistoryTest.id) & (HistoryResult.policy_version_id == version.id),
        )
        .where(HistoryTest.policy == version.name, HistoryTest.withdrawn_at.is_(None))
        .order_by(Incident.started_at.desc(), HistoryTest.id)
    )
    rival = find_in_force(session, version.name)
    # What a version that is in force or was gave is history itself: it is compared with nothing any more.
    decided = version.state in (PolicyState.APPROVED, PolicyState.RETIRED)
    return [
        TriedTest(test, run, incident, result, not decided and _is_stale(test, result, rival))
        for test, run, incident, result in rows
    ]


def _is_stale(test: HistoryTest, result: HistoryResult | None, rival: PolicyVersion | None) -> bool:
    if result is None:
        return False
    against = rival.id if rival is not None else None
    return result.test_revision != test.revision or result.against_version_id != against


def check_tried(session: Session, version: PolicyVersion) -> None:
    """Raise RefusedError unless a version was tried on every test of its policy as it stands."""
    untried = [tried.name for tried in list_tried(session, version) if not tried.is_current]
    if untried:
        raise RefusedError(
            "not tried on all tests over history",
            value=untried,
            accepted="replay the tests on this version, then go on",
        )


def check_approvable(session: Session, version: PolicyVersion, *, actor: str) -> None:
    """Raise RefusedError while a test over history fails, or when the approver accepted a difference himself."""
    check_tried(session, version)
    tried = list_tried(session, version)
    failed = [
        f"{one.name}: {'; '.join(one.result.reasons)}"
        for one in tried
        if one.result is not None and not one.passed and not one.accepted
    ]
    if failed:
        raise RefusedError(
            "a test over history fails",
            value=failed,
            accepted="every test met, or its difference accepted with a reason",
        )
    if any(one.accepted and one.result is not None and one.result.accepted_by == actor for one in tried):
        raise RefusedError("who accepted a difference cannot approve", value=actor, accepted="another staff user")


def move_pins(session: Session, version: PolicyVersion, *, actor: str, label: str) -> int:
    """Pin what the approved version gives where that difference was accepted; returns how many pins moved."""
    moved = [tried for tried in list_tried(session, version) if _moves(tried)]
    for tried in moved:
        test, result = tried.test, tried.result
        if result is None:
            continue
        before, test.pinned = test.pinned, result.totals
        test.revision += 1
        result.test_revision = test.revision
        test.set_by, test.set_at = result.accepted_by or actor, clock.now()
        write_audit(
            session,
            actor=actor,
            action="history test pinned anew",
            subject=label,
            before={"test": tried.name, "pinned": before},
            after={"test": tried.name, "pinned": test.pinned, "accepted_by": result.accepted_by},
            reason=result.accepted_reason,
        )
    session.flush()
    return len(moved)


def _moves(tried: TriedTest) -> bool:
    return tried.test.expectation == Expectation.PINNED and tried.accepted and not tried.passed
