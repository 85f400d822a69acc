"""SQL text that makes an impact run of what was found line by line and of what groups of lines share, for DuckDB.

It reads these relations of the workspace: `base` (the mirror, with `served_by_id` of lines that a range holds), `found`
(outage.runs.found), `held` (element_id, pattern, first_at, last_at: elements that hold lines), `homes` and `away`
(evidence_sql). Instants are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from outage.runs.interval_sql import quote

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
        """The expression that gives pattern, first_at or last_at of the element that holds a line; "" if none does."""
        if self.held is None:
            return f"h.{column}"
        if not self.held:
            return ""
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


# What is put beside a line must be its own, whatever the engine does with the order of rows.
_SAME_LINE = "WHERE CASE WHEN p.line_id = b.line_id THEN true ELSE error('a line beside that of another') END"

USERS_OF = "SELECT DISTINCT served_by_id FROM base WHERE served_by_id IS NOT NULL"
ZONES = "SELECT DISTINCT zone FROM base ORDER BY zone"


JOINED, BESIDE = "joined", "beside"
"""How lines come together with what was found of them: by their ids, or by their place in a range among `here`.

To join by ids copies every fact of a line, and leaves its rows in no order.
"""


def gross_sql(name: str, shared: Shared, *, found: str | None, with_homes: bool) -> str:
    """Make a view such as `gross`: one row per line of the base that lost a service within its contract, and `FACTS`.

    Its columns: line_id, account_id, pattern, gross_pattern (none), evidence, sighting_age, first_at, last_at, and the
    facts. A view, for ten million lines behind one element need no table of their own. `found`: how lines of `found`
    come in, `JOINED` or `BESIDE`, if they do; `with_homes`: whether any home area lost service. A contract runs from
    the first midnight of its first day to the first midnight after its last, in the line's zone; contracts that start
    or end outside of the days that matter are decided by the first and the last of these.
    """
    with_found = found is not None
    held = {name: shared.of_element(name) for name in _EXTENT}
    columns = {
        name: _first_of(f"p.{name}" if with_found else "", held[name], f"a.{name}" if with_homes else "")
        for name in _EXTENT
    }
    evidence = _first_of("p.evidence" if with_found else "", "'home_area'" if with_homes or not with_found else "")
    age = "p.sighting_age" if with_found else "NULL::BIGINT"
    if held["pattern"]:
        evidence = f"CASE WHEN {held['pattern']} IS NOT NULL THEN 'served_by' ELSE {evidence} END"
        age = f"CASE WHEN {held['pattern']} IS NULL THEN {age} END"
    # Without what groups of lines share, all lines of the run are in `found`.
    join = "LEFT" if with_homes or shared.held is None or shared.held else "INNER"
    return f"""
    CREATE VIEW {name} AS
    SELECT line_id, account_id, pattern, gross_pattern, evidence, sighting_age, first_at, last_at, {", ".join(FACTS)}
    FROM (
        SELECT b.*, {columns["pattern"]}::UUID AS pattern, NULL::UUID AS gross_pattern,
            {evidence} AS evidence, {age} AS sighting_age,
            {columns["first_at"]}::BIGINT AS first_at, {columns["last_at"]}::BIGINT AS last_at
        FROM {"here b POSITIONAL JOIN beside p" if found == BESIDE else "base b"}
        {_HELD if shared.held is None else ""}
        {f"{join} JOIN found p ON p.line_id = b.line_id" if found == JOINED else ""}
        {_HOMES if with_homes else ""}
        {_SAME_LINE if found == BESIDE else ""}
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


def here_sql(ids: tuple[int, int]) -> str:
    """Make the view `here`: the lines of the base over one id and up to another, in its order."""
    return f"CREATE OR REPLACE TEMP VIEW here AS FROM base WHERE line_id > {ids[0]:d} AND line_id <= {ids[1]:d}"


def _first_of(*expressions: str) -> str:
    """The first value that is not null; each that is made for nothing is copied once for ten million lines."""
    named = [one for one in expressions if one]
    return f"coalesce({', '.join(named)})" if len(named) > 1 else (*named, "NULL")[0]


def lines_sql(relation: str, *, in_order: bool = False) -> str:
    """The run's rows from `gross`, or from what a later step made of it, of the lines over $1 and up to $2.

    `in_order`: sorted by line_id.
    """
    columns = ", ".join(("line_id", "account_id", "pattern", "gross_pattern", "evidence", "sighting_age", *FACTS))
    order = " ORDER BY line_id" if in_order else ""
    return f"SELECT {columns} FROM {relation} WHERE line_id > $1 AND line_id <= $2{order}"  # noqa: S608 - our own names


HELD_LINES = """
SELECT line_id, served_by_id FROM base
WHERE line_id > $1 AND line_id <= $2 AND served_by_id IN (SELECT element_id FROM held)
"""
"""The lines over $1 and up to $2 that a failed element holds, and which."""

SHAPES_OF = """
SELECT pattern, services, started_at, ended_at FROM shapes
WHERE pattern IN (SELECT pattern FROM wanted) ORDER BY pattern
"""
"""The rows of `shapes` (in their form: `outage.runs.patterns`) of the patterns in `wanted`."""


def shortened_sql(lines: str) -> str:
    """One row: how many of the written `lines` lost less than was found, because others counted the rest."""
    return f"SELECT count(gross_pattern) FROM {lines}"  # noqa: S608 - our own names


def patterns_sql(lines: str) -> str:
    """One row: how many patterns the written `lines` (a source) have."""
    return f"SELECT count(DISTINCT pattern) FROM {lines}"  # noqa: S608 - our own names


def account_ids_sql(lines: str) -> str:
    """One row: the lowest and the highest id of an account among the written `lines`; none: no lines."""
    return f"SELECT min(account_id), max(account_id) FROM {lines}"  # noqa: S608 - our own names


def accounts_sql(lines: str, ids: tuple[int, int] | None) -> str:
    """One row: the accounts of the written `lines`.

    `ids`: the lowest and the highest, if they lie so close together that a bit for each possible one is the least work.
    """
    if ids is None:
        return f"SELECT count(DISTINCT account_id) FROM {lines}"  # noqa: S608 - our own names
    return f"SELECT bit_count(bitstring_agg(account_id, {ids[0]:d}, {ids[1]:d})) FROM {lines}"  # noqa: S608
