"""Upkeep that any worker and the scheduler do, however often: what is due, what dead workers left, waves, counters."""

from __future__ import annotations

from collections.abc import Mapping

from foundation.db import Database
from notify.accounts.book_counts import fold_book_counts
from notify.carriers import Carrier
from notify.conditions import TEND_AT_ONCE, TENDING, cancel_rest, find_aborted, is_anything_due
from notify.counters import fold_counts
from notify.progress import sample_campaigns
from notify.screening import forget_old_days
from notify.taken import forget_idle
from notify.transitions import requeue_claimed, suspect_sending
from notify.waves import advance


def tend(database: Database) -> int:
    """Cancel what expired, end holds that were in vain, wake what slept until now; returns how many rows changed."""
    with database.reading() as session:
        if not is_anything_due(session):
            return 0
    changed = 0
    for step in TENDING:
        number = TEND_AT_ONCE
        while number == TEND_AT_ONCE:
            with database.transaction() as session:
                number = step(session)
            changed += number
    return changed


def recover(database: Database) -> tuple[int, int]:
    """Take up what dead workers left: (claims put back to `pending`, attempts turned `unknown`)."""
    with database.transaction() as session:
        recovered = requeue_claimed(session), suspect_sending(session)
    with database.transaction() as session:
        forget_idle(session)
    return recovered


def cancel_aborted(database: Database) -> int:
    """Cancel what has not left of aborted campaigns, in bounded steps; returns how many."""
    with database.reading() as session:
        campaigns = find_aborted(session)
    cancelled = 0
    for campaign in campaigns:
        last, number = 0, 1
        while number:
            with database.transaction() as session:
                number, last = cancel_rest(session, campaign, last)
            cancelled += number
    return cancelled


def look_after(database: Database, carriers: Mapping[str, Carrier]) -> None:
    """What every worker and the scheduler do now and then: judge and open waves, cancel, fold the counters, sample."""
    open_waves(database, carriers)
    cancel_aborted(database)
    with database.transaction() as session:
        fold_counts(session)
        fold_book_counts(session)
        forget_old_days(session)
    with database.transaction() as session:
        sample_campaigns(session)


def open_waves(database: Database, carriers: Mapping[str, Carrier]) -> int:
    """Judge the campaigns that have something left, and open the next waves of those that go well; returns how many."""
    final = [name for name, carrier in carriers.items() if carrier.promises.receipt_hours is None]
    with database.transaction() as session:
        return advance(session, final)
