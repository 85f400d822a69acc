"""Policy versions: saved, tested, submitted, approved by a second person, found by the date of the outage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from compensation.decision.worked_cases import run_tests
from compensation.document.attributes import ATTRIBUTE_TYPES
from compensation.document.reading import PolicyDocument, load_policy
from compensation.facts import Fact, Origin
from compensation.feel import Value, listing, suggestion
from compensation.feel.values import read_date, read_duration
from compensation.geometry.policy import check_policy_tables
from compensation.history_checks import check_approvable, check_tried, move_pins
from compensation.models import PolicyState, PolicyVersion
from compensation.text_checks import list_text_problems
from foundation import clock
from foundation.audit import write_audit
from foundation.errors import InputError, NotFoundError, RefusedError
from outage.base.attributes import list_attributes
from outage.models import AttributeDefinition


@dataclass(frozen=True)
class SavedPolicy:
    """A version and whether saving made it (the same text again is the same version)."""

    version: PolicyVersion
    is_new: bool


def list_attribute_facts(session: Session) -> tuple[Fact, ...]:
    """The staff-defined attributes as facts that rules may read."""
    return tuple(
        Fact(
            name=definition.name,
            type=ATTRIBUTE_TYPES[definition.type],
            meaning=definition.meaning,
            origin=Origin.ATTRIBUTE,
            source="an attribute that staff defined",
            unit=definition.unit,
            allowed=_allowed(definition),
            nullable=True,
        )
        for definition in list_attributes(session)
    )


def _allowed(definition: AttributeDefinition) -> tuple[Value, ...] | None:
    """The allowed values as rules compute with them; they are recorded as the texts that files have."""
    read: dict[str, Callable[[str], Value]] = {"number": Fraction, "date": read_date, "duration": read_duration}
    take = read.get(definition.type)
    if not definition.allowed or definition.type in ("boolean", "instant"):
        return None
    return tuple(take(one) if take else one for one in definition.allowed)


def save_policy(session: Session, text: str, *, actor: str, source: str = "policy") -> SavedPolicy:
    """Check a policy's YAML and keep it as the next drafted version; raises PolicyError with every problem found."""
    document = load_policy(text, source=source, attributes=list_attribute_facts(session))
    same = select(PolicyVersion).where(
        PolicyVersion.name == document.name, PolicyVersion.content_hash == document.content_hash
    )
    existing = session.scalars(same).one_or_none()
    if existing is not None:
        return SavedPolicy(existing, is_new=False)
    last = session.scalar(select(func.max(PolicyVersion.number)).where(PolicyVersion.name == document.name))
    version = PolicyVersion(
        name=document.name,
        number=(last or 0) + 1,
        title=document.title,
        basis=document.basis,
        currency=document.currency,
        source=text,
        content_hash=document.content_hash,
        state=PolicyState.DRAFTED,
        in_force_from=document.in_force_from,
        in_force_to=document.in_force_to,
        author=actor,
        created_at=clock.now(),
    )
    session.add(version)
    session.flush()
    write_audit(
        session,
        actor=actor,
        action="policy saved",
        subject=label(version),
        after={"state": version.state, "hash": version.content_hash},
    )
    return SavedPolicy(version, is_new=True)


def label(version: PolicyVersion) -> str:
    """How people name a version: `o2-uk-2012-07 v3`."""
    return f"{version.name} v{version.number}"


def submit_policy(session: Session, version_id: int, *, actor: str, reason: str = "") -> PolicyVersion:
    """Ask a second person to approve a drafted version; `reason` is for the one who approves, and for the audit.

    Raises RefusedError while one of its own tests fails, while its tables have gaps, overlaps or rules that never count
    which nobody explained, while a text that it names cannot be written, or before it was tried on the tests over
    history.
    """
    version = _lock(session, version_id)
    if version.state is PolicyState.SUBMITTED:
        return version
    _require_state(version, PolicyState.DRAFTED)
    _require_green(session, version)
    _require_whole(session, version)
    _require_texts(session, version)
    check_tried(session, version)
    return _change(session, version, PolicyState.SUBMITTED, actor, "policy submitted", reason)


def approve_policy(session: Session, version_id: int, *, actor: str, reason: str = "") -> PolicyVersion:
    """Put a submitted version in force for outages of its dates; its author cannot (RefusedError).

    Nor can anybody while a test fails, its own or one over history, whose difference nobody else accepted.
    Earlier approved versions of the same policy are retired: one version answers for one date.
    """
    version = _lock(session, version_id)
    if version.state is PolicyState.APPROVED:
        return version
    _require_state(version, PolicyState.SUBMITTED)
    if actor == version.author:
        raise RefusedError("the author cannot approve", value=actor, accepted="another staff user")
    _require_green(session, version)
    check_approvable(session, version, actor=actor)
    move_pins(session, version, actor=actor, label=label(version))
    earlier = select(PolicyVersion).where(
        PolicyVersion.name == version.name, PolicyVersion.state == PolicyState.APPROVED
    )
    for other in session.scalars(earlier):
        _change(session, other, PolicyState.RETIRED, actor, "policy retired", f"{label(version)} was approved")
    version.approved_by, version.approved_at = actor, clock.now()
    return _change(session, version, PolicyState.APPROVED, actor, "policy approved", reason)


