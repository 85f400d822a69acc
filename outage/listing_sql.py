"""SQL text that resolves a list of lines and accounts, for DuckDB.

It reads `file` (line, msisdn or account, services, started_at, ended_at, reported_at, attributes as JSON) and
`known_lines` (line_id, msisdn, account_id, account_ref).
"""

from __future__ import annotations

_SAME = "line_id, account_id, services, started_at, ended_at"

STAGED = """
CREATE TEMP TABLE staged AS
SELECT f.*, n.line_id, a.account_id
FROM file f
LEFT JOIN known_lines n ON n.msisdn = f.msisdn
LEFT JOIN (SELECT DISTINCT account_ref, account_id FROM known_lines) a ON a.account_ref = f.account
"""

UNKNOWN = """
SELECT line, msisdn, account FROM staged WHERE line_id IS NULL AND account_id IS NULL ORDER BY line
"""

VALUES = """
SELECT DISTINCT line_id, account_id, reported_at, attributes FROM staged
WHERE (line_id IS NOT NULL OR account_id IS NOT NULL) AND (reported_at IS NOT NULL OR attributes IS NOT NULL)
ORDER BY line_id, account_id, reported_at, attributes
"""

DOUBLES = f"""
SELECT line, coalesce(msisdn, account), msisdn IS NULL, first_line FROM (
    SELECT line, msisdn, account, min(line) OVER (PARTITION BY {_SAME}) AS first_line
    FROM staged WHERE line_id IS NOT NULL OR account_id IS NOT NULL
) WHERE line > first_line ORDER BY line
"""  # noqa: S608 - our own names

ROWS = f"""
SELECT DISTINCT {_SAME} FROM staged WHERE line_id IS NOT NULL OR account_id IS NOT NULL ORDER BY {_SAME}
"""  # noqa: S608 - our own names
