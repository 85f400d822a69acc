"""What happens to deliveries up to the moment they leave, set-based and conditional, in the caller's session."""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Insert,
    Row,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    cast,
    exists,
    func,
    null,
    or_,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator

from foundation.db import database_now, dialect_of, insert_of, is_one_of, now_of, one_of, packed, plain_rows
from notify.carriers import Outgoing
from notify.counters import COUNTED, COUNTS, HELD, ORPHANED, Changes
from notify.models import ATTEMPTS, DELIVERIES, CampaignState, DeliveryKind, DeliveryState
from notify.taken import in_hand, note_taken
from notify.waves import CAMPAIGNS, GATES

# Written out, not bound: only then do both databases use the partial indexes.
CLAIMABLE = text("stage = 'pending' AND NOT waiting AND hold IS NULL")
PENDING, UNKNOWN = str(DeliveryState.PENDING), str(DeliveryState.UNKNOWN)
_STOPPED = select(CAMPAIGNS.c.campaign).where(CAMPAIGNS.c.state != CampaignState.RUNNING)
_CHUNK = 5000
_KINDS = {str(kind): kind for kind in DeliveryKind}
_FIELDS = ("id", "key", "group_key", "address", "payload", "attempt", "expires_at")
_ENDING = ("ended_at", "outcome", "detail")
_MESSAGE_FIELDS = ("purpose", "statutory", "any_hour", "zone")
CLAIMED = (*(DELIVERIES.c[name] for name in (*_FIELDS, *_MESSAGE_FIELDS)), *COUNTED)


@functools.lru_cache(maxsize=1024)
def _parsed(document: str) -> Mapping[str, Any]:
    content: dict[str, Any] = json.loads(document)
    return MappingProxyType(content)


class _Shared(TypeDecorator[Mapping[str, Any]]):
    """A document read as one mapping for all rows that have the same: the credits of a case differ in nothing else."""

    impl = Text
    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> Mapping[str, Any] | None:  # noqa: ARG002
        return None if value is None else _parsed(value)


_PAYLOAD = type_coerce(cast(DELIVERIES.c.payload, Text), _Shared).label("payload")
_TAKEN = tuple(_PAYLOAD if column.name == "payload" else column for column in CLAIMED)


def claim(
    session: Session,
    kind: DeliveryKind,
    channels: Collection[str],
    *,
    worker: str,
    lease_seconds: int,
    limit: int,
    most: Mapping[str, int] | None = None,
    begins: bool = False,
) -> Sequence[Row[Any]]:
    """Claim up to `limit` deliveries that may go now, by priority; nobody else gets them while the lease holds.

    Of a channel in `most` no more than it says. Only of running campaigns, and of these the open waves. With `begins`
    they are `sending` at once, for callers that hand them over as soon as this is committed.
    """
    ids = _find_due(session, kind, channels, limit, dict(most or {}))
    if not ids:
        return []
    dialect = dialect_of(session)
    given = {"these": packed(dialect, ids), "who": worker, "lease": lease_seconds}
    rows = plain_rows(session.execute(_claiming(dialect, begins=begins), given))
    by_id = {row.id: row for row in rows}
    note_taken(session, worker, by_id)
    return [by_id[number] for number in ids if number in by_id]


def begin_attempts(session: Session, ids: Collection[int], *, worker: str, lease_seconds: int) -> dict[int, int]:
    """Mark those of `ids` that this worker still holds, of running campaigns, as `sending`; the attempt's number by id.

    Commit before the request leaves: a row that is not `sending` has certainly not been sent.
    """
    dialect = dialect_of(session)
    given = {"these": packed(dialect, ids), "who": worker, "lease": lease_seconds}
    return dict(map(tuple, session.execute(_beginning(dialect), given)))


def end_unsent(session: Session, reasons: Mapping[int, str], state: DeliveryState, *, worker: str) -> int:
    """End deliveries that this worker holds and that are not to be sent at all, by id; returns how many."""
    changes = Changes()
    ended = 0
    for reason, ids in _alike(reasons).items():
        values = {"state": state, "reason": reason, "changed_at": database_now(session), "lease_until": None}
        statement = update(DELIVERIES).where(_held(session, ids, worker)).values(values).returning(*COUNTED)
        ended += changes.move_all(session.execute(statement), PENDING, str(state))
    changes.write(session)
    return ended


def put_off(session: Session, until: Mapping[int, tuple[datetime, str]], *, worker: str) -> int:
    """Let deliveries that this worker holds sleep until an instant, with a reason, by id; returns how many."""
    changes = Changes()
    asleep = 0
    for (at, reason), ids in _alike(until).items():
        values = {
            "state": DeliveryState.PENDING,
            "hold": "time",
            "not_before": at,
            "reason": reason,
            "worker": None,
            "lease_until": None,
            "changed_at": database_now(session),
        }
        statement = update(DELIVERIES).where(_held(session, ids, worker)).values(values).returning(*COUNTED)
        asleep += changes.move_all(session.execute(statement), PENDING, HELD)
    changes.write(session)
    return asleep


