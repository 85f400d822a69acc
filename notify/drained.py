"""What delivering did, counted in rows."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, fields, replace

from notify.models import DeliveryState
from notify.outcomes import Recorded


@dataclass(frozen=True)
class DrainCounts:
    """What a drain did, in rows.

    `put_back` will be tried again; `put_off` sleep until their recipient may be texted; `lost` rows were taken from
    this worker before or while it sent them; `released` are messages whose postings were confirmed; `settled` are
    former `unknown`s. `rest_seconds`: in how many seconds a paced sender may go on, if that is all it waited for.
    """

    claimed: int = 0
    delivered: int = 0
    accepted: int = 0
    failed: int = 0
    unknown: int = 0
    put_back: int = 0
    put_off: int = 0
    suppressed: int = 0
    lost: int = 0
    released: int = 0
    settled: int = 0
    rest_seconds: float = field(default=math.inf, compare=False)

    def __add__(self, other: DrainCounts) -> DrainCounts:
        rows = (one.name for one in fields(self) if one.compare)
        sums: dict[str, int] = {name: getattr(self, name) + getattr(other, name) for name in rows}
        return replace(self, **sums, rest_seconds=min(self.rest_seconds, other.rest_seconds))


def counts_of(recorded: Recorded) -> DrainCounts:
    """The counts of recorded outcomes."""
    states = Counter(recorded.states)
    return DrainCounts(
        delivered=states[DeliveryState.DELIVERED],
        accepted=states[DeliveryState.ACCEPTED],
        failed=states[DeliveryState.FAILED],
        unknown=states[DeliveryState.UNKNOWN],
        put_back=states[DeliveryState.PENDING],
        released=recorded.released,
    )
