"""The shapes of the policies' calls: what is sent, and what is answered."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from compensation.document.reading import Basis
from compensation.models import PolicyState
from compensation.policy_check import MOST_CHARACTERS
from compensation.policy_lists import SORTS

_MOST_REASON = 1000


def _said(description: str, kind: type[fields.Field[Any]] = fields.String, **options: Any) -> fields.Field[Any]:
    return kind(metadata={"description": description}, **options)


class PoliciesQuery(Schema):
    """Which policies, in what order, and which page of them."""

    class Meta:
        """A misspelt parameter is a mistake."""

        unknown = RAISE

    search = _said("Words in title, name or author.", load_default="", validate=validate.Length(max=128))
    state = fields.Enum(PolicyState, by_value=True, load_default=None, allow_none=True)
    basis = fields.Enum(Basis, by_value=True, load_default=None, allow_none=True)
    sort = fields.String(load_default="changed", validate=validate.OneOf(list(SORTS)))
    page = fields.Integer(load_default=1, validate=validate.Range(1, 1_000_000))
    page_size = fields.Integer(load_default=50, validate=validate.Range(1, 500))


class PolicyTextCall(Schema):
    """A policy's YAML."""

    class Meta:
        """What nobody knows is a mistake."""

        unknown = RAISE

    text = _said("The policy in YAML.", required=True, validate=validate.Length(1, MOST_CHARACTERS))


class PolicyReasonCall(Schema):
    """A step's reason, kept in the audit."""

    class Meta:
        """What nobody knows is a mistake."""

        unknown = RAISE

    reason = _said("Why; kept in the audit.", load_default="", validate=validate.Length(max=_MOST_REASON))


class PolicyCompareQuery(Schema):
    """The numbers of two versions."""

    class Meta:
        """A misspelt parameter is a mistake."""

        unknown = RAISE

    before = fields.Integer(required=True)
    after = fields.Integer(required=True)


class PolicyVersionAnswer(Schema):
    """A version of a policy without its text."""

    name = fields.String()
    number = fields.Integer()
    title = fields.String()
    state = fields.Enum(PolicyState, by_value=True)
    basis = fields.String()
    currency = fields.String()
    content_hash = fields.String()
    in_force_from = fields.Date()
    in_force_to = fields.Date(allow_none=True, metadata={"description": "First day it no longer answers for."})
    author = fields.String()
    created_at = fields.DateTime(format="iso")
    approved_by = fields.String(allow_none=True)
    approved_at = fields.DateTime(format="iso", allow_none=True)


class PolicyListedAnswer(PolicyVersionAnswer):
    """A policy by its newest version."""

    versions = fields.Integer(metadata={"description": "How many versions it has."})
    in_force = fields.Integer(allow_none=True, metadata={"description": "Number of its approved version."})


class PoliciesAnswer(Schema):
    """A page of policies."""

    policies = fields.List(fields.Nested(PolicyListedAnswer))
    count = fields.Integer()
    page = fields.Integer()
    pages = fields.Integer()


class PolicyBlockerAnswer(Schema):
    """Something that keeps a draft from being submitted; `case` counts from 0."""

    words = fields.String()
    decision = fields.String(allow_none=True)
    rule = fields.Integer(allow_none=True)
    case = fields.Integer(allow_none=True)


class PolicyVersionDetailAnswer(PolicyVersionAnswer):
    """A version with its text, and for a draft what keeps it from being submitted."""

    text = fields.String(attribute="source")
    blockers = fields.List(fields.Nested(PolicyBlockerAnswer))
    numbers = fields.List(fields.Integer(), metadata={"description": "Numbers of all versions, newest first."})


class PolicySavedAnswer(Schema):
    """The version that the text is, and whether this call made it."""

    version = fields.Nested(PolicyVersionAnswer)
    is_new = fields.Boolean()


class PolicyProblemAnswer(Schema):
    """One thing wrong with a text; `path` is its place in the outline, `fix` the whole new text of that place."""

    line = fields.Integer()
    column = fields.Integer()
    what = fields.String()
    accepted = fields.String()
    path = fields.List(fields.Raw())
    fix = fields.String(allow_none=True)
    instead = fields.String(allow_none=True)


class PolicyCaseAnswer(Schema):
    """How one worked case came out; `rules` are the numbers of the rules that decided, by decision."""

    name = fields.String()
    passed = fields.Boolean()
    expected = fields.String()
    got = fields.String()
    detail = fields.String()
    rules = fields.Dict(keys=fields.String(), values=fields.List(fields.Integer()))


class PolicyCheckAnswer(Schema):
    """What is wrong with a text; without problems also its worked cases and what its tables leave open."""

    problems = fields.List(fields.Nested(PolicyProblemAnswer))
    tests = fields.List(fields.Nested(PolicyCaseAnswer), allow_none=True)
    findings = fields.List(fields.Dict(), allow_none=True)


class PolicyCellAnswer(Schema):
    """A value before and after; null where it does not exist."""

    before = fields.String(allow_none=True)
    after = fields.String(allow_none=True)


class PolicyFieldChangeAnswer(PolicyCellAnswer):
    """A field of an entry, or of the head."""

    name = fields.String()


class PolicyRowChangeAnswer(Schema):
    """A rule: its number before and after (null: not there), and its cells in the order of the table's heads."""

    kind = fields.String()
    before = fields.Integer(allow_none=True)
    after = fields.Integer(allow_none=True)
    cells = fields.List(fields.Nested(PolicyCellAnswer))


class PolicyTableChangeAnswer(Schema):
    """A table: heads of the columns of either version, and all its rules."""

    heads = fields.List(fields.Nested(PolicyCellAnswer))
    rows = fields.List(fields.Nested(PolicyRowChangeAnswer))


class PolicyChangeAnswer(Schema):
    """An entry that differs: `kind` is added, removed or changed."""

    part = fields.String()
    name = fields.String()
    kind = fields.String()
    fields_ = fields.List(fields.Nested(PolicyFieldChangeAnswer), data_key="fields", attribute="fields")
    table = fields.Nested(PolicyTableChangeAnswer, allow_none=True)


class PolicyCompareAnswer(Schema):
    """What differs between two versions: by cells, by regions of inputs, in worked cases (null: cannot be told)."""

    changes = fields.List(fields.Nested(PolicyChangeAnswer))
    decisions = fields.List(fields.Dict(), allow_none=True)
    cases = fields.List(fields.Dict(), allow_none=True)
