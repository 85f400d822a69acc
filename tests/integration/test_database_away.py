"""A database server that is away: long processes wait for it, pages say so, and all go on when it is back."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest
import requests

from foundation import migrate
from foundation.cli import App
from foundation.db import Database
from foundation.settings import read_settings
from tests.own_postgresql import own_postgresql, started_again, stopped
from tests.processes import Process, free_port, started, wait_until
from tests.world import lived_settings


def _says(process: Process, event: str) -> bool:
    return event in process.printed()


def test_processes_that_start_before_their_database_wait_for_it_and_pages_say_so(tmp_path: Path):
    with own_postgresql() as server, ExitStack() as stack:
        settings = lived_settings(tmp_path / "data", server.get_uri(driver="psycopg"))
        database = Database(settings.database_url)
        migrate.upgrade(database)
        database.dispose()
        port = free_port()
        console = stack.enter_context(started(settings, "serve", "--no-errands", "--port", str(port)))
        page = f"http://127.0.0.1:{port}/sign-in"
        wait_until(lambda: "console at" in console.printed())
        assert requests.get(page, timeout=10).status_code == HTTPStatus.OK
        stopped(server)
        call = requests.get(
            f"http://127.0.0.1:{port}/api/v1/incidents", headers={"Authorization": "Bearer x"}, timeout=30
        )
        assert (call.status_code, call.headers["Retry-After"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "10")
        assert "cannot be reached" in call.json()["message"]
        commands = (["worker"], ["scheduler"], ["errand", "run"])
        waiting = [stack.enter_context(started(settings, *command)) for command in commands]
        for process in waiting:
            wait_until(partial(_says, process, "database_unreachable"))
        started_again(server)
        wait_until(lambda: "worker_started" in waiting[0].printed())
        wait_until(lambda: "scheduler_leads" in waiting[1].printed())
        assert all(process.popen.poll() is None for process in waiting)
        assert not any("Traceback" in process.printed() for process in (console, *waiting))
        assert requests.get(page, timeout=10).status_code == HTTPStatus.OK


def test_a_wait_ends_when_told_to_stop():
    app = App(read_settings({"DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none"}))
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert app.wait_for_database(stop) is False


def test_a_sqlite_file_that_cannot_be_opened_is_no_reason_to_wait(tmp_path: Path):
    app = App(read_settings({"DATABASE_URL": f"sqlite:///{tmp_path / 'nowhere' / 'records.db'}"}))
    with pytest.raises(Exception, match="unable to open database file"):
        app.wait_for_database(threading.Event())
