"""One clock: aware, whole seconds, movable; instants read strictly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from foundation import clock
from foundation.errors import InputError


def test_now_is_aware_and_whole() -> None:
    assert clock.now().tzinfo is UTC
    assert clock.now().microsecond == 0


def test_a_moved_clock_goes_on_from_there_and_comes_back() -> None:
    at = datetime(2012, 7, 11, 12, 30, tzinfo=UTC)
    before = clock.now()
    with clock.moved_to(at):
        assert at - timedelta(seconds=1) <= clock.now() <= at + timedelta(seconds=5)
    assert clock.now() >= before


def test_a_stopped_clock_stays_and_its_outer_one_goes_on() -> None:
    at = datetime(2012, 7, 11, 12, 30, tzinfo=UTC)
    with clock.moved_to(at), clock.moved_to(at + timedelta(days=1), stopped=True):
        first = clock.now(), clock.now_microseconds()
        clock.sleep(0.01)
        assert (clock.now(), clock.now_microseconds()) == first == (at + timedelta(days=1), first[1])
        with clock.moved_to(at):
            assert clock.now() < at + timedelta(hours=1)
        assert clock.now() == at + timedelta(days=1)


def test_naive_timestamps_are_refused_everywhere() -> None:
    with pytest.raises(InputError, match="naive"):
        clock.parse_instant("2012-07-11T13:30:00")
    with pytest.raises(ValueError, match="naive"):
        clock.to_unix(datetime(2012, 7, 11))  # noqa: DTZ001


@pytest.mark.parametrize("text", ["", "yesterday", "2012-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        clock.parse_instant(text)


def test_nanoseconds_and_offsets_are_read() -> None:
    assert clock.parse_instant("2026-11-21T23:14:00.921584994Z") == datetime(2026, 11, 21, 23, 14, tzinfo=UTC)
    assert clock.parse_instant("2012-07-11T13:30:00+01:00") == datetime(2012, 7, 11, 12, 30, tzinfo=UTC)


def test_an_unknown_zone_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="Europe/Lundon"):
        clock.parse_zone("Europe/Lundon")
