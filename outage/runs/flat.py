"""Arithmetic on many intervals at once, in flat arrays: their union, and the names of the patterns they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from outage.intervals import LANES, Lane, service_code

Integers: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint64]
Flags: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Spans:
    """Intervals by groups, a whole number each: a row per interval, of one group together and in the order of time."""

    groups: Integers
    started_at: Integers
    ended_at: Integers

    def __len__(self) -> int:
        return len(self.groups)

    def first_rows(self) -> Integers:
        """The rows with which groups begin."""
        return np.flatnonzero(begins(self.groups))


def begins(*columns: npt.NDArray[np.generic]) -> Flags:
    """For each row whether its values are others than those of the row before."""
    fresh = np.ones(len(columns[0]), np.bool_)
    fresh[1:] = columns[0][1:] != columns[0][:-1]
    for column in columns[1:]:
        fresh[1:] |= column[1:] != column[:-1]
    return fresh


def run_lengths(first_rows: Integers, rows: int) -> Integers:
    """How many rows each run has, by the rows with which they begin."""
    return np.diff(first_rows, append=rows)


def spread(firsts: Integers, lengths: Integers) -> Integers:
    """The rows of several stretches, one after the other, by their first rows and their lengths."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(firsts - before, lengths) + np.arange(lengths.sum())


def united(spans: Spans) -> Spans:
    """The union per group of intervals that may come in any order, with all that overlap or touch joined.

    Groups are numbers from 0 on that have no great gaps: a group and a time are put together into one whole number, so
    that one running maximum tells for all groups where nothing before reaches on.
    """
    if not len(spans):
        return spans
    base = spans.started_at.min()
    width = spans.ended_at.max() - base + 1
    group_starts = spans.groups * width - base
    starts, ends = group_starts + spans.started_at, group_starts + spans.ended_at
    if not in_order(starts):
        order = np.argsort(starts, kind="stable")
        starts, ends = starts[order], ends[order]
    reached = np.maximum.accumulate(ends)
    fresh = np.ones(len(starts), np.bool_)
    fresh[1:] = starts[1:] > reached[:-1]
    rows = np.flatnonzero(fresh)
    starts, ends = starts[rows], reached[np.append(rows[1:], len(reached)) - 1]
    groups = starts // width
    shift = groups * width - base
    return Spans(groups, starts - shift, ends - shift)


def in_order(values: Integers) -> bool:
    """Whether no value is lower than the one before it."""
    return bool(np.all(values[1:] >= values[:-1]))


def pattern_names(spans: Spans, bundle_of: Integers, line_of: Integers, bundles: Mapping[int, Sequence[str]]) -> Words:
    """The names of the patterns of lines, as `outage.intervals.pattern_key` gives them: a row of words per half.

    `spans`: what lines lost, a group per line and bundle; `bundle_of` and `line_of`: per group its bundle and its line,
    the groups of a line together. `bundles`: the services by the number of their bundle.
    """
    first_rows, first_groups = spans.first_rows(), np.flatnonzero(begins(line_of))
    names = np.empty((len(LANES), len(first_groups)), np.uint64)
    starts, ends = spans.started_at.view(np.uint64), spans.ended_at.view(np.uint64)
    for lane in LANES:
        of_sets = np.add.reduceat(_of_spans(starts, ends, lane), first_rows)
        of_groups = np.zeros(len(of_sets), np.uint64)
        for number, services in bundles.items():
            mine = bundle_of == number
            for service in services:
                of_groups[mine] += _mixed(of_sets[mine] + np.uint64(service_code(service, lane)))
        names[lane.place] = np.add.reduceat(of_groups, first_groups)
    return names


def _of_spans(starts: Words, ends: Words, lane: Lane) -> Words:
    start, end, offset = (np.uint64(factor) for factor in (lane.start, lane.end, lane.offset))
    return _mixed(_mixed(starts * start + offset) + ends * end)


def _mixed(words: Words) -> Words:
    """`outage.intervals.mixed` of each, in the place of the words that are given."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        words ^= words >> np.uint64(shift)
        words *= np.uint64(factor)
    words ^= words >> np.uint64(31)
    return words
