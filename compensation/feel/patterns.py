"""Regular expressions that cannot run away: few quantifiers, none within one another, short texts."""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass

MAX_PATTERN = 200
MAX_SEARCHED = 10_000
_MOST_QUANTIFIERS = 6
_MOST_WAYS = 1_000
# How many ways to match may be tried at worst: a tenth of a second or two.
_MOST_TRIALS = 5_000_000
_MOST_UNBOUNDED = 3
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}
_COUNTED = re.compile(r"\{([0-9]{1,3})(,([0-9]{0,3}))?\}")
_PLAIN_ESCAPES = frozenset("dDwWsSbBnrt")
_GROUP = re.compile(r"\$([0-9])")
# The functions whose second argument is a pattern.
PATTERNED = ("matches", "replace", "split")
PATTERN_FORM = (
    "letters, [a-z], ., |, ^, $, \\d \\w \\s, groups, "
    f"and up to {_MOST_QUANTIFIERS} of ? * + {{2,4}}, none within another"
)


class PatternError(Exception):
    """A pattern that is none, or that could take without end; says why."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern ready to search with, and the longest text that it searches."""

    expression: re.Pattern[str]
    longest: int

    def fitting(self, text: str) -> str:
        """The text itself; raises PatternError when it is too long for this pattern."""
        if len(text) > self.longest:
            raise PatternError(f"this pattern searches texts of at most {self.longest} characters")
        return text


@functools.lru_cache(maxsize=512)
def compiled(pattern: str, flags: str = "") -> Pattern:
    """The pattern ready to search with; raises PatternError.

    Python's engine tries every way to match, so what multiplies the ways is refused: quantified groups that hold a
    quantifier or a choice, references back, looking ahead and behind.
    """
    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"a pattern has at most {MAX_PATTERN} characters")
    scan = _Scan(pattern)
    scan.check()
    wrong = [flag for flag in flags if flag not in _FLAGS]
    if wrong:
        raise PatternError(f'unknown flag "{wrong[0]}"')
    try:
        made = re.compile(pattern, functools.reduce(lambda all_, flag: all_ | _FLAGS[flag], flags, re.NOFLAG))
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"not a pattern: {error}") from None
    return Pattern(made, scan.longest())


class _Scan:
    """Goes through a pattern once, remembering of each open group whether it holds what must not be repeated."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.place = 0
        self.quantifiers = 0
        self.unbounded = 0
        self.ways = 1
        self.multiplies = [False]
        self.last_multiplies = False

    def check(self) -> None:
        while self.place < len(self.pattern):
            self.step(self.pattern[self.place])

    def step(self, char: str) -> None:
        if char == "\\":
            self.escape()
        elif char == "[":
            self.skip_class()
        elif char == "(":
            self.open()
        elif char == ")":
            self.last_multiplies = self.multiplies.pop() if len(self.multiplies) > 1 else False
            self.multiplies[-1] |= self.last_multiplies
            self.place += 1
        elif char in "*+?{":
            self.quantifier(char)
        else:
            self.multiplies[-1] |= char == "|"
            self.last_multiplies = False
            self.place += 1

    def escape(self) -> None:
        following = self.pattern[self.place + 1 : self.place + 2]
        if following.isalnum() and following not in _PLAIN_ESCAPES:
            raise PatternError(f"\\{following} is not supported")
        self.last_multiplies = False
        self.place += 2

    def longest(self) -> int:
        """The longest text for which the worst case stays within bounds: each open end multiplies by the length."""
        degree = self.unbounded + 1
        return min(MAX_SEARCHED, int((_MOST_TRIALS * math.factorial(degree) / self.ways) ** (1 / degree)))

    def skip_class(self) -> None:
        end = self.place + 1
        end += self.pattern.startswith("^", end)
        end += self.pattern.startswith("]", end)
        while end < len(self.pattern) and self.pattern[end] != "]":
            end += 2 if self.pattern[end] == "\\" else 1
        self.last_multiplies = False
        self.place = end + 1

    def open(self) -> None:
        if self.pattern.startswith("(?", self.place) and not self.pattern.startswith("(?:", self.place):
            raise PatternError("looking ahead or behind, named groups and inline flags are not supported")
        self.multiplies.append(False)
        self.place += 3 if self.pattern.startswith("(?:", self.place) else 1

    def quantifier(self, char: str) -> None:
        counted = _COUNTED.match(self.pattern, self.place)
        if char == "{" and counted is None:
            raise PatternError("{ begins a count such as {2} or {2,4}; as a sign it is written \\{")
        if self.last_multiplies:
            raise PatternError("what is repeated may hold no repetition or choice itself")
        self.quantifiers += 1
        if char in "*+" or (counted and counted[2] and not counted[3]):
            self.unbounded += 1
        elif counted is None or counted[3]:
            self.ways *= 2 if counted is None else max(int(counted[3]) - int(counted[1]), 0) + 1
        if self.quantifiers > _MOST_QUANTIFIERS or self.unbounded > _MOST_UNBOUNDED or self.ways > _MOST_WAYS:
            raise PatternError(f"at most {_MOST_QUANTIFIERS} repetitions, {_MOST_UNBOUNDED} of them without end")
        self.multiplies[-1] = True
        self.place = counted.end() if counted else self.place + 1
        self.place += self.pattern.startswith("?", self.place)


def replacement(text: str) -> str:
    """FEEL's replacement text (`$1` is the first group) as Python's."""
    return _GROUP.sub(r"\\g<\1>", text.replace("\\", "\\\\"))
