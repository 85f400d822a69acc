"""A release reads from the base how each line is reached, and who goes first."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from sqlalchemy import select

from compensation.credits import release_credits
from foundation import clock
from foundation.db import Database
from foundation.settings import read_settings
from foundation.snapshots import SnapshotStore
from notify.accounts.book import AccountBook
from notify.channels.email import Email, read_email_settings
from notify.channels.spool import Spool
from notify.models import Delivery, DeliveryKind, DeliveryState
from notify.registry import make_routing
from notify.worker import run_worker
from tests.credit_world import CreditWorld, make_world
from tests.impact_worlds import add_line
from tests.loopback_smtp import MailServer, loopback_smtp

MONEY = """\
rewards:
  - {name: money, kind: bill_credit, amount: 4.00, pays on: your September bill}
text: '"credit_only"'
"""
LINES: tuple[dict[str, Any], ...] = (
    {},
    {"email": "two@example.org", "texts_by": "email"},
    {"email": "three@example.org"},
    {"texts_by": "email"},
    {"email": "full@example.org", "texts_by": "email"},
)


def settings_of(mail: MailServer, database: Database):
    return read_settings(
        {
            "DATABASE_URL": database.url,
            "OUTAGE_CHANNELS": "spool, email",
            "OUTAGE_EMAIL_HOST": f"127.0.0.1:{mail.port}",
            "OUTAGE_EMAIL_SECURITY": "none",
            "OUTAGE_EMAIL_SENDER": "care@example.com",
        }
    )


def email_over(mail: MailServer, database: Database) -> Email:
    return Email(read_email_settings(settings_of(mail, database)))


def texts_of(world: CreditWorld) -> list[Delivery]:
    with world.database.reading() as session:
        rows = select(Delivery).where(Delivery.kind == DeliveryKind.MESSAGE).order_by(Delivery.key)
        return list(session.scalars(rows))


def test_a_release_writes_to_whom_wants_mail_and_texts_where_that_fails(
    sqlite_database: Database, store: SnapshotStore, spool: Spool
) -> None:
    world = make_world(sqlite_database, store, [1, 2, 3, 4, 5])
    for number, attributes in enumerate(LINES, 1):
        world.change_line(number, attributes=attributes, zone="Europe/London" if number > 1 else "Asia/Tokyo")
    ref = world.assess(world.save(MONEY))
    world.approve(ref)
    with loopback_smtp() as mail, contextlib.closing(email_over(mail, sqlite_database)) as email:
        settings = settings_of(mail, sqlite_database)
        mail.rcpt = lambda to: "550 5.1.1 no such mailbox" if to.startswith("full") else "250 ok"
        with clock.moved_to(world.now):
            release_credits(sqlite_database, store, ref, actor="omar", routing=make_routing(settings))
            assert [(row.channel, row.address) for row in texts_of(world)] == [
                ("spool", "+447700900001"),
                ("email", "two@example.org"),
                ("spool", "+447700900003"),
                ("spool", "+447700900004"),
                ("email", "full@example.org"),
            ]
            assert [row.zone for row in texts_of(world)] == ["Asia/Tokyo", *["Europe/London"] * 4]
            carriers: dict[str, Any] = {
                "spool": spool,
                "email": email,
                "book": AccountBook(sqlite_database),
            }
            run_worker(sqlite_database, carriers, lease_seconds=5, batch=500, stop=threading.Event(), until_idle=True)
        assert [to for to, _ in mail.kept] == ["two@example.org"]
    texts = texts_of(world)
    assert {row.state for row in texts} == {DeliveryState.DELIVERED, DeliveryState.ACCEPTED}
    assert [(row.channel, row.address, row.attempt) for row in texts][4] == ("spool", "+447700900005", 2)
    assert spool.count() == 4


def test_the_vulnerable_go_first_and_then_who_was_longest_without_service(
    sqlite_database: Database, store: SnapshotStore
) -> None:
    world = make_world(sqlite_database, store, [1, 2])
    world.change_line(2, attributes={"vulnerable": True})
    with sqlite_database.transaction() as session:
        add_line(session, 3)
        add_line(session, 4, attributes={"vulnerable": True})
    for population in ("affected", "everyone"):
        ref = world.assess(world.save(MONEY, name=f"for-{population}", population=population))
        world.approve(ref)
        world.release(ref)
    with world.database.reading() as session:
        rows = session.execute(select(Delivery.key, Delivery.priority)).all()
    # 26 hours without service for lines 1 and 2, none for lines 3 and 4, who get what everyone gets.
    wanted = {1: 51_000 + 49_999 - 26 * 60, 2: 1_000 + 49_999 - 26 * 60, 3: 51_000 + 49_999, 4: 1_000 + 49_999}
    assert {(int(row.key.split(":")[2]), row.priority) for row in rows} == set(wanted.items())
    assert len(rows) == 2 * 4
