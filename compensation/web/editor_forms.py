"""The forms of the editor, made from the catalogues that the engine itself uses."""

from __future__ import annotations

import zoneinfo
from typing import Any

from compensation.document.reading import Basis, Population, Tag
from compensation.feel import NAMED_TYPES
from compensation.feel.functions import SIGNATURES
from compensation.measures import Count, Cut, Rounded, Since
from compensation.rewards import KINDS, Field, How, Per
from compensation.tables.table import HitPolicy
from compensation.terms import Combines, Others, Over

_SERVICES = ("any", "voice", "data", "sms", "all of [voice, data]", "any of [voice, data]")


def form_specs() -> dict[str, Any]:
    """Choices of every form, with what each of them means."""
    return {
        "hit_policies": [{"value": str(one), "label": f"{one}: {one.said}"} for one in HitPolicy],
        "types": [str(one) for one in NAMED_TYPES],
        "functions": [{"written": one.written, "meaning": one.meaning} for one in SIGNATURES.values()],
        "head": _head(),
        "parameters": [
            _field("unit", hint="such as GBP, share, h, lines; the currency makes it money", required=True),
            _field("source", hint="where the value comes from", required=True),
            _field("type", choices=["number", "string", "boolean", "date", "duration"], hint="as the values look"),
        ],
        "measures": _measures(),
        "rewards": {
            "common": [
                _field("when", hint="when it is given, such as owed.credit; empty: always", feel=True),
                _field("per", choices=[str(one) for one in Per], hint="once per line unless said otherwise"),
                _field("how", choices=[str(one) for one in How], hint="automatic unless said otherwise"),
                _field("layer", hint="the layer it belongs to, when the policy has layers"),
                _field("options", hint="for a choice: names of rewards, such as [data, credit]", nested=True),
            ],
            "kinds": [
                {"name": kind.name, "meaning": kind.meaning, "fields": [_reward_field(one) for one in kind.fields]}
                for kind in KINDS.values()
            ],
        },
        "layers": [
            _field("name", required=True),
            _field("basis", choices=[str(one) for one in Basis], required=True),
            _field("combines", choices=[str(one) for one in Combines], hint="with all layers before it"),
        ],
        "caps": [
            _field("amount", feel=True, required=True),
            _field("per", choices=[str(one) for one in Per], required=True),
            _field("over", choices=[str(one) for one in Over], required=True),
        ],
        "tags": [str(one) for one in Tag],
        "terms": [
            _field(
                "other credits", choices=[str(one) for one in Others], hint="when others gave money for the incident"
            ),
            _field("correction text", hint="name of the text that corrects an earlier one"),
        ],
    }


def _head() -> list[dict[str, Any]]:
    return [
        _field("title", hint="as approvers and care staff read it", required=True),
        _field("basis", choices=[str(one) for one in Basis], hint="why it is owed", required=True),
        _field("currency", hint="ISO 4217, such as GBP", required=True),
        _field("zone", hint="days are counted in it", choices=sorted(zoneinfo.available_timezones()), required=True),
        _field("population", choices=[str(one) for one in Population], hint="the lines it looks at", required=True),
        _field("text", hint='the text to send, such as "credit_only" or owed.text; null: none', feel=True),
    ]


def _measures() -> list[dict[str, Any]]:
    return [
        _field("name", hint="rules read the measure by it", required=True),
        _field("meaning", hint="for people"),
        _field("count", choices=[str(one) for one in Count], required=True),
        _field("of", choices=list(_SERVICES), hint="the lost services that count", open_ended=True),
        _field("over", hint="more than this long, such as PT12H or a parameter"),
        _field("at least", hint="at least this long"),
        _field("beyond", hint="only what is past this length"),
        _field("rounded", choices=[str(one) for one in Rounded], open_ended=True),
        _field(
            "incidents",
            choices=["this month", "this billing period", "this quarter", "this year", "last 30 days"],
            hint="all incidents of that period, not this one alone",
            open_ended=True,
        ),
        _field("leaves out", choices=["force majeure"], hint="incidents that do not count", open_ended=True),
        _field("window", hint="a part of the day, such as 08:00-22:00"),
        _field("since", choices=[str(one) for one in Since], hint="when the clock starts"),
        _field("per", choices=[str(one) for one in Cut], hint="the pieces it is counted by"),
        _field("whole", choices=["true"], hint="only days or blocks lost to the last second"),
        _field("length", hint="of a block, such as PT24H"),
        _field("grace", hint="such as 2 working days"),
        _field("first day", hint="number of the first day that counts"),
        _field("last day", hint="number of the last day that counts"),
        _field("day one", choices=["the day after", "the same day"], hint="which day is number 1"),
        _field("only on", choices=["working days"]),
        _field("zone", choices=["policy", "customer"], hint="whose calendar days"),
        _field("calendar", hint="a name under holidays, or a fact that says one"),
    ]


def _reward_field(field: Field) -> dict[str, Any]:
    hint = "text as it stands" if field.plain else f"{field.type.said}, a value or an expression"
    return _field(field.name, choices=list(field.allowed), hint=hint, required=field.required, feel=not field.plain)


def _field(
    name: str,
    *,
    choices: list[str] | None = None,
    hint: str = "",
    required: bool = False,
    feel: bool = False,
    open_ended: bool = False,
    nested: bool = False,
) -> dict[str, Any]:
    return {
        "name": name,
        "choices": choices or [],
        "hint": hint,
        "required": required,
        "feel": feel,
        "open": open_ended,
        "nested": nested,
    }
