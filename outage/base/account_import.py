"""Accounts out of staged subscriber rows: what rows of one account must agree on, parents, and the tree's shape."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    Subquery,
    Table,
    and_,
    cast,
    func,
    literal,
    or_,
    select,
    update,
)

from foundation.errors import InputError
from outage.imports.importing import Rejects
from outage.imports.staging import insert_selected, reject_lines, table_of
from outage.models import Account
from outage.network.topology import Dependency, find_cycle

STANDINGS = ("good", "arrears", "fraud", "closed")
# What a file may say of an account besides its currency: the staged column, and the recorded one.
_TOLD = {"account_name": "name", "account_bill_day": "bill_day", "account_standing": "standing"}
# A file that changes one of these changes the mirror's rows of lines that it may not name.
_MIRRORED = ("parent_id", "bill_day", "standing")
_accounts = table_of(Account)


def reject_account_conflicts(connection: Connection, staged: Table, rejects: Rejects, present: Collection[str]) -> None:
    """Reject rows that contradict the first row of their account, change its currency, or name an unknown parent."""
    said = [name for name in ("currency", "account_parent", *_TOLD) if name in present]
    _reject_contradictions(connection, staged, rejects, said)
    _reject_other_currency(connection, staged, rejects)
    if "account_parent" in present:
        # A row that goes may have been the only one to tell of an account that is another's parent.
        while _reject_unknown_parents(connection, staged, rejects):
            pass


@dataclass(frozen=True)
class AccountsLoaded:
    """How many accounts were added and changed, and how many of those changed in what the mirror holds of each line."""

    added: int
    changed: int
    mirrored: int


def load_accounts(connection: Connection, staged: Table, present: Collection[str], file: str) -> AccountsLoaded:
    """Add and change the accounts of the staged rows. Raises InputError for a cycle."""
    firsts = _first_rows(staged)
    last_old = connection.scalar(select(func.max(_accounts.c.id))) or 0
    missing = (
        select(
            firsts.c.account,
            func.coalesce(firsts.c.account_name, firsts.c.account),
            firsts.c.currency,
            firsts.c.account_bill_day,
            firsts.c.account_standing,
        )
        .select_from(firsts.outerjoin(_accounts, _accounts.c.ref == firsts.c.account))
        .where(_accounts.c.id.is_(None))
        .order_by(firsts.c.line)
    )
    added = insert_selected(connection, _accounts, ["ref", "name", "currency", "bill_day", "standing"], missing)
    told = {"account_parent", *_TOLD} & set(present)
    if not told:
        return AccountsLoaded(added, 0, 0)
    parent = _accounts.alias()
    wanted = (
        select(firsts.c.account, *(firsts.c[name] for name in _TOLD), parent.c.id.label("parent_id"))
        .outerjoin(parent, parent.c.ref == firsts.c.account_parent)
        .subquery()
    )
    values: dict[str, ColumnElement[Any]] = {_TOLD[name]: wanted.c[name] for name in _TOLD if name in told}
    if "account_parent" in told:
        values["parent_id"] = wanted.c.parent_id
    unlike = or_(*(_accounts.c[name].is_distinct_from(value) for name, value in values.items()))
    same = _accounts.c.ref == wanted.c.account
    mirrored = [_accounts.c[name].is_distinct_from(values[name]) for name in _MIRRORED if name in values]
    in_mirror = 0
    if last_old and mirrored:
        unlike_mirror = select(func.count()).select_from(wanted.join(_accounts, same)).where(or_(*mirrored))
        in_mirror = connection.scalar(unlike_mirror.where(_accounts.c.id <= last_old)) or 0
    statement = update(_accounts).where(same, unlike).values(values)
    changed = connection.execute(statement.where(_accounts.c.id <= last_old)).rowcount if last_old else 0
    if "account_parent" in told:
        connection.execute(statement.where(_accounts.c.id > last_old))
        _check_tree(connection, file)
    return AccountsLoaded(added, changed, in_mirror)


def _first_rows(staged: Table) -> Subquery:
    """The first staged row of each account: what it says is what the account is."""
    firsts = select(func.min(staged.c.line).label("line")).group_by(staged.c.account).subquery()
    return select(staged).join(firsts, firsts.c.line == staged.c.line).subquery()


def _reject_contradictions(connection: Connection, staged: Table, rejects: Rejects, names: Sequence[str]) -> None:
    # Nearly always there is nothing to reject, and one pass tells so.
    unlike = [func.min(staged.c[name]) != func.max(staged.c[name]) for name in names]
    partly = [and_(func.count(staged.c[name]) > 0, func.count(staged.c[name]) < func.count()) for name in names]
    several = select(staged.c.account).group_by(staged.c.account).having(or_(*unlike, *partly)).limit(1)
    if connection.execute(several).first() is None:
        return
    firsts = _first_rows(staged)
    same = and_(firsts.c.account == staged.c.account, firsts.c.line != staged.c.line)
    for name in names:
        reason = literal(f"another {name} of this account than on line ").concat(cast(firsts.c.line, String))
        found = (
            select(staged.c.line, staged.c[name], reason)
            .join(firsts, same)
            .where(staged.c[name].is_distinct_from(firsts.c[name]))
            .order_by(staged.c.line)
        )
        reject_lines(connection, staged, rejects, name, found)


def _reject_other_currency(connection: Connection, staged: Table, rejects: Rejects) -> None:
    # The fees of all its lines are in the account's currency, also of lines that this file does not name.
    reason = literal("the account is in ").concat(_accounts.c.currency).concat(" and an import cannot change that")
    found = (
        select(staged.c.line, staged.c.currency, reason)
        .join(_accounts, _accounts.c.ref == staged.c.account)
        .where(_accounts.c.currency != staged.c.currency)
        .order_by(staged.c.line)
    )
    reject_lines(connection, staged, rejects, "currency", found)


def _reject_unknown_parents(connection: Connection, staged: Table, rejects: Rejects) -> int:
    other = staged.alias()
    in_file = select(other.c.line).where(other.c.account == staged.c.account_parent).exists()
    recorded = select(_accounts.c.id).where(_accounts.c.ref == staged.c.account_parent).exists()
    reason = literal("unknown account; accepted: one that this file or the records have")
    found = (
        select(staged.c.line, staged.c.account_parent, reason)
        .where(staged.c.account_parent.is_not(None), ~in_file, ~recorded)
        .order_by(staged.c.line)
    )
    return reject_lines(connection, staged, rejects, "account_parent", found)


def _check_tree(connection: Connection, file: str) -> None:
    # Only an account that has a parent and is one can be on a cycle; those are few.
    parents = select(_accounts.c.parent_id).where(_accounts.c.parent_id.is_not(None))
    statement = select(_accounts.c.id, _accounts.c.parent_id).where(
        _accounts.c.parent_id.is_not(None), _accounts.c.id.in_(parents)
    )
    cycle = find_cycle([Dependency(account, "parent", parent) for account, parent in connection.execute(statement)])
    if cycle is None:
        return
    named = select(_accounts.c.id, _accounts.c.ref).where(_accounts.c.id.in_(cycle))
    refs = {row.id: row.ref for row in connection.execute(named)}
    raise InputError(
        "the accounts form a cycle",
        where=file,
        value=" -> ".join(refs[key] for key in [*cycle, cycle[0]]),
        accepted="a tree: no account is its own parent, directly or through others",
    )
