"""The forms that incidents are opened and changed with."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from flask_wtf.file import FileField
from sqlalchemy.orm import Session
from wtforms import BooleanField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from foundation.web import Form, InstantField, LinesField, stripped
from outage.incidents.outages import OutageStart
from outage.lifecycle import SERVICES, CauseClass, Degree, ForceMajeure, IncidentKind, Severity
from outage.network.inventory import find_elements
from outage.web.ref_files import read_refs

_NAMED = 12
WHEN = "ISO 8601 with offset or Z, or local time and zone: 2012-07-11 13:30+01:00 or 2012-07-11 13:30 Europe/London"


class ServicesField(SelectMultipleField):  # type: ignore[misc]
    """Services as tick boxes; none ticked means those that each element carries."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


def choices(kind: type[StrEnum]) -> list[Any]:
    """The members of an enum for a field to choose from."""
    return [SelectChoice(member.value, member.value.replace("_", " ")) for member in kind]


def services_field(label: str) -> ServicesField:
    """A field for services."""
    return ServicesField(label, choices=[SelectChoice(name, name) for name in SERVICES])


class PickingForm(Form):
    """Elements chosen by search, by a pasted list, on the map, or from a file."""

    elements = LinesField("Network elements")
    elements_file = FileField("From a file")

    def chosen(self) -> list[str]:
        """The references that were entered, those of the file last; raises InputError when the file is no text."""
        upload = self.elements_file.data
        listed = list(self.elements.data or ())
        if not upload:
            return listed
        return list(dict.fromkeys([*listed, *read_refs(upload.filename or "file", upload.read())]))

    def pick(self, session: Session) -> list[str] | None:
        """The references that were entered; None when some are unknown: then the field names them and keeps the rest.

        Raises InputError when the file is no text.
        """
        refs = self.chosen()
        known = find_elements(session, refs)
        self.keep([ref for ref in refs if ref in known])
        unknown = [ref for ref in refs if ref not in known]
        if not unknown:
            return refs
        self.elements.errors = [*self.elements.errors, left_out(unknown, len(refs) - len(unknown))]
        return None

    def keep(self, refs: list[str]) -> None:
        """Let the field show these references."""
        self.elements.data, self.elements.raw_data = refs, None


def left_out(unknown: list[str], kept: int) -> str:
    """A complaint that names references which were not found."""
    named = ", ".join(ref[:80] for ref in unknown[:_NAMED])
    more = f" and {len(unknown) - _NAMED:,} more" if len(unknown) > _NAMED else ""
    rest = f" The {kept:,} that were found are kept: send them, or mend the list." if kept else ""
    return f"Not found in the inventory: {named}{more}.{rest}"


class ElementsForm(PickingForm):
    """Which elements lost which services, since when."""

    services = services_field("Services")
    degree = SelectField("How much", choices=choices(Degree), default=Degree.LOST.value)
    started_at = InstantField("Since", [Optional()])

    def outages(self, refs: list[str]) -> list[OutageStart]:
        """The outages that were entered, one per element."""
        services = tuple(self.services.data or ()) or None
        degree = Degree(self.degree.data)
        return [OutageStart(ref, services, self.started_at.data, degree) for ref in refs]


class OpeningForm(ElementsForm):
    """A new incident with its first outages."""

    title = StringField("Title", [DataRequired("say in a few words what broke"), Length(max=256)], [stripped])
    kind = SelectField(
        "What it is about",
        choices=[
            SelectChoice(IncidentKind.NETWORK.value, "elements of the network"),
            SelectChoice(IncidentKind.BILLING.value, "wrong bills: a list of accounts, no elements"),
        ],
        default=IncidentKind.NETWORK.value,
    )
    severity = SelectField("Severity", choices=choices(Severity), default=Severity.MAJOR.value)
    cause_class = SelectField("Cause", choices=choices(CauseClass), default=CauseClass.UNKNOWN.value)
    planned = BooleanField("This is planned work")
    started_at = InstantField("Started", [InputRequired("say when it started")])


class RestoreForm(Form):
    """Which elements are back, and since when."""

    elements = LinesField("Elements that are back")
    services = services_field("Services that are back")
    at = InstantField("Restored at", [InputRequired("say when service came back")])
    all_open = BooleanField("All that are still open")


class RestoreSomeForm(PickingForm):
    """Elements that are back, picked on a page of their own."""

    services = services_field("Services that are back")
    at = InstantField("Restored at", [InputRequired("say when service came back")])


class NoteForm(Form):
    """A note for the timeline."""

    text = TextAreaField("Note", [DataRequired("write something"), Length(max=10_000)], [stripped])
    at = InstantField("About", [Optional()])


class SeverityForm(Form):
    """Another severity."""

    severity = SelectField("Severity", choices=choices(Severity))


class CauseForm(Form):
    """Another class of cause, and what was beyond anybody's control."""

    cause_class = SelectField("Cause", choices=choices(CauseClass))
    force_majeure = SelectField("Force majeure", choices=[SelectChoice("", "none"), *choices(ForceMajeure)], default="")


class OwnerForm(Form):
    """Who works on it; empty is nobody."""

    owner = StringField("Owner", [Length(max=64)], [stripped])


class StepForm(Form):
    """A step without anything to fill in: close, reopen, dismiss, measure."""
