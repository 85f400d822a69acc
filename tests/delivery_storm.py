"""The delivery storm: real workers and schedulers are killed while both other sides fail; then everything is counted.

`python -m tests.delivery_storm --rows 100000 --workers 4 --kills 50 [--restarts 2] [--channel smpp] [--database URL]`
prints a table. Texts go through Twilio, or over SMPP through the one bind that one of the workers holds.
Without a database it starts a PostgreSQL of its own, which it stops in the middle as a crash would and starts again.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from foundation import clock, migrate
from foundation.db import Database
from foundation.settings import Settings, read_settings
from notify.campaigns import plan_campaign
from notify.decisions import Decision, decide_unknown
from notify.models import DELIVERIES, DeliveryState, Scope
from notify.registry import make_carriers
from notify.settling import settle_unknown
from notify.suppression import suppress
from notify.upkeep import recover
from notify.waves import Plan
from tests.delivery_rows import CAMPAIGN, message, posting, put
from tests.loopback_balances import Balances, Fault, loopback_balances
from tests.own_postgresql import own_postgresql, restart
from tests.processes import Process, free_port, started, wait_until
from tests.storm_books import Result, Storm, is_taken, table, wrong
from tests.storm_sides import Truth, posting_fault, truth_of
from tests.storm_texts import SIDES, Texts

TIMEOUT_SECONDS = 1.0
LEASE_SECONDS = 4
BATCH = 200
_S = DeliveryState
_STUCK_SECONDS = 180


def run_storm(
    storm: Storm, settings: Settings, *, restart_database: Callable[[], None] = lambda: None, say: bool = False
) -> Result:
    """Enqueue, let it storm, settle what can be settled, let a person decide the rest, and count."""
    database = Database(settings.database_url)
    try:
        with ExitStack() as stack:
            texts = SIDES[storm.channel](stack, storm.seed, storm.quiet)
            balances = stack.enter_context(loopback_balances())
            scene = _Scene(storm, settings, database, texts, balances, restart_database, say)
            return scene.play(stack)
    finally:
        database.dispose()


class _Scene:
    def __init__(
        self,
        storm: Storm,
        settings: Settings,
        database: Database,
        texts: Texts,
        balances: Balances,
        restart_database: Callable[[], None],
        say: bool,
    ) -> None:
        self._storm, self._settings, self._database = storm, settings, database
        self._texts, self._balances = texts, balances
        self._restart_database, self._say_it = restart_database, say
        self._port = free_port()
        self._moments = random.Random(storm.seed)
        self._workers: list[tuple[Process, ExitStack]] = []
        self._schedulers: list[tuple[Process, ExitStack]] = []
        self._result = Result()
        self._restarted_at = -math.inf
        self._more = {
            "OUTAGE_BATCH": str(BATCH),
            "OUTAGE_LEASE_SECONDS": str(LEASE_SECONDS),
            "OUTAGE_LOG": "warning",
            **texts.settings(f"http://127.0.0.1:{self._port}", storm.threads, TIMEOUT_SECONDS),
            "OUTAGE_ACCOUNT_SYSTEMS": "tmf654",
            "OUTAGE_TMF654_URL": balances.url,
            "OUTAGE_TMF654_PER_SECOND": "10000",
            "OUTAGE_TMF654_THREADS": str(storm.threads),
            "OUTAGE_TMF654_TIMEOUT": str(TIMEOUT_SECONDS),
        }

    def play(self, stack: ExitStack) -> Result:
        self._enqueue()
        self._balances.fault_of = lambda key, before: posting_fault(self._storm.seed, key, before)
        begun = time.monotonic()
        console = started(self._settings, "serve", "--no-errands", "--port", str(self._port), **self._more)
        serving = stack.enter_context(console)
        wait_until(lambda: "console at" in serving.printed())
        self._texts.begin()
        for _ in range(self._storm.workers):
            self._workers.append(self._start(stack, "worker"))
        for _ in range(self._storm.schedulers):
            self._schedulers.append(self._start(stack, "scheduler"))
        self._kill_them(stack)
        self._wait_for_rest()
        self._texts.finish()
        for _, own in (*self._workers, *self._schedulers):
            own.close()
        self._result.seconds = time.monotonic() - begun
        self._result.callbacks, self._result.callbacks_refused = self._texts.made, self._texts.refused
        self._settle()
        self._count(truth_of(self._texts.taken(), self._balances))
        return self._result

    def _enqueue(self) -> None:
        rows = self._storm.rows

        def made() -> Iterator[object]:
            for number in range(rows):
                yield posting(number, amount_minor=number + 1, channel="tmf654", payload={"kind": "balance_credit"})
                yield message(number, channel=self._storm.channel, address=_number(number))

        put(self._database, made())  # type: ignore[arg-type]
        with self._database.transaction() as session:
            for number in range(0, rows, self._storm.suppressed_every):
                suppress(session, _number(number), Scope.ANY, reason="asked for by post", actor="mary")
            # Failures are what a storm is made of: its campaign must not stop for them, nor wait for late receipts.
            plan_campaign(session, CAMPAIGN, Plan(canary_percent=100, failure_percent=100), actor="mary")

    def _start(self, stack: ExitStack, command: str) -> tuple[Process, ExitStack]:
        own = stack.enter_context(ExitStack())
        return own.enter_context(started(self._settings, command, **self._more)), own

    # --- the storm

    def _kill_them(self, stack: ExitStack) -> None:
        storm, all_requests = self._storm, 2 * self._storm.rows
        restarts = {round((number + 1) * storm.kills / (storm.restarts + 1)) for number in range(storm.restarts)}
        for kill in range(storm.kills):
            wished = all_requests * 0.9 * (kill + 1) / (storm.kills + 1)
            self._until(lambda wished=wished: self._requests() >= wished)  # type: ignore[misc]
            time.sleep(self._moments.uniform(0.0, 0.3))
            # Every seventh is a scheduler; a worker still starting up would prove nothing.
            if kill % 7 == 6 and self._schedulers:
                victims, command = self._schedulers, "scheduler"
            else:
                victims, command = self._workers, "worker"
            victim = self._moments.randrange(len(victims))
            self._kill(victims, victim)
            victims[victim] = self._start(stack, command)
            if kill + 1 in restarts:
                self._restart_database()
                self._restarted_at = time.monotonic()
                self._result.restarts += 1
            self._say(f"kill {kill + 1} of {storm.kills}: {self._requests():,} requests")

    def _kill(self, victims: list[tuple[Process, ExitStack]], victim: int) -> None:
        process, own = victims[victim]
        process.kill()
        self._result.kills += 1
        self._result.schedulers_killed += victims is self._schedulers
        if victims is self._workers:
            with self._database.reading() as session:
                mark = f"%-{process.popen.pid}-%"
                in_flight = (DELIVERIES.c.state == _S.SENDING) & DELIVERIES.c.worker.like(mark)
                left = session.scalar(select(func.count()).where(in_flight)) or 0
            # What was in flight when the database went away stays so for a lease, and others follow it.
            if time.monotonic() - self._restarted_at > 2 * LEASE_SECONDS:
                self._result.left_by_kill.append(left)
        own.close()

    def _requests(self) -> int:
        return self._texts.requests() + sum(self._balances.posted.values())

    def _until(self, is_so: Callable[[], bool]) -> None:
        end, last = time.monotonic() + _STUCK_SECONDS, self._requests()
        while not is_so():
            if self._is_idle():
                return
            if self._requests() > last:
                end, last = time.monotonic() + _STUCK_SECONDS, self._requests()
            if time.monotonic() > end:
                raise TimeoutError(f"nothing moved for {_STUCK_SECONDS} s: " + self._logs())
            time.sleep(0.25)

    def _wait_for_rest(self) -> None:
        self._until(lambda: False)

    def _is_idle(self) -> bool:
        moving = DELIVERIES.c.state.in_((_S.CLAIMED, _S.SENDING))
        to_go = (DELIVERIES.c.state == _S.PENDING) & ~DELIVERIES.c.waiting
        try:
            with self._database.reading() as session:
                return session.scalar(select(DELIVERIES.c.id).where(moving | to_go).limit(1)) is None
        except OperationalError:
            return False

    def _logs(self) -> str:
        return "\n".join(process.printed()[-2000:] for process, _ in (*self._workers, *self._schedulers))

    # --- afterwards

    def _settle(self) -> None:
        """Hours later: the carriers are asked; what they cannot tell is decided by a person who reads their logs."""
        settings = read_settings({**_environment(self._settings), **self._more})
        carriers = make_carriers(settings, self._database)
        self._texts.heal()
        self._balances.fault_of = lambda key, before: Fault()
        recover(self._database)
        self._result.unknown_shown = self._unknown()
        for later in (timedelta(minutes=5), timedelta(hours=13)):
            with clock.moved_to(clock.now() + later):
                recover(self._database)
                settle_unknown(self._database, carriers)
        self._result.unknown_after_asking = self._unknown()
        for _ in range(3):
            self._decide(truth_of(self._texts.taken(), self._balances))
            with ExitStack() as stack:
                worker = stack.enter_context(started(self._settings, "worker", "--until-idle", **self._more))
                if worker.popen.wait(timeout=10 * _STUCK_SECONDS) or not self._is_idle():
                    raise RuntimeError(f"the worker ended before it was done: {worker.printed()[-2000:]}")
            with clock.moved_to(clock.now() + timedelta(hours=13)):
                recover(self._database)
                settle_unknown(self._database, carriers)
            if not self._unknown():
                break
        for carrier in carriers.values():
            carrier.close()  # type: ignore[attr-defined]

    def _decide(self, truth: Truth) -> None:
        with self._database.transaction() as session:
            unknown = session.execute(
                select(DELIVERIES.c.key, DELIVERIES.c.kind, DELIVERIES.c.address).where(
                    DELIVERIES.c.state == _S.UNKNOWN
                )
            ).all()
            there = {row.key for row in unknown if is_taken(row, truth)}
            not_there = {row.key for row in unknown} - there
            for decision, keys in ((Decision.THERE, there), (Decision.SEND_AGAIN, not_there)):
                if keys:
                    reason = "the provider's log"
                    self._result.decided += decide_unknown(
                        session, CAMPAIGN, decision, keys=keys, actor="mary", reason=reason
                    )

    def _unknown(self) -> Counter[str]:
        query = select(DELIVERIES.c.kind, DELIVERIES.c.reason, func.count()).where(DELIVERIES.c.state == _S.UNKNOWN)
        with self._database.reading() as session:
            rows = session.execute(query.group_by(DELIVERIES.c.kind, DELIVERIES.c.reason)).all()
        return Counter({f"{kind}: {reason or '(no reason)'}": number for kind, reason, number in rows})

    def _count(self, truth: Truth) -> None:
        result, seen = self._result, 0
        fields = ("key", "kind", "address", "state", "waiting", "reason")
        with self._database.reading() as session:
            for row in session.execute(select(*(DELIVERIES.c[name] for name in fields))):
                seen += 1
                result.ended[str(row.kind), str(row.state)] += 1
                result.waiting += bool(row.waiting)
                if amiss := wrong(row, truth):
                    result.lost.append(f"{row.key}: {amiss} ({row.state}, {row.reason})")
        if seen != 2 * self._storm.rows:
            result.lost.append(f"{2 * self._storm.rows - seen} rows are not there at all")
        result.doubles, result.requests = truth.doubles, self._requests()

    def _say(self, what: str) -> None:
        if self._say_it:
            print(what, file=sys.stderr, flush=True)


def _number(number: int) -> str:
    return f"+4479{number:08d}"


def _environment(settings: Settings) -> Mapping[str, str]:
    return {"OUTAGE_DATA": str(settings.data), "DATABASE_URL": settings.database_url, "OUTAGE_QUIET_HOURS": "none"}


def main() -> int:
    """Run the storm as asked and print its table; 1 when anything was doubled, lost or in flight beyond the threads."""
    parser = argparse.ArgumentParser(prog="python -m tests.delivery_storm", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--restarts", type=int, default=2)
    parser.add_argument("--channel", choices=sorted(SIDES), default="twilio")
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--quiet", type=float, default=0.3, help="part of the texts that never hear back")
    parser.add_argument("--database", help="an empty database; it is not restarted")
    given = parser.parse_args()
    storm = Storm(
        rows=given.rows,
        workers=given.workers,
        kills=given.kills,
        restarts=0 if given.database else given.restarts,
        threads=given.threads,
        quiet=given.quiet,
        channel=given.channel,
    )
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="storm")))
        server = None if given.database else stack.enter_context(own_postgresql())
        url = str(given.database) if server is None else server.get_uri(driver="psycopg")
        settings = read_settings({"OUTAGE_DATA": str(directory), "DATABASE_URL": url, "OUTAGE_QUIET_HOURS": "none"})
        database = Database(settings.database_url)
        migrate.upgrade(database)
        dialect = database.engine.dialect.name
        database.dispose()
        result = run_storm(
            storm, settings, restart_database=(lambda: restart(server)) if server else lambda: None, say=True
        )
    print(table(storm, result, dialect))
    for reason, number in result.unknown_after_asking.most_common():
        print(f"{number:>8,}  {reason}")
    for line in result.lost[:20]:
        print("lost:", line)
    bound = max(result.left_by_kill, default=0) <= storm.most_in_flight
    return 0 if not result.doubles and not result.lost and bound else 1


if __name__ == "__main__":
    sys.exit(main())
