"""The network inventory from CSV: elements and the dependencies between them, read, checked and loaded as a diff."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import BigInteger, Connection, Float, String, Table, and_, exists, literal, or_, select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.audit import write_audit
from foundation.bulk import Progress, insert_rows
from foundation.db import Document
from foundation.errors import InputError
from outage.imports.column_checks import check_instant, check_services, coordinate, one_of, optional, text_of, word_of
from outage.imports.importing import Column, CsvFile, ImportResult, Rejects
from outage.imports.staging import doubles, index_staged, reject_lines, staged, staging_table, table_of
from outage.models import Dependency, NetworkElement
from outage.network.diff import (
    FileSays,
    HeldElement,
    apply_dependencies,
    apply_elements,
    has_rows,
    retire_elements,
    retiring_under_incident,
)
from outage.network.history import (
    ADDED,
    CHANGED,
    DEPENDENCY,
    ELEMENT,
    RETIRED,
    Change,
    Stamp,
    count_changes,
    list_changes,
)
from outage.network.inventory import find_cycle, lock_version, raise_version
from outage.network.rows import Named, checked_dependencies, checked_elements

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
    Column("valid_from", optional(check_instant), required=False),
    Column("valid_to", optional(check_instant), required=False),
    Column("retired", optional(one_of("yes", "no")), required=False),
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
    "staged_dependencies",
    element=String,
    group=String,
    member=String,
    services=Document,
    valid_from=BigInteger,
    valid_to=BigInteger,
    retired=String,
)
_elements, _dependencies = table_of(NetworkElement), table_of(Dependency)
_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class NetworkResult(ImportResult):
    """What an import of a network file did, or would do, as a diff; `details` says how many were retired.

    `samples`: the first changes of each kind; `refused`: of a dry run, the first rejected rows as line, field, value
    and reason, in place of a reject file. `held`: elements that the full file lacks and that stay, because an open
    incident names them. `unread`: rows of a full file that do not tell what they are about, for which reason nothing
    was retired. Rows that retire by their own date count as retired.
    """

    samples: Sequence[Change] = ()
    refused: Sequence[tuple[int, str, str, str]] = ()
    held: Sequence[HeldElement] = ()
    unread: int = 0
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _Job:
    """One file of an import."""

    session: Session
    path: Path
    column_map: Mapping[str, str] | None
    reject_dir: Path
    progress: Progress | None
    full: bool
    stamp: Stamp


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
    full: bool = False,
    dry_run: bool = False,
) -> list[NetworkResult]:
    """Load elements, then dependencies, as a diff; one result per file, and a row of history per change.

    Columns: `ELEMENT_COLUMNS`, `DEPENDENCY_COLUMNS`; services are separated by |, coordinates are degrees. What a file
    does not name is left as it is. With `full` the files are the whole network as it is now: what they lack is retired
    (valid to now), and what is new in them counts from now on, unless the inventory was empty or the file has dates.
    Rejected rows and elements of open incidents retire nothing. With `dry_run` nothing at all is written.

    A dependency ends by itself with `retired` yes, in any file; what else its row says is then left aside.

    Bad rows go to the reject file and the others load; a dependency's whole redundancy group is rejected with any of
    its rows, because a group with a member too few would report outages that are none.
    Raises InputError for a file that is not what it should be, and for a cycle at any one instant, named by its
    elements; the caller's transaction must then be rolled back, as `Database.transaction()` does.
    """
    files = [(elements_csv, column_map, _import_elements)]
    if dependencies_csv is not None:
        files.append((dependencies_csv, dependency_map, _import_dependencies))

    def load(directory: Path) -> list[NetworkResult]:
        version, at = lock_version(session, "inventory") + 1, clock.now()
        results = [
            load_file(_Job(session, path, names, directory, progress, full, Stamp(version, at, actor, path.name)))
            for path, names, load_file in files
        ]
        _enter(session, results, actor, files[-1][0])
        return results

    if not dry_run:
        return load(reject_dir)
    savepoint = session.begin_nested()
    try:
        with TemporaryDirectory() as directory:
            return [_told_only(result) for result in load(Path(directory))]
    finally:
        savepoint.rollback()


def _told_only(result: NetworkResult) -> NetworkResult:
    """The result of a dry run, with the first rejected rows in place of the file that will be gone."""
    refused: list[tuple[int, str, str, str]] = []
    if result.reject_file is not None:
        with result.reject_file.open(encoding="utf-8", newline="") as file:
            rows = islice(csv.DictReader(file), _SAMPLES)
            refused = [(int(row["line"]), row["field"], row["value"], row["reason"]) for row in rows]
    return replace(result, reject_file=None, refused=refused, dry_run=True)


def _enter(session: Session, results: Sequence[NetworkResult], actor: str, path: Path) -> None:
    """Refuse a cycle, raise the version and write the audit, if there was a change."""
    if not any(result.changes for result in results):
        return
    _check_acyclic(session, path)
    version = raise_version(session, "inventory")
    for result in results:
        counts = {"added": result.added, "changed": result.changed, **result.details}
        after = {"file": Path(result.file).name, **counts}
        write_audit(session, actor=actor, action="network imported", subject=f"inventory:{version}", after=after)


def _import_elements(job: _Job) -> NetworkResult:
    connection = job.session.connection()
    table = _STAGED_ELEMENTS
    kept: set[str] = set()
    with (
        CsvFile(job.path, ELEMENT_COLUMNS, column_map=job.column_map) as file,
        Rejects(job.path, job.reject_dir) as rejects,
        staged(connection, table),
    ):
        names = file.present
        named = Named()
        batches = named.watch(checked_elements(file.batches(rejects, job.progress)), "ref")
        insert_rows(connection, table, ["line", *names], (batch.rows(names) for batch in batches))
        unread = rejects.rows - named.rejected
        kept.update(ref for (ref,) in named.keys)
        if job.full:
            _check_not_empty(connection, NetworkElement, file)
        index_staged(connection, table, "ref")
        reject_lines(connection, table, rejects, "ref", doubles(table, ["ref"], "ref"))
        if "valid_to" in names:
            kept.update(connection.scalars(retiring_under_incident(table, job.stamp).with_only_columns(table.c.ref)))
            reject_lines(connection, table, rejects, "valid_to", retiring_under_incident(table, job.stamp))
        since = job.stamp.now if job.full and has_rows(connection, NetworkElement) else None
        apply_elements(connection, table, FileSays(names, job.full, since), job.stamp)
        gone, held = retire_elements(connection, table, kept, job.stamp) if job.full and not unread else (0, [])
    return _result(job, file, rejects, ELEMENT, gone=gone, held=held, unread=unread)


def _check_not_empty(connection: Connection, model: type[NetworkElement | Dependency], file: CsvFile) -> None:
    """Refuse to retire everything for an export that gave nothing but its header."""
    if file.read or not has_rows(connection, model):
        return
    raise InputError(
        "no rows: a full import of it would retire everything",
        where=str(file.path),
        accepted="the whole network; what is to go one by one is retired by its own row",
    )


def _import_dependencies(job: _Job) -> NetworkResult:
    connection = job.session.connection()
    table = _STAGED_DEPENDENCIES
    with (
        CsvFile(job.path, DEPENDENCY_COLUMNS, column_map=job.column_map) as file,
        Rejects(job.path, job.reject_dir) as rejects,
        staged(connection, table),
    ):
        named = Named()
        batches = named.watch(checked_dependencies(file.batches(rejects, job.progress)), "element", "group")
        names = [*dict.fromkeys([*file.present, "group"])]
        insert_rows(connection, table, ["line", *names], (batch.rows(names) for batch in batches))
        unread = rejects.rows - named.rejected
        broken = {(element, group) for element, group in named.keys}
        if job.full:
            _check_not_empty(connection, Dependency, file)
        index_staged(connection, table, "element", "member")
        reject_lines(connection, table, rejects, "member", doubles(table, ["element", "group", "member"], "dependency"))
        _reject_unknown(connection, table, rejects, broken)
        if "retired" in file.present:
            _reject_unfounded(connection, table, rejects)
        _reject_broken(connection, table, rejects, broken)
        since = job.stamp.now if job.full and has_rows(connection, Dependency) else None
        says = FileSays(file.present, job.full, since)
        gone = apply_dependencies(connection, table, says, None if unread else broken, job.stamp)
    return _result(job, file, rejects, DEPENDENCY, gone=gone, unread=unread)


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


def _reject_unfounded(connection: Connection, table: Table, rejects: Rejects) -> None:
    """Reject the rows that retire what the inventory does not have."""
    element, member = _elements.alias("element"), _elements.alias("member")
    known = exists().where(
        _dependencies.c.element_id == element.c.id,
        _dependencies.c.group == table.c.group,
        _dependencies.c.member_id == member.c.id,
    )
    reason = literal("there is no such dependency to retire; accepted: one of the inventory, with its group")
    found = (
        select(table.c.line, table.c.retired, reason)
        .join(element, element.c.ref == table.c.element)
        .join(member, member.c.ref == table.c.member)
        .where(table.c.retired == "yes", ~known)
        .order_by(table.c.line)
    )
    reject_lines(connection, table, rejects, "retired", found)


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
    cycle = find_cycle(session)
    if cycle is None:
        return
    raise InputError(
        "the dependencies form a cycle",
        where=str(path),
        value=" -> ".join([*cycle, cycle[0]]),
        accepted="dependencies in which no element depends on itself, directly or through others, at any one time; "
        "one that is new since the network was rebuilt says so by valid_from, or comes in a full import",
    )


def _result(
    job: _Job,
    file: CsvFile,
    rejects: Rejects,
    subject: str,
    *,
    gone: int,
    unread: int,
    held: Sequence[HeldElement] = (),
) -> NetworkResult:
    version = job.stamp.version
    counts = count_changes(job.session, version, subject)
    samples = [
        row
        for change in counts
        for row in list_changes(job.session, version=version, subject=subject, change=change, limit=_SAMPLES)
    ]
    return NetworkResult(
        file=str(file.path),
        read=file.read,
        added=counts.get(ADDED, 0),
        changed=counts.get(CHANGED, 0),
        unchanged=file.read - rejects.rows - sum(counts.values()) + gone,
        rejected=rejects.rows,
        reject_file=rejects.written,
        details={"retired": counts[RETIRED]} if RETIRED in counts else {},
        samples=samples,
        held=held,
        unread=unread if job.full else 0,
    )
