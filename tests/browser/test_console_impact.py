"""A real browser on the pages of impact, the network and planned work: at a desk, on a phone, in light and dark."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from foundation.db import Database
from foundation.settings import read_settings
from foundation.snapshots import SnapshotStore
from tests.browser.conftest import Watch
from tests.console_world import ConsoleWorld, make_world
from tests.web_client import PASSWORD, add_staff, make_web

SIZES = [(1280, 800), (390, 844)]


@dataclass(frozen=True)
class Console:
    """Where the console is served, and the references of what is in it."""

    address: str
    world: ConsoleWorld

    def pages(self) -> list[str]:
        """Every page that this file is about."""
        one = f"/incidents/{self.world.measured}"
        steps = ("runs/2", "runs/compare", "duties", "corrections?element=hlr-1", "declarations", "lists")
        return [
            one,
            f"/incidents/{self.world.announced}",
            *(f"{one}/{step}" for step in steps),
            f"{one}/merging?absorbed={self.world.opened}",
            "/network",
            "/network/whatif?elements=mme-1",
            "/network/single-points",
            "/network/changes",
            "/planned-work",
            "/planned-work/new",
        ]


@pytest.fixture(scope="module")
def console(tmp_path_factory, sqlite_template: Path, serve) -> Iterator[Console]:
    directory = tmp_path_factory.mktemp("console")
    shutil.copy(sqlite_template, directory / "records.db")
    settings = read_settings({"OUTAGE_DATA": str(directory)})
    database = Database(settings.database_url)
    add_staff(database, "noc", "admin")
    store = SnapshotStore(settings.snapshots, memory_mb=256)
    world = make_world(database, store, directory)
    yield Console(serve(make_web(settings, database, store)), world)
    database.dispose()


def sign_in(browser: Browser, console: Console, size: tuple[int, int] = (1280, 800), scheme: str = "light") -> Page:
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{console.address}/sign-in")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Incidents")).to_be_visible()
    return page


@pytest.mark.parametrize(
    ("scheme", "size"), [("light", SIZES[0]), ("dark", SIZES[1])], ids=["light-desk", "dark-phone"]
)
def test_every_page_fits_draws_what_it_has_and_asks_no_other_host(browser, console, size, scheme):
    page = sign_in(browser, console, size, scheme)
    watch = Watch()
    watch.follow(page, console.address)
    for wanted in console.pages():
        answer = page.goto(console.address + wanted)
        assert answer is not None
        assert answer.status == 200, wanted
        for chart in page.locator(".figure:visible, .cell-map:visible").all():
            chart.scroll_into_view_if_needed()
            expect(chart).to_have_attribute("data-drawn", "yes", timeout=15_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], wanted
    assert watch.complaints == []
    assert watch.foreign == []
    page.context.close()


def test_what_breaks_is_asked_and_answered_with_the_keyboard(browser, console):
    page = sign_in(browser, console)
    page.get_by_role("link", name="Network").press("Enter")
    page.get_by_role("link", name="What breaks if").press("Enter")
    page.get_by_label("Find a network element").fill("mobility 1")
    expect(page.locator(".element-hits button")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="What breaks?").press("Enter")
    expect(page.get_by_role("heading", name="If mme-1")).to_be_visible()
    expect(page.get_by_text("10 besides those that fail")).to_be_visible()
    chart = page.locator(".cell-map:visible")
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-drawn", "yes", timeout=15_000)
    assert chart.evaluate("box => box.cellMap.state.filter(code => code === 3).length") == 10
    page.context.close()


def test_two_incidents_are_merged_after_one_question(browser, console):
    page = sign_in(browser, console)
    page.goto(f"{console.address}/incidents/new")
    page.get_by_label("Title").fill("The same cut, seen twice")
    page.get_by_label("Network elements", exact=True).fill("cell-007")
    page.get_by_role("button", name="Open the incident").click()
    page.goto(f"{console.address}/incidents/{console.world.opened}/merging")
    page.get_by_role("row", name="The same cut").get_by_role("link", name="Merge this one").press("Enter")
    page.locator("summary", has_text="Merge them").press("Enter")
    page.get_by_label("Reason").fill("One cable")
    page.get_by_role("button", name="Yes, merge them").press("Enter")
    expect(page.get_by_role("status").filter(has_text="is merged into this incident")).to_be_visible()
    page.context.close()
