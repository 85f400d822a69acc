"""The network inventory from CSV: elements and the dependencies between them, as a diff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sqlalchemy import BigInteger, Connection, Float, String, Table, and_, literal, or_, select
from sqlalchemy.orm import Session, aliased

from foundation.audit import write_audit
from foundation.bulk import Progress, insert_rows
from foundation.db import Document
from foundation.errors import InputError
from outage.column_checks import check_instant, check_services, coordinate, optional, text_of, word_of
from outage.importing import Batch, Column, CsvFile, ImportResult, Refusal, Rejects
from outage.inventory import list_dependencies, raise_version
from outage.models import Dependency, NetworkElement
from outage.staging import doubles, index_staged, load_changes, reject_lines, staged, staging_table, table_of
from outage.topology import find_cycle

ELEMENT_COLUMNS = (
    Column("ref", text_of(128), distinct=True),
    Column("kind", word_of(32)),
    Column("name", text_of(256), distinct=True),
    Column("services", check_services),
    Column("site", optional(text_of(128)), required=False),
    Column("radio", optional(text_of(8)), required=False),
    Column("latitude", optional(coordinate(90)), required=False, distinct=True),
    Column("longitude", optional(coordinate(180)), required=False, distinct=True),
    Column("area", optional(text_of(64)), required=False),
    Column("valid_from", optional(check_instant), required=False),
    Column("valid_to", optional(check_instant), required=False),
)
DEPENDENCY_COLUMNS = (
    Column("element", text_of(128)),
    Column("group", optional(text_of(64)), required=False),
    Column("member", text_of(128)),
    Column("services", lambda raw: check_services(raw) if raw.strip() else None, required=False),
)
_STAGED_ELEMENTS = staging_table(
    "staged_elements",
    ref=String,
    kind=String,
    name=String,
    services=Document,
    site=String,
    radio=String,
    latitude=Float,
    longitude=Float,
    area=String,
    valid_from=BigInteger,
    valid_to=BigInteger,
)
_STAGED_DEPENDENCIES = staging_table(
    "staged_dependencies", element=String, group=String, member=String, services=Document
)
_elements = table_of(NetworkElement)
_dependencies = table_of(Dependency)


def import_network(
    session: Session,
    elements_csv: Path,
    dependencies_csv: Path | None = None,
    *,
    actor: str,
    column_map: Mapping[str, str] | None = None,
    dependency_map: Mapping[str, str] | None = None,
    reject_dir: Path,
    progress: Progress | None = None,
) -> list[ImportResult]:
    """Load elements, then dependencies; one result per file. What a file does not name is left as it is.

    Columns: `ELEMENT_COLUMNS`, `DEPENDENCY_COLUMNS`; services are separated by |, coordinates are degrees. Bad rows
    go to the reject file and the others load; a dependency's whole redundancy group is rejected with any of its
    rows, because a group with a member too few would report outages that are none.
    Raises InputError for a file that is not what it should be, and for a cycle, named by its elements; the
    caller's transaction must then be rolled back, as `Database.transaction()` does.
    """
    results = [_import_elements(session, elements_csv, column_map, reject_dir, progress)]
    if dependencies_csv is not None:
        results.append(_import_dependencies(session, dependencies_csv, dependency_map, reject_dir, progress))
        _check_acyclic(session, dependencies_csv)
    if any(result.changes for result in results):
        version = raise_version(session, "inventory")
        for result in results:
            after = {"file": Path(result.file).name, "added": result.added, "changed": result.changed}
            write_audit(session, actor=actor, action="network imported", subject=f"inventory:{version}", after=after)
    return results


def _import_elements(
    session: Session, path: Path, column_map: Mapping[str, str] | None, reject_dir: Path, progress: Progress | None
) -> ImportResult:
    connection = session.connection()
    table = _STAGED_ELEMENTS
    with (
        CsvFile(path, ELEMENT_COLUMNS, column_map=column_map) as file,
        Rejects(path, reject_dir) as rejects,
        staged(connection, table),
    ):
        names = file.present
        batches = _checked_elements(file.batches(rejects, progress))
        insert_rows(connection, table, ["line", *names], (batch.rows(names) for batch in batches))
        index_staged(connection, table, "ref")
        reject_lines(connection, table, rejects, "ref", doubles(table, ["ref"], "ref"))
        values = {name: table.c[name] for name in names if name != "ref"}
        added, changed = load_changes(connection, _elements, table, keys=["ref"], values=values)
    return _result(file, rejects, added, changed)


def _checked_elements(batches: Iterable[Batch]) -> Iterator[Batch]:
    for batch in batches:
        # A column the file lacks says nothing, for any row.
        absent = [None] * len(batch.lines)
        latitudes, longitudes, starts, ends = (
            batch.values.get(name, absent) for name in ("latitude", "longitude", "valid_from", "valid_to")
        )
        for position in list(batch.good()):
            if (latitudes[position] is None) != (longitudes[position] is None):
                reason = "a latitude without a longitude or the other way; accepted: both or neither"
                batch.refuse(position, "latitude", latitudes[position], reason)
            start, end = starts[position], ends[position]
            if start is not None and end is not None and end <= start:
                batch.refuse(position, "valid_to", end, "valid_to is not after valid_from; accepted: a later time")
        yield batch


def _import_dependencies(
    session: Session, path: Path, column_map: Mapping[str, str] | None, reject_dir: Path, progress: Progress | None
) -> ImportResult:
    connection = session.connection()
    table = _STAGED_DEPENDENCIES
    broken: set[tuple[str, str]] = set()
    with (
        CsvFile(path, DEPENDENCY_COLUMNS, column_map=column_map) as file,
        Rejects(path, reject_dir) as rejects,
        staged(connection, table),
    ):
        batches = _checked_dependencies(file.batches(rejects, progress), broken)
        names = ["element", "group", "member", "services"]
        insert_rows(connection, table, ["line", *names], (batch.rows(names) for batch in batches))
        index_staged(connection, table, "element", "member")
        reject_lines(connection, table, rejects, "member", doubles(table, ["element", "group", "member"], "dependency"))
        _reject_unknown(connection, table, rejects, broken)
        _reject_broken(connection, table, rejects, broken)
        element, member = aliased(NetworkElement), aliased(NetworkElement)
        source = (
            select(table, element.id.label("element_id"), member.id.label("member_id"))
            .join(element, element.ref == table.c.element)
            .join(member, member.ref == table.c.member)
            .subquery()
        )
        values = {"services": source.c.services} if "services" in file.present else {}
        added, changed = load_changes(
            connection, _dependencies, source, keys=["element_id", "group", "member_id"], values=values
        )
    return _result(file, rejects, added, changed)


def _checked_dependencies(batches: Iterable[Batch], broken: set[tuple[str, str]]) -> Iterator[Batch]:
    for batch in batches:
        size = len(batch.lines)
        elements, members = batch.values["element"], batch.values["member"]
        named = batch.values.get("group", [None] * size)
        # A plain dependency is a group of one; its member names it.
        groups = [group or member for group, member in zip(named, members, strict=True)]
        batch.values["group"] = groups
        batch.values.setdefault("services", [None] * size)
        for position in list(batch.good()):
            if elements[position] == members[position]:
                reason = "an element that depends on itself; accepted: another element"
                batch.refuse(position, "member", members[position], reason)
            elif len(groups[position]) > 64:
                batch.refuse(position, "group", "", "empty, and the member's ref is too long to name the group")
        broken.update(
            (elements[position], groups[position])
            for position in batch.faults
            if type(elements[position]) is not Refusal and type(groups[position]) is not Refusal
        )
        yield batch


def _reject_unknown(connection: Connection, table: Table, rejects: Rejects, broken: set[tuple[str, str]]) -> None:
    for name in ("element", "member"):
        reason = literal("unknown network element; accepted: a ref from the inventory or the elements file")
        unknown = (
            select(table.c.line, table.c[name], reason, table.c.element, table.c.group)
            .outerjoin(_elements, _elements.c.ref == table.c[name])
            .where(_elements.c.id.is_(None))
            .order_by(table.c.line)
        )
        broken.update((row[3], row[4]) for row in connection.execute(unknown))
        reject_lines(connection, table, rejects, name, unknown.with_only_columns(*list(unknown.selected_columns)[:3]))


def _reject_broken(connection: Connection, table: Table, rejects: Rejects, broken: set[tuple[str, str]]) -> None:
    pairs = sorted(broken)
    reason = literal("another row of this element's group was rejected; accepted: the whole group")
    for start in range(0, len(pairs), 200):
        part = or_(
            *(and_(table.c.element == element, table.c.group == group) for element, group in pairs[start : start + 200])
        )
        found = select(table.c.line, table.c.group, reason).where(part).order_by(table.c.line)
        reject_lines(connection, table, rejects, "group", found)


def _check_acyclic(session: Session, path: Path) -> None:
    cycle = find_cycle(list_dependencies(session))
    if cycle is None:
        return
    statement = select(NetworkElement.id, NetworkElement.ref).where(NetworkElement.id.in_(cycle))
    refs = {row.id: row.ref for row in session.execute(statement)}
    raise InputError(
        "the dependencies form a cycle",
        where=str(path),
        value=" -> ".join(refs[key] for key in [*cycle, cycle[0]]),
        accepted="dependencies in which no element depends on itself, directly or through others",
    )


def _result(file: CsvFile, rejects: Rejects, added: int, changed: int) -> ImportResult:
    unchanged = file.read - rejects.rows - added - changed
    return ImportResult(str(file.path), file.read, added, changed, unchanged, rejects.rows, rejects.written)
