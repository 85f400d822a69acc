"""The commands on evidence as a script sees them: output, exit codes, messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation import access
from foundation.db import Database
from tests.integration.test_outage_commands import Terminal

_ELEMENTS = "ref,kind,name,services,area\nhlr-1,hlr,HLR,voice|sms|data,\ncell-1,cell,C1,voice|sms|data,North\n"
_BASE = (
    "msisdn,imsi,account,currency,plan,payment_type,segment,brand,language,zone,status,"
    "fee_list,fee_discounted,fee_service,fee_device,home_area\n"
    "+447700900001,234100000000001,A1,GBP,P,postpaid,consumer,o2,en,Europe/London,active,1,1,1,0,North\n"
    "+447700900002,234100000000002,A2,GBP,P,postpaid,consumer,o2,en,Europe/London,active,1,1,1,0,\n"
    "+447700900003,234100000000003,A3,GBP,P,postpaid,consumer,o2,en,Europe/London,active,1,1,1,0,\n"
)


@pytest.fixture
def terminal(tmp_path: Path, sqlite_database: Database) -> Terminal:
    with sqlite_database.transaction() as session:
        for name, role in (("nina", "noc"), ("clara", "care")):
            access.add_user(
                session, name=name, display_name=name, password="long enough word", roles=[role], actor="test"
            )
    terminal = Terminal(tmp_path, sqlite_database)
    assert terminal("import", "network", terminal.write("elements.csv", _ELEMENTS)).exit_code == 0
    assert terminal("import", "subscribers", terminal.write("base.csv", _BASE)).exit_code == 0
    return terminal


def _incident(terminal: Terminal) -> str:
    opening = ("--title", "HLR down", "--severity", "critical", "--started", "2012-07-11T13:00:00Z")
    ref = terminal("incident", "open", *opening, "--element", "cell-1").output.split()[0]
    assert terminal("incident", "restore", ref, "--element", "cell-1", "--at", "2012-07-11T15:00:00Z").exit_code == 0
    return ref


def test_every_kind_of_evidence_comes_in_by_command(terminal: Terminal) -> None:
    ref = _incident(terminal)
    ranges = terminal.write("ranges.csv", "kind,first,last,element\nimsi,234100000000900,234100000000999,hlr-1\n")
    assert "1 added" in terminal("import", "ranges", ranges).output
    stays = "msisdn,cell,started_at,ended_at\n+447700900002,cell-9,2012-07-11T13:00:00Z,2012-07-11T14:00:00Z\n"
    refused = terminal("import", "intervals", terminal.write("stays.csv", stays))
    assert (refused.exit_code, "1 rejected" in refused.output) == (1, True)
    declare = ("declaration", "add", ref, "+447700900002", "--services", "voice", "--said", "2012-07-12T09:00:00Z")
    assert terminal(*declare).output == "declaration 1 recorded\n"
    assert terminal(*declare).output == "declaration 1 was recorded before, nothing changed\n"
    late = terminal(*declare[:5], "sms", "--said", "2012-08-12T09:00:00Z")
    assert (late.exit_code, "more than 10 days" in late.stderr) == (2, True)
    listed = terminal.write("bills.csv", "account\nA3\n")
    assert "1 added" in terminal("listing", "add", ref, listed, "--services", "sms").output
    output = terminal("impact", ref, "--home-area-share", "1").output
    for evidence in ("declared", "home_area", "listed"):
        assert any(line.split() == [evidence, "1"] for line in output.splitlines()), output
    assert "+447700900002  voice" in terminal("declaration", "list", ref, user="clara").output
    assert "bills.csv  1 rows  by nina" in terminal("listing", "list", ref).output
    assert terminal("declaration", "withdraw", "1", "--reason", "mistake").output == "declaration 1 withdrawn\n"
    assert terminal("listing", "withdraw", "1", "--reason", "mistake").output == "list 1 withdrawn\n"
    assert "was withdrawn before" in terminal("listing", "withdraw", "1", "--reason", "mistake").output
    assert "withdrawn by nina" in terminal("declaration", "list", ref, user="clara").output


def test_presence_is_forgotten_by_command(terminal: Terminal) -> None:
    seen = terminal.write("seen.csv", "msisdn,cell,seen_at\n+447700900002,cell-1,2012-07-11T13:00:00Z\n")
    assert terminal("import", "sightings", seen).exit_code == 0
    assert terminal("presence", "forget", "--days", "90").output == "1 rows in 1 parts forgotten\n"
    assert terminal("presence", "forget", "--days", "90").output == "nothing is that old\n"
    assert terminal("presence", "forget", "--days", "0").exit_code == 2
    refused = terminal("presence", "forget", "--days", "90", user="clara")
    assert (refused.exit_code, "clara may not do this" in refused.stderr) == (2, True)


def test_a_share_that_is_no_number_is_refused_by_name(terminal: Terminal) -> None:
    refused = terminal("impact", _incident(terminal), "--home-area-share", "most")
    assert (refused.exit_code, "--home-area-share" in refused.stderr) == (2, True)
