"""Facts about lines that staff define: their names, types and allowed values."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation.audit import write_audit
from foundation.errors import InputError
from outage.column_checks import ATTRIBUTE_TYPES, attribute_of
from outage.models import AttributeDefinition

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def define_attribute(
    session: Session, *, name: str, kind: str, meaning: str, allowed: Sequence[str] | None = None, actor: str
) -> tuple[AttributeDefinition, bool]:
    """Define an attribute or change its allowed values and meaning; returns it and whether anything changed.

    Raises InputError for a bad name, type or allowed value, and for another type than the one it has, because lines
    already hold values of that one.
    """
    _check(name, kind, meaning, allowed)
    existing = session.get(AttributeDefinition, name)
    after = {"type": kind, "allowed": list(allowed) if allowed else None, "meaning": meaning.strip()}
    before = None if existing is None else _content(existing)
    if existing is not None and before == after:
        return existing, False
    if existing is not None and existing.type != kind:
        raise InputError("this attribute has another type", where=name, value=kind, accepted=existing.type)
    definition = existing or AttributeDefinition(name=name)
    definition.type, definition.meaning = kind, meaning.strip()
    definition.allowed = list(allowed) if allowed else None
    session.add(definition)
    session.flush()
    subject = f"attribute:{name}"
    write_audit(session, actor=actor, action="attribute defined", subject=subject, before=before, after=after)
    return definition, True


def list_attributes(session: Session) -> list[AttributeDefinition]:
    """All definitions by name."""
    return list(session.scalars(select(AttributeDefinition).order_by(AttributeDefinition.name)))


def _content(definition: AttributeDefinition) -> dict[str, object]:
    return {"type": definition.type, "allowed": definition.allowed, "meaning": definition.meaning}


def _check(name: str, kind: str, meaning: str, allowed: Sequence[str] | None) -> None:
    if _NAME.fullmatch(name) is None:
        raise InputError("not a name", where="name", value=name, accepted="lower-case letters, digits and _, up to 64")
    if kind not in ATTRIBUTE_TYPES:
        raise InputError("unknown type", where="type", value=kind, accepted=", ".join(ATTRIBUTE_TYPES))
    if not meaning.strip():
        raise InputError("empty", where="meaning", accepted="what the attribute says about a line")
    for value in allowed or ():
        try:
            attribute_of(kind, None)(value)
        except InputError as error:
            raise InputError(error.what, where="allowed", value=value, accepted=error.accepted) from None
