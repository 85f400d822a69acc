"""The tokens of one text as the parser walks them, what it expects next, and its complaints."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from compensation.feel.errors import FeelError, Origin
from compensation.feel.functions import FUNCTION_NAMES, PROPERTY_NAMES
from compensation.feel.kinds import TYPE_NAMES
from compensation.feel.lexer import INSTANCE_OF, KEYWORDS, Kind, Token, tokens
from compensation.feel.model_functions import MODEL_FUNCTION_NAMES
from compensation.feel.nodes import ITEM, PARTIAL
from compensation.feel.odd_names import odd_names
from compensation.feel.scope import NameType

# Bounds the depth of every tree, so that no text can exhaust the stack of whoever walks it.
MAX_OPERATIONS = 120


_CURRENCY = re.compile("[A-Z]{3}")
# The word before the parameters of a function that a text defines.
FUNCTION = "function"


@dataclass(frozen=True, slots=True)
class ModelWords:
    """What a decision model defines for its texts: functions with their parameters, and types.

    Texts of a model may use the functions that policies do without, and a call that cannot be answered is null there,
    where a policy refuses it.
    """

    functions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    types: Mapping[str, NameType] = field(default_factory=dict)


class Stream:
    """Where the parser stands in the tokens of a text."""

    def __init__(
        self,
        text: str,
        names: Collection[str],
        origin: Origin,
        members: Collection[str],
        model: ModelWords | None,
        *,
        in_filter: bool = False,
    ) -> None:
        self.names = self.given = frozenset(names)
        self.model = model
        self.defined: Mapping[str, tuple[str, ...]] = model.functions if model else {}
        self.types: Mapping[str, NameType] = model.types if model else {}
        self.built_in = FUNCTION_NAMES | MODEL_FUNCTION_NAMES if model else FUNCTION_NAMES
        words = {name for name in (word for takes in self.defined.values() for word in takes) if not name.isalnum()}
        odd = odd_names(text) if model else frozenset[str]()
        known = self.names | self.built_in | self.defined.keys() | words | odd
        every = PROPERTY_NAMES.union(members) | odd
        self.tokens = tokens(text, known, every, origin)
        self.members = every
        keys, own = _keys(self.tokens), _iterators(self.tokens) | _parameters(self.tokens)
        item = frozenset((ITEM,)) if in_filter or _filters(self.tokens) else frozenset[str]()
        typed = _typed_words(self.tokens, self.types)
        if keys or own or item or typed:
            # What a text itself names is a name to what stands behind it, so the text is read again knowing it.
            self.names |= {key for key in keys | own if key.split(" ")[0] not in KEYWORDS}
            inside = every if item else frozenset[str]()
            self.tokens = tokens(text, known | self.names | item | inside | typed, every | keys, origin)
            self.members |= keys
        self.index = 0
        self.operations = 0
        # Whether a bracket behind an operand opens a filter: not where it may close an interval.
        self.takes_filters = True
        self.filters_around = int(in_filter)
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

    def expect(self, text: str, accepted: str = "") -> Token:
        if not self.at(text):
            raise self.error(f"expected {text} but found {found_text(self.token)}", accepted)
        return self.advance()

    def expect_end(self) -> None:
        token = self.token
        if token.kind is Kind.END:
            return
        accepted = "an operator or the end"
        if token.kind is Kind.NAME and _CURRENCY.fullmatch(token.text):
            accepted = "the number alone: an amount is in the policy's currency"
        elif self.at("if"):
            accepted = "if first: if ... then ... else ..."
        raise self.error(f"{found_text(token)} cannot follow what stands before it", accepted)

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
    named = {PARTIAL} if any(token.kind is Kind.KEYWORD and token.text == "for" for token in found) else set()
    for before, token, behind in zip(found, found[1:], found[2:], strict=False):
        is_first = before.kind is Kind.KEYWORD and before.text in ("for", "some", "every")
        is_next = (before.kind, before.text) == (Kind.OPERATOR, ",")
        if token.kind is Kind.NAME and (is_first or is_next) and (behind.kind, behind.text) == (Kind.KEYWORD, "in"):
            named.add(token.text)
    return frozenset(named)


def _parameters(found: list[Token]) -> frozenset[str]:
    """What functions that the text defines call their arguments."""
    named, within = set[str](), False
    for before, token in itertools.pairwise(found):
        if token.text == "(" and (before.kind, before.text) == (Kind.NAME, FUNCTION):
            within = True
        elif token.text == ")":
            within = False
        elif within and token.kind is Kind.NAME and before.text in ("(", ","):
            named.add(token.text)
    return frozenset(named)


def _typed_words(found: list[Token], types: Collection[str]) -> frozenset[str]:
    """The names of types of more than one word, where the text could name a type."""
    names_type = any(token.text in (INSTANCE_OF, FUNCTION) and token.kind is not Kind.STRING for token in found)
    return frozenset(name for name in (*TYPE_NAMES, *types) if not name.isalnum()) if names_type else frozenset()


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
