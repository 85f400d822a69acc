"""Files of accounts: a tree of any depth, of accounts with lines and without one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Integer, String
from sqlalchemy.orm import Session

from foundation.audit import write_audit
from foundation.bulk import Progress, insert_rows
from outage.base.account_import import load_accounts, reject_account_conflicts
from outage.base.subscriber_import import COLUMNS
from outage.imports.importing import CsvFile, ImportResult, Rejects
from outage.imports.staging import doubles, index_staged, reject_lines, staged, staging_table
from outage.network.inventory import raise_version

_STAGED = staging_table(
    "staged_accounts",
    account=String,
    account_name=String,
    account_parent=String,
    account_bill_day=Integer,
    account_standing=String,
    currency=String,
)
_COLUMNS = tuple(column for column in COLUMNS if column.name in _STAGED.c)


def import_accounts(
    session: Session,
    csv: Path,
    *,
    actor: str,
    column_map: Mapping[str, str] | None = None,
    reject_dir: Path,
    progress: Progress | None = None,
) -> ImportResult:
    """Load accounts by their reference; columns as in a file of subscribers, in which their lines may follow.

    An account's parent stands in the file, on whichever line, or in the records. An account that stands on an earlier
    line, contradicts its currency or has an unknown parent is rejected. Columns that the file lacks leave what is
    recorded as it is, and accounts that it lacks are left too. The same file again changes nothing. Raises InputError
    for a file that is not what it should be, and a cycle; the caller's transaction must then be rolled back.
    """
    connection = session.connection()
    with (
        CsvFile(csv, _COLUMNS, column_map=column_map) as file,
        Rejects(csv, reject_dir) as rejects,
        staged(connection, _STAGED),
    ):
        names = list(file.present)
        batches = (batch.rows(names) for batch in file.batches(rejects, progress))
        insert_rows(connection, _STAGED, ["line", *names], batches)
        index_staged(connection, _STAGED, "account")
        reject_lines(connection, _STAGED, rejects, "account", doubles(_STAGED, ["account"], "account"))
        reject_account_conflicts(connection, _STAGED, rejects, file.present)
        loaded = load_accounts(connection, _STAGED, file.present, str(csv))
        if loaded.added + loaded.changed:
            # A name or a new account is in no line of the mirror; of any other change the mirror has to be made anew.
            version = raise_version(session, "base", logged=loaded.mirrored == 0)
            after = {"file": csv.name, "added": loaded.added, "changed": loaded.changed, "rejected": rejects.rows}
            write_audit(session, actor=actor, action="accounts imported", subject=f"base:{version}", after=after)
    unchanged = file.read - rejects.rows - loaded.added - loaded.changed
    return ImportResult(str(csv), file.read, loaded.added, loaded.changed, unchanged, rejects.rows, rejects.written)
