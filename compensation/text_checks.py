"""Whether the texts that a policy names can be written: each placeholder, in each language, is filled by something."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy.orm import Session

from compensation.decision.decide import Decision
from compensation.decision.phrases import result_names
from compensation.decision.worked_cases import decision_of
from compensation.document.reading import PolicyDocument, Reward, TableDecision
from compensation.feel import Literal, Node
from compensation.feel.nodes import If, Name
from compensation.release_rows import window_of
from compensation.reward_json import is_offer, is_posted, reward_to_json
from compensation.rewards import CASH, GIVEN_AT_ONCE, UNPOSTED
from compensation.terms import NO_TERMS
from foundation.errors import InputError
from notify.composing import message_values
from notify.models import TextVersion
from notify.texts import FALLBACK_LANGUAGE, list_current_texts
from notify.wording import render

_SAMPLE_BRAND = "the brand"
_ENDS = ("valid to", "valid days")
_SHOWN = (*sorted(CASH), "top_up_bonus", "voucher")
_ALWAYS = ("brand", "outage_date", "code")

_Fills = Callable[[Sequence[Reward], Sequence[Reward]], bool]
"""Whether rewards that are credited, and those that wait for somebody, can fill a placeholder."""


def _given(kind: str, *fields: str) -> _Fills:
    return lambda posted, _: any(
        reward.kind.name == kind and (not fields or any(field in reward.fields for field in fields))
        for reward in posted
    )


_FILLED_BY: Mapping[str, tuple[_Fills, str]] = {
    "credit": (lambda posted, _: any(one.kind.name in CASH for one in posted), "a bill or balance credit"),
    "pays_on": (
        lambda posted, _: any(one.kind.name in _SHOWN and "pays on" in one.fields for one in posted),
        "a credit, voucher or bonus that says `pays on`",
    ),
    "voucher": (_given("voucher"), "a voucher"),
    "voucher_from": (_given("voucher", "valid from", "valid days"), "a voucher with its first day"),
    "voucher_until": (_given("voucher", *_ENDS), "a voucher with its last day"),
    "bonus": (_given("top_up_bonus"), "a bonus on a top-up"),
    "bonus_from": (_given("top_up_bonus", "valid from", "valid days"), "a bonus on a top-up with its first day"),
    "bonus_until": (_given("top_up_bonus", *_ENDS), "a bonus on a top-up with its last day"),
    "benefits": (lambda posted, _: any(one.kind.name not in CASH for one in posted), "a reward that is no credit"),
    "given": (lambda posted, _: bool(posted), "a reward that is given at once"),
    "offer": (lambda _, offered: bool(offered), "a reward that waits for an answer"),
    "offer_until": (
        lambda _, offered: any("valid to" in one.fields for one in offered),
        "a reward that waits for an answer and says `valid to`",
    ),
}
"""What fills a placeholder of the text of a release, and in words; others are filled by nothing."""


def text_names(document: PolicyDocument) -> frozenset[str]:
    """The names that stand in the policy as what its `text` may come to; those that are put together are not seen."""
    results = dict(_results(document))
    found: set[str] = set()
    seen: set[str] = set()

    def walk(node: Node) -> None:
        match node:
            case Literal(value=str() as name):
                found.add(name)
            case If(yes=yes, no=no):
                walk(yes)
                walk(no)
            case Name(name=name) if name not in seen:
                seen.add(name)
                for one in results.get(name, ()):
                    walk(one)

    if document.customer_text is not None:
        walk(document.customer_text)
    return frozenset(found)


def _results(document: PolicyDocument) -> Iterator[tuple[str, Sequence[Node]]]:
    """What each name that a policy itself makes may come to."""
    for parameter in document.parameters:
        yield parameter.name, [Literal(dated.value) for dated in parameter.values]
    for decision in document.decisions:
        if not isinstance(decision, TableDecision):
            yield decision.name, [decision.expression]
            continue
        outputs = decision.table.outputs
        scoped = result_names(dict.fromkeys(output.name for output in outputs), decision.name)
        for place, output in enumerate(outputs):
            default = [output.default] if output.default is not None else []
            yield scoped[output.name], [*(rule.outputs[place] for rule in decision.table.rules), *default]


def list_text_problems(session: Session, document: PolicyDocument) -> list[str]:
    """What cannot be written of the texts that a policy sends: text, language and placeholder of each problem.

    Looked at are the names that stand in the policy, every worked case with what it decides, and the text of
    corrections. A text that is not there is a problem too, that of corrections only when the policy names it.
    """
    sent = _sent(document)
    names = text_names(document) | {str(decision.text) for _, decision in sent}
    versions = list_current_texts(session, {*names, *_corrections(document)} if names else ())
    known = {version.name for version in versions if version.language == FALLBACK_LANGUAGE}
    own = {document.terms.correction_text} - {NO_TERMS.correction_text}
    missing = sorted((names | own if names else names) - known)
    return [f'there is no text "{name}" in {FALLBACK_LANGUAGE}' for name in missing] + _problems(
        document, versions, sent
    )


def list_unwritable(document: PolicyDocument, versions: Sequence[TextVersion]) -> list[str]:
    """What cannot be written of some texts for what a policy gives, in the words of `list_text_problems`."""
    common = {NO_TERMS.correction_text} - _corrections(document)
    return _problems(document, [version for version in versions if version.name not in common], _sent(document))


def _problems(
    document: PolicyDocument, versions: Sequence[TextVersion], sent: Sequence[tuple[str, Decision]]
) -> list[str]:
    problems: list[str] = []
    for version in versions:
        problems += list(_unfilled(document, version)) or _unwritten(version, sent)
    return problems


def _corrections(document: PolicyDocument) -> frozenset[str]:
    """The text of a later top-up; of one that only offers, the common one says nothing that could be checked."""
    correction = document.terms.correction_text
    gives = any(one.kind.name not in UNPOSTED and one.how in GIVEN_AT_ONCE for one in document.rewards)
    return frozenset({correction} if gives or correction != NO_TERMS.correction_text else ())


def _unfilled(document: PolicyDocument, version: TextVersion) -> Iterator[str]:
    optional = {name for reward in document.rewards for name in reward.options}
    own = [one for one in document.rewards if one.name not in optional]
    posted = [one for one in own if one.kind.name not in UNPOSTED and one.how in GIVEN_AT_ONCE]
    offered = [one for one in own if one.kind.name != "apology" and one not in posted]
    for name in version.placeholders:
        if name in _ALWAYS:
            continue
        fills = _FILLED_BY.get(name)
        if fills is None:
            yield f"{_place(version)}: nothing that is released fills {{{name}}}"
        elif not fills[0](posted, offered):
            yield f"{_place(version)}: {{{name}}} is filled by {fills[1]}, and the policy gives none"


def _unwritten(version: TextVersion, sent: Sequence[tuple[str, Decision]]) -> list[str]:
    """The worked cases that get a text which cannot be written for them."""
    problems = []
    for name, decision in sent:
        if decision.text != version.name:
            continue
        try:
            render(version.body, _values(version, decision), version.placeholders, allow_links=version.allows_links)
        except InputError as error:
            problems.append(f'{_place(version)}: {error.what} for the worked case "{name}"')
    return problems


def _values(version: TextVersion, decision: Decision) -> dict[str, str]:
    rewards = [reward_to_json(line) for line in decision.rewards]
    on = datetime.date.fromisoformat(decision.trace.on)
    given = {"brand": _SAMPLE_BRAND, "outage_date": on.isoformat()}
    postings: list[Any] = [
        SimpleNamespace(
            payload={**reward, **dict(zip(("valid_from", "valid_to"), window_of(reward, on), strict=True))},
            amount_minor=reward["amount_minor"],
            currency=reward["currency"],
        )
        for reward in rewards
        if is_posted(reward)
    ]
    offers = [reward for reward in rewards if is_offer(reward)]
    return message_values("sample", version.language, given, postings, offers, wanted=version.placeholders)


def _sent(document: PolicyDocument) -> list[tuple[str, Decision]]:
    """The worked cases that get a text, with what is decided; one that cannot be decided fails elsewhere."""
    found = []
    for test in document.tests:
        try:
            decision = decision_of(document, test)
        except InputError:
            continue
        if decision.text is not None:
            found.append((test.name, decision))
    return found


def _place(version: TextVersion) -> str:
    return f'text "{version.name}" in {version.language}'
