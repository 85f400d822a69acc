"""Lines that keep more than a revision owes them: who, how much, and why; nothing is taken back by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from compensation.assessment import situation_of
from compensation.cases.kept import OverCredited, list_over_credited
from compensation.models import Assessment, AssessmentState, Case, Credit, PolicyVersion
from compensation.rewards import CASH
from foundation.snapshots import SnapshotStore
from outage.models import Account, Subscriber

_AT_ONCE = 5_000
LEFT_OUT = "the run and the policy do not look at the line any more"
WHAT_STAFF_MAY_DO = (
    "Leave it: the customer keeps it, and a later revision of this policy counts it as given.",
    "Where the revision is wrong (a run, a policy, a fact): reject it before its release, put it right, assess again.",
    "Where it must come back: hand the list (CSV) to billing, as far as the terms and the law allow that. It stays on "
    "this list, for what was credited here stays credited.",
)


@dataclass(frozen=True, slots=True)
class OverLine:
    """One line: what it was credited for the incident before (None where its account was), and what is too much of it.

    `number` is its case, None when it is not looked at any more; `rules` say what decided.
    """

    line_id: int
    msisdn: str
    account_id: int
    account_ref: str
    number: int | None
    rules: str
    credited_minor: int | None
    over_minor: int

    @property
    def why(self) -> str:
        """In words, without the case."""
        return LEFT_OUT if self.number is None else self.rules or "the rules give less"


def count_over_lines(assessment: Assessment) -> tuple[int, int]:
    """How many lines keep more than they are owed, and how many minor units of all together."""
    return int(assessment.totals.get("over_lines", 0)), int(assessment.totals.get("over_minor", 0))


def list_over_lines(
    session: Session, store: SnapshotStore, assessment: Assessment, *, limit: int = 50, offset: int = 0
) -> list[OverLine]:
    """The lines that keep more than an assessment owes them, the greatest difference first.

    Raises NotFoundError when a snapshot file is missing, RefusedError when the day of the outage was corrected since.
    """
    return list(iterate_over_lines(session, store, assessment, limit=limit, offset=offset))


def iterate_over_lines(
    session: Session, store: SnapshotStore, assessment: Assessment, *, limit: int | None = None, offset: int = 0
) -> Iterator[OverLine]:
    """As `list_over_lines`, all of them unless `limit` says fewer; people are read as they are asked for."""
    count, _ = count_over_lines(assessment)
    if not count:
        return
    situation = situation_of(session, store, assessment)
    wanted = count if limit is None else limit
    found = list_over_credited(session, store, situation, assessment, limit=wanted, offset=offset)
    for start in range(0, len(found), _AT_ONCE):
        yield from _lines(session, store, assessment, found[start : start + _AT_ONCE])


def _lines(
    session: Session, store: SnapshotStore, assessment: Assessment, found: Sequence[OverCredited]
) -> Iterator[OverLine]:
    people = _people(session, [one.line_id for one in found])
    credited = _credited(session, assessment, [one.line_id for one in found])
    rules = _rules(session, store, assessment, found)
    for one in found:
        person, account = people[one.line_id]
        yield OverLine(
            line_id=one.line_id,
            msisdn=person.msisdn,
            account_id=person.account_id,
            account_ref=account,
            number=one.number,
            rules=rules.get(one.number or 0, ""),
            credited_minor=credited.get(one.line_id),
            over_minor=one.over_minor,
        )


def _people(session: Session, lines: Sequence[int]) -> dict[int, tuple[Subscriber, str]]:
    statement = select(Subscriber, Account.ref).join(Account, Account.id == Subscriber.account_id)
    rows = session.execute(statement.where(Subscriber.id.in_(lines))).all()
    return {line.id: (line, ref) for line, ref in rows}


def _credited(session: Session, assessment: Assessment, lines: Sequence[int]) -> dict[int, int]:
    """Cash that releases of the policy before this one credited to the lines for the incident."""
    name = select(PolicyVersion.name).where(PolicyVersion.id == assessment.policy_version_id).scalar_subquery()
    statement = (
        select(Credit.subscriber_id, func.sum(Credit.amount_minor))
        .join(Assessment, Assessment.id == Credit.assessment_id)
        .join(PolicyVersion, PolicyVersion.id == Assessment.policy_version_id)
        .where(
            Credit.subscriber_id.in_(lines),
            Credit.kind.in_(sorted(CASH)),
            Assessment.incident_id == assessment.incident_id,
            Assessment.state == AssessmentState.RELEASED,
            Assessment.revision < assessment.revision,
            PolicyVersion.name == name,
        )
        .group_by(Credit.subscriber_id)
    )
    return {line: int(minor) for line, minor in session.execute(statement) if minor is not None}


def _rules(
    session: Session, store: SnapshotStore, assessment: Assessment, found: Sequence[OverCredited]
) -> Mapping[int, str]:
    numbers = sorted({one.number for one in found if one.number is not None})
    if not numbers:
        return {}
    if assessment.cases_snapshot is None:
        rows = select(Case.number, Case.rules).where(Case.assessment_id == assessment.id, Case.number.in_(numbers))
        return {one.number: one.rules for one in session.execute(rows)}
    with store.connect() as workspace:
        source = store.source(assessment.cases_snapshot)
        wanted = ", ".join(str(int(number)) for number in numbers)
        kept = workspace.fetch_rows(f"FROM {source} SELECT number, rules WHERE number IN ({wanted})")
    return {int(number): str(rules or "") for number, rules in kept}
