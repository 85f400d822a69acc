"""Lists of lines and accounts that staff upload for an incident, on both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.errors import InputError, NotFoundError, RefusedError
from foundation.snapshots import SnapshotStore
from outage.base.mirror import ensure_mirror
from outage.lifecycle import IncidentStatus
from outage.listings import list_listings, upload_listing, withdraw_listing
from outage.models import Incident
from outage.network.inventory import raise_version
from outage.runs.impact import measure_impact
from outage.runs.lines import impact_of_line
from tests import impact_worlds as worlds

_REF = "INC-2012-00001"


@pytest.fixture
def billing(database: Database) -> Database:
    """A billing incident of 300 minutes: no element, no cell; account A1 has lines 1 and 2, A3 has line 3."""
    with database.transaction() as session:
        worlds.add_line(session, 1, account=1)
        worlds.add_line(session, 2, account=1)
        worlds.add_line(session, 3)
        incident = worlds.add_incident(session)
        incident.status, incident.restored_at = IncidentStatus.RESTORED, worlds.at(300)
    return database


def _upload(database: Database, store: SnapshotStore, directory: Path, content: str, **options: Any):
    path = directory / "bills.csv"
    path.write_text(content)
    with database.transaction() as session:
        return upload_listing(session, store, _REF, path, actor="nina", reject_dir=directory / "rejects", **options)


def _measure(database: Database, store: SnapshotStore) -> dict[int, Any]:
    run = measure_impact(database, store, _REF, actor="nora").run
    return {line.line_id: line for number in (1, 2, 3) if (line := impact_of_line(store, run, number)) is not None}


def test_all_lines_of_a_listed_account_are_touched_for_the_whole_incident(
    billing: Database, store: SnapshotStore, tmp_path: Path
) -> None:
    result = _upload(billing, store, tmp_path, "account\nA1\n", services=["data"])
    assert (result.read, result.added, result.rejected) == (1, 1, 0)
    lines = _measure(billing, store)
    assert {number: line.evidence for number, line in lines.items()} == {1: "listed", 2: "listed"}
    assert lines[1].services == {"data": ((worlds.seconds(0), worlds.seconds(300)),)}
    assert lines[1].pattern == lines[2].pattern


def test_a_row_may_say_its_own_time_and_services(billing: Database, store: SnapshotStore, tmp_path: Path) -> None:
    rows = (
        "+447700900003,,voice|sms,2012-07-11T22:30:00Z,2012-07-11T23:00:00Z\n"
        "+447700900003,,sms,2012-07-11T22:50:00Z,2012-07-11T23:30:00Z\n"
        ",A1,,,2012-07-11T22:10:00Z\n"
    )
    _upload(billing, store, tmp_path, "msisdn,account,services,started_at,ended_at\n" + rows)
    lines = _measure(billing, store)
    assert lines[3].services == {
        "sms": ((worlds.seconds(30), worlds.seconds(90)),),
        "voice": ((worlds.seconds(30), worlds.seconds(60)),),
    }
    assert lines[1].services == dict.fromkeys(("data", "sms", "voice"), ((worlds.seconds(0), worlds.seconds(10)),))


def test_the_same_list_again_changes_nothing_and_a_withdrawn_one_counts_no_more(
    billing: Database, store: SnapshotStore, tmp_path: Path
) -> None:
    _upload(billing, store, tmp_path, "account\nA1\n")
    again = _upload(billing, store, tmp_path, "account\nA1\n")
    assert (again.added, again.unchanged) == (0, 1)
    with billing.transaction() as session:
        ((listing, rows),) = list_listings(session, _REF)
        assert (listing.file, rows, listing.uploaded_by) == ("bills.csv", 1, "nina")
        assert withdraw_listing(session, listing.id, reason="wrong file", actor="nina")
        assert not withdraw_listing(session, listing.id, reason="wrong file", actor="nina")
    assert _measure(billing, store) == {}
    with billing.reading() as session:
        assert {"incident list uploaded", "list withdrawn"} <= set(session.scalars(select(AuditEntry.action)))
    assert _upload(billing, store, tmp_path, "account\nA1\n").added == 1


def test_bad_rows_are_rejected_by_line_while_good_ones_load(
    billing: Database, store: SnapshotStore, tmp_path: Path
) -> None:
    rows = [
        "+447700900003,,,,",
        "07700900003,,,,",
        "+447700900009,,,,",
        ",A9,,,",
        ",,,,",
        "+447700900003,A1,,,",
        "+447700900003,,,,",
        "+447700900003,,fax,,",
        "+447700900003,,,2012-07-11T22:30:00,",
        "+447700900003,,,2012-07-11T21:30:00Z,",
        "+447700900003,,,,2013-07-11T22:30:00Z",
        "+447700900003,,,2012-07-11T23:30:00Z,2012-07-11T23:00:00Z",
    ]
    content = "msisdn,account,services,started_at,ended_at\n" + "\n".join(rows) + "\n"
    result = _upload(billing, store, tmp_path, content)
    assert (result.read, result.added, result.unchanged, result.rejected) == (12, 1, 0, 11)
    assert result.reject_file is not None
    found = {line.split(",", 1)[0]: line for line in result.reject_file.read_text().splitlines()[1:]}
    reasons = {
        "3": 'msisdn,07700900003,"not an E.164 number',
        "4": "msisdn,+447700900009,unknown line",
        "5": "account,A9,unknown account",
        "6": "msisdn,,a row names either a line or an account",
        "7": "msisdn,+447700900003,a row names either a line or an account",
        "8": "msisdn,+447700900003,the same as on line 2",
        "9": "services,fax,unknown service",
        "10": 'started_at,2012-07-11T22:30:00,"naive timestamp',
        "11": 'started_at,2012-07-11T21:30:00Z,"outside of the incident',
        "12": "ended_at,2013-07-11T22:30:00Z,after the incident's end",
        "13": "ended_at,2012-07-11T23:00:00Z,ended_at is not after started_at",
    }
    assert found.keys() == reasons.keys()
    for line, reason in reasons.items():
        assert found[line].startswith(f"{line},{reason}"), found[line]


def test_numbers_are_found_in_a_current_mirror(billing: Database, store: SnapshotStore, tmp_path: Path) -> None:
    with billing.transaction() as session:
        raise_version(session, "base")
    ensure_mirror(billing, store)
    assert _upload(billing, store, tmp_path, "msisdn\n+447700900003\n").added == 1


def test_a_list_without_a_good_row_is_none(billing: Database, store: SnapshotStore, tmp_path: Path) -> None:
    assert _upload(billing, store, tmp_path, "account\nA9\n").added == 0
    with billing.reading() as session:
        assert list_listings(session, _REF) == []


def test_a_list_of_nobody_in_particular_is_refused(billing: Database, store: SnapshotStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing column"):
        _upload(billing, store, tmp_path, "services\nvoice\n")
    with pytest.raises(InputError, match="unknown service"):
        _upload(billing, store, tmp_path, "account\nA1\n", services=["fax"])


def test_a_dismissed_incident_takes_no_list(billing: Database, store: SnapshotStore, tmp_path: Path) -> None:
    with billing.transaction() as session:
        session.execute(update(Incident).values(status=IncidentStatus.DISMISSED))
    with pytest.raises(RefusedError, match="dismissed"):
        _upload(billing, store, tmp_path, "account\nA1\n")


def test_withdrawing_needs_a_reason_and_a_list(billing: Database, store: SnapshotStore, tmp_path: Path) -> None:
    _upload(billing, store, tmp_path, "account\nA1\n")
    with billing.transaction() as session:
        with pytest.raises(InputError, match="reason"):
            withdraw_listing(session, list_listings(session, _REF)[0][0].id, reason="", actor="nina")
        with pytest.raises(NotFoundError, match="no such list"):
            withdraw_listing(session, 99, reason="none", actor="nina")
