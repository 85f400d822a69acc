"""Who must not be texted: by purpose, by file, by answer; never the credit."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import select

from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.errors import InputError
from notify.carriers import Outcome, Trouble
from notify.models import DeliveryState, Purpose, Scope
from notify.suppression import (
    Action,
    export_suppressions,
    find_suppressed,
    import_suppressions,
    lift,
    list_suppressions,
    record_inbound,
    suppress,
)
from notify.texts import save_text
from tests.delivery_rows import get, message, posting, put
from tests.delivery_tools import Wire, run

NUMBER = message(1).address


def text(number: int = 1, **changes):
    return message(number, waiting=False, payload={"text": "plain"}, **changes)


@pytest.fixture
def wires(database: Database) -> dict[str, Wire]:
    with database.transaction() as session:
        save_text(session, "plain", "en", "Hello from {brand}", author="mary")
    return {"spool": Wire("spool"), "book": Wire("book")}


def stop(database: Database, body: str = "STOP", address: str = NUMBER):
    with database.transaction() as session:
        return record_inbound(session, address=address, body=body, channel="sms")


def test_an_opt_out_stops_the_text_and_never_the_credit(database: Database, wires):
    put(
        database, [posting(1), message(1, payload={"text": "plain"}), posting(2), message(2, payload={"text": "plain"})]
    )
    assert stop(database).action is Action.OPTED_OUT
    counts = run(database, wires)
    assert (counts.delivered, counts.suppressed) == (3, 1)
    kept = get(database, message(1))
    assert (kept.state, kept.reason) == (
        DeliveryState.SUPPRESSED,
        "suppressed for compensation: answered STOP",
    )
    assert get(database, posting(1)).state is DeliveryState.DELIVERED


@pytest.mark.parametrize(
    ("scope", "purpose", "statutory", "goes"),
    [
        (Scope.MARKETING, Purpose.MARKETING, False, False),
        (Scope.MARKETING, Purpose.SERVICE, False, True),
        (Scope.MARKETING, Purpose.COMPENSATION, True, True),
        (Scope.COMPENSATION, Purpose.COMPENSATION, False, False),
        (Scope.COMPENSATION, Purpose.COMPENSATION, True, True),
        (Scope.ANY, Purpose.SERVICE, False, False),
        (Scope.ANY, Purpose.COMPENSATION, True, False),
    ],
)
def test_a_suppression_covers_its_purpose_and_not_what_the_law_demands(
    database: Database, wires, scope, purpose, statutory, goes
):
    put(database, [text(purpose=purpose, statutory=statutory)])
    with database.transaction() as session:
        assert suppress(session, NUMBER, scope, reason="asked by letter", actor="mary")
        assert not suppress(session, NUMBER, scope, reason="asked again", actor="mary")
    assert run(database, wires).delivered == goes


@pytest.mark.parametrize("body", ["stop", " Stop. ", "STOPALL", "unsubscribe", "opt out", '"Quit"'])
def test_words_that_mean_stop(database: Database, body: str):
    inbound = stop(database, body)
    assert (inbound.action, inbound.changed) == (Action.OPTED_OUT, 3)
    assert stop(database, body).changed == 0


@pytest.mark.parametrize("body", ["stop it, where is my money", "When does it stop?", "", "ok"])
def test_words_that_do_not(database: Database, body: str):
    assert stop(database, body).action is Action.NONE


def test_start_takes_back_what_the_recipient_said_and_not_what_staff_did(database: Database):
    stop(database)
    with database.transaction() as session:
        suppress(session, NUMBER, Scope.ANY, reason="complaint", actor="mary")
    assert stop(database, "START").changed == 3
    assert stop(database, "help").action is Action.HELP
    with database.transaction() as session:
        assert find_suppressed(session, [NUMBER]) == {NUMBER: {Scope.ANY: "complaint"}}
        assert lift(session, NUMBER, actor="mary", reason="settled") == 1
        assert find_suppressed(session, [NUMBER]) == {}
        assert len(list_suppressions(session, address=NUMBER)) == 4  # what was said stays said
        assert suppress(session, NUMBER, Scope.ANY, reason="again", actor="mary")


def test_what_the_provider_says_of_a_recipient_is_heeded_from_then_on(database: Database, wires):
    put(database, [text(1), text(2)])
    opted_out = Outcome(DeliveryState.FAILED, None, "21610: opted out", Trouble.OPTED_OUT)
    wires["spool"].outcomes = [opted_out, Outcome(DeliveryState.DELIVERED)]
    assert run(database, wires).failed == 1
    put(database, [text(1, key="later")])
    assert run(database, wires).suppressed == 1


def test_a_file_is_checked_counted_and_comes_out_as_it_went_in(database: Database):
    file = "address,scope,reason,since\n+447700900001,marketing,asked,2026-01-02T03:04:05Z\n" + (
        "+447700900002,any,,\n447700900003,any,,\n+447700900004,everything,,\na@b.example,service,x,yesterday\n"
        "a@b.example,service,x,\n+447700900001,marketing,twice,\n"
    )
    with database.transaction() as session:
        done = import_suppressions(session, io.StringIO(file), actor="mary", source="list.csv")
    assert (done.read, done.added, done.unchanged) == (7, 3, 1)
    assert [line for line, _ in done.rejected] == [4, 5, 6]
    out = io.StringIO()
    with database.transaction() as session:
        assert export_suppressions(session, out) == 3
        again = import_suppressions(session, io.StringIO(out.getvalue()), actor="mary", source="list.csv")
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "suppression.imported")).all()
    assert (again.read, again.added, again.unchanged) == (3, 0, 3)
    assert out.getvalue().splitlines()[1] == "+447700900001,marketing,asked,2026-01-02T03:04:05+00:00"
    assert len(entries) == 2


def test_a_file_without_its_columns_and_an_address_that_is_none_are_refused(database: Database):
    with database.transaction() as session:
        with pytest.raises(InputError, match="no column scope"):
            import_suppressions(session, io.StringIO("address\n+447700900001\n"), actor="mary", source="f")
        with pytest.raises(InputError, match="not an address"):
            suppress(session, "07700 900001", Scope.ANY, reason="x", actor="mary")


@pytest.mark.parametrize("reason", ['"never closed', '"closed"too early'])
def test_a_quote_that_would_swallow_the_rows_behind_it_refuses_the_file(database: Database, reason: str):
    file = f"address,scope,reason\n+447700900001,any,{reason}\n+447700900002,any,letter\n"
    with pytest.raises(InputError, match="no CSV"), database.transaction() as session:
        import_suppressions(session, io.StringIO(file), actor="mary", source="f")
    with database.reading() as session:
        assert find_suppressed(session, ["+447700900001", "+447700900002"]) == {}


def test_a_nul_is_a_bad_row_and_no_end_of_the_import(database: Database):
    file = "address,scope,reason\n+447700900001,any,a\0b\n+447700900002,any,letter\n"
    with database.transaction() as session:
        done = import_suppressions(session, io.StringIO(file), actor="mary", source="f")
    assert (done.added, [line for line, _ in done.rejected]) == (1, [2])


def test_an_e_mail_address_is_the_same_in_either_case(database: Database, wires):
    put(database, [text(1, address="Ann@B.Example")])
    with database.transaction() as session:
        assert suppress(session, "ann@b.EXAMPLE", Scope.ANY, reason="asked", actor="mary")
    assert run(database, wires).suppressed == 1


def test_the_audit_names_no_number(database: Database):
    stop(database)
    with database.reading() as session:
        entries = session.scalars(select(AuditEntry)).all()
    assert len(entries) == 3
    assert not any(NUMBER in f"{entry.subject}{entry.before}{entry.after}{entry.reason}" for entry in entries)
