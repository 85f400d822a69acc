"""Staged elements and dependencies against the inventory: added, changed and retired, each set at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    String,
    Table,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.sql.selectable import NamedFromClause

from foundation.bulk import insert_rows
from foundation.db import Document
from outage.imports.staging import index_staged, insert_selected, load_changes, staged, staging_table, table_of
from outage.lifecycle import IncidentStatus
from outage.models import Dependency, Incident, NetworkElement, Outage
from outage.network.history import (
    ADDED,
    CHANGED,
    DEPENDENCY,
    ELEMENT,
    RETIRED,
    Stamp,
    dependency_ref,
    document,
    record_changes,
)

_elements = table_of(NetworkElement)
_dependencies = table_of(Dependency)
_outages, _incidents = table_of(Outage), table_of(Incident)
_ELEMENT_VALUES = [column.name for column in _elements.columns if column.name != "id"]
_VALIDITY = ("valid_from", "valid_to")
_named = staging_table("staged_named", first=String, second=String)
_links = staging_table(
    "staged_links",
    element=String,
    member=String,
    element_id=BigInteger,
    group=String,
    member_id=BigInteger,
    services=Document,
    valid_from=BigInteger,
    valid_to=BigInteger,
    known_id=BigInteger,
    verdict=String,
)
# Verdicts on a staged dependency; nothing for one that stands in the inventory like this already.
_NEW, _RETURNED, _REPLACED, _ALTERED = "new", "returned", "replaced", "altered"


@dataclass(frozen=True, slots=True)
class HeldElement:
    """An element that was not retired, because an open incident (its ref) names it."""

    ref: str
    incident: str


@dataclass(frozen=True, slots=True)
class FileSays:
    """What the file names: its columns, and whether it is the whole inventory; `since`: from when new rows count."""

    present: Collection[str]
    full: bool
    since: ColumnElement[int] | None

    @property
    def dated(self) -> bool:
        """Whether the file itself says when its rows are valid."""
        return any(name in self.present for name in _VALIDITY)


def has_rows(connection: Connection, model: type[NetworkElement | Dependency]) -> bool:
    """Whether the inventory holds any element, or any dependency, so far."""
    return connection.execute(select(table_of(model).c.id).limit(1)).first() is not None


def in_open_incident(element_id: ColumnElement[int]) -> Select[tuple[str]]:
    """A query for the ref of an open incident with an outage of that element."""
    return (
        select(func.min(_incidents.c.ref))
        .join(_outages, _outages.c.incident_id == _incidents.c.id)
        .where(_incidents.c.status == IncidentStatus.OPENED, _outages.c.element_id == element_id)
    )


def retiring_under_incident(table: Table, stamp: Stamp) -> Select[tuple[int, object, str]]:
    """The staged elements whose date would retire them now although an open incident names them; line, ref, why."""
    incident = in_open_incident(_elements.c.id).scalar_subquery()
    reason = literal("incident ").concat(incident).concat(" is open on this element; accepted: no end until it is over")
    return (
        select(table.c.line, table.c.ref, reason)
        .join(_elements, _elements.c.ref == table.c.ref)
        .where(table.c.valid_to <= stamp.now, _is_valid(_elements.c.valid_to, stamp), incident.is_not(None))
        .order_by(table.c.line)
    )


def apply_elements(connection: Connection, table: Table, says: FileSays, stamp: Stamp) -> None:
    """Add and change the staged elements; one that was retired and is named again comes back."""
    known = _elements.c
    after: dict[str, ColumnElement[Any]] = {
        name: table.c[name] if name in says.present else known[name] for name in _ELEMENT_VALUES
    }
    after["ref"] = table.c.ref
    if "valid_to" not in says.present:
        after["valid_to"] = case((known.valid_to <= stamp.now, null()), else_=known.valid_to)
    if "valid_from" not in says.present and says.since is not None:
        after["valid_from"] = case((known.id.is_(None), says.since), else_=known.valid_from)
    values = {name: after[name] for name in [*says.present, "valid_to"] if name != "ref"}
    unlike = [known[name].is_distinct_from(value) for name, value in values.items()]
    record_changes(
        connection,
        stamp,
        ELEMENT,
        ref=table.c.ref,
        change=_kind(known.id, known.valid_to, after["valid_to"], stamp),
        before=case((known.id.is_(None), null()), else_=document(connection, _values(_elements))),
        after=document(connection, after),
        found=table.outerjoin(_elements, known.ref == table.c.ref),
        where=or_(known.id.is_(None), *unlike),
        order=table.c.line,
    )
    defaults = {} if "valid_from" in says.present else {"valid_from": after["valid_from"]}
    load_changes(connection, _elements, table, keys=["ref"], values=values, defaults=defaults)


def retire_elements(
    connection: Connection, table: Table, kept: Iterable[str], stamp: Stamp
) -> tuple[int, list[HeldElement]]:
    """Retire the elements that are not staged; how many, and those that an open incident holds.

    `kept`: refs of rows that were rejected: what is wrong in the file is not gone from the network.
    """
    known = _elements.c
    with staged(connection, _named):
        insert_rows(connection, _named, ["line", "first"], [enumerate(sorted(set(kept)))])
        index_staged(connection, _named, "first")
        gone = and_(
            _is_valid(known.valid_to, stamp),
            not_(exists().where(table.c.ref == known.ref)),
            not_(exists().where(_named.c.first == known.ref)),
        )
        incident = in_open_incident(known.id).scalar_subquery()
        # Few elements have outages: asked for those first, so that not every element is looked up.
        suspects = select(known.ref, incident.label("incident")).where(
            gone, known.id.in_(select(_outages.c.element_id)), incident.is_not(None)
        )
        held = [HeldElement(*row) for row in connection.execute(suspects.order_by(known.ref))]
        closing = case((known.valid_from > stamp.now, known.valid_from), else_=stamp.now)
        on_incident = select(_outages.c.element_id).join(_incidents, _incidents.c.id == _outages.c.incident_id)
        gone = and_(gone, known.id.not_in(on_incident.where(_incidents.c.status == IncidentStatus.OPENED)))
        retired = record_changes(
            connection,
            stamp,
            ELEMENT,
            ref=known.ref,
            change=literal(RETIRED),
            before=document(connection, _values(_elements)),
            after=document(connection, {**_values(_elements), "valid_to": closing}),
            found=_elements,
            where=gone,
            order=known.id,
        )
        connection.execute(update(_elements).where(gone).values(valid_to=closing))
    return retired, held


def apply_dependencies(
    connection: Connection, table: Table, says: FileSays, broken: Collection[tuple[str, str]] | None, stamp: Stamp
) -> int:
    """Add and change the staged dependencies, and with a full file retire those it no longer has; returns how many.

    A file without dates that is full closes a dependency it changes and opens another, so that what was valid before
    stays known; any other file corrects in place. One that was retired and is named again counts from now on. `broken`:
    the (element, group) of rejected rows, whose dependencies stay; None: nothing is retired.
    """
    with staged(connection, _links):
        _judge(connection, table, says, stamp)
        _record_links(connection, stamp)
        known, link = _dependencies.c, _links.c
        same = known.id == link.known_id
        connection.execute(update(_dependencies).where(same, link.verdict == _REPLACED).values(valid_to=stamp.now))
        changed = {name: link[name] for name in ("services", *_VALIDITY)}
        connection.execute(update(_dependencies).where(same, link.verdict == _ALTERED).values(changed))
        names = ["element_id", "group", "member_id", "services", *_VALIDITY]
        opening = link.verdict.in_([_NEW, _RETURNED, _REPLACED])
        found = select(*(link[name] for name in names)).where(opening).order_by(link.line)
        insert_selected(connection, _dependencies, names, found)
        return _retire_dependencies(connection, broken, stamp) if says.full and broken is not None else 0


def _judge(connection: Connection, table: Table, says: FileSays, stamp: Stamp) -> None:
    """Fill the links: each staged dependency with ids, the latest that is known of it, and what is to be done."""
    element, member, known = _elements.alias("element"), _elements.alias("member"), _dependencies.alias("known")
    latest = and_(
        known.c.element_id == element.c.id,
        known.c.group == table.c.group,
        known.c.member_id == member.c.id,
        not_(exists().where(_is_newer(_dependencies.alias("later"), known))),
    )
    retires = func.coalesce(table.c.retired, "no") == "yes" if "retired" in says.present else literal(False)
    over = known.c.valid_to <= stamp.now
    ends = case((over, known.c.valid_to), (known.c.valid_from > stamp.now, known.c.valid_from), else_=stamp.now)
    values: dict[str, ColumnElement[Any]] = {
        name: case((retires, known.c[name]), else_=table.c[name]) if name in says.present else known.c[name]
        for name in ("services", *_VALIDITY)
    }
    values["valid_to"] = case((retires, ends), else_=values["valid_to"])
    unlike = or_(*(known.c[name].is_distinct_from(values[name]) for name in values))
    returned = literal(False) if says.dated else and_(over, not_(retires))
    stays_known = literal(says.full and not says.dated)
    replaced = and_(stays_known, not_(retires), or_(known.c.valid_from.is_(None), known.c.valid_from < stamp.now))
    verdict = case(
        (known.c.id.is_(None), _NEW), (returned, _RETURNED), (and_(unlike, replaced), _REPLACED), (unlike, _ALTERED)
    )
    if not says.dated:
        since = says.since if says.since is not None else null()
        opens = case((known.c.id.is_(None), since), (verdict == _ALTERED, known.c.valid_from), else_=stamp.now)
        values["valid_from"] = case((verdict.is_(None), known.c.valid_from), else_=opens)
        values["valid_to"] = case((returned, null()), else_=values["valid_to"])
    columns = {
        "line": table.c.line,
        "element": table.c.element,
        "member": table.c.member,
        "element_id": element.c.id,
        "group": table.c.group,
        "member_id": member.c.id,
        **values,
        "known_id": known.c.id,
        "verdict": verdict,
    }
    rows = (
        table.join(element, element.c.ref == table.c.element)
        .join(member, member.c.ref == table.c.member)
        .outerjoin(known, latest)
    )
    connection.execute(insert(_links).from_select(list(columns), select(*columns.values()).select_from(rows)))
    index_staged(connection, _links, "known_id", "element_id")


def _is_newer(later: NamedFromClause[Any], known: NamedFromClause[Any]) -> ColumnElement[bool]:
    """Whether one stretch of a dependency's validity begins after another; one without a start is the first."""
    keys = ("element_id", "group", "member_id")
    begins = or_(
        later.c.valid_from > known.c.valid_from, and_(known.c.valid_from.is_(None), later.c.valid_from.is_not(None))
    )
    return and_(*(later.c[key] == known.c[key] for key in keys), begins)


