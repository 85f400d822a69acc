"""The holiday calendars of a policy file: read from YAML and checked."""

from __future__ import annotations

import yaml

from compensation.document.yaml_reader import Reader
from compensation.measures import HolidayCalendar

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def read_calendars(reader: Reader, node: yaml.Node | None) -> tuple[HolidayCalendar, ...]:
    """The holiday calendars by name."""
    if node is None or reader.is_null(node):
        return ()
    found = (_calendar(reader, name, value) for name, _, value in reader.entries(node, "holidays"))
    return tuple(one for one in found if one is not None)


def _calendar(reader: Reader, name: str, node: yaml.Node) -> HolidayCalendar | None:
    what, problems = f'the calendar "{name}"', len(reader.problems)
    parts = reader.mapping(node, what, ["source", "covers", "dates"], ["weekend"])
    covers = reader.mapping(parts["covers"], "covers", ["from", "to"]) if "covers" in parts else {}
    since, until = (reader.date(covers[key], key) if key in covers else None for key in ("from", "to"))
    source = reader.string(parts["source"], "source") if "source" in parts else None
    dates = {
        day: item
        for item in (reader.items(parts["dates"], "dates") if "dates" in parts else ())
        if (day := reader.date(item, "a holiday")) is not None
    }
    weekend = _weekend(reader, parts.get("weekend"))
    if since is None or until is None or source is None or len(reader.problems) > problems:
        if len(reader.problems) == problems:
            reader.problem(node, f"{what} does not say which dates it covers", "covers: {from: 2025-01-01, to: ...}")
        return None
    for day, item in dates.items():
        if not since <= day < until:
            reader.problem(item, f"{day} is not among the dates that {what} covers", f"{since} to before {until}")
    return HolidayCalendar(name, source, since, until, weekend, frozenset(dates))


def _weekend(reader: Reader, node: yaml.Node | None) -> frozenset[int]:
    if node is None:
        return frozenset({5, 6})
    chosen = [reader.choice(item, "weekend", _WEEKDAYS) for item in reader.items(node, "weekend")]
    weekend = frozenset(_WEEKDAYS.index(day) for day in chosen if day)
    if len(weekend) == len(_WEEKDAYS):
        reader.problem(node, "no day of the week is left to work on", "six days at most")
    return weekend
