"""The files of a sample operator, and how its rows are written in the importers' own columns."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from foundation import clock

ELEMENT_COLUMNS = ("ref", "kind", "name", "site", "radio", "latitude", "longitude", "area", "services")
DEPENDENCY_COLUMNS = ("element", "group", "member", "services")
SUBSCRIBER_COLUMNS = (
    "msisdn",
    "imsi",
    "account",
    "account_name",
    "account_parent",
    "currency",
    "plan",
    "payment_type",
    "segment",
    "brand",
    "language",
    "zone",
    "status",
    "fee_list",
    "fee_discounted",
    "fee_service",
    "fee_device",
    "contract_started_on",
    "contract_ended_on",
    "served_by",
)
SIGHTING_COLUMNS = ("msisdn", "cell", "seen_at")
HLR, OTHER_HLR = "hlr-1", "hlr-2"
# About a third of the base sat behind the register that failed (O2 via the Standard, July 2012).
SHARE_BEHIND_HLR = 1 / 3


@dataclass(frozen=True)
class SampleFiles:
    """The four CSV files of a sample operator, and what was assigned by rule rather than found in a source."""

    elements: Path
    dependencies: Path
    subscribers: Path
    sightings: Path
    assigned: str

    @classmethod
    def under(cls, directory: Path, *, assigned: str) -> SampleFiles:
        """The files of a directory, which is made when it is not there."""
        directory.mkdir(parents=True, exist_ok=True)
        return cls(
            elements=directory / "elements.csv",
            dependencies=directory / "dependencies.csv",
            subscribers=directory / "subscribers.csv",
            sightings=directory / "sightings.csv",
            assigned=assigned,
        )


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write rows under a header; returns how many."""
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            writer.writerow(row)
            count += 1
    return count


def core_rows() -> list[tuple[object, ...]]:
    """Core elements: no place, no cell; two registers, an MME pool, a pair of MSCs."""
    every = "voice|sms|data"
    core = [
        (HLR, "hlr", "Home location register 1", every),
        (OTHER_HLR, "hlr", "Home location register 2", every),
        ("mme-1", "mme", "MME pool member 1", "data"),
        ("mme-2", "mme", "MME pool member 2", "data"),
        ("mme-3", "mme", "MME pool member 3", "data"),
        ("msc-1", "msc", "Mobile switching centre 1", "voice|sms"),
        ("msc-2", "msc", "Mobile switching centre 2", "voice|sms"),
    ]
    return [(ref, kind, name, "", "", "", "", "", services) for ref, kind, name, services in core]


def pool_rows(cell: str, services: str) -> list[tuple[str, str, str, str]]:
    """A cell loses data only when the whole MME pool does, calls and texts only when both MSCs do."""
    rows = []
    if "data" in services:
        rows += [(cell, "mme-pool", f"mme-{number}", "data") for number in (1, 2, 3)]
    if "voice" in services:
        rows += [(cell, "msc-pair", f"msc-{number}", "voice|sms") for number in (1, 2)]
    return rows


def msisdn(number: int) -> str:
    """The n-th sample number: a valid British mobile number by shape, assigned to nobody by us."""
    return f"+4475{number:08d}"


def imsi(number: int) -> str:
    """The n-th sample IMSI under 234-10."""
    return f"23410{number:010d}"


def sighting(random: Random, number: str, cell: str, before: datetime) -> tuple[str, str, str]:
    """A sighting of a line on a cell within the two hours before an instant."""
    seen_at = before - timedelta(seconds=random.randrange(7200))
    return number, cell, clock.from_unix(clock.to_unix(seen_at)).isoformat()
