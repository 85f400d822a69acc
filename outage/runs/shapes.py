"""The interval sets of patterns in flat arrays, to be looked up by the patterns' names, counted and written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from outage.intervals import IntervalSet, pattern_key
from outage.runs.flat import Flags, Integers, Spans, Words, begins, run_lengths, united
from outage.runs.patterns import SHAPES, shape_rows

SCHEMA = SHAPES.set(0, pa.field("pattern", pa.uuid()))
"""The rows of a run's file of patterns, as `outage.runs.patterns` says."""
_BETWEEN = "\x1f"


@dataclass(frozen=True)
class Sets:
    """Interval sets one behind the other: per set the place in `services` of those that share it, and how many of the
    intervals are its own."""

    services: tuple[tuple[str, ...], ...]
    numbers: Integers
    lengths: Integers
    started_at: Integers
    ended_at: Integers

    def and_also(self, other: Sets) -> Sets:
        """These and others behind them."""
        numbers = np.concatenate([self.numbers, other.numbers + len(self.services)])
        columns = ("lengths", "started_at", "ended_at")
        joined = (np.concatenate([getattr(self, name), getattr(other, name)]) for name in columns)
        return Sets(self.services + other.services, numbers, *joined)

    def only(self, wanted: Flags) -> Sets:
        """Some of the sets."""
        spans = np.repeat(wanted, self.lengths)
        return Sets(
            self.services, self.numbers[wanted], self.lengths[wanted], self.started_at[spans], self.ended_at[spans]
        )

    def seconds(self) -> Integers:
        """Of each set."""
        passed = np.append(0, np.cumsum(self.ended_at - self.started_at))
        return np.asarray(np.diff(passed[np.append(0, np.cumsum(self.lengths))]), np.int64)


