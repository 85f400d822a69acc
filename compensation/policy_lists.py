"""Policies as a list: one row per policy with its newest version, found, sorted and counted by the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from compensation.models import PolicyState, PolicyVersion
from foundation.audit import AuditEntry
from foundation.errors import InputError

SORTS = {
    "changed": (PolicyVersion.created_at.desc(), PolicyVersion.id.desc()),
    "title": (PolicyVersion.title, PolicyVersion.name),
    "name": (PolicyVersion.name,),
    "in force": (PolicyVersion.in_force_from.desc(), PolicyVersion.name),
    "author": (PolicyVersion.author, PolicyVersion.name),
}


@dataclass(frozen=True)
class PolicyFilter:
    """What a list shows: words in title, name or author; states of the newest version; basis; order."""

    search: str = ""
    states: Sequence[PolicyState] = field(default_factory=tuple)
    basis: str = ""
    sort: str = "changed"


@dataclass(frozen=True)
class ListedPolicy:
    """A policy by its newest version; `in_force` is the number of its approved version, None when it has none."""

    newest: PolicyVersion
    versions: int
    in_force: int | None


def list_policies(session: Session, wanted: PolicyFilter, *, limit: int, offset: int = 0) -> list[ListedPolicy]:
    """Policies that fit, in order; raises InputError for an unknown order."""
    if wanted.sort not in SORTS:
        raise InputError("cannot sort by this", where="sort", value=wanted.sort, accepted=", ".join(SORTS))
    other = aliased(PolicyVersion)
    versions = select(func.count()).where(other.name == PolicyVersion.name).scalar_subquery()
    approved = aliased(PolicyVersion)
    in_force = (
        select(func.max(approved.number))
        .where(approved.name == PolicyVersion.name, approved.state == PolicyState.APPROVED)
        .scalar_subquery()
    )
    statement = _fitting(select(PolicyVersion, versions, in_force), wanted).order_by(*SORTS[wanted.sort])
    return [ListedPolicy(*row) for row in session.execute(statement.limit(limit).offset(offset))]


def count_policies(session: Session, wanted: PolicyFilter) -> int:
    """How many policies fit."""
    return session.scalar(_fitting(select(func.count()).select_from(PolicyVersion), wanted)) or 0


def list_history(session: Session, name: str, numbers: Sequence[int]) -> Sequence[AuditEntry]:
    """Who did what with these versions of a policy, the latest first."""
    subjects = [f"{name} v{number}" for number in numbers]
    statement = select(AuditEntry).where(AuditEntry.subject.in_(subjects)).order_by(AuditEntry.id.desc())
    return session.scalars(statement).all()


def _fitting(statement: Select, wanted: PolicyFilter) -> Select:  # type: ignore[type-arg]  # any columns
    newer = aliased(PolicyVersion)
    is_newest = ~(
        select(newer.id).where(and_(newer.name == PolicyVersion.name, newer.number > PolicyVersion.number)).exists()
    )
    conditions: list[ColumnElement[bool]] = [is_newest]
    if wanted.search.strip():
        columns = (PolicyVersion.title, PolicyVersion.name, PolicyVersion.author)
        conditions += [
            or_(*(func.lower(column).contains(word, autoescape=True) for column in columns))
            for word in wanted.search.lower().split()
        ]
    if wanted.states:
        conditions.append(PolicyVersion.state.in_(wanted.states))
    if wanted.basis:
        conditions.append(PolicyVersion.basis == wanted.basis)
    return statement.where(*conditions)
