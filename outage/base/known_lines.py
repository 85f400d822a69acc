"""The lines of the base as a relation to join files with: the mirror where that is current, else the records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation.bulk import read_batches
from foundation.errors import NotFoundError
from foundation.snapshots import SnapshotStore
from foundation.workspaces import Workspace
from outage.models import Account, BulkState, Subscriber

_LINES = pa.schema(
    [("line_id", pa.int64()), ("msisdn", pa.string()), ("account_id", pa.int64()), ("account_ref", pa.string())]
)


def lay_out_lines(workspace: Workspace, session: Session, store: SnapshotStore) -> None:
    """Make `known_lines` (line_id, msisdn, account_id, account_ref) of the base as this session sees it."""
    mirror = _current_mirror(session, store)
    if mirror is not None:
        workspace.execute(f"CREATE VIEW known_lines AS SELECT {', '.join(_LINES.names)} FROM {mirror}")  # noqa: S608
        return
    lines = select(Subscriber.id, Subscriber.msisdn, Subscriber.account_id, Account.ref).join(
        Account, Account.id == Subscriber.account_id
    )
    batches = read_batches(session.connection(), lines, _LINES)
    read_once(workspace, "lines", _LINES, batches, "CREATE TEMP TABLE known_lines AS FROM lines")


def read_once(
    workspace: Workspace, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch], statement: str
) -> None:
    """Run a statement that reads these batches once under that name; what reading them raises comes through."""
    raised: list[BaseException] = []

    def watched() -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except BaseException as error:
            raised.append(error)
            raise

    workspace.register_arrow(name, pa.RecordBatchReader.from_batches(schema, watched()))
    # DuckDB takes a stream, whose length it cannot know, for short, and would build a join's table of all of it.
    workspace.execute("SET disabled_optimizers = 'build_side_probe_side'")
    try:
        workspace.execute(statement)
    except Exception:
        if raised:
            raise raised[0] from None
        raise
    finally:
        workspace.execute("RESET disabled_optimizers")


def _current_mirror(session: Session, store: SnapshotStore) -> str | None:
    """The source of the base's mirror if that is of the base as it stands, else None."""
    state = session.get(BulkState, "base")
    if state is None or state.snapshot_id is None or state.snapshot_version != state.version:
        return None
    try:
        return store.source(state.snapshot_id)
    except NotFoundError:
        return None
