"""Imports as diffs with history, validity and dry runs, on both databases, against a dictionary."""

from __future__ import annotations

import csv
import json
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from foundation import clock
from foundation.db import Base, Database
from foundation.errors import InputError
from outage.models import Dependency, Incident, InventoryChange, NetworkElement, Outage
from outage.network.footprint import footprint
from outage.network.history import list_changes
from outage.network.importing import import_network
from outage.network.inventory import current_version, find_cycle, get_element
from outage.network.map import network_at
from tests.impact_worlds import add_incident, add_outage

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HEADER = "ref,kind,name,services\n"
LINKS = "element,group,member,services\n"


def needs_at(session: Session, at: datetime) -> int:
    """How many dependencies are valid at an instant."""
    return sum(len(members) for _, _, members in network_at(session, at).network.groups)


def written(directory: Path, name: str, text: str) -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def load(database: Database, directory: Path, elements: str, links: str | None = None, *, hour: int = 0, **options):
    files = [written(directory, "elements.csv", elements)]
    if links is not None:
        files.append(written(directory, "links.csv", links))
    with clock.moved_to(NOW + timedelta(hours=hour)), database.transaction() as session:
        return import_network(session, *files, actor="ann", reject_dir=directory / "rejects", **options)


def rows(*refs: str, kind: str = "cell", services: str = "voice") -> str:
    return HEADER + "".join(f"{ref},{kind},{ref.upper()},{services}\n" for ref in refs)


def changes(database: Database, **filters):
    with database.reading() as session:
        return [(one.subject, one.ref, one.change) for one in list_changes(session, **filters)]


def contents(database: Database) -> dict[str, list[str]]:
    with database.engine.connect() as connection:
        return {
            table.name: sorted(repr(row) for row in connection.execute(select(table)).all())
            for table in Base.metadata.sorted_tables
        }


def test_each_import_writes_what_it_added_changed_and_retired(database: Database, tmp_path: Path):
    load(database, tmp_path, rows("a", "b", "c"), LINKS + "a,pool,b,voice\na,pool,c,voice\n")
    (elements, links) = load(
        database,
        tmp_path,
        rows("a", "b").replace("B,voice", "Bee,voice") + "d,cell,D,data\n",
        LINKS + "a,pool,b,voice|data\na,core,d,\n",
        hour=1,
        full=True,
    )
    assert (elements.added, elements.changed, elements.unchanged, elements.details) == (1, 1, 1, {"retired": 1})
    assert (links.added, links.changed, links.unchanged, links.details) == (1, 1, 0, {"retired": 1})
    assert sorted(changes(database, version=2)) == [
        ("dependency", "a needs b (pool)", "changed"),
        ("dependency", "a needs c (pool)", "retired"),
        ("dependency", "a needs d (core)", "added"),
        ("element", "b", "changed"),
        ("element", "c", "retired"),
        ("element", "d", "added"),
    ]
    with database.reading() as session:
        (told,) = list_changes(session, ref="b", version=2)
        assert (told.before or {})["name"] == "B"
        assert (told.after or {})["name"] == "Bee"
        assert (told.after or {})["services"] == ["voice"]
        assert (told.actor, told.file, told.at) == ("ann", "elements.csv", NOW + timedelta(hours=1))
        (link,) = list_changes(session, ref="a", version=2, change="changed")
        assert (link.before or {})["services"] == ["voice"]
        assert (link.after or {})["services"] == ["voice", "data"]
        retired = get_element(session, "c")
        assert retired.valid_to == NOW + timedelta(hours=1)
        assert current_version(session, "inventory") == 2


def test_a_default_import_retires_nothing(database: Database, tmp_path: Path):
    load(database, tmp_path, rows("a", "b"), LINKS + "a,,b,\n")
    (elements, links) = load(database, tmp_path, rows("c"), LINKS, hour=1)
    assert (elements.added, dict(elements.details), links.changes) == (1, {}, 0)
    with database.reading() as session:
        assert needs_at(session, NOW + timedelta(hours=2)) == 1


