"""A real browser on the incidents of a network of 8,053 cells: at a desk, on a phone, in the light, in the dark."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect

from foundation import clock
from foundation.db import Database
from foundation.settings import read_settings
from foundation.snapshots import SnapshotStore
from outage.incidents.incidents import OutageStart, open_incident, restore_elements
from outage.lifecycle import CauseClass, Degree, Severity
from outage.models import NetworkElement
from tests.browser.conftest import Watch
from tests.web_client import PASSWORD, add_staff, make_web

CELLS = 8_053
SIZES = [(1280, 800), (390, 844)]


@pytest.fixture(scope="module")
def address(tmp_path_factory, sqlite_template: Path, serve) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("console")
    shutil.copy(sqlite_template, directory / "records.db")
    settings = read_settings({"OUTAGE_DATA": str(directory)})
    database = Database(settings.database_url)
    add_staff(database, "noc", "auditor", "admin")
    _add_network(database)
    _add_incidents(database)
    yield serve(make_web(settings, database, SnapshotStore(settings.snapshots)))
    database.dispose()


def _add_network(database: Database) -> None:
    random = Random(20120711)
    services = ["voice", "sms", "data"]
    with database.transaction() as session:
        session.add(NetworkElement(ref="hlr-1", kind="hlr", name="Home location register 1", services=services))
        session.add_all(
            NetworkElement(
                ref=f"234-10-{number:05d}",
                kind="cell",
                name=f"Cell {number}",
                latitude=round(random.gauss(52.5, 1.5), 5),
                longitude=round(random.gauss(-1.5, 1.2), 5),
                services=services,
            )
            for number in range(CELLS)
        )


def _add_incidents(database: Database) -> None:
    started_at = clock.now() - timedelta(hours=20)
    cells = [f"234-10-{number:05d}" for number in range(900)]
    with database.transaction() as session:
        incident = open_incident(
            session,
            title="Transmission ring cut: nine hundred cells without service in several regions",
            severity=Severity.CRITICAL,
            cause_class=CauseClass.TRANSMISSION,
            started_at=started_at,
            outages=[OutageStart(ref, None, None, Degree.LOST) for ref in cells[:800]]
            + [OutageStart(ref, ("data",), None, Degree.DEGRADED) for ref in cells[800:]],
            actor="noc",
        )
        for hour in (3, 7, 12):
            part = cells[hour * 20 : hour * 20 + 60]
            restore_elements(session, incident, part, at=started_at + timedelta(hours=hour), actor="noc")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context
    context.close()


def sign_in(context: BrowserContext, address: str, name: str) -> Page:
    page = context.new_page()
    page.goto(f"{address}/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Incidents")).to_be_visible()
    return page


def draw_all(page: Page) -> None:
    for chart in page.locator(".figure:visible, .cell-map:visible").all():
        chart.scroll_into_view_if_needed()
        expect(chart).to_have_attribute("data-drawn", "yes", timeout=15_000)
    # No button may carry what is shown to somebody else's host.
    titles = page.locator(".modebar-btn").evaluate_all("buttons => buttons.map(button => button.dataset.title)")
    assert not [title for title in titles if "hare" in title or "loud" in title]


@pytest.mark.parametrize(
    ("scheme", "size"), [("light", SIZES[0]), ("dark", SIZES[1])], ids=["light-desk", "dark-phone"]
)
def test_every_page_fits_draws_its_charts_and_asks_no_other_host(browser, address, size, scheme):
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = sign_in(context, address, "admin")
    watch = Watch()
    watch.follow(page, address)
    one = page.locator("a[href*='/incidents/INC-']").first.get_attribute("href") or ""
    steps = [f"{one}/{step}" for step in ("cells", "outages", "restoring")]
    for wanted in ("/incidents", one, *steps, "/incidents/new", "/network", "/audit"):
        page.goto(address + wanted)
        draw_all(page)
        assert page.evaluate("document.documentElement.dataset.bsTheme") == scheme
        assert page.evaluate("document.documentElement.scrollWidth") <= width, wanted
    assert watch.complaints == []
    assert watch.foreign == []
    context.close()


def test_the_map_is_also_a_figure_that_can_be_saved(context, address):
    page = sign_in(context, address, "noc")
    page.get_by_role("link", name="Transmission ring cut").click()
    page.get_by_text("As a figure to save").click()
    figure = page.get_by_label("Cells by state, to be saved as a picture")
    expect(figure).to_have_attribute("data-drawn", "yes", timeout=15_000)
    assert figure.evaluate("box => box.data.reduce((sum, trace) => sum + trace.x.length, 0)") == 8053
    with page.expect_download() as saved:
        figure.hover()
        page.locator("[data-title='Download plot as a PNG']").click()
    assert saved.value.suggested_filename.endswith(".png")


def test_the_map_shows_every_cell_and_names_the_one_pointed_at(context, address):
    page = sign_in(context, address, "noc")
    page.get_by_role("link", name="Transmission ring cut").click()
    chart = page.locator(".cell-map")
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-drawn", "yes", timeout=15_000)
    page.get_by_role("button", name="All cells").click()
    expect(chart).to_have_attribute("data-shown", str(CELLS))
    spot = chart.evaluate(
        """box => { const map = box.cellMap, at = map.refs.findIndex((ref, place) => map.state[place] === 3);
          const [x, y] = [map.longitude[at], map.latitude[at]];
          map.show(x - .001, x + .001, y - .001, y + .001, 0);
          return [map.screenX(map.longitude[at]), map.screenY(map.latitude[at])]; }"""
    )
    chart.locator(".cell-map-frame").hover(position={"x": spot[0] + 2, "y": spot[1] + 2})
    expect(chart.locator(".cell-map-tip")).to_contain_text("234-10-")
    expect(chart.locator(".cell-map-tip")).to_contain_text("lost")


def pixels(page: Page, state: str) -> int:
    """How many pixels of the map have the colour of a state."""
    return int(
        page.locator(".cell-map").evaluate(
            """(box, colour) => { const canvas = box.querySelectorAll("canvas")[1];
              const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
              let found = 0;
              for (let at = 0; at < data.length; at += 4) {
                const alike = colour.every((part, place) => Math.abs(data[at + place] - part) < 8);
                if (data[at + 3] > 200 && alike) { found++; } }
              return found; }""",
            {"lost": [224, 81, 47], "degraded": [201, 133, 0], "chosen": [184, 120, 201]}[state],
        )
    )


def test_the_map_is_moved_and_zoomed_by_mouse_and_keyboard_and_tells_states_by_colour(context, address):
    page = sign_in(context, address, "noc")
    page.get_by_role("link", name="Transmission ring cut").click()
    chart = page.locator(".cell-map")
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-drawn", "yes", timeout=15_000)
    assert pixels(page, "lost") > 500
    assert pixels(page, "degraded") > 100
    frame = chart.locator(".cell-map-frame")
    look = "box => { const map = box.cellMap; return [map.west, map.north, map.scale]; }"
    before = chart.evaluate(look)
    frame.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    after = chart.evaluate(look)
    assert after[0] > before[0]
    assert after[2] > before[2]
    area = frame.bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + 200, area["y"] + 200)
    page.mouse.down()
    page.mouse.move(area["x"] + 100, area["y"] + 150, steps=3)
    page.mouse.up()
    moved = chart.evaluate(look)
    assert moved[0] > after[0]
    assert moved[1] < after[1]
    page.keyboard.press("0")
    expect(chart).to_have_attribute("data-shown", str(CELLS))
    page.get_by_role("button", name="Box zoom").click()
    page.mouse.move(area["x"] + 50, area["y"] + 50)
    page.mouse.down()
    page.mouse.move(area["x"] + 250, area["y"] + 250, steps=3)
    page.mouse.up()
    assert chart.evaluate(look)[2] > moved[2] / 100
    expect(page.get_by_role("button", name="Move")).to_have_attribute("aria-pressed", "true")


def test_cells_are_picked_on_the_map_with_a_box_a_lasso_and_all_in_view(context, address):
    page = sign_in(context, address, "noc")
    page.goto(f"{address}/incidents/new")
    page.get_by_text("Pick cells on the map").press("Enter")
    chart = page.locator(".cell-map")
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-drawn", "yes", timeout=15_000)
    frame = chart.locator(".cell-map-frame")
    area = frame.bounding_box()
    assert area is not None
    middle = (area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    counts = []
    for tool in ("Box", "Lasso"):
        page.get_by_role("button", name="Clear the list").click()
        page.get_by_role("button", name=tool, exact=True).click()
        page.mouse.move(middle[0] - 40, middle[1] - 40)
        page.mouse.down()
        for x, y in ((40, -40), (40, 40), (-40, 40)) if tool == "Lasso" else ((40, 40),):
            page.mouse.move(middle[0] + x, middle[1] + y, steps=4)
        page.mouse.up()
        chosen = page.get_by_label("Network elements", exact=True).input_value().split()
        assert len(chosen) == len(set(chosen)) > 0
        expect(page.locator("[data-told]")).to_contain_text(f"{len(chosen):,} elements chosen")
        counts.append(len(chosen))
    assert abs(counts[0] - counts[1]) < counts[0] / 5
    page.wait_for_timeout(100)
    assert pixels(page, "chosen") > 50
    page.get_by_role("button", name="Take all in view").press("Enter")
    expect(page.locator("[data-told]")).to_contain_text(f"{CELLS:,} elements chosen")


def test_a_pasted_list_and_a_file_name_what_was_not_found_and_keep_the_rest(context, address):
    page = sign_in(context, address, "noc")
    page.goto(f"{address}/incidents/new")
    field = page.get_by_label("Network elements", exact=True)
    field.fill("hlr-1, 234-10-00001; nonsense")
    field.blur()
    told = page.locator("[data-told]")
    expect(told).to_contain_text("2 elements chosen. 1 was not found and left out: nonsense.")
    expect(field).to_have_value("hlr-1\n234-10-00001")
    file = FilePayload(name="cells.csv", mimeType="text/csv", buffer=b"name,cell\nx,234-10-00002\ny,gone-1\n")
    page.get_by_label("Or from a file").set_input_files([file])
    expect(told).to_contain_text("3 elements chosen. 1 was not found and left out: gone-1.")
    expect(field).to_have_value("hlr-1\n234-10-00001\n234-10-00002")


def test_some_elements_are_restored_on_a_page_of_their_own_by_keyboard(context, address):
    page = sign_in(context, address, "noc")
    page.get_by_role("link", name="Transmission ring cut").click()
    page.get_by_role("link", name="Restore some").press("Enter")
    page.get_by_label("Find a network element").fill("234-10-0055")
    expect(page.locator(".element-hits button")).to_have_count(10)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Network elements", exact=True)).to_have_value("234-10-00551")
    page.get_by_role("button", name="Restore them").press("Enter")
    expect(page.get_by_role("status").filter(has_text="with others still out")).to_be_visible()


def test_the_steps_of_staged_restoration_are_to_be_seen_and_read_as_a_table(context, address):
    page = sign_in(context, address, "noc")
    page.get_by_role("link", name="Transmission ring cut").click()
    draw_all(page)
    page.get_by_text("As a table").first.click()
    rows = page.locator("details.numbers table tbody tr")
    expect(rows.nth(0)).to_contain_text("800")
    expect(rows.nth(1)).to_contain_text("740")


def test_staff_open_restore_and_close_an_incident_with_the_keyboard(context, address):
    page = sign_in(context, address, "noc")
    page.get_by_role("link", name="Open an incident").press("Enter")
    page.get_by_label("Title").fill("Register down")
    page.get_by_label("Find a network element").fill("register")
    hit = page.locator(".element-hits button")
    expect(hit).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Network elements", exact=True)).to_have_value("hlr-1")
    page.get_by_role("button", name="Open the incident").press("Enter")
    expect(page.get_by_role("heading", name="Register down")).to_be_visible()
    page.get_by_label("Choose hlr-1").press("Space")
    page.locator("summary", has_text="Restore ticked").press("Enter")
    page.get_by_role("button", name="Yes, restore ticked").press("Enter")
    expect(page.get_by_role("status").filter(has_text="The incident is restored")).to_be_visible()
    page.locator("summary", has_text="Close").press("Enter")
    expect(page.get_by_text("cannot be opened again")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("cannot be opened again")).to_be_hidden()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Yes, close").press("Enter")
    expect(page.get_by_text("its record is frozen").first).to_be_visible()


def test_a_mistake_stays_in_the_form_beside_its_field(context, address):
    page = sign_in(context, address, "noc")
    page.goto(f"{address}/incidents/new")
    page.get_by_label("Title").fill("Something")
    page.get_by_label("Started").fill("2012-07-11 13:30")
    page.get_by_label("Network elements", exact=True).fill("hlr-1")
    page.get_by_role("button", name="Open the incident").click()
    expect(page.locator("#started_at-error")).to_contain_text("naive timestamp")
    expect(page.get_by_label("Title")).to_have_value("Something")


def test_everything_but_the_charts_works_without_scripts(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = sign_in(context, address, "noc")
    page.get_by_role("link", name="Open an incident").click()
    page.get_by_label("Title").fill("No scripts here")
    page.get_by_label("Network elements", exact=True).fill("hlr-1")
    page.get_by_role("button", name="Open the incident").click()
    page.locator("summary", has_text="Restore all").click()
    page.get_by_role("button", name="Yes, restore all").click()
    expect(page.get_by_role("status").filter(has_text="3 outages ended")).to_be_visible()
    context.close()


def test_the_first_stop_of_the_tab_key_skips_the_menu(context, address):
    page = sign_in(context, address, "noc")
    page.goto(f"{address}/incidents")
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_colours_are_chosen_by_hand_and_kept(context, address):
    page = sign_in(context, address, "noc")
    page.locator("[data-theme-switch]").click()
    page.locator("[data-theme-switch]").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
