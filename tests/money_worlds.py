"""What each random world of money is made of: the plan of an example, its accounts and lines, its outage."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from sqlalchemy import delete, select

from foundation.db import Base
from outage.models import Account, AttributeDefinition, Outage
from tests.credit_world import CreditWorld
from tests.impact_worlds import add_elements, add_incident, add_line, add_outage, at
from tests.random_policies import RandomPolicy, random_policy, revised

# What stays, and what only ever counts up, when a world is emptied for the next example.
KEPT = ("text_versions", "snapshots", "bulk_states", "base_changes", "inventory_changes", "attribute_definitions")
COUNTED = ("reference_counters", "audit_entries", "audit_head", "staff_users", "senders")


@dataclass(frozen=True)
class Plan:
    """What one example lives through; `many` at 0 keeps its cases in a snapshot."""

    seed: int
    policy: RandomPolicy
    later: RandomPolicy
    earlier: bool
    longer: bool
    many: int


def plan_of(random: Random) -> Plan:
    policy = random_policy(random)
    return Plan(
        seed=random.randrange(10**6),
        policy=policy,
        later=revised(random, policy) if random.random() < 0.7 else policy,
        earlier=random.random() < 0.3,
        longer=random.random() < 0.5,
        many=random.choice([0, 5_000]),
    )


# --- the world


def build(world: CreditWorld, random: Random) -> None:
    """Accounts of one to five lines of several kinds, and two or three elements that fail now and then."""
    with world.database.transaction() as session:
        for table in reversed(Base.metadata.sorted_tables):
            if table.name not in (*KEPT, *COUNTED):
                session.execute(delete(table))
        session.merge(AttributeDefinition(name="stars", type="number", allowed=None, meaning="How loyal."))
        add_elements(session, 1, 2, 3)
        number = 0
        for account in range(1, random.randint(3, 6)):
            currency = "EUR" if random.random() < 0.1 else "GBP"
            session.add(Account(id=account, ref=f"A{account}", name=f"Account {account}", currency=currency))
            for _ in range(random.randint(1, random.choice([1, 5]))):
                number += 1
                add_line(session, number, account=account, served_by=random.choice([1, 1, 2, 3]), **_line(random))
        incident = add_incident(session, "INC-1")
        for element in (1, 2):
            minute = random.choice([0, 30, 60])
            for _ in range(random.randint(1, 3)):
                length = random.choice([59, 60, 120, 240, 241, 720, 1500, 1560])
                services = ("voice", "sms", "data") if random.random() < 0.8 else ("data",)
                add_outage(session, incident, element, minute, minute + length, services=services)
                minute += length + random.choice([1, 60, 600])


def _line(random: Random) -> dict[str, Any]:
    fee = random.choice([0, 999, 1000, 1999, 2000, 3001, 12345])
    return {
        "segment": random.choice(["consumer", "consumer", "business"]),
        "brand": random.choice(["O2", "giffgaff", "Tesco Mobile"]),
        "payment_type": random.choice(["prepaid", "postpaid"]),
        "fee_service_minor": fee,
        "fee_discounted_minor": random.choice([fee, 1750]),
        "attributes": random.choice([{}, {"stars": 1}, {"stars": 7}]),
    }


def lengthen(world: CreditWorld) -> None:
    """The last outage of each element and service went on for nine hours more."""
    with world.database.transaction() as session:
        latest: dict[tuple[int, str], Outage] = {}
        for outage in session.scalars(select(Outage).order_by(Outage.started_at)):
            latest[outage.element_id, outage.service] = outage
        for outage in latest.values():
            outage.ended_at = at(int((outage.ended_at - at(0)).total_seconds() // 60) + 540)  # type: ignore[operator]
