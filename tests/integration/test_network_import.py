"""The network inventory from CSV, on both databases."""

import csv
from pathlib import Path

import pytest
from sqlalchemy import select

from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.errors import InputError
from outage.models import Dependency, NetworkElement
from outage.network.importing import import_network
from outage.network.inventory import current_version, get_element, list_dependencies

ELEMENTS = """ref,kind,name,site,radio,latitude,longitude,area,services,valid_from,valid_to
hlr-1,hlr,HLR Slough,,,,,,voice|sms|data,,
mme-1,mme,MME One,,,,,,data,,
mme-2,mme,MME Two,,,,,,data,,
cell-1,cell,Cell One,site-9,4G,51.5,-0.12,SL1,voice|sms|data,2010-01-01T00:00:00Z,
cell-2,cell,Cell Two,site-9,4G,51.6,-0.13,SL1,data|voice,,
"""
DEPENDENCIES = """element,group,member,services
cell-1,pool,mme-1,data
cell-1,pool,mme-2,data
cell-2,,hlr-1,
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return _written(tmp_path, "elements.csv", ELEMENTS), _written(tmp_path, "dependencies.csv", DEPENDENCIES)


def test_elements_and_dependencies_load_and_the_same_files_again_change_nothing(
    database: Database, files: tuple[Path, Path], tmp_path: Path
):
    first = _import(database, *files, tmp_path)
    assert [(one.read, one.added, one.changed, one.unchanged, one.rejected) for one in first] == [
        (5, 5, 0, 0, 0),
        (3, 3, 0, 0, 0),
    ]
    second = _import(database, *files, tmp_path)
    assert [(one.added, one.changed, one.unchanged, one.rejected) for one in second] == [(0, 0, 5, 0), (0, 0, 3, 0)]
    with database.reading() as session:
        assert current_version(session, "inventory") == 1
        cell = get_element(session, "cell-1")
        assert (cell.kind, cell.radio, cell.latitude, cell.longitude, cell.area) == ("cell", "4G", 51.5, -0.12, "SL1")
        assert cell.services == ["voice", "sms", "data"]
        assert get_element(session, "cell-2").services == ["voice", "data"]
        assert cell.valid_from is not None
        assert cell.valid_from.isoformat() == "2010-01-01T00:00:00+00:00"
        groups = {(row.group, row.services) for row in list_dependencies(session)}
        assert groups == {("pool", frozenset({"data"})), ("hlr-1", None)}
        assert session.scalars(select(AuditEntry.action)).all() == ["network imported", "network imported"]


def test_a_changed_file_counts_what_changed_and_leaves_the_rest(
    database: Database, files: tuple[Path, Path], tmp_path: Path
):
    _import(database, *files, tmp_path)
    files[0].write_text(ELEMENTS.replace("Cell Two", "Cell 2") + "cell-3,cell,Cell Three,,,,,,voice,,\n")
    elements, _ = _import(database, *files, tmp_path)
    assert (elements.added, elements.changed, elements.unchanged) == (1, 1, 4)
    with database.reading() as session:
        assert current_version(session, "inventory") == 2


def test_a_file_without_optional_columns_leaves_them_as_they_are(
    database: Database, files: tuple[Path, Path], tmp_path: Path
):
    _import(database, *files, tmp_path)
    short = _written(tmp_path, "short.csv", "ref,kind,name,services\ncell-1,cell,Cell 1,voice\n")
    (result,) = _import(database, short, None, tmp_path)
    assert (result.added, result.changed) == (0, 1)
    with database.reading() as session:
        cell = get_element(session, "cell-1")
        assert (cell.name, cell.services, cell.latitude, cell.site) == ("Cell 1", ["voice"], 51.5, "site-9")


def test_a_column_map_reads_a_file_with_other_names(database: Database, tmp_path: Path):
    path = _written(tmp_path, "cells.csv", "\ufeffid,art,titel,dienste\nc1,cell,Eins,voice\n")
    names = {"ref": "id", "kind": "art", "name": "titel", "services": "dienste"}
    with database.transaction() as session:
        (result,) = import_network(session, path, actor="ann", column_map=names, reject_dir=tmp_path)
    assert result.added == 1


def test_bad_rows_are_rejected_by_line_while_good_rows_load(database: Database, tmp_path: Path):
    rows = [
        "ok-1,cell,One,,,51,0,,voice,,",
        "far,cell,Far,,,91,0,,voice,,",
        "half,cell,Half,,,51,,,voice,,",
        "fax,cell,Fax,,,,,,fax,,",
        "ok-1,cell,Again,,,,,,voice,,",
        "naive,cell,Naive,,,,,,voice,2012-07-11T13:30:00,",
        "back,cell,Back,,,,,,voice,2012-07-11T13:30:00Z,2012-07-11T13:30:00Z",
        ",cell,Nameless,,,,,,voice,,",
        "short,cell",
    ]
    path = _written(tmp_path, "elements.csv", "\n".join([ELEMENTS.splitlines()[0], *rows, ""]))
    (result,) = _import(database, path, None, tmp_path)
    assert (result.read, result.added, result.rejected) == (9, 1, 8)
    assert result.reject_file is not None
    with result.reject_file.open(encoding="utf-8") as file:
        rejected = {int(row["line"]): (row["field"], row["value"], row["reason"]) for row in csv.DictReader(file)}
    assert rejected[3] == ("latitude", "91", "off the globe; accepted: degrees from -90 to 90, such as 51.5")
    assert rejected[4][0] == "latitude"
    assert rejected[5] == ("services", "fax", "unknown service 'fax'; accepted: voice|sms|data or some of them")
    assert rejected[6] == ("ref", "ok-1", "the same ref as on line 2")
    assert rejected[7][2].startswith("naive timestamp (no offset); accepted: ISO 8601")
    assert rejected[8][0] == "valid_to"
    assert rejected[9][0] == "ref"
    assert rejected[10] == ("", "2", "this row has 2 fields; accepted: 11, as in the header")


def test_a_group_with_an_unknown_member_is_rejected_whole(database: Database, files: tuple[Path, Path], tmp_path: Path):
    files[1].write_text(DEPENDENCIES.replace("mme-2", "mme-9") + "cell-2,x,cell-2,\nnowhere,x,hlr-1,\n")
    _, result = _import(database, *files, tmp_path)
    assert (result.read, result.added, result.rejected) == (5, 1, 4)
    assert result.reject_file is not None
    text = result.reject_file.read_text()
    assert "3,member,mme-9,unknown network element" in text
    assert "2,group,pool,another row of this element's group was rejected" in text
    assert "5,member,cell-2,an element that depends on itself" in text
    assert "6,element,nowhere,unknown network element" in text


def test_a_cycle_refuses_both_files_and_names_it(database: Database, files: tuple[Path, Path], tmp_path: Path):
    files[1].write_text(DEPENDENCIES + "hlr-1,,cell-2,\n")
    with pytest.raises(InputError, match="hlr-1 -> cell-2 -> hlr-1"):
        _import(database, *files, tmp_path)
    with database.reading() as session:
        assert session.scalars(select(NetworkElement)).all() == []
        assert session.scalars(select(Dependency)).all() == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"ref,kind,services\na,cell,voice\n",
            "line 1: missing column (got 'name'); accepted: a header with ref, kind",
        ),
        (b"", "empty file"),
        (b"\n", "empty file"),
        (b"PAR1\x15\x04\x15\xff\xfe\x00", "not a UTF-8 text file"),
        (b"ref,kind,name,services\na,cell,\x00,voice\n", "not CSV: a NUL character"),
        (b'ref,kind,name,services\na,cell,"x,voice\n', "not CSV: unexpected end of data"),
        (b"ref,ref,kind,name,services\n", "a column twice"),
        (b"ref;kind;name;services\na;b;c;d\n", "the columns found are ref;kind;name;services"),
    ],
)
def test_a_file_that_is_no_such_file_is_refused_with_one_message(
    sqlite_database: Database, tmp_path: Path, content: bytes, message: str
):
    path = tmp_path / "wrong.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        _import(sqlite_database, path, None, tmp_path)
    assert message in str(refused.value)
    assert "wrong.csv" in str(refused.value)


def test_a_file_that_is_not_there_is_refused(sqlite_database: Database, tmp_path: Path):
    with pytest.raises(InputError, match="cannot read this file"):
        _import(sqlite_database, tmp_path / "no.csv", None, tmp_path)


def test_a_column_map_to_a_column_the_file_lacks_is_refused(sqlite_database: Database, tmp_path: Path):
    path = _written(tmp_path, "elements.csv", ELEMENTS)
    with pytest.raises(InputError, match="missing column"), sqlite_database.transaction() as session:
        import_network(session, path, actor="ann", column_map={"area": "region"}, reject_dir=tmp_path)
    with pytest.raises(InputError, match="no such column of ours"), sqlite_database.transaction() as session:
        import_network(session, path, actor="ann", column_map={"regoin": "area"}, reject_dir=tmp_path)


def _written(directory: Path, name: str, content: str) -> Path:
    path = directory / name
    path.write_text(content, encoding="utf-8")
    return path


def _import(database: Database, elements: Path, dependencies: Path | None, directory: Path):
    with database.transaction() as session:
        return import_network(session, elements, dependencies, actor="ann", reject_dir=directory / "rejects")
