"""Four eyes: an assessment is submitted by one person and approved by another, bound to what they both saw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from compensation.document.reading import PolicyDocument
from compensation.models import Approval, Assessment, AssessmentState, Case, CaseSummary, PolicyState, PolicyVersion
from compensation.policies import label, load_document
from compensation.text_checks import list_unwritable
from compensation.voucher_codes import check_pools
from foundation import clock
from foundation.audit import write_audit
from foundation.errors import InputError, NotFoundError, RefusedError
from foundation.money import Money
from notify.models import TextVersion
from notify.texts import list_current_texts
from outage.models import ImpactRun


@dataclass(frozen=True)
class Binding:
    """What an approval binds: the hash over run, policy version, cases and texts, and those things themselves."""

    hash: str
    run: ImpactRun
    version: PolicyVersion
    texts: tuple[TextVersion, ...]


def binding(session: Session, assessment: Assessment) -> Binding:
    """The hash of all that is decided now; any change to run, policy, cases or texts changes it."""
    run = session.get_one(ImpactRun, assessment.impact_run_id)
    version = session.get_one(PolicyVersion, assessment.policy_version_id)
    decided = (Case.number, Case.group_values, Case.lines, Case.outcome, Case.rewards, Case.text_name)
    cases = select(*decided).where(Case.assessment_id == assessment.id).order_by(Case.number)
    rows = [list(case) for case in session.execute(cases)]
    texts = list_current_texts(session, list_text_names(session, assessment))
    content: dict[str, object] = {
        "run": [run.fingerprint, run.lines_snapshot, run.patterns_snapshot, run.base_snapshot],
        "policy": version.content_hash,
        "cases": rows,
        "texts": [[text.name, text.language, text.number, text.body] for text in texts],
    }
    kept = [assessment.cases_snapshot, assessment.lines_snapshot, assessment.history_snapshot]
    if any(kept) or assessment.revision > 1:
        content |= {"kept": kept, "revision": assessment.revision}
    if assessment.earlier_snapshot is not None:
        content["earlier"] = assessment.earlier_snapshot
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return Binding(digest, run, version, tuple(texts))


def list_text_names(session: Session, assessment: Assessment) -> set[str]:
    """The names of the texts that an assessment sends."""
    names = (
        select(model.text_name).where(model.assessment_id == assessment.id, model.text_name.is_not(None)).distinct()
        for model in (Case, CaseSummary)
    )
    return {name for statement in names for name in session.scalars(statement) if name is not None}


def submit_assessment(session: Session, ref: str, *, actor: str) -> Assessment:
    """Ask a second person to approve; raises RefusedError over a limit, for a draft policy or a missing text.

    An approved assessment whose binding no longer holds may be submitted again.
    """
    assessment = lock_assessment(session, ref)
    if assessment.state is AssessmentState.SUBMITTED:
        return assessment
    bound = binding(session, assessment)
    voided = assessment.state is AssessmentState.APPROVED and bound_hash(session, assessment) != bound.hash
    if assessment.state is not AssessmentState.PROPOSED and not voided:
        raise _wrong_state(assessment, AssessmentState.PROPOSED)
    check_releasable(session, assessment, bound)
    assessment.submitted_by, assessment.submitted_at = actor, clock.now()
    return _change(session, assessment, AssessmentState.SUBMITTED, actor, "assessment submitted")


def approve_assessment(session: Session, ref: str, *, actor: str, reason: str) -> Assessment:
    """A second person's yes, bound to the present hash; raises RefusedError for the submitter."""
    assessment = lock_assessment(session, ref)
    bound = binding(session, assessment)
    if assessment.state is AssessmentState.APPROVED and bound_hash(session, assessment) == bound.hash:
        return assessment
    _require_second_person(assessment, actor, reason)
    check_releasable(session, assessment, bound)
    _decide(session, assessment, "approved", bound.hash, actor, reason)
    return _change(session, assessment, AssessmentState.APPROVED, actor, "assessment approved", reason)


def reject_assessment(session: Session, ref: str, *, actor: str, reason: str) -> Assessment:
    """A second person's no, with its reason; the assessment ends here."""
    assessment = lock_assessment(session, ref)
    if assessment.state is AssessmentState.REJECTED:
        return assessment
    _require_second_person(assessment, actor, reason)
    _decide(session, assessment, "rejected", binding(session, assessment).hash, actor, reason)
    return _change(session, assessment, AssessmentState.REJECTED, actor, "assessment rejected", reason)


