"""Adjustment files: closed over their lines, written with control totals, and acknowledged line by line.

Form of both files: CSV (RFC 4180), the first column says what a line is. Ours: `H` file, version, instant; `D` key,
account, kind, amount, currency, details; `T` lines, totals by currency, SHA-256 of all `D` lines. Theirs: `H` file;
`A` key; `R` key, code, words; `T` accepted, rejected, totals of the accepted by currency.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from foundation import clock
from foundation.audit import write_audit
from foundation.db import Database, next_reference
from foundation.errors import InputError, NotFoundError
from foundation.money import exponent
from notify.accounts.adjustment_file import DETAIL, AdjustmentFileSide
from notify.adjustment_models import AdjustmentFile, AdjustmentLine
from notify.models import DeliveryState
from notify.receipts import NewReceipt, record_receipts

VERSION = "1"
_FORM = "lines that begin with H, A, R or T, as docs/delivery.md shows"
_AT_ONCE = 500


def write_adjustments(database: Database, directory: Path, *, actor: str) -> list[AdjustmentFile]:
    """Close a file over the lines that await one, if there are any, and write every closed file that is not written.

    Owns its transactions. A process that dies in between leaves a closed file, whose lines are fixed: the next call
    writes the same bytes under the same name. Raises InputError when the directory cannot be written.
    """
    with database.transaction() as session:
        _close_file(session, actor)
    with database.reading() as session:
        statement = select(AdjustmentFile).where(AdjustmentFile.written_at.is_(None)).order_by(AdjustmentFile.id)
        waiting = session.scalars(statement).all()
    return [_write(database, directory, file, actor) for file in waiting]


def list_files(session: Session, *, limit: int = 50, offset: int = 0) -> Sequence[AdjustmentFile]:
    """Adjustment files, newest first."""
    return session.scalars(select(AdjustmentFile).order_by(AdjustmentFile.id.desc()).limit(limit).offset(offset)).all()


def get_file(session: Session, ref: str) -> AdjustmentFile:
    """An adjustment file by its reference; raises NotFoundError."""
    file = session.scalars(select(AdjustmentFile).where(AdjustmentFile.ref == ref)).one_or_none()
    if file is None:
        raise NotFoundError("no such adjustment file", value=ref, accepted="a file from the list")
    return file


def count_unfiled(session: Session) -> int:
    """How many lines await a file."""
    return session.scalar(select(func.count()).select_from(AdjustmentLine).where(AdjustmentLine.file_id.is_(None))) or 0


def _close_file(session: Session, actor: str) -> None:
    if not count_unfiled(session):
        return
    at = clock.now()
    with session.begin_nested() as step:
        # Whoever closes a file at the same moment waits here, and then finds that nothing is left: no file of no lines.
        ref = next_reference(session, "ADJ", at)
        last = session.scalar(select(func.max(AdjustmentLine.id)).where(AdjustmentLine.file_id.is_(None)))
        if last is None:
            step.rollback()
            return
    file = AdjustmentFile(ref=ref, lines=0, totals={}, closed_at=at)
    session.add(file)
    session.flush()
    mine = (AdjustmentLine.file_id.is_(None), AdjustmentLine.id <= last)
    session.execute(update(AdjustmentLine).where(*mine).values(file_id=file.id))
    sums = select(AdjustmentLine.currency, func.count(), func.sum(AdjustmentLine.amount_minor))
    rows = session.execute(sums.where(AdjustmentLine.file_id == file.id).group_by(AdjustmentLine.currency)).all()
    file.lines = sum(count for _, count, _ in rows)
    file.totals = {currency: int(total) for currency, _, total in rows if currency is not None and total is not None}
    after = {"lines": file.lines, "totals": file.totals}
    write_audit(session, actor=actor, action="adjustment file closed", subject=file.ref, after=after)


def _write(database: Database, directory: Path, file: AdjustmentFile, actor: str) -> AdjustmentFile:
    path = directory / f"{file.ref}.csv"
    # Two who write at once write the same, but not into one another's.
    unfinished = path.with_suffix(f".csv.{threading.get_native_id()}.part")
    whole = hashlib.sha256()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with database.reading() as session, unfinished.open("wb") as target:
            for line in _lines_of(session, file):
                whole.update(line)
                target.write(line)
            target.flush()
            os.fsync(target.fileno())
        unfinished.replace(path)
    except OSError as error:
        accepted = "a directory that this process may write"
        raise InputError(f"cannot be written: {error.strerror}", where=str(path), accepted=accepted) from error
    with database.transaction() as session:
        written = session.get_one(AdjustmentFile, file.id, with_for_update=True)
        if written.written_at is None:
            written.written_at, written.sha256 = clock.now(), whole.hexdigest()
            after = {"sha256": written.sha256}
            write_audit(session, actor=actor, action="adjustment file written", subject=file.ref, after=after)
    return written


def _lines_of(session: Session, file: AdjustmentFile) -> Iterator[bytes]:
    yield _csv(["H", file.ref, VERSION, file.closed_at.strftime("%Y-%m-%dT%H:%M:%SZ")])
    details = hashlib.sha256()
    query = select(AdjustmentLine).where(AdjustmentLine.file_id == file.id).order_by(AdjustmentLine.id)
    with session.scalars(query.execution_options(yield_per=1000)) as rows:
        for row in rows:
            amount = "" if row.amount_minor is None else _major(row.amount_minor, str(row.currency))
            more = [str(row.detail.get(name, "")) for name in DETAIL]
            line = _csv(["D", row.key, row.account, row.kind, amount, row.currency or "", *more])
            details.update(line)
            yield line
    yield _csv(["T", str(file.lines), _totals(file.totals), details.hexdigest()])


def _csv(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()


def _major(amount_minor: int, currency: str) -> str:
    places = exponent(currency)
    if not places:
        return str(amount_minor)
    sign, digits = ("-" if amount_minor < 0 else ""), str(abs(amount_minor)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def _totals(totals: Mapping[str, int]) -> str:
    return " ".join(f"{currency}={_major(total, currency)}" for currency, total in sorted(totals.items()))


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What an acknowledgement changed: lines newly accepted and rejected, and those that were answered before."""

    ref: str
    accepted: int
    rejected: int
    repeated: int


