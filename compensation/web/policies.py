"""Pages of policies: the list, one version as readable tables with its history, and the steps to force."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from compensation.decision.worked_cases import run_tests
from compensation.dmn.exchange import policy_to_model
from compensation.dmn.writing import write_model
from compensation.document.reading import Basis, PolicyDocument
from compensation.drafts import list_drafts
from compensation.history_checks import TriedTest, list_tried
from compensation.models import PolicyState, PolicyVersion
from compensation.policies import (
    approve_policy,
    get_version,
    list_versions,
    load_document,
    retire_policy,
    return_policy,
    submit_policy,
)
from compensation.policy_blockers import Blocker, list_blockers
from compensation.policy_lists import SORTS, ListedPolicy, PolicyFilter, count_policies, list_history, list_policies
from compensation.simulation.history_tests import try_on_history
from compensation.web.policy_terms_view import list_shown_texts, show_terms
from compensation.web.policy_view import in_force_text, show_policy
from foundation.errors import InputError
from foundation.web import (
    actor,
    csv_response,
    has_permission,
    permission,
    read_page,
    reading,
    store,
    transaction,
    wants_csv,
)
from foundation.web.access import foundations

PAGE_ROWS = 25
_ALL = 1_000_000
policies = Blueprint("policies", __name__, url_prefix="/policies", template_folder="templates")
VERSION = "/<name>/<int(max=1000000):number>"
STATE_WORDS = {
    PolicyState.DRAFTED: "draft",
    PolicyState.SUBMITTED: "in review",
    PolicyState.APPROVED: "approved",
    PolicyState.RETIRED: "retired",
}
_CSV = ("policy", "title", "basis", "newest_version", "state", "version_in_force", "from", "to", "author", "saved_at")


@policies.get("/")
@permission("policies.read")
def index() -> str | Response:
    """All policies by their newest version; `?format=csv` for all that fit the filter."""
    wanted, page = _filter(), read_page(PAGE_ROWS)
    with reading() as session:
        limit, offset = (_ALL, 0) if wants_csv() else (page.size, page.offset)
        rows = list_policies(session, wanted, limit=limit, offset=offset)
        count = count_policies(session, wanted)
        own = {draft.policy: draft for draft in list_drafts(session) if draft.author == actor()}
    if wants_csv():
        return csv_response("policies", _CSV, [_csv_row(row) for row in rows])
    state = wanted.states[0] if wanted.states else None
    return render_template(
        "compensation/policies.html",
        rows=rows,
        count=count,
        page=page,
        pages=page.pages(count),
        own=own,
        wanted={"search": wanted.search or None, "state": state, "basis": wanted.basis or None, "sort": wanted.sort},
        states=STATE_WORDS,
        bases=list(Basis),
        sorts=list(SORTS),
        in_force=in_force_text,
    )


def _filter() -> PolicyFilter:
    state, basis, sort = (request.args.get(name, "") for name in ("state", "basis", "sort"))
    return PolicyFilter(
        search=request.args.get("search", "").strip()[:128],
        states=(PolicyState(state),) if state in list(PolicyState) else (),
        basis=basis if basis in list(Basis) else "",
        sort=sort if sort in SORTS else "changed",
    )


def _csv_row(row: ListedPolicy) -> list[object]:
    version = row.newest
    return [
        version.name,
        version.title,
        version.basis,
        version.number,
        STATE_WORDS[version.state],
        row.in_force,
        version.in_force_from,
        version.in_force_to,
        version.author,
        version.created_at,
    ]


@policies.get(VERSION)
@permission("policies.read")
def detail(name: str, number: int) -> str:
    """One version: where it stands, what happened to it, its tables, parameters, rewards, limits, tests and text."""
    with reading() as session:
        version = get_version(session, name, number)
        document, problem = _find_document(session, version)
        others = [other for other in list_versions(session) if other.name == name]
        history = list_history(session, name, [other.number for other in others])
        is_drafted = version.state is PolicyState.DRAFTED
        blockers = list_blockers(session, version) if is_drafted and document is not None else []
        tried = list_tried(session, version)
        texts = list_shown_texts(session, document) if document is not None else []
    return render_template(
        "compensation/policy.html",
        version=version,
        document=document,
        problem=problem,
        shown=show_policy(document) if document is not None else None,
        terms=show_terms(document) if document is not None else None,
        texts=texts,
        tests=run_tests(document) if document is not None else None,
        in_force=in_force_text(version.in_force_from, version.in_force_to),
        others=others,
        history=history,
        blockers=[(blocker, _editor_link(version, blocker)) for blocker in blockers],
        tried=tried,
        steps=_steps(version, blockers, tried),
    )


def _editor_link(version: PolicyVersion, blocker: Blocker) -> str:
    """The editor at the cell where a blocker is put right."""
    where = f"decision={blocker.decision}" if blocker.decision else ""
    where += f"&rule={blocker.rule}" if blocker.rule else ""
    where = f"case={blocker.case}" if blocker.case is not None else where
    return url_for("editor.edit", name=version.name, version=version.number, _anchor=where or "tests")


@policies.get(VERSION + "/policy.yaml")
@permission("policies.read")
def download_yaml(name: str, number: int) -> Response:
    """The version as it is kept, to put under version control or send on."""
    with reading() as session:
        text = get_version(session, name, number).source
    return _download(text, f"{name}-v{number}.yaml", "application/yaml")


@policies.get(VERSION + "/policy.dmn")
@permission("policies.read")
def download_dmn(name: str, number: int) -> Response:
    """The version's decisions as DMN 1.3 XML; importing that file gives the policy back."""
    with reading() as session:
        document = load_document(session, get_version(session, name, number))
    return _download(write_model(policy_to_model(document)), f"{name}-v{number}.dmn", "application/xml")


