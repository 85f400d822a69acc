"""SQL text that makes an impact run of what was found line by line and of what groups of lines share, for DuckDB.

It reads these relations of the workspace: `base` (the mirror, with `served_by_id` of lines that a range holds), `found`
and `shapes` (found_sql), `held` (element_id, pattern, first_at, last_at: elements that hold lines), `homes` and `away`
(evidence_sql). Instants are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from outage.runs.interval_sql import quote, union_sql

# What a run keeps of a line, from the mirror: its facts, and neither its number nor anything that names a person.
FACTS = (
    "currency",
    "account_lines",
    "plan",
    "payment_type",
    "segment",
    "brand",
    "language",
    "zone",
    "status",
    "fee_list_minor",
    "fee_discounted_minor",
    "fee_service_minor",
    "fee_device_minor",
    "contract_started_on",
    "contract_ended_on",
    "attributes",
)

_EXTENT = ("pattern", "first_at", "last_at")
_HELD = """
    LEFT JOIN (SELECT * REPLACE (pattern::UUID AS pattern) FROM held) h ON h.element_id = b.served_by_id
"""
_HOMES = """
    LEFT JOIN away w ON w.line_id = b.line_id
    LEFT JOIN (SELECT * REPLACE (pattern::UUID AS pattern) FROM homes) a ON a.area = b.home_area AND w.line_id IS NULL
"""


@dataclass(frozen=True)
class Shared:
    """What whole groups of lines share, to be written into the SQL instead of joined, so that rows stay in order.

    `held`: per element that holds lines, its pattern, first_at and last_at; None when they are too many and `held` is
    joined. `midnights`: per zone, when each day from `first_day` on starts, up to `last_day`, in Unix seconds.
    """

    held: Mapping[int, tuple[str, int, int]] | None
    first_day: date
    last_day: date
    midnights: Mapping[str, Sequence[int]]

    def of_element(self, column: str) -> str:
        """The expression that gives pattern, first_at or last_at of the element that holds a line."""
        if not self.held:
            return "NULL"
        place, kind = _EXTENT.index(column), "UUID" if column == "pattern" else "BIGINT"
        whens = " ".join(f"WHEN {element} THEN '{row[place]}'::{kind}" for element, row in self.held.items())
        return f"CASE b.served_by_id {whens} END"

    def midnight(self, day: str) -> str:
        """The expression that gives the instant at which a day, an SQL expression, starts in the line's zone."""
        if not self.midnights:
            return "NULL::BIGINT"
        whens = " ".join(
            f"WHEN '{quote(zone)}' THEN {list(starts)}::BIGINT[]" for zone, starts in self.midnights.items()
        )
        # A place before the first would count from the end of the list.
        place = f"({day}) - DATE '{self.first_day}' + 1"
        return f"(CASE WHEN {place} > 0 THEN CASE zone {whens} END END)[{place}]"


USERS_OF = "SELECT DISTINCT served_by_id FROM base WHERE served_by_id IS NOT NULL"
ZONES = "SELECT DISTINCT zone FROM base ORDER BY zone"


def gross_sql(shared: Shared, *, with_found: bool, with_homes: bool) -> str:
    """Make the view `gross`: one row per line of the base that lost a service within its contract, with its `FACTS`.

    Its columns: line_id, account_id, pattern, gross_pattern (none), evidence, sighting_age, first_at, last_at, and the
    facts. A view, for ten million lines behind one element need no table of their own. `with_found`: whether any line
    was looked at by itself; `with_homes`: whether any home area lost service. A contract runs from the first midnight
    of its first day to the first midnight after its last, in the line's zone; contracts that start or end outside of
    the days that matter are decided by the first and the last of these.
    """
    held = {name: f"h.{name}" if shared.held is None else shared.of_element(name) for name in _EXTENT}
    columns = {
        name: f"coalesce({f'p.{name}, ' if with_found else ''}{held[name]}{f', a.{name}' if with_homes else ''})"
        for name in _EXTENT
    }
    found = "coalesce(p.evidence, 'home_area')" if with_found else "'home_area'"
    age = f"CASE WHEN {held['pattern']} IS NULL THEN p.sighting_age END" if with_found else "NULL::BIGINT"
    return f"""
    CREATE VIEW gross AS
    SELECT line_id, account_id, pattern, gross_pattern, evidence, sighting_age, first_at, last_at, {", ".join(FACTS)}
    FROM (
        SELECT b.*, {columns["pattern"]}::UUID AS pattern, NULL::UUID AS gross_pattern,
            CASE WHEN {held["pattern"]} IS NOT NULL THEN 'served_by' ELSE {found} END AS evidence,
            {age} AS sighting_age, {columns["first_at"]}::BIGINT AS first_at, {columns["last_at"]}::BIGINT AS last_at
        FROM base b
        {_HELD if shared.held is None else ""}
        {"LEFT JOIN found p ON p.line_id = b.line_id" if with_found else ""}
        {_HOMES if with_homes else ""}
    )
    WHERE pattern IS NOT NULL
        AND (
            contract_started_on IS NULL OR contract_started_on < DATE '{shared.first_day}'
            OR {shared.midnight("contract_started_on")} < last_at
        )
        AND (
            contract_ended_on IS NULL OR contract_ended_on >= DATE '{shared.last_day}'
            OR {shared.midnight("contract_ended_on + 1")} > first_at
        )
    """  # noqa: S608 - our own names


