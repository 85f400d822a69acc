"""Who must not be texted, for which purpose: by staff, by file, by what recipients answer, by what providers say."""

from __future__ import annotations

import csv
import enum
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TextIO

from sqlalchemy import Row, Table, select, update
from sqlalchemy.orm import Session

from foundation import clock
from foundation.audit import write_audit
from foundation.db import insert_ignoring, one_of
from foundation.errors import InputError, NotFoundError
from notify.models import Purpose, Scope, Suppression

SUPPRESSIONS: Table = Suppression.__table__  # type: ignore[assignment]  # declared as FromClause, is a Table
COLUMNS = ("address", "scope", "reason", "since")
# Who says STOP refuses everything that is not owed to him by law.
_ALL_PURPOSES = (Scope.SERVICE, Scope.COMPENSATION, Scope.MARKETING)
# The words that carriers in North America must honour, and what takes them back (CTIA, Messaging Principles, 2023).
_STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "OPT OUT"})
_START = frozenset({"START", "UNSTOP", "YES", "OPTIN", "OPT IN"})
_HELP = frozenset({"HELP", "INFO"})
_ADDRESS = re.compile(r"\+[1-9][0-9]{7,14}|[^@\s]+@[^@\s]+\.[^@\s.]+")
_LONGEST_ADDRESS = 128
_AT_ONCE = 500


class Action(enum.StrEnum):
    """What an inbound text asked for."""

    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    HELP = "help"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Inbound:
    """An inbound text as understood; `changed` is how many suppressions it began or ended."""

    action: Action
    changed: int


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did; `rejected` are (line of the file, complaint), line 1 being the header."""

    read: int
    added: int
    unchanged: int
    rejected: tuple[tuple[int, str], ...]


def suppress(session: Session, address: str, scope: Scope, *, reason: str, actor: str, source: str = "staff") -> bool:
    """Text this address no longer within a scope; False when that holds already. Raises InputError."""
    number = _begin(session, check_address(address), scope, reason=reason, actor=actor, source=source)
    return number is not None


def lift(session: Session, address: str, scope: Scope | None = None, *, actor: str, reason: str) -> int:
    """End the suppressions of an address, all or those of one scope; returns how many."""
    conditions = [SUPPRESSIONS.c.address == plain_address(address), SUPPRESSIONS.c.ended_at.is_(None)]
    if scope is not None:
        conditions.append(SUPPRESSIONS.c.scope == scope)
    change = update(SUPPRESSIONS).where(*conditions).values(ended_at=clock.now(), ended_by=actor)
    ended = session.execute(change.returning(SUPPRESSIONS.c.id, SUPPRESSIONS.c.scope)).all()
    for row in ended:
        subject = f"suppression:{row.id}"
        write_audit(session, actor=actor, action="suppression.ended", subject=subject, reason=reason)
    return len(ended)


def record_inbound(session: Session, *, address: str, body: str, channel: str) -> Inbound:
    """What a recipient answered: STOP and its kin end all texts but statutory ones, START lets them come again.

    Only a text that is such a word and nothing else counts. START does not lift what staff or a file suppressed.
    Running it twice changes nothing more. Raises InputError for an address that is none.
    """
    address = check_address(address)
    word = " ".join(body.strip().strip(".!\"'").upper().split())
    if word in _STOP:
        reason = f"answered {word}"
        begun = [
            _begin(session, address, scope, reason=reason, actor=channel, source="inbound") for scope in _ALL_PURPOSES
        ]
        return Inbound(Action.OPTED_OUT, sum(number is not None for number in begun))
    if word in _START:
        return Inbound(Action.OPTED_IN, _end_own(session, address, actor=channel, reason=f"answered {word}"))
    return Inbound(Action.HELP if word in _HELP else Action.NONE, 0)


def suppress_opted_out(session: Session, addresses: Collection[str], *, channel: str) -> int:
    """The provider refuses these addresses because they opted out: nothing would reach them. Returns how many new."""
    begun = [
        _begin(
            session,
            plain_address(address),
            Scope.ANY,
            reason="the provider says: opted out",
            actor=channel,
            source="provider",
        )
        for address in sorted(addresses)
    ]
    return sum(number is not None for number in begun)


def find_suppressed(session: Session, addresses: Collection[str]) -> dict[str, dict[Scope, str]]:
    """Active suppressions by address: scope and reason."""
    found: dict[str, dict[Scope, str]] = {}
    query = select(SUPPRESSIONS.c.address, SUPPRESSIONS.c.scope, SUPPRESSIONS.c.reason)
    plain = {plain_address(address) for address in addresses}
    query = query.where(one_of(session, SUPPRESSIONS.c.address, plain), SUPPRESSIONS.c.ended_at.is_(None))
    for address, scope, reason in session.execute(query):
        found.setdefault(address, {})[scope] = reason
    return {address: found[same] for address in addresses if (same := plain_address(address)) in found}


def why_suppressed(scopes: dict[Scope, str], purpose: Purpose, *, statutory: bool) -> str | None:
    """Why a message of a purpose must not go to an address with these suppressions; None when it may. Pure.

    What the law demands to be told goes in spite of an opt-out from its purpose, but not where nothing would arrive.
    """
    if Scope.ANY in scopes:
        return f"suppressed: {scopes[Scope.ANY]}"
    scope = Scope(purpose)
    if scope in scopes and not statutory:
        return f"suppressed for {purpose}: {scopes[scope]}"
    return None


def list_suppressions(
    session: Session, *, address: str | None = None, after: int = 0, limit: int = 50
) -> Sequence[Suppression]:
    """Active suppressions in the order they began, behind an id (page by it); of one address, ended ones too."""
    query = select(Suppression).where(Suppression.id > after).order_by(Suppression.id).limit(limit)
    if address is not None:
        return session.scalars(query.where(Suppression.address == plain_address(address))).all()
    return session.scalars(query.where(Suppression.ended_at.is_(None))).all()


def get_suppression(session: Session, number: int) -> Suppression:
    """A suppression by its id; raises NotFoundError."""
    found = session.get(Suppression, number)
    if found is None:
        raise NotFoundError("no such suppression", value=number)
    return found


def export_suppressions(session: Session, file: TextIO) -> int:
    """Write the active suppressions as CSV with the columns an import reads; returns how many."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    query = select(*(SUPPRESSIONS.c[name] for name in COLUMNS)).where(SUPPRESSIONS.c.ended_at.is_(None))
    number = 0
    for row in session.execute(query.order_by(SUPPRESSIONS.c.id).execution_options(yield_per=10_000)):
        writer.writerow([row.address, str(row.scope), row.reason, row.since.isoformat()])
        number += 1
    return number