def _download(text: str, name: str, kind: str) -> Response:
    answer = Response(text, mimetype=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@policies.post(VERSION + "/submit")
@permission("policies.write")
def submit(name: str, number: int) -> BaseResponse:
    """Ask a second person to approve it; it is tried on its tests over history first."""
    with reading() as session:
        version = get_version(session, name, number)
    try_on_history(foundations().database, store(), version.id, actor=actor())
    with transaction() as session:
        submit_policy(session, version.id, actor=actor(), reason=_reason())
    return _done("In review: another person approves it.", name, number)


@policies.post(VERSION + "/approve")
@permission("policies.approve")
def approve(name: str, number: int) -> BaseResponse:
    """Put it in force for outages of its dates."""
    with transaction() as session:
        approve_policy(session, get_version(session, name, number).id, actor=actor(), reason=_reason())
    return _done("Approved: it answers for outages of its dates.", name, number)


@policies.post(VERSION + "/return")
@permission("policies.approve")
def give_back(name: str, number: int) -> BaseResponse:
    """Give it back to its author as a draft, with what should be changed."""
    with transaction() as session:
        return_policy(session, get_version(session, name, number).id, actor=actor(), reason=_reason())
    return _done("Given back: its author sees your reason.", name, number)


@policies.post(VERSION + "/withdraw")
@permission("policies.write")
def withdraw(name: str, number: int) -> BaseResponse:
    """Take it back out of review, to change it."""
    with transaction() as session:
        return_policy(session, get_version(session, name, number).id, actor=actor(), reason=_reason())
    return _done("Taken back: it is a draft again.", name, number)


@policies.post(VERSION + "/retire")
@permission("policies.approve")
def retire(name: str, number: int) -> BaseResponse:
    """Take it out of force."""
    with transaction() as session:
        retire_policy(session, get_version(session, name, number).id, actor=actor(), reason=_reason())
    return _done("Retired: no further assessment can use it.", name, number)


def _reason() -> str:
    return request.form.get("reason", "").strip()[:1000]


def _done(words: str, name: str, number: int) -> BaseResponse:
    flash(words, "success")
    return redirect(url_for("policies.detail", name=name, number=number), 303)


def _find_document(session: Session, version: PolicyVersion) -> tuple[PolicyDocument | None, str | None]:
    # An attribute that a saved version reads may have been taken away since.
    try:
        return load_document(session, version), None
    except InputError as error:
        return None, error.message


def _steps(version: PolicyVersion, blockers: list[Blocker], tried: list[TriedTest]) -> dict[str, str | None]:
    """The steps its state offers, each with why this staff user cannot take it (None: may)."""
    offered = {
        PolicyState.DRAFTED: {"submit": "policies.write"},
        PolicyState.SUBMITTED: {"approve": "policies.approve", "return": "policies.approve"},
        PolicyState.APPROVED: {"retire": "policies.approve"},
    }.get(version.state, {})
    steps = {step: _hindrance(step, needed, version) for step, needed in offered.items()}
    if steps.get("approve", "") is None and not all(one.passed or one.accepted for one in tried):
        steps["approve"] = "A test over history fails or is to be tried again; nobody accepted the difference."
    if version.state is PolicyState.SUBMITTED and version.author == actor() and has_permission("policies.write"):
        return {"withdraw": None} | {"approve": steps["approve"]}
    if blockers and steps.get("submit", "") is None:
        steps["submit"] = "What stands in the way is listed below."
    return steps


def _hindrance(step: str, needed: str, version: PolicyVersion) -> str | None:
    if not has_permission(needed):
        return "Your role does not allow this step."
    if step == "approve" and version.author == actor():
        return "You wrote this version; another person approves it."
    return None
