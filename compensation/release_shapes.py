"""The lines of a release by their shapes: lines that nothing tells apart get the same, which is worked out once."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as compute
from sqlalchemy.orm import Session

from compensation.release_rows import CreditPart, DeliveryPart, GivenCase, Line, OfferPart, Release
from compensation.voucher_codes import take_codes
from notify.outbox import waves_of
from notify.texts import current_text

# What routes, texts and their payloads read of a line, besides its case.
_READ = ("language", "brand", "zone", "payment_type", "texts_by", "email")
_STAGED = ("line_id", "account_id", "account_ref", "msisdn", "number", "priority")


@dataclass
class Shaped:
    """A batch of lines, each with the number of its shape, and what each shape gets; `rows`: deliveries in all."""

    lines: pa.RecordBatch
    rows: int = 0
    credits: list[tuple[int, CreditPart]] = field(default_factory=list)
    offers: list[tuple[int, OfferPart]] = field(default_factory=list)
    deliveries: list[tuple[int, DeliveryPart]] = field(default_factory=list)


@dataclass(frozen=True)
class Apart:
    """A batch of lines told apart: the shape of each, one line of each shape, and how they are staged but for it."""

    batch: pa.RecordBatch
    numbers: Sequence[int]
    lines: Sequence[Line]
    staged: Mapping[str, pa.Array]


class Shapes:
    """What the lines of one release get, by shape."""

    def __init__(
        self, session: Session, release: Release, cases: Mapping[int, GivenCase], totals: Mapping[str, Any]
    ) -> None:
        """`cases` by their numbers, none where lines bring their rewards; `totals` are the assessment's."""
        self._session = session
        self._release = release
        self._cases = cases
        self._told_by = (*(("number",) if cases else ("rewards", "text_name")), *_READ)
        self._rows = totals["credits"] + totals["texts"]

    def tell_apart(self, batch: pa.RecordBatch) -> Apart:
        """The shapes of a batch of lines with the columns of `Line`; asks nothing of the session, so any thread may."""
        told_by = [batch.column(name) for name in self._told_by]
        has_email = compute.is_valid(batch.column("email"))
        # A text to somebody with both names both.
        told_by.append(compute.if_else(has_email, batch.column("msisdn"), None))
        head, tail = self._release.group
        group_keys = compute.binary_join_element_wise(head, batch.column("line_id").cast(pa.string()), tail, "")
        waves = pa.array(waves_of(group_keys.to_pylist(), self._rows), pa.int16())
        staged = {**{name: batch.column(name) for name in _STAGED}, "group_key": group_keys, "wave": waves}
        return Apart(batch, *_apart(batch, told_by), staged)

    def shaped(self, apart: Apart) -> Shaped:
        """What a batch of lines gets; takes the voucher codes that it needs."""
        numbers, lines = apart.numbers, apart.lines
        cases = [self._case_of(line) for line in lines]
        if any(case.gives_codes for case in cases):
            numbers, lines = _apart(apart.batch, [apart.batch.column("line_id")])
            cases = [self._case_of(line) for line in lines]
        shaped = Shaped(pa.RecordBatch.from_pydict({**apart.staged, "shape": pa.array(numbers, pa.int32())}))
        codes = self._codes(lines, cases)
        each: list[int] = []
        for shape, (line, case) in enumerate(zip(lines, cases, strict=True)):
            deliveries = [*self._release.postings(case, line, codes.get(line.line_id, {}))]
            if case.text_name is not None:
                deliveries.append(self._release.text(case, line, self._version(case.text_name, line.language or "en")))
            shaped.credits += ((shape, part) for part in self._release.credits(case))
            shaped.offers += ((shape, part) for part in self._release.offers(case))
            shaped.deliveries += ((shape, part) for part in deliveries)
            each.append(len(deliveries))
        shaped.rows = sum(each[number] for number in numbers)
        return shaped

    def _case_of(self, line: Line) -> GivenCase:
        return self._cases[line.number] if self._cases else self._kept_case(line.rewards, line.text_name)

    @functools.lru_cache(maxsize=65_536)  # noqa: B019 - lives as long as the release
    def _kept_case(self, rewards: str | None, text_name: str | None) -> GivenCase:
        return self._release.given_case(None, json.loads(rewards) if rewards else [], text_name)

    def _codes(self, lines: Sequence[Line], cases: Sequence[GivenCase]) -> dict[int, dict[str, str]]:
        """The codes of each line by the names of its rewards."""
        keys = {
            self._release.key_of(given, line): (line.line_id, given)
            for line, case in zip(lines, cases, strict=True)
            for given in case.posted
            if given.codes is not None
        }
        wanted = [
            (given.codes or "", given.amount_minor or 0, given.currency or "", key) for key, (_, given) in keys.items()
        ]
        found: dict[int, dict[str, str]] = {}
        for key, code in take_codes(self._session, wanted).items() if wanted else ():
            line_id, given = keys[key]
            found.setdefault(line_id, {})[given.name] = code
        return found

    @functools.lru_cache(maxsize=4096)  # noqa: B019 - lives as long as the release
    def _version(self, name: str, language: str) -> tuple[str, int]:
        version = current_text(self._session, name, language)
        return version.language, version.id


def _apart(batch: pa.RecordBatch, told_by: Sequence[pa.Array]) -> tuple[list[int], list[Line]]:
    """The shape of each line by what tells lines apart, and one line of each shape."""
    numbers, firsts = distinct_rows(told_by)
    return numbers, [Line(**line) for line in batch.take(pa.array(firsts, pa.int64())).to_pylist()]


def distinct_rows(columns: Sequence[pa.Array]) -> tuple[list[int], list[int]]:
    """Number the distinct rows of some columns from 0 in the order in which they appear; null equals null.

    Returns the number of each row, and for each number the place of the first row that has it.
    """
    numbers = None
    for column in columns:
        found = column.dictionary_encode(null_encoding="encode")
        numbers = found.indices.cast(pa.int64()) if numbers is None else _paired(numbers, found)
    told = [] if numbers is None else numbers.to_pylist()
    firsts: list[int] = []
    for place, number in enumerate(told):
        if number == len(firsts):
            firsts.append(place)
    return told, firsts


def _paired(numbers: pa.Array, found: pa.DictionaryArray) -> pa.Array:
    pairs = compute.add(compute.multiply(numbers, len(found.dictionary)), found.indices.cast(pa.int64()))
    return pairs.dictionary_encode().indices.cast(pa.int64())
