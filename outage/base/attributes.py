"""Facts about lines that staff define: their names, types and allowed values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation.audit import write_audit
from foundation.errors import InputError
from outage.imports.column_checks import ATTRIBUTE_TYPES, attribute_of
from outage.imports.importing import Batch, Column, Refusal, remembered
from outage.models import AttributeDefinition

ATTRIBUTE_PREFIX = "attribute:"
_LONGEST_UNIT = 32
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def define_attribute(
    session: Session,
    *,
    name: str,
    kind: str,
    meaning: str,
    allowed: Sequence[str] | None = None,
    unit: str = "",
    actor: str,
) -> tuple[AttributeDefinition, bool]:
    """Define an attribute or change its allowed values, unit and meaning; returns it and whether anything changed.

    Only a number has a unit, such as EUR, days or h. Raises InputError for a bad name, type, unit or allowed value,
    and for another type than the one it has, because lines already hold values of that one.
    """
    _check(name, kind, meaning, allowed)
    unit = _checked_unit(kind, unit)
    existing = session.get(AttributeDefinition, name)
    after = {"type": kind, "allowed": list(allowed) if allowed else None, "meaning": meaning.strip(), "unit": unit}
    before = None if existing is None else _content(existing)
    if existing is not None and before == after:
        return existing, False
    if existing is not None and existing.type != kind:
        raise InputError("this attribute has another type", where=name, value=kind, accepted=existing.type)
    definition = existing or AttributeDefinition(name=name)
    definition.type, definition.meaning = kind, meaning.strip()
    definition.allowed = list(allowed) if allowed else None
    definition.unit = unit
    session.add(definition)
    session.flush()
    subject = f"attribute:{name}"
    write_audit(session, actor=actor, action="attribute defined", subject=subject, before=before, after=after)
    return definition, True


def list_attributes(session: Session) -> list[AttributeDefinition]:
    """All definitions by name."""
    return list(session.scalars(select(AttributeDefinition).order_by(AttributeDefinition.name)))


def _content(definition: AttributeDefinition) -> dict[str, object]:
    told = {"type": definition.type, "allowed": definition.allowed, "meaning": definition.meaning}
    return {**told, "unit": definition.unit}


def _checked_unit(kind: str, unit: str) -> str:
    said = unit.strip()
    if said and kind != "number":
        raise InputError("only a number has a unit", where="unit", value=said, accepted="no unit, or the type number")
    if len(said) > _LONGEST_UNIT or not said.isprintable():
        raise InputError("not a unit", where="unit", value=said, accepted="such as EUR, days, h or GB")
    return said


def attribute_columns(session: Session) -> Callable[[str], Column | None]:
    """Makes a column of a name such as attribute:tier; raises InputError for an attribute that nobody defined."""
    definitions = {row.name: row for row in list_attributes(session)}

    def column(name: str) -> Column | None:
        if not name.startswith(ATTRIBUTE_PREFIX):
            return None
        definition = definitions.get(name.removeprefix(ATTRIBUTE_PREFIX))
        if definition is None:
            known = ", ".join(ATTRIBUTE_PREFIX + one for one in definitions) or "none is defined yet"
            raise InputError("an attribute that nobody defined", where="header", value=name, accepted=known)
        return Column(name, attribute_of(definition.type, definition.allowed), required=False)

    return column


def join_attributes(batch: Batch, *, with_empty: bool = True) -> None:
    """All attribute columns as one JSON text per row, under the name `attributes`; null takes an attribute away.

    Without empty fields they say nothing, and a row that says nothing at all has None.
    """
    columns = {
        name.removeprefix(ATTRIBUTE_PREFIX): values
        for name, values in batch.values.items()
        if name.startswith(ATTRIBUTE_PREFIX)
    }
    if not columns:
        return

    def written(row: tuple[object, ...]) -> str | None:
        said = {name: value for name, value in zip(columns, row, strict=True) if with_empty or value is not None}
        return json.dumps(said) if said else None

    as_text = remembered(written)
    rows = [
        tuple(None if type(value) is Refusal else value for value in row) for row in zip(*columns.values(), strict=True)
    ]
    batch.values["attributes"] = as_text(rows)


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
