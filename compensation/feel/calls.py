"""Calls, functions that a text defines, and the names of types: the part of the parser around parentheses."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping

from compensation.feel.brackets import Brackets
from compensation.feel.errors import FeelError, listing, suggestion
from compensation.feel.functions import SIGNATURES, Signature
from compensation.feel.kinds import ANY, TYPE_NAMES
from compensation.feel.lexer import Kind, Token
from compensation.feel.model_functions import MODEL_SIGNATURES, takes_names
from compensation.feel.nodes import (
    ITEM,
    Call,
    FunctionOf,
    InstanceOf,
    Invoke,
    Literal,
    Name,
    Node,
    Parameter,
    Path,
)
from compensation.feel.scope import NameType
from compensation.feel.stream import FUNCTION, found_text
from compensation.feel.values import FeelType, Value, read_date, read_date_time, read_span, read_time

# How a literal of each is read when the function's one argument is a text; the function itself reads what is computed.
TEMPORAL: dict[str, Callable[[str], Value]] = {
    "date": read_date,
    "time": read_time,
    "date and time": read_date_time,
    "duration": read_span,
}
# Python's clock and FEEL's are kept out: a rule must say the same whenever it is asked.
_NO_CLOCK = {"today", "now"}
_MOST_NESTED_TYPES = 10
_NAME_OF_TYPE = "number, string, boolean, date, time, list<number>, context<a: number>, Any"


class Calls(Brackets, abc.ABC):
    """The part of the parser that reads these forms."""

    def name_or_call(self) -> Node:
        token = self.advance()
        if not self.at("("):
            is_outer = token.text in self.given or token.text in self.own
            if self.filters_around and not is_outer and token.text in self.members:
                return Path(Name(ITEM, at=token.at), token.text, at=token.at)
            return Name(token.text, at=token.at)
        if token.text == FUNCTION and token.text not in self.names:
            return self.function_definition(token)
        is_own = token.text in self.own
        if not is_own and token.text in self.built_in | self.defined.keys():
            return self.call(token)
        if is_own or token.text in self.names:
            self.advance()
            return self.invocation(Name(token.text, at=token.at), token)
        raise self.no_function(token)

    def call(self, token: Token) -> Node:
        self.advance()
        if token.text in TEMPORAL and self.token.kind is Kind.STRING and self.at(")", ahead=1):
            value = TEMPORAL[token.text](self.token.text)
            if value is not None or self.model is None:
                return self.temporal_call(token, value)
        arguments, given = self.arguments()
        if given:
            takes = [self.defined[token.text]] if token.text in self.defined else takes_names(token.text)
            ordered = next((found for one in takes if (found := _in_order(one, given, arguments)) is not None), None)
            if ordered is None and self.model is None:
                what = f"{token.text} has no parameters {', '.join(given)}"
                raise self.error(what, " or ".join(", ".join(one) for one in takes), token)
            arguments, given = (arguments, given) if ordered is None else (ordered, ())
        signature = None if token.text in self.defined else _signature(token.text)
        if signature and not signature.takes_many(len(arguments)) and self.model is None:
            raise self.error(f"{token.text} cannot take {len(arguments)} arguments", signature.written, token)
        return Call(token.text, arguments, given, at=token.at)

    def temporal_call(self, token: Token, value: Value) -> Node:
        if value is None:
            raise self.error(f"not a {token.text}: {self.token.text}", _signature(token.text).written)
        self.advance()
        self.expect(")")
        return Literal(value, at=token.at)

    def no_function(self, token: Token) -> FeelError:
        if token.text in _NO_CLOCK:
            accepted = "a date that is given, such as outage date: a rule says the same whenever it is asked"
        else:
            known = sorted(self.built_in | self.defined.keys())
            accepted = suggestion(token.text, known) or f"one of {listing(known, 60)}"
        return self.error(f'"{token.text}" is not a function', accepted, token)

    def invocation(self, function: Node, bracket: Token) -> Node:
        """A function value on the arguments that stand here, behind the opening bracket."""
        arguments, given = self.arguments()
        return Invoke(function, arguments, given, at=bracket.at)

    def arguments(self) -> tuple[tuple[Node, ...], tuple[str, ...]]:
        """What stands before the closing bracket, and the names it is given by, if it is."""
        if self.token.kind is not Kind.NAME or not self.at(":", ahead=1):
            return self.items(")"), ()
        found: dict[str, Node] = {}
        with self.filters():
            while True:
                key = self.token
                if key.kind is not Kind.NAME or not self.at(":", ahead=1) or key.text in found:
                    raise self.error(f"expected a new name and a colon but found {found_text(key)}", "f(a: 1, b: 2)")
                self.advance()
                self.advance()
                found[key.text] = self.expression()
                if not self.at(","):
                    break
                self.advance()
        self.expect(")")
        return tuple(found.values()), tuple(found)

    # --- functions and types

    def function_definition(self, start: Token) -> Node:
        self.advance()
        parameters: list[Parameter] = []
        while not self.at(")"):
            if self.token.kind is not Kind.NAME or self.token.text in {one.name for one in parameters}:
                raise self.error(f"expected a new name but found {found_text(self.token)}", "function(a, b) a + b")
            name = self.advance().text
            written, kind = "", ANY
            if self.at(":"):
                self.advance()
                written, kind = self.type_name()
            parameters.append(Parameter(name, written, kind))
            if not self.at(","):
                break
            self.advance()
        self.expect(")")
        if (self.token.kind, self.token.text) == (Kind.NAME, "external"):
            raise self.error("functions outside FEEL are not supported", "an expression")
        self.own += [one.name for one in parameters]
        body = self.expression()
        self.forget(parameters)
        return FunctionOf(tuple(parameters), body, at=start.at)

    def instance_of(self, value: Node, operator: Token) -> Node:
        written, kind = self.type_name()
        return InstanceOf(value, written, kind, at=operator.at)

    def type_name(self, depth: int = 0) -> tuple[str, NameType]:
        """A type as it is written, with single spaces, and what it means."""
        token = self.token
        is_word = token.kind is Kind.NAME or token.text == "null"
        known = {**{name: NameType(kind) for name, kind in TYPE_NAMES.items()}, **self.types}
        name = "Null" if token.text == "null" else token.text
        if not is_word or name not in known or depth > _MOST_NESTED_TYPES:
            close = suggestion(token.text, known) or _NAME_OF_TYPE
            raise self.error(f"expected the name of a type but found {found_text(token)}", close)
        self.advance()
        kind = known[name]
        if not self.at("<") or name in self.types or kind.type not in _NESTED:
            return name, kind
        return self.nested_type(name, kind.type, depth + 1)

    def nested_type(self, name: str, kind: FeelType, depth: int) -> tuple[str, NameType]:
        """`list<...>`, `range<...>`, `context<name: ..., ...>` or `function<..., ...> -> ...`."""
        self.advance()
        written: list[str] = []
        fields: dict[str, NameType] = {}
        item = ANY
        while not self.at(">"):
            label = ""
            if kind is FeelType.CONTEXT:
                label = self.advance().text
                self.expect(":")
            said, item = self.type_name(depth)
            fields[label] = item
            written.append(f"{label}: {said}" if label else said)
            if not self.at(",") or kind in (FeelType.LIST, FeelType.RANGE):
                break
            self.advance()
        self.expect(">")
        whole = f"{name}<{', '.join(written)}>"
        if kind is FeelType.FUNCTION:
            self.expect("-")
            self.expect(">")
            return f"{whole} -> {self.type_name(depth)[0]}", NameType(kind)
        if kind is FeelType.CONTEXT:
            return whole, NameType(kind, fields=fields)
        return whole, NameType(kind, item=item)


_NESTED = (FeelType.LIST, FeelType.RANGE, FeelType.CONTEXT, FeelType.FUNCTION)


def _signature(function: str) -> Signature:
    return SIGNATURES.get(function) or MODEL_SIGNATURES[function]


def _in_order(takes: tuple[str, ...], given: tuple[str, ...], values: tuple[Node, ...]) -> tuple[Node, ...] | None:
    """The arguments by their places; what is left out between others is null. None when a name is not among them."""
    if not set(given) <= set(takes):
        return None
    by_name: Mapping[str, Node] = dict(zip(given, values, strict=True))
    last = max(takes.index(name) for name in given)
    return tuple(by_name.get(name, Literal(None)) for name in takes[: last + 1])