@dataclass(frozen=True, slots=True)
class _Answer:
    line: int
    accepted: bool
    reason: str | None


def acknowledge(session: Session, path: Path, *, actor: str) -> Acknowledged:
    """Take the billing side's answer to a file: accepted lines are posted, rejected ones have failed.

    A file may be answered in several parts; the same answer again changes nothing. Raises InputError, with the file's
    line, for anything that does not fit: an unknown key, a key of another file, one answered otherwise before, or
    control totals that are not those of the lines. Then nothing is changed.
    """
    ref, answers, trailer = _read(path)
    file = session.scalars(select(AdjustmentFile).where(AdjustmentFile.ref == ref).with_for_update()).one_or_none()
    if file is None:
        raise NotFoundError("no such adjustment file", where=f"{path.name}, line 1", value=ref)
    lines = _find_lines(session, path, file, answers)
    _check_trailer(path, answers, lines, trailer)
    new = {key: answer for key, answer in answers.items() if lines[key].answer is None and not _left(lines[key], file)}
    _keep(session, new, lines)
    counts = Counter(answer.accepted for answer in new.values())
    file.accepted += counts[True]
    file.rejected += counts[False]
    after = {"accepted": counts[True], "rejected": counts[False]}
    write_audit(session, actor=actor, action="adjustment file acknowledged", subject=ref, after=after)
    return Acknowledged(ref, counts[True], counts[False], len(answers) - len(new))


def _keep(session: Session, new: Mapping[str, _Answer], lines: Mapping[str, AdjustmentLine]) -> None:
    for accepted, word in ((True, "accepted"), (False, "rejected")):
        ids = [lines[key].id for key, answer in new.items() if answer.accepted is accepted]
        for start in range(0, len(ids), _AT_ONCE):
            change = update(AdjustmentLine).where(AdjustmentLine.id.in_(ids[start : start + _AT_ONCE]))
            session.execute(change.values(answer=word))
    receipts = [
        NewReceipt(
            channel=AdjustmentFileSide.name,
            state=DeliveryState.DELIVERED if answer.accepted else DeliveryState.FAILED,
            provider_ref=f"line:{lines[key].id}",
            delivery_id=lines[key].delivery_id,
            attempt=lines[key].attempt,
            provider_status="accepted" if answer.accepted else "rejected",
            reason=answer.reason,
        )
        for key, answer in new.items()
    ]
    record_receipts(session, receipts)


