"""SQL text that finds, line by line, who lost which services from when to when, for DuckDB.

It reads these relations of the workspace: `base` (the mirror, with `served_by_id` of lines that a range holds),
`sightings` (line_id, element_id, seen_at), `visits` (line_id, element_id, started_at, ended_at: ready intervals),
`lost` (element_id, bundle, started_at, ended_at: when an element is without the services of a bundle), `claims`
(evidence_sql) and `shared_patterns` (pattern, services, started_at, ended_at: patterns known without looking at lines).
It makes `found` (line_id, evidence, pattern, first_at, last_at, sighting_age) and `shapes` (pattern, services,
started_at, ended_at: the interval sets of all patterns, a row per services that share one, times as lists). Instants
are Unix seconds. A bundle is a set of services that are lost together, so that their intervals are computed once. Lines
are looked at in ranges of their ids, so that memory does not grow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from outage.runs.interval_sql import quote, union_sql

# Who was where service was lost, among the lines over $3 and up to $4; a sighting holds until the next moment at which
# the line was seen. Sightings of one moment are peers, so that the order they were imported in cannot matter, and one
# that was imported twice is two of the same. A ready interval ends an older sighting when it starts, as one would.
_NEAR = """
    SELECT line_id, element_id, seen_at FROM sightings
    WHERE seen_at BETWEEN $1 AND $2 AND line_id > $3 AND line_id <= $4
"""
_STARTS = """
    UNION ALL SELECT line_id, NULL, started_at FROM visits
    WHERE started_at BETWEEN $1 AND $2 AND line_id > $3 AND line_id <= $4
"""
_ONLY_HIT = "AND line_id IN (FROM hit)"
_PRESENCES = """
SELECT
    stays.line_id, lost.bundle,
    greatest(stays.seen_at, lost.started_at) AS started_at,
    least(coalesce(stays.next_at, lost.ended_at), lost.ended_at) AS ended_at,
    greatest(lost.started_at - stays.seen_at, 0) AS age
FROM (
    SELECT line_id, element_id, seen_at, first_value(seen_at) OVER (
        PARTITION BY line_id ORDER BY seen_at GROUPS BETWEEN 1 FOLLOWING AND 1 FOLLOWING
    ) AS next_at FROM ({near})
) stays
JOIN lost ON lost.element_id = stays.element_id
WHERE stays.seen_at >= lost.started_at - $5
    AND stays.seen_at < lost.ended_at
    AND (stays.next_at IS NULL OR stays.next_at > lost.started_at)
"""
_VISITED = """
UNION ALL
SELECT
    visits.line_id, lost.bundle,
    greatest(visits.started_at, lost.started_at), least(visits.ended_at, lost.ended_at), 0
FROM visits
JOIN lost ON lost.element_id = visits.element_id
WHERE visits.started_at < lost.ended_at AND visits.ended_at > lost.started_at
    AND visits.line_id > $3 AND visits.line_id <= $4
"""

# Lines with a presence that are held by a failed element too get the union of both.
_LOSSES_WITH_HELD = """(
    SELECT line_id, bundle, started_at, ended_at, age FROM presences
    UNION ALL
    SELECT base.line_id, lost.bundle, lost.started_at, lost.ended_at, NULL
    FROM base JOIN lost ON lost.element_id = base.served_by_id
    WHERE base.line_id > $1 AND base.line_id <= $2 AND base.line_id IN (SELECT line_id FROM presences)
)"""

FOUND = (
    "CREATE OR REPLACE TEMP TABLE found (line_id BIGINT, evidence VARCHAR, pattern UUID, first_at BIGINT, "
    "last_at BIGINT, sighting_age BIGINT)",
    """
    CREATE OR REPLACE TEMP TABLE shapes AS
    SELECT pattern::UUID AS pattern, services, started_at, ended_at FROM shared_patterns
    """,
)
"""Make `found` and `shapes`, empty but for what lines share without being looked at one by one."""

CROWDED = """
SELECT count(*) FILTER (element_id IN (SELECT element_id FROM lost)) * 10 > count(*)
FROM (FROM sightings WHERE seen_at BETWEEN $1 AND $2 LIMIT 1000000)
"""
"""One row: whether over a tenth of the sightings, of some, are where service was lost.

Most lines, which are seen several times, then have one there, and to look for those first is work for nothing. $1 and
$2: the first and the last instant at which a sighting can matter.
"""

HIT = """
CREATE OR REPLACE TEMP TABLE hit AS
SELECT DISTINCT line_id FROM sightings
WHERE seen_at BETWEEN $1 AND $2 AND line_id > $3 AND line_id <= $4 AND element_id IN (SELECT element_id FROM lost)
"""
"""Make `hit`: lines over $3 and up to $4 with a sighting from $1 to $2 where service was lost."""

# What each of a range of lines lost: per bundle the starts and the ends of its intervals.
_SPANS = """
CREATE OR REPLACE TEMP TABLE spans AS
SELECT line_id, evidence, age, {first_at} AS first_at, {last_at} AS last_at, {columns},
    left(sha256({text}), 32)::UUID AS pattern