def test_a_retired_element_and_dependency_come_back_and_the_gap_stays_known(database: Database, tmp_path: Path):
    both = (rows("a", "b", "c"), LINKS + "a,pool,b,\na,pool,c,\n")
    load(database, tmp_path, *both)
    load(database, tmp_path, rows("a", "b"), LINKS + "a,pool,b,\n", hour=1, full=True)
    elements, links = load(database, tmp_path, *both, hour=2, full=True)
    assert (elements.added, links.added) == (1, 1)
    assert changes(database, ref="c") == [
        ("element", "c", "added"),
        ("element", "c", "retired"),
        ("element", "c", "added"),
    ]
    again = load(database, tmp_path, *both, hour=3, full=True)
    assert [one.changes for one in again] == [0, 0]
    with database.reading() as session:
        assert get_element(session, "c").valid_to is None
        counts = [needs_at(session, NOW + timedelta(minutes=m)) for m in (30, 90, 150)]
    assert counts == [2, 1, 2]


def test_a_dependency_counts_in_incidents_that_began_while_it_was_valid(database: Database, tmp_path: Path):
    load(database, tmp_path, rows("cell", "m1", "m2"), LINKS + "cell,pool,m1,\n")
    load(database, tmp_path, rows("cell", "m1", "m2"), LINKS + "cell,pool,m1,\ncell,pool,m2,\n", hour=10, full=True)
    with database.transaction() as session:
        ids = {one.ref: one.id for one in session.scalars(select(NetworkElement))}
        for number, hour in enumerate((5, 15)):
            incident = add_incident(session, f"INC-2026-{number:05d}")
            incident.started_at = NOW + timedelta(hours=hour)
            session.add(
                Outage(
                    incident_id=incident.id,
                    element_id=ids["m1"],
                    service="voice",
                    degree="lost",
                    started_at=incident.started_at,
                )
            )
            session.flush()
            out = footprint(session, incident.id, incident.started_at + timedelta(hours=1))
            assert ((ids["cell"], "voice") in out) == (hour == 5)


def test_an_element_that_an_open_incident_names_is_not_retired_but_reported(database: Database, tmp_path: Path):
    load(database, tmp_path, rows("a", "b"))
    with database.transaction() as session:
        incident = add_incident(session)
        add_outage(session, incident, get_element(session, "b").id, 0, None, services=["voice"])
    (result,) = load(database, tmp_path, rows("a"), hour=1, full=True)
    assert [(one.ref, one.incident) for one in result.held] == [("b", incident.ref)]
    assert result.changes == 0
    dated = HEADER.strip() + ",valid_to\nb,cell,B,voice,2026-11-01T12:30:00Z\n"
    (result,) = load(database, tmp_path, dated, hour=1)
    assert (result.rejected, result.changes) == (1, 0)
    assert result.reject_file is not None
    assert f"incident {incident.ref} is open on this element" in result.reject_file.read_text()
    with database.transaction() as session:
        session.execute(update(Incident).values(status="restored"))
    (result,) = load(database, tmp_path, rows("a"), hour=2, full=True)
    assert dict(result.details) == {"retired": 1}
    assert not result.held


def test_what_is_wrong_in_a_full_file_is_not_taken_for_gone(database: Database, tmp_path: Path):
    load(database, tmp_path, rows("a", "b", "c", "d"), LINKS + "a,pool,b,\na,pool,c,\nd,,b,\n")
    elements, links = load(
        database,
        tmp_path,
        rows("a", "c") + "b,cell,B,fax\n",
        LINKS + "a,pool,b,fax\na,pool,c,\n",
        hour=1,
        full=True,
    )
    assert (dict(elements.details), elements.rejected) == ({"retired": 1}, 1)
    assert (dict(links.details), links.rejected) == ({"retired": 1}, 2)
    assert changes(database, version=2) == [("element", "d", "retired"), ("dependency", "d needs b (b)", "retired")]
    (unread,) = load(database, tmp_path, rows("a") + "short,row\n", hour=2, full=True)
    assert (unread.unread, unread.changes) == (1, 0)


