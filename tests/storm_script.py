"""What a storm did, worked out from CSV files alone: no module of the product, no database, no bulk engine."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

SERVICES = ("voice", "sms", "data")
Spans = list[tuple[int, int]]
_COUNTRIES = ("England", "Wales", "Scotland", "Northern Ireland")


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def area_of(address: str) -> str:
    """The county, or what stands for one, of a site's address; empty where it names no country."""
    parts = [part.strip() for part in re.sub(r"\[.*\]", "", address).split(",")]
    places = [parts.index(country) for country in _COUNTRIES if country in parts]
    return parts[places[0] - 1] if places and places[0] else ""


def carried(radio: str) -> tuple[str, ...]:
    """The services of a cell: the oldest radio has no data worth the name."""
    return ("voice", "sms") if radio == "2G" else SERVICES


class Storm:
    """The figures of a storm up to an instant; all times in Unix seconds.

    `cells`: the operator's file. `stages`: address, services (|), lost_at, restored_at per stage of a site. `lines`:
    msisdn, home_area. `sightings`: msisdn, cell, seen_at.
    """

    def __init__(
        self, cells: Path, stages: Path, lines: Path, sightings: Path, *, as_of: int, hold: int, share: Fraction
    ) -> None:
        self._cells = {row["cell_key"]: row for row in read_rows(cells)}
        self._hold, self._share = hold, share
        at_site = defaultdict(list)
        for key, row in self._cells.items():
            at_site[row["site_name"]].append(key)
        self.at_site = dict(at_site)
        lost: defaultdict[tuple[str, str], Spans] = defaultdict(list)
        for stage in read_rows(stages):
            start = _unix(stage["lost_at"])
            end = min(_unix(stage["restored_at"]) if stage["restored_at"] else as_of, as_of)
            if start < end:
                for key in self.at_site[stage["address"]]:
                    for service in set(stage["services"].split("|")) & set(carried(self._cells[key]["radio"])):
                        lost[key, service].append((start, end))
        self.lost = {key: sorted(spans) for key, spans in lost.items()}
        self._moments: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        for row in read_rows(sightings):
            self._moments[row["msisdn"]].append((_unix(row["seen_at"]), row["cell"]))
        self.lines = {row["msisdn"]: found for row in read_rows(lines) if (found := self._line(row))}

    def cells_out(self, at: int) -> set[str]:
        """The cells that are without at least one service at an instant."""
        return {key for (key, _), spans in self.lost.items() if _within(spans, at)}

    def sites_out(self, at: int) -> int:
        """How many sites have no whole cell at an instant."""
        out = self.cells_out(at)
        return sum(set(keys) <= out for keys in self.at_site.values())

    def cells_ever(self) -> set[str]:
        """The cells that were out at any time."""
        return {key for key, _ in self.lost}

    def user_seconds(self) -> int:
        """Seconds without at least one service, of all lines together."""
        return sum(
            sum(end - start for start, end in united(span for spans in services.values() for span in spans))
            for _, services in self.lines.values()
        )

    def lines_out(self, at: int) -> int:
        """How many lines are without at least one service at an instant."""
        return sum(any(_within(spans, at) for spans in services.values()) for _, services in self.lines.values())

    def _line(self, row: dict[str, str]) -> tuple[str, dict[str, Spans]] | None:
        moments = sorted(self._moments[row["msisdn"]])
        seen = self._present(moments)
        if seen:
            return "present", seen
        at_home = self._at_home(row["home_area"], moments) if row["home_area"] else {}
        return ("home_area", at_home) if at_home else None

    def _present(self, moments: list[tuple[int, str]]) -> dict[str, Spans]:
        found: dict[str, Spans] = {}
        for place, (moment, cell) in enumerate(moments):
            until = moments[place + 1][0] if place + 1 < len(moments) else 1 << 60
            for service in SERVICES:
                for start, end in self.lost.get((cell, service), ()):
                    if moment >= start - self._hold and max(start, moment) < min(end, until):
                        found.setdefault(service, []).append((max(start, moment), min(end, until)))
        return {service: united(spans) for service, spans in found.items()}

    def _at_home(self, area: str, moments: list[tuple[int, str]]) -> dict[str, Spans]:
        cells = [key for key, row in self._cells.items() if area_of(row["site_name"]) == area]
        edges = sorted(
            {edge for key in cells for one in SERVICES for span in self.lost.get((key, one), ()) for edge in span}
        )
        found: dict[str, Spans] = {}
        for service in SERVICES:
            spans = [
                (start, end)
                for start, end in pairwise(edges)
                if Fraction(sum(_within(self.lost.get((key, service), []), start) for key in cells), len(cells))
                >= self._share
            ]
            if spans:
                found[service] = united(spans)
        every = [edge for spans in found.values() for span in spans for edge in span]
        ever = self.cells_ever()
        if not every or any(
            min(every) - self._hold <= moment < max(every) and cell not in ever for moment, cell in moments
        ):
            return {}
        return found


def united(spans: Iterable[tuple[int, int]]) -> Spans:
    """Spans in order, what overlaps or touches as one."""
    merged: Spans = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _within(spans: Iterable[tuple[int, int]], at: int) -> bool:
    return any(start <= at < end for start, end in spans)


def _unix(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())
