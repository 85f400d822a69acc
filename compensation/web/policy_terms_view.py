"""The terms of a policy version as people read them: layers, caps, what others gave, holdouts, measures, its texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sqlalchemy.orm import Session

from compensation.document.reading import PolicyDocument, TableDecision, Tag
from compensation.feel import FeelType, write_expression, write_tests
from compensation.feel.values import write_number
from compensation.measures import HolidayCalendar
from compensation.measures_said import measure_said
from compensation.rewards import How, Per
from compensation.terms import Combines, Others
from compensation.text_checks import text_names
from compensation.web.words import date_text
from notify.texts import list_current_texts

_COMBINES: Mapping[Combines, str] = {
    Combines.SUM: "stands beside all layers before it",
    Combines.GREATEST: "the dearer stands, it or all before it; of equal ones what came before",
    Combines.REPLACES: "where it gives anything, what came before goes",
    Combines.OFFSET: "of its cash only what is above theirs is given",
}
_OTHERS: Mapping[Others, str] = {
    Others.OFFSET: "What other policies or staff credited to the line for the same incident is taken off.",
    Others.NOTHING: "Who was credited anything for the same incident by others gets no money.",
    Others.KEEP: "It is paid whatever others credited for the same incident.",
}
_HOW: Mapping[How, str] = {
    How.AUTOMATIC: "automatically",
    How.REDEEM: "at once, to be redeemed",
    How.OPT_IN: "to who opts in",
    How.CLAIM: "to who claims it",
}
_TAGS: Mapping[Tag, str] = {
    Tag.SOURCE: "as the source says",
    Tag.COMPUTED: "follows from the source",
    Tag.ASSUMED: "rests on an assumption",
}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class ShownText:
    """A text that is sent, as it is now in one language; `role` says when."""

    name: str
    role: str
    language: str
    number: int
    body: str


@dataclass(frozen=True, slots=True)
class ShownTerms:
    """How rewards go together, and what is counted: pairs and rows of text.

    `given` says of each reward by name to whom and how it is given; `measures` are name, what is counted and meaning;
    `tags` how sure each worked case is.
    """

    layers: tuple[tuple[str, str, str], ...]
    caps: tuple[tuple[str, str], ...]
    others: str
    holdout: str
    correction: str
    given: Mapping[str, tuple[str, ...]]
    measures: tuple[tuple[str, str, str], ...]
    attributes: tuple[tuple[str, str, str, str], ...]
    calendars: tuple[tuple[str, str, str, str], ...]
    explained: Mapping[str, tuple[tuple[str, str], ...]]
    values: Mapping[str, tuple[tuple[str, str], ...]]
    facts: tuple[tuple[str, str, str], ...]
    tags: tuple[str, ...]


def show_terms(document: PolicyDocument) -> ShownTerms:
    """All terms of a checked policy in words."""
    terms = document.terms
    tables = [one for one in document.decisions if isinstance(one, TableDecision)]
    return ShownTerms(
        layers=tuple(
            (layer.name, layer.basis, "the first" if not place else _COMBINES[layer.combines])
            for place, layer in enumerate(terms.layers)
        ),
        caps=tuple((write_expression(cap.amount), cap.said) for cap in terms.caps),
        others=_OTHERS[terms.others],
        holdout=_holdout(terms.holdout.share, terms.holdout.salt) if terms.holdout is not None else "",
        correction=terms.correction_text,
        given={reward.name: _given(document, reward.name) for reward in document.rewards},
        measures=tuple((one.name, measure_said(one), one.meaning) for one in document.measures),
        attributes=tuple((one.name, str(one.type), one.unit, one.meaning) for one in document.attributes),
        calendars=tuple(_calendar(one) for one in document.calendars),
        explained={one.name: tuple(_explained(one)) for one in tables if one.explained},
        values={one.name: found for one in tables if (found := tuple(_values(one)))},
        facts=tuple(
            (fact.name, "an amount" if fact.type is FeelType.MONEY else fact.unit or str(fact.type), fact.meaning)
            for fact in (document.catalogue[name] for name in document.facts_read())
            if fact.name not in {one.name for one in document.measures}
        ),
        tags=tuple(_TAGS[test.tag] for test in document.tests),
    )


def list_shown_texts(session: Session, document: PolicyDocument) -> list[ShownText]:
    """The texts that the policy names, as they are now, in every language."""
    names = text_names(document) | {test.expect.text for test in document.tests if test.expect.text is not None}
    correction = document.terms.correction_text
    return [
        ShownText(
            version.name,
            "what a later run adds" if version.name == correction and version.name not in names else "",
            version.language,
            version.number,
            version.body,
        )
        for version in list_current_texts(session, {*names, *([correction] if names else [])})
    ]


def _holdout(share: Fraction, salt: str) -> str:
    return (
        f"{write_number(share * 100)} % of all lines get nothing and no text, always the same ones "
        f'for this policy and the word "{salt}", to learn what the goodwill is worth.'
    )


def _given(document: PolicyDocument, name: str) -> tuple[str, ...]:
    """To whom a reward is given and how, in which layer, and between what it chooses."""
    reward = next(one for one in document.rewards if one.name == name)
    whom = "once per account, on the line for which it is worth most" if reward.per is Per.ACCOUNT else "to each line"
    said = [f"{whom}, {_HOW[reward.how]}"]
    if reward.layer is not None:
        said.append(f"in layer {reward.layer}")
    if reward.options:
        said.append(f"a choice between {' and '.join(reward.options)}")
    chosen = [one.name for one in document.rewards if name in one.options]
    if chosen:
        said.append(f"only as a choice of {' or '.join(chosen)}")
    return tuple(said)


def _calendar(one: HolidayCalendar) -> tuple[str, str, str, str]:
    covers = f"{date_text(one.since)} to before {date_text(one.until)}"
    free = ", ".join(_DAYS[day] for day in sorted(one.weekend)) or "no weekday"
    days = ", ".join(date_text(day) for day in sorted(one.holidays))
    return one.name, one.source, covers, f"{free}; {days}" if days else free


def _explained(decision: TableDecision) -> Sequence[tuple[str, str]]:
    """What the check of a table finds and its author means to be so: what, and why."""
    inputs = [write_expression(node) for node in decision.table.inputs]
    found = []
    for one in decision.explained:
        if one.gap:
            cells = (write_tests(tests) for tests in one.gap)
            asked = " and ".join(f"{name} {cell}" for name, cell in zip(inputs, cells, strict=True) if cell != "-")
            what = f"no rule when {asked or 'anything'}"
        elif one.overlap:
            what = f"rules {' and '.join(map(str, one.overlap))} may apply at once"
        else:
            what = f"rule {one.dead_rule} never counts"
        found.append((what, one.why))
    return found


def _values(decision: TableDecision) -> Sequence[tuple[str, str]]:
    """The allowed values of a table's columns, and what comes out when no rule matches."""
    table = decision.table
    found = [
        (f"{write_expression(node)} is one of", write_tests(values))
        for node, values in zip(table.inputs, table.allowed_inputs(), strict=True)
        if values is not None
    ]
    for output in table.outputs:
        if output.values is not None:
            found.append((f"{output.name} is one of", write_tests(output.values)))
        if output.default is not None:
            found.append((f"{output.name} when no rule matches", write_expression(output.default)))
    return found
