"""The base with the ranges of numbers that elements hold, as SQL reads it: each line with the element that holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from foundation.workspaces import Workspace
from outage import evidence_sql

_RANGES = pa.schema([("first_key", pa.int64()), ("last_key", pa.int64()), ("element_id", pa.int64())])


@dataclass(frozen=True)
class HeldRange:
    """Numbers from `first` to `last`, both in it, that an element holds; kind: imsi or msisdn."""

    kind: str
    first: str
    last: str
    element_id: int


def lay_out_base(workspace: Workspace, mirror: str, ranges: Sequence[HeldRange]) -> None:
    """Make the view `base`: the mirror, with lines that a range holds linked to the element of that range.

    `mirror` is its source in SQL. With ranges, the relation `lost` must be there: other elements are not looked at.
    """
    if not ranges:
        workspace.execute(f"CREATE VIEW base AS FROM {mirror}")
        return
    workspace.execute(f"CREATE VIEW mirror AS FROM {mirror}")
    for kind in ("imsi", "msisdn"):
        keys = [
            (evidence_sql.number_key(one.first), evidence_sql.number_key(one.last), one.element_id)
            for one in ranges
            if one.kind == kind
        ]
        workspace.register_rows(f"{kind}_ranges", _RANGES, keys)
    for statement in evidence_sql.ranged_sql():
        workspace.execute(statement)
