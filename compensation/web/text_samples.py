"""The customer texts of an assessment as they will read, with their characters and parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace
from typing import Any

from compensation.assessment import postable
from compensation.models import Case
from compensation.release_rows import window_of
from compensation.reward_json import is_offer
from foundation import clock
from foundation.errors import InputError
from notify.composing import message_values
from notify.models import TextVersion
from notify.segments import Parts, count_parts, foreign_letters
from notify.wording import render

MOST_CASES = 50


@dataclass(frozen=True, slots=True)
class TextSample:
    """A text for the lines of one case; `problem` says why it cannot be written (then nothing can be released)."""

    version: TextVersion
    case_number: int
    lines: int
    body: str
    parts: Parts | None
    foreign: str
    problem: str | None

    @property
    def language_order(self) -> tuple[bool, str]:
        """English first: it is what those who approve read."""
        return (not self.version.language.startswith("en"), self.version.language)


@dataclass(frozen=True, slots=True)
class TextPreview:
    """How the texts read, and how many parts they take at most: which language a line reads is not known here."""

    samples: Sequence[TextSample]
    most_parts: int


def sample_texts(
    cases: Sequence[Case], versions: Sequence[TextVersion], outage_on: date, brand: str, texts: int
) -> TextPreview:
    """For each text and language: how it reads for the case with most lines, and for the longest when that takes more.

    Looked at are the `MOST_CASES` cases with most lines of each text; the others of all `texts` count as the longest of
    these. `brand` is written where the policy does not tell brands apart.
    """
    samples: list[TextSample] = []
    longest: dict[int, tuple[int, int]] = {}
    for version in versions:
        using = sorted((case for case in cases if case.text_name == version.name), key=lambda case: -case.lines)
        written = [_sample(case, version, outage_on, brand) for case in using[:MOST_CASES]]
        for one in written:
            _, parts = longest.get(one.case_number, (0, 0))
            longest[one.case_number] = one.lines, max(parts, _parts(one))
        samples += _telling(written)
    seen = sum(lines for lines, _ in longest.values())
    rest = max(0, texts - seen) * max((parts for _, parts in longest.values()), default=0)
    return TextPreview(samples, sum(lines * parts for lines, parts in longest.values()) + rest)


def _telling(written: list[TextSample]) -> list[TextSample]:
    if not written:
        return []
    broken = [sample for sample in written if sample.problem]
    most = written[0]
    longest = max(written, key=lambda sample: (_parts(sample), len(sample.body)))
    extra = [longest] if _parts(longest) > _parts(most) else []
    return [most, *extra, *(sample for sample in broken[:1] if sample is not most)]


def _parts(sample: TextSample) -> int:
    return sample.parts.parts if sample.parts is not None else 0


def _sample(case: Case, version: TextVersion, outage_on: date, brand: str) -> TextSample:
    known = str(case.facts.get("brand") or brand)
    try:
        given = {"brand": known, "outage_date": outage_on.isoformat()}
        offers = [reward for reward in case.rewards if is_offer(reward)]
        values = message_values("preview", version.language, given, _postings(case), offers)
        body = render(version.body, values, version.placeholders)
    except InputError as error:
        return TextSample(version, case.number, case.lines, version.body, None, "", error.message)
    return TextSample(version, case.number, case.lines, body, count_parts(body), foreign_letters(body), None)


def _postings(case: Case) -> list[Any]:
    # What the delivery will read from the confirmed postings, so that the preview cannot say something else.
    today = clock.now().date()
    return [
        SimpleNamespace(
            payload={**reward, **dict(zip(("valid_from", "valid_to"), window_of(reward, today), strict=True))},
            amount_minor=reward["amount_minor"],
            currency=reward["currency"],
        )
        for reward in postable(case)
    ]
