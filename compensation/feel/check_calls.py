"""Static types of calls: arguments that a function cannot take, and functions that only a model may have."""

from __future__ import annotations

import abc

from compensation.feel.arithmetic import ORDERED
from compensation.feel.errors import FeelError, Position
from compensation.feel.exactness import decimals_of
from compensation.feel.functions import (
    AGGREGATES,
    EXTREMES,
    KEEPING,
    MAX_SCALE,
    ROUNDINGS,
    SIGNATURES,
)
from compensation.feel.model_functions import MODEL_SIGNATURES
from compensation.feel.nodes import FunctionOf, ListOf, Literal, Name, Node
from compensation.feel.patterns import PATTERN_FORM, PATTERNED, PatternError, compiled
from compensation.feel.scope import ModelOnlyError, NameType, Scope, fits
from compensation.feel.values import FeelType

_N, _M, _T, _MONTHS = FeelType.NUMBER, FeelType.MONEY, FeelType.DURATION, FeelType.MONTHS
_SPANS = frozenset({_T, _MONTHS, FeelType.NULL, FeelType.UNKNOWN})


class CallChecker(abc.ABC):
    """The part of the checker for calls; `errors` is everything wrong so far."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.errors: list[FeelError] = []

    def problem(self, what: str, at: Position, accepted: str = "") -> FeelType:
        self.errors.append(FeelError(what, at, accepted))
        return FeelType.UNKNOWN

    def only_in_models(self, what: str, at: Position, accepted: str) -> None:
        self.errors.append(ModelOnlyError(what, at, accepted))

    @abc.abstractmethod
    def within(self, scope: Scope) -> CallChecker:
        """A checker that knows other names."""

    @abc.abstractmethod
    def type(self, node: Node) -> FeelType:
        """The type of an expression, UNKNOWN where it has none."""

    @abc.abstractmethod
    def shape(self, node: Node) -> NameType:
        """The type of an expression with what is known of its entries or items."""

    @abc.abstractmethod
    def common(self, nodes: tuple[Node, ...]) -> FeelType:
        """The one type of several alternatives."""

    def call(self, function: str, arguments: tuple[Node, ...], at: Position) -> FeelType:
        defined = self.scope.get(function)
        if defined is not None and defined.takes is not None:
            return self.defined_call(function, defined, arguments, at)
        if function in ROUNDINGS and SIGNATURES[function].takes_many(len(arguments)):
            return self.rounding(function, arguments)
        if function in AGGREGATES:
            return self.aggregate(function, arguments, at)
        plain = SIGNATURES.get(function)
        signature = plain if plain and plain.takes_many(len(arguments)) else MODEL_SIGNATURES.get(function, plain)
        if signature is None or not signature.takes_many(len(arguments)):
            written = signature.written if signature else ""
            return self.problem(f"{function} cannot take {len(arguments)} arguments", at, written)
        kinds = [self.type(argument) for argument in arguments]
        takes = (*signature.takes, *[signature.takes[-1]] * len(arguments))
        for argument, actual, wanted in zip(arguments, kinds, takes, strict=False):
            is_number = wanted is FeelType.NUMBER and actual.is_numeric
            if not (fits(actual, wanted) or is_number or (wanted is FeelType.LIST and actual is FeelType.UNKNOWN)):
                self.problem(f"{function} needs {wanted.said}, not {actual.said}", argument.at, signature.written)
        if function == "abs" and not (kinds[0].is_numeric or kinds[0] in _SPANS):
            return self.problem(f"abs needs a number, not {kinds[0].said}", arguments[0].at, signature.written)
        self.patterns(function, arguments)
        return kinds[0] if function in KEEPING else signature.gives

    def invocation(self, function: Node, arguments: tuple[Node, ...], at: Position) -> FeelType:
        """A function value that is called: what it gives is not known."""
        kinds = [self.type(one) for one in (function, *arguments)]
        if kinds[0] not in (FeelType.FUNCTION, FeelType.UNKNOWN, FeelType.NULL):
            said = f'"{function.name}"' if isinstance(function, Name) else kinds[0].said
            return self.problem(f"{said} is not a function", at, "the name of a function before the bracket")
        self.only_in_models("a policy calls no functions but those that are built in", at, "a decision of its own")
        return FeelType.UNKNOWN

    def function(self, node: FunctionOf) -> FeelType:
        """Functions are for models alone: through one, money could pass for a plain number unseen."""
        self.only_in_models("a policy defines no functions", node.at, "a decision of its own")
        inner = self.within({**self.scope, **{one.name: one.kind for one in node.parameters}})
        inner.type(node.body)
        self.errors += inner.errors
        return FeelType.FUNCTION

    def patterns(self, function: str, arguments: tuple[Node, ...]) -> None:
        """A pattern that is written out is read when it is saved, not when it is first used."""
        written = [node.value if isinstance(node, Literal) else None for node in arguments]
        if function not in PATTERNED or len(written) < 2 or not isinstance(written[1], str):
            return
        flags = written[-1] if len(written) > 2 and len(written) == SIGNATURES[function].most else ""
        try:
            compiled(written[1], flags if isinstance(flags, str) else "")
        except PatternError as error:
            self.problem(str(error), arguments[1].at, PATTERN_FORM)

    def defined_call(self, function: str, defined: NameType, arguments: tuple[Node, ...], at: Position) -> FeelType:
        for argument in arguments:
            self.type(argument)
        if len(arguments) != defined.takes:
            self.problem(f"{function} cannot take {len(arguments)} arguments", at, f"{defined.takes} arguments")
        return defined.type

    def aggregate(self, function: str, arguments: tuple[Node, ...], at: Position) -> FeelType:
        items = arguments[0].items if len(arguments) == 1 and isinstance(arguments[0], ListOf) else arguments
        result = self.common(items)
        if result is FeelType.LIST:
            item = self.shape(arguments[0]).item
            result = item.type if item else FeelType.UNKNOWN
        if function == "count":
            return FeelType.NUMBER
        if function in EXTREMES:
            takes = ORDERED
        else:
            takes = frozenset({_N, _M, _T, _MONTHS} if function in ("sum", "mean") else {_N, _M})
        if result not in takes | {FeelType.UNKNOWN, FeelType.NULL}:
            return self.problem(f"{function} cannot take {result.said}", at, SIGNATURES[function].written)
        return result

    def rounding(self, function: str, arguments: tuple[Node, ...]) -> FeelType:
        number, scale = arguments
        actual = self.type(number)
        if not fits(actual, FeelType.MONEY):
            self.problem(f"{function} needs a number, not {actual.said}", number.at, SIGNATURES[function].written)
        if decimals_of(scale) is None:
            what = "the number of decimals must be written out"
            self.problem(what, scale.at, f"a whole number from -{MAX_SCALE} to {MAX_SCALE}, such as 2")
        return FeelType.MONEY if actual is FeelType.MONEY else FeelType.NUMBER
