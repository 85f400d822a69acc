"""What lines lost, made into rows of a run: who, from when to when together, and by which pattern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from outage.runs.flat import Spans, begins, in_order, pattern_names, run_lengths, united
from outage.runs.shapes import Sets, Shapes, name_array
from outage.runs.stays import NO_AGE, Losses

FOUND = pa.schema(
    [
        ("line_id", pa.int64()),
        ("evidence", pa.string()),
        ("pattern", pa.uuid()),
        ("first_at", pa.int64()),
        ("last_at", pa.int64()),
        ("sighting_age", pa.int64()),
    ]
)
"""Lines and what they lost, from their first second without service to their last."""


@dataclass(frozen=True)
class Found:
    """Lines that were found to have lost something, rows of `FOUND` in the order of line_id, and their patterns."""

    lines: pa.Table
    shapes: Shapes

    def beside(self, line_ids: pa.ChunkedArray) -> pa.Table:
        """A row of `FOUND` for each of these lines, without anything but its id if it is not among those found."""
        ids, known = line_ids.to_numpy(), self.lines["line_id"].to_numpy()
        places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        rows = self.lines.take(pa.array(places, mask=known[places] != ids))
        return rows.set_column(0, FOUND.field("line_id"), line_ids)

    def and_also(self, other: Found) -> Found:
        """These and others, of other lines."""
        lines = pa.concat_tables([self.lines, other.lines]).sort_by("line_id")
        return Found(lines, self.shapes.and_also(other.shapes))


NOBODY = Found(FOUND.empty_table(), Shapes.of_patterns(()))


def found_of(losses: Losses, bundles: Mapping[int, Sequence[str]], evidence: str) -> Found:
    """The lines with these losses, all on one kind of evidence; `bundles`: the services by the number of their bundle.

    What was lost together, by overlapping or touching, is one interval; the oldest sighting says how old it is.
    """
    if not len(losses):
        return NOBODY
    if not in_order(losses.line_ids):
        losses = losses.taken(np.argsort(losses.line_ids, kind="stable"))
    fresh = begins(losses.line_ids)
    first_rows, width = np.flatnonzero(fresh), max(bundles) + 1
    line_ids = losses.line_ids[first_rows]
    groups = (np.cumsum(fresh) - 1) * width + losses.bundles
    spans = united(Spans(groups, losses.started_at, losses.ended_at))
    spans_from = spans.first_rows()
    line_of = spans.groups[spans_from] // width
    bundle_of = spans.groups[spans_from] - line_of * width
    names = pattern_names(spans, bundle_of, line_of, bundles)
    groups_from = np.flatnonzero(begins(line_of))
    last_spans = np.append(spans_from[1:], len(spans)) - 1
    ages = np.maximum.reduceat(losses.age, first_rows)
    columns = (
        pa.array(line_ids),
        pa.repeat(evidence, len(line_ids)),
        name_array(names),
        pa.array(np.minimum.reduceat(spans.started_at[spans_from], groups_from)),
        pa.array(np.maximum.reduceat(spans.ended_at[last_spans], groups_from)),
        pa.array(ages, mask=ages == NO_AGE),
    )
    lines = pa.Table.from_arrays(columns, schema=FOUND)
    services = tuple(tuple(bundles.get(number, ())) for number in range(width))
    sets = Sets(services, bundle_of, run_lengths(spans_from, len(spans)), spans.started_at, spans.ended_at)
    return Found(lines, Shapes(sets, names, run_lengths(groups_from, len(line_of))))
