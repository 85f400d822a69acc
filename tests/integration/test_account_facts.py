"""Billing day, standing and depth of accounts, kinds of attribute, force majeure: where facts of policies come from."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from foundation.db import Database
from foundation.errors import InputError, RefusedError
from foundation.snapshots import SnapshotStore
from outage.base.attributes import define_attribute
from outage.base.mirror import ensure_mirror
from outage.base.subscriber_import import import_subscribers
from outage.imports.importing import ImportResult
from outage.incidents.incidents import change_force_majeure, close_incident
from outage.lifecycle import ForceMajeure, IncidentStatus
from outage.models import BulkState, Subscriber, TimelineEntry
from tests import impact_worlds as worlds

_HEADER = (
    "msisdn,imsi,account,account_parent,account_bill_day,account_standing,currency,plan,payment_type,segment,brand,"
    "language,zone,status,fee_list,fee_discounted,fee_service,fee_device"
)


def _row(number: int, account: str, parent: str = "", bill_day: str = "", standing: str = "") -> str:
    names = f"+4477009{number:05d},2341000000{number:05d},{account},{parent},{bill_day},{standing}"
    return f"{names},GBP,P,postpaid,consumer,O2,en,Europe/London,active,20,20,20,0"


def _import(database: Database, directory: Path, *rows: str) -> ImportResult:
    path = directory / "base.csv"
    path.write_text("\n".join([_HEADER, *rows]) + "\n")
    with database.transaction() as session:
        return import_subscribers(session, path, actor="nina", reject_dir=directory / "rejects")


def _mirror(database: Database, store: SnapshotStore) -> dict[str, tuple[object, ...]]:
    snapshot = ensure_mirror(database, store)
    with store.connect() as workspace:
        columns = "account_ref, account_bill_day, account_standing, account_depth"
        rows = workspace.fetch_rows(f"SELECT DISTINCT {columns} FROM {store.source(snapshot)}")
    return {ref: tuple(told) for ref, *told in rows}


def test_accounts_bring_their_billing_day_and_standing_and_the_mirror_tells_how_deep_they_stand(
    database: Database, store: SnapshotStore, tmp_path: Path
) -> None:
    _import(
        database,
        tmp_path,
        _row(1, "top", bill_day="31", standing="good"),
        _row(2, "middle", "top", "1", "arrears"),
        _row(3, "bottom", "middle"),
        _row(4, "alone"),
    )
    expected = {
        "top": (31, "good", 0),
        "middle": (1, "arrears", 1),
        "bottom": (None, None, 2),
        "alone": (None, None, 0),
    }
    assert _mirror(database, store) == expected


@pytest.mark.parametrize(("bill_day", "standing"), [("0", ""), ("32", ""), ("first", ""), ("", "bankrupt")])
def test_a_day_that_no_month_has_and_an_unknown_standing_are_rejected(
    database: Database, tmp_path: Path, bill_day: str, standing: str
) -> None:
    result = _import(database, tmp_path, _row(1, "top", bill_day=bill_day, standing=standing))
    assert (result.added, result.rejected) == (0, 1)


def test_lines_of_one_account_that_disagree_on_it_are_rejected(database: Database, tmp_path: Path) -> None:
    result = _import(database, tmp_path, _row(1, "top", bill_day="5"), _row(2, "top", bill_day="6"))
    assert (result.added, result.rejected) == (1, 1)


def test_a_change_of_the_account_reaches_lines_that_the_file_does_not_name(
    database: Database, store: SnapshotStore, tmp_path: Path
) -> None:
    rows = [_row(number, f"A{number % 3}", bill_day="5") for number in range(1, 61)]
    _import(database, tmp_path, *rows)
    assert _mirror(database, store)["A1"] == (5, None, 0)
    result = _import(database, tmp_path, _row(1, "A1", bill_day="9"))
    assert (result.changed, result.details["accounts changed"]) == (0, 1)
    assert _mirror(database, store)["A1"] == (9, None, 0), "20 lines, of which the file named one"
    with database.reading() as session:
        state = session.get_one(BulkState, "base")
        assert state.whole_id == state.snapshot_id
    _import(database, tmp_path, _row(2, "A2", "A1", "5"))
    assert _mirror(database, store)["A2"] == (5, None, 1)


@pytest.mark.parametrize(
    ("kind", "good", "kept", "bad"),
    [
        ("duration", "PT90M", "PT90M", "90 minutes"),
        ("instant", "2025-06-01T10:00:00+02:00", "2025-06-01T08:00:00+00:00", "2025-06-01T10:00:00"),
        ("date", "2025-06-01", "2025-06-01", "1 June"),
        ("boolean", "TRUE", True, "yes"),
        ("number", "1.50", "1.50", "one"),
    ],
)
def test_attributes_of_every_kind_are_imported_as_what_they_are(
    database: Database, tmp_path: Path, kind: str, good: str, kept: object, bad: str
) -> None:
    with database.transaction() as session:
        define_attribute(session, name="said", kind=kind, meaning="A test.", actor="nina")
    path = tmp_path / "base.csv"
    path.write_text(f"{_HEADER},attribute:said\n{_row(1, 'A')},{good}\n{_row(2, 'B')},{bad}\n")
    with database.transaction() as session:
        result = import_subscribers(session, path, actor="nina", reject_dir=tmp_path / "rejects")
    assert (result.added, result.rejected) == (1, 1)
    with database.reading() as session:
        assert session.scalars(select(Subscriber)).one().attributes["said"] == kept


def test_only_a_number_has_a_unit_and_a_changed_unit_is_a_change(database: Database) -> None:
    with database.transaction() as session:
        definition, _ = define_attribute(session, name="fine", kind="number", meaning="F.", unit=" EUR ", actor="nina")
        assert definition.unit == "EUR"
        again = define_attribute(session, name="fine", kind="number", meaning="F.", unit="EUR", actor="nina")
        assert again == (definition, False)
        assert define_attribute(session, name="fine", kind="number", meaning="F.", actor="nina")[1]
        with pytest.raises(InputError, match="only a number has a unit"):
            define_attribute(session, name="tier", kind="string", meaning="T.", unit="EUR", actor="nina")


def test_force_majeure_is_set_told_on_the_timeline_and_frozen_with_the_incident(database: Database) -> None:
    with database.transaction() as session:
        incident = worlds.add_incident(session)
        assert change_force_majeure(session, incident, ForceMajeure.STORM, actor="nina")
        assert not change_force_majeure(session, incident, ForceMajeure.STORM, actor="nina")
        assert change_force_majeure(session, incident, None, actor="nina")
        texts = list(session.scalars(select(TimelineEntry.text).order_by(TimelineEntry.id)))
        assert texts[-2:] == ["Force majeure changed from none to storm", "Force majeure changed from storm to none"]
        incident.status, incident.restored_at = IncidentStatus.RESTORED, worlds.at(10)
        close_incident(session, incident, actor="nina")
        with pytest.raises(RefusedError):
            change_force_majeure(session, incident, ForceMajeure.FLOOD, actor="nina")
