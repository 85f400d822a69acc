"""Two versions of a policy side by side: cell by cell, and the situations that are decided otherwise."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session

from compensation.document.outline import Outline, read_outline
from compensation.document.outline_diff import EntryChange, compare_outlines
from compensation.geometry.version_diff import VersionDiff, compare_versions
from compensation.models import PolicyVersion
from compensation.policies import get_version, label, list_versions, load_document
from foundation import clock
from foundation.errors import InputError, RefusedError
from foundation.web import permission, reading

BUDGET_SECONDS = 1.0
compares = Blueprint("policy_compare", __name__, url_prefix="/policies", template_folder="templates")


@compares.get("/<name>/compare")
@permission("policies.read")
def compare(name: str) -> str:
    """`?before=` and `?after=` are numbers of versions; without them the newest and the one before it."""
    with reading() as session:
        versions = [version for version in list_versions(session) if version.name == name]
        newest = get_version(session, name).number
        after = get_version(session, name, _number("after", newest))
        before = get_version(session, name, _number("before", max(after.number - 1, 1)))
        changes, diff, unread = differences(session, before, after)
    return render_template(
        "compensation/policy_compare.html",
        name=name,
        versions=versions,
        before=before,
        after=after,
        changes=changes,
        diff=diff,
        unread=unread,
        regions=lambda one: [region.as_json(one.inputs) for region in one.regions],
    )


def differences(
    session: Session, before: PolicyVersion, after: PolicyVersion
) -> tuple[list[EntryChange], VersionDiff | None, str]:
    """The cells that differ, what that changes, and why that cannot be told when an attribute was taken away since."""
    try:
        documents = [load_document(session, version) for version in (before, after)]
    except InputError as error:
        return compare_outlines(_outline(before), _outline(after)), None, error.message
    diff = compare_versions(*documents, now=clock.monotonic, budget_seconds=BUDGET_SECONDS)
    return list(diff.changes), diff, ""


def _number(key: str, otherwise: int) -> int:
    text = request.args.get(key, "")
    if not text:
        return otherwise
    if not text.isascii() or not text.isdecimal() or len(text) > 6:
        raise InputError("not the number of a version", where=key, value=text[:20], accepted="such as 3")
    return int(text)


def _outline(version: PolicyVersion) -> Outline:
    outline = read_outline(version.source)
    if outline is None:
        raise RefusedError(f"{label(version)} cannot be read", accepted="a version that is YAML")
    return outline
