"""Rule tests over history: chosen past runs that every version of a policy is tried on before it is approved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from compensation import tallies
from compensation.document.reading import PolicyDocument
from compensation.history_checks import find_in_force, list_tried
from compensation.history_rules import (
    Expectation,
    Totals,
    check_bounds,
    judge,
    shift_to_json,
    totals_of,
)
from compensation.models import HistoryResult, HistoryTest, PolicyState, PolicyVersion
from compensation.policies import get_version, label, load_document
from compensation.simulation.places import get_place
from compensation.simulation.whatif import Simulation, make_simulation
from compensation.tallies import Shift
from foundation import clock
from foundation.audit import write_audit
from foundation.db import Database
from foundation.errors import InputError, NotFoundError, RefusedError
from foundation.snapshots import SnapshotStore
from outage.models import ImpactRun, Incident

_NOTHING = Totals(0, 0, 0, 0, 0, 0, "")
Bounds = Mapping[str, tuple[int | None, int | None]]


@dataclass(frozen=True)
class Outcome:
    """What a version gives on one test: totals, those of the version in force, who fares how, and why it fails."""

    totals: Totals
    against: Totals | None
    shift: Shift | None
    reasons: tuple[str, ...]


def set_test(
    database: Database,
    store: SnapshotStore,
    policy: str,
    run_id: int,
    expectation: Expectation,
    *,
    bounds: Bounds | None = None,
    number: int | None = None,
    actor: str,
) -> HistoryTest:
    """Choose a past run as a test of a policy, or change what is expected of it.

    `bounds` belong to `within`; `pinned` pins what version `number` gives (without one, the version in force). Raises
    NotFoundError for an unknown policy, version or run, InputError for bounds that are none, RefusedError for a pin
    without a version. Owns its transactions: the deciding happens between them.
    """
    kept = check_bounds(bounds or {}) if expectation is Expectation.WITHIN else None
    with database.reading() as session:
        get_version(session, policy)
        run, incident = get_place(session, run_id)
        pinned_version = _version_to_pin(session, policy, number) if expectation is Expectation.PINNED else None
        document = load_document(session, pinned_version) if pinned_version is not None else None
        simulation = _simulation(session, store, run_id, document) if document is not None else None
    pinned = _totals(simulation).to_json() if simulation is not None else None
    with database.transaction() as session:
        # Two who choose the same run at once are put in line.
        session.get_one(ImpactRun, run_id, with_for_update=True)
        test = _find_test(session, policy, run_id, expectation)
        before = None
        if test is None:
            test = HistoryTest(policy=policy, impact_run_id=run_id, expectation=expectation.value, revision=0)
            session.add(test)
        elif test.withdrawn_at is None and (test.bounds, test.pinned) == (kept, pinned):
            return test
        else:
            before = {"bounds": test.bounds, "pinned": test.pinned}
        test.bounds, test.pinned, test.revision = kept, pinned, test.revision + 1
        test.set_by, test.set_at = actor, clock.now()
        test.withdrawn_by = test.withdrawn_at = None
        session.flush()
        after = {"test": _name(run, incident, expectation), "bounds": kept, "pinned": pinned}
        write_audit(
            session, actor=actor, action="history test set", subject=f"policy:{policy}", before=before, after=after
        )
        return test


def withdraw_test(session: Session, policy: str, test_id: int, *, actor: str, reason: str) -> HistoryTest:
    """Take a test away; it stops no version any more. Raises NotFoundError, InputError without a reason."""
    test = session.get(HistoryTest, test_id, with_for_update=True)
    if test is None or test.policy != policy:
        raise NotFoundError("no such test over history", value=test_id)
    if test.withdrawn_at is not None:
        return test
    if not reason.strip():
        raise InputError("a test is withdrawn for a reason", where="reason", accepted="a sentence for the audit")
    test.withdrawn_by, test.withdrawn_at = actor, clock.now()
    run, incident = get_place(session, test.impact_run_id)
    session.flush()
    write_audit(
        session,
        actor=actor,
        action="history test withdrawn",
        subject=f"policy:{policy}",
        before={"test": _name(run, incident, Expectation(test.expectation))},
        reason=reason.strip(),
    )
    return test


def replay(
    database: Database,
    store: SnapshotStore,
    version_id: int,
    *,
    actor: str,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Try a draft or a version in review on every test of its policy and keep what it gives; returns how many failed.

    A difference that was accepted stays accepted while nothing in it changed. Raises NotFoundError for an unknown
    version, RefusedError for one that is in force or was. Owns its transactions: the deciding happens between them.
    """
    with database.reading() as session:
        version = session.get(PolicyVersion, version_id)
        if version is None:
            raise NotFoundError("no such policy version", value=version_id)
        _require_open(version)
        tried = list_tried(session, version)
        rival = find_in_force(session, version.name)
        document = load_document(session, version)
        rival_document = load_document(session, rival) if rival is not None else None
        outcomes = []
        for done, one in enumerate(tried):
            if progress is not None:
                progress(done, len(tried))
            outcomes.append((one.test, _try(session, store, one.test, document, rival_document, rival)))
    with database.transaction() as session:
        version = session.get_one(PolicyVersion, version_id, with_for_update=True)
        _require_open(version)
        for test, outcome in outcomes:
            _keep(session, version, test, rival, outcome, actor)
        failed = sum(bool(outcome.reasons) for _, outcome in outcomes)
        if outcomes:
            after = {"tests": len(outcomes), "failed": failed}
            write_audit(session, actor=actor, action="policy replayed", subject=label(version), after=after)
    return failed


