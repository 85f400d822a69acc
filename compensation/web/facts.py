"""The page of what a rule may read: facts, attributes that staff defined, and the counters of measures."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request
from markupsafe import Markup

from compensation.facts import Fact
from compensation.facts_reference import COUNTS, ORIGINS, SETTINGS, facts_of, values_said
from compensation.policies import list_attribute_facts
from foundation.web import csv_response, permission, reading, wants_csv

fact_pages = Blueprint("facts", __name__, url_prefix="/policies/facts", template_folder="templates")
_CSV = ("fact", "of", "type", "unit", "values", "nullable", "meaning", "from")
_ATTRIBUTES = "Attributes that staff defined"


@fact_pages.get("/")
@permission("policies.read")
def index() -> str | Response:
    """Every fact and attribute with what it means, and how measures count; `?search=` in names and meanings."""
    search = request.args.get("search", "").strip()[:128]
    with reading() as session:
        attributes = list_attribute_facts(session)
    groups = [(title, facts_of(origin)) for origin, title in ORIGINS.items()]
    groups.append((_ATTRIBUTES, attributes))
    found = [(title, [fact for fact in facts if _is_wanted(fact, search)]) for title, facts in groups]
    if wants_csv():
        return csv_response("facts", _CSV, [_csv_row(title, fact) for title, facts in found for fact in facts])
    return render_template(
        "compensation/facts.html",
        groups=[(title, facts) for title, facts in found if facts],
        count=sum(len(facts) for _, facts in found),
        search=search,
        values_said=values_said,
        counts=[(count, gives, coded(meaning)) for count, (gives, meaning) in COUNTS.items()],
        settings=[(one.key, coded(one.written), coded(one.meaning)) for one in SETTINGS],
    )


def coded(text: str) -> Markup:
    """A text with what stands between backticks as code."""
    code = Markup("<code>{}</code>")
    return Markup().join(code.format(part) if place % 2 else part for place, part in enumerate(text.split("`")))


def _is_wanted(fact: Fact, search: str) -> bool:
    return search.casefold() in f"{fact.name} {fact.meaning}".casefold()


def _csv_row(title: str, fact: Fact) -> tuple[str, ...]:
    nullable = "yes" if fact.nullable else "no"
    values = values_said(fact.allowed)
    return (fact.name, title, fact.type.value, fact.unit, values, nullable, fact.meaning, fact.source)
