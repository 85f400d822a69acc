"""The later chapters: impact, decision, delivery, and the proof of the books."""

from __future__ import annotations

import re
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from compensation import approval, assessment, credits, policies, queries
from compensation.cases.kept import list_summaries
from compensation.confirmations import record_confirmations
from compensation.demo import world
from compensation.demo.stage import Stage
from compensation.models import AssessmentState
from compensation.words import books_lines, case_in_words, summary_in_words
from foundation import clock
from foundation.errors import RefusedError
from foundation.money import Money
from notify.queries import count_deliveries
from notify.registry import make_carriers, make_routing, make_spool
from notify.worker import run_worker
from outage.incidents.incidents import get_incident
from outage.runs.impact import measure_impact

MOST_REWARDS = 12


def measure(stage: Stage, incident: str) -> int:
    stage.title("Impact: who lost which service, from when to when")
    with clock.moved_to(world.MEASURED_AT), stage.watched("lines measured") as tell:
        measured = measure_impact(stage.app.database, stage.app.store, incident, actor="nina", progress=tell)
    counts = measured.run.counts
    stage.say(f"run {measured.run.number}" + ("" if measured.is_new else " was there already, nothing changed"))
    for name, value in _flat(counts):
        stage.say(f"  {name:<28} {value:>14,}")
    return measured.run.id


def decide(stage: Stage, incident: str, run_id: int) -> str:
    stage.title("Assessment, two persons' approval, release")
    with clock.moved_to(world.DECIDED_AT):
        ref = propose_and_approve(stage, incident, run_id)
    with clock.moved_to(world.RELEASED_AT), stage.watched("credits and deliveries") as tell:
        routing = make_routing(stage.app.settings)
        released = credits.release_credits(
            stage.app.database, stage.app.store, ref, actor="omar", routing=routing, progress=tell
        )
    amount = Money(released.amount_minor, released.assessment.currency)
    said = "released" if released.is_new else "was released before, nothing changed"
    stage.say(f"{ref} {said}: {released.credits:,} credits of {amount}, {released.texts:,} texts")
    return ref


def propose_and_approve(stage: Stage, incident: str, run_id: int) -> str:
    """Assess the run under the policy in force on that day, and have it approved; returns the reference."""
    with stage.app.database.reading() as session:
        started_at = get_incident(session, incident).started_at
        (version,) = policies.list_for_incident(session, started_at)
    done = assessment.assess(stage.app.database, stage.app.store, run_id, version.id, actor="maria")
    show_cases(stage, done.assessment.ref, is_new=done.is_new)
    approve(stage, done.assessment.ref)
    return done.assessment.ref


def show_cases(stage: Stage, ref: str, *, is_new: bool) -> None:
    with stage.app.database.reading() as session:
        view = queries.get_assessment(session, ref)
        cases = queries.list_cases(session, view.assessment.id)
    totals, currency = view.assessment.totals, view.assessment.currency
    stage.say(
        f"{ref}: {totals['lines']:,} lines are {totals['cases']} cases, {totals['entitled']:,} entitled"
        + ("" if is_new else "; was there already, nothing changed")
    )
    rewards: Counter[str] = Counter()
    costs: Counter[str] = Counter()
    for case in cases:
        rewards[case_in_words(case)] += case.lines
        costs[case_in_words(case)] += case.lines * case.cost_minor
    with stage.app.database.reading() as session:
        for summary in list_summaries(session, view.assessment.id):
            words = summary_in_words(summary)
            rewards[words] += summary.lines
            costs[words] += summary.cost_minor
    for words, lines in rewards.most_common(MOST_REWARDS):
        stage.say(f"  {lines:>9,} lines  {words:<58} {Money(costs[words], currency)!s:>18}")
    if len(rewards) > MOST_REWARDS:
        stage.say(f"  {len(rewards) - MOST_REWARDS} more kinds of outcome in the console")


def approve(stage: Stage, ref: str) -> None:
    with stage.app.database.transaction() as session:
        if queries.find_assessment(session, ref).state is AssessmentState.RELEASED:
            return
        approval.submit_assessment(session, ref, actor="maria")
    try:
        with stage.app.database.transaction() as session:
            approval.approve_assessment(session, ref, actor="maria", reason="my own proposal")
    except RefusedError as error:
        stage.say(f"maria tries to approve her own proposal: refused, {error}")
    with stage.app.database.transaction() as session:
        approval.approve_assessment(session, ref, actor="omar", reason="as published on 18 July 2012")
        bound = approval.binding(session, queries.find_assessment(session, ref))
    stage.say(f"omar approves; his yes is bound to {bound.hash[:16]} (run, policy, cases, texts)")


def deliver(stage: Stage, ref: str) -> None:
    stage.title("Delivery: the credit first, its text after the confirmation")
    carriers = make_carriers(stage.app.settings, stage.app.database)
    with stage.app.database.reading() as session:
        total = count_deliveries(session, campaign=ref)
    with clock.moved_to(world.RELEASED_AT), stage.watched("delivered") as tell:
        counts = run_worker(
            stage.app.database,
            carriers,
            lease_seconds=stage.app.settings.lease_seconds,
            batch=stage.app.settings.batch,
            stop=threading.Event(),
            until_idle=True,
            report=lambda done: tell(done.delivered, total),
        )
        with stage.app.database.transaction() as session:
            entered = record_confirmations(session)
    stage.say(f"{counts.delivered:,} delivered, {counts.failed:,} failed, {entered:,} entered in the ledger")
    spool = make_spool(stage.app.settings)
    shapes = {_shape(text.body): text.body for text in spool.list_texts(limit=400)}
    for body in sorted(shapes.values(), key=len)[-3:]:
        stage.say(f"  “{body}”")
    stage.say(f"{spool.count():,} texts in the spool, {len(spool.doubles())} of them twice")


def prove_books(stage: Stage, ref: str) -> None:
    stage.title("The books")
    with stage.app.database.reading() as session:
        books = queries.books_of(session, ref)
    for name, minor in books_lines(books):
        stage.say(f"{name:<34} {Money(minor, books.currency)!s:>18}")
    if books.differences:
        raise RefusedError("the books do not agree", where=ref, value=books.differences)
    stage.say(f"all agree; {books.credits:,} credits = {books.postings:,} postings = {books.confirmed:,} confirmed")


def say_goodbye(stage: Stage, password: str, seconds: float) -> None:
    stage.title("Look around")
    data = stage.app.settings.data
    command = "make run" if data == Path("var").absolute() else f"OUTAGE_DATA={data} outage run"
    stage.say(f"console: {command}, then http://{stage.app.settings.host}:{stage.app.settings.port}")
    people = ", ".join(f"{name} ({role})" for name, (_, role) in world.STAFF.items())
    stage.say(f"sign in as {people}")
    stage.say(f"password for all of them: {password}")
    stage.say(f"done in {seconds:.0f} s")


def _shape(body: str) -> str:
    return re.sub(r"[0-9]|Code \w+", "", body)


def _flat(counts: dict[str, Any], prefix: str = "") -> list[tuple[str, int]]:
    flat: list[tuple[str, int]] = []
    for name, value in counts.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{prefix}{name} ")
        else:
            flat.append((f"{prefix}{name}".replace("_", " "), value))
    return flat
