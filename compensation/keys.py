"""Pure: the business keys under which credits and deliveries exist at most once."""

from __future__ import annotations

from typing import NamedTuple


class KeyEnds(NamedTuple):
    """What stands before and after the id in keys that differ in nothing else."""

    head: str
    tail: str

    def key(self, number: int) -> str:
        """The key of one line or account."""
        return f"{self.head}{number}{self.tail}"


def group_ends(incident_ref: str, policy: str, revision: int = 1) -> KeyEnds:
    """What ties a line's postings and text of one incident, policy and revision together, around the line's id.

    Incident and policy, not the assessment: whatever is assessed anew, a line is credited once; a later revision
    credits only what is more, under its own number.
    """
    return KeyEnds(f"{incident_ref}:{policy}:", _suffix(revision))


def line_ends(incident_ref: str, policy: str, part: str, revision: int = 1) -> KeyEnds:
    """The keys of one part of a line's group, around the line's id: of a reward by its name, or of `text`."""
    return KeyEnds(f"{incident_ref}:{policy}:", f":{part}{_suffix(revision)}")


def account_ends(incident_ref: str, policy: str, part: str, revision: int = 1) -> KeyEnds:
    """The keys of a reward that an account gets once, whichever of its lines carries it, around the account's id."""
    return KeyEnds(f"{incident_ref}:{policy}:account:", f":{part}{_suffix(revision)}")


def _suffix(revision: int) -> str:
    return f":r{revision}" if revision > 1 else ""
