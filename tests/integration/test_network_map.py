"""The network that a process keeps is the network that the records hold, whoever changes it, on both databases."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from foundation import clock
from foundation.db import Database
from outage.incidents.incidents import OutageStart, open_incident, restore_elements
from outage.lifecycle import CauseClass, Severity
from outage.models import Dependency, NetworkElement
from outage.network.footprint import footprint
from outage.network.importing import import_network
from outage.network.inventory import inventory_stamp
from outage.network.map import NetworkMap, network_at
from outage.network.turns import turns_between
from tests import impact_worlds as worlds

NOW = worlds.START


def at(database: Database, minute: int = 0) -> NetworkMap:
    with database.reading() as session:
        return network_at(session, worlds.at(minute))


def needs(found: NetworkMap) -> set[tuple[int, int]]:
    return {(element, member) for element, _, members in found.network.groups for member, _ in members}


@pytest.fixture
def network(database: Database) -> Database:
    with database.transaction() as session:
        worlds.add_elements(session, 1, 2, 3)
        worlds.add_dependency(session, 2, "g", 1)
    return database


def test_what_was_read_is_kept_until_the_inventory_changes(network: Database):
    first = at(network)
    assert needs(first) == {(2, 1)}
    assert at(network) is first
    with network.transaction() as session:
        worlds.add_dependency(session, 3, "g", 2)
    assert needs(at(network)) == {(2, 1), (3, 2)}


def test_a_change_that_was_rolled_back_leaves_no_trace(network: Database):
    first = at(network)

    def change_and_fail() -> None:
        with network.transaction() as session:
            worlds.add_dependency(session, 3, "g", 1)
            assert needs(network_at(session, NOW)) == {(2, 1), (3, 1)}
            raise ConnectionError("power cut")

    with pytest.raises(ConnectionError):
        change_and_fail()
    assert needs(at(network)) == needs(first)
    with network.transaction() as session:
        # The version that was rolled back is given again, with other contents.
        worlds.add_dependency(session, 3, "g", 2)
    assert needs(at(network)) == {(2, 1), (3, 2)}


def test_each_stretch_of_time_has_its_own_network(network: Database):
    with network.transaction() as session:
        session.get_one(NetworkElement, 1).valid_to = worlds.at(60)
        session.get_one(NetworkElement, 3).valid_from = worlds.at(30)
        worlds.add_dependency(session, 3, "g", 1)
    found = {minute: at(network, minute) for minute in (0, 29, 30, 59, 60, 100)}
    assert [needs(one) for one in found.values()] == [
        {(2, 1)},
        {(2, 1)},
        {(2, 1), (3, 1)},
        {(2, 1), (3, 1)},
        set(),
        set(),
    ]
    assert [sorted(one.retired) for one in found.values()] == [[3], [3], [], [], [1], [1]]
    assert at(network, 100) is found[60]


def test_only_what_changes_above_the_failed_elements_is_a_turn(network: Database):
    with network.transaction() as session:

        def turns(*failed: int, until: int = 60) -> list[int]:
            session.flush()
            found = turns_between(session, failed, worlds.seconds(0), worlds.seconds(until))
            return [(turn - worlds.seconds(0)) // 60 for turn in found]

        assert turns(1) == []
        session.get_one(NetworkElement, 3).valid_from = worlds.at(30)
        assert turns(1) == []
        # A second member of the group above a failed one.
        worlds.add_dependency(session, 2, "g", 3)
        assert turns(1) == [30]
        session.scalars(select(Dependency).where(Dependency.member_id == 1)).one().valid_to = worlds.at(40)
        assert turns(1) == [30, 40]
        assert (turns(1, until=40), turns(1, until=30), turns(2)) == ([30], [], [30, 40])


def test_the_same_inventory_in_another_database_is_another(
    network: Database, tmp_path: Path, sqlite_database: Database
):
    with sqlite_database.transaction() as session:
        worlds.add_elements(session, 1, 2, 3)
        worlds.add_dependency(session, 3, "g", 1)
    assert needs(at(network)) == {(2, 1)}
    assert needs(at(sqlite_database)) == {(3, 1)}


def test_an_import_is_seen_by_the_next_footprint(database: Database, tmp_path: Path):
    elements, links = tmp_path / "elements.csv", tmp_path / "links.csv"

    def load(text: str) -> None:
        elements.write_text("ref,kind,name,services\na,mme,A,data\nb,cell,B,data\n", encoding="utf-8")
        links.write_text("element,member,retired\n" + text, encoding="utf-8")
        with database.transaction() as session:
            import_network(session, elements, links, actor="ann", reject_dir=tmp_path)

    def lost() -> set[str]:
        with database.reading() as session:
            refs = network_at(session, clock.now()).refs
            return {refs[key] for key, _ in footprint(session, 1, clock.now() + timedelta(minutes=1))}

    load("b,a,\n")
    with database.transaction() as session:
        stamp = inventory_stamp(session)
        incident = open_incident(
            session,
            title="x",
            severity=Severity.MAJOR,
            cause_class=CauseClass.POWER,
            started_at=clock.now(),
            outages=[OutageStart("a")],
            actor="nina",
        )
    assert lost() == {"a", "b"}
    with database.transaction() as session:
        kept = session.merge(incident)
        # At its start, however long the import took.
        restore_elements(session, kept, ["a"], at=kept.started_at, actor="nina")
    assert lost() == set()
    with clock.moved_to(clock.now() + timedelta(hours=1)):
        load("b,a,yes\n")
    with database.reading() as session:
        assert inventory_stamp(session) != stamp
        assert needs(network_at(session, clock.now() + timedelta(hours=2))) == set()
