"""Entering confirmations in the ledger again and again: only what came since is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from compensation.ledger import count_posted, enter_confirmed
from compensation.models import Assessment, AssessmentState
from notify.totals import count_confirmed_money, newest_attempt, select_confirmed_postings


@dataclass(frozen=True)
class _Known:
    """Postings of money whose confirmation stands in the ledger, by release, and the attempts seen before them."""

    posted: Mapping[str, int] = field(default_factory=dict)
    since: tuple[int, int] = (0, 0)


def record_confirmations(session: Session) -> int:
    """Enter as posted every accrued credit whose posting the account side has confirmed; returns how many.

    Looks at all releases there are; what is entered already is passed over.
    """
    return enter_confirmed(session, select_confirmed_postings(_released()))


class Confirmations:
    """The same for a job that comes again every few seconds: it remembers how many postings of a release it entered.

    Counters tell which releases have more by now. Of these it looks at the attempts that were written down since; where
    they do not explain the counter (a receipt, a person, another process, a late commit), at the whole release, and so
    for every release once after a start: nothing that is not in the ledger is ever taken for entered.
    """

    def __init__(self) -> None:
        self._known = self._found = _Known()

    def enter(self, session: Session) -> int:
        """Enter what was confirmed since the last `keep`; returns how many. Call `keep` once that is committed."""
        confirmed = count_confirmed_money(session, _released())
        posted = dict(self._known.posted)
        changed = {campaign: rows for campaign, rows in confirmed.items() if rows != posted.get(campaign, 0)}
        newest, since = newest_attempt(session), self._known.since
        entered = 0
        for campaign, rows in changed.items():
            one = select(Assessment.ref).where(Assessment.ref == campaign)
            if campaign in posted:
                # From two looks ago on: an attempt with a lower number may be committed after a higher one.
                entered += (came := enter_confirmed(session, select_confirmed_postings(one, since=since[0])))
                posted[campaign] += came
            if posted.get(campaign, 0) < rows:
                entered += enter_confirmed(session, select_confirmed_postings(one))
                posted[campaign] = max(rows, count_posted(session, campaign))
        self._found = _Known(posted, (since[1] or newest, newest))
        return entered

    def keep(self) -> None:
        """Remember what the last `enter` found: it is committed."""
        self._known = self._found


def _released() -> Select[str]:
    return select(Assessment.ref).where(Assessment.state == AssessmentState.RELEASED)