def test_dates_in_the_files_are_taken_as_they_are(database: Database, tmp_path: Path):
    links = LINKS.strip() + ",valid_from,valid_to\na,,b,,2020-01-01T00:00:00Z,2021-01-01T00:00:00Z\n"
    load(database, tmp_path, rows("a", "b"), links)
    with database.reading() as session:
        assert not needs_at(session, NOW)
        assert needs_at(session, datetime(2020, 6, 1, tzinfo=UTC)) == 1
    assert [one.changes for one in load(database, tmp_path, rows("a", "b"), links, hour=1, full=True)] == [0, 0]
    backwards = LINKS.strip() + ",valid_from,valid_to\na,,b,,2021-01-01T00:00:00Z,2021-01-01T00:00:00Z\n"
    assert load(database, tmp_path, rows("a", "b"), backwards)[1].rejected == 1


def test_a_dependency_turned_round_later_is_no_cycle_but_one_at_the_same_time_is(database: Database, tmp_path: Path):
    head = LINKS.strip() + ",valid_from,valid_to\n"
    load(database, tmp_path, rows("a", "b"), head + "a,,b,,,2020-01-01T00:00:00Z\nb,,a,,2020-01-01T00:00:00Z,\n")
    with database.reading() as session:
        assert find_cycle(session) is None
    with pytest.raises(InputError, match="a -> b -> a"):
        load(database, tmp_path, rows("a", "b"), head + "a,,b,,,2020-01-01T00:00:01Z\n")


def test_a_member_that_comes_back_cannot_close_a_cycle_unseen(database: Database, tmp_path: Path):
    load(database, tmp_path, rows("a", "b", "c"), LINKS + "a,,b,\nb,,c,\n")
    load(database, tmp_path, rows("a", "c"), hour=1, full=True)
    with pytest.raises(InputError, match="a -> b -> c -> a"):
        load(database, tmp_path, rows("a", "c"), LINKS + "c,,a,\n", hour=2)
    load(database, tmp_path, rows("a", "c"), LINKS.strip() + ",valid_from\nc,,a,,2026-11-01T14:00:00Z\n", hour=2)
    with pytest.raises(InputError, match="a -> b -> c -> a"):
        load(database, tmp_path, rows("b"), hour=3)


def test_a_dry_run_shows_the_diff_and_leaves_every_table_as_it_was(database: Database, tmp_path: Path):
    load(database, tmp_path, rows("a", "b"), LINKS + "a,,b,\n")
    before = contents(database)
    files = rows("a", "c").replace("A,voice", "Ah,voice") + "d,cell,D,fax\n"
    elements, links = load(database, tmp_path, files, LINKS + "a,,c,\n", hour=1, full=True, dry_run=True)
    assert contents(database) == before
    assert not (tmp_path / "rejects" / "elements-rejected.csv").exists()
    assert (elements.added, elements.changed, dict(elements.details)) == (1, 1, {"retired": 1})
    assert (links.added, dict(links.details)) == (1, {"retired": 1})
    assert {(one.ref, one.change) for one in elements.samples} == {("a", "changed"), ("b", "retired"), ("c", "added")}
    assert elements.refused == [
        (4, "services", "fax", "unknown service 'fax'; accepted: voice|sms|data or some of them")
    ]
    with pytest.raises(InputError, match="cycle"):
        load(database, tmp_path, rows("a", "b"), LINKS + "b,,a,\n", dry_run=True)
    assert contents(database) == before


