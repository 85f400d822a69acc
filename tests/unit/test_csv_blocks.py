"""Blocks of a CSV file are what the csv module reads record by record, with the same lines, however odd the file is."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.errors import InputError
from outage.imports import csv_blocks
from outage.imports.csv_blocks import CsvBlocks

_WIDTH = 3
_ODD = ["", "a", "ü 漢", " spaced ", '"quoted"', '"a, b"', '"two\nlines"', '"say ""hi"""', 'in"side', "'", "a\rb"]
_PIECES = st.lists(st.sampled_from([*_ODD, "1", "2"]), min_size=1, max_size=4).map(",".join)
_ENDS = st.sampled_from(["\n", "\n", "\r\n", "\n\n"])
_TEXTS = st.lists(st.tuples(_PIECES, _ENDS).map("".join), max_size=12).map("".join)


def _read(path: Path) -> tuple[list[tuple[int, list[str]]], list[tuple[int, int]]]:
    rows: list[tuple[int, list[str]]] = []
    misfits: list[tuple[int, int]] = []
    with CsvBlocks(path) as file:
        file.read_record()
        for block in file.blocks(_WIDTH):
            columns = [column.to_pylist() for column in block.columns]
            rows += zip(block.lines, map(list, zip(*columns, strict=True)), strict=True)
            misfits += block.misfits
    return rows, misfits


def _expected(text: str) -> tuple[list[tuple[int, list[str]]], list[tuple[int, int]]] | csv.Error:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    next(reader, None)
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        return error
    fitting = [(line, row) for line, row in rows if len(row) == _WIDTH]
    return fitting, [(line, len(row)) for line, row in rows if len(row) != _WIDTH]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=_TEXTS, lines=st.integers(1, 5))
def test_any_file_reads_as_the_csv_module_reads_it(
    text: str, lines: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_blocks, "BLOCK_LINES", lines)
    path = tmp_path / "file.csv"
    path.write_bytes(("x,y,z\n" + text).encode())
    expected = _expected("x,y,z\n" + text)
    if isinstance(expected, csv.Error):
        with pytest.raises(InputError) as refused:
            _read(path)
        assert str(expected) in str(refused.value)
        return
    assert _read(path) == expected


def test_a_record_may_go_on_beyond_its_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_blocks, "BLOCK_LINES", 2)
    path = tmp_path / "file.csv"
    path.write_text('\ufeffx,y,z\n1,2,3\n4,"five\nand\nmore",6\n7,8,9\n', encoding="utf-8")
    assert _read(path) == ([(2, ["1", "2", "3"]), (5, ["4", "five\nand\nmore", "6"]), (6, ["7", "8", "9"])], [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x,y,z\n1,2,\xff\n", "line 2: not a UTF-8 text file (got '<ff><0a>')"),
        (b"x,y,z\n1,2,3\n1,2,\xc3", "line 3: not a UTF-8 text file (got '<c3>')"),
        (b"x,y,z\n1,2,3\n1,\x00,3\n", "line 3: not CSV: a NUL character"),
        (b'x,y,z\n1,2,3\n1,"2,3\n', "line 3: not CSV: unexpected end of data"),
        (b'x,y,z\n1,"2"3,4\n', "line 2: not CSV: "),
        (b"x,y,z\n" + b"1" * 100_001 + b",2,3\n", "line 2: not CSV: a line of more than 100000 characters"),
        (b"x,y,z\n1,2,3\n" + b"1" * 1_000_000, "line 3: not CSV: a line of more than 100000 characters"),
    ],
)
def test_what_is_no_csv_file_is_refused_at_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        _read(path)
    assert message in str(refused.value)
