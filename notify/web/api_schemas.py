"""Shapes that the calls of this package share."""

from __future__ import annotations

from marshmallow import RAISE, Schema, fields, validate

MOST = 200


class Strict(Schema):
    """What a call takes: nothing that it does not name."""

    class Meta:
        """A misspelt name is a mistake."""

        unknown = RAISE


class DeliveryListQuery(Strict):
    """A part of a list: at most `limit`, behind the first `offset`."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, MOST))
    offset = fields.Integer(load_default=0, validate=validate.Range(0, 1_000_000))


class DeliveryReasonBody(Strict):
    """Why; it stands in the audit."""

    reason = fields.String(required=True, validate=validate.Length(1, 500))


class RowsChangedAnswer(Schema):
    """How many rows a call changed; 0 when it was so already."""

    changed = fields.Integer()
