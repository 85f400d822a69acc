"""Text to tokens; names may contain spaces, so the longest name known in scope wins at every word."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto

from compensation.feel.errors import FeelError, Origin, Position
from compensation.feel.values import MAX_DIGITS

KEYWORDS = frozenset(
    {
        *("if", "then", "else", "and", "or", "not", "between", "in", "null", "true", "false"),
        *("for", "return", "some", "every", "satisfies"),
    }
)
SYMBOLS = (
    "**",
    "..",
    "<=",
    ">=",
    "!=",
    "<",
    ">",
    "=",
    "+",
    "-",
    "*",
    "/",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    ".",
)
_DIGITS = frozenset("0123456789")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "n": "\n", "t": "\t", "r": "\r"}
_LOOKALIKES = {"“": '"', "”": '"', "„": '"', "‘": '"', "’": '"', "'": '"'} | {"–": "-", "−": "-", "≤": "<=", "≥": ">="}
_LOOKALIKES |= {"&": "and", "|": "or", "%": "/ 100"} | dict.fromkeys("€$£¥₹", "the number alone")
_MAX_LENGTH = 10_000
_HEX = "[0-9A-Fa-f]"
# Beyond 16 bits a character is written as the pair of its surrogates, or with six digits.
_PAIR = re.compile(rf"\\u([Dd][89ABab]{_HEX}{{2}})\\u([Dd][C-Fc-f]{_HEX}{{2}})")
_UNICODE = re.compile(rf"\\u({_HEX}{{4}})|\\U(0{_HEX}{{5}}|10{_HEX}{{4}})")
# Where the planes of pictures and rarer scripts begin: their characters are letters to the standard.
_HIGHER_PLANES = 0x10000
_WORDS = re.compile(r"\w+(?: \w+|\.[^\W\d]\w*)*")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_EXPONENT = re.compile(r"[eE][+-]?[0-9]{1,2}(?![\w.])", re.ASCII)
# The one keyword of two words.
INSTANCE_OF = "instance of"
_INSTANCE_OF = re.compile(r"instance\s+of(?!\w)")


class Kind(Enum):
    """What a token is."""

    NUMBER = auto()
    STRING = auto()
    AT = auto()
    NAME = auto()
    KEYWORD = auto()
    OPERATOR = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its kind, its text (a string without quotes, a name with single spaces) and its place."""

    kind: Kind
    text: str
    at: Position


def tokens(text: str, known: Collection[str], members: Collection[str], origin: Origin) -> list[Token]:
    """The tokens of `text`, an END token last; raises FeelError on a character or literal that FEEL does not have.

    `known` are the names in scope, `members` the names that may follow a dot.
    """
    return _Lexer(text, frozenset(known), frozenset(members), origin).run()


@functools.lru_cache(maxsize=256)
def _shape(names: frozenset[str]) -> tuple[int, tuple[str, ...]]:
    """The most words of a name, and the names that are no plain words, longest first."""
    # All cells of a table have the same names: looking at each of them anew would take longer than reading the cell.
    most_words = max((name.count(" ") + name.count(".") + 1 for name in names), default=1)
    # Names drawn in a DMN modeller may hold - / ' + *, which words do not.
    return most_words, tuple(sorted((name for name in names if not _WORDS.fullmatch(name)), key=len, reverse=True))


