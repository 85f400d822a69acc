"""Who has which deliveries in hand: written at each claim, so that no index of deliveries need say who is on his way.

A claim notes the ids it took beside its worker's name, in the same transaction, and drops those noted before that the
worker has no more. So whatever is `claimed` or `sending` stands here, and a few that are not; `state`, `worker` and
`lease_until` of the delivery say which. A row in an index for each delivery instead would cost each of them two more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain

from sqlalchemy import ColumnElement, Table, and_, bindparam, delete, select, update
from sqlalchemy.orm import Session

from foundation.db import insert_ignoring, one_of
from notify.models import DELIVERIES, DeliveryState, Taken

TAKEN: Table = Taken.__table__  # type: ignore[assignment]  # declared as FromClause, is a Table
_IN_HAND = DELIVERIES.c.state.in_([DeliveryState.CLAIMED, DeliveryState.SENDING])
# Made once: to make a statement anew for each claim takes as long as to run it.
_OWN = select(TAKEN.c.ids).where(TAKEN.c.worker == bindparam("who")).with_for_update()
_WRITE = (
    update(TAKEN).where(TAKEN.c.worker == bindparam("who")).values(ids=bindparam("now_taken", type_=TAKEN.c.ids.type))
)


def note_taken(session: Session, worker: str, ids: Collection[int]) -> None:
    """Note what a worker has just claimed, in the transaction of the claim."""
    # Locked first: what is read after that, nobody else changes before this is committed.
    while (before := session.scalars(_OWN, {"who": worker}).one_or_none()) is None:
        session.execute(insert_ignoring(session, Taken), {"worker": worker, "ids": []})
    kept: Sequence[int] = []
    if before:
        mine = and_(one_of(session, DELIVERIES.c.id, before), _IN_HAND, DELIVERIES.c.worker == worker)
        kept = session.scalars(select(DELIVERIES.c.id).where(mine)).all()
    session.connection().execute(_WRITE, {"who": worker, "now_taken": [*kept, *ids]})


def in_hand(session: Session) -> ColumnElement[bool]:
    """Whether a delivery is claimed or being sent by anybody, as a condition that costs no look at any other."""
    return and_(one_of(session, DELIVERIES.c.id, list_taken(session)), _IN_HAND)


def list_taken(session: Session) -> list[int]:
    """The ids among which all is that workers have in hand."""
    return sorted(set(chain.from_iterable(session.scalars(select(TAKEN.c.ids)))))


def forget_idle(session: Session) -> int:
    """Strike out workers that have nothing in hand any more; returns how many. Those at work are let be."""
    # Locked before their deliveries are read: a claim of theirs that is not committed yet holds this row.
    workers = session.execute(select(TAKEN).with_for_update(skip_locked=True)).all()
    ids = list(chain.from_iterable(row.ids for row in workers))
    busy = set(session.scalars(select(DELIVERIES.c.worker).where(one_of(session, DELIVERIES.c.id, ids), _IN_HAND)))
    idle = [row.worker for row in workers if row.worker not in busy]
    session.execute(delete(TAKEN).where(TAKEN.c.worker.in_(idle)))
    return len(idle)
