"""What-if of a policy version: an incident is chosen, and a version to compare with; cost, histogram, who wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from flask import Blueprint, Response, render_template, request
from markupsafe import Markup
from sqlalchemy.orm import Session

from compensation.facts import Fact
from compensation.histogram import Bin, distribute_both
from compensation.models import PolicyVersion
from compensation.policies import get_version, list_versions, load_document
from compensation.simulation.credited_before import is_at_hand
from compensation.simulation.places import Place, find_rival, get_place, list_places
from compensation.simulation.trials import Side
from compensation.simulation.whatif import DIMENSIONS, Simulation, make_simulation
from compensation.simulation.whatif_results import Example, Part, WhatIf
from compensation.tallies import Change
from compensation.web.charts import bin_label
from compensation.web.whatif_charts import histogram_figure, parts_figure, shift_figure
from compensation.web.words import common_facts
from foundation.errors import InputError, NotFoundError
from foundation.web import csv_response, figure, permission, reading, store, wants_csv

whatif_pages = Blueprint("whatif", __name__, url_prefix="/policies", template_folder="templates")
EXAMPLES = 3
_ALWAYS = ("segment", "brand", "payment type")


@dataclass(frozen=True)
class Asked:
    """What the address asks for: a run, a version to compare with (none: with nothing), one more dimension.

    `credited`: whether what was credited before is looked at; many credits are read only when somebody asks for it.
    """

    place: Place | None
    places: Sequence[Place]
    rival: PolicyVersion | None
    against: str
    by: str
    credited: bool = True


@dataclass(frozen=True)
class ShownWhatIf:
    """A what-if with its figures and its sums in words."""

    found: WhatIf
    names: tuple[str, str | None]
    settled: Sequence[tuple[str, Side]]
    changes: Sequence[tuple[str, Change]]
    bins: Sequence[tuple[str, Bin, Bin]]
    parts: Sequence[tuple[str, Sequence[Part], Markup]]
    charts: Mapping[str, Markup]
    examples: Sequence[tuple[str, Sequence[Example]]]


@whatif_pages.get("/<name>/<int(max=1000000):number>/what-if")
@permission("policies.read")
def show(name: str, number: int) -> str | Response | tuple[str, int]:
    """Try a version on an incident, by default on the newest and against the version in force."""
    problem, shown = "", None
    with reading() as session:
        version = get_version(session, name, number)
        asked = _asked(session, version)
        if asked.place is not None:
            try:
                simulation = _simulation(session, version, asked, asked.place.run_id)
                if wants_csv():
                    return _download(version, asked, simulation)
                shown = show_whatif(simulation, version, asked)
            except NotFoundError:
                raise
            except InputError as error:
                problem = error.message
        versions = [other for other in list_versions(session) if other.currency == version.currency]
    page = render_template(
        "compensation/whatif.html",
        version=version,
        asked=asked,
        versions=versions,
        shown=shown,
        problem=problem,
        dimensions=[dimension for dimension in DIMENSIONS if dimension not in _ALWAYS],
    )
    return (page, 422) if problem else page


def _asked(session: Session, version: PolicyVersion) -> Asked:
    places = list_places(session)
    run = request.args.get("run", "")
    chosen = next((place for place in places if str(place.run_id) == run), None)
    against = request.args.get("against", "")
    rival = find_rival(session, version.name, against)
    if not against and rival is not None and rival.id == version.id:
        rival = None
    by = request.args.get("by", "")
    place = chosen or (places[0] if places else None)
    return Asked(
        place=place,
        places=places,
        rival=rival,
        against=against,
        by=by if by in DIMENSIONS else "",
        credited=place is None or _may_read_credits(session, version, rival, place.run_id),
    )


def _simulation(session: Session, version: PolicyVersion, asked: Asked, run_id: int) -> Simulation:
    document = load_document(session, version)
    other = load_document(session, asked.rival) if asked.rival is not None else None
    return make_simulation(session, store(), document, run_id, other, credited=asked.credited)


def _may_read_credits(session: Session, version: PolicyVersion, rival: PolicyVersion | None, run_id: int) -> bool:
    """Whether what was credited before is at hand, or asked for in spite of the time that it takes to read."""
    if request.args.get("credited") == "read" or wants_csv():
        return True
    _, incident = get_place(session, run_id)
    sides = [load_document(session, one) for one in (version, rival) if one is not None]
    return all(is_at_hand(session, store(), one, incident) for one in sides)


def show_whatif(simulation: Simulation, version: PolicyVersion, asked: Asked) -> ShownWhatIf:
    """The result as the page shows it."""
    by = tuple(dict.fromkeys([*_ALWAYS, *([asked.by] if asked.by else [])]))
    found = simulation.whatif(by=by, examples=EXAMPLES)
    rival = None if asked.rival is None else f"{asked.rival.name}, version {asked.rival.number}"
    names = (f"version {version.number}", rival)
    before = found.against.tally.amounts if found.against is not None else {}
    bins = distribute_both(found.side.tally.amounts, before)
    parts = {dimension: list(group) for dimension, group in groupby(found.parts, key=lambda part: part.dimension)}
    charts = {"histogram": figure(histogram_figure(bins, found.currency, names), "How many lines get how much")}
    if found.shift is not None:
        charts["shift"] = figure(shift_figure(found.shift), "How many lines get more, less or the same")
    return ShownWhatIf(
        found=found,
        names=names,
        settled=_settled(found, names, told=asked.credited),
        changes=_changes(found),
        bins=[(bin_label(now, found.currency), now, other) for now, other in bins],
        parts=[
            (dimension, group, figure(parts_figure(group, found.currency, names), f"Cost by {dimension}"))
            for dimension, group in parts.items()
        ],
        charts=charts,
        examples=[
            (kind.value, [_in_words(example, found.currency, simulation.catalogue) for example in group])
            for kind, group in groupby(found.examples, key=lambda example: example.kind)
        ],
    )


def _settled(found: WhatIf, names: tuple[str, str | None], *, told: bool) -> list[tuple[str, Side]]:
    """Both sides, where one would not release what its rules give."""
    sides = [(name or "", side) for name, side in zip(names, (found.side, found.against), strict=True) if side]
    return sides if told and any(side.differs for _, side in sides) else []


def _in_words(example: Example, currency: str, catalogue: Mapping[str, Fact]) -> Example:
    return replace(example, facts=dict(common_facts(example.facts, currency, catalogue)))


def _changes(found: WhatIf) -> list[tuple[str, Change]]:
    if found.shift is None:
        return []
    return [
        ("get more", found.shift.winners),
        ("get less", found.shift.losers),
        ("get something else of the same amount, or another text", found.shift.otherwise),
        ("are undetermined under one of the two", found.shift.unclear),
        ("get the same", found.shift.same),
    ]


def _download(version: PolicyVersion, asked: Asked, simulation: Simulation) -> Response:
    cases = list(simulation.cases())
    facts = list(dict.fromkeys(name for case in cases for name in case.facts))
    told = ("outcome", "one_minor", "release_one_minor", "other_outcome", "other_one_minor", "other_release_one_minor")
    header = [*facts, "lines", "change", *told, "currency"]
    currency = version.currency

    def rows() -> Iterator[Sequence[object]]:
        for case in cases:
            change = case.kind.value if case.kind is not None else ""
            now = (case.outcome, case.now_minor, case.release_minor)
            other = (case.before_outcome or "", case.before_minor, case.before_release_minor)
            yield [*(case.facts.get(name) for name in facts), case.lines, change, *now, *other, currency]

    place = asked.place.incident_ref if asked.place is not None else ""
    return csv_response(f"{version.name}-{version.number}-{place}", header, rows())
