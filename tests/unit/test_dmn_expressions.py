"""What models may say in expressions beside policies: functions, ranges, types, named arguments, more functions."""

from __future__ import annotations

import pytest

from tests.dmn_models import value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 /* one */ + 2 // and two", "3"),
        ("1.5E3 + 1e-1", "1500.1"),
        ("[1..5)", '"[1..5)"'),
        ("{r: [1..5), held: 5 in r, start: r.start, closed: r.end included}.held", "false"),
        ("[1..5] = [1..5] and [1..5] != [1..5)", "true"),
        ("4 in [[1..2], [3..5)]", "true"),
        ('@"2024-02-29" in [@"2024-02-01"..@"2024-03-01")', "true"),
        ("(function(a, b) a + b)(1, 2)", "3"),
        ("{twice: function(a: number) 2 * a, x: twice(4)}.x", "8"),
        ("{less: function(a, b) a - b, x: less(b: 1, a: 3)}.x", "2"),
        ("{by: 3, times: function(a) a * by, x: times(4)}.x", "12"),
        ("{pick: function(f, a) f(f(a)), x: pick(function(n) n + 1, 5)}.x", "7"),
        ("(function(a) function(b) 10 * a + b)(1)(2)", "12"),
        ("(function(f, n) f(f, n))(function(f, n) if n < 2 then 1 else n * f(f, n - 1), 12)", "479001600"),
        ("1 instance of number and not(1 instance of string)", "true"),
        ("[1, 2] instance of list<number> and not([1, null, true] instance of list<number>)", "true"),
        ('{a: 1, b: "x"} instance of context<a: number, b: string>', "true"),
        ("{a: 1} instance of context<a: number, b: string>", "false"),
        ('duration("P1D") instance of days and time duration', "true"),
        ('date("2024-02-29") instance of date and time', "false"),
        ("(function(a) a) instance of function<number> -> number", "true"),
        ("[1..2] instance of range<number>", "true"),
        ("null instance of number", "false"),
        ('substring(start position: 3, string: "foobar", length: 2)', '"ob"'),
        ("date(year: 2024, month: 2, day: 29)", '"2024-02-29"'),
        ("decimal(scale: 1, n: 2.25) + max(list: [1, 2])", "4.2"),
        ('date and time(date: @"2024-02-29", time: @"10:00:00")', '"2024-02-29T10:00:00"'),
        ("exp(0) + log(1)", "1"),
        ("product([2, 3, 4]) + stddev(4, 4)", "24"),
        ("mode([6, 3, 9, 6, 3])", "[3, 6]"),
        ("sort([3, 1, 2], function(a, b) a > b)", "[3, 2, 1]"),
        ("sort(precedes: function(a, b) a.n < b.n, list: [{n: 2}, {n: 1}])[1].n", "1"),
        ("list replace([2, 4, 7], 2, 6)", "[2, 6, 7]"),
        ("list replace([2, 4, 7], function(old, new) old < new, 5)", "[5, 5, 7]"),
        ('get value({a: 1}, "a")', "1"),
        ("{a: [1..10[.end included, b: ]1..10].start included, c: (1..10].end}", '{"a": false, "b": false, "c": 10}'),
        ('get value({a: {b: 2}}, ["a", "b"])', "2"),
        ("{🐎: 1, 🐎 x: 2, y: 🐎 + 🐎 x}.y", "3"),
        (r'string length("\uD83D\uDC0E\U01F40Ea")', "3"),
        ("get entries({a: 1})", '[{"key": "a", "value": 1}]'),
        ('context([{key: "a", value: 1}])', '{"a": 1}'),
        ('context put({a: {b: 1}}, ["a", "c"], 2)', '{"a": {"b": 1, "c": 2}}'),
        ("context merge([{a: 1}, {a: 2}])", '{"a": 2}'),
        ('is(@"10:00:00", @"10:00:00Z")', "false"),
        ('range("[18..21)").start', "18"),
        ('range("5..1")', "null"),
        ("for i in 1..5 return if i < 3 then 1 else partial[-1] + partial[-2]", "[1, 1, 2, 3, 5]"),
        ('for d in @"2024-02-28"..@"2024-03-01" return d.day', "[28, 29, 1]"),
        ("for i in (1..4) return i", "[2, 3]"),
        ('number("1.000,5", ".", ",") + number("1,000.5", ",", ".")', "2001"),
        ("[floor(1.56, 1), ceiling(-1.56, 1), floor(-1.5)]", "[1.5, -1.5, -2]"),
        ('[time(10, 30, 0, duration("PT2H")), time(10, 30, 0, null)]', '["10:30:00+02:00", "10:30:00"]'),
        ('date and time(2024, 2, 29, 10, 30, 0, "Europe/London")', '"2024-02-29T10:30:00@Europe/London"'),
        ('upper case(["a"])', '"A"'),
        ("count(5)", "1"),
        ("true[1] = true", "true"),
        ("1 = null or null != null", "false"),
    ],
)
def test_expressions_of_models_mean_what_the_standard_says(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(
    ("relation", "holds", "not_so"),
    [
        ("before", "1, 10", "10, 1"),
        ("before", "[1..10), 10", "[1..10], 10"),
        ("after", "[5..9], [1..5)", "[5..9], [1..5]"),
        ("meets", "[1..5], [5..9]", "[1..5], (5..9]"),
        ("met by", "[5..9], [1..5]", "[5..9], [1..5)"),
        ("overlaps", "[1..5], [5..8]", "[1..5), [5..8]"),
        ("overlaps before", "[1..5], [3..8]", "[3..8], [1..5]"),
        ("overlaps after", "[3..8], [1..5]", "[1..5], [3..8]"),
        ("finishes", "[3..8], [1..8]", "[3..8), [1..8]"),
        ("finishes", "8, [1..8]", "8, [1..8)"),
        ("finished by", "[1..8], (3..8]", "[1..8], [1..7]"),
        ("includes", "[1..8], 8", "[1..8), 8"),
        ("includes", "[1..8], (1..8)", "(1..8), [1..8]"),
        ("during", "[2..3], [1..8]", "[2..9], [1..8]"),
        ("starts", "1, [1..8]", "1, (1..8]"),
        ("starts", "[1..3], [1..8]", "[1..8], [1..3]"),
        ("started by", "[1..8], [1..3]", "[1..8], [2..3]"),
        ("coincides", "[1..8], [1..8]", "[1..8], [1..8)"),
    ],
)
def test_ranges_lie_to_each_other_as_the_standard_says(relation, holds, not_so):
    assert (value(f"{relation}({holds})"), value(f"{relation}({not_so})")) == ("true", "false")
    assert value(f'{relation}({holds.split(",", maxsplit=1)[0]}, "a")') == "null"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("abs()", "abs cannot take 0 arguments"),
        ("abs(1, 2, 3)", "abs cannot take 3 arguments"),
        ("abs(x: 1)", "abs has no parameters x"),
        ('date("2024-02-30")', ""),
        ('@"noon"', ""),
        ("[5..1]", "the smaller first"),
        ('[1.."a"]', "two values of one type"),
        ("{f: function(a: number) a, x: f(true)}.x", "a is no number"),
        ("{f: function(a) a, x: f(1, 2)}.x", "cannot take 2"),
        ("{f: function(a) a, x: f(b: 2)}.x", "has no parameters b"),
        ("{f: 1, x: f(2)}.x", "what is called is no function"),
        ("{a: 1, a: 2}", ""),
        ("(function(f) f(f))(function(f) f(f))", "too deep or too often"),
        ("{f: function(f, n) f(f, n) + f(f, n), x: f(f, 1)}.x", "too deep or too often"),
        ("{f: function(f, n) f(f, n - 1), x: count([f(f, 1)])}.x", "too deep or too often"),
        ("count(sort(for a in 1..9000 return a, function(a, b) a > b))", "too deep or too often"),
        ('"abs"(-1)', "what is called is no function"),
        ("null()", "what is called is no function"),
        ("true(1) or false", "what is called is no function"),
        ('1 = "1"', "a number cannot be compared with a string"),
        ("not([1] != 1)", "a list cannot be compared with a number"),
        ("round up(1, 100000000)", ""),
        ("for x in 1..2.5 return x", "no list"),
        ("context([{key: 1, value: 1}])", ""),
        ("sort([1, 2], function(a) a)", ""),
    ],
)
def test_what_cannot_be_answered_is_null_with_its_reason(text, why):
    notes: list[str] = []
    assert value(text, notes=notes) == "null"
    assert why == "" or any(why in note for note in notes), notes


def test_functions_within_functions_are_read_to_any_depth_that_a_text_may_have():
    text = "1"
    for _ in range(20):
        text = f"(function(a) a)({text})"
    assert value(text) == "1"
