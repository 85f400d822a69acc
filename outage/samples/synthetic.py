"""A synthetic operator: towns, sites, cells, a core with redundancy, customers; the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import cos, radians
from pathlib import Path
from random import Random

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

# Town, latitude, longitude, share of sites.
TOWNS = (
    ("London", 51.507, -0.128, 30),
    ("Birmingham", 52.480, -1.900, 10),
    ("Manchester", 53.480, -2.240, 10),
    ("Glasgow", 55.861, -4.250, 8),
    ("Leeds", 53.800, -1.550, 8),
    ("Bristol", 51.455, -2.590, 7),
    ("Cardiff", 51.480, -3.180, 6),
    ("Slough", 51.510, -0.590, 5),
    ("Newcastle", 54.978, -1.610, 5),
    ("Norwich", 52.630, 1.297, 4),
    ("Exeter", 50.722, -3.530, 4),
    ("Inverness", 57.478, -4.224, 3),
)
SECTORS = (("4G", "data"), ("3G", "voice|sms|data"), ("2G", "voice|sms"))
LINES_PER_SITE = 80
STORM_TOWN = "Slough"
ACCOUNT_SIZES = (1, 2, 3, 4, 5, 12)
ACCOUNT_WEIGHTS = (62, 20, 9, 5, 3, 1)
BRANDS, BRAND_WEIGHTS = ("O2", "Tesco Mobile", "giffgaff"), (84, 11, 5)
LANGUAGES, LANGUAGE_WEIGHTS = ("en", "es", "de"), (94, 3, 3)


@dataclass(frozen=True)
class Plan:
    """A tariff: monthly fees in pence; the service part is what the customer pays without the device."""

    name: str
    payment_type: str
    listed: int
    discount: int
    device: int

    @property
    def fees(self) -> tuple[str, str, str, str]:
        """List, discounted, service and device fee in pounds, as the importer takes them."""
        discounted = self.listed - self.discount
        return _pounds(self.listed), _pounds(discounted), _pounds(discounted - self.device), _pounds(self.device)


def _pounds(pence: int) -> str:
    return f"{pence // 100}.{pence % 100:02d}"


PLANS = {
    "O2": (
        Plan("On & On 26", "postpaid", 2600, 0, 600),
        Plan("On & On 36", "postpaid", 3600, 358, 1200),
        Plan("Simplicity 13", "postpaid", 1300, 0, 0),
        Plan("Simplicity 20", "postpaid", 2042, 0, 0),
        Plan("Business 30", "postpaid", 3000, 300, 0),
        Plan("Pay & Go", "prepaid", 0, 0, 0),
    ),
    "Tesco Mobile": (Plan("Tesco 20", "postpaid", 2000, 0, 500), Plan("Tesco PAYG", "prepaid", 0, 0, 0)),
    "giffgaff": (Plan("goodybag 10", "prepaid", 1000, 0, 0),),
}


def write_synthetic(directory: Path, *, subscribers: int, seed: int, started_at: datetime) -> SampleFiles:
    """Write the four files of an operator with that many lines; sightings lie within two hours before `started_at`."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    assigned = f"everything here is made up by a rule with seed {seed}; no person, number or place is real"
    files = SampleFiles.under(directory, assigned=assigned)
    cells = _write_network(files, random, sites=max(60, min(4000, subscribers // LINES_PER_SITE)))
    lines = _lines(random, subscribers)
    write_csv(files.subscribers, SUBSCRIBER_COLUMNS, lines)
    refs = [ref for ref, _ in cells]
    seen = (sighting(random, msisdn(number), random.choice(refs), started_at) for number in range(subscribers))
    write_csv(files.sightings, SIGHTING_COLUMNS, seen)
    return files


def _write_network(files: SampleFiles, random: Random, sites: int) -> list[tuple[str, str]]:
    elements, dependencies, cells = core_rows(), [], []
    weights = [town[3] for town in TOWNS]
    for number in range(1, sites + 1):
        # The town of the storm is always there, however small the network.
        town = TOWNS[7] if number <= 2 else random.choices(TOWNS, weights)[0]
        name, latitude, longitude, _ = town
        site = f"site-{number:04d}"
        lat = round(latitude + random.gauss(0, 0.06), 5)
        lon = round(longitude + random.gauss(0, 0.06 / cos(radians(latitude))), 5)
        elements.append((site, "site", f"{name} {number}", "", "", lat, lon, name, "voice|sms|data"))
        for radio, services in SECTORS:
            cell = f"{site}-{radio.lower()}"
            elements.append((cell, "cell", f"{name} {number} {radio}", site, radio, lat, lon, name, services))
            cells.append((cell, name))
            dependencies.append((cell, "site", site, ""))
            dependencies += pool_rows(cell, services)
    write_csv(files.elements, ELEMENT_COLUMNS, elements)
    write_csv(files.dependencies, DEPENDENCY_COLUMNS, dependencies)
    return cells


def _lines(random: Random, subscribers: int) -> Iterator[tuple[object, ...]]:
    number = account = 0
    while number < subscribers:
        account += 1
        size = min(random.choices(ACCOUNT_SIZES, ACCOUNT_WEIGHTS)[0], subscribers - number)
        brand = random.choices(BRANDS, BRAND_WEIGHTS)[0]
        language = random.choices(LANGUAGES, LANGUAGE_WEIGHTS)[0]
        segment = "business" if brand == "O2" and (size > 5 or random.random() < 0.06) else "consumer"
        for _ in range(size):
            yield _line(random, number, account, brand, language, segment)
            number += 1


def _line(random: Random, number: int, account: int, brand: str, language: str, segment: str) -> tuple[object, ...]:
    plans = [plan for plan in PLANS[brand] if (plan.name == "Business 30") == (segment == "business" and brand == "O2")]
    plan = random.choice(plans)
    hlr = HLR if random.random() < SHARE_BEHIND_HLR else OTHER_HLR
    started_on = date(2012, 7, 1) - timedelta(days=random.randrange(1500))
    return (
        msisdn(number),
        imsi(number),
        f"A{account:08d}",
        f"Account {account}",
        "",
        "GBP",
        plan.name,
        plan.payment_type,
        segment,
        brand,
        language,
        "Europe/London",
        "active",
        *plan.fees,
        started_on.isoformat(),
        "",
        hlr,
    )