def release_claims(session: Session, ids: Collection[int], *, worker: str) -> int:
    """Put back what this worker holds but will not send now; returns how many."""
    if not ids:
        return 0
    values = {"state": DeliveryState.PENDING, "worker": None, "lease_until": None}
    statement = update(DELIVERIES).where(_held(session, ids, worker)).values(values).returning(DELIVERIES.c.id)
    return len(session.scalars(statement).all())


def requeue_claimed(session: Session) -> int:
    """Put claims whose lease ran out back to `pending`: nothing of them was sent. Returns how many."""
    values = {"state": DeliveryState.PENDING, "worker": None, "lease_until": None}
    return sum(len(rows) for rows in _move_expired(session, DeliveryState.CLAIMED, values))


def suspect_sending(session: Session) -> int:
    """Turn attempts whose lease ran out to `unknown`, never to `pending`: they may have been sent."""
    changes = Changes()
    values = {
        "state": DeliveryState.UNKNOWN,
        "lease_until": database_now(session),
        "reason": "the worker gave no outcome",
        "worker": None,
    }
    expired = _move_expired(session, DeliveryState.SENDING, values)
    suspected = sum(changes.move_all(rows, PENDING, ORPHANED) for rows in expired)
    changes.write(session)
    return suspected


def is_work_ahead(session: Session, channels: Collection[str], askable: Collection[str], seconds: int) -> bool:
    """Whether on these channels anything may go or expires in `seconds`, or on the `askable` ones waits to be asked."""
    until = database_now(session, seconds)
    own, can_ask = DELIVERIES.c.channel.in_(sorted(channels)), DELIVERIES.c.channel.in_(sorted(askable))
    running = and_(in_hand(session), own, DELIVERIES.c.lease_until <= until)
    unknown = and_(DELIVERIES.c.due_at <= database_now(session), DELIVERIES.c.stage == UNKNOWN, can_ask)
    asleep = and_(
        text("deliveries.stage = 'pending' AND hold = 'time'"),
        own,
        DELIVERIES.c.not_before <= until,
        DELIVERIES.c.campaign.in_(select(CAMPAIGNS.c.campaign).where(CAMPAIGNS.c.state == CampaignState.RUNNING)),
    )
    near = or_(*(exists().where(condition) for condition in (running, unknown, asleep)))
    if session.scalar(select(near)):
        return True
    return any(_find_due(session, kind, channels, 1, {}, lock=False) for kind in DeliveryKind)


def note_attempts(
    session: Session,
    ids: Collection[int],
    attempt: int | None = None,
    outcome: str | None = None,
    detail: str | None = None,
) -> None:
    """Write down attempts at `sending` rows that leave that state, before they do; one that is noted gets its outcome.

    While a row is `sending` it says itself who attempts what since when. `attempt`: its number, the row's own if None;
    without an outcome the attempt stays open.
    """
    dialect = dialect_of(session)
    given = {"these": packed(dialect, ids), "attempted": attempt, "became": outcome, "said": detail}
    session.execute(_noting(dialect, is_numbered=attempt is not None, is_over=outcome is not None), given)


def outgoing_of(row: Row[Any], attempt: int, body: str = "") -> Outgoing:
    """What a carrier is given of a row."""
    return Outgoing(
        row.id,
        row.key,
        attempt,
        _KINDS[row.kind],
        row.address,
        row.payload,
        row.amount_minor,
        row.currency,
        body,
        row.campaign,
        row.expires_at,
    )


def _find_due(
    session: Session,
    kind: DeliveryKind,
    channels: Collection[str],
    limit: int,
    most: dict[str, int],
    *,
    lock: bool = True,
) -> list[int]:
    ids: list[int] = []
    dialect, given = dialect_of(session), {"of_kind": kind, "on_channels": sorted(channels)}
    for campaign, channel, open_wave in session.execute(_OPEN_LINES, given).all():
        wanted = min(limit - len(ids), most.get(channel, limit))
        if wanted <= 0:
            continue
        place = {"of_campaign": campaign, "of_kind": kind, "on_channel": channel, "up_to_wave": open_wave}
        found = session.scalars(_due(dialect, lock=lock), {**place, "most": wanted}).all()
        ids += found
        if channel in most:
            most[channel] -= len(found)
    return ids


def _held(session: Session, ids: Collection[int], worker: str) -> ColumnElement[bool]:
    return and_(
        one_of(session, DELIVERIES.c.id, ids),
        DELIVERIES.c.state == DeliveryState.CLAIMED,
        DELIVERIES.c.worker == worker,
    )


def _alike(by_id: Mapping[int, Any]) -> dict[Any, list[int]]:
    alike: dict[Any, list[int]] = defaultdict(list)
    for number, what in by_id.items():
        alike[what].append(number)
    return alike