def _record_links(connection: Connection, stamp: Stamp) -> None:
    known, link = _dependencies.c, _links.c
    names = {name: link[name] for name in ("element", "group", "member")}
    kept = {name: known[name] for name in ("services", *_VALIDITY)}
    told = {name: link[name] for name in ("services", *_VALIDITY)}
    in_place = _kind(known.id, known.valid_to, link.valid_to, stamp)
    record_changes(
        connection,
        stamp,
        DEPENDENCY,
        ref=dependency_ref(link.element, link.member, link.group),
        change=case((link.verdict == _REPLACED, CHANGED), else_=in_place),
        before=case((known.id.is_(None), null()), else_=document(connection, {**names, **kept})),
        after=document(connection, {**names, **told}),
        found=_links.outerjoin(_dependencies, known.id == link.known_id),
        where=link.verdict.is_not(None),
        order=link.line,
    )


def _retire_dependencies(connection: Connection, broken: Collection[tuple[str, str]], stamp: Stamp) -> int:
    known, link = _dependencies.c, _links.c
    element, member = _elements.alias("element"), _elements.alias("member")
    found = _dependencies.join(element, element.c.id == known.element_id).join(member, member.c.id == known.member_id)
    with staged(connection, _named):
        rows = [(line, *pair) for line, pair in enumerate(sorted(broken))]
        insert_rows(connection, _named, ["line", "first", "second"], [rows])
        index_staged(connection, _named, "first")
        named = exists().where(
            link.element_id == known.element_id, link.group == known.group, link.member_id == known.member_id
        )
        spared = (
            exists()
            .where(
                _elements.c.id == known.element_id, _named.c.first == _elements.c.ref, _named.c.second == known.group
            )
            .select_from(_elements.join(_named, _named.c.first == _elements.c.ref))
        )
        gone = and_(_is_valid(known.valid_to, stamp), not_(named), not_(spared))
        names = {"element": element.c.ref, "group": known.group, "member": member.c.ref}
        kept = {**names, **{name: known[name] for name in ("services", *_VALIDITY)}}
        retired = record_changes(
            connection,
            stamp,
            DEPENDENCY,
            ref=dependency_ref(element.c.ref, member.c.ref, known.group),
            change=literal(RETIRED),
            before=document(connection, kept),
            after=document(connection, {**kept, "valid_to": stamp.now}),
            found=found,
            where=gone,
            order=known.id,
        )
        # One that was never valid leaves no stretch behind.
        connection.execute(delete(_dependencies).where(gone, known.valid_from >= stamp.now))
        connection.execute(update(_dependencies).where(gone).values(valid_to=stamp.now))
    return retired


def _is_valid(valid_to: ColumnElement[int | None], stamp: Stamp) -> ColumnElement[bool]:
    return or_(valid_to.is_(None), valid_to > stamp.now)


def _kind(
    known_id: ColumnElement[int], was: ColumnElement[int | None], will: ColumnElement[int | None], stamp: Stamp
) -> ColumnElement[str]:
    """Added, changed or retired, by when it ended so far and when it will."""
    before, after = _is_valid(was, stamp), _is_valid(will, stamp)
    return case(
        (known_id.is_(None), ADDED),
        (and_(before, not_(after)), RETIRED),
        (and_(not_(before), after), ADDED),
        else_=CHANGED,
    )


def _values(table: Table) -> dict[str, ColumnElement[object]]:
    return {name: table.c[name] for name in _ELEMENT_VALUES}