def import_suppressions(session: Session, file: TextIO, *, actor: str, source: str) -> Imported:
    """Read suppressions from CSV with the columns address and scope, and if there, reason and since.

    Good rows are added, bad ones counted with their line; a file that is no CSV in UTF-8, or lacks the columns, raises
    InputError. Again adds nothing. One audit entry for the whole file.
    """
    try:
        return _import(session, file, actor=actor, source=source)
    except (UnicodeDecodeError, csv.Error) as error:
        # The error's words would quote the file, and with it whom it names.
        raise InputError("is no CSV in UTF-8", where=source, accepted="a CSV file in UTF-8") from error


def _import(session: Session, file: TextIO, *, actor: str, source: str) -> Imported:
    # Strict: a quote that is never closed would make one row of all that follow, and nobody would miss them.
    reader = csv.DictReader(file, strict=True)
    missing = {"address", "scope"} - set(reader.fieldnames or ())
    if missing:
        accepted = f"a header with {', '.join(COLUMNS)}"
        raise InputError(f"no column {', '.join(sorted(missing))}", where=source, accepted=accepted)
    read, added, rejected = 0, 0, []
    numbered = enumerate(reader, 2)
    while lines := list(islice(numbered, _AT_ONCE)):
        good = []
        for line, row in lines:
            read += 1
            try:
                good.append(_read_row(row, source))
            except InputError as error:
                rejected.append((line, error.message))
        added += _add_all(session, good, actor=actor)
    after = {"file": source, "read": read, "added": added, "rejected": len(rejected)}
    write_audit(session, actor=actor, action="suppression.imported", subject="suppressions", after=after)
    return Imported(read, added, read - added - len(rejected), tuple(rejected))


def check_address(address: str) -> str:
    """An address in the form it is kept in; raises InputError."""
    text = plain_address(address)
    if len(text) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(text):
        accepted = "a number such as +447700900123 or an e-mail address"
        raise InputError("not an address", where="address", value=address, accepted=accepted)
    return text


def plain_address(address: str) -> str:
    """An address by which others of the same recipient are known: e-mail is the same in either case."""
    text = address.strip()
    return text.lower() if "@" in text else text


def _begin(session: Session, address: str, scope: Scope, *, reason: str, actor: str, source: str) -> int | None:
    values = _values(address, scope, reason, source, clock.now()) | {"actor": actor}
    insert = insert_ignoring(session, Suppression).values(values).returning(SUPPRESSIONS.c.id)
    number: int | None = session.scalar(insert)
    if number is not None:
        subject = f"suppression:{number}"
        after = {"scope": str(scope), "source": source}
        write_audit(session, actor=actor, action="suppression.begun", subject=subject, after=after, reason=reason)
    return number


def _end_own(session: Session, address: str, *, actor: str, reason: str) -> int:
    own = (SUPPRESSIONS.c.address == address, SUPPRESSIONS.c.source.in_(["inbound", "provider"]))
    rows: Sequence[Row[Any]] = session.execute(
        select(SUPPRESSIONS.c.scope).where(*own, SUPPRESSIONS.c.ended_at.is_(None))
    ).all()
    return sum(lift(session, address, row.scope, actor=actor, reason=reason) for row in rows)


def _add_all(session: Session, rows: Iterable[dict[str, Any]], *, actor: str) -> int:
    values = [row | {"actor": actor} for row in rows]
    if not values:
        return 0
    insert = insert_ignoring(session, Suppression).values(values).returning(SUPPRESSIONS.c.id)
    return len(session.scalars(insert).all())


def _read_row(row: dict[str, Any], source: str) -> dict[str, Any]:
    if any("\0" in str(value) for value in row.values()):
        raise InputError("a NUL, which is no text", where="row", accepted="text")
    address = check_address(row.get("address") or "")
    words = [str(scope) for scope in Scope]
    scope = (row.get("scope") or "").strip().lower()
    if scope not in words:
        raise InputError("not a scope", where="scope", value=row.get("scope"), accepted=", ".join(words))
    since = row.get("since") or ""
    at = clock.parse_instant(since, where="since") if since else clock.now()
    return _values(address, Scope(scope), (row.get("reason") or "").strip() or "imported", f"file {source}"[:32], at)


def _values(address: str, scope: Scope, reason: str, source: str, since: datetime) -> dict[str, Any]:
    return {"address": address, "scope": scope, "reason": reason, "source": source, "since": since}