def _move_expired(session: Session, state: DeliveryState, values: Mapping[str, Any]) -> list[Sequence[Row[Any]]]:
    # What another worker has locked is being recorded or begun right now, or moved by another sweep: none of ours.
    expired = (
        select(DELIVERIES.c.id)
        .where(in_hand(session), DELIVERIES.c.state == state, DELIVERIES.c.lease_until < database_now(session))
        .with_for_update(skip_locked=True)
    )
    moved = []
    for ids in session.scalars(expired).partitions(_CHUNK):
        if state == DeliveryState.SENDING:
            note_attempts(session, ids)
        change = update(DELIVERIES).where(one_of(session, DELIVERIES.c.id, ids))
        change = change.values(changed_at=database_now(session), **values)
        moved.append(session.execute(change.returning(*COUNTED)).all())
    return moved


# Statements of the way of every delivery are made once: to make one anew takes longer than to run it.
_THESE, _WHO = bindparam("these", type_=Text), bindparam("who", type_=DELIVERIES.c.worker.type)
_OF_KIND = bindparam("of_kind", type_=DELIVERIES.c.kind.type)
_LEASE = bindparam("lease", type_=BigInteger)


@functools.cache
def _claiming(dialect: str, *, begins: bool) -> Update:
    change = update(DELIVERIES).where(is_one_of(dialect, DELIVERIES.c.id, _THESE))
    values = {"worker": _WHO, "lease_until": now_of(dialect, _LEASE), "changed_at": now_of(dialect)}
    if not begins:
        return change.values(state=DeliveryState.CLAIMED, **values).returning(*_TAKEN)
    change = change.where(DELIVERIES.c.campaign.not_in(_STOPPED))
    return change.values(state=DeliveryState.SENDING, attempt=DELIVERIES.c.attempt + 1, **values).returning(*_TAKEN)


@functools.cache
def _beginning(dialect: str) -> Update:
    return (
        update(DELIVERIES)
        .where(
            is_one_of(dialect, DELIVERIES.c.id, _THESE),
            DELIVERIES.c.state == DeliveryState.CLAIMED,
            DELIVERIES.c.worker == _WHO,
            DELIVERIES.c.campaign.not_in(_STOPPED),
        )
        .values(
            state=DeliveryState.SENDING,
            attempt=DELIVERIES.c.attempt + 1,
            lease_until=now_of(dialect, _LEASE),
            changed_at=now_of(dialect),
        )
        .returning(DELIVERIES.c.id, DELIVERIES.c.attempt)
    )


@functools.cache
def _noting(dialect: str, *, is_numbered: bool, is_over: bool) -> Insert:
    number = bindparam("attempted", type_=BigInteger) if is_numbered else DELIVERIES.c.attempt
    ending = (now_of(dialect), bindparam("became", type_=Text), bindparam("said", type_=Text))
    # An attempt that is noted already needs no worker any more, and its row may have forgotten it.
    worker = func.coalesce(DELIVERIES.c.worker, "")
    columns = (DELIVERIES.c.id, number, worker, DELIVERIES.c.changed_at, *(ending if is_over else [null()] * 3))
    rows = select(*columns).where(is_one_of(dialect, DELIVERIES.c.id, _THESE))
    names = ("delivery_id", "number", "worker", "started_at", *_ENDING)
    added = insert_of(dialect, ATTEMPTS).from_select(names, rows)
    ended = {name: added.excluded[name] for name in _ENDING}
    noting: Insert = added.on_conflict_do_update(index_elements=["delivery_id", "number"], set_=ended)
    return noting


@functools.cache
def _due(dialect: str, *, lock: bool) -> Select[int]:
    due = (
        select(DELIVERIES.c.id)
        .where(
            DELIVERIES.c.campaign == bindparam("of_campaign"),
            DELIVERIES.c.kind == _OF_KIND,
            DELIVERIES.c.channel == bindparam("on_channel"),
            DELIVERIES.c.wave <= bindparam("up_to_wave"),
            CLAIMABLE,
            or_(DELIVERIES.c.expires_at.is_(None), DELIVERIES.c.expires_at > now_of(dialect)),
        )
        .order_by(DELIVERIES.c.wave, DELIVERIES.c.priority, DELIVERIES.c.id)
        .limit(bindparam("most", type_=BigInteger))
    )
    return due.with_for_update(skip_locked=True) if lock else due


# Where something is pending: campaign, channel and open wave, by the campaigns' priority; from the counters.
_OPEN_LINES = (
    select(COUNTS.c.campaign, COUNTS.c.channel, GATES.c.open_wave)
    .join(CAMPAIGNS, CAMPAIGNS.c.campaign == COUNTS.c.campaign)
    .join(GATES, (GATES.c.campaign == COUNTS.c.campaign) & (GATES.c.kind == COUNTS.c.kind))
    .where(
        text("standing = 'pending'"),
        COUNTS.c.kind == _OF_KIND,
        COUNTS.c.channel.in_(bindparam("on_channels", expanding=True)),
        COUNTS.c.wave <= GATES.c.open_wave,
        CAMPAIGNS.c.state == CampaignState.RUNNING,
    )
    .group_by(COUNTS.c.campaign, COUNTS.c.channel, GATES.c.open_wave, CAMPAIGNS.c.priority)
    .having(func.sum(COUNTS.c.rows) > 0)
    .order_by(CAMPAIGNS.c.priority, COUNTS.c.campaign, COUNTS.c.channel)
)
