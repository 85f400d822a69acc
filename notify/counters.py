"""How many deliveries stand where: changes appended in the transactions that make them, folded now and then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Label, Row, Select, String, Table, delete, func, insert, select, type_coerce
from sqlalchemy.orm import Session

from notify.models import DELIVERIES, Delivery, DeliveryCount, DeliveryKind, DeliveryState


def _word(name: str) -> Label[str]:
    return type_coerce(DELIVERIES.c[name], String).label(name)


COUNTS: Table = DeliveryCount.__table__  # type: ignore[assignment]  # declared as FromClause, is a Table
WAITING, HELD, ORPHANED = "waiting", "held", "orphaned"
PLACE = ("campaign", "kind", "channel", "wave", "currency")
# What a row must say of itself to be counted; with `state`, `waiting`, `hold` and `worker` also where it stands.
# Words are read as they are stored: millions of them are only compared, which needs no enum of each.
COUNTED = (
    *(_word(name) if name == "kind" else DELIVERIES.c[name] for name in PLACE),
    DELIVERIES.c.amount_minor,
)
STANDS = (_word("state"), DELIVERIES.c.waiting, DELIVERIES.c.hold, DELIVERIES.c.worker)
_PENDING = str(DeliveryState.PENDING)
_OPEN = frozenset({DeliveryState.PENDING, DeliveryState.CLAIMED, DeliveryState.SENDING})
_FOLD_AT_ONCE = 20_000
_SCATTERED = 8


class Standing(NamedTuple):
    """Deliveries of one kind that stand alike; `amount_minor` is the sum of their amounts."""

    kind: DeliveryKind
    channel: str
    wave: int
    standing: str
    currency: str | None
    rows: int
    amount_minor: int

    @property
    def state(self) -> DeliveryState:
        """The state it is shown as: `pending` for claimed, sending, waiting and held ones."""
        if self.standing in (WAITING, HELD):
            return DeliveryState.PENDING
        return DeliveryState.UNKNOWN if self.standing == ORPHANED else DeliveryState(self.standing)


def standing_of(row: Row[Any]) -> str:
    """Where a delivery stands, by its state, `waiting`, `hold` and `worker`.

    `orphaned` is an unknown that a dead worker left: nothing is known to be wrong with it.
    """
    if row.state in _OPEN:
        return WAITING if row.waiting else HELD if row.hold is not None else _PENDING
    if row.state == DeliveryState.UNKNOWN and row.worker is None:
        return ORPHANED
    return str(row.state)


class Changes:
    """Changes of counts of one transaction, summed up before they are appended."""

    def __init__(self) -> None:
        self._moves: dict[tuple[Any, ...], list[int]] = {}

    def move(self, row: Row[Any] | Delivery, before: str, after: str) -> None:
        """A delivery stood at `before` and stands at `after`; `row` has the columns of COUNTED."""
        if before != after:
            self._note(row, before, after)

    def move_place(self, before: Row[Any], after: Row[Any]) -> None:
        """A delivery is counted at another place from now on: it took another channel."""
        self._note(before, standing_of(before), None)
        self._note(after, None, standing_of(after))

    def _note(self, row: Row[Any] | Delivery, before: str | None, after: str | None) -> None:
        key = (row.campaign, row.kind, row.channel, row.wave, row.currency, before, after)
        total = self._moves.get(key)
        if total is None:
            total = self._moves[key] = [0, 0]
        total[0] += 1
        total[1] += row.amount_minor or 0

    def move_all(self, rows: Iterable[Row[Any]], before: str, after: str) -> int:
        """The same change of many rows; returns how many."""
        number = 0
        for row in rows:
            self.move(row, before, after)
            number += 1
        return number

    def write(self, session: Session) -> None:
        """Append the changes in the caller's transaction."""
        sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
        for (*place, before, after), (number, amount) in self._moves.items():
            for standing, sign in ((before, -1), (after, 1)):
                if standing is not None:
                    total = sums[*place, standing]
                    total[0] += sign * number
                    total[1] += sign * amount
        _append(session, {key: total for key, total in sums.items() if any(total)})


def fold_counts(session: Session) -> int:
    """Replace appended changes by their sums; returns how many rows that saved. Many may fold at once."""
    place = [COUNTS.c[name] for name in (*PLACE, "standing")]
    # What is folded already is let be: to lock it every second would write it anew every second.
    scattered = select(COUNTS.c.campaign).group_by(*place).having(func.count() > _SCATTERED).distinct()
    campaigns = session.scalars(scattered).all()
    if not campaigns:
        return 0
    query = select(COUNTS).where(COUNTS.c.campaign.in_(campaigns)).order_by(COUNTS.c.id).limit(_FOLD_AT_ONCE)
    found = session.execute(query.with_for_update(skip_locked=True)).all()
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for row in found:
        total = sums[row.campaign, row.kind, row.channel, row.wave, row.currency, row.standing]
        total[0] += row.rows
        total[1] += row.amount_minor
    kept = {key: total for key, total in sums.items() if any(total)}
    if len(kept) == len(found):
        return 0
    session.execute(delete(COUNTS).where(COUNTS.c.id.in_([row.id for row in found])))
    _append(session, kept)
    return len(found) - len(kept)


def count_standings(session: Session, campaign: str) -> list[Standing]:
    """A campaign's deliveries by kind, channel, wave, standing and currency, from the counters."""
    return [standing for _, standing in list_standings(session, [campaign])]


def list_standings(session: Session, campaigns: Sequence[str]) -> list[tuple[str, Standing]]:
    """The same of several campaigns, each with its campaign."""
    query = _standings().add_columns(COUNTS.c.campaign).group_by(COUNTS.c.campaign)
    rows = session.execute(query.where(COUNTS.c.campaign.in_(campaigns)))
    return [
        (campaign, Standing(kind, channel, wave, standing, currency, int(number), int(amount)))
        for kind, channel, wave, standing, currency, number, amount, campaign in rows
    ]


def recount_standings(session: Session, campaign: str) -> list[Standing]:
    """The same counted from the deliveries themselves: slow, to check the counters by."""
    query: Select[Any] = select(DELIVERIES.c.id, *COUNTED, *STANDS).where(DELIVERIES.c.campaign == campaign)
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for row in session.execute(query.execution_options(yield_per=10_000)):
        total = sums[row.kind, row.channel, row.wave, standing_of(row), row.currency]
        total[0] += 1
        total[1] += row.amount_minor or 0
    return [Standing(*key, *total) for key, total in sums.items()]


def _append(session: Session, sums: Mapping[tuple[Any, ...], Sequence[int]]) -> None:
    names = (*PLACE, "standing", "rows", "amount_minor")
    if sums:
        session.execute(insert(COUNTS), [dict(zip(names, (*key, *total), strict=True)) for key, total in sums.items()])


def _standings() -> Select[Any]:
    place = (COUNTS.c.kind, COUNTS.c.channel, COUNTS.c.wave, COUNTS.c.standing, COUNTS.c.currency)
    # PostgreSQL adds whole numbers up to a numeric, which Python reads as a Decimal.
    rows, amount = func.sum(COUNTS.c.rows), func.sum(COUNTS.c.amount_minor)
    return select(*place, rows, amount).group_by(*place).having((rows != 0) | (amount != 0))
