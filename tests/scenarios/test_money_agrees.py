"""Whatever the policy and the lines: every station of the chain says the same amount of money, to the cent.

Random policies over random small worlds, from the measured loss to the account book, on both databases at once. More
examples: MONEY_EXAMPLES=300 pytest tests/scenarios/test_money_agrees.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import literal, select

from compensation.assessment import make_situation
from compensation.cases.kept import account_values
from compensation.cases.situation import Situation
from compensation.confirmations import record_confirmations
from compensation.decision.function import PolicyFunction
from compensation.document.reading import PolicyDocument, load_policy
from compensation.models import (
    Assessment,
    Credit,
    LedgerEntry,
    PolicyVersion,
)
from compensation.offer_models import Offer
from compensation.policies import load_document
from compensation.queries import books_of
from compensation.rewards import RewardLine
from compensation.simulation.whatif import simulate
from foundation.db import Database
from foundation.snapshots import SnapshotStore
from notify.book_models import BookEntry
from notify.channels.spool import Spool
from notify.models import Delivery, DeliveryKind, DeliveryState
from notify.texts import install_ready_texts
from outage.models import Incident, Subscriber
from tests.credit_world import HEAD, CreditWorld
from tests.money_oracle import owed_of
from tests.money_worlds import Plan, build, lengthen, plan_of
from tests.random_policies import RandomPolicy

EXAMPLES = int(os.environ.get("MONEY_EXAMPLES", "2"))
EARLIER = "rewards: [{name: early, kind: bill_credit, when: 'segment = \"consumer\"', amount: 1.50}]\n"
NAME = "random-policy"


@pytest.fixture(scope="module")
def worlds(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, postgresql_copy: str
) -> Iterator[dict[str, CreditWorld]]:
    """One empty world in each database."""
    directory = tmp_path_factory.mktemp("money")
    (directory / "records.db").write_bytes(sqlite_template.read_bytes())
    urls = {"sqlite": f"sqlite:///{directory / 'records.db'}", "postgresql": postgresql_copy}
    found = {
        kind: CreditWorld(Database(url), SnapshotStore(directory / kind, memory_mb=256)) for kind, url in urls.items()
    }
    for world in found.values():
        with world.database.transaction() as session:
            install_ready_texts(session, "marketing")
    yield found
    for world in found.values():
        world.database.dispose()


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spool]:
    """Where the texts go, which are not looked at here."""
    spool = Spool(tmp_path_factory.mktemp("texts") / "spool.db")
    yield spool
    spool.close()


# --- what every station says


Said = dict[int, dict[str, tuple[int | None, str | None]]]
"""By line and reward: amount in minor units, quantity."""


@dataclass(frozen=True)
class Proved:
    """What a released assessment gave, and all that must be the same in another database."""

    credited: Said
    keys: Mapping[str, int | None]
    cases: list[Any]


def prove(world: CreditWorld, ref: str) -> Proved:
    """Every station of a delivered release says the same of every line."""
    with world.database.reading() as session:
        assessment = session.scalars(select(Assessment).where(Assessment.ref == ref)).one()
        situation = make_situation(
            session,
            world.store,
            assessment.impact_run_id,
            assessment.policy_version_id,
            history=assessment.history_snapshot,
        )
        decided = {line: _decided(world, session, situation, assessment, line) for line in lines_of(world, situation)}
        credits = session.scalars(select(Credit).where(Credit.assessment_id == assessment.id)).all()
        credited: Said = {}
        for credit in credits:
            found = credited.setdefault(credit.subscriber_id, {})
            assert credit.reward not in found
            found[credit.reward] = credit.amount_minor, credit.quantity
        assert credited == {line: said for line, said in decided.items() if said}
        keys = {credit.key: credit.amount_minor for credit in credits}
        assert len(keys) == len(credits)
        _prove_stations(session, credits, ref, keys)
        total = sum(amount or 0 for amount in keys.values())
        assert (assessment.totals["amount_minor"], assessment.totals["credits"]) == (total, len(credits))
        books = books_of(session, ref)
        assert (books.cases_minor, books.book_minor, books.differences) == (total, total, [])
        return Proved(credited, keys, cases_of(world, situation, assessment))


def lines_of(world: CreditWorld, situation: Situation) -> list[int]:
    with world.store.connect() as workspace:
        rows = workspace.fetch_rows(f"FROM ({situation.population}) SELECT line_id ORDER BY 1")
    return [int(line) for (line,) in rows]


def _decided(
    world: CreditWorld, session: Any, situation: Situation, assessment: Assessment, line: int
) -> dict[str, tuple[int | None, str | None]]:
    """What the interpreter says of a line, after the generated function said the same."""
    account = account_values(session, world.store, assessment, line)
    assert account is not None
    case = situation.decide_line(line, account)
    assert case is not None
    slow = case.decision
    on = situation.incident.outage_date
    standing = situation.standing_of(case.group[: len(situation.columns)], account)
    fast = PolicyFunction(situation.document, on=on)(case.facts, standing)
    assert (fast.outcome, fast.rewards, fast.text, fast.over_minor, fast.reason) == (
        slow.outcome,
        slow.rewards,
        slow.text,
        slow.over_minor,
        slow.reason,
    )
    return {one.name: (one.amount_minor, _quantity(one)) for one in slow.rewards if one.is_posted}


def _quantity(line: RewardLine) -> str | None:
    return None if line.amount_minor is not None else str(line.size)


def _prove_stations(session: Any, credits: Any, ref: str, keys: Mapping[str, int | None]) -> None:
    postings = select(Delivery).where(Delivery.campaign == ref, Delivery.kind == DeliveryKind.POSTING)
    posted = session.scalars(postings).all()
    assert {delivery.key: delivery.amount_minor for delivery in posted} == keys
    assert {delivery.state for delivery in posted} <= {DeliveryState.DELIVERED}
    booked = session.scalars(select(BookEntry).where(BookEntry.key.in_(keys))).all()
    assert {entry.key: entry.amount_minor for entry in booked} == keys
    accounts = {credit.key: f"A{credit.account_id}" for credit in credits}
    assert {entry.key: entry.account for entry in booked} == accounts
    money = {credit.id: credit.amount_minor for credit in credits if credit.amount_minor is not None}
    for kind in ("accrued", "posted"):
        entries = session.scalars(
            select(LedgerEntry).where(LedgerEntry.kind == kind, LedgerEntry.credit_id.in_([c.id for c in credits]))
        ).all()
        assert {entry.credit_id: entry.amount_minor for entry in entries} == money
        assert len(entries) == len(money)


def cases_of(world: CreditWorld, situation: Situation, assessment: Assessment) -> list[Any]:
    """The cases of an assessment, as rows or as their snapshot, without ids."""
    if assessment.cases_snapshot is not None:
        with world.store.connect() as workspace:
            return workspace.fetch_rows(f"FROM {world.store.source(assessment.cases_snapshot)} ORDER BY number")
    told = ("number", "group_values", "facts", "lines", "outcome", "reason", "rewards", "text_name", "trace", "rules")
    sums = ("cost_minor", "amount_minor", "over_minor")
    return [{name: getattr(case, name) for name in (*told, *sums)} for case in world.cases(assessment.ref)]


# --- what the words of the policy say, worked out a second time


Sizes = dict[int, dict[str, Fraction]]
"""By line and purse: what was given and offered in all."""


def given_by(world: CreditWorld, document: PolicyDocument, *, scope: str | None = None) -> Sizes:
    """What the random policy gave so far, of one scope or both."""
    purses = {reward.name: reward.purse for reward in document.rewards}
    found: Sizes = {}
    with world.database.reading() as session:
        credits = select(Credit.subscriber_id, Credit.reward, Credit.amount_minor, Credit.quantity, Credit.scope).where(
            Credit.reward.in_(purses)
        )
        offers = select(Offer.subscriber_id, Offer.name, literal(None), Offer.size, Offer.scope)
        for line, reward, amount, quantity, of in [*session.execute(credits), *session.execute(offers)]:
            if scope is None or of == scope:
                sizes = found.setdefault(line, {})
                size = Fraction(amount if amount is not None else quantity)
                sizes[purses[reward]] = sizes.get(purses[reward], Fraction(0)) + size
    return found


def check_against_words(
    world: CreditWorld, ref: str, policy: RandomPolicy, document: PolicyDocument, before: Sizes
) -> None:
    """Each line has by now what the terms make of what the bare rules give, or what it had when that was more."""
    plain = load_policy(HEAD.format(name=NAME, basis="goodwill") + policy.body(plain=True))
    with world.database.reading() as session:
        assessment = session.scalars(select(Assessment).where(Assessment.ref == ref)).one()
        made = make_situation(session, world.store, assessment.impact_run_id, assessment.policy_version_id)
        said = {line.id: line for line in session.scalars(select(Subscriber))}
        early = select(Credit.subscriber_id, Credit.amount_minor).where(Credit.reward == "early")
        others = {line: amount or 0 for line, amount in session.execute(early)}
        incident = session.get_one(Incident, assessment.incident_id)
    situation = Situation(plain, made.run, incident, world.store, incident_facts=made.incident)
    holdout = document.terms.holdout
    after = given_by(world, document)
    for line in lines_of(world, situation):
        case = situation.decide_line(line)
        assert case is not None
        held_out = holdout is not None and holdout.holds(NAME, line)
        known = case.decision.outcome != "undetermined"
        raw = case.decision.rewards if known else ()
        owed = owed_of(
            policy,
            raw,
            fee=said[line].fee_service_minor,
            stars=said[line].attributes.get("stars"),
            other=others.get(line, 0),
            held_out=held_out,
        )
        expected = dict(before.get(line, {}))
        wanted: dict[str, Fraction] = {}
        for reward in document.rewards:
            if owed is not None and reward.name in owed and reward.kind.name != "apology":
                wanted[reward.purse] = wanted.get(reward.purse, Fraction(0)) + owed[reward.name]
        for purse, size in wanted.items():
            expected[purse] = max(size, expected.get(purse, Fraction(0)))
        assert after.get(line, {}) == expected, (line, raw)


def check_accounts(world: CreditWorld, policy: RandomPolicy, document: PolicyDocument, before: Sizes) -> None:
    """A cap of an account holds over all its lines and all revisions, and nothing is once per account twice."""
    with world.database.reading() as session:
        accounts = {line.id: line.account_id for line in session.scalars(select(Subscriber))}
        shared = select(Credit.assessment_id, Credit.account_id, Credit.reward).where(Credit.scope == "account")
        carried = [tuple(row) for row in session.execute(shared)]
    assert len(carried) == len(set(carried))
    cash = {when: _cash_of_accounts(sizes, accounts) for when, sizes in enumerate([before, given_by(world, document)])}
    if any((cap.amount, cap.per) == ("5.00", "account") for cap in policy.caps):
        for account, after in cash[1].items():
            assert after <= max(Fraction(500), cash[0].get(account, Fraction(0))), account
    if any((cap.amount, cap.per) == ("5.00", "line") for cap in policy.caps):
        for line, sizes in given_by(world, document, scope="line").items():
            assert sizes.get("money", 0) <= max(Fraction(500), before.get(line, {}).get("money", Fraction(0))), line


def _cash_of_accounts(sizes: Sizes, accounts: Mapping[int, int]) -> dict[int, Fraction]:
    found: dict[int, Fraction] = {}
    for line, purses in sizes.items():
        account = accounts[line]
        found[account] = found.get(account, Fraction(0)) + purses.get("money", Fraction(0))
    return found


# --- one example


def live(world: CreditWorld, plan: Plan, spool: Spool) -> list[Proved]:
    """From the measured loss to the account book, and again after a revision; what was proved each time."""
    build(world, Random(plan.seed))
    run = world.measure()
    if plan.earlier:
        world.give(EARLIER, name="early-policy", run=run)
    document = load_policy(HEAD.format(name=NAME, basis="goodwill") + plan.policy.body())
    first = _give(world, plan.policy, document, run, plan, spool)
    if plan.longer:
        lengthen(world)
        run = world.measure()
    later = load_policy(HEAD.format(name=NAME, basis="goodwill") + plan.later.body() + "limits: {total: 99999.00}\n")
    second = _give(world, plan.later, later, run, plan, spool, "limits: {total: 99999.00}\n")
    if plan.later is plan.policy and not plan.longer:
        assert second.keys == {}
    return [first, second]


def _give(
    world: CreditWorld,
    policy: RandomPolicy,
    document: PolicyDocument,
    run: int,
    plan: Plan,
    spool: Spool,
    more: str = "",
) -> Proved:
    before = given_by(world, document)
    version = world.save(policy.body() + more, NAME)
    ref = world.assess(version, run, many=plan.many)
    totals = world.get(ref).totals
    check_whatif(world, version, run, totals)
    world.approve(ref)
    released = world.release(ref)
    assert released.amount_minor == totals["amount_minor"]
    world.deliver(spool)
    with world.database.transaction() as session:
        record_confirmations(session)
    proved = prove(world, ref)
    assert world.assess(version, run, many=plan.many) == ref
    assert not world.release(ref).is_new
    keys = [credit.key for credit in world.credits()]
    assert len(keys) == len(set(keys))
    if not policy.concerns_accounts:
        check_against_words(world, ref, policy, document, before)
    check_accounts(world, policy, document, before)
    return proved


def check_whatif(world: CreditWorld, version: int, run: int, totals: Mapping[str, Any]) -> None:
    """A what-if, which knows of what was credited before, says what the assessment made before its release came to."""
    with world.database.reading() as session:
        found = simulate(session, world.store, load_document(session, session.get_one(PolicyVersion, version)), run)
    said = (*("lines", "entitled", "nothing", "undetermined", "texts"), "cost_minor", "amount_minor", "over_minor")
    assert {name: getattr(found.side.release, name) for name in said} == {name: totals.get(name, 0) for name in said}
    assert found.side.release.over_lines == totals.get("over_lines", 0)
    assert found.side.withheld.held_out.lines == totals.get("held_out", 0)
    between = found.side.withheld.held_out.difference_minor + found.side.withheld.given.difference_minor
    assert found.side.tally.cost_minor + between == found.side.release.cost_minor


def prove_everywhere(worlds: Mapping[str, CreditWorld], plan: Plan, spool: Spool) -> None:
    """Both databases say the same cases and pay the same credits."""
    sqlite, postgresql = (live(worlds[kind], plan, spool) for kind in ("sqlite", "postgresql"))
    assert sqlite == postgresql


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_every_station_says_the_same_money_for_policies_of_fixed_seeds(
    worlds: dict[str, CreditWorld], spool: Spool, seed: int
) -> None:
    prove_everywhere(worlds, plan_of(Random(seed)), spool)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False))
def test_every_station_says_the_same_money_whatever_the_policy_and_the_lines(
    worlds: dict[str, CreditWorld], spool: Spool, random: Random
) -> None:
    plan = plan_of(random)
    note(plan.policy.body())
    note(f"{plan}")
    prove_everywhere(worlds, plan, spool)
