"""What is known of names before any value is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from compensation.feel.errors import FeelError, Position, listing, suggestion
from compensation.feel.values import FeelType, Value


@dataclass(frozen=True, slots=True)
class NameType:
    """What is known of a name before any value is: its type, its allowed values (None: any), whether it is exact money.

    `exact_money` says that every value is a whole number of minor units. `fields` are the entries of a context, `item`
    is what a list or range holds, `takes` how many arguments a function that a model defines has (None: no function).
    `lowest`, `highest` and `step` bound what can come (None: nothing does): values are whole multiples of the step.
    `unit` is what a number counts; none is said where it is empty.
    """

    type: FeelType
    allowed: tuple[Value, ...] | None = None
    exact_money: bool = False
    fields: Mapping[str, NameType] | None = None
    item: NameType | None = None
    takes: int | None = None
    nullable: bool = True
    lowest: Value = None
    highest: Value = None
    step: Value = None
    unit: str = ""


Scope = Mapping[str, NameType]


def fits(actual: FeelType, wanted: FeelType) -> bool:
    """Whether a value of type `actual` can stand where `wanted` is asked for; null and unknown always can."""
    if actual in (FeelType.NULL, FeelType.UNKNOWN) or wanted is FeelType.UNKNOWN:
        return True
    return actual is wanted or (actual is FeelType.NUMBER and wanted is FeelType.MONEY)


class UnknownNameError(FeelError):
    """A name that nothing in scope bears."""


class ModelOnlyError(FeelError):
    """What a decision model may say and a policy may not: its money could not be followed through it."""


def unknown_name(name: str, known: Scope, at: Position) -> FeelError:
    """The complaint about a name that nothing in scope bears."""
    return UnknownNameError(f'unknown name "{name}"', at, suggestion(name, known) or f"one of {listing(sorted(known))}")


def alike(left: FeelType, right: FeelType) -> bool:
    """Whether two values of these types can be compared."""
    return left is right or (left.is_numeric and right.is_numeric) or FeelType.UNKNOWN in (left, right)