REFS = ("a", "b", "c", "d", "e")
ELEMENT_FILES = st.dictionaries(st.sampled_from(REFS), st.sampled_from(["One", "Two"]), min_size=1)
# A later letter needs earlier ones, so that there is never a cycle.
PAIRS = [(one, other) for one in REFS for other in REFS if one > other]
LINK_FILES = st.dictionaries(
    st.tuples(st.sampled_from(PAIRS), st.sampled_from(["g", "h"])), st.sampled_from(["", "voice"]), max_size=6
)
State = dict[Any, str]
STEPS = st.lists(st.tuples(ELEMENT_FILES, LINK_FILES, st.booleans(), st.booleans()), min_size=1, max_size=5)


def diff(now: State, file: State, full: bool) -> tuple[State, tuple[int, int, int]]:
    """What an import does, in plain dictionaries: key -> value of what is valid."""
    added = sum(key not in now for key in file)
    changed = sum(key in now and now[key] != value for key, value in file.items())
    retired = [key for key in now if full and key not in file]
    return {key: value for key, value in {**now, **file}.items() if key not in retired}, (added, changed, len(retired))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_imports_agree_with_dictionaries_and_an_import_again_changes_nothing(database: Database, steps):
    with database.transaction() as session:
        for model in (InventoryChange, Dependency, NetworkElement):
            session.execute(delete(model))
    elements: State = {}
    links: State = {}
    links_ever = False
    seen: list[State] = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for hour, (element_file, wanted, full, dry) in enumerate(steps):
            link_file = {key: value for key, value in wanted.items() if {*key[0]} <= {*element_file}}
            files = (
                HEADER + "".join(f"{ref},cell,{value},voice\n" for ref, value in element_file.items()),
                LINKS + "".join(f"{a},{group},{b},{value}\n" for ((a, b), group), value in link_file.items()),
            )
            if full and links_ever and not link_file:
                before = contents(database)
                with pytest.raises(InputError, match="would retire everything"):
                    load(database, directory, *files, hour=hour, full=full)
                assert contents(database) == before
                seen.append(links)
                continue
            links_ever = links_ever or bool(link_file)
            next_elements, element_counts = diff(elements, element_file, full)
            next_links, link_counts = diff(links, link_file, full)
            if dry:
                before = contents(database)
                told = load(database, directory, *files, hour=hour, full=full, dry_run=True)
                assert contents(database) == before
                assert [_counted(one) for one in told] == [element_counts, link_counts]
            results = load(database, directory, *files, hour=hour, full=full)
            assert [_counted(one) for one in results] == [element_counts, link_counts]
            elements, links = next_elements, next_links
            again = load(database, directory, *files, hour=hour, full=full)
            assert [one.changes for one in again] == [0, 0]
            assert _valid(database, NOW + timedelta(hours=hour)) == (elements, links)
            seen.append(links)
        # With full imports alone every state since the first dependencies stays known.
        if seen[0] and all(full for _, _, full, _ in steps):
            for hour, links in enumerate(seen):
                assert _valid(database, NOW + timedelta(hours=hour, minutes=30))[1] == links


def _counted(result) -> tuple[int, int, int]:
    return result.added, result.changed, result.details.get("retired", 0)


def _valid(database: Database, at: datetime) -> tuple[State, State]:
    def is_valid(one) -> bool:
        return (one.valid_from is None or one.valid_from <= at) and (one.valid_to is None or one.valid_to > at)

    with database.reading() as session:
        valid = list(filter(is_valid, session.scalars(select(NetworkElement))))
        refs = {one.id: one.ref for one in session.scalars(select(NetworkElement))}
        links = list(filter(is_valid, session.scalars(select(Dependency))))
        keys = [((refs[one.element_id], refs[one.member_id]), one.group) for one in links]
        assert len(set(keys)) == len(keys)
        return (
            {one.ref: one.name for one in valid},
            {key: "|".join(one.services or []) for key, one in zip(keys, links, strict=True)},
        )


