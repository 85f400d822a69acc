"""What a set of boxes leaves uncovered: axis by axis, with equal remainders joined and whole branches cut off."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from compensation.geometry.space import Budget, BudgetSpentError, Sets

_STEPS_BETWEEN_LOOKS = 64


def transposed(sets: Sequence[int], width: int) -> list[int]:
    """For each of `width` pieces the set of boxes that hold it, from the set of pieces of each box."""
    if not sets:
        return [0] * width
    rows = [format(one, f"0{width}b") for one in sets]
    # The last character is the first piece, and the first box the lowest bit.
    columns = ["".join(column)[::-1] for column in zip(*rows, strict=True)]
    return [int(column, 2) for column in reversed(columns)]


class Cover:
    """Boxes within a space, each a set of pieces per axis; finds the parts of the space that none of them covers."""

    def __init__(self, space: Sets, boxes: Sequence[Sets], budget: Budget) -> None:
        self.space = space
        self.budget = budget
        self.everyone = (1 << len(boxes)) - 1
        self.steps = 0
        full = [[box[axis] & space[axis] == space[axis] for axis in range(len(space))] for box in boxes]
        # Axes on which few boxes take everything come first: what is left is then soon covered or soon empty.
        self.order = sorted(range(len(space)), key=lambda axis: sum(row[axis] for row in full))
        self.classes = [self._classes(axis, boxes) for axis in self.order]
        self.whole = [0] * (len(space) + 1)
        self.whole[-1] = self.everyone
        for place in reversed(range(len(space))):
            on_axis = sum(row[self.order[place]] << number for number, row in enumerate(full))
            self.whole[place] = self.whole[place + 1] & on_axis
        self.known: dict[tuple[int, int], _Left] = {}
        self.shared: dict[tuple[int, frozenset[tuple[int, int]]], _Left] = {}

    def _classes(self, axis: int, boxes: Sequence[Sets]) -> list[tuple[int, int]]:
        """The boxes met in a piece and the pieces where just they are met; pieces outside the space left out."""
        space = self.space[axis]
        width = space.bit_length()
        found: dict[int, int] = {}
        for place, met in enumerate(transposed([box[axis] & space for box in boxes], width)):
            if space >> place & 1:
                found[met] = found.get(met, 0) | 1 << place
        return list(found.items())

    def is_complete(self) -> bool:
        """Whether nothing is left; stops at the first part that is. Raises BudgetSpentError."""
        return not self._has_left(0, self.everyone, set())

    def _look(self) -> None:
        self.steps += 1
        if self.steps % _STEPS_BETWEEN_LOOKS == 0:
            self.budget.spend()

    def _has_left(self, depth: int, met: int, seen: set[tuple[int, int]]) -> bool:
        if met & self.whole[depth]:
            return False
        if not met:
            return True
        if (depth, met) in seen:
            return False
        self._look()
        if any(self._has_left(depth + 1, below, seen) for below in {met & one for one, _ in self.classes[depth]}):
            return True
        seen.add((depth, met))
        return False

    def uncovered(self, most: int) -> Iterator[Sets]:
        """The parts left, as boxes that do not overlap, at most so many. Raises BudgetSpentError.

        Equal remainders are joined into larger boxes when half of the time is enough for that.
        """
        if not all(self.space):
            return
        whole = self.budget
        try:
            self.budget = whole.half()
            paths = _paths(self._left(0, self.everyone), [])
        except BudgetSpentError:
            paths = self._one_by_one(0, self.everyone, [], set())
        finally:
            self.budget = whole
        for path in itertools.islice(paths, most):
            sets = list(self.space)
            for axis, pieces in zip(self.order, path, strict=False):
                sets[axis] = pieces
            yield tuple(sets)

    def _one_by_one(self, depth: int, met: int, path: list[int], seen: set[tuple[int, int]]) -> Iterator[list[int]]:
        """The parts left as they are come upon; `seen` are the branches in which nothing is."""
        if met & self.whole[depth] or (depth, met) in seen:
            return
        if not met:
            yield path
            return
        self._look()
        found = False
        for one, pieces in self._below(depth, met).items():
            for longer in self._one_by_one(depth + 1, one, [*path, pieces], seen):
                found = True
                yield longer
        if not found:
            seen.add((depth, met))

    def _below(self, depth: int, met: int) -> dict[int, int]:
        below: dict[int, int] = {}
        for one, pieces in self.classes[depth]:
            below[met & one] = below.get(met & one, 0) | pieces
        return below

    def _left(self, depth: int, met: int) -> _Left:
        if met & self.whole[depth]:
            return _NOTHING
        if not met:
            return _EVERYTHING
        known = self.known.get((depth, met))
        if known is not None:
            return known
        self._look()
        joined: dict[_Left, int] = {}
        for one, pieces in self._below(depth, met).items():
            left = self._left(depth + 1, one)
            if left is not _NOTHING:
                joined[left] = joined.get(left, 0) | pieces
        self.known[depth, met] = found = self._shared(joined, self.space[self.order[depth]])
        return found

    def _shared(self, joined: dict[_Left, int], space: int) -> _Left:
        """One object for equal remainders, so that those that lead to it can be joined in their turn."""
        if not joined:
            return _NOTHING
        if joined.get(_EVERYTHING) == space:
            return _EVERYTHING
        key = frozenset((pieces, id(left)) for left, pieces in joined.items())
        made = _Left(tuple((pieces, left) for left, pieces in joined.items()))
        return self.shared.setdefault((space, key), made)


class _Left:
    """What is left from an axis on: for each set of its pieces what is left on the axes behind it."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[tuple[int, _Left], ...]) -> None:
        self.parts = parts


_NOTHING = _Left(())
_EVERYTHING = _Left(())


def _paths(left: _Left, before: list[int]) -> Iterator[list[int]]:
    if left is _EVERYTHING:
        yield before
        return
    for pieces, below in left.parts:
        yield from _paths(below, [*before, pieces])
