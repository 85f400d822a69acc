"""Accounts that are alike, as flat numbers: hundreds of thousands of kinds are told apart anew in milliseconds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from compensation.cases import account_sql
from compensation.cases.group_sql import kinds_sql
from compensation.cases.situation import Situation
from foundation.snapshots import SnapshotStore

MOST_KINDS = 200_000
_LARGEST = np.iinfo(np.int64).max

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AccountKind:
    """Accounts that are alike: the groups of their lines by line id, what was before, and how many there are."""

    lines: tuple[int, ...]
    before: tuple[object, ...]
    count: int


@dataclass(frozen=True, slots=True)
class _Block:
    """Kinds of accounts with as many lines and the same before: a row of groups for each, and how many there are."""

    before: tuple[object, ...]
    groups: Numbers
    counts: Numbers


class AccountKinds:
    """All kinds of accounts of a run."""

    def __init__(self, table: pa.Table) -> None:
        """`table`: a row for each as by `group_sql.kinds_sql`, its cases numbered from 1."""
        table = table.combine_chunks()
        self._number: int = table.num_rows
        self._blocks: list[_Block] = []
        if not self._number:
            return
        listed, *before, counts = (column.chunk(0) for column in table.columns)
        groups, starts = listed.values.to_numpy() - 1, listed.offsets.to_numpy()
        told = list(zip(*(column.to_pylist() for column in before), strict=True))
        numbers: dict[tuple[object, ...], int] = {}
        which = _numbers([numbers.setdefault(one, len(numbers)) for one in told])
        lengths = np.diff(starts)
        for number, one in enumerate(numbers):
            for length in np.unique(lengths[which == number]).tolist():
                places = np.flatnonzero((which == number) & (lengths == length))
                rows = groups[starts[places][:, None] + np.arange(length)]
                self._blocks.append(_Block(one, rows, counts.to_numpy()[places]))

    def __len__(self) -> int:
        return self._number

    def alike(
        self, classes: Sequence[int], among: Collection[int] | None = None, without: Collection[int] = ()
    ) -> Iterator[AccountKind]:
        """Kinds by the classes of their lines: of all whose lines are of the same, one, with the number of all.

        `classes`: of each group by its place, from 0; groups of one class must be as good as each other. `among`: only
        kinds that have a line of one of these groups, and `without`: only those that have none of these.
        """
        if among is not None and not among:
            return
        class_of = _numbers(classes)
        # Of each group: whether it is wanted, and whether it may be there.
        places = np.arange(len(class_of))
        wanted = np.full(len(places), True) if among is None else np.isin(places, _numbers(list(among)))
        barred = np.isin(places, _numbers(list(without)))
        for block in self._blocks:
            kept = wanted[block.groups].any(axis=1) & ~barred[block.groups].any(axis=1)
            groups, counts = block.groups[kept], block.counts[kept]
            firsts, sums = _summed(class_of[groups], counts, int(class_of.max(initial=0)) + 1)
            for first, count in zip(firsts.tolist(), sums.tolist(), strict=True):
                yield AccountKind(tuple(groups[first].tolist()), block.before, count)


def list_kinds(situation: Situation, store: SnapshotStore) -> AccountKinds | None:
    """The kinds of accounts of a situation, groups by their place in its `numbers`; None for too many."""
    with store.connect() as workspace:
        workspace.execute(f"CREATE TEMP TABLE {account_sql.NUMBERS} AS {situation.numbers}")
        numbered = account_sql.numbered_sql(situation.population, situation.columns, account_sql.NUMBERS)
        table = workspace.fetch_table(kinds_sql(numbered, situation.account_history, MOST_KINDS + 1))
    return AccountKinds(table) if table.num_rows <= MOST_KINDS else None


def _numbers(values: Sequence[object]) -> Numbers:
    return np.array(values, dtype=np.int64)


def _summed(rows: Numbers, counts: Numbers, classes: int) -> tuple[Numbers, Numbers]:
    """The place of one row of each distinct ones, and the sum of the counts of all that are equal to it."""
    if not len(rows):
        return counts, counts
    codes = rows[:, 0]
    for column in range(1, rows.shape[1]):
        if int(codes.max()) >= _LARGEST // classes - 1:
            # Numbered anew, codes are small again.
            codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
        codes = codes * classes + rows[:, column]
    _, firsts, inverse = np.unique(codes, return_index=True, return_inverse=True)
    sums = np.zeros(len(firsts), dtype=np.int64)
    np.add.at(sums, inverse, counts)
    return firsts, sums