def return_policy(session: Session, version_id: int, *, actor: str, reason: str) -> PolicyVersion:
    """Give a submitted version back to its author as a draft, by whoever reviews it or by the author who withdraws it.

    Raises InputError without a reason.
    """
    version = _lock(session, version_id)
    if version.state is PolicyState.DRAFTED:
        return version
    _require_state(version, PolicyState.SUBMITTED)
    if not reason.strip():
        raise InputError("a reason is missing", where="reason", accepted="what should be changed, in a few words")
    return _change(session, version, PolicyState.DRAFTED, actor, "policy returned", reason)


def retire_policy(session: Session, version_id: int, *, actor: str, reason: str = "") -> PolicyVersion:
    """Take an approved version out of force."""
    version = _lock(session, version_id)
    if version.state is PolicyState.RETIRED:
        return version
    _require_state(version, PolicyState.APPROVED)
    return _change(session, version, PolicyState.RETIRED, actor, "policy retired", reason)


def list_versions(session: Session) -> Sequence[PolicyVersion]:
    """All versions, by name, newest first."""
    return session.scalars(select(PolicyVersion).order_by(PolicyVersion.name, PolicyVersion.number.desc())).all()


def get_version(session: Session, name: str, number: int | None = None) -> PolicyVersion:
    """A version by name and number (the newest without one); raises NotFoundError."""
    statement = select(PolicyVersion).where(PolicyVersion.name == name).order_by(PolicyVersion.number.desc())
    if number is not None:
        statement = statement.where(PolicyVersion.number == number)
    version = session.scalars(statement.limit(1)).one_or_none()
    if version is None:
        known = session.scalars(select(PolicyVersion.name).distinct().order_by(PolicyVersion.name)).all()
        accepted = f"a number of {name} that was saved" if name in known else suggestion(name, known) or listing(known)
        value = name if number is None else f"{name} v{number}"
        raise NotFoundError("no such policy version", value=value, accepted=accepted)
    return version


def find_newest(session: Session, name: str) -> PolicyVersion | None:
    """The newest version of a policy, None when it has none."""
    statement = select(PolicyVersion).where(PolicyVersion.name == name).order_by(PolicyVersion.number.desc())
    return session.scalars(statement.limit(1)).one_or_none()


def list_for_incident(session: Session, started_at: datetime) -> list[PolicyVersion]:
    """The approved versions that answer for an outage that began at an instant, each asked in its own zone."""
    approved = select(PolicyVersion).where(PolicyVersion.state == PolicyState.APPROVED).order_by(PolicyVersion.name)
    return [
        version
        for version in session.scalars(approved)
        if (document := load_document(session, version)).is_in_force(clock.local_date(started_at, document.zone))
    ]


def load_document(session: Session, version: PolicyVersion) -> PolicyDocument:
    """The checked document of a version (parsed once per process)."""
    return load_policy(version.source, source=label(version), attributes=list_attribute_facts(session))


def _require_green(session: Session, version: PolicyVersion) -> None:
    results = run_tests(load_document(session, version))
    failed = [result.name for result in results if not result.passed]
    if failed or not results:
        accepted = "every attached test passes"
        raise RefusedError("a policy needs green tests", value=failed or "no tests", accepted=accepted)


def _require_whole(session: Session, version: PolicyVersion) -> None:
    problems = check_policy_tables(load_document(session, version), now=clock.monotonic).problems()
    if problems:
        accepted = "tables without gap, overlap or rule that never counts, or each explained under `explained:`"
        raise RefusedError("the policy's tables leave something open", value=problems, accepted=accepted)


def _require_texts(session: Session, version: PolicyVersion) -> None:
    problems = list_text_problems(session, load_document(session, version))
    if problems:
        accepted = "texts of which every placeholder is filled by what the policy gives, in every language"
        raise RefusedError("the policy's texts cannot be written", value=problems, accepted=accepted)


def _lock(session: Session, version_id: int) -> PolicyVersion:
    version = session.get(PolicyVersion, version_id, with_for_update=True)
    if version is None:
        raise NotFoundError("no such policy version", value=version_id)
    return version


def _require_state(version: PolicyVersion, wanted: PolicyState) -> None:
    if version.state is not wanted:
        raise RefusedError(f"{label(version)} is {version.state}", accepted=f"a version that is {wanted}")


def _change(
    session: Session, version: PolicyVersion, state: PolicyState, actor: str, action: str, reason: str = ""
) -> PolicyVersion:
    before, version.state = version.state, state
    session.flush()
    write_audit(
        session,
        actor=actor,
        action=action,
        subject=label(version),
        before={"state": before},
        after={"state": state},
        reason=reason.strip() or None,
    )
    return version
