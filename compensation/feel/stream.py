"""The tokens of one text as the parser walks them, what it expects next, and its complaints."""

from __future__ import annotations

import itertools
from collections.abc import Collection

from compensation.feel.errors import FeelError, Origin
from compensation.feel.functions import FUNCTION_NAMES, PROPERTY_NAMES
from compensation.feel.lexer import KEYWORDS, Kind, Token, tokens
from compensation.feel.nodes import ITEM

# Bounds the depth of every tree, so that no text can exhaust the stack of whoever walks it.
MAX_OPERATIONS = 120


class Stream:
    """Where the parser stands in the tokens of a text."""

    def __init__(
        self, text: str, names: Collection[str], origin: Origin, members: Collection[str], functions: Collection[str]
    ) -> None:
        self.names = self.given = frozenset(names)
        self.functions = frozenset(functions)
        known = self.names | FUNCTION_NAMES | self.functions
        every = PROPERTY_NAMES.union(members)
        self.tokens = tokens(text, known, every, origin)
        self.members = every
        keys, iterators = _keys(self.tokens), _iterators(self.tokens)
        item = frozenset((ITEM,)) if _filters(self.tokens) else frozenset[str]()
        if keys or iterators or item:
            # What a text itself names is a name to what stands behind it, so the text is read again knowing it.
            self.names |= {key for key in keys | iterators if key.split(" ")[0] not in KEYWORDS}
            inside = every if item else frozenset[str]()
            self.tokens = tokens(text, known | self.names | item | inside, every | keys, origin)
            self.members |= keys
        self.index = 0
        self.operations = 0
        # Whether a bracket behind an operand opens a filter: not where it may close an interval.
        self.takes_filters = True
        self.filters_around = 0
        # The names that the text itself gave to what stands here: entries before, and items gone through.
        self.own: list[str] = []

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def advance(self) -> Token:
        token = self.token
        self.index = min(self.index + 1, len(self.tokens) - 1)
        return token

    def at(self, *texts: str, ahead: int = 0) -> bool:
        token = self.tokens[min(self.index + ahead, len(self.tokens) - 1)]
        return token.kind in (Kind.OPERATOR, Kind.KEYWORD) and token.text in texts

    def expect(self, text: str) -> Token:
        if not self.at(text):
            raise self.error(f"expected {text} but found {found_text(self.token)}")
        return self.advance()

    def expect_end(self) -> None:
        if self.token.kind is not Kind.END:
            raise self.error(f"{found_text(self.token)} cannot follow what stands before it", "an operator or the end")

    def error(self, what: str, accepted: str = "", token: Token | None = None) -> FeelError:
        return FeelError(what, (token or self.token).at, accepted)

    def count_operation(self) -> None:
        self.operations += 1
        if self.operations > MAX_OPERATIONS:
            raise self.error(
                "too many operations in one expression", f"at most {MAX_OPERATIONS}; split it in decisions"
            )


def _iterators(found: list[Token]) -> frozenset[str]:
    """The names that `for`, `some` and `every` give to items: those before `in`, behind the word or a comma."""
    named = set()
    for before, token, behind in zip(found, found[1:], found[2:], strict=False):
        is_first = before.kind is Kind.KEYWORD and before.text in ("for", "some", "every")
        is_next = (before.kind, before.text) == (Kind.OPERATOR, ",")
        if token.kind is Kind.NAME and (is_first or is_next) and (behind.kind, behind.text) == (Kind.KEYWORD, "in"):
            named.add(token.text)
    return frozenset(named)


def _filters(found: list[Token]) -> bool:
    """Whether a bracket stands behind something that could be a list."""
    return any(
        (token.kind, token.text) == (Kind.OPERATOR, "[")
        and (before.kind is Kind.NAME or before.text in (")", "]", "}"))
        for before, token in itertools.pairwise(found)
    )


def _keys(found: list[Token]) -> frozenset[str]:
    """What stands before a colon."""
    named = (
        token.text
        for token, following in itertools.pairwise(found)
        if token.kind in (Kind.NAME, Kind.STRING) and (following.kind, following.text) == (Kind.OPERATOR, ":")
    )
    return frozenset(name for name in named if name == " ".join(name.split()) and name)


def found_text(token: Token) -> str:
    """A token as a message quotes it."""
    if token.kind is Kind.END:
        return "the end"
    return f'"{token.text}"' if token.kind is Kind.STRING else token.text
