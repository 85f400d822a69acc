"""Accounts from a file of their own: trees of any depth, with accounts that have no line, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import aliased

from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.errors import InputError
from foundation.snapshots import SnapshotStore
from outage.base.account_file import import_accounts
from outage.base.mirror import ensure_mirror
from outage.imports.importing import ImportResult
from outage.models import Account
from outage.network.inventory import current_version
from tests import impact_worlds as worlds

HEADER = "account,account_name,account_parent,currency\n"


def load(database: Database, directory: Path, text: str) -> ImportResult:
    path = directory / "accounts.csv"
    path.write_text(text, encoding="utf-8")
    with database.transaction() as session:
        return import_accounts(session, path, actor="ann", reject_dir=directory)


def tree(database: Database) -> dict[str, tuple[str, str | None]]:
    parent = aliased(Account)
    with database.reading() as session:
        rows = session.execute(
            select(Account.ref, Account.name, parent.ref).outerjoin(parent, parent.id == Account.parent_id)
        )
        return {ref: (name, above) for ref, name, above in rows}


def test_a_tree_without_a_single_line_loads_in_any_order_and_once(database: Database, tmp_path: Path) -> None:
    text = HEADER + "site,Site,region,GBP\nregion,Region,group,GBP\ngroup,Group,,GBP\n"
    first = load(database, tmp_path, text)
    assert (first.read, first.added, first.changed, first.rejected) == (3, 3, 0, 0)
    assert tree(database) == {"site": ("Site", "region"), "region": ("Region", "group"), "group": ("Group", None)}
    again = load(database, tmp_path, text)
    assert (again.unchanged, again.changes) == (3, 0)
    moved = load(database, tmp_path, HEADER + "site,Site of old,group,GBP\n")
    assert (moved.added, moved.changed) == (0, 1)
    assert tree(database)["site"] == ("Site of old", "group")
    with database.reading() as session:
        assert session.scalars(select(AuditEntry.action)).all() == ["accounts imported"] * 2
        assert current_version(session, "base") == 2


def test_rows_that_cannot_be_are_rejected_by_line_and_the_others_load(database: Database, tmp_path: Path) -> None:
    load(database, tmp_path, HEADER + "old,Old,,GBP\n")
    said = load(
        database, tmp_path, HEADER + "a,A,,GBP\na,Again,,GBP\nb,B,nobody,GBP\nold,Old,,EUR\nc,C,,money\nd,D,b,GBP\n"
    )
    assert (said.read, said.added, said.rejected) == (6, 1, 5)
    assert said.reject_file is not None
    reasons = said.reject_file.read_text(encoding="utf-8")
    for reason in ("the same account as on line 2", "unknown account", "the account is in GBP", "money"):
        assert reason in reasons
    with pytest.raises(InputError, match="a cycle"):
        load(database, tmp_path, HEADER + "x,X,y,GBP\ny,Y,x,GBP\n")
    assert set(tree(database)) == {"old", "a"}


def test_new_accounts_leave_the_mirror_of_the_base_as_it_is(
    database: Database, store: SnapshotStore, tmp_path: Path
) -> None:
    with database.transaction() as session:
        worlds.add_line(session, 900)
    before = ensure_mirror(database, store)
    load(database, tmp_path, HEADER + "parent,Parent,,GBP\n")
    assert store.count_rows(ensure_mirror(database, store)) == store.count_rows(before) == 1
