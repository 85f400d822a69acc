"""Credits for bill runs: each in one file once, control totals that are checked, answers that settle every line."""

from __future__ import annotations

import csv
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from foundation.db import Database
from foundation.errors import InputError, NotFoundError
from notify import adjustments
from notify.accounts.adjustment_file import AdjustmentFileSide
from notify.adjustment_models import AdjustmentFile, AdjustmentLine
from notify.adjustments import acknowledge, count_unfiled, list_files, write_adjustments
from notify.decisions import retry_failed
from notify.models import Delivery, DeliveryState
from tests.delivery_rows import CAMPAIGN, message, posting, put
from tests.delivery_tools import run

S = DeliveryState


def post(database: Database, *numbers: int) -> None:
    rows = [posting(number, amount_minor=number * 101, channel="adjustment_file") for number in numbers]
    put(database, [*rows, *(message(number) for number in numbers)])
    run(database, {"adjustment_file": AdjustmentFileSide(database)})


def states(database: Database) -> dict[str, str]:
    with database.reading() as session:
        rows = session.scalars(select(Delivery).where(Delivery.channel == "adjustment_file"))
        return {row.address: row.state for row in rows}


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def answer(path: Path, ref: str, rows: list[list[str]], trailer: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["H", ref], *rows, ["T", *trailer]])
    return path


def key(number: int) -> str:
    return posting(number).key


def test_a_file_holds_each_credit_once_and_its_control_totals(database, tmp_path):
    post(database, 1, 2, 3)
    assert set(states(database).values()) == {S.ACCEPTED}
    [file] = write_adjustments(database, tmp_path, actor="dora")
    rows = read(tmp_path / f"{file.ref}.csv")
    assert [row[0] for row in rows] == ["H", "D", "D", "D", "T"]
    assert rows[0][1:3] == [file.ref, "1"]
    assert rows[1][1:6] == [key(1), "A000001", "bill_credit", "1.01", "GBP"]
    assert rows[-1][1:3] == ["3", "GBP=6.06"]
    content = (tmp_path / f"{file.ref}.csv").read_bytes()
    details = b"".join(line for line in content.splitlines(keepends=True) if line.startswith(b"D,"))
    assert rows[-1][3] == hashlib.sha256(details).hexdigest()
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert write_adjustments(database, tmp_path, actor="dora") == []


def test_what_comes_later_goes_into_the_next_file(database, tmp_path):
    post(database, 1)
    write_adjustments(database, tmp_path, actor="dora")
    post(database, 1, 2)
    [second] = write_adjustments(database, tmp_path, actor="dora")
    assert [row[1] for row in read(tmp_path / f"{second.ref}.csv")[1:-1]] == [key(2)]
    with database.reading() as session:
        assert [file.lines for file in list_files(session)] == [1, 1]
        assert count_unfiled(session) == 0


def test_a_file_whose_writer_died_is_written_the_same_by_the_next(database, tmp_path, monkeypatch):
    post(database, 1, 2)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(adjustments, "_write", die)
        with pytest.raises(KeyboardInterrupt):
            write_adjustments(database, tmp_path, actor="dora")
    post(database, 3)
    first, second = write_adjustments(database, tmp_path, actor="dora")
    assert (first.lines, second.lines) == (2, 1)
    once = (tmp_path / f"{first.ref}.csv").read_bytes()
    with database.transaction() as session:
        session.get_one(AdjustmentFile, first.id).written_at = None
    write_adjustments(database, tmp_path, actor="dora")
    assert (tmp_path / f"{first.ref}.csv").read_bytes() == once


def test_an_answer_posts_what_it_accepts_fails_what_it_rejects_and_releases_the_texts(database, tmp_path):
    post(database, 1, 2, 3)
    [file] = write_adjustments(database, tmp_path, actor="dora")
    rows = [["A", key(1)], ["R", key(2), "E17", "account closed"]]
    part = answer(tmp_path / "ack1.csv", file.ref, rows, ["1", "1", "GBP=1.01"])
    rest = answer(tmp_path / "ack2.csv", file.ref, [["A", key(3)]], ["1", "0", "GBP=3.03"])
    for path, expected in ((part, (1, 1, 0)), (part, (0, 0, 2)), (rest, (1, 0, 0))):
        with database.transaction() as session:
            taken = acknowledge(session, path, actor="dora")
        assert (taken.accepted, taken.rejected, taken.repeated) == expected
    assert states(database) == {"A000001": S.DELIVERED, "A000002": S.FAILED, "A000003": S.DELIVERED}
    with database.reading() as session:
        failed = session.scalars(select(Delivery).where(Delivery.state == S.FAILED)).one()
        assert failed.reason == "rejected by billing: E17, account closed"
        texts = session.scalars(select(Delivery).where(Delivery.channel == "spool").order_by(Delivery.id))
        assert [text.waiting for text in texts] == [False, True, False]
        kept = session.get_one(AdjustmentFile, file.id)
        assert (kept.accepted, kept.rejected) == (2, 1)


