"""Forms: WTForms with the fields that this house needs, and input errors shown beside the field they name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from flask_wtf import FlaskForm
from wtforms import Field, TextAreaField, ValidationError
from wtforms.widgets import TextInput

from foundation import clock
from foundation.errors import ForbiddenError, InputError


class Form(FlaskForm):  # type: ignore[misc]
    """A form of the console; the guard has checked its CSRF token before the view runs."""


def stripped(value: object) -> object:
    """A WTForms filter: text without the blanks around it."""
    return value.strip() if isinstance(value, str) else value


class InstantField(Field):  # type: ignore[misc]
    """An instant typed as ISO 8601 with its offset, or as local time followed by an IANA zone.

    `2012-07-11T13:30+01:00`, `2012-07-11 12:30Z`, `2012-07-11 13:30 Europe/London`. Naive times are refused.
    """

    widget = TextInput()
    data: Any  # datetime | None: whether None can still be there is the validators' business

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return self.data.strftime("%Y-%m-%d %H:%M:%SZ") if self.data else ""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was sent; nothing sent is None."""
        self.data = None
        # Blanks only are not nothing to InputRequired: they must fail as a timestamp (Optional lets them pass).
        if not valuelist or not valuelist[0]:
            return
        text = valuelist[0].strip()
        try:
            self.data = read_instant(text)
        except InputError as error:
            raise ValidationError(error.message) from None


def read_instant(text: str) -> datetime:
    """An aware UTC instant from ISO 8601 with offset, or local time and a zone; raises InputError.

    A local time that a change of clocks skips or repeats is refused: only an offset can say which was meant.
    """
    wall, _, zone_name = text.strip().rpartition(" ")
    if not wall or not zone_name[:1].isalpha() or zone_name.upper() == "Z":
        return clock.parse_instant(text)
    zone = ZoneInfo("UTC") if zone_name.upper() == "UTC" else clock.parse_zone(zone_name)
    try:
        naive = datetime.fromisoformat(wall)
    except ValueError:
        return clock.parse_instant(text)
    if naive.tzinfo is not None:
        raise InputError("both an offset and a zone", value=text, accepted="one of them")
    early, late = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if early.utcoffset() != late.utcoffset():
        raise InputError("the clocks change at this time", value=text, accepted="a time with an offset, such as +01:00")
    try:
        return early.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise InputError("timestamp out of range", value=text, accepted="a year from 1 to 9999") from None


class LinesField(TextAreaField):  # type: ignore[misc]
    """Names, one a line or with commas, semicolons or blanks between them; `data` is the list without repeats."""

    data: Any

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "\n".join(self.data or ())

    def process_formdata(self, valuelist: list[str]) -> None:
        """Split what was sent."""
        text = " ".join(valuelist)
        for mark in ",;":
            text = text.replace(mark, " ")
        self.data = list(dict.fromkeys(text.split()))


AnyForm = TypeVar("AnyForm", bound=Form)


def read_form(kind: type[AnyForm]) -> AnyForm:
    """The form as it was sent; raises InputError with the first complaint, for forms that have no page of their own."""
    form = kind()
    if form.validate_on_submit():
        return form
    for field in form:
        for complaint in field.errors:
            value = field.raw_data[0][:80] if field.raw_data and isinstance(field.raw_data[0], str) else None
            told = str(complaint).rstrip(".")
            raise InputError(told, where=field.label.text, value=None if "(got " in told else value)
    raise InputError("nothing was sent", accepted="a filled-in form")


@contextlib.contextmanager
def show_on_form(form: Form, *, otherwise: str) -> Iterator[None]:
    """Turn an InputError into a message at the field it names, or at the field `otherwise`; the form then has errors.

    ForbiddenError passes through.
    """
    try:
        yield
    except ForbiddenError:
        raise
    except InputError as error:
        is_named = error.where in form
        field = form[error.where if is_named else otherwise]
        # At its own field a complaint need not say again where it stands.
        told = InputError(error.what, value=error.value, accepted=error.accepted) if is_named else error
        field.errors = [*field.errors, told.message]
