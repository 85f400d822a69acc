"""What pages promise to those who do not see them: labels that fit their fields, ids told once, headings in order."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import pairwise

from tests.web_client import add_staff
from tests.web_world import make_small_world

PAGES = (
    ("noc", "/incidents/{incident}"),
    ("noc", "/incidents/new"),
    ("marketing", "/policies/new"),
    ("marketing", "/policies/o2-uk-2012-07/edit"),
    ("approver", "/assessments/"),
    ("approver", "/assessments/{assessment}"),
    ("care", "/incidents/{incident}/declarations"),
    ("delivery", "/releases/"),
    ("auditor", "/audit"),
)


class Page(HTMLParser):
    """What a page promises to those who do not see it: ids, what refers to them, and headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.pointed: set[str] = set()
        self.fields: set[str] = set()
        self.levels: list[int] = []
        self.unscoped = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "label" and "for" in given:
            self.labelled.add(given["for"])
        if tag in ("input", "select", "textarea") and given.get("type") not in ("hidden", "submit"):
            self.fields.add("" if "aria-label" in given else given.get("id", "no id"))
        for name in ("aria-labelledby", "aria-describedby", "for"):
            self.pointed.update(given.get(name, "").split())
        if tag in ("h1", "h2", "h3", "h4"):
            self.levels.append(int(tag[1]))
        self.unscoped += tag == "th" and "scope" not in given


def test_every_field_has_its_label_and_every_heading_its_place(tmp_path, sqlite_database, store):
    add_staff(sqlite_database)
    world = make_small_world(tmp_path, sqlite_database, store)
    ref = world.propose()
    for role, address in PAGES:
        answer = world.client(role).get(address.format(incident=world.incident, assessment=ref))
        page = Page(answer.text)
        assert answer.status_code == 200, address
        assert len(page.ids) == len(set(page.ids)), address
        assert page.pointed <= set(page.ids), address
        assert page.fields - {""} <= page.labelled, address
        assert page.levels[0] == 1, address
        assert all(deeper <= level + 1 for level, deeper in pairwise(page.levels)), address
        assert not page.unscoped, address
