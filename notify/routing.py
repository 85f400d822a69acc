"""Routing, pure: which channel carries a text and what comes after it, which account system carries a credit."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from foundation.errors import InputError, RefusedError

# What a channel writes to.
NUMBER, EMAIL = "number", "email"
_POSTING_WORDS = ("kind", "payment", "brand")
_TEXT_WORDS = ("purpose", "brand")
_FORM = "NAME=VALUE|VALUE ...: WAY WAY; ...; *: WAY"
# A row that no route names goes by the first way that can carry it.
_ANY = "*"


class Way(NamedTuple):
    """A channel, and the recipient's address on it."""

    channel: str
    address: str


@dataclass(frozen=True, slots=True)
class Route:
    """The ways for what has one of the `wanted` values of each name; the first route that fits counts."""

    wanted: Mapping[str, frozenset[str]]
    ways: tuple[str, ...]

    def fits(self, facts: Mapping[str, str | None]) -> bool:
        """Whether this route is for what has these facts."""
        return all(facts.get(name) in values for name, values in self.wanted.items())


@dataclass(frozen=True)
class Routing:
    """What is installed, in the order of the settings, and the routes that choose among it.

    `systems`: the kinds of rewards that each account system can carry. `channels`: what each channel writes to,
    NUMBER or EMAIL. Without a route that fits, everything installed may carry it, the first first.
    """

    systems: Mapping[str, frozenset[str]]
    channels: Mapping[str, str]
    posting_routes: tuple[Route, ...] = ()
    text_routes: tuple[Route, ...] = ()
    _known: dict[tuple[str, str | None, str | None], str] = field(default_factory=dict, compare=False, repr=False)

    def system_for(self, kind: str, *, payment: str | None = None, brand: str | None = None) -> str:
        """The account system that carries a reward of this kind for a line of this payment type and brand.

        Raises RefusedError when none can.
        """
        key = kind, payment, brand
        if key not in self._known:
            self._known[key] = self._find_system(*key)
        return self._known[key]

    def ways_for(
        self,
        purpose: str,
        *,
        number: str,
        email: str | None = None,
        prefers: str | None = None,
        brand: str | None = None,
    ) -> tuple[Way, ...]:
        """The ways that a text takes to a recipient, one after the other; the next when one failed for certain.

        `prefers` (NUMBER or EMAIL) goes first where the recipient has such an address. Raises RefusedError when
        nothing installed reaches any address that is known.
        """
        addresses = {NUMBER: number, EMAIL: email}
        names = self._text_channels(purpose, brand)
        ways = [Way(name, address) for name in names if (address := addresses[self.channels[name]])]
        if not ways:
            accepted = "OUTAGE_CHANNELS and OUTAGE_TEXT_ROUTES with a channel for numbers"
            raise RefusedError(f"no channel carries texts of purpose {purpose}", where="routes", accepted=accepted)
        # sorted is stable: among the preferred ones the order of the route holds.
        return tuple(sorted(ways, key=lambda way: self.channels[way.channel] != prefers))

    def check_kinds(self, kinds: Collection[str]) -> None:
        """Raise RefusedError for kinds of rewards that nothing installed can carry, whatever the line."""
        carried = frozenset[str]().union(*self.systems.values())
        if missing := sorted(set(kinds) - carried):
            raise _nobody(", ".join(missing), self.systems)

    def _text_channels(self, purpose: str, brand: str | None) -> tuple[str, ...]:
        facts = {"purpose": purpose, "brand": brand}
        chosen = next((route.ways for route in self.text_routes if route.fits(facts)), None)
        return tuple(self.channels) if chosen is None else chosen

    def _find_system(self, kind: str, payment: str | None, brand: str | None) -> str:
        facts = {"kind": kind, "payment": payment, "brand": brand}
        chosen = next((route.ways for route in self.posting_routes if route.fits(facts)), tuple(self.systems))
        for name in chosen:
            if kind in self.systems[name]:
                return name
        raise _nobody(kind, self.systems)


def _nobody(kind: str, systems: Mapping[str, frozenset[str]]) -> RefusedError:
    carried = "; ".join(f"{name}: {', '.join(sorted(kinds))}" for name, kinds in systems.items())
    return RefusedError(
        f"no account system carries {kind}", where="OUTAGE_ACCOUNT_SYSTEMS, OUTAGE_POSTING_ROUTES", accepted=carried
    )


def read_posting_routes(text: str, systems: Collection[str]) -> tuple[Route, ...]:
    """The routes of a setting such as `kind=bill_credit: adjustment_file; payment=prepaid: tmf654`.

    Raises InputError naming the part that is not accepted.
    """
    return _read(text, "OUTAGE_POSTING_ROUTES", _POSTING_WORDS, systems)


def read_text_routes(text: str, channels: Collection[str]) -> tuple[Route, ...]:
    """The routes of a setting such as `purpose=service brand=O2|giffgaff: smpp email; *: twilio`; raises InputError."""
    return _read(text, "OUTAGE_TEXT_ROUTES", _TEXT_WORDS, channels)


def _read(text: str, setting: str, words: Collection[str], installed: Collection[str]) -> tuple[Route, ...]:
    read = functools.partial(_read_one, setting=setting, words=words, installed=installed)
    return tuple(read(part.strip()) for part in text.split(";") if part.strip())


def _read_one(part: str, *, setting: str, words: Collection[str], installed: Collection[str]) -> Route:
    where = f"setting {setting}"
    conditions, separator, said = part.partition(":")
    ways = tuple(said.split())
    if not separator or not ways:
        raise InputError("not a route", where=where, value=part, accepted=_FORM)
    if strange := [way for way in ways if way not in installed]:
        accepted = "what is installed: " + ", ".join(installed)
        raise InputError("not installed", where=where, value=", ".join(strange), accepted=accepted)
    wanted: dict[str, frozenset[str]] = {}
    for condition in conditions.split():
        name, _, values = condition.partition("=")
        if condition == _ANY:
            continue
        if name not in words or not values:
            accepted = f"{_FORM}, with the names {', '.join(words)}"
            raise InputError("not a condition", where=where, value=condition, accepted=accepted)
        wanted[name] = frozenset(values.split("|"))
    if not wanted and _ANY not in conditions.split():
        raise InputError("a route without a condition", where=where, value=part, accepted=f"{_ANY}: {said.strip()}")
    return Route(wanted, ways)
