"""SQL text that checks a file of presence column by column and cuts it by day, for DuckDB.

It reads these relations of the workspace: `file` (line, msisdn, cell, and the times as text or as Unix seconds),
`known_lines` (line_id, msisdn) and `cells` (element_id, ref).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

DAY_SECONDS = 86_400

# The usual ways to write an instant (databases write +00); whatever else the file has is read one by one, or refused.
_OFFSET = r"(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)"
_PLAIN = rf"(19[7-9]\d|2\d{{3}})-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?{_OFFSET}"


def staged_sql(times: Mapping[str, bool], latest: int) -> str:
    """Make `staged`: line, line_id, element_id, the times in Unix seconds, and `faulty`.

    `times`: the columns of time, and whether they are text. `faulty`: the texts of a row that has to be looked at, null
    for one that is good: its number is in the base, its cell in the inventory, its times are plain, in order, and not
    after `latest` (Unix seconds).
    """
    read = ", ".join(f"{_seconds(name) if is_text else f'f.{name}'} AS {name}" for name, is_text in times.items())
    known = " AND ".join(f"{name} IS NOT NULL" for name in ("line_id", "element_id", *times))
    ordered = " AND started_at < ended_at" if len(times) > 1 else ""
    ordered += "".join(f" AND {name} <= {latest:d}" for name in times)
    raw = ", ".join(("msisdn", "cell", *(f"raw_{name}" for name in times)))
    raw_times = ", ".join(f"f.{name}::VARCHAR AS raw_{name}" for name in times)
    return f"""
    CREATE TEMP TABLE staged AS
    SELECT line, line_id, element_id, {", ".join(times)},
        CASE WHEN NOT ({known}{ordered}) THEN [{raw}] END AS faulty
    FROM (
        SELECT f.line, n.line_id, c.element_id, f.msisdn, f.cell, {read}, {raw_times}
        FROM file f LEFT JOIN known_lines n ON n.msisdn = f.msisdn LEFT JOIN cells c ON c.ref = f.cell
    )
    """  # noqa: S608 - our own names


def good_sql(columns: Sequence[str]) -> str:
    """Make the view `good`: the rows that were good at once, and those in `mended` that turned out to be."""
    names = ", ".join(columns)
    return f"""
    CREATE VIEW good AS SELECT {names} FROM staged WHERE faulty IS NULL UNION ALL SELECT {names} FROM mended
    """  # noqa: S608 - our own names


def days_sql(begin: str, end: str) -> str:
    """Per UTC day of `good`, numbered from 1970: how many rows, the first instant and the last."""
    return f"""
    SELECT {begin} // {DAY_SECONDS} AS day, count(*), min({begin}), max({end}) FROM good GROUP BY day ORDER BY day
    """  # noqa: S608 - our own names


def part_sql(columns: Sequence[str], begin: str, day: int) -> str:
    """The rows of one day, each once and in order, so that the same facts give the same file."""
    names = ", ".join(columns)
    return f"""
    SELECT DISTINCT {names} FROM good
    WHERE {begin} >= {day * DAY_SECONDS} AND {begin} < {(day + 1) * DAY_SECONDS}
    ORDER BY line_id, {begin}, element_id{", ended_at" if "ended_at" in columns else ""}
    """  # noqa: S608 - our own names


FAULTY = "SELECT * EXCLUDE (faulty), faulty FROM staged WHERE faulty IS NOT NULL ORDER BY line"


def _seconds(name: str) -> str:
    instant = f"epoch_us(try_cast(f.{name} AS TIMESTAMPTZ)) // 1000000"
    return f"CASE WHEN regexp_full_match(f.{name}, '{_PLAIN}') THEN {instant} END"
