"""A real browser writes a policy: with the keyboard, from a spreadsheet, by the findings beside it, and on a phone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import delete, update

from compensation.models import PolicyDraft, PolicyState, PolicyVersion
from compensation.policies import get_version
from foundation.db import Database
from foundation.snapshots import SnapshotStore
from tests.browser.conftest import Watch
from tests.browser.policy_editor import BLOCK, NAME, cell, copied, enter, grid, kept, paste, place, rules
from tests.web_client import add_staff
from tests.web_world import World, make_small_world, policy_text


@pytest.fixture(scope="module")
def lived(tmp_path_factory, sqlite_template) -> Iterator[World]:
    """A world with the O2 policy in force and a measured outage, made once."""
    path = tmp_path_factory.mktemp("editor")
    shutil.copy(sqlite_template, path / "records.db")
    database = Database(f"sqlite:///{path / 'records.db'}")
    add_staff(database)
    made = make_small_world(path, database, SnapshotStore(path / "snapshots", memory_mb=256))
    made.adopt_policy()
    made.measure()
    yield made
    database.dispose()


@pytest.fixture(scope="module")
def address(lived, serve):
    return serve(lived.web)


@pytest.fixture
def world(lived):
    """The same for every test: no working copy, no version but the first."""
    with lived.database.transaction() as session:
        session.execute(delete(PolicyDraft))
        session.execute(delete(PolicyVersion).where(PolicyVersion.number > 1))
        session.execute(update(PolicyVersion).values(state=PolicyState.APPROVED))
    return lived


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def page(browser: Browser, world, address, watch) -> Iterator[Page]:
    """The editor on the O2 policy, opened by marketing."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        watch.follow(page, address)
        enter(page, world, address, f"/policies/{NAME}/edit")
        expect(page.locator("#policy-editor")).to_have_attribute("data-ready", "yes")
        yield page
        assert (watch.complaints, watch.foreign) == ([], [])


