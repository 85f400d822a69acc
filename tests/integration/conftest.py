"""What several integration tests share over their own databases: the embedded carriers, worlds with their staff."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from notify.accounts.book import AccountBook
from notify.carriers import Carrier
from notify.channels.spool import Spool
from tests.web_client import add_staff
from tests.web_world import World, make_small_world, make_world


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool of this test's own."""
    spool = Spool(tmp_path / "spool.db")
    yield spool
    spool.close()


@pytest.fixture
def carriers(database: Database, spool: Spool) -> dict[str, Carrier]:
    """The spool and the account book."""
    return {"spool": spool, "book": AccountBook(database)}


@pytest.fixture
def world(settings: Settings, database: Database, store: SnapshotStore) -> World:
    """The world of the web tests with staff users of every role; once on SQLite and once on PostgreSQL."""
    add_staff(database)
    return make_world(settings, database, store)


@pytest.fixture
def small_world(tmp_path: Path, sqlite_database: Database, store: SnapshotStore) -> World:
    """The same on SQLite alone, for tests whose subject is not the database."""
    add_staff(sqlite_database)
    return make_small_world(tmp_path, sqlite_database, store)
