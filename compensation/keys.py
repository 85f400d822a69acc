"""Pure: the business keys under which credits and deliveries exist at most once."""

from __future__ import annotations


def group_key(incident_ref: str, policy: str, line_id: int) -> str:
    """What ties a line's postings and text of one incident and policy together; the start of their keys.

    Incident and policy, not the assessment: whatever is assessed anew, a line is credited once.
    """
    return f"{incident_ref}:{policy}:{line_id}"


def delivery_key(group: str, part: str) -> str:
    """The key of one part of a group: a reward's name, or `text`."""
    return f"{group}:{part}"
