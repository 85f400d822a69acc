"""Many intervals at once: unions and names as in the pure room, losses as by asking about each second."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from outage.intervals import IntervalSet, normalise, pattern_key, total_seconds, union
from outage.runs.flat import Spans, united
from outage.runs.found import NOBODY, Found, found_of
from outage.runs.shapes import Shapes, distinct_names, name_array, names_of, names_order
from outage.runs.stays import Losses, Lost, Rows, losses_of

_SPAN = st.tuples(st.integers(-20, 40), st.integers(1, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))
_SETS = st.lists(_SPAN, min_size=1, max_size=4).map(normalise)
_SERVICES = ("voice", "sms", "data")
_PATTERN = st.dictionaries(st.sampled_from(_SERVICES), _SETS, min_size=1)
_BUNDLES = {0: ("voice", "sms"), 3: ("data",)}
_LOSS = st.tuples(st.integers(0, 4), st.sampled_from(sorted(_BUNDLES)), _SPAN, st.integers(-1, 50))


def _integers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def _losses(rows: list[tuple[int, int, tuple[int, int], int]]) -> Losses:
    columns = [(line * 7 + 100, bundle, *span, age) for line, bundle, span, age in rows]
    return Losses(*np.array(columns, np.int64).reshape(-1, 5).T)


def _read(found: Found) -> dict[int, tuple[dict[str, IntervalSet], dict[str, object]]]:
    shapes: dict[str, dict[str, IntervalSet]] = {}
    for row in found.shapes.rows().to_pylist():
        out = tuple(zip(row["started_at"], row["ended_at"], strict=True))
        shapes.setdefault(str(row["pattern"]), {}).update(dict.fromkeys(row["services"], out))
    return {row["line_id"]: (shapes[str(row["pattern"])], row) for row in found.lines.to_pylist()}


@given(st.lists(st.tuples(st.integers(0, 5), _SPAN)))
def test_a_union_by_groups_is_that_of_each_group(rows):
    found = united(Spans(*np.array([(group, *span) for group, span in rows], np.int64).reshape(-1, 3).T))
    expected = [(g, *span) for g in range(6) for span in normalise(span for group, span in rows if group == g)]
    assert list(zip(found.groups, found.started_at, found.ended_at, strict=True)) == expected


@given(st.lists(_LOSS, max_size=25))
def test_what_lines_lost_is_their_union_by_service_under_the_name_that_the_pure_room_gives(rows):
    found = _read(found_of(_losses(rows), _BUNDLES, "present"))
    assert list(found) == sorted({line * 7 + 100 for line, *_ in rows})
    for line_id, (lost, row) in found.items():
        mine = [(bundle, span, age) for line, bundle, span, age in rows if line * 7 + 100 == line_id]
        per_bundle = {number: normalise(span for bundle, span, _ in mine if bundle == number) for number in _BUNDLES}
        expected = {name: per_bundle[number] for number in _BUNDLES for name in _BUNDLES[number] if per_bundle[number]}
        whole, age = union(*expected.values()), max(age for *_, age in mine)
        assert lost == expected
        assert str(row["pattern"]) == pattern_key(expected)
        assert (row["first_at"], row["last_at"]) == (whole[0][0], whole[-1][1])
        assert (row["evidence"], row["sighting_age"]) == ("present", None if age < 0 else age)


@given(st.lists(_PATTERN, min_size=1, max_size=8), st.lists(_PATTERN, max_size=8), st.data())
def test_shapes_from_two_places_are_found_once_counted_and_read_back(some, others, data):
    shapes = Shapes.of_patterns(some).and_also(Shapes.of_patterns(others))
    keyed = {pattern_key(one): one for one in (*some, *others)}
    names = names_of(_column(keyed))
    assert [str(key) for key in name_array(shapes.names).to_pylist()] == sorted(keyed)
    places = shapes.places_of(names)
    lines = _integers(*(data.draw(st.integers(1, 9)) for _ in keyed))
    by_services, seconds = shapes.counted(places, lines)
    told = {name: [0, 0] for name in _SERVICES}
    for services, count, lost in by_services:
        for name in services:
            told[name] = [told[name][0] + count, told[name][1] + lost]
    for name in _SERVICES:
        mine = [
            (count, total_seconds(one[name])) for count, one in zip(lines, keyed.values(), strict=True) if name in one
        ]
        assert told[name] == [sum(count for count, _ in mine), sum(count * lost for count, lost in mine)]
    pairs = zip(lines, keyed.values(), strict=True)
    assert seconds == sum(count * total_seconds(union(*one.values())) for count, one in pairs)
    rows = shapes.rows()
    again = Shapes.of_table(rows.take(names_order(names_of(rows["pattern"]))))
    assert again.counted(again.places_of(names), lines)[1] == seconds


def _column(keys: Iterable[str]) -> pa.ChunkedArray:
    storage = pa.array([UUID(key).bytes for key in keys], pa.binary(16))
    return pa.chunked_array([pa.ExtensionArray.from_storage(pa.uuid(), storage)])


def test_names_that_share_a_half_are_told_apart():
    names = np.array([[7, 7, 3, 7, 7, 3], [9, 1, 4, 5, 9, 4]], np.uint64)
    found, counts = distinct_names(names)
    assert (found.T.tolist(), counts.tolist()) == ([[3, 4], [7, 1], [7, 5], [7, 9]], [2, 1, 1, 2])
    lost = {"voice": ((0, 60),)}
    shapes = Shapes.of_patterns([lost])
    shapes.names = found
    assert shapes.places_of(names).tolist() == [3, 1, 0, 2, 3, 0]


def test_nothing_found_is_nothing_lost():
    nobody = found_of(_losses([]), _BUNDLES, "present")
    assert nobody is NOBODY
    assert nobody.shapes.rows().num_rows == 0


_SEEN = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5), st.integers(0, 60)), max_size=12)
_STAYED = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5), _SPAN), max_size=4)
_OUT = st.lists(
    st.tuples(st.sampled_from([2, 4]), st.sampled_from([0, 1]), st.integers(20, 40), st.integers(1, 20)), max_size=5
)
_HOLD = 15


def _model(seen, stayed, out) -> set[tuple[int, int, int]]:
    """Line, bundle and second, for each second that a line was where the bundle was lost."""
    found = set()
    for line in range(3):
        moments = sorted(
            {at for who, _, at in seen if who == line} | {span[0] for who, _, span in stayed if who == line}
        )
        for element, bundle, start, end in out:
            for who, where, at in seen:
                if who == line and where == element and start - _HOLD <= at < end:
                    upto = min((moment for moment in moments if moment > at), default=end)
                    found |= {(line, bundle, second) for second in range(max(at, start), min(upto, end))}
            for who, where, (first, last) in stayed:
                if who == line and where == element:
                    found |= {(line, bundle, second) for second in range(max(first, start), min(last, end))}
    return found


@given(_SEEN, _STAYED, _OUT)
def test_a_sighting_holds_until_the_next_moment_and_a_visit_for_its_time(seen, stayed, out):
    rows = {(element, bundle, start, start + length) for element, bundle, start, length in out}
    extent = (min((row[2] for row in rows), default=0) - _HOLD, max((row[3] for row in rows), default=0))
    near = [one for one in seen if extent[0] <= one[2] <= extent[1]]
    sightings = Rows(*np.array(near, np.int64).reshape(-1, 3).T)
    visits = Rows(*np.array([(*one[:2], *one[2]) for one in stayed], np.int64).reshape(-1, 4).T)
    losses = losses_of(sightings, visits, Lost(rows), extent, _HOLD)
    columns = (losses.line_ids, losses.bundles, losses.started_at, losses.ended_at)
    told = {
        (int(line), int(bundle), second)
        for line, bundle, start, end in zip(*columns, strict=True)
        for second in range(start, end)
    }
    assert (losses.started_at < losses.ended_at).all()
    assert told == _model(near, stayed, rows)
