"""What several fields of a row of a network file say together, and what its rejected rows are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from foundation import clock
from outage.imports.importing import Batch, Refusal


class Named:
    """What the rejected rows of a file are about, as far as they say it."""

    def __init__(self) -> None:
        self.keys: set[tuple[str, ...]] = set()
        self.rejected = 0

    def watch(self, batches: Iterable[Batch], *names: str) -> Iterator[Batch]:
        """Pass the batches on, remembering of each rejected row the values of these columns."""
        for batch in batches:
            yield batch
            for position in batch.faults:
                key = tuple(batch.values[name][position] for name in names)
                if not any(type(value) is Refusal for value in key):
                    self.keys.add(key)
                    self.rejected += 1


def checked_elements(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Batches of elements with what several fields of a row say together: validity in order, both coordinates."""
    for batch in _checked_validity(batches):
        # A column the file lacks says nothing, for any row.
        absent = [None] * len(batch.lines)
        latitudes, longitudes = (batch.values.get(name, absent) for name in ("latitude", "longitude"))
        for position in list(batch.good()):
            if (latitudes[position] is None) != (longitudes[position] is None):
                reason = "a latitude without a longitude or the other way; accepted: both or neither"
                batch.refuse(position, "latitude", latitudes[position], reason)
        yield batch


def _checked_validity(batches: Iterable[Batch]) -> Iterator[Batch]:
    for batch in batches:
        absent = [None] * len(batch.lines)
        starts, ends = (batch.values.get(name, absent) for name in ("valid_from", "valid_to"))
        for position in list(batch.good()):
            start, end = starts[position], ends[position]
            if start is not None and end is not None and end <= start:
                reason = f"valid_to is not after valid_from; accepted: a time after {_shown(start)}"
                batch.refuse(position, "valid_to", _shown(end), reason)
        yield batch


def _shown(seconds: int) -> str:
    return f"{clock.from_unix(seconds):%Y-%m-%dT%H:%M:%SZ}"


def checked_dependencies(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Batches of dependencies, each in a group, likewise; none of an element on itself."""
    for batch in _checked_validity(batches):
        elements, members = batch.values["element"], batch.values["member"]
        named = batch.values.get("group", [None] * len(batch.lines))
        # A plain dependency is a group of one; its member names it.
        groups = [group or member for group, member in zip(named, members, strict=True)]
        batch.values["group"] = groups
        for position in list(batch.good()):
            if elements[position] == members[position]:
                reason = "an element that depends on itself; accepted: another element"
                batch.refuse(position, "member", members[position], reason)
            elif len(groups[position]) > 64:
                batch.refuse(position, "group", "", "empty, and the member's ref is too long to name the group")
        yield batch
