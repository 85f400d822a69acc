"""`outage demo`: 11-12 July 2012 from first alarm to posted credit, each step through the product's own doors."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from compensation import approval, assessment, credits, demo_world, policies, queries
from compensation.cli import books_lines, case_in_words
from compensation.ledger import record_confirmations
from compensation.models import AssessmentState
from compensation.policy_tests import run_tests
from foundation import clock, migrate
from foundation.cli import App
from foundation.db import Database
from foundation.errors import RefusedError
from foundation.money import Money
from notify.queries import count_deliveries
from notify.registry import make_carriers, make_spool
from notify.texts import install_ready_texts
from notify.worker import run_worker
from outage.alarms import record_alarms
from outage.feeds.alertmanager import read_webhook
from outage.impact import measure_impact
from outage.importing import ImportResult
from outage.incidents import close_incident, get_incident, restore_elements
from outage.lifecycle import IncidentStatus
from outage.models import Incident
from outage.network_import import import_network
from outage.presence import import_sightings
from outage.samples.files import HLR, SampleFiles
from outage.samples.public_data import write_public
from outage.samples.synthetic import write_synthetic
from outage.subscriber_import import import_subscribers

POLICY = "o2_uk_2012_07.yaml"


@click.command()
@click.option("--subscribers", type=click.IntRange(100, 50_000_000), default=20_000, show_default=True)
@click.option("--seed", type=int, default=2012, show_default=True, help="The same seed makes the same operator.")
@click.option("--cells", type=click.Path(path_type=Path), help="Real cells (CSV) instead of made-up ones.")
@click.option("--customers", type=click.Path(path_type=Path), help="Real tariffs (CSV); with --cells.")
@click.pass_obj
def demo(app: App, subscribers: int, seed: int, cells: Path | None, customers: Path | None) -> None:
    """Walk 11-12 July 2012 from alarm to posted credit, on made-up customers or on real cells and tariffs.

    \b
    outage demo
    outage demo --subscribers 1000000
    outage demo --cells cells.csv --customers tariffs.csv

    It works in OUTAGE_DATA, only in empty records or in those of the same demonstration: again changes nothing.
    """
    if (cells is None) != (customers is None):
        raise click.UsageError("--cells and --customers go together")
    wanted = demo_world.DemoInput(subscribers if cells is None else 0, seed, str(cells or ""), str(customers or ""))
    Story(app, wanted).tell()


class Story:
    """One demonstration under way; each step says what it did, or that it had been done before."""

    def __init__(self, app: App, wanted: demo_world.DemoInput) -> None:
        self.app = app
        self.wanted = wanted
        self.chapter = 0

    def tell(self) -> None:
        """All chapters in order; raises RefusedError when the books do not agree in the end."""
        started = clock.monotonic()
        password = self.set_up()
        self.load_operator()
        incident = self.live_through_outage()
        run_id = self.measure(incident)
        ref = self.decide(incident, run_id)
        self.deliver(ref)
        self.prove_books(ref)
        self.say_goodbye(password, clock.monotonic() - started)

    def title(self, text: str) -> None:
        self.chapter += 1
        self.app.console.print(f"\n[bold]{self.chapter}  {text}[/bold]")

    def say(self, text: str) -> None:
        self.app.console.print(f"   {text}")

    def watched(self, what: str) -> Any:
        """A progress display and a callback `(done, total)` for it."""
        return _Watched(self.app, what)

    def set_up(self) -> str:
        self.title("Set up: database, staff, texts, policy")
        database = Database(self.app.settings.database_url)
        before, after = migrate.upgrade(database)
        database.dispose()
        demo_world.claim_directory(self.app, self.wanted)
        self.say(f"database at migration {after}" + (", nothing changed" if before == after else ""))
        with self.app.database.transaction() as session:
            password = demo_world.add_staff(session, self.app.settings.data)
            texts = install_ready_texts(session, "maria")
        self.say(f"{len(demo_world.STAFF)} staff users, one per role; {texts} new customer texts in three languages")
        self.adopt_policy()
        return password

    def adopt_policy(self) -> None:
        text = (files("compensation") / "schemes" / POLICY).read_text(encoding="utf-8")
        with self.app.database.transaction() as session:
            version = policies.save_policy(session, text, actor="maria", source=POLICY).version
            version = policies.submit_policy(session, version.id, actor="maria") if _is_draft(version) else version
            version = policies.approve_policy(session, version.id, actor="omar")
            document = policies.load_document(session, version)
        results = run_tests(document)
        passed = sum(result.passed for result in results)
        self.say(f"policy {policies.label(version)} is {version.state}: {passed} of {len(results)} worked cases pass")

    def load_operator(self) -> None:
        self.title("The operator: network, customers, who was seen where")
        sample = self.write_sample()
        self.say(f"note: {sample.assigned}")
        rejects = self.app.settings.data / "rejects"
        importers: list[tuple[str, Callable[[Any, Any], Any]]] = [
            (
                "network",
                lambda session, tell: import_network(
                    session, sample.elements, sample.dependencies, actor="nina", reject_dir=rejects, progress=tell
                ),
            ),
            (
                "subscribers",
                lambda session, tell: import_subscribers(
                    session, sample.subscribers, actor="nina", reject_dir=rejects, progress=tell
                ),
            ),
            (
                "sightings",
                lambda session, tell: import_sightings(
                    session, self.app.store, sample.sightings, actor="nina", reject_dir=rejects, progress=tell
                ),
            ),
        ]
        for name, load in importers:
            with self.watched(name) as tell, self.app.database.transaction() as session:
                results = load(session, tell)
            for result in results if isinstance(results, (list, tuple)) else [results]:
                self.say(_summary(result))

    def write_sample(self) -> SampleFiles:
        directory = self.app.settings.data / "sample"
        if self.wanted.cells:
            return write_public(
                Path(self.wanted.cells),
                Path(self.wanted.customers),
                directory,
                seed=self.wanted.seed,
                started_at=demo_world.STARTED_AT,
            )
        return write_synthetic(
            directory, subscribers=self.wanted.subscribers, seed=self.wanted.seed, started_at=demo_world.STARTED_AT
        )

    def live_through_outage(self) -> str:
        self.title("11 July 2012: the register fails; 12 July: it comes back in stages")
        ref = self.alarm(HLR, "HLRDown", "HLR-1 answers no subscriber", demo_world.STARTED_AT, None)
        with self.app.database.reading() as session:
            sites = demo_world.storm_sites(session)
        for cleared_at in (None, demo_world.STORM_OVER_AT):
            for site in sites:
                self.alarm(site, "SiteDown", "signalling storm", demo_world.STORM_AT, cleared_at)
        with self.at(demo_world.CALLS_BACK_AT) as session:
            incident = get_incident(session, ref)
            if incident.status is IncidentStatus.OPENED:
                ended = restore_elements(
                    session, incident, [HLR], at=demo_world.CALLS_BACK_AT, services=("voice", "sms"), actor="nina"
                )
                self.say(f"{_shown(demo_world.CALLS_BACK_AT)}  calls and texts restored by hand ({ended} ended)")
        self.alarm(HLR, "HLRDown", "HLR-1 answers no subscriber", demo_world.STARTED_AT, demo_world.DATA_BACK_AT)
        with self.at(demo_world.MEASURED_AT) as session:
            incident = get_incident(session, ref)
            if incident.status is IncidentStatus.RESTORED:
                close_incident(session, incident, actor="nina")
            self.say(f"{incident.ref} is {incident.status}: {incident.title}")
        return ref

    def alarm(self, element: str, name: str, summary: str, raised_at: datetime, cleared_at: datetime | None) -> str:
        body = demo_world.alarm_body(element, name, summary, raised_at, cleared_at)
        with self.at(cleared_at or raised_at) as session:
            (recorded,) = record_alarms(session, read_webhook(body), actor="alertmanager")
        incident: Incident | None = recorded.incident
        if incident is None:
            raise RefusedError("the alarm opened no incident", where=element, value=recorded.reason)
        self.say(f"{_shown(cleared_at or raised_at)}  {name} on {element}: {recorded.reason} ({incident.ref})")
        return incident.ref

    def at(self, instant: datetime) -> Any:
        """A transaction at another time."""
        return _At(self.app, instant)

    def measure(self, incident: str) -> int:
        self.title("Impact: who lost which service, from when to when")
        with clock.moved_to(demo_world.MEASURED_AT), self.watched("lines measured") as tell:
            measured = measure_impact(self.app.database, self.app.store, incident, actor="nina", progress=tell)
        counts = measured.run.counts
        self.say(f"run {measured.run.number}" + ("" if measured.is_new else " was there already, nothing changed"))
        for name, value in _flat(counts):
            self.say(f"  {name:<28} {value:>14,}")
        return measured.run.id

    def decide(self, incident: str, run_id: int) -> str:
        self.title("Assessment, two persons' approval, release")
        with clock.moved_to(demo_world.DECIDED_AT):
            ref = self.propose_and_approve(incident, run_id)
        with clock.moved_to(demo_world.RELEASED_AT), self.watched("credits and deliveries") as tell:
            released = credits.release_credits(self.app.database, self.app.store, ref, actor="omar", progress=tell)
        amount = Money(released.amount_minor, released.assessment.currency)
        said = "released" if released.is_new else "was released before, nothing changed"
        self.say(f"{ref} {said}: {released.credits:,} credits of {amount}, {released.texts:,} texts")
        return ref

    def propose_and_approve(self, incident: str, run_id: int) -> str:
        """Assess the run under the policy in force on that day, and have it approved; returns the reference."""
        with self.app.database.reading() as session:
            started_at = get_incident(session, incident).started_at
            (version,) = policies.list_for_incident(session, started_at)
        done = assessment.assess(self.app.database, self.app.store, run_id, version.id, actor="maria")
        self.show_cases(done.assessment.ref, is_new=done.is_new)
        self.approve(done.assessment.ref)
        return done.assessment.ref

    def show_cases(self, ref: str, *, is_new: bool) -> None:
        with self.app.database.reading() as session:
            view = queries.get_assessment(session, ref)
            cases = queries.list_cases(session, view.assessment.id, sort="cost", limit=8)
        totals = view.assessment.totals
        self.say(
            f"{ref}: {totals['lines']:,} lines are {totals['cases']} cases, {totals['entitled']:,} entitled"
            + ("" if is_new else "; was there already, nothing changed")
        )
        for case in cases:
            cost = Money(case.lines * case.cost_minor, view.assessment.currency)
            self.say(f"  {case.lines:>9,} lines  {case_in_words(case):<62} {cost!s:>18}")
        if totals["cases"] > len(cases):
            self.say(f"  {totals['cases'] - len(cases)} more cases in the console")

    def approve(self, ref: str) -> None:
        with self.app.database.transaction() as session:
            if queries.find_assessment(session, ref).state is AssessmentState.RELEASED:
                return
            approval.submit_assessment(session, ref, actor="maria")
        try:
            with self.app.database.transaction() as session:
                approval.approve_assessment(session, ref, actor="maria", reason="my own proposal")
        except RefusedError as error:
            self.say(f"maria tries to approve her own proposal: refused, {error}")
        with self.app.database.transaction() as session:
            approval.approve_assessment(session, ref, actor="omar", reason="as published on 18 July 2012")
            bound = approval.binding(session, queries.find_assessment(session, ref))
        self.say(f"omar approves; his yes is bound to {bound.hash[:16]} (run, policy, cases, texts)")

    def deliver(self, ref: str) -> None:
        self.title("Delivery: the credit first, its text after the confirmation")
        carriers = make_carriers(self.app.settings, self.app.database)
        with self.app.database.reading() as session:
            total = count_deliveries(session, campaign=ref)
        with clock.moved_to(demo_world.RELEASED_AT), self.watched("delivered") as tell:
            counts = run_worker(
                self.app.database,
                carriers,
                lease_seconds=self.app.settings.lease_seconds,
                batch=self.app.settings.batch,
                stop=threading.Event(),
                until_idle=True,
                report=lambda done: tell(done.delivered, total),
            )
            with self.app.database.transaction() as session:
                entered = record_confirmations(session)
        self.say(f"{counts.delivered:,} delivered, {counts.failed:,} failed, {entered:,} entered in the ledger")
        spool = make_spool(self.app.settings)
        shapes = {_shape(text.body): text.body for text in spool.list_texts(limit=400)}
        for body in sorted(shapes.values(), key=len)[-3:]:
            self.say(f"  “{body}”")
        self.say(f"{spool.count():,} texts in the spool, {len(spool.doubles())} of them twice")

    def prove_books(self, ref: str) -> None:
        self.title("The books")
        with self.app.database.reading() as session:
            books = queries.books_of(session, ref)
        for name, minor in books_lines(books):
            self.say(f"{name:<34} {Money(minor, books.currency)!s:>18}")
        if books.differences:
            raise RefusedError("the books do not agree", where=ref, value=books.differences)
        self.say(f"all agree; {books.credits:,} credits = {books.postings:,} postings = {books.confirmed:,} confirmed")

    def say_goodbye(self, password: str, seconds: float) -> None:
        self.title("Look around")
        data = self.app.settings.data
        command = "make run" if data == Path("var").absolute() else f"OUTAGE_DATA={data} outage run"
        self.say(f"console: {command}, then http://{self.app.settings.host}:{self.app.settings.port}")
        people = ", ".join(f"{name} ({role})" for name, (_, role) in demo_world.STAFF.items())
        self.say(f"sign in as {people}")
        self.say(f"password for all of them: {password}")
        self.say(f"done in {seconds:.0f} s")


class _Watched:
    """`with _Watched(app, "what") as tell: tell(done, total)`: a progress bar."""

    def __init__(self, app: App, what: str) -> None:
        self._progress = app.progress()
        self._what = what

    def __enter__(self) -> Callable[[int, int | None], None]:
        self._progress.__enter__()
        task = self._progress.add_task(f"   {self._what}", total=None)

        def tell(done: int, total: int | None) -> None:
            self._progress.update(task, completed=done, total=total)

        return tell

    def __exit__(self, *error: object) -> None:
        self._progress.__exit__(*error)  # type: ignore[arg-type]


class _At:
    """A transaction of the records at another time of the clock."""

    def __init__(self, app: App, instant: datetime) -> None:
        self._clock = clock.moved_to(instant)
        self._transaction = app.database.transaction()

    def __enter__(self) -> Any:
        self._clock.__enter__()
        return self._transaction.__enter__()

    def __exit__(self, *error: Any) -> None:
        try:
            self._transaction.__exit__(*error)
        finally:
            self._clock.__exit__(*error)


def _is_draft(version: Any) -> bool:
    return str(version.state) == "drafted"


def _shape(body: str) -> str:
    return re.sub(r"[0-9]|Code \w+", "", body)


def _summary(result: ImportResult) -> str:
    more = "".join(f", {name} {count:,}" for name, count in result.details.items() if count)
    said = f"{Path(result.file).name}: {result.read:,} rows, {result.added:,} added, {result.changed:,} changed{more}"
    said += f", {result.rejected:,} rejected (see {result.reject_file})" if result.rejected else ""
    return said if result.changes else f"{said}: nothing changed"


def _shown(instant: datetime) -> str:
    return instant.strftime("%d %b %H:%M UTC")


def _flat(counts: dict[str, Any], prefix: str = "") -> list[tuple[str, int]]:
    flat: list[tuple[str, int]] = []
    for name, value in counts.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{prefix}{name} ")
        else:
            flat.append((f"{prefix}{name}".replace("_", " "), value))
    return flat
