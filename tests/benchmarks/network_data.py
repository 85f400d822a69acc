"""A national network for benchmarks: cells at sites, sites behind routers, all behind one register and a pool."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from foundation.bulk import insert_rows
from foundation.db import Base, Database
from foundation.snapshots import SnapshotStore
from outage.network.inventory import raise_version
from tests.benchmarks import impact_data as data

CELLS = int(os.environ.get("OUTAGE_BENCH_CELLS", "10000"))
"""How many cells; the figures in docs/benchmarks.md say their own."""

PER_SITE = 5
SITES = CELLS // PER_SITE
REGISTER = "hlr-1"
_ROUTERS, _AREAS = 50, 120
_FIRST_ROUTER, _FIRST_SITE, _FIRST_CELL = 10, 1_000, 1_000_000
_ALL = '["voice","sms","data"]'
_ELEMENT_COLUMNS = ("id", "ref", "kind", "name", "site", "radio", "latitude", "longitude", "area", "services")
_LINK_COLUMNS = ("id", "element_id", "group", "member_id", "services")


def _elements() -> Iterator[tuple[Any, ...]]:
    yield (data.HLR, REGISTER, "hlr", "HLR", None, None, None, None, None, "[]")
    for number in (2, 3):
        yield (number, f"amf-{number}", "amf", "AMF", None, None, None, None, None, "[]")
    for number in range(_ROUTERS):
        yield (_FIRST_ROUTER + number, f"router-{number}", "router", "Router", None, None, None, None, None, "[]")
    for number in range(SITES):
        place = _place(number)
        yield (_FIRST_SITE + number, site_ref(number), "site", f"Site {number}", None, None, *place, "[]")
    for number in range(CELLS):
        site = number // PER_SITE
        radio = ("2G", "4G", "5G")[number % 3]
        yield (_FIRST_CELL + number, f"cell-{number}", "cell", "Cell", site_ref(site), radio, *_place(site), _ALL)


def _place(site: int) -> tuple[float, float, str]:
    return 51 + site % 997 / 500, -3 + site % 991 / 300, f"area-{site % _AREAS}"


def _links() -> Iterator[tuple[Any, ...]]:
    for number in range(CELLS):
        yield (_FIRST_CELL + number, "site", _FIRST_SITE + number // PER_SITE, None)
        yield (_FIRST_CELL + number, "register", data.HLR, None)
        if number % 3 == 2:
            yield (_FIRST_CELL + number, "pool", 2, '["data"]')
            yield (_FIRST_CELL + number, "pool", 3, '["data"]')
    for number in range(SITES):
        yield (_FIRST_SITE + number, "router", _FIRST_ROUTER + number % _ROUTERS, None)


def site_ref(number: int) -> str:
    """The reference of a site."""
    return f"site-{number}"


def fill_network(database: Database, store: SnapshotStore, lines: int) -> None:
    """The network, and the lines behind its register, written straight into the records."""
    tables = Base.metadata.tables
    with database.transaction() as session:
        connection = session.connection()
        insert_rows(connection, tables["network_elements"], _ELEMENT_COLUMNS, [_elements()])
        insert_rows(
            connection,
            tables["dependencies"],
            _LINK_COLUMNS,
            [((number, *link) for number, link in enumerate(_links(), 1))],
        )
        accounts, subscribers = data.accounts_sql(lines), data.lines_sql(lines)
        insert_rows(connection, tables["accounts"], data.ACCOUNT_COLUMNS, data.stored_rows(store, accounts))
        insert_rows(connection, tables["subscribers"], data.LINE_COLUMNS, data.stored_rows(store, subscribers))
        raise_version(session, "base")
        raise_version(session, "inventory")
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")
