"""The forms that incidents are opened and changed with."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from wtforms import BooleanField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from foundation.web import Form, InstantField, LinesField, stripped
from outage.lifecycle import SERVICES, CauseClass, Degree, Severity
from outage.outages import OutageStart

WHEN = "ISO 8601 with offset or Z, or local time and zone: 2012-07-11 13:30+01:00 or 2012-07-11 13:30 Europe/London"


class ServicesField(SelectMultipleField):  # type: ignore[misc]
    """Services as tick boxes; none ticked means those that each element carries."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


def _choices(kind: type[StrEnum]) -> list[Any]:
    return [SelectChoice(member.value, member.value.replace("_", " ")) for member in kind]


def _services(label: str) -> ServicesField:
    return ServicesField(label, choices=[SelectChoice(name, name) for name in SERVICES])


class ElementsForm(Form):
    """Which elements lost which services, since when."""

    elements = LinesField("Network elements")
    services = _services("Services")
    degree = SelectField("How much", choices=_choices(Degree), default=Degree.LOST.value)
    started_at = InstantField("Since", [Optional()])

    def outages(self) -> list[OutageStart]:
        """The outages that were entered, one per element."""
        services = tuple(self.services.data or ()) or None
        degree = Degree(self.degree.data)
        return [OutageStart(ref, services, self.started_at.data, degree) for ref in self.elements.data or ()]


class OpeningForm(ElementsForm):
    """A new incident with its first outages."""

    title = StringField("Title", [DataRequired("say in a few words what broke"), Length(max=256)], [stripped])
    severity = SelectField("Severity", choices=_choices(Severity), default=Severity.MAJOR.value)
    cause_class = SelectField("Cause", choices=_choices(CauseClass), default=CauseClass.UNKNOWN.value)
    planned = BooleanField("This is planned work")
    started_at = InstantField("Started", [InputRequired("say when it started")])


class RestoreForm(Form):
    """Which elements are back, and since when."""

    elements = LinesField("Elements that are back")
    services = _services("Services that are back")
    at = InstantField("Restored at", [InputRequired("say when service came back")])
    all_open = BooleanField("All that are still open")


class NoteForm(Form):
    """A note for the timeline."""

    text = TextAreaField("Note", [DataRequired("write something"), Length(max=10_000)], [stripped])
    at = InstantField("About", [Optional()])


class SeverityForm(Form):
    """Another severity."""

    severity = SelectField("Severity", choices=_choices(Severity))


class OwnerForm(Form):
    """Who works on it; empty is nobody."""

    owner = StringField("Owner", [Length(max=64)], [stripped])


class StepForm(Form):
    """A step without anything to fill in: close, reopen, dismiss, measure."""
