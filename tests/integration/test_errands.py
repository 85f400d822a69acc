"""Long work that a person asked for: done once, stopped on request, taken up when its runner dies."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import select, text

from foundation import clock
from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.errand_board import Progress, Watch, read_progress
from foundation.errand_runner import Done, ErrandKind, Runner, Surroundings, ask_to_stop
from foundation.errands import Errand, ErrandState, ask_errand, get_errand, list_open
from foundation.errors import NotFoundError, RefusedError
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore

Work = Callable[[Surroundings, Mapping[str, Any], str, Watch], Done]


@pytest.fixture
def surroundings(settings: Settings, database: Database, store: SnapshotStore) -> Surroundings:
    return Surroundings(settings, database, store)


def write_a_row(surroundings: Surroundings, arguments: Mapping[str, Any], actor: str, watch: Watch) -> Done:
    with surroundings.database.transaction() as session:
        session.execute(text("INSERT INTO reference_counters (kind, year, last) VALUES ('ROW', 1, 1)"))
    return Done(f"written for {actor}", arguments["ref"])


def ask(database: Database, ref: str = "X-1") -> int:
    with database.transaction() as session:
        return ask_errand(session, "write", ref, {"ref": ref}, actor="maria").id


def runner(surroundings: Surroundings, work: Work = write_a_row) -> Runner:
    return Runner(surroundings, {"write": ErrandKind("write", "Write", "errands.read", work)})


def read(database: Database, errand_id: int) -> Errand:
    with database.reading() as session:
        return get_errand(session, errand_id)


def counted(database: Database, kind: str) -> int:
    with database.reading() as session:
        statement = text("SELECT count(*) FROM reference_counters WHERE kind = :kind")
        return int(session.scalar(statement, {"kind": kind}) or 0)


def test_an_errand_is_done_and_says_what_came_of_it(surroundings: Surroundings) -> None:
    errand_id = ask(surroundings.database)
    assert runner(surroundings).run_open() == 1
    errand = read(surroundings.database, errand_id)
    assert errand.state is ErrandState.DONE
    assert errand.result == {"said": "written for maria", "ref": "X-1"}
    assert errand.started_at is not None
    assert errand.ended_at is not None
    assert not list((surroundings.settings.data / "errands").glob("*"))
    with surroundings.database.reading() as session:
        assert session.scalars(select(AuditEntry.action)).all() == ["asked to write"]


def test_the_same_errand_is_open_once_and_may_be_asked_for_again_later(surroundings: Surroundings) -> None:
    first = ask(surroundings.database)
    assert ask(surroundings.database) == first
    assert ask(surroundings.database, "X-2") != first
    runner(surroundings).run_open()
    assert ask(surroundings.database) != first


def test_a_refusal_is_kept_in_its_own_words(surroundings: Surroundings) -> None:
    def refuse(*_: Any) -> Done:
        raise RefusedError("not now", accepted="tomorrow")

    errand_id = ask(surroundings.database)
    runner(surroundings, refuse).run_open()
    errand = read(surroundings.database, errand_id)
    assert (errand.state, errand.reason) == (ErrandState.FAILED, str(RefusedError("not now", accepted="tomorrow")))


def test_a_crash_ends_the_errand_and_not_the_runner(surroundings: Surroundings) -> None:
    def crash(surroundings: Surroundings, arguments: Mapping[str, Any], actor: str, watch: Watch) -> Done:
        if arguments["ref"] == "X-1":
            raise ZeroDivisionError
        return write_a_row(surroundings, arguments, actor, watch)

    broken, whole = ask(surroundings.database), ask(surroundings.database, "X-2")
    assert runner(surroundings, crash).run_open() == 2
    assert read(surroundings.database, broken).state is ErrandState.FAILED
    assert "ZeroDivisionError" in (read(surroundings.database, broken).reason or "")
    assert read(surroundings.database, whole).state is ErrandState.DONE


def test_an_errand_of_a_kind_nobody_knows_fails_and_says_so(surroundings: Surroundings) -> None:
    errand_id = ask(surroundings.database)
    Runner(surroundings, {}).run_open()
    assert read(surroundings.database, errand_id).reason == "nobody here knows how to write"


def test_an_errand_that_waits_is_stopped_at_once(surroundings: Surroundings) -> None:
    errand_id = ask(surroundings.database)
    assert ask_to_stop(surroundings, errand_id, actor="omar").state is ErrandState.STOPPED
    assert runner(surroundings).run_open() == 0
    assert counted(surroundings.database, "ROW") == 0
    with pytest.raises(RefusedError, match="stopped already"):
        ask_to_stop(surroundings, errand_id, actor="omar")
    with pytest.raises(NotFoundError):
        ask_to_stop(surroundings, 99, actor="omar")


def wait_for_progress(surroundings: Surroundings, errand_id: int) -> tuple[Errand, Progress]:
    for _ in range(400):
        errand = read(surroundings.database, errand_id)
        progress = read_progress(surroundings.database, surroundings.board_directory, errand)
        if progress.done:
            return errand, progress
        clock.sleep(0.05)
    pytest.fail("no progress was told")


def test_progress_shows_and_a_stop_takes_effect_in_mid_work(surroundings: Surroundings) -> None:
    def long(surroundings: Surroundings, arguments: Mapping[str, Any], actor: str, watch: Watch) -> Done:
        with surroundings.database.transaction() as session:
            session.execute(text("INSERT INTO reference_counters (kind, year, last) VALUES ('LONG', 1, 1)"))
            while True:
                watch("counting", 30, 100)
                clock.sleep(0.02)

    errand_id = ask(surroundings.database)
    thread = threading.Thread(target=runner(surroundings, long).run_one, args=(errand_id,))
    thread.start()
    errand, progress = wait_for_progress(surroundings, errand_id)
    assert (errand.state, progress) == (ErrandState.RUNNING, Progress("counting", 30, 100))
    ask_to_stop(surroundings, errand_id, actor="omar")
    thread.join(20)
    assert read(surroundings.database, errand_id).state is ErrandState.STOPPED
    assert counted(surroundings.database, "LONG") == 0


def test_two_runners_do_one_errand_once(surroundings: Surroundings) -> None:
    ran: list[int] = []
    ready = threading.Barrier(2)

    def slow(*_: Any) -> Done:
        ran.append(1)
        clock.sleep(0.2)
        return Done("done", "X-1")

    def run() -> None:
        ready.wait()
        runner(surroundings, slow).run_one(errand_id)

    errand_id = ask(surroundings.database)
    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert ran == [1]


@contextlib.contextmanager
def hanging_in_a_process(surroundings: Surroundings, errand_id: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "OUTAGE_DATA": str(surroundings.settings.data),
        "DATABASE_URL": surroundings.settings.database_url,
    }
    process = subprocess.Popen([sys.executable, "-m", "tests.errand_process"], env=environment, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        assert runner(surroundings).run_one(errand_id) is False
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_a_runner_that_is_told_to_end_leaves_its_errand_to_the_next(surroundings: Surroundings) -> None:
    errand_id, after_it = ask(surroundings.database), ask(surroundings.database, "X-2")
    with hanging_in_a_process(surroundings, errand_id) as process:
        process.terminate()
        assert process.wait(timeout=20) == 0
    for number in (errand_id, after_it):
        errand = read(surroundings.database, number)
        assert (errand.state, errand.attempts, errand.started_at) == (ErrandState.WAITING, 0, None)
        assert read_progress(surroundings.database, surroundings.board_directory, errand) == Progress("", 0, 0)
    assert counted(surroundings.database, "HANG") == 0
    assert runner(surroundings).run_one(errand_id)
    errand = read(surroundings.database, errand_id)
    assert (errand.state, errand.attempts) == (ErrandState.DONE, 1)


def test_a_stop_that_was_asked_for_outlives_a_runner_that_was_told_to_end(surroundings: Surroundings) -> None:
    errand_id, stop = ask(surroundings.database), threading.Event()

    def leave(surroundings: Surroundings, arguments: Mapping[str, Any], actor: str, watch: Watch) -> Done:
        ask_to_stop(surroundings, errand_id, actor="omar")
        stop.set()
        watch("counting", 1, 2)
        return Done("done", "X-1")

    kinds = {"write": ErrandKind("write", "Write", "errands.read", leave)}
    assert Runner(surroundings, kinds, stop).run_open() == 0
    assert read(surroundings.database, errand_id).state is ErrandState.WAITING
    assert runner(surroundings).run_open() == 1
    assert read(surroundings.database, errand_id).state is ErrandState.STOPPED
    assert counted(surroundings.database, "ROW") == 0


def test_a_killed_runners_errand_is_done_by_the_next(surroundings: Surroundings) -> None:
    errand_id = ask(surroundings.database)
    with hanging_in_a_process(surroundings, errand_id):
        pass
    # The server notices a dead client when it next speaks to it: a moment, not a lease.
    for _ in range(100):
        if runner(surroundings).run_one(errand_id):
            break
        clock.sleep(0.1)
    errand = read(surroundings.database, errand_id)
    assert (errand.state, errand.attempts) == (ErrandState.DONE, 2)
    assert (counted(surroundings.database, "HANG"), counted(surroundings.database, "ROW")) == (0, 1)
    with surroundings.database.reading() as session:
        assert list_open(session) == []


def test_an_errand_over_which_three_runners_died_is_given_up(surroundings: Surroundings) -> None:
    errand_id = ask(surroundings.database)
    with surroundings.database.transaction() as session:
        session.get_one(Errand, errand_id).attempts = 3
    runner(surroundings).run_open()
    errand = read(surroundings.database, errand_id)
    assert errand.state is ErrandState.FAILED
    assert "given up" in (errand.reason or "")
