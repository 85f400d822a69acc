"""Pure: the business keys under which credits and deliveries exist at most once."""

from __future__ import annotations


def group_key(incident_ref: str, policy: str, line_id: int, revision: int = 1) -> str:
    """What ties a line's postings and text of one incident, policy and revision together.

    Incident and policy, not the assessment: whatever is assessed anew, a line is credited once; a later revision
    credits only what is more, under its own number.
    """
    return f"{incident_ref}:{policy}:{line_id}{_suffix(revision)}"


def line_key(incident_ref: str, policy: str, line_id: int, part: str, revision: int = 1) -> str:
    """The key of one part of a line's group: a reward's name, or `text`."""
    return f"{incident_ref}:{policy}:{line_id}:{part}{_suffix(revision)}"


def account_key(incident_ref: str, policy: str, account_id: int, part: str, revision: int = 1) -> str:
    """The key of a reward that an account gets once, whichever of its lines carries it."""
    return f"{incident_ref}:{policy}:account:{account_id}:{part}{_suffix(revision)}"


def _suffix(revision: int) -> str:
    return f":r{revision}" if revision > 1 else ""
