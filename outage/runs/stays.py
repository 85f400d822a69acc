"""Where lines were while service was lost there: their sightings and visits, cut with the losses, in flat arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from outage.runs.flat import Flags, Integers, begins, in_order, run_lengths, spread

_NOWHERE = -1
"""Stands for an element that lost nothing; for the end of what was not ended."""
_AFTER_ALL = 2**62
"""Is behind the key of any moment, and far enough from the highest number that a time may be added to it."""
NO_AGE = -1
"""The age of what does not rest on a sighting."""


@dataclass(frozen=True)
class Rows:
    """What is known of some lines, as columns of one length; times in Unix seconds.

    Of a sighting `started_at` is when the line was seen, and `ended_at` is None.
    """

    line_ids: Integers
    element_ids: Integers
    started_at: Integers
    ended_at: Integers | None = None

    def only(self, wanted: Flags) -> Rows:
        """Some of the rows."""
        if wanted.all():
            return self
        ended_at = None if self.ended_at is None else self.ended_at[wanted]
        return Rows(self.line_ids[wanted], self.element_ids[wanted], self.started_at[wanted], ended_at)


@dataclass(frozen=True)
class Losses:
    """What lines lost, an interval per row, which may overlap: of which line, which bundle of services, and from when
    to when; `age`: how many seconds old the sighting was that it rests on, when service was lost."""

    line_ids: Integers
    bundles: Integers
    started_at: Integers
    ended_at: Integers
    age: Integers

    def __len__(self) -> int:
        return len(self.line_ids)

    @classmethod
    def of_all(cls, parts: Sequence[Losses]) -> Losses:
        """All of these, one after the other."""
        return cls(*(np.concatenate(columns) for columns in zip(*(part._columns() for part in parts), strict=True)))

    def and_also(self, other: Losses) -> Losses:
        """These and others."""
        return Losses.of_all([self, other])

    @classmethod
    def without_age(cls, line_ids: Integers, bundles: Integers, started_at: Integers, ended_at: Integers) -> Losses:
        """Losses that do not rest on sightings."""
        return cls(line_ids, bundles, started_at, ended_at, np.full(len(line_ids), NO_AGE, np.int64))

    def of_lines_in(self, others: Losses) -> Losses:
        """Those of lines that have some of the others too."""
        return self.taken(np.flatnonzero(np.isin(self.line_ids, others.line_ids)))

    def taken(self, rows: Integers) -> Losses:
        """Some of the rows, in the order that they are named."""
        return Losses(*(column[rows] for column in self._columns()))

    def _columns(self) -> tuple[Integers, ...]:
        return self.line_ids, self.bundles, self.started_at, self.ended_at, self.age


class Lost:
    """When elements were without which bundles of services: `rows` of element, bundle, start and end."""

    def __init__(self, rows: Iterable[tuple[int, int, int, int]]) -> None:
        table = np.array(sorted(rows), np.int64).reshape(-1, 4)
        elements, self.bundles, self.started_at, self.ended_at = (np.ascontiguousarray(one) for one in table.T)
        self._firsts = np.flatnonzero(begins(elements)) if len(table) else np.zeros(0, np.int64)
        self._lengths = run_lengths(self._firsts, len(table))
        known = elements[self._firsts]
        self._low = int(known.min(initial=0))
        # Elements are numbered by the records, one after the other, so that a place for each number is not much.
        self._places = np.full(int(known.max(initial=0)) - self._low + 2, _NOWHERE, np.int64)
        self._places[known - self._low] = np.arange(len(known))

    def places_of(self, element_ids: Integers) -> Integers:
        """For each element its place among those that lost any service; -1 for the others."""
        # The last place is nobody's; a number below the lowest, read without its sign, is above all others.
        numbers = (element_ids - self._low).view(np.uint64)
        return self._places[np.minimum(numbers, np.uint64(len(self._places) - 1))]

    def expanded(self, places: Integers) -> tuple[Integers | slice, Integers]:
        """Everything that the elements at these places lost: the row of `places` it belongs to, and its own row."""
        lengths = self._lengths[places]
        if (lengths == 1).all():
            return slice(None), self._firsts[places]
        return np.repeat(np.arange(len(places)), lengths), spread(self._firsts[places], lengths)


def losses_of(sightings: Rows, visits: Rows, lost: Lost, extent: tuple[int, int], hold_seconds: int) -> Losses:
    """What the lines lost that were seen, or stayed, where service was lost.

    A sighting holds until the next moment at which the line was seen or a visit of it began; one up to `hold_seconds`
    old when service is lost there still holds. Sightings of one moment are peers, so that the order they come in cannot
    matter. `extent`: the first and the last instant at which a sighting can matter; the others must be left out.
    """
    seen = _seen(sightings, visits, lost, extent, hold_seconds)
    return seen.and_also(_visited(visits, lost)) if len(visits.line_ids) else seen


def _seen(sightings: Rows, visits: Rows, lost: Lost, extent: tuple[int, int], hold_seconds: int) -> Losses:
    starts = visits.only((visits.started_at >= extent[0]) & (visits.started_at <= extent[1]))
    places = lost.places_of(sightings.element_ids)
    if not (places >= 0).any():
        return _nothing()
    lines, moments = sightings.line_ids, sightings.started_at
    if len(starts.line_ids):
        # A visit only ends what a sighting before it says; what is lost within it is found by itself.
        lines, moments = np.append(lines, starts.line_ids), np.append(moments, starts.started_at)
        places = np.append(places, np.full(len(starts.line_ids), _NOWHERE, np.int64))
    low, width = lines.min(), extent[1] - extent[0] + 1
    # A line and a moment in one whole number, in whose order every next moment of a line stands behind.
    keys, next_keys, places = _followed((lines - low) * width + (moments - extent[0]), places)
    owner, rows = lost.expanded(places)
    keys, next_keys = keys[owner], next_keys[owner]
    whose = keys // width
    line_starts = whose * width - extent[0]
    # The next moment of another line lies a whole width away and more, so that the loss ends before.
    seen_at, next_at = keys - line_starts, next_keys - line_starts
    started_at, ended_at = lost.started_at[rows], lost.ended_at[rows]
    holds = np.flatnonzero((seen_at >= started_at - hold_seconds) & (seen_at < ended_at) & (next_at > started_at))
    seen_at, started_at = seen_at[holds], started_at[holds]
    return Losses(
        whose[holds] + low,
        lost.bundles[rows[holds]],
        np.maximum(seen_at, started_at),
        np.minimum(next_at[holds], ended_at[holds]),
        np.maximum(started_at - seen_at, 0),
    )


def _followed(keys: Integers, places: Integers) -> tuple[Integers, Integers, Integers]:
    """Of the moments at places where service was lost: their keys, the next higher keys of all, and the places."""
    if not in_order(keys):
        order = np.argsort(keys, kind="stable")
        keys, places = keys[order], places[order]
    fresh = begins(keys)
    distinct = np.append(keys[fresh], _AFTER_ALL)
    hit = np.flatnonzero(places >= 0)
    return keys[hit], distinct[np.cumsum(fresh)[hit]], places[hit]


def _visited(visits: Rows, lost: Lost) -> Losses:
    assert visits.ended_at is not None  # noqa: S101 - visits are intervals
    places = lost.places_of(visits.element_ids)
    hit = np.flatnonzero(places >= 0)
    owner, rows = lost.expanded(places[hit])
    hit = hit[owner]
    started_at = np.maximum(visits.started_at[hit], lost.started_at[rows])
    ended_at = np.minimum(visits.ended_at[hit], lost.ended_at[rows])
    meets = started_at < ended_at
    return Losses(
        visits.line_ids[hit][meets],
        lost.bundles[rows][meets],
        started_at[meets],
        ended_at[meets],
        np.zeros(np.count_nonzero(meets), np.int64),
    )


def held_losses(line_ids: Integers, element_ids: Integers, lost: Lost) -> Losses:
    """What lines lost that failed elements hold, whoever saw them."""
    places = lost.places_of(element_ids)
    hit = np.flatnonzero(places >= 0)
    owner, rows = lost.expanded(places[hit])
    return Losses.without_age(line_ids[hit][owner], lost.bundles[rows], lost.started_at[rows], lost.ended_at[rows])


def _nothing() -> Losses:
    return Losses(*(np.zeros(0, np.int64) for _ in range(5)))
