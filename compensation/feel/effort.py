"""How much one expression may go through before all of it is null: items, calls, and calls within one another."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from compensation.feel.arithmetic import MAX_ITEMS

# Bounds what one expression goes through, so that lists of lists cannot hang whoever evaluates it.
MAX_STEPS = MAX_ITEMS
# Functions that call functions, deeper than any rule needs.
MAX_DEPTH = 60
_TOO_MANY = f"more than {MAX_STEPS} items are gone through"
_TOO_DEEP = "functions call functions too deep or too often"


class TooLongError(Exception):
    """More than one expression may go through; says what."""


class Effort:
    """The items gone through and functions called so far, and how deep the calls stand within one another."""

    def __init__(self) -> None:
        self.steps = 0
        self.depth = 0

    def step(self) -> None:
        """Goes through one item; raises TooLongError."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooLongError(_TOO_MANY)

    @staticmethod
    def hold(count: int) -> None:
        """Keeps so many items as one result; raises TooLongError."""
        if count > MAX_STEPS:
            raise TooLongError(_TOO_MANY)

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Within it one function more is called; raises TooLongError, also when Python's own stack is at its end."""
        self.steps += 1
        if self.steps > MAX_STEPS or self.depth >= MAX_DEPTH:
            raise TooLongError(_TOO_DEEP)
        self.depth += 1
        try:
            yield
        except RecursionError:
            raise TooLongError(_TOO_DEEP) from None
        finally:
            self.depth -= 1
