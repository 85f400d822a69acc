"""What stands in brackets or goes through a list: groups, intervals, contexts, filters, `for`, `some` and `every`."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Iterator, Sized

from compensation.feel.lexer import Kind, Token
from compensation.feel.nodes import (
    PARTIAL,
    ContextOf,
    Filter,
    For,
    Interval,
    ListOf,
    Literal,
    Node,
    Quantified,
)
from compensation.feel.stream import Stream, found_text


class Brackets(Stream, abc.ABC):
    """The part of the parser that reads these forms, out of the expressions within them."""

    @abc.abstractmethod
    def expression(self, power: int = 0) -> Node:
        """The expression that stands here, up to an operator that binds no tighter than `power`."""

    def filter(self, source: Node, bracket: Token) -> Node:
        self.filters_around += 1
        with self.filters():
            condition = self.expression()
        self.filters_around -= 1
        self.expect("]")
        return Filter(source, condition, at=bracket.at)

    @contextlib.contextmanager
    def filters(self, *, taken: bool = True) -> Iterator[None]:
        """Within brackets of any kind a bracket behind an operand is a filter again; at an interval's end it is not."""
        before, self.takes_filters = self.takes_filters, taken
        yield
        self.takes_filters = before

    def items(self, closing: str) -> tuple[Node, ...]:
        found: list[Node] = []
        with self.filters():
            if not self.at(closing):
                found.append(self.expression())
                while self.at(","):
                    self.advance()
                    # A list grows sideways, not downwards: its items share one allowance.
                    self.operations -= 1
                    found.append(self.expression())
        self.expect(closing)
        return tuple(found)

    def iteration(self) -> Node:
        start = self.advance()
        iterators = self.iterators()
        self.expect("return")
        self.own.append(PARTIAL)
        result = self.expression()
        self.own.pop()
        self.forget(iterators)
        return For(iterators, result, at=start.at)

    def quantified(self) -> Node:
        start = self.advance()
        iterators = self.iterators()
        self.expect("satisfies")
        condition = self.expression()
        self.forget(iterators)
        return Quantified(iterators, condition, start.text == "every", at=start.at)

    def forget(self, named: Sized) -> None:
        """What the text named last is no name behind it."""
        del self.own[len(self.own) - len(named) :]

    def iterators(self) -> tuple[tuple[str, Node], ...]:
        found: dict[str, Node] = {}
        while True:
            token = self.token
            if token.kind is not Kind.NAME or not self.at("in", ahead=1):
                raise self.error(f"expected a name and in but found {found_text(token)}", "for item in list return ...")
            if token.text in found:
                raise self.error(f'"{token.text}" stands twice', "each name once")
            self.advance()
            self.advance()
            found[token.text] = self.domain()
            self.own.append(token.text)
            if not self.at(","):
                return tuple(found.items())
            self.advance()

    def domain(self) -> Node:
        """What is gone through: a list, or whole numbers from one to another."""
        low = self.expression()
        if not self.at(".."):
            return low
        dots = self.advance()
        return Interval(low, self.expression(), low_closed=True, high_closed=True, at=dots.at)

    def group(self) -> Node:
        start = self.advance()
        with self.filters():
            inner = self.expression()
        if self.at(".."):
            return self.interval(inner, start, low_closed=False)
        self.expect(")")
        return inner

    def list_or_interval(self) -> Node:
        start = self.advance()
        if self.at("]"):
            self.advance()
            return ListOf((), at=start.at)
        with self.filters():
            first = self.expression()
        if self.at(".."):
            return self.interval(first, start, low_closed=True)
        if self.at(","):
            self.advance()
            return ListOf((first, *self.items("]")), at=start.at)
        self.expect("]")
        return ListOf((first,), at=start.at)

    def context(self) -> Node:
        start = self.advance()
        entries: dict[str, Node] = {}
        twice = False
        while not self.at("}"):
            key = self.token
            if key.kind not in (Kind.NAME, Kind.STRING) or not self.at(":", ahead=1):
                raise self.error(f"expected a name and a colon but found {found_text(key)}", "{name: value, ...}")
            twice = twice or key.text in entries
            if twice and self.model is None:
                raise self.error(f'"{key.text}" stands twice', "each name once")
            self.advance()
            self.advance()
            with self.filters():
                value = self.expression()
            if key.text not in entries:
                self.own.append(key.text)
            entries[key.text] = value
            if not self.at(","):
                break
            self.advance()
        self.expect("}")
        self.forget(entries)
        if twice:
            return Literal(None, at=start.at)
        return ContextOf(tuple(entries.items()), at=start.at)

    def open_interval(self) -> Node:
        start = self.advance()
        low = self.expression()
        if not self.at(".."):
            raise self.error(f"expected .. but found {found_text(self.token)}", "an interval such as ]1..5]")
        return self.interval(low, start, low_closed=False)

    def interval(self, low: Node, start: Token, *, low_closed: bool) -> Node:
        self.expect("..")
        with self.filters(taken=False):
            high = self.expression()
        if not self.at("]", ")", "["):
            raise self.error(
                f"the interval is not closed before {found_text(self.token)}", "] to include its end, ) to exclude"
            )
        return Interval(low, high, low_closed, self.advance().text == "]", at=start.at)