def test_what_was_rejected_and_is_tried_again_stands_in_the_next_file_and_can_be_accepted_there(database, tmp_path):
    post(database, 1, 2)
    [first] = write_adjustments(database, tmp_path, actor="dora")
    no = answer(tmp_path / "no.csv", first.ref, [["R", key(1), "E17"]], ["0", "1", ""])
    with database.transaction() as session:
        acknowledge(session, no, actor="dora")
        assert retry_failed(session, CAMPAIGN, actor="dora", reason="account opened") == 1
    assert run(database, {"adjustment_file": AdjustmentFileSide(database)}).claimed == 1
    assert states(database) == {"A000001": S.ACCEPTED, "A000002": S.ACCEPTED}
    [second] = write_adjustments(database, tmp_path, actor="dora")
    assert [row[1] for row in read(tmp_path / f"{second.ref}.csv")[1:-1]] == [key(1)]
    yes = answer(tmp_path / "yes.csv", second.ref, [["A", key(1)]], ["1", "0", "GBP=1.01"])
    late = answer(tmp_path / "late.csv", first.ref, [["A", key(1)]], ["1", "0", "GBP=1.01"])
    with database.transaction() as session:
        # The former answer said again changes nothing; another one to the former file does not fit any more.
        assert acknowledge(session, no, actor="dora").repeated == 1
        assert acknowledge(session, yes, actor="dora").accepted == 1
    with pytest.raises(InputError, match="not a line of this file"), database.transaction() as session:
        acknowledge(session, late, actor="dora")
    assert states(database) == {"A000001": S.DELIVERED, "A000002": S.ACCEPTED}


def test_two_who_write_at_once_write_one_file_of_all_lines(database, tmp_path):
    post(database, 1, 2, 3)
    start = threading.Barrier(2)

    def write() -> int:
        start.wait()
        return sum(file.lines for file in write_adjustments(database, tmp_path, actor="dora"))

    with ThreadPoolExecutor(2) as threads:
        written = [threads.submit(write) for _ in range(2)]
        assert {one.result() for one in written} <= {0, 3}
    with database.reading() as session:
        assert [file.lines for file in list_files(session)] == [3]
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("rows", "trailer", "complaint"),
    [
        ([["A", "nobody's"]], ["1", "0", ""], "not a line of this file"),
        ([["A", key(1)], ["A", key(1)]], ["2", "0", "GBP=2.02"], "answered twice"),
        ([["A", key(1)]], ["1", "0", "GBP=1.00"], "control totals"),
        ([["A", key(1)]], ["2", "0", "GBP=1.01"], "control totals"),
        ([["X", key(1)]], ["0", "0", ""], "not an answer"),
    ],
)
def test_an_answer_that_does_not_fit_changes_nothing(database, tmp_path, rows, trailer, complaint):
    post(database, 1, 2)
    [file] = write_adjustments(database, tmp_path, actor="dora")
    path = answer(tmp_path / "ack.csv", file.ref, [["A", key(2)], *rows], trailer)
    with pytest.raises(InputError, match=complaint) as caught, database.transaction() as session:
        acknowledge(session, path, actor="dora")
    assert "ack.csv, line" in str(caught.value)
    assert set(states(database).values()) == {S.ACCEPTED}
    with database.reading() as session:
        assert session.scalars(select(AdjustmentLine.answer)).all() == [None, None]


def test_an_accepted_line_cannot_be_rejected_afterwards(database, tmp_path):
    post(database, 1)
    [file] = write_adjustments(database, tmp_path, actor="dora")
    yes = answer(tmp_path / "yes.csv", file.ref, [["A", key(1)]], ["1", "0", "GBP=1.01"])
    no = answer(tmp_path / "no.csv", file.ref, [["R", key(1), "E1"]], ["0", "1", ""])
    with database.transaction() as session:
        acknowledge(session, yes, actor="dora")
    with pytest.raises(InputError, match="was accepted before"), database.transaction() as session:
        acknowledge(session, no, actor="dora")
    assert states(database) == {"A000001": S.DELIVERED}


@pytest.mark.parametrize(
    "content", ["", "H,ADJ-1\n", "hello\n", "A,x\nT,1,0,\n", "H,\nT,0,0,\n", "\udcff", "H,A\0\nT,0,0,\n"]
)
def test_a_file_that_is_no_answer_is_refused(database, tmp_path, content):
    path = tmp_path / "ack.csv"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises((InputError, NotFoundError)), database.transaction() as session:
        acknowledge(session, path, actor="dora")


def test_the_same_key_with_another_content_is_a_conflict(database):
    side = AdjustmentFileSide(database)
    post(database, 1)
    with database.transaction() as session:
        line = session.scalars(select(AdjustmentLine)).one()
        line.body_hash = "another"
    with database.reading() as session:
        row = session.scalars(select(Delivery).where(Delivery.channel == "adjustment_file")).one()
    from notify.transitions import outgoing_of

    [outcome] = side.ask([outgoing_of(row, 1)])
    assert outcome is not None
    assert outcome.state is S.FAILED


def test_a_directory_that_cannot_be_written_loses_nothing(database, tmp_path):
    post(database, 1)
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    with pytest.raises(InputError, match="cannot be written"):
        write_adjustments(database, blocked, actor="dora")
    [file] = write_adjustments(database, tmp_path / "good", actor="dora")
    assert file.lines == 1
