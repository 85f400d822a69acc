"""Working copies of policies: kept while somebody writes, never overwritten unseen, saved as the next version."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from compensation.models import PolicyDraft
from compensation.policies import SavedPolicy, find_newest, save_policy
from compensation.policy_check import check_length
from foundation import clock
from foundation.errors import NotFoundError, RefusedError


class MovedError(RefusedError):
    """Somebody was quicker; `now` is the revision or the version number that stands there."""

    def __init__(self, what: str, *, now: int, accepted: str) -> None:
        self.now = now
        super().__init__(what, accepted=accepted)


def find_draft(session: Session, policy: str, *, author: str) -> PolicyDraft | None:
    """The working copy of one staff user on one policy."""
    return session.scalars(_of(policy, author)).one_or_none()


def get_draft(session: Session, policy: str, *, author: str) -> PolicyDraft:
    """The same; raises NotFoundError when there is none."""
    draft = find_draft(session, policy, author=author)
    if draft is None:
        raise NotFoundError("you have no working copy of this policy", value=policy, accepted="open it in the editor")
    return draft


def list_drafts(session: Session, policy: str | None = None) -> Sequence[PolicyDraft]:
    """Working copies of everybody, of one policy or of all, the latest first."""
    statement = select(PolicyDraft).order_by(PolicyDraft.kept_at.desc(), PolicyDraft.id.desc())
    return session.scalars(statement.where(PolicyDraft.policy == policy) if policy else statement).all()


def begin_draft(session: Session, policy: str, text: str, *, author: str, based_on: int | None = None) -> PolicyDraft:
    """A working copy with this text; raises MovedError when this person has one of that policy already."""
    existing = find_draft(session, policy, author=author)
    if existing is not None:
        accepted = "open it again to go on, or keep what stands here"
        raise MovedError(f"you are working on {policy} already", now=existing.revision, accepted=accepted)
    draft = PolicyDraft(
        policy=policy, author=author, based_on=based_on, text=check_length(text), revision=1, kept_at=clock.now()
    )
    session.add(draft)
    session.flush()
    return draft


def keep_draft(session: Session, policy: str, text: str, *, author: str, revision: int) -> PolicyDraft:
    """Keep the text of a working copy; raises MovedError when it is no longer at that revision.

    The same text again changes nothing.
    """
    draft = _lock(session, policy, author)
    _check_revision(draft, revision)
    if draft.text != text:
        draft.text, draft.revision, draft.kept_at = check_length(text), draft.revision + 1, clock.now()
        session.flush()
    return draft


def discard_draft(session: Session, policy: str, *, author: str) -> bool:
    """Throw a working copy away; whether there was one."""
    statement = delete(PolicyDraft).where(PolicyDraft.policy == policy, PolicyDraft.author == author)
    return session.execute(statement.returning(PolicyDraft.id)).one_or_none() is not None


def save_draft(
    session: Session, policy: str, *, author: str, revision: int, newest: int | None, source: str = "policy"
) -> SavedPolicy:
    """Save a working copy as the next version and end it.

    `newest` is the newest version its author has seen: raises MovedError when somebody saved another one meanwhile,
    so that nobody's work is left behind unseen. Raises PolicyError with everything that is wrong with the text, and
    RefusedError when the text gives the policy another name than that of its versions.
    """
    draft = _lock(session, policy, author)
    _check_revision(draft, revision)
    last = find_newest(session, policy)
    if last is not None and last.number != newest:
        raise MovedError(
            f"{last.author} saved version {last.number} meanwhile",
            now=last.number,
            accepted=f"look at what changed, then save on top of version {last.number}",
        )
    saved = save_policy(session, draft.text, actor=author, source=source)
    if last is not None and saved.version.name != policy:
        raise RefusedError(
            f"the text calls itself {saved.version.name}", accepted=f"policy: {policy}, or a new policy of its own"
        )
    session.delete(draft)
    session.flush()
    return saved


def _check_revision(draft: PolicyDraft, revision: int) -> None:
    if draft.revision != revision:
        raise MovedError(
            "this working copy was changed in another window",
            now=draft.revision,
            accepted="open it again to go on, or keep what stands here",
        )


def _lock(session: Session, policy: str, author: str) -> PolicyDraft:
    draft = session.scalars(_of(policy, author).with_for_update()).one_or_none()
    if draft is None:
        raise NotFoundError("you have no working copy of this policy", value=policy, accepted="open it in the editor")
    return draft


def _of(policy: str, author: str) -> Select[PolicyDraft]:
    return select(PolicyDraft).where(PolicyDraft.policy == policy, PolicyDraft.author == author)
