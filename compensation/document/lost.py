"""The clock times of a worked case: lost intervals per service, in the policy's time zone."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import yaml

from compensation.document.yaml_reader import Reader
from outage.intervals import Interval, IntervalSet, normalise
from outage.lifecycle import SERVICES

INSTANT = "a local time such as 2025-03-01T06:00, or one with its offset such as 2025-03-01T06:00+05:30"
_SPAN = "start/end, such as 2025-03-01T06:00/2025-03-03T10:00"
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def read_lost(reader: Reader, node: yaml.Node, zone: str) -> Mapping[str, IntervalSet]:
    """Lost intervals in Unix seconds per service, overlapping ones united; services not named lost nothing."""
    lost: dict[str, IntervalSet] = {}
    for service, key, value in reader.entries(node, "lost"):
        if reader.choice(key, "service", SERVICES) is None:
            continue
        spans = (_span(reader, item, zone) for item in reader.items(value, service))
        lost[service] = normalise(span for span in spans if span is not None)
    return {service: spans for service, spans in lost.items() if spans}


def read_lost_before(reader: Reader, node: yaml.Node, zone: str) -> tuple[Mapping[str, IntervalSet], ...]:
    """What was lost in earlier incidents, as `read_lost` has it: of one of them, or of a list of several."""
    several = reader.items(node, "lost before") if isinstance(node, yaml.SequenceNode) else [node]
    return tuple(read_lost(reader, one, zone) for one in several)


def read_instant(reader: Reader, node: yaml.Node, zone: str, what: str) -> datetime.datetime | None:
    """An instant with the zone's offset, or None (after a problem unless it is null)."""
    if reader.is_null(node):
        return None
    text = node.value if isinstance(node, yaml.ScalarNode) else ""
    return _instant(reader, node, str(text), zone, what)


def _span(reader: Reader, node: yaml.Node, zone: str) -> Interval | None:
    text = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
    start, slash, end = text.partition("/")
    if not slash:
        reader.problem(node, f"not an interval: {text}", _SPAN)
        return None
    instants = [_instant(reader, node, part.strip(), zone, what) for part, what in ((start, "start"), (end, "end"))]
    if instants[0] is None or instants[1] is None:
        return None
    first, last = (int(one.timestamp()) for one in instants if one is not None)
    if last <= first:
        reader.problem(node, f"the interval does not end after it begins: {text}", _SPAN)
        return None
    return first, last


def _instant(reader: Reader, node: yaml.Node, text: str, zone: str, what: str) -> datetime.datetime | None:
    try:
        read = datetime.datetime.fromisoformat(text) if _INSTANT.fullmatch(text) else None
    except ValueError:
        read = None
    if read is None:
        reader.problem(node, f"{what} is not an instant: {text}", INSTANT)
        return None
    if read.tzinfo is not None:
        return read.astimezone(ZoneInfo(zone))
    local = read.replace(tzinfo=ZoneInfo(zone))
    if local.astimezone(datetime.UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != read:
        reader.problem(node, f"no clock in {zone} shows {text}", "a time that the change of clocks does not skip")
        return None
    return local