def test_twenty_thousand_elements_load_and_are_compared(database: Database, tmp_path: Path):
    count, pick = 20_000, random.Random(7)
    cells = [f"c{number},cell,Cell {number},voice|data,{pick.uniform(50, 58):.5f},0.5" for number in range(count)]
    core = [f"hlr-{number},hlr,HLR,voice|data,," for number in range(4)]
    header = "ref,kind,name,services,latitude,longitude"
    links = [f"c{number},hlr,hlr-{number % 4}," for number in range(count)]
    first = ("\n".join([header, *core, *cells, ""]), LINKS + "\n".join([*links, ""]))
    cells[5] = cells[5].replace("Cell 5", "Cell five")
    second = ("\n".join([header, *core, *cells[:-10], ""]), LINKS + "\n".join([*links[:-10], ""]))
    for hour, files in enumerate((first, second)):
        results = load(database, tmp_path, *files, hour=hour, full=True)
    assert [_counted(one) for one in results] == [(0, 1, 10), (0, 0, 10)]
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(InventoryChange)) == 2 * count + 4 + 21


def test_history_values_are_plain_json(database: Database, tmp_path: Path):
    header = "ref,kind,name,services,latitude,longitude,valid_from\n"
    load(database, tmp_path, header + '"o\'k ""x""",cell,Ä,voice|data,51.5,-0.25,2020-01-01T00:00:00Z\n')
    with database.reading() as session:
        (told,) = list_changes(session)
        assert told.before is None
        assert json.loads(json.dumps(told.after)) == {
            "ref": 'o\'k "x"',
            "kind": "cell",
            "name": "Ä",
            "site": None,
            "radio": None,
            "latitude": 51.5,
            "longitude": -0.25,
            "area": None,
            "services": ["voice", "data"],
            "valid_from": 1577836800,
            "valid_to": None,
        }


def test_rejects_of_a_real_run_stand_in_the_reject_file(database: Database, tmp_path: Path):
    (result,) = load(database, tmp_path, rows("a") + "b,cell,B,fax\n")
    assert result.reject_file is not None
    with result.reject_file.open(encoding="utf-8") as file:
        assert [row["line"] for row in csv.DictReader(file)] == ["3"]


def test_a_dependency_is_retired_by_a_row_that_says_so_and_comes_back_when_it_is_named_again(
    database: Database, tmp_path: Path
) -> None:
    marked = "element,group,member,services,retired\n"
    load(database, tmp_path, rows("a", "b", "c"), LINKS + "a,g,b,\na,g,c,\n")
    (_, said) = load(database, tmp_path, rows("a"), marked + "a,g,b,voice,yes\n", hour=1)
    assert (said.read, said.changed, said.details, said.rejected) == (1, 0, {"retired": 1}, 0)
    (_, again) = load(database, tmp_path, rows("a"), marked + "a,g,b,,yes\n", hour=2)
    assert (again.unchanged, again.changes) == (1, 0)
    with database.reading() as session:
        assert [needs_at(session, NOW + timedelta(minutes=m)) for m in (30, 90)] == [2, 1]
        (row,) = list_changes(session, change="retired")
        assert (row.ref, (row.before or {})["services"], (row.after or {})["services"]) == ("a needs b (g)", None, None)
    (_, back) = load(database, tmp_path, rows("a"), marked + "a,g,b,,no\na,g,c,,\n", hour=3)
    assert (back.added, back.unchanged) == (1, 1)
    with database.reading() as session:
        assert [needs_at(session, NOW + timedelta(minutes=m)) for m in (30, 90, 200)] == [2, 1, 2]


def test_what_is_not_there_cannot_be_retired(database: Database, tmp_path: Path) -> None:
    marked = "element,group,member,retired\n"
    load(database, tmp_path, rows("a", "b", "c"), LINKS + "a,g,b,\n")
    (_, said) = load(database, tmp_path, rows("a"), marked + "a,h,b,yes\na,g,c,perhaps\n", hour=1)
    assert (said.read, said.rejected, said.changes) == (2, 2, 0)
    assert said.reject_file is not None
    reasons = said.reject_file.read_text(encoding="utf-8")
    assert "there is no such dependency to retire" in reasons
    assert "yes or no" in reasons