class _Lexer:
    def __init__(self, text: str, known: frozenset[str], members: frozenset[str], origin: Origin) -> None:
        self.text = text
        self.scope = known
        self.members = members
        self.known = known
        self.origin = origin
        self.offset = 0
        self.most_words, self.odd = _shape(known | members)

    def run(self) -> list[Token]:
        if len(self.text) > _MAX_LENGTH:
            raise self.error("text is too long", 0, f"at most {_MAX_LENGTH} characters")
        found: list[Token] = []
        while True:
            self.skip_space()
            after_dot = bool(found) and found[-1].kind is Kind.OPERATOR and found[-1].text == "."
            self.known = self.members if after_dot else self.scope
            token = self.next()
            found.append(token)
            if token.kind is Kind.END:
                return found

    def error(self, what: str, offset: int, accepted: str = "") -> FeelError:
        return FeelError(what, self.origin.position(self.text, offset), accepted)

    def peek(self, ahead: int = 0) -> str:
        index = self.offset + ahead
        return self.text[index] if index < len(self.text) else ""

    def skip_space(self) -> None:
        while True:
            while self.peek().isspace():
                self.offset += 1
            comment = _COMMENT.match(self.text, self.offset) if self.peek() == "/" else None
            if comment is None:
                return
            self.offset = comment.end()

    def next(self) -> Token:
        start, char = self.offset, self.peek()
        if not char:
            return self.token(Kind.END, "", start)
        if char in _DIGITS or (char == "." and self.peek(1) in _DIGITS):
            return self.number()
        if char == '"':
            return self.token(Kind.STRING, self.string(), start)
        if char == "@":
            return self.at_literal()
        if char == "?" and "?" in self.known:
            self.offset += 1
            return self.token(Kind.NAME, "?", start)
        if _starts_word(char):
            return self.word()
        for operator in SYMBOLS:
            if self.text.startswith(operator, start):
                self.offset += len(operator)
                return self.token(Kind.OPERATOR, operator, start)
        plain = _LOOKALIKES.get(char)
        raise self.error(f"the character {char!r} means nothing here", start, f"write {plain} instead" if plain else "")

    def token(self, kind: Kind, text: str, start: int) -> Token:
        return Token(kind, text, self.origin.position(self.text, start))

    def number(self) -> Token:
        start = self.offset
        self.digits()
        if self.peek() == "." and self.peek(1) in _DIGITS and self.peek(1):
            self.offset += 1
            self.digits()
        exponent = _EXPONENT.match(self.text, self.offset)
        self.offset = exponent.end() if exponent else self.offset
        if _starts_word(self.peek()):
            raise self.error("a number runs into a word", start, "a number such as 30 or 0.10, then a space")
        if self.offset - start > MAX_DIGITS:
            raise self.error("a number is too long", start, f"at most {MAX_DIGITS} characters")
        return self.token(Kind.NUMBER, self.text[start : self.offset], start)

    def digits(self) -> None:
        while self.peek() in _DIGITS and self.peek():
            self.offset += 1

    def string(self) -> str:
        start = self.offset
        self.offset += 1
        parts = []
        while (char := self.peek()) != '"':
            if not char:
                raise self.error("a string has no closing quote", start, 'text between two "')
            if char == "\\":
                parts.append(self.escape())
                continue
            parts.append(char)
            self.offset += 1
        self.offset += 1
        return "".join(parts)

    def escape(self) -> str:
        if pair := _PAIR.match(self.text, self.offset):
            self.offset = pair.end()
            return chr(_HIGHER_PLANES + (int(pair[1], 16) - 0xD800) * 0x400 + int(pair[2], 16) - 0xDC00)
        if found := _UNICODE.match(self.text, self.offset):
            self.offset = found.end()
            return chr(int(found[1] or found[2], 16))
        plain = _ESCAPES.get(self.peek(1))
        if plain is None:
            raise self.error("unknown escape in a string", self.offset, r"\" \\ \/ \n \r \t \u0041")
        self.offset += 2
        return plain

    def at_literal(self) -> Token:
        start = self.offset
        self.offset += 1
        if self.peek() != '"':
            raise self.error("@ needs a date or duration", start, '@"2012-07-11" or @"PT24H"')
        return self.token(Kind.AT, self.string(), start)

    def word(self) -> Token:
        start = self.offset
        known_end = self.longest_known(start)
        if known_end is None and (found := _INSTANCE_OF.match(self.text, start)):
            self.offset = found.end()
            return self.token(Kind.KEYWORD, INSTANCE_OF, start)
        if known_end is None:
            return self.keyword_or_unknown(start)
        self.offset = known_end
        return self.token(Kind.NAME, _normal(self.text[start:known_end]), start)

    def longest_known(self, start: int) -> int | None:
        end: int | None = start
        best = self.longest_odd(start)
        for _ in range(self.most_words):
            if end is None:
                break
            end = self.word_end(end)
            if _normal(self.text[start:end]) in self.known:
                best = max(best or 0, end)
            end = self.continuation(end)
        return best

    def longest_odd(self, start: int) -> int | None:
        for name in self.odd:
            end = start + len(name)
            if name in self.known and self.text.startswith(name, start) and not _in_word(self.text[end : end + 1]):
                return end
        return None

    def word_end(self, start: int) -> int:
        end = start
        while end < len(self.text) and _in_word(self.text[end]):
            end += 1
        return end

    def continuation(self, end: int) -> int | None:
        """Where the next word of a name could start: after spaces, or after the dot of `decision.output`."""
        if self.text[end : end + 1] == "." and _starts_word(self.text[end + 1 : end + 2]):
            return end + 1
        after = end
        while after < len(self.text) and self.text[after].isspace():
            after += 1
        return after if after > end and after < len(self.text) and _in_word(self.text[after]) else None

    def keyword_or_unknown(self, start: int) -> Token:
        end = self.word_end(start)
        if self.text[start:end] in KEYWORDS:
            self.offset = end
            return self.token(Kind.KEYWORD, self.text[start:end], start)
        while (after := self.continuation(end)) is not None and self.belongs_to_unknown(after):
            end = self.word_end(after)
        self.offset = end
        return self.token(Kind.NAME, _normal(self.text[start:end]), start)

    def belongs_to_unknown(self, start: int) -> bool:
        """An unknown name runs on to the next keyword, known name or number, so that a message can name all of it."""
        if not _starts_word(self.text[start]) or _INSTANCE_OF.match(self.text, start):
            return False
        return self.text[start : self.word_end(start)] not in KEYWORDS and self.longest_known(start) is None


def _starts_word(char: str) -> bool:
    return char.isalpha() or char == "_" or char[:1] >= chr(_HIGHER_PLANES)


def _in_word(char: str) -> bool:
    return char.isalnum() or char == "_" or char[:1] >= chr(_HIGHER_PLANES)


def _normal(name: str) -> str:
    return " ".join(name.split())