def lines_sql(relation: str, *, in_order: bool = False) -> str:
    """The run's rows from `gross`, or from what a later step made of it.

    `in_order`: only those of the lines over $1 and up to $2, sorted by line_id.
    """
    columns = ", ".join(("line_id", "account_id", "pattern", "gross_pattern", "evidence", "sighting_age", *FACTS))
    part = " WHERE line_id > $1 AND line_id <= $2 ORDER BY line_id"
    return f"SELECT {columns} FROM {relation}{part if in_order else ''}"  # noqa: S608 - our own names


def users_sql(lines: str) -> str:
    """Make `users` (pattern, lines): how many of the written `lines` (a source) have each pattern."""
    return f"CREATE TEMP TABLE users AS SELECT pattern, count(*) AS lines FROM {lines} GROUP BY pattern"  # noqa: S608


def patterns_sql(lines: str, *, with_gross: bool) -> str:
    """The interval sets of the patterns that the written `lines` (a source) use, as `outage.runs.patterns` keeps them.

    In no order: sorting a million patterns takes as long as all that finds them, and one is found as quickly.

    `with_gross`: whether other runs were taken from this one.
    """
    gross = f"UNION ALL SELECT gross_pattern FROM {lines}" if with_gross else ""  # noqa: S608 - our own names
    return f"""
    SELECT pattern, services, started_at, ended_at FROM shapes
    WHERE pattern IN (SELECT pattern FROM users {gross})
    """  # noqa: S608 - our own names


def shortened_sql(lines: str) -> str:
    """One row: how many of the written `lines` lost less than was found, because others counted the rest."""
    return f"SELECT count(gross_pattern) FROM {lines}"  # noqa: S608 - our own names


TOTALS = "SELECT coalesce(sum(lines), 0)::BIGINT, count(*) FROM users"
"""One row: lines and patterns."""


def accounts_sql(lines: str) -> str:
    """One row: the accounts of the written `lines`."""
    return f"SELECT count(DISTINCT account_id) FROM {lines}"  # noqa: S608 - our own names


def evidence_sql(lines: str) -> str:
    """Per evidence: how many lines."""
    return f"SELECT evidence, count(*) FROM {lines} GROUP BY evidence ORDER BY evidence"  # noqa: S608


SERVICES = """
SELECT services, sum(lines)::BIGINT, sum(lines * (list_sum(ended_at) - list_sum(started_at)))::HUGEINT
FROM shapes JOIN users USING (pattern) GROUP BY services
"""
"""Per services that share their intervals: how many lines lost them, and for how many seconds together."""

_starts, _ends = union_sql("starts", "ends")
USER_SECONDS = f"""
SELECT coalesce(sum(lines * (list_sum({_ends}) - list_sum({_starts}))), 0)::HUGEINT
FROM (
    SELECT pattern, list_sort(flatten(list(started_at))) AS starts, list_sort(flatten(list(ended_at))) AS ends
    FROM shapes GROUP BY pattern
) JOIN users USING (pattern)
"""  # noqa: S608 - our own names
"""One row: the seconds, over all lines, without at least one service."""