def _read(path: Path) -> tuple[str, dict[str, _Answer], tuple[int, list[str]]]:
    """The file that is answered, the answers by key, and the trailer with its line number."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [(number, row) for number, row in enumerate(csv.reader(file), start=1) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot be read: {error}", where=str(path), accepted=_FORM) from error
    if odd := next((number for number, row in rows if any("\0" in cell for cell in row)), None):
        raise InputError("a NUL, which is no text", where=f"{path.name}, line {odd}", accepted=_FORM)
    if len(rows) < 2 or rows[0][1][0] != "H" or len(rows[0][1]) < 2 or rows[-1][1][0] != "T":
        raise InputError("is no whole acknowledgement", where=path.name, accepted=f"{_FORM}; H first, T last")
    answers: dict[str, _Answer] = {}
    for number, row in rows[1:-1]:
        key, answer = _read_answer(path, number, row)
        if key in answers:
            raise InputError("answered twice in one file", where=f"{path.name}, line {number}", value=key)
        answers[key] = answer
    return rows[0][1][1], answers, rows[-1]


def _read_answer(path: Path, number: int, row: Sequence[str]) -> tuple[str, _Answer]:
    match row:
        case ["A", key, *_] if key:
            return key, _Answer(number, True, None)
        case ["R", key, *rest] if key:
            said = ", ".join(word for word in rest if word)
            return key, _Answer(number, False, f"rejected by billing{': ' + said if said else ''}")
    raise InputError("not an answer", where=f"{path.name}, line {number}", value=",".join(row)[:80], accepted=_FORM)


def _find_lines(
    session: Session, path: Path, file: AdjustmentFile, answers: Mapping[str, _Answer]
) -> dict[str, AdjustmentLine]:
    lines: dict[str, AdjustmentLine] = {}
    keys = list(answers)
    for start in range(0, len(keys), _AT_ONCE):
        query = select(AdjustmentLine).where(AdjustmentLine.key.in_(keys[start : start + _AT_ONCE]))
        lines |= {line.key: line for line in session.scalars(query)}
    for key, answer in answers.items():
        line = lines.get(key)
        where = f"{path.name}, line {answer.line}"
        if line is not None and _left(line, file) and not answer.accepted:
            continue
        if line is None or line.file_id != file.id:
            raise InputError("not a line of this file", where=where, value=key, accepted=f"a key of {file.ref}")
        if line.answer is not None and (line.answer == "accepted") is not answer.accepted:
            raise InputError(f"was {line.answer} before", where=where, value=key, accepted="the same answer")
    return lines


def _left(line: AdjustmentLine, file: AdjustmentFile) -> bool:
    """Whether a line that was rejected here has been tried again since, and stands or will stand in a later file."""
    return line.attempt > 1 and (line.file_id is None or line.file_id > file.id)


def _check_trailer(
    path: Path, answers: Mapping[str, _Answer], lines: Mapping[str, AdjustmentLine], trailer: tuple[int, list[str]]
) -> None:
    number, said = trailer
    accepted = [lines[key] for key, answer in answers.items() if answer.accepted]
    expected = ["T", str(len(accepted)), str(len(answers) - len(accepted)), _totals(_sum(accepted))]
    if [cell.strip() for cell in said] != expected:
        raise InputError(
            "the control totals are not those of the lines",
            where=f"{path.name}, line {number}",
            value=",".join(said)[:120],
            accepted=",".join(expected),
        )


def _sum(lines: Iterable[AdjustmentLine]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for line in lines:
        if line.currency is not None and line.amount_minor is not None:
            totals[line.currency] += line.amount_minor
    return dict(totals)