class Shapes:
    """The interval sets of patterns.

    `names`: those of the patterns, in order, each once, as `outage.runs.flat.pattern_names` gives them.
    """

    def __init__(self, sets: Sets, names: Words, lengths: Integers) -> None:
        """`names` and `lengths`: of the patterns in the order of their sets, and how many sets each has. A pattern may
        stand there more than once, with all its sets each time: one of them is taken."""
        self._sets, self._given, self._lengths = sets, names, lengths
        order = names_order(names)
        ordered = names.take(order, axis=1)
        firsts = np.flatnonzero(begins(*ordered))
        self.names = ordered.take(firsts, axis=1)
        self._chosen = order[firsts]

    @classmethod
    def of_table(cls, rows: pa.Table) -> Shapes:
        """Those of rows of `SCHEMA` that stand in the order of their patterns, each of which has its rows once."""
        names = names_of(rows.column("pattern"))
        firsts = np.flatnonzero(begins(*names))
        kinds = pc.binary_join(rows.column("services").combine_chunks(), _BETWEEN).dictionary_encode()
        services = tuple(tuple(str(kind).split(_BETWEEN)) for kind in kinds.dictionary)
        lengths = pc.list_value_length(rows.column("started_at")).to_numpy().astype(np.int64)
        times = (rows.column(name).combine_chunks().flatten().to_numpy() for name in ("started_at", "ended_at"))
        sets = Sets(services, kinds.indices.to_numpy().astype(np.int64), lengths, *times)
        return cls(sets, names.take(firsts, axis=1), run_lengths(firsts, rows.num_rows))

    @classmethod
    def of_patterns(cls, patterns: Iterable[Mapping[str, IntervalSet]]) -> Shapes:
        """The shapes of patterns, each lost intervals in Unix seconds per service."""
        keyed = {pattern_key(services): services for services in patterns}
        keys = np.array([[int(key.replace("-", "")[at : at + 16], 16) for key in keyed] for at in (0, 16)], np.uint64)
        listed = [list(shape_rows(services)) for services in keyed.values()]
        rows = list(chain.from_iterable(listed))
        times = (np.array([at for row in rows for at in row[column]], np.int64) for column in (1, 2))
        lengths = np.array([len(starts) for _, starts, _ in rows], np.int64)
        sets = Sets(tuple(tuple(names) for names, *_ in rows), np.arange(len(rows)), lengths, *times)
        return cls(sets, keys, np.array([len(one) for one in listed], np.int64))

    def and_also(self, other: Shapes) -> Shapes:
        """The patterns of both."""
        if not other.names.size:
            return self
        if not self.names.size:
            return other
        mine, others = self._in_line(), other._in_line()
        names, lengths = (np.concatenate(both, axis=-1) for both in zip(mine[1:], others[1:], strict=True))
        return Shapes(mine[0].and_also(others[0]), names, lengths)

    def places_of(self, names: Words) -> Integers:
        """The places, in `self.names`, of names that are all in it."""
        places = np.searchsorted(self.names[0], names[0])
        # Half a name says nearly always which one it is.
        for at in np.flatnonzero(np.any(self.names.take(places, axis=1) != names, axis=0)):
            places[at] += np.flatnonzero(np.all(self.names[:, places[at] :] == names[:, at : at + 1], axis=0))[0]
        return np.asarray(places, np.int64)

    def rows(self, places: Integers | None = None) -> pa.Table:
        """Rows of `SCHEMA`: of the patterns at some places, or of all."""
        sets, names, lengths = self._in_line(places)
        offsets = pa.array(np.append(0, np.cumsum(sets.lengths)).astype(np.int32))
        times = (pa.ListArray.from_arrays(offsets, pa.array(one)) for one in (sets.started_at, sets.ended_at))
        named = pa.array(sets.services, SCHEMA.field("services").type).take(pa.array(sets.numbers))
        columns = [name_array(np.repeat(names, lengths, axis=1)), named, *times]
        return pa.Table.from_arrays(
            [one.cast(kind.type) for one, kind in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
        )

    def counted(self, places: Integers, lines: Integers) -> tuple[list[tuple[tuple[str, ...], int, int]], int]:
        """For the patterns at some places, which so many lines have each: what these lines lost together.

        Per services that share their intervals, the lines and the seconds; and the seconds without at least one.
        """
        # In the order that they stand in, where nothing has to be fetched from here and there.
        lines_of = np.zeros(len(self._lengths), np.int64)
        lines_of[self._chosen[places]] = lines
        sets, weights = self._sets, np.repeat(lines_of, self._lengths)
        seconds = weights * sets.seconds()
        by_services = [
            (sets.services[number], int(weights[mine].sum()), int(seconds[mine].sum()))
            for number in np.flatnonzero(np.bincount(sets.numbers[weights > 0]))
            for mine in [sets.numbers == number]
        ]
        if (self._lengths == 1).all():
            return by_services, int(seconds.sum())
        # A pattern may have several sets, and a second in two of them is one second without service.
        owners = np.repeat(np.repeat(np.arange(len(self._lengths)), self._lengths), sets.lengths)
        whole = united(Spans(owners, sets.started_at, sets.ended_at))
        return by_services, int((lines_of[whole.groups] * (whole.ended_at - whole.started_at)).sum())

    def _in_line(self, places: Integers | None = None) -> tuple[Sets, Words, Integers]:
        """The sets of the patterns at some places, or all, in the order they stand in; names and lengths of those."""
        wanted = np.zeros(len(self._lengths), np.bool_)
        wanted[self._chosen if places is None else self._chosen[places]] = True
        if wanted.all():
            return self._sets, self._given, self._lengths
        return self._sets.only(np.repeat(wanted, self._lengths)), self._given[:, wanted], self._lengths[wanted]


def name_array(names: Words) -> pa.Array:
    """Names as UUIDs."""
    raw = np.ascontiguousarray(names.T.astype(">u8"))
    storage = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(raw), [None, pa.py_buffer(raw)])
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)


def names_of(column: pa.ChunkedArray) -> Words:
    """A column of UUIDs, none of them null, as names."""
    parts = [np.zeros((0, 2), ">u8")]
    for chunk in column.chunks:
        whole = np.frombuffer(chunk.storage.buffers()[1], ">u8").reshape(-1, 2)
        parts.append(whole[chunk.offset : chunk.offset + len(chunk)])
    return np.ascontiguousarray(np.concatenate(parts).T.astype(np.uint64))


def names_order(names: Words) -> Integers:
    """The order of names."""
    order = np.argsort(names[0])
    first, second = names.take(order, axis=1)
    # Half a name hardly ever stands in two, and to sort by both takes several times as long.
    if np.any((first[1:] == first[:-1]) & (second[1:] != second[:-1])):
        return np.lexsort((names[1], names[0]))
    return order


def distinct_names(*parts: Words) -> tuple[Words, Integers]:
    """Names in order, each once, and how often each stood there."""
    names = np.concatenate(parts, axis=1)
    ordered = names.take(names_order(names), axis=1)
    firsts = np.flatnonzero(begins(*ordered))
    return ordered.take(firsts, axis=1), run_lengths(firsts, ordered.shape[1])
