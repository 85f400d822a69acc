"""SQL text for what the lines of one account have to do with each other: who carries a reward, who comes before whom.

SQL only ranks, groups and adds whole numbers here; what a line gets is computed in Python from the result.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

# What a case of a line has besides its group's values, where the account matters.
COLUMNS = ("carries", "sizes", "before_minor", "a_other", "a_month", "a_given", "a_line_given")
PLACED, NUMBERS, VALUES = "placed_lines", "case_numbers", "case_values"
# Who is vulnerable goes before all others, then who was longest without a service, to the minute. The lowest number
# goes first; what is told while service is out (100) goes before all that is given for it.
_FIRST, _OTHERS, _MOST_MINUTES = 1_000, 50_000, 49_999


def numbered_sql(population: str, columns: Sequence[str], numbers: str) -> str:
    """One row per line of the cases in relation `numbers` (number, g0, ...): number, line_id, account_id."""
    match = " AND ".join(f"p.g{index} IS NOT DISTINCT FROM n.g{index}" for index in range(len(columns)))
    names = ", ".join(f"{column} AS g{index}" for index, column in enumerate(columns))
    return (
        "SELECT n.number, p.line_id, p.account_id "
        f"FROM (SELECT line_id, account_id, {names} FROM ({population})) p JOIN {numbers} n ON {match}"
    )


def placed_sql(numbered: str, values: str, rewards: int, history: str | None, *, wants_sizes: bool) -> str:
    """One row per line: its case, and `COLUMNS`.

    `values` (number, v0, ..., line_minor, given_minor, cap_minor): what each case gives per account (null: not), the
    cash of its own, what of that it was given before, and the account's cap for it. A reward is carried by the line of
    the greatest value, the lowest id among equal. `before_minor` is what counts against the account's cap before the
    line: all that other lines were given before, and what the lines that come first get more.
    """
    own = "".join(f", v.v{index}" for index in range(rewards))
    first = "".join(
        f", v{index} IS NOT NULL AND row_number() OVER "
        f"(PARTITION BY account_id ORDER BY v{index} DESC NULLS LAST, line_id) = 1 AS c{index}"
        f", max(v{index}) OVER (PARTITION BY account_id) AS x{index}"
        for index in range(rewards)
    )
    carries = " || ".join(f"(CASE WHEN c{index} THEN '1' ELSE '0' END)" for index in range(rewards)) or "''"
    sizes = " || ',' || ".join(f"coalesce(x{index}::VARCHAR, '')" for index in range(rewards)) or "''"
    first_lines = (
        "OVER (PARTITION BY account_id ORDER BY line_minor DESC, line_id "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    )
    given = "sum(given_minor) OVER (PARTITION BY account_id)"
    had = f"coalesce(sum(given_minor) {first_lines}, 0)"
    more = f"coalesce(sum(greatest(line_minor - given_minor, 0)) {first_lines}, 0)"
    # More than is left of the cap the first lines cannot get; nor do later lines take from a line what it has.
    placed = f"{had} + least({more}, greatest(cap_minor - {given}, 0))"
    later = f"{given} - {had} - given_minor"
    before = f"least({placed} + {later}, greatest({placed}, cap_minor - given_minor))::BIGINT"
    account = (
        f"LEFT JOIN ({history}) a ON a.account_id = l.account_id"
        if history
        else "CROSS JOIN (SELECT 0 AS a_other, 0 AS a_month, NULL::VARCHAR AS a_given, NULL::VARCHAR AS a_line_given) a"
    )
    sized = sizes if wants_sizes else f"CASE WHEN {_known_before()} THEN {sizes} ELSE '' END"
    return (
        f"SELECT l.number, l.line_id, l.account_id, {carries} AS carries, {sized} AS sizes, "
        "least(l.before_minor, l.cap_minor)::BIGINT AS before_minor, coalesce(a.a_other, 0)::BIGINT AS a_other, "
        "coalesce(a.a_month, 0)::BIGINT AS a_month, a.a_given, a.a_line_given "
        f"FROM (SELECT number, line_id, account_id, cap_minor{first}, {before} AS before_minor "
        f"FROM (SELECT n.number, n.line_id, n.account_id, v.line_minor, v.given_minor, v.cap_minor{own} "
        f"FROM ({numbered}) n JOIN {values} v ON v.number = n.number)) l {account}"
    )


def _known_before() -> str:
    return "coalesce(a.a_other, 0) > 0 OR a.a_given IS NOT NULL OR a.a_line_given IS NOT NULL"


def refined_sql(groups: int) -> str:
    """One row per case told apart by account too: number, g0, ..., then `COLUMNS`, lines, and `base` last."""
    own = ", ".join(f"n.g{index}" for index in range(groups))
    told = ", ".join(f"p.{column}" for column in COLUMNS)
    order = ", ".join(f"p.{column} NULLS FIRST" for column in COLUMNS)
    return (
        f"SELECT row_number() OVER (ORDER BY p.number, {order}) AS number, {own}, {told}, p.lines, p.number AS base "
        f"FROM (SELECT number, {', '.join(COLUMNS)}, count(*) AS lines FROM {PLACED} GROUP BY ALL) p "
        f"JOIN {NUMBERS} n ON n.number = p.number ORDER BY 1"
    )


def lines_sql(refined: str) -> str:
    """One row per line with its refined case: line_id, account_id, number; in the order of the lines."""
    match = " AND ".join(f"r.{column} IS NOT DISTINCT FROM p.{column}" for column in COLUMNS)
    return (
        f"SELECT p.line_id, p.account_id, r.number FROM {PLACED} p "
        f"JOIN {refined} r ON r.base = p.number AND {match} ORDER BY p.line_id"
    )


def lost_sql(lines: str, patterns: str, pattern: str) -> str:
    """One row per line of a run: line_id, and the seconds for which it was longest without one service.

    `pattern` is the column of `lines` that says what it went through, whatever other incidents take off.
    """
    per_service = f"SELECT pattern, sum(ended_at - started_at) AS seconds FROM {patterns} GROUP BY pattern, service"
    longest = f"SELECT pattern, max(seconds) AS seconds FROM ({per_service}) GROUP BY pattern"
    own = f"coalesce(r.{pattern}, r.pattern)"
    return f"SELECT r.line_id, t.seconds FROM {lines} r JOIN ({longest}) t ON t.pattern = {own}"


def case_lines_sql(numbered: str, base: str, lost: str, cases: str | None, giving: Collection[int] = ()) -> str:
    """One row per line to be released, as release_rows.Line; of `cases` rewards and text.

    `giving` are the numbers of the cases that get something, where those are not kept in `cases`; others are left out.
    Numbers and account references come from the mirror of the base that the run was measured on, and so do the
    attributes `email`, `texts_by` (`email`: writes are preferred to texts) and `vulnerable` where staff defined them.
    `lost` as by `lost_sql`; with it a line's priority is told.
    """
    vulnerable = "json_extract_string(b.attributes, '$.vulnerable') = 'true'"
    minutes = f"least(coalesce(t.seconds, 0) // 60, {_MOST_MINUTES})"
    priority = f"{_FIRST} + CASE WHEN {vulnerable} THEN 0 ELSE {_OTHERS} END + {_MOST_MINUTES} - {minutes}"
    told = ", c.rewards, c.text_name" if cases is not None else ""
    join = f"JOIN {cases} c ON c.number = x.number" if cases is not None else ""
    numbers = ", ".join(str(int(number)) for number in giving) or "NULL"
    given = "WHERE c.gives" if cases is not None else f"WHERE x.number IN ({numbers})"
    return (
        f"SELECT x.number, x.line_id, x.account_id, b.account_ref, b.msisdn, b.language, b.brand, b.zone, "
        f"b.payment_type, json_extract_string(b.attributes, '$.email') AS email, "
        f"json_extract_string(b.attributes, '$.texts_by') AS texts_by, ({priority})::BIGINT AS priority{told} "
        f"FROM ({numbered}) x JOIN {base} b ON b.line_id = x.line_id LEFT JOIN ({lost}) t ON t.line_id = x.line_id "
        f"{join} {given}"
    )