def lock_assessment(session: Session, ref: str) -> Assessment:
    """The assessment, locked until the transaction ends; raises NotFoundError."""
    statement = select(Assessment).where(Assessment.ref == ref).with_for_update()
    assessment = session.scalars(statement).one_or_none()
    if assessment is None:
        raise NotFoundError("no such assessment", value=ref, accepted="a reference such as AS-2026-00001")
    return assessment


def bound_hash(session: Session, assessment: Assessment) -> str | None:
    """The hash that the latest approval bound, or None when there is none."""
    statement = (
        select(Approval.bound_hash)
        .where(Approval.assessment_id == assessment.id, Approval.decision == "approved")
        .order_by(Approval.id.desc())
        .limit(1)
    )
    return session.scalar(statement)


def check_releasable(session: Session, assessment: Assessment, bound: Binding) -> None:
    """Raise RefusedError for a policy that is not approved, a limit passed, a pool exhausted, or a text.

    That is missing, or has a placeholder that nothing the policy gives fills: versions submitted before that was looked
    at are still in force, and texts change after a policy was submitted.
    """
    if bound.version.state is not PolicyState.APPROVED:
        raise RefusedError(f"{label(bound.version)} is {bound.version.state}", accepted="an approved policy version")
    document = load_document(session, bound.version)
    limits = document.limits
    _check_limit("amount per line", assessment.totals["most_per_line_minor"], limits.amount_per_line_minor, assessment)
    _check_limit("total", assessment.totals["cost_minor"], limits.total_minor, assessment)
    _check_texts(session, assessment, document, bound.texts)
    check_pools(session, assessment.totals.get("codes", {}), assessment.currency)


def _check_limit(name: str, amount: int, limit: int | None, assessment: Assessment) -> None:
    if limit is not None and amount > limit:
        raise RefusedError(
            f"over the policy's limit of {name}",
            where=assessment.ref,
            value=str(Money(amount, assessment.currency)),
            accepted=f"at most {Money(limit, assessment.currency)}",
        )


def _check_texts(
    session: Session, assessment: Assessment, document: PolicyDocument, texts: Sequence[TextVersion]
) -> None:
    missing = sorted(list_text_names(session, assessment) - {text.name for text in texts})
    if missing:
        raise RefusedError("no such text", where=assessment.ref, value=missing, accepted="a text saved under that name")
    problems = list_unwritable(document, texts)
    if problems:
        raise RefusedError(
            "a text cannot be written for what the policy gives",
            where=assessment.ref,
            value="; ".join(problems),
            accepted="texts whose placeholders are all filled; save the text anew",
        )


def _require_second_person(assessment: Assessment, actor: str, reason: str) -> None:
    if assessment.state is not AssessmentState.SUBMITTED:
        raise _wrong_state(assessment, AssessmentState.SUBMITTED)
    if actor == assessment.submitted_by:
        raise RefusedError("the submitter cannot decide", value=actor, accepted="another staff user")
    if not reason.strip():
        raise InputError("a decision needs a reason", where="reason", accepted="a sentence for the audit")


def _wrong_state(assessment: Assessment, wanted: AssessmentState) -> RefusedError:
    return RefusedError(f"{assessment.ref} is {assessment.state}", accepted=f"an assessment that is {wanted}")


def _decide(session: Session, assessment: Assessment, decision: str, digest: str, actor: str, reason: str) -> None:
    approval = Approval(
        assessment_id=assessment.id,
        decision=decision,
        bound_hash=digest,
        reason=reason.strip(),
        decided_by=actor,
        decided_at=clock.now(),
    )
    session.add(approval)


def _change(
    session: Session,
    assessment: Assessment,
    state: AssessmentState,
    actor: str,
    action: str,
    reason: str | None = None,
) -> Assessment:
    before, assessment.state = assessment.state, state
    session.flush()
    write_audit(
        session,
        actor=actor,
        action=action,
        subject=assessment.ref,
        before={"state": before},
        after={"state": state},
        reason=reason,
    )
    return assessment