def test_cells_are_reached_and_written_with_the_keyboard_alone(page, world):
    cell(page, 1, 1).click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(cell(page, 2, 2)).to_be_focused()
    page.keyboard.press("F2")
    expect(page.locator(".cell-input")).to_have_value('"business"')
    page.keyboard.press("Escape")
    expect(cell(page, 2, 2)).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.type("< 5")
    page.keyboard.press("Enter")
    expect(cell(page, 3, 3)).to_be_focused()
    expect(cell(page, 2, 3)).to_have_text("< 5")
    page.keyboard.press("Control+Home")
    expect(cell(page, 1, 1)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowUp")
    expect(grid(page).locator("th.head").last).to_be_focused()
    kept(page)
    assert rules(world)[1][2] == "< 5"


def test_a_row_is_added_copied_moved_and_deleted_with_the_keyboard(page, world):
    cell(page, 1, 1).click()
    page.keyboard.press("Control+Enter")
    expect(grid(page).locator("tbody tr")).to_have_count(5)
    expect(cell(page, 2, 1)).to_have_text("-")
    page.keyboard.press("Control+Delete")
    cell(page, 4, 1).click()
    page.keyboard.press("Alt+ArrowUp")
    expect(cell(page, 3, 1)).to_have_text('"giffgaff"')
    page.keyboard.press("Control+Shift+D")
    expect(grid(page).locator("tbody tr")).to_have_count(5)
    kept(page)
    assert [rule[0] for rule in rules(world)] == ['"O2"', '"O2"', '"giffgaff"', '"giffgaff"', '"Tesco Mobile"']


def test_a_block_from_a_spreadsheet_is_pasted_with_new_rows_and_quoted_where_it_must_be(page, world):
    cell(page, 4, 1).click()
    page.keyboard.press("Control+Enter")
    paste(page, BLOCK)
    expect(grid(page).locator("tbody tr")).to_have_count(6)
    kept(page)
    assert rules(world)[4:] == [
        ['"Sky"', '"business"', "< 5", '"Sky"', "its own"],
        ['"Voxi"', '"consumer"', "-", '"Voxi"', ""],
    ]
    assert copied(page).split("\n")[1].split("\t")[:3] == ['"""Voxi"""', '"""consumer"""', "-"]
    page.keyboard.press("Control+z")
    expect(grid(page).locator("tbody tr")).to_have_count(5)


def test_what_is_copied_here_pastes_here_as_it_was(page, world):
    cell(page, 1, 1).click()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    block = copied(page, "cut")
    expect(cell(page, 2, 2)).to_have_text("-")
    cell(page, 3, 1).click()
    paste(page, block)
    kept(page)
    assert [rule[:2] for rule in rules(world)] == [
        ["-", "-"],
        ["-", "-"],
        ['"O2"', '"consumer"'],
        ['"O2"', '"business"'],
    ]


def test_fill_down_undo_and_redo_work_over_everything(page, world):
    cell(page, 1, 2).click()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Control+d")
    expect(cell(page, 3, 2)).to_have_text('"consumer"')
    page.get_by_role("tab", name="Rewards").click()
    page.locator("#entry-rewards-0").get_by_label("Pays on").fill("2012-10")
    page.keyboard.press("Tab")
    kept(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#entry-rewards-0").get_by_label("Pays on")).to_have_value("2012-09")
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("tab", name="Tables").click()
    expect(cell(page, 3, 2)).to_have_text("-")
    page.get_by_role("button", name="Redo").click()
    expect(cell(page, 3, 2)).to_have_text('"consumer"')
    kept(page)
    assert [rule[1] for rule in rules(world)[:3]] == ['"consumer"'] * 3


def test_a_mistake_is_shown_in_its_cell_while_one_types_and_the_suggestion_is_taken_by_a_click(page, world):
    cell(page, 2, 2).click()
    page.keyboard.type("bussiness")
    page.keyboard.press("Enter")
    expect(cell(page, 2, 2)).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#pane-problems")).to_contain_text("promise, rule 2")
    expect(page.get_by_role("button", name="Save as a version")).to_be_disabled()
    page.locator("#pane-problems").get_by_role("button", name="Use “business”").click()
    expect(cell(page, 2, 2)).to_have_text('"business"')
    expect(cell(page, 2, 2)).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator("#pane-problems")).to_contain_text("none")
    assert rules(world)[1][1] == '"business"'


def test_names_are_offered_with_their_meaning_where_a_column_is_added(page, world):
    page.get_by_role("button", name="+ Question").first.click()
    field = page.get_by_label("A fact, parameter or earlier result")
    field.fill("paym")
    expect(page.get_by_role("option", name="payment type")).to_contain_text("before or after use")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(field).to_have_value("payment type")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(grid(page).locator("th.head").nth(3)).to_contain_text("payment type")
    cell(page, 1, 4).click()
    page.keyboard.type("pre")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    kept(page)
    assert rules(world)[0][3] == '"prepaid"'


def test_a_gap_is_shown_with_an_example_and_filled_by_a_button(page, world):
    cell(page, 1, 3).click()
    page.keyboard.type("< 3")
    page.keyboard.press("Enter")
    pane = page.locator("#pane-findings")
    expect(pane).to_contain_text('brand is "O2" and segment is "consumer" and lines on account is at least 3')
    page.get_by_role("button", name="Add a rule for this gap").first.click()
    expect(grid(page).locator("tbody tr")).to_have_count(5)
    expect(cell(page, 5, 4)).to_be_focused()
    page.keyboard.type('"O2"')
    page.keyboard.press("Enter")
    expect(pane).to_contain_text("Every situation meets its rule")
    assert rules(world)[4] == ['"O2"', '"consumer"', ">= 3", '"O2"', ""]


def test_the_cost_on_a_past_outage_follows_the_table_and_a_case_that_fails_says_why(page, world):
    expect(page.locator("#pane-what-if")).to_contain_text("£72.04")
    page.get_by_role("tab", name="Parameters").click()
    values = page.get_by_role("grid", name="Values of voucher value")
    values.get_by_role("gridcell", name="10.00").click()
    page.keyboard.type("20.00")
    page.keyboard.press("Enter")
    expect(page.locator("#pane-what-if")).to_contain_text("+£60.00")
    expect(page.locator("#pane-cases")).to_contain_text("pass")
    expect(page.locator("#pane-cases .case-failed").first).to_contain_text("voucher 20")


def test_a_draft_is_saved_submitted_and_approved_by_another(page, world, address):
    page.get_by_role("tab", name="About").click()
    page.get_by_label("Title").fill("O2 UK, July 2012")
    page.keyboard.press("Tab")
    kept(page)
    page.get_by_role("button", name="Save as a version").click()
    expect(page).to_have_url(re.compile(f"/policies/{NAME}/2$"))
    page.locator("summary", has_text="Submit").click()
    page.get_by_label("Reason, for the audit").first.fill("A shorter title.")
    page.get_by_role("button", name="Yes, submit").click()
    expect(page.get_by_role("status").filter(has_text="another person approves it")).to_be_visible()
    enter(page, world, address, f"/policies/{NAME}/2", "approver")
    page.get_by_role("link", name="compare with 2").click()
    expect(page.locator("ins")).to_have_text("O2 UK, July 2012")
    page.go_back()
    page.locator("summary", has_text="Approve").click()
    page.get_by_label("Reason, for the audit").first.fill("Agreed.")
    page.get_by_role("button", name="Yes, approve").click()
    expect(page.get_by_text("“Agreed.”")).to_be_visible()
    with world.database.reading() as session:
        assert get_version(session, NAME, 2).state is PolicyState.APPROVED


def test_a_first_table_goes_from_nothing_to_a_saved_version(page, world, address):
    page.goto(f"{address}/policies/new")
    form = page.locator("form", has=page.get_by_role("button", name="Begin"))
    form.get_by_label("Title").fill("Storm goodwill")
    form.get_by_label("Short name").fill("storm-goodwill")
    form.get_by_label("Currency").fill("GBP")
    form.get_by_label("Time zone").fill("Europe/London")
    form.get_by_label("In force for outages from").fill("2026-01-01")
    form.get_by_role("button", name="Begin").click()
    expect(page.locator("#policy-editor")).to_have_attribute("data-ready", "yes")
    cell(page, 1, 1, "owed").click()
    page.keyboard.type(">= 6 h")
    page.keyboard.press("Enter")
    expect(cell(page, 1, 1, "owed")).to_have_text('>= duration("PT6H")')
    page.keyboard.type("< 6 h")
    page.keyboard.press("Enter")
    expect(page.locator("#pane-findings")).to_contain_text("Every situation meets its rule")
    expect(page.locator("#pane-cases")).to_contain_text("1 of 2 pass")
    page.get_by_role("tab", name="Worked cases").click()
    cases = page.get_by_role("grid", name="Worked cases")
    cases.get_by_role("gridcell", name="PT5H").click()
    page.keyboard.type("PT7H")
    page.keyboard.press("Enter")
    expect(page.locator("#pane-cases")).to_contain_text("2 of 2 pass")
    page.get_by_role("button", name="Save as a version").click()
    expect(page).to_have_url(re.compile("/policies/storm-goodwill/1$"))
    expect(page.get_by_text("What keeps it from being submitted")).to_be_hidden()


def test_what_is_meant_so_is_kept_with_its_reason(page, world):
    cell(page, 1, 3).click()
    page.keyboard.type("< 3")
    page.keyboard.press("Enter")
    pane = page.locator("#pane-findings")
    pane.get_by_role("button", name="It is meant so").first.click()
    page.get_by_label("The reason is kept in the policy").fill("large households were promised nothing")
    page.get_by_role("button", name="Keep the reason").click()
    expect(pane).to_contain_text("Every situation meets its rule")
    expect(page.locator(".explained-list").first).to_contain_text("large households were promised nothing")
    page.get_by_role("button", name=re.compile("Take the explanation away.*consumer")).click()
    expect(pane).to_contain_text("No rule when")


def test_the_text_and_the_tables_are_one_and_comments_stay(page, world):
    page.get_by_role("tab", name="Text").click()
    area = page.get_by_label("Text of the policy")
    area.fill(
        policy_text().replace('"giffgaff"     | -          | -', '"giffgaff"     | "consumer" | -') + "# the end\n"
    )
    kept(page)
    page.get_by_role("tab", name="Tables").click()
    expect(cell(page, 4, 2)).to_have_text('"consumer"')
    cell(page, 4, 2).click()
    page.keyboard.press("Delete")
    kept(page)
    page.get_by_role("tab", name="Text").click()
    expect(area).to_have_value(re.compile(r"# What O2 UK gave.*# the end\n$", re.DOTALL))


def test_a_lost_tab_loses_nothing_and_a_second_tab_never_overwrites_unseen(page, world, watch):
    cell(page, 1, 5).click()
    page.keyboard.type("every customer of O2")
    page.keyboard.press("Enter")
    kept(page)
    second = page.context.new_page()
    second.goto(page.url)
    expect(cell(second, 1, 5)).to_have_text("every customer of O2")
    cell(second, 1, 5).click()
    second.keyboard.type("second tab")
    second.keyboard.press("Enter")
    kept(second)
    cell(page, 2, 5).click()
    page.keyboard.type("first tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("changed in another window")
    assert rules(world)[0][4] == "second tab"
    page.get_by_role("button", name="Keep what stands here").click()
    kept(page)
    assert [rule[4] for rule in rules(world)[:2]] == ["every customer of O2", "first tab"]
    watch.complaints[:] = [said for said in watch.complaints if "409" not in said]


def test_a_row_and_a_column_are_moved_by_their_handles(page, world):
    handle = grid(page).locator("th.row-head").nth(3)
    target = grid(page).locator("th.row-head").nth(0)
    handle.hover()
    page.mouse.down()
    box = place(target)
    page.mouse.move(box["x"] + 5, box["y"] + box["height"] + 2, steps=4)
    page.mouse.move(box["x"] + 5, box["y"] + 3, steps=4)
    page.mouse.up()
    expect(cell(page, 1, 1)).to_have_text('"giffgaff"')
    head = grid(page).locator("th.head").nth(0)
    head.hover()
    head.locator(".grip").hover()
    page.mouse.down()
    to = place(grid(page).locator("th.head").nth(2))
    page.mouse.move(to["x"] + to["width"] - 4, to["y"] + 10, steps=6)
    page.mouse.up()
    expect(cell(page, 2, 3)).to_have_text('"O2"')
    kept(page)
    assert rules(world)[1][:4] == ['"consumer"', "-", '"O2"', '"O2"']


def test_on_a_phone_a_tap_edits_in_the_bar_at_the_bottom(browser, world, address):
    with browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        watch = Watch()
        watch.follow(page, address)
        enter(page, world, address, f"/policies/{NAME}/edit")
        expect(page.locator("#policy-editor")).to_have_attribute("data-ready", "yes")
        cell(page, 2, 2).tap()
        bar = page.locator(".cell-bar")
        expect(bar).to_contain_text("Rule 2 · segment")
        field = page.get_by_label("Text of the cell")
        field.fill("consumer")
        page.get_by_role("button", name="Next cell").tap()
        expect(bar).to_contain_text("Rule 2 · lines on account")
        kept(page)
        fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert page.evaluate(fits)
        assert rules(world)[1][1] == '"consumer"'
        assert (watch.complaints, watch.foreign) == ([], [])


@pytest.mark.parametrize("wanted", ["/policies/", "/policies/new", "/policies/schemes", f"/policies/{NAME}/compare"])
def test_the_pages_around_fit_a_phone(browser, world, address, wanted):
    with browser.new_context(viewport={"width": 390, "height": 800}) as context:
        page = context.new_page()
        enter(page, world, address, wanted)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
