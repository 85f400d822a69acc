"""What was credited before, for a policy that is tried: gathered once, and again when the records moved on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy.orm import Session

from compensation.cases.credit_history import History, Mark
from compensation.document.reading import PolicyDocument
from compensation.terms import Over
from foundation import clock
from foundation.snapshots import SnapshotStore
from outage.models import Incident

READ_AT_ONCE = 50_000
_MOST_KEPT = 32
# The files are not catalogued, and so are swept after an hour.
_SECONDS_KEPT = 1800


@dataclass(frozen=True, slots=True)
class _Gathered:
    """A snapshot (None: nothing was before), the mark of the records it was made of, and when that was."""

    mark: Mark
    snapshot: str | None
    at: float


class _Kept:
    """What was gathered last; one thread gathers what several ask for."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.gathered: OrderedDict[tuple[object, ...], _Gathered] = OrderedDict()
        self.gathering: dict[tuple[object, ...], threading.Lock] = {}

    def find(self, key: tuple[object, ...], mark: Mark) -> _Gathered | None:
        with self.lock:
            found = self.gathered.get(key)
            if found is None or found.mark != mark or clock.monotonic() - found.at > _SECONDS_KEPT:
                return None
            self.gathered.move_to_end(key)
            return found

    def keep(self, key: tuple[object, ...], found: _Gathered) -> None:
        with self.lock:
            self.gathered[key] = found
            self.gathered.move_to_end(key)
            while len(self.gathered) > _MOST_KEPT:
                self.gathering.pop(self.gathered.popitem(last=False)[0], None)


_KEPT = _Kept()


def find_credited_before(
    session: Session, store: SnapshotStore, document: PolicyDocument, incident: Incident
) -> str | None:
    """The snapshot that an assessment of the incident would take now of what was before; None when nothing was.

    From memory while no release, care credit or answered offer has changed it.
    """
    history = History(session, store, document, incident)
    mark = history.mark()
    if mark is None:
        return None
    key = _key(store, document, incident)
    with _KEPT.lock:
        gathering = _KEPT.gathering.setdefault(key, threading.Lock())
    with gathering:
        found = _KEPT.find(key, mark)
        if found is None:
            written = history.write()
            found = _Gathered(mark, None if written is None else written.id, clock.monotonic())
            _KEPT.keep(key, found)
    return found.snapshot


def is_at_hand(session: Session, store: SnapshotStore, document: PolicyDocument, incident: Incident) -> bool:
    """Whether `find_credited_before` would answer within a second; else it reads many credits, which takes its time."""
    mark = History(session, store, document, incident).mark()
    if mark is None or mark.rows <= READ_AT_ONCE:
        return True
    return _KEPT.find(_key(store, document, incident), mark) is not None


def _key(store: SnapshotStore, document: PolicyDocument, incident: Incident) -> tuple[object, ...]:
    monthly = any(cap.over is Over.MONTH for cap in document.terms.caps)
    asked = (document.name, document.currency, document.zone, document.history_read(), monthly)
    return (str(store.directory), incident.id, *asked)
