"""SQL text on intervals, for DuckDB: their union, over rows or in lists."""

from __future__ import annotations


def merged_sql(relation: str, keys: str) -> str:
    """Per distinct `keys` of a relation, its intervals (started_at, ended_at) with all that overlap or touch joined."""
    starts, ends = _union_sql("starts", "ends")
    return f"""
    SELECT {keys}, unnest({starts}) AS started_at, unnest({ends}) AS ended_at
    FROM (
        SELECT {keys}, list_sort(list(started_at)) AS starts, list_sort(list(ended_at)) AS ends
        FROM {relation} GROUP BY {keys}
    )
    """  # noqa: S608 - our own names


def _union_sql(starts: str, ends: str) -> tuple[str, str]:
    """The starts and the ends of the union of intervals, from the sorted lists of theirs.

    Before the i-th start i - 1 intervals have begun, so that nothing is out there exactly if the (i - 1)-th end lies
    before it: that start then begins a stretch of the union, and that end was the end of one.
    """
    begin = f"list_filter({starts}, lambda start, place: place = 1 OR {ends}[place - 1] < start)"
    end = f"list_filter({ends}, lambda stop, place: place = len({ends}) OR stop < {starts}[place + 1])"
    return tuple(  # type: ignore[return-value]
        f"CASE WHEN len({starts}) > 1 THEN {joined} ELSE {one} END" for joined, one in ((begin, starts), (end, ends))
    )


def quote(text: str) -> str:
    """The text as it stands between quotes in SQL."""
    return text.replace("'", "''")
