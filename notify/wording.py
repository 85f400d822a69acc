"""Customer texts as templates: which placeholders a body names, and the words with every one of them filled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from foundation.errors import InputError

# What a text may name. The amounts come from the confirmed postings, never from whoever enqueued the text.
PLACEHOLDERS: Mapping[str, str] = {
    "brand": "the brand the customer knows",
    "outage_date": "the day of the outage",
    "credit": "sum of the confirmed bill and balance credits",
    "pays_on": "where or when the customer will see it",
    "voucher": "sum of the confirmed vouchers",
    "voucher_from": "first day of the voucher",
    "voucher_until": "last day of the voucher",
    "bonus": "per cent extra on the next top-up",
    "bonus_from": "first day of the top-up bonus",
    "bonus_until": "last day of the top-up bonus",
    "benefits": "everything confirmed that is not money, in words",
    "given": "everything confirmed, in words",
    "offer": "what waits for the customer's answer, in words",
    "offer_until": "last day on which it can be taken",
    "incident": "the reference of the incident",
    "services": "the services that were lost",
    "estimate": "when service is expected back",
    "next_update": "when there will be news",
    "code": "short code by which the customer can check the text",
}
LONGEST_BODY = 1600
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LINK = re.compile(r"https?:|\bwww\.")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
# Number formats of many languages use these; either would force a whole text into UCS-2.
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " "})


@lru_cache(maxsize=1024)
def find_placeholders(body: str) -> tuple[str, ...]:
    """The names of a body's placeholders, each once, in order; raises InputError on a brace that is none."""
    names = _PLACEHOLDER.findall(body)
    for name in names:
        if not _NAME.fullmatch(name):
            raise InputError("not a placeholder", where="text", value=f"{{{name}}}", accepted="{name}, lower case")
    if re.search(r"[{}]", _PLACEHOLDER.sub("", body)):
        raise InputError("a brace that belongs to no placeholder", where="text", value=body, accepted="{name}")
    return tuple(dict.fromkeys(names))


def check_body(body: str, *, allow_links: bool = False) -> tuple[str, ...]:
    """The placeholders of a body that may be used as a text.

    Raises InputError when it is empty, too long, has control characters, a link or an unknown placeholder.
    """
    if not body.strip():
        raise InputError("the text is empty", where="text", accepted="what the customer is to read")
    if len(body) > LONGEST_BODY:
        raise InputError("too long", where="text", value=len(body), accepted=f"at most {LONGEST_BODY} characters")
    if found := _CONTROL.search(body):
        raise InputError("a control character", where="text", value=found[0], accepted="plain text and line ends")
    _refuse_links(body, allow_links)
    names = find_placeholders(body)
    for name in names:
        _check_known(name, PLACEHOLDERS)
    return names


def render(body: str, values: Mapping[str, str], placeholders: Iterable[str], *, allow_links: bool = False) -> str:
    """The body with its declared `placeholders` filled from `values` (others there are ignored).

    Raises InputError naming a placeholder that is undeclared, has no value or an empty one, and on a link.
    """
    declared = frozenset(placeholders)
    filled = {}
    for name in find_placeholders(body):
        _check_known(name, declared)
        value = values.get(name, "").translate(_SPACES).strip()
        if not value:
            raise InputError(f"no value for {{{name}}}", where="text", accepted="a value that is not empty")
        filled[name] = value
    text = _PLACEHOLDER.sub(lambda match: filled[match[1]], body)
    _refuse_links(text, allow_links)
    return text


def _check_known(name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise InputError(
            "unknown placeholder", where="text", value=f"{{{name}}}", accepted=", ".join(sorted(known)) or "none"
        )


def _refuse_links(text: str, allow_links: bool) -> None:
    # Fake compensation texts followed every large outage; a customer must be able to trust that ours have no link.
    if allow_links:
        return
    lowered = text.lower()
    # The plain search first: it is many times faster, and nearly every text passes it.
    if ("http" in lowered or "www." in lowered) and (found := _LINK.search(lowered)):
        raise InputError(
            "links are not allowed in texts", where="text", value=found[0], accepted="a text without links"
        )
