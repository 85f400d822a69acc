"""What lines lost in incidents before one on which policies are tried: gathered once per set of runs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from sqlalchemy.orm import Session

from compensation.cases.earlier_losses import EarlierLosses, find_losses
from compensation.document.reading import PolicyDocument
from foundation import clock
from foundation.snapshots import SnapshotStore
from outage.models import Incident

_MOST_KEPT = 32
# The files are not catalogued, and so are swept after an hour.
_SECONDS_KEPT = 1800


class _Kept:
    """The files that were written last, by what they were made of; None where no line lost anything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: OrderedDict[tuple[str, EarlierLosses], tuple[str | None, float]] = OrderedDict()

    def file(self, store: SnapshotStore, losses: EarlierLosses) -> str | None:
        key = (str(store.directory), losses)
        with self._lock:
            found = self._files.get(key)
        if found is None or clock.monotonic() - found[1] > _SECONDS_KEPT:
            # Two who ask at once write one and the same file.
            written = losses.write(store)
            found = (None if written is None else written.id, clock.monotonic())
        with self._lock:
            self._files[key] = found
            self._files.move_to_end(key)
            while len(self._files) > _MOST_KEPT:
                self._files.popitem(last=False)
        return found[0]


_KEPT = _Kept()


def find_lost_before(
    session: Session, store: SnapshotStore, documents: Sequence[PolicyDocument], incident: Incident
) -> str | None:
    """The snapshot of what lines lost before an incident, as far back as any of the policies looks; None for nothing.

    As the records say now; a policy that looks back less far reads of it what it asks for. Raises NotFoundError when a
    file of a run is missing.
    """
    asked = [
        losses
        for one in documents
        if (losses := find_losses(session, one, incident, clock.local_date(incident.started_at, one.zone))) is not None
    ]
    farthest = min(asked, key=lambda one: one.since, default=None)
    if farthest is None or not farthest.runs:
        return None
    return _KEPT.file(store, farthest)