def try_on_history(
    database: Database,
    store: SnapshotStore,
    version_id: int,
    *,
    actor: str,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Before a draft is submitted: replay its tests over history, so that what they give stands beside it."""
    with database.reading() as session:
        version = session.get(PolicyVersion, version_id)
    if version is not None and version.state is PolicyState.DRAFTED:
        replay(database, store, version_id, actor=actor, progress=progress)


def accept_difference(session: Session, version_id: int, test_id: int, *, actor: str, reason: str) -> HistoryResult:
    """Say that a failure is meant: who approves sees the reason, and a pin moves when the version is approved.

    Raises NotFoundError when the version was not tried on the test, RefusedError when it passed or must be tried again,
    InputError without a reason.
    """
    version = session.get(PolicyVersion, version_id, with_for_update=True)
    if version is None:
        raise NotFoundError("no such policy version", value=version_id)
    _require_open(version)
    tried = next((one for one in list_tried(session, version) if one.test.id == test_id), None)
    if tried is None or tried.result is None:
        raise NotFoundError("the version was not tried on this test", value=test_id, accepted="replay it first")
    if tried.is_stale:
        raise RefusedError("the result is out of date", where=tried.name, accepted="replay it first")
    if tried.passed:
        raise RefusedError("the test is met: there is nothing to accept", where=tried.name)
    if not reason.strip():
        raise InputError(
            "a difference is accepted for a reason", where="reason", accepted="a sentence for the approver"
        )
    result = tried.result
    result.accepted_by, result.accepted_at, result.accepted_reason = actor, clock.now(), reason.strip()
    session.flush()
    write_audit(
        session,
        actor=actor,
        action="history difference accepted",
        subject=label(version),
        after={"test": tried.name, "reasons": result.reasons},
        reason=reason.strip(),
    )
    return result


def _try(
    session: Session,
    store: SnapshotStore,
    test: HistoryTest,
    document: PolicyDocument,
    rival_document: PolicyDocument | None,
    rival: PolicyVersion | None,
) -> Outcome:
    try:
        simulation = _simulation(session, store, test.impact_run_id, document, rival_document)
        decided = list(simulation.decided_pairs())
    except InputError as error:
        # A missing file, too many cases, another currency: the version was not shown to do what is expected.
        return Outcome(_NOTHING, None, None, (f"cannot be tried: {error.what}",))
    now = [(one, lines) for one, _, lines in decided]
    totals = totals_of(tallies.tally(now), tallies.fingerprint_rows(now))
    against = shift = None
    if rival_document is not None:
        before = [(two, lines) for _, two, lines in decided]
        against = totals_of(tallies.tally(before), tallies.fingerprint_rows(before))
        shift = tallies.shift(decided)
    reasons = judge(
        Expectation(test.expectation),
        totals,
        currency=document.currency,
        rival=label(rival) if rival is not None else None,
        shift=shift,
        bounds=test.bounds,
        pinned=Totals.from_json(test.pinned) if test.pinned is not None else None,
    )
    return Outcome(totals, against, shift, tuple(reasons))


def _simulation(
    session: Session,
    store: SnapshotStore,
    run_id: int,
    document: PolicyDocument,
    rival: PolicyDocument | None = None,
) -> Simulation:
    # What a test expects must not change with every release.
    return make_simulation(session, store, document, run_id, rival, credited=False)


def _totals(simulation: Simulation) -> Totals:
    decided = simulation.decided()
    return totals_of(tallies.tally(decided), tallies.fingerprint_rows(decided))


def _keep(
    session: Session,
    version: PolicyVersion,
    test: HistoryTest,
    rival: PolicyVersion | None,
    outcome: Outcome,
    actor: str,
) -> None:
    statement = select(HistoryResult).where(
        HistoryResult.test_id == test.id, HistoryResult.policy_version_id == version.id
    )
    result = session.scalars(statement).one_or_none()
    if result is None:
        result = HistoryResult(test_id=test.id, policy_version_id=version.id)
        session.add(result)
    found = {
        "against_version_id": rival.id if rival is not None else None,
        "test_revision": test.revision,
        "reasons": list(outcome.reasons),
        "totals": outcome.totals.to_json(),
        "against": outcome.against.to_json() if outcome.against is not None else None,
        "shift": shift_to_json(outcome.shift) if outcome.shift is not None else None,
    }
    if any(getattr(result, name) != value for name, value in found.items()):
        result.accepted_by = result.accepted_at = result.accepted_reason = None
    for name, value in found.items():
        setattr(result, name, value)
    result.replayed_by, result.replayed_at = actor, clock.now()


def _find_test(session: Session, policy: str, run_id: int, expectation: Expectation) -> HistoryTest | None:
    statement = select(HistoryTest).where(
        HistoryTest.policy == policy,
        HistoryTest.impact_run_id == run_id,
        HistoryTest.expectation == expectation.value,
    )
    return session.scalars(statement).one_or_none()


def _version_to_pin(session: Session, policy: str, number: int | None) -> PolicyVersion:
    if number is not None:
        return get_version(session, policy, number)
    version = find_in_force(session, policy)
    if version is None:
        accepted = "the number of a version whose result is pinned"
        raise RefusedError(f"no version of {policy} is in force", where="version", accepted=accepted)
    return version


def _require_open(version: PolicyVersion) -> None:
    if version.state not in (PolicyState.DRAFTED, PolicyState.SUBMITTED):
        raise RefusedError(f"{label(version)} is {version.state}", accepted="a draft or a version in review")


def _name(run: ImpactRun, incident: Incident, expectation: Expectation) -> str:
    return f"{incident.ref} run {run.number}, {expectation.said}"