FROM (
    SELECT line_id, evidence, age, {joined}
    FROM (SELECT line_id, {evidence} AS evidence, max(age) AS age, {sorted} FROM {losses} GROUP BY line_id)
)
"""
_KEEP_FOUND = """
INSERT INTO found SELECT line_id, evidence, pattern, first_at, last_at, age FROM spans
"""
_KEEP_SHAPES = """
INSERT INTO shapes
SELECT pattern, services, started_at, ended_at FROM ({bundles})
WHERE line_id IN (SELECT min(line_id) FROM spans ANTI JOIN shapes USING (pattern) GROUP BY pattern)
"""


def presences_sql(*, only_hit: bool, any_visits: bool) -> str:
    """Make `presences` (line_id, bundle, started_at, ended_at, age): who was where service was lost.

    $1 and $2: the first and the last instant at which a sighting can matter; $3 and $4: of lines over and up to which
    id; $5: how many seconds a sighting holds before a loss. `only_hit`: of the lines in `hit` alone.
    """
    near = f"{_NEAR} {_ONLY_HIT if only_hit else ''} {_STARTS if any_visits else ''}"
    return f"CREATE OR REPLACE TEMP TABLE presences AS {_PRESENCES.format(near=near)} {_VISITED if any_visits else ''}"


def found_sql(bundles: Mapping[int, Sequence[str]], *, claimed: bool, any_held: bool) -> tuple[tuple[str, bool], ...]:
    """Add to `found` and `shapes` the lines of `presences`, or of `claims`; in order.

    Each with whether it wants the parameters $1 and $2, the lines over and up to which id. `bundles`: the services by
    the number of their bundle. `any_held`: whether lines in `presences` may be held by a failed element too.
    """
    if not bundles:
        return ()
    with_held = any_held and not claimed
    losses = "claims" if claimed else _LOSSES_WITH_HELD if with_held else "presences"
    evidence = "any_value(evidence)" if claimed else "'present'"
    return (
        (_spans_sql(bundles, losses, evidence), with_held),
        (_KEEP_FOUND, False),
        (_KEEP_SHAPES.format(bundles=" UNION ALL ".join(_shape_sql(*one) for one in bundles.items())), False),
    )


def _spans_sql(bundles: Mapping[int, Sequence[str]], losses: str, evidence: str) -> str:
    pick = "list_sort(list({0}){1})"
    only = {number: f" FILTER (bundle = {number})" if len(bundles) > 1 else "" for number in bundles}
    ordered = ", ".join(
        f"{pick.format('started_at', only[one])} AS s{one}, {pick.format('ended_at', only[one])} AS e{one}"
        for one in bundles
    )
    joined = ", ".join(f"{start} AS s{one}, {end} AS e{one}" for one in bundles for start, end in [_union(one)])
    return _SPANS.format(
        first_at=f"least({', '.join(f's{one}[1]' for one in bundles)})",
        last_at=f"greatest({', '.join(f'e{one}[-1]' for one in bundles)})",
        columns=", ".join(f"s{one}, e{one}" for one in bundles),
        text=_text_sql(bundles),
        joined=joined,
        sorted=ordered,
        evidence=evidence,
        losses=losses,
    )


def _union(bundle: int) -> tuple[str, str]:
    return union_sql(f"s{bundle}", f"e{bundle}")


def _text_sql(bundles: Mapping[int, Sequence[str]]) -> str:
    """The canonical form of intervals.pattern_key: services that were lost at the same times stand together."""
    texts = {number: f"(s{number}::VARCHAR || e{number}::VARCHAR)" for number in bundles}
    order = sorted(bundles, key=lambda number: min(bundles[number]))
    pieces = []
    for place, number in enumerate(order):
        own = texts[number]
        names = sorted((name, other) for other in order[place:] for name in bundles[other])
        alike = ", ".join(
            _literal(name) if other == number else f"CASE WHEN {texts[other]} = {own} THEN {_literal(name)} END"
            for name, other in names
        )
        before = " OR ".join(f"coalesce({texts[other]} = {own}, false)" for other in order[:place])
        piece = f"coalesce('[' || concat_ws(',', {alike}) || ']' || {own}, '')"
        pieces.append(f"CASE WHEN {before} THEN '' ELSE {piece} END" if before else piece)
    return " || ".join(pieces)


def _shape_sql(number: int, services: Sequence[str]) -> str:
    names = ", ".join(f"'{quote(name)}'" for name in services)
    return f"""
    SELECT line_id, pattern, [{names}] AS services, s{number} AS started_at, e{number} AS ended_at
    FROM spans WHERE s{number} IS NOT NULL
    """  # noqa: S608 - quoted


def _literal(name: str) -> str:
    return f"'{quote(json.dumps(name))}'"
