"""Which changes of an incident's status are allowed, every one of them asked."""

from __future__ import annotations

from itertools import product

import pytest

from foundation.errors import InputError
from outage.lifecycle import (
    SERVICES,
    CauseClass,
    Degree,
    IncidentKind,
    IncidentStatus,
    Severity,
    allowed_from,
    check_transition,
)

ALLOWED = {
    ("announced", "opened"),
    ("announced", "dismissed"),
    ("opened", "restored"),
    ("restored", "opened"),
    ("restored", "closed"),
    ("opened", "dismissed"),
    ("opened", "merged"),
    ("restored", "merged"),
}


@pytest.mark.parametrize(("current", "wanted"), list(product(IncidentStatus, IncidentStatus)))
def test_only_the_known_changes_of_status_are_allowed(current, wanted):
    if (current, wanted) in ALLOWED:
        check_transition(current, wanted)
        assert wanted in allowed_from(current)
        return
    assert wanted not in allowed_from(current)
    with pytest.raises(InputError) as caught:
        check_transition(current, wanted)
    assert f"{current} cannot become {wanted}" in caught.value.message
    for status in allowed_from(current):
        assert status in caught.value.accepted


@pytest.mark.parametrize("final", ["closed", "dismissed", "merged"])
def test_a_closed_dismissed_or_merged_incident_is_final_and_says_so(final):
    with pytest.raises(InputError, match=f"{final} is final"):
        check_transition(IncidentStatus(final), IncidentStatus.OPENED)


@pytest.mark.parametrize("words", [IncidentStatus, IncidentKind, Severity, CauseClass, Degree])
def test_words_are_stored_in_lower_case_as_they_are_named(words):
    assert all(word.value == word.name.lower() for word in words)


def test_severities_are_listed_worst_first_and_services_in_their_usual_order():
    assert list(Severity) == ["critical", "major", "minor", "warning"]
    assert SERVICES == ("voice", "sms", "data")
