"""Public data as a sample operator: real cells and tariffs; what they lack is assigned by a seeded rule and said."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random

from foundation.errors import InputError
from outage.samples.files import (
    DEPENDENCY_COLUMNS,
    ELEMENT_COLUMNS,
    HLR,
    OTHER_HLR,
    SHARE_BEHIND_HLR,
    SIGHTING_COLUMNS,
    SUBSCRIBER_COLUMNS,
    SampleFiles,
    core_rows,
    imsi,
    msisdn,
    pool_rows,
    sighting,
    write_csv,
)

CELL_COLUMNS = ("radio", "cell_key", "lat", "lon", "site_name")
CUSTOMER_COLUMNS = ("customerID", "MonthlyCharges", "Contract")
SERVICES = {"2G": "voice|sms", "3G": "voice|sms|data", "4G": "data", "5G": "data"}
_POSTCODE_AREA = re.compile(r"\[([A-Z]{1,2})\d")


def write_public(cells: Path, customers: Path, directory: Path, *, seed: int, started_at: datetime) -> SampleFiles:
    """Write the four files from a list of cells and a list of tariffs (columns: CELL_COLUMNS, CUSTOMER_COLUMNS).

    Every customer becomes a pay-monthly consumer line of O2 whose whole monthly charge is the service fee; numbers,
    IMSIs, cells, and which third sits behind HLR-1 follow from the seed. Raises InputError naming file and column.
    """
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    files = SampleFiles.under(
        directory,
        assigned=(
            "cells, places and monthly charges are as in the files; numbers, IMSIs, the cell each line was seen on, "
            f"the third behind {HLR}, the brand O2 and pay monthly for all are assigned by a rule with seed {seed}"
        ),
    )
    refs = _write_network(files, cells)
    numbers = [number for number, _ in enumerate(_rows(customers, CUSTOMER_COLUMNS))]
    write_csv(files.subscribers, SUBSCRIBER_COLUMNS, _lines(customers, random))
    seen = (sighting(random, msisdn(number), random.choice(refs), started_at) for number in numbers)
    write_csv(files.sightings, SIGHTING_COLUMNS, seen)
    return files


def _write_network(files: SampleFiles, cells: Path) -> list[str]:
    elements, dependencies = core_rows(), []
    sites: dict[str, str] = {}
    refs: list[str] = []
    for row in _rows(cells, CELL_COLUMNS):
        area = _POSTCODE_AREA.search(row["site_name"])
        place = (row["lat"], row["lon"], area[1] if area else "")
        if row["site_name"] not in sites:
            sites[row["site_name"]] = f"site-{len(sites) + 1:05d}"
            name = row["site_name"][:256]
            elements.append((sites[row["site_name"]], "site", name, "", "", *place, "voice|sms|data"))
        site, services = sites[row["site_name"]], SERVICES.get(row["radio"], "data")
        elements.append((row["cell_key"], "cell", row["cell_key"], site, row["radio"], *place, services))
        dependencies.append((row["cell_key"], "site", site, ""))
        dependencies += pool_rows(row["cell_key"], services)
        refs.append(row["cell_key"])
    write_csv(files.elements, ELEMENT_COLUMNS, elements)
    write_csv(files.dependencies, DEPENDENCY_COLUMNS, dependencies)
    return refs


def _lines(customers: Path, random: Random) -> Iterator[tuple[object, ...]]:
    for number, row in enumerate(_rows(customers, CUSTOMER_COLUMNS)):
        hlr = HLR if random.random() < SHARE_BEHIND_HLR else OTHER_HLR
        fee = row["MonthlyCharges"]
        yield (
            msisdn(number),
            imsi(number),
            row["customerID"],
            f"Customer {row['customerID']}",
            "",
            "GBP",
            row["Contract"],
            "postpaid",
            "consumer",
            "O2",
            "en",
            "Europe/London",
            "active",
            fee,
            fee,
            fee,
            "0",
            "",
            "",
            hlr,
        )


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError("a column is missing", where=str(path), value=missing, accepted=", ".join(columns))
            yield from reader
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except (UnicodeDecodeError, csv.Error):
        raise InputError("not a CSV file in UTF-8", where=str(path), accepted=", ".join(columns)) from None
