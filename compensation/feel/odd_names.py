"""Names with signs in them (`a+b`, `bob's`, `step 2`) that a text itself gives: to entries, to items, to parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from compensation.feel.lexer import KEYWORDS

# A name goes on to the colon, the `in` or the comma behind it; brackets, quotes and comparisons end no name.
_SIGNED = r"[^\W\d][^(){}\[\],:\"<>=?@\n]{0,80}?"
_KEY = re.compile(rf"(?<=[{{,])\s*({_SIGNED})\s*:")
_ITERATOR = re.compile(rf"(?:\b(?:for|some|every)|,)\s+({_SIGNED})\s+in\b")
_PARAMETERS = re.compile(r"\bfunction\s*\(([^()]*)\)")
_PARAMETER = re.compile(rf"\s*({_SIGNED})\s*(?::[^,]*)?(?:,|$)")
_QUOTED_KEY = re.compile(r'"([^\W\d][^"\\\n]*)"\s*:')
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PLAIN = re.compile(r"[^\W\d]\w*(?: [^\W\d]\w*)*")


def odd_names(text: str) -> frozenset[str]:
    """The names that a text gives and that are no plain words, each as it is written and with single spaces."""
    bare = _TEXT.sub(lambda found: '"' * len(found[0]), text)
    quoted = (found[1] for found in _QUOTED_KEY.finditer(text))
    found = {name for name in (*_given(bare), *quoted) if _is_odd(name)}
    return frozenset(found | {" ".join(name.split()) for name in found})


def _given(text: str) -> Iterator[str]:
    for form in (_KEY, _ITERATOR):
        yield from (found[1] for found in form.finditer(text))
    for parameters in _PARAMETERS.finditer(text):
        yield from (found[1] for found in _PARAMETER.finditer(parameters[1]))


def _is_odd(name: str) -> bool:
    words = name.split()
    plain = _PLAIN.fullmatch(" ".join(words)) and not KEYWORDS.intersection(words)
    return words[0] not in KEYWORDS and not plain
