"""Where a FEEL text stands in its file, and the one error that reading or checking it raises."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from foundation.errors import InputError


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text: line and column, both counted from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the first character of a FEEL text stands in the file that holds it.

    `next_column` is the column at which its later lines begin. `exact` is false when the file folds or escapes the
    text, so that only its beginning can be pointed at.
    """

    line: int = 1
    column: int = 1
    next_column: int = 1
    exact: bool = True

    def position(self, text: str, offset: int) -> Position:
        """The place in the file of the character of `text` at `offset`."""
        if not self.exact:
            return Position(self.line, self.column)
        row = text.count("\n", 0, offset)
        first = self.column if row == 0 else self.next_column
        return Position(self.line + row, first + offset - text.rfind("\n", 0, offset) - 1)


class FeelError(InputError):
    """A FEEL text that cannot be read, or that names or combines things wrongly, with its line and column."""

    def __init__(self, what: str, at: Position, accepted: str = "") -> None:
        self.at = at
        super().__init__(what, where=f"line {at.line}, column {at.column}", accepted=accepted)


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """`did you mean "..."?` when one of the known words is close to the wrong one, else an empty text."""
    lower = {word.lower(): word for word in known}
    close = get_close_matches(wrong.lower(), lower, n=1, cutoff=0.6)
    if not close:
        return ""
    word = lower[close[0]]
    return f"did you mean {word}?" if word.startswith('"') else f'did you mean "{word}"?'


def listing(words: Iterable[str], limit: int = 40) -> str:
    """The words joined by commas for a message, cut when there are too many to read."""
    known = list(words)
    shown = ", ".join(known[:limit])
    return f"{shown}, ..." if len(known) > limit else shown
