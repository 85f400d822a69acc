"""What a delivery storm was told to be, what it came to, and how each row is held against what was taken."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import Row

from notify.models import DeliveryKind, DeliveryState
from tests.storm_sides import Truth

_S = DeliveryState
_GONE = (_S.DELIVERED, _S.FAILED, _S.SUPPRESSED)


@dataclass(frozen=True, kw_only=True)
class Storm:
    """How large and how hard: `rows` postings and as many texts; `threads` requests at once of one worker and side."""

    rows: int
    workers: int
    kills: int
    restarts: int = 0
    schedulers: int = 1
    threads: int = 8
    quiet: float = 0.3
    suppressed_every: int = 100
    seed: int = 20221108
    channel: str = "twilio"

    @property
    def most_in_flight(self) -> int:
        """The most rows of one worker whose outcome its death may leave unknown: it sends to both sides at once."""
        return 2 * self.threads


@dataclass
class Result:
    """What the storm did and what was found after it.

    `left_by_kill`: rows in flight of each killed worker, but for those killed soon after the database went away.
    """

    seconds: float = 0.0
    kills: int = 0
    schedulers_killed: int = 0
    left_by_kill: list[int] = field(default_factory=list)
    restarts: int = 0
    requests: int = 0
    callbacks: int = 0
    callbacks_refused: int = 0
    unknown_shown: Counter[str] = field(default_factory=Counter)
    unknown_after_asking: Counter[str] = field(default_factory=Counter)
    decided: int = 0
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    waiting: int = 0
    doubles: int = 0
    lost: list[str] = field(default_factory=list)


def is_taken(row: Row[str, DeliveryKind, str], truth: Truth) -> bool:
    return row.key in truth.postings if row.kind == DeliveryKind.POSTING else row.address in truth.texts


def wrong(row: Row, truth: Truth) -> str:  # type: ignore[type-arg]
    """What does not fit between a row's end and what the other side took; empty when it fits."""
    taken = is_taken(row, truth)
    if row.state == _S.PENDING and row.waiting:
        return "" if row.reason and not taken else "it waits and nobody knows why"
    if row.state == _S.ACCEPTED:
        # Its receipt never came; the other side took it, and is asked again when the receipt is overdue.
        return "" if taken else "it was accepted and the other side has it not"
    if row.state not in _GONE:
        return "it has no end"
    if row.state == _S.DELIVERED:
        return "" if taken else "it was never taken"
    if not row.reason:
        return "it has no reason"
    # A text may be taken and fail later, at the handset; a credit that failed is not there.
    never = row.state == _S.SUPPRESSED or row.kind == DeliveryKind.POSTING
    return "it was taken all the same" if taken and never else ""


def table(storm: Storm, result: Result, database: str) -> str:
    """What happened, as a table in Markdown."""
    left = result.left_by_kill
    by_kind = {
        kind: ", ".join(f"{n:,} {state}" for (of, state), n in sorted(result.ended.items()) if of == kind)
        for kind in ("posting", "message")
    }
    rows = [
        ("database", database),
        ("texts and postings", f"{storm.rows:,} and {storm.rows:,}"),
        ("texts through", storm.channel),
        ("workers, requests at once of each", f"{storm.workers}, {storm.threads}"),
        ("killed with `kill -9`", f"{result.kills} ({result.schedulers_killed} of them schedulers)"),
        ("database stopped as by a crash", f"{result.restarts} times"),
        ("requests that reached the other sides", f"{result.requests:,}"),
        ("callbacks or receipts made, not taken", f"{result.callbacks:,}, {result.callbacks_refused:,}"),
        ("seconds of storm", f"{result.seconds:.0f}"),
        ("in flight when killed: most, mean", f"{max(left, default=0)}, {sum(left) / max(1, len(left)):.1f}"),
        ("unknown after the storm", f"{sum(result.unknown_shown.values()):,}"),
        ("unknown after asking", f"{sum(result.unknown_after_asking.values()):,}"),
        ("decided by a person", f"{result.decided:,}"),
        ("postings at the end", by_kind["posting"]),
        ("texts at the end", by_kind["message"]),
        ("texts that wait for a credit that failed", f"{result.waiting:,}"),
        ("**taken twice**", f"**{result.doubles}**"),
        ("**lost**", f"**{len(result.lost)}**"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])
