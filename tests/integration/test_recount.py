"""The counts beside stored runs are held against their files, on both databases, and put right where they differ."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from foundation import access
from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.snapshots import SnapshotStore
from outage.models import ImpactRun, TimelineEntry
from outage.runs.impact import measure_impact
from outage.runs.recount import CountFault, check_counts, mend_counts
from tests import impact_worlds as worlds
from tests.integration.test_outage_commands import Terminal

_REF = "INC-2012-00001"
_OTHER = "INC-2012-00002"


@pytest.fixture
def measured(database: Database, store: SnapshotStore) -> Database:
    """Two incidents that share minutes; services lost together, apart and in part."""
    with database.transaction() as session:
        worlds.add_elements(session, 1, 2)
        for line in (1, 2, 3):
            worlds.add_line(session, line, served_by=1 if line < 3 else None)
        worlds.add_sightings(session, store, [(3, 2, -10), (2, 2, 20)])
        first = worlds.add_incident(session)
        worlds.add_outage(session, first, 1, 0, 45, services=("voice",))
        worlds.add_outage(session, first, 1, 30, 100, services=("data", "sms"))
        worlds.add_outage(session, first, 2, 5, 61)
        second = worlds.add_incident(session, _OTHER)
        worlds.add_outage(session, second, 1, 90, 200)
    for ref in (_REF, _OTHER):
        measure_impact(database, store, ref, actor="nora", as_of=worlds.at(300))
    return database


def runs_of(database: Database) -> list[ImpactRun]:
    with database.reading() as session:
        return list(session.scalars(select(ImpactRun).order_by(ImpactRun.id)))


def test_runs_made_today_are_counted_as_their_files_say(measured: Database, store: SnapshotStore) -> None:
    assert [check_counts(store, run) for run in runs_of(measured)] == [[], []]


def test_a_count_that_is_not_that_of_the_files_is_mended_and_told(measured: Database, store: SnapshotStore) -> None:
    right = dict(runs_of(measured)[0].counts)
    with measured.transaction() as session:
        run = session.get_one(ImpactRun, runs_of(measured)[0].id)
        run.counts = {**right, "user_minutes": right["user_minutes"] - 1}
    with measured.transaction() as session:
        run = session.get_one(ImpactRun, runs_of(measured)[0].id)
        fault = CountFault("user_minutes", right["user_minutes"] - 1, right["user_minutes"])
        assert mend_counts(session, store, run, actor="nora") == [fault]
        assert mend_counts(session, store, run, actor="nora") == []
    assert runs_of(measured)[0].counts == right
    with measured.reading() as session:
        told = select(TimelineEntry.text).where(TimelineEntry.kind == "run recounted")
        assert session.scalars(told).all() == ["Impact run 1 recounted: user_minutes"]
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert (entry.before or {})["user_minutes"] == fault.stored
        assert (entry.after or {})["user_minutes"] == fault.counted


def test_the_command_says_what_differs_and_mends_when_asked(sqlite_database: Database, tmp_path: Path) -> None:
    with sqlite_database.transaction() as session:
        access.add_user(session, name="nina", display_name="", password="long enough word", roles=["noc"], actor="test")
        worlds.add_elements(session, 1)
        worlds.add_line(session, 1, served_by=1)
        worlds.add_outage(session, worlds.add_incident(session), 1, 0, 60)
    terminal = Terminal(tmp_path, sqlite_database)
    terminal("impact", _REF)
    assert terminal("runs", "check", _REF).output == "run 1: as its files say\n"
    with sqlite_database.transaction() as session:
        run = session.scalars(select(ImpactRun)).one()
        run.counts = {**run.counts, "user_minutes": 59}
    found = terminal("runs", "check", _REF)
    assert (found.exit_code, "  user_minutes: 59 kept, 60 counted\n" in found.output) == (1, True)
    assert "59 kept, 60 counted, mended" in terminal("runs", "check", _REF, "--mend").output
    assert terminal("runs", "check", _REF).exit_code == 0
