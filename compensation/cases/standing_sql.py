"""SQL text for what was given before: gathered into one row per line and account, and joined to a run's lines.

SQL only groups and adds whole minor units here. Texts of what was given are `purse US size` joined by RS.
"""

from __future__ import annotations

from collections.abc import Sequence

from compensation.facts import Fact
from compensation.terms import Holdout

UNIT, RECORD = "\x1f", "\x1e"
CREDITED = "credited_before"
"""Rows: line_id, account_id, incident_id, own, scope, purse, size, amount_minor."""

WINDOWS = "windows"
"""Rows: incident_id, this, in_month, back (days before the outage date; null: not before it)."""

# Only cash has an amount here: vouchers are no money on an account.
_CASH = "amount_minor IS NOT NULL"
_FIXED = ("h_other", "h_month", "h_own_month", "h_own")
GIVEN = ("h_given", "h_account_given")
"""The columns that are texts of what was given, per line and per account."""


def told_sql(incident_id: int, purse: str) -> str:
    """Adds to CREDITED the lines that were sent a text: of a group key `incident:policy:line` the third part."""
    return (
        f"INSERT INTO {CREDITED} SELECT split_part(group_key, ':', 3)::BIGINT, 0, {int(incident_id)}, 1, 'line', "
        f"'{purse}', '1', NULL FROM told_rows"
    )


def history_sql(facts: Sequence[Fact]) -> str:
    """One row per line and account with anything before."""
    found = [_look_back(fact) for fact in facts if fact.column and fact.column not in _FIXED]
    sums = "".join(_sum_of(word, days, column) for word, days, column in found)
    credits = f"""
        SELECT line_id, account_id,
            coalesce(sum(amount_minor) FILTER ({_CASH} AND this AND own = 0), 0)::BIGINT AS h_other,
            coalesce(sum(amount_minor) FILTER ({_CASH} AND in_month AND NOT (this AND own = 1)), 0)::BIGINT AS h_month,
            coalesce(sum(amount_minor) FILTER ({_CASH} AND in_month AND own = 1 AND NOT this), 0)::BIGINT
                AS h_own_month,
            coalesce(sum(amount_minor) FILTER ({_CASH} AND this AND own = 1 AND scope = 'line'), 0)::BIGINT AS h_own,
            string_agg(purse || '{UNIT}' || size, '{RECORD}' ORDER BY purse, size)
                FILTER (this AND own = 1 AND scope = 'line') AS h_given,
            string_agg(purse || '{UNIT}' || size, '{RECORD}' ORDER BY purse, size)
                FILTER (this AND own = 1 AND scope = 'account') AS h_account_given{sums}
        FROM {CREDITED} JOIN {WINDOWS} USING (incident_id) GROUP BY line_id, account_id
    """
    return f"SELECT * FROM ({credits}) ORDER BY line_id, account_id"


def _look_back(fact: Fact) -> tuple[str, int, str]:
    column = str(fact.column)
    _, word, days = column.split("_")
    return word, int(days), column


def _sum_of(word: str, days: int, column: str) -> str:
    within = f"{_CASH} AND NOT this AND back <= {days}"
    if word == "credits":
        return f", (count(DISTINCT incident_id) FILTER ({within}))::BIGINT AS {column}"
    return f", coalesce(sum(amount_minor) FILTER ({within}), 0)::BIGINT AS {column}"


def with_history(population: str, source: str | None, facts: Sequence[Fact]) -> str:
    """The population with what was before: the columns of `facts`, and those that settling reads."""
    found = [str(fact.column) for fact in facts if fact.column not in _FIXED]
    if source is None:
        columns = [*_FIXED, *found]
        return f"SELECT p.*, {', '.join(f'0 AS {column}' for column in columns)} FROM ({population}) p"
    sums = [f"sum({column})::BIGINT AS {column}" for column in (*_FIXED, *_amounts(found))]
    counts = [f"max({column})::BIGINT AS {column}" for column in found if column not in _amounts(found)]
    texts = [f"string_agg({column}, '{RECORD}' ORDER BY {column}) AS {column}" for column in GIVEN]
    by_line = f"SELECT line_id, {', '.join([*sums, *counts, *texts])} FROM {source} GROUP BY line_id"
    none = ", ".join(f"coalesce(h.{column}, 0) AS {column}" for column in (*_FIXED, *found))
    given = ", ".join(f"h.{column}" for column in GIVEN)
    return f"SELECT p.*, {none}, {given} FROM ({population}) p LEFT JOIN ({by_line}) h ON h.line_id = p.line_id"


def before_sql(source: str, facts: Sequence[Fact]) -> str:
    """One row per line with anything before, with the columns that `with_history` adds to a population."""
    return with_history(f"SELECT DISTINCT line_id FROM {source}", source, facts)


def _amounts(columns: Sequence[str]) -> list[str]:
    return [column for column in columns if column.startswith("h_credited_")]


def absent_sql(population: str, source: str) -> str:
    """One row per line that was credited before and is not looked at any more: line_id, credited_minor."""
    return (
        f"SELECT h.line_id, sum(h.h_own)::BIGINT AS credited_minor FROM {source} h "
        f"ANTI JOIN ({population}) p ON p.line_id = h.line_id WHERE h.h_own > 0 GROUP BY h.line_id"
    )


def account_history_sql(source: str) -> str:
    """One row per account with anything before: a_other, a_month, a_given (per account), a_line_given (per line)."""
    texts = ", ".join(
        f"string_agg({column}, '{RECORD}' ORDER BY {column}) AS {name}"
        for column, name in zip(GIVEN, ("a_line_given", "a_given"), strict=True)
    )
    return (
        "SELECT account_id, sum(h_other)::BIGINT AS a_other, sum(h_own_month)::BIGINT AS a_month, "
        f"{texts} FROM {source} GROUP BY account_id"
    )


def held_out_sql(holdout: Holdout, policy: str) -> str:
    """The expression that says whether a line is held out, as Holdout.holds does."""
    tail = f":{policy}:{holdout.salt}".replace("'", "''")
    return f"substr(md5(line_id::VARCHAR || '{tail}'), 1, 8) < '{holdout.limit}'"
