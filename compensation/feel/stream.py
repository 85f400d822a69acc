"""The tokens of one text as the parser walks them, what it expects next, and its complaints."""

from __future__ import annotations

import itertools
from collections.abc import Collection

from compensation.feel.errors import FeelError, Origin
from compensation.feel.functions import FUNCTION_NAMES, PROPERTY_NAMES
from compensation.feel.lexer import KEYWORDS, Kind, Token, tokens

# Bounds the depth of every tree, so that no text can exhaust the stack of whoever walks it.
MAX_OPERATIONS = 120


class Stream:
    """Where the parser stands in the tokens of a text."""

    def __init__(
        self, text: str, names: Collection[str], origin: Origin, members: Collection[str], functions: Collection[str]
    ) -> None:
        self.names = frozenset(names)
        self.functions = frozenset(functions)
        known = self.names | FUNCTION_NAMES | self.functions
        every = PROPERTY_NAMES.union(members)
        self.tokens = tokens(text, known, every, origin)
        keys = _keys(self.tokens)
        if keys:
            # The entries of a context are names to those behind them, so the text is read again knowing them.
            self.names |= {key for key in keys if key.split(" ")[0] not in KEYWORDS}
            self.tokens = tokens(text, known | self.names, every | keys, origin)
        self.index = 0
        self.operations = 0

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
