"""Whatever is done to the text of a policy, reading it says what is wrong and where, and never anything else."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import compensation
from compensation.document.reading import PolicyError, load_policy
from compensation.document.yaml_reader import Problem

EXAMPLES = int(os.environ.get("POLICY_FUZZ_EXAMPLES", "120"))
SCHEMES = {
    path.stem: path.read_text() for path in sorted((Path(compensation.__file__).parent / "schemes").glob("*.yaml"))
}
MOST_SECONDS = 10
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
PIECES = [
    *"-|:#'\"{}[](),.*&!%@`<>=+~\\\t\n",
    "||",
    "null",
    "true",
    "0",
    "-1",
    "1e400",
    "9" * 400,
    "0.0000000000000000000000001",
    "2012-02-30",
    "9999-12-31",
    "0000-00-00",
    "PT999999999999H",
    'duration("PT24H")',
    "{from: 2024-01-01, to: null}",
    "[1..",
    "not(",
    "if x then",
    "service fee",
    "round half up(service fee, 2)",
    "every x in [1] satisfies x",
    "&a [*a, *a]",
    "*nobody",
    "!!python/object/apply:os.system [id]",
    "!!binary aGk=",
    "<<: {policy: x}",
    "? complex\n: key",
    "ü𝔘\u202e\u0000\ufeff",
    "\U0010ffff",
    "é" * 50,
    "((((" * 60,
    "- " * 60,
    "1 ** " * 60,
]


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Fails when it takes longer: reading must not hang."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        pytest.fail(f"reading took over {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def edited(random: Random, text: str) -> str:
    """The text after one to four edits of its lines, its words or its characters."""
    for _ in range(random.randint(1, 4)):
        text = random.choice([_lines_edited, _words_edited, _words_edited, _cut])(random, text)
    return text


def _lines_edited(random: Random, text: str) -> str:
    lines = text.split("\n")
    one, other = (random.randrange(len(lines)) for _ in range(2))
    match random.randrange(5):
        case 0:
            del lines[one : one + random.randint(1, 3)]
        case 1:
            lines[one], lines[other] = lines[other], lines[one]
        case 2:
            lines.insert(one, lines[other])
        case 3:
            lines[one] = " " * random.randint(1, 3) + lines[one]
        case _:
            lines[one] = lines[one][random.randint(1, 3) :]
    return "\n".join(lines)


def _words_edited(random: Random, text: str) -> str:
    words = _TOKEN.findall(text) or [""]
    one, other = (random.randrange(len(words)) for _ in range(2))
    match random.randrange(4):
        case 0:
            words[one] = random.choice(PIECES)
        case 1:
            words[one], words[other] = words[other], words[one]
        case 2:
            words[one] += random.choice(PIECES)
        case _:
            words[one] = words[other]
    return "".join(words)


def _cut(random: Random, text: str) -> str:
    place = random.randrange(len(text) + 1)
    return text[:place] + text[place + random.randint(0, 40) :]


def check(text: str) -> bool:
    """Whether a text can be saved; every problem of one that cannot has a place within it."""
    problems = _problems(text)
    last = sum(map(text.count, ("\n", "\r", "\x85", "\u2028", "\u2029"))) + 2
    assert all(1 <= one.line <= last and one.column >= 1 and one.what for one in problems)
    return not problems


def _problems(text: str) -> tuple[Problem, ...]:
    with at_most(MOST_SECONDS):
        try:
            load_policy(text)
        except PolicyError as error:
            return error.problems or (Problem("no problem is said", 0, 0, ""),)
    return ()


def test_edits_of_ready_made_schemes_end_in_a_policy_or_in_its_problems() -> None:
    random, saved = Random(20120711), 0
    for _ in range(EXAMPLES):
        saved += check(edited(random, random.choice(list(SCHEMES.values()))))
    assert 0 < saved < EXAMPLES


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text() | st.lists(st.sampled_from(PIECES)).map(" ".join))
def test_a_text_that_is_no_policy_at_all_is_refused_with_its_place(text: str) -> None:
    assert not check(text)


KEYS = ("policy", "currency", "zone", "in force", "parameters", "measures", "decisions", "rewards", "layers", "caps")
TYPES = ("null", "7", "1e999", "é", "[]", "{}", "[[null]]", "{a: {b: [1]}}", "2012-07-11")


@pytest.mark.parametrize("key", [*KEYS, "holdout", "limits", "tests", "attributes", "holidays", "sources", "text"])
def test_every_part_refuses_what_is_of_another_type(key: str) -> None:
    whole = SCHEMES["nl_telecommunicatiewet_2017"]
    # Its first worked case stays: what is read of it hangs on the parts before it.
    text = whole[: whole.index("  - name: R14-2")]
    start = re.search(rf"^{key}:", text, re.MULTILINE)
    for written in TYPES:
        if start is None:
            check(f"{text}\n{key}: {written}\n")
            continue
        after = re.search(r"^\S", text[start.end() :], re.MULTILINE)
        end = len(text) if after is None else start.end() + after.start()
        check(f"{text[: start.start()]}{key}: {written}\n{text[end:]}")
