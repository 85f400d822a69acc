"""Pure: a number beside what it counts, as people say it: 1 day, 2 days, 0.5 days."""

from __future__ import annotations

from fractions import Fraction

_ONE = {
    "days": "day",
    "hours": "hour",
    "minutes": "minute",
    "seconds": "second",
    "weeks": "week",
    "months": "month",
    "years": "year",
    "lines": "line",
    "sites": "site",
    "towers": "tower",
    "cells": "cell",
    "areas": "area",
    "outages": "outage",
    "blocks": "block",
    "incidents": "incident",
    "levels": "level",
    "periods": "period",
    "times": "time",
    "texts": "text",
}
"""The words that units end in, and each for one alone; other units (h, %, GB) are the same for any number."""


def unit_for(number: Fraction | int, unit: str) -> str:
    """The unit as it stands behind a number: `1 working day`, `0 working days`."""
    start, space, last = unit.rpartition(" ")
    return f"{start}{space}{_ONE.get(last, last)}" if abs(number) == 1 else unit
