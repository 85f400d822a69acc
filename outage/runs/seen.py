"""Reads parts of presence for one range of line ids after the other, as flat arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyarrow.parquet as pq

from foundation.snapshots import SnapshotStore
from outage.runs.flat import Integers, in_order
from outage.runs.stays import Rows

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1

_Bounds = tuple[int, int]


@dataclass(frozen=True)
class _Group:
    """A row group's columns, and whether its rows stand in the order of lines and are all within the extent."""

    columns: list[Integers]
    is_plain: bool


class Presence:
    """Parts of presence, of one form, to be read in ranges of line ids that come in order.

    Only rows that overlap `extent` (the first and the last instant, both in it) are given. Where a row group goes on
    into the next range it is kept, as long as all that are kept have no more than `most_kept` rows; they are read once
    more otherwise.
    """

    def __init__(
        self, store: SnapshotStore, parts: Sequence[str], times: Sequence[str], extent: tuple[int, int], most_kept: int
    ) -> None:
        """`times`: the columns of time, one or two. Raises NotFoundError when a file is missing."""
        self._columns = ["line_id", "element_id", *times]
        self._extent = extent
        self._most_kept = most_kept
        self._kept: dict[int, _Group] = {}
        self._files = [(path, pq.read_metadata(path)) for path in map(store.path, parts)]
        groups = [one for number, (_, metadata) in enumerate(self._files) for one in self._groups(number, metadata)]
        self._places = [place for place, *_ in groups]
        self._lowest = np.array([lines[0] for _, lines, *_ in groups], np.int64)
        self._highest = np.array([lines[1] for _, lines, *_ in groups], np.int64)
        self._in_time = [starts[0] >= extent[0] and starts[1] <= extent[1] for _, _, starts in groups]

    def of_lines(self, over: int, up_to: int) -> Rows:
        """What is known of the lines over one id and up to another, part by part in the order of the files."""
        wanted = np.flatnonzero((self._highest > over) & (self._lowest <= up_to)).tolist()
        kept, self._kept = self._kept, {}
        found = [[np.zeros(0, np.int64) for _ in self._columns]]
        room = self._most_kept
        for number, group in self._read(wanted, kept):
            rows = len(group.columns[0])
            found.append(self._between(group, over, up_to))
            if self._highest[number] > up_to and rows <= room:
                self._kept[number] = group
                room -= rows
        return Rows(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def _between(self, group: _Group, over: int, up_to: int) -> list[Integers]:
        """The rows of these lines."""
        columns = group.columns
        lines, starts, ends = columns[0], columns[2], columns[-1]
        if group.is_plain:
            first, last = np.searchsorted(lines, [over, up_to], side="right")
            return [column[first:last] for column in columns]
        mine = (lines > over) & (lines <= up_to) & (ends >= self._extent[0]) & (starts <= self._extent[1])
        return [column[mine] for column in columns]

    def _read(self, wanted: Iterable[int], kept: dict[int, _Group]) -> Iterator[tuple[int, _Group]]:
        for number, groups in groupby(wanted, key=lambda group: self._places[group][0]):
            path, metadata = self._files[number]
            groups_here = list(groups)
            if all(group in kept for group in groups_here):
                yield from ((group, kept[group]) for group in groups_here)
                continue
            with pq.ParquetFile(path, metadata=metadata) as file:
                for group in groups_here:
                    yield group, kept[group] if group in kept else self._decoded(file, group)

    def _groups(self, file: int, metadata: pq.FileMetaData) -> Iterator[tuple[tuple[int, int], _Bounds, _Bounds]]:
        """The row groups of a file: which file and which group, and the bounds of its lines and of its starts.

        What starts within the extent overlaps it.
        """
        names = metadata.schema.names
        lines, starts = names.index(self._columns[0]), names.index(self._columns[2])
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            yield (file, number), _bounds(group.column(lines)), _bounds(group.column(starts))

    def _decoded(self, file: pq.ParquetFile, group: int) -> _Group:
        table = file.read_row_group(self._places[group][1], columns=self._columns, use_threads=False)
        columns = [table.column(name).to_numpy() for name in self._columns]
        return _Group(columns, self._in_time[group] and in_order(columns[0]))


def _bounds(column: pq.ColumnChunkMetaData) -> _Bounds:
    """The lowest and the highest value, as far as the file says."""
    extent = column.statistics
    return (extent.min, extent.max) if extent is not None and extent.has_min_max else (_LOWEST, _HIGHEST)
