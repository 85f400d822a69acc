"""How long whole pages over a national release take: of its deliveries, and of the assessment and credits behind it.

`OUTAGE_BENCHMARK_LINES=2500000` are the 5 million deliveries of the largest release, `OUTAGE_BENCH_LINES` the lines of
the assessment. A page is a call of the
application as a browser makes it, its template and figures included.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import islice

import pytest
from flask.testing import FlaskClient

import compensation.web
import notify.web
import outage.web
from compensation import approval, assessment
from compensation.credits import release_credits
from compensation.models import Assessment
from foundation import clock
from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from notify.campaigns import plan_campaign
from notify.carriers import Carrier, Outcome, Outgoing
from notify.delivery import drain
from notify.models import DeliveryKind, DeliveryState
from notify.outbox import NewDelivery, enqueue
from notify.texts import save_text
from notify.upkeep import look_after
from notify.waves import Plan
from outage.models import ImpactRun
from tests.benchmarks import impact_data as data
from tests.benchmarks.drain_process import Nothing
from tests.benchmarks.test_assessment_speed import distinct_fees, fill_world, save_version
from tests.delivery_rows import BODY, CAMPAIGN, message, posting
from tests.web_client import add_staff, make_web, sign_in

PAGE_LINES = int(os.environ.get("OUTAGE_BENCHMARK_LINES", "100000"))
CALLS = 20
_REASONS = 20


class Refusing(Nothing):
    """Takes all but one row in a hundred, which it refuses for one of twenty reasons."""

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Taken or refused, by the delivery's number."""
        return [
            taken if row.delivery_id % 100 else _refusal(row.delivery_id // 100)
            for row, taken in zip(batch, super().send(batch), strict=True)
        ]


def _refusal(number: int) -> Outcome:
    return Outcome(DeliveryState.FAILED, reason=f"{30_000 + number % _REASONS}: a reason of the provider's")


def _rows() -> Iterator[NewDelivery]:
    """A credit and a text for each line; each fourth credit sleeps until the bill is run."""
    later = clock.now() + timedelta(days=20)
    for number in range(PAGE_LINES):
        yield posting(number, not_before=None if number % 4 else later)
        yield message(number)


def page_times(client: FlaskClient, pages: dict[str, str]) -> list[tuple[str, ...]]:
    """Each page: milliseconds of its first call, then the median and the 95th percentile of those after it."""
    return [(name, *_times(data.page_of(client, address))) for name, address in pages.items()]


def _times(work: Callable[[], None]) -> tuple[str, ...]:
    first = data.seconds_of(work)
    again = sorted(data.seconds_of(work) for _ in range(CALLS))
    return tuple(f"{seconds * 1000:.0f}" for seconds in (first, again[CALLS // 2], again[int(CALLS * 0.95) - 1]))


_TITLES = ("milliseconds", "first", "p50", "p95")


def test_pages_on_a_large_release(database: Database, store: SnapshotStore, settings: Settings) -> None:
    """Wanted below 300 ms on 5 million rows."""
    carriers: dict[str, Carrier] = {"book": Nothing("book"), "spool": Refusing("spool")}
    rows = _rows()
    with database.transaction() as session:
        save_text(session, "told", "en", BODY, author="mary")
        plan_campaign(session, CAMPAIGN, Plan(canary_percent=100), actor="bench")
        enqueue(session, (islice(rows, 50_000) for _ in range(0, 2 * PAGE_LINES, 50_000)))
    for name, rows_moved in (("book", PAGE_LINES // 2), ("spool", PAGE_LINES // 5)):
        drain(database, {name: carriers[name]}, worker="bench", lease_seconds=60, batch=500, limit=rows_moved)
    look_after(database, carriers)
    add_staff(database, "admin")
    web = make_web(settings, database, store, outage.web, compensation.web, notify.web)
    release = f"/releases/{CAMPAIGN}"
    states = {
        f"its {state} {kind}s": f"{release}?kind={kind}&state={state}"
        for kind in DeliveryKind
        for state in ("pending", "delivered", "failed")
    }
    pages = {
        "home": "/incidents",
        "releases": "/releases/",
        "the release": release,
        **states,
        "one account searched for": f"{release}?q=A{PAGE_LINES // 2:06d}",
        "one number searched for": f"{release}?q=%2B4477009{PAGE_LINES // 2:05d}",
        "delivery engine": "/engine/",
    }
    title = f"{database.engine.dialect.name}: pages on a release of {2 * PAGE_LINES:,} deliveries"
    data.print_table(title, _TITLES, page_times(sign_in(web, database, "admin"), pages))


@pytest.mark.parametrize("fee", ["discounted fee", "service fee"], ids=["few cases", "many cases"])
def test_pages_on_a_large_assessment(database: Database, store: SnapshotStore, settings: Settings, fee: str) -> None:
    """A case for each of up to a million fees, or 80 in all; the fifth of the lines that has a right is credited."""
    run = fill_world(database, store)
    if fee == "service fee":
        with database.reading() as session:
            found = session.get_one(ImpactRun, run)
        distinct_fees(database, store, found, 1_000_000)
    ref = assessment.assess(database, store, run, save_version(database, fee), actor="maria").assessment.ref
    with database.transaction() as session:
        approval.submit_assessment(session, ref, actor="maria")
    with database.transaction() as session:
        approval.approve_assessment(session, ref, actor="omar", reason="bench")
    credits = release_credits(database, store, ref, actor="omar").credits
    add_staff(database, "admin")
    web = make_web(settings, database, store, outage.web, compensation.web, notify.web)
    page = f"/assessments/{ref}"
    pages = {
        "assessments": "/assessments/",
        "the assessment": page,
        "its cases that get something": f"{page}?outcome=entitled",
        "its cases by lines": f"{page}?sort=-lines",
        "its cases with a word": f"{page}?q=postpaid",
        "its last cases": f"{page}?page=10000",
        "one case": f"{page}/cases/1",
        "its books, proved": f"{page}?books",
        "over-credited": f"{page}/over-credited",
        "a line": f"/lookup/lines/{data.LINES // 2}",
        "an account": f"/lookup/accounts/{data.LINES // 2}",
        "its release": f"/releases/{ref}",
    }
    with database.reading() as session:
        cases = session.get_one(Assessment, 1).totals["cases"]
    title = f"{database.engine.dialect.name}: pages on {cases:,} cases of {data.LINES:,} lines, {credits:,} credits"
    data.print_table(title, _TITLES, page_times(sign_in(web, database, "admin"), pages))
