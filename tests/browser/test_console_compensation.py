"""A real browser walks an assessment from proposal to release, with the keyboard and without surprises."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from compensation.models import AssessmentState
from tests.browser.conftest import Watch
from tests.web_client import PASSWORD, add_staff
from tests.web_world import ENTITLED, World, make_small_world


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a context of its own."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield context.new_page()


@pytest.fixture
def world(tmp_path, sqlite_database, store):
    add_staff(sqlite_database)
    return make_small_world(tmp_path, sqlite_database, store)


def enter(page: Page, address: str, name: str, wanted: str) -> None:
    page.context.clear_cookies()
    page.goto(f"{address}/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto(address + wanted)


def confirm(page: Page, step: str) -> None:
    page.locator("summary", has_text=re.compile(f"^{step}$")).click()
    page.get_by_role("button", name=f"Yes, {step.lower()}").click()


def state_of(world: World, ref: str) -> AssessmentState:
    return world.assessment(ref).state


def test_an_assessment_is_submitted_approved_by_another_and_released(world, serve, page):
    ref = world.propose()
    address, wanted = serve(world.web), f"/assessments/{ref}"
    enter(page, address, "marketing", wanted)
    confirm(page, "Submit")
    expect(page.get_by_role("status").filter(has_text="another person approves or rejects it")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    enter(page, address, "approver", wanted)
    page.locator("summary", has_text="Approve").click()
    page.get_by_label("Reason, for the audit").first.fill("As published on 18 July.")
    page.get_by_role("button", name="Yes, approve").click()
    expect(page.get_by_text("As published on 18 July.")).to_be_visible()
    assert state_of(world, ref) is AssessmentState.APPROVED
    confirm(page, "Release")
    expect(
        page.get_by_role("status").filter(has_text="12 credits of £72.04 and 7 texts are on their way")
    ).to_be_visible()
    world.deliver()
    page.reload()
    expect(page.locator("#books")).to_contain_text("agree")


def test_an_approval_needs_a_reason_before_it_is_sent(world, serve, page):
    ref = world.submit()
    enter(page, serve(world.web), "approver", f"/assessments/{ref}")
    confirm(page, "Approve")
    assert page.get_by_label("Reason, for the audit").first.evaluate("field => field.validity.valueMissing")
    assert state_of(world, ref) is AssessmentState.SUBMITTED


def test_a_step_is_taken_with_the_keyboard_alone_and_asks_first(world, serve, page):
    ref = world.propose()
    enter(page, serve(world.web), "marketing", f"/assessments/{ref}")
    page.locator("summary", has_text="Submit").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Another person must approve; you cannot.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Another person must approve; you cannot.")).to_be_hidden()
    assert state_of(world, ref) is AssessmentState.PROPOSED
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="is submitted")).to_be_visible()


def test_a_case_unfolds_its_explanation_and_the_charts_are_drawn(world, serve, page):
    ref = world.propose()
    enter(page, serve(world.web), "marketing", f"/assessments/{ref}")
    row = page.locator("#case-5")
    expect(row).to_be_hidden()
    page.get_by_role("button", name="5").click()
    expect(row).to_contain_text("round half up")
    for chart in page.locator(".figure").all():
        chart.scroll_into_view_if_needed()
        expect(chart).to_have_attribute("data-drawn", "yes")


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_scrolls_sideways_and_none_complains(world, serve, page, width):
    ref, line = world.release(), world.line_id(ENTITLED)
    page.set_viewport_size({"width": width, "height": 800})
    address = serve(world.web)
    enter(page, address, "admin", "/policies/")
    watch = Watch()
    watch.follow(page, address)
    for wanted in (
        "/policies/",
        "/policies/new",
        "/policies/o2-uk-2012-07/1",
        "/assessments/",
        f"/assessments/{ref}",
        f"/assessments/new?incident={world.incident}",
        "/releases/",
        f"/releases/{ref}",
        "/releases/deliveries/1",
        "/spool/",
        "/book/?account=A-1",
        "/lookup/",
        f"/lookup/lines/{line}",
    ):
        page.goto(address + wanted)
        fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert page.evaluate(fits), wanted
    assert (watch.complaints, watch.foreign) == ([], [])


@pytest.mark.parametrize("width", [390, 1280])
def test_a_question_in_a_table_is_whole_and_can_be_answered(world, serve, page, width):
    world.release()
    page.set_viewport_size({"width": width, "height": 800})
    enter(page, serve(world.web), "delivery", "/releases/senders/")
    page.locator("summary", has_text="Set pace").last.click()
    page.get_by_label("Rows a second").last.fill("5")
    yes = page.get_by_role("button", name="Yes, set pace").last
    on_top = """button => {
        const box = button.getBoundingClientRect();
        return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === button;
    }"""
    assert yes.evaluate(on_top)
    yes.click()
    expect(page.locator("main")).to_contain_text("5.0")


def test_what_can_be_entered_or_ticked_is_seen_in_light_and_in_dark(world, serve, page):
    address = serve(world.web)
    enter(page, address, "marketing", "/assessments/")
    contrast = """field => {
        const parts = text => text.match(/[\\d.]+/g).map(Number);
        const light = colour => {
            const [r, g, b] = parts(colour).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
            return .2126 * r + .7152 * g + .0722 * b;
        };
        const edge = light(getComputedStyle(field).borderTopColor);
        const ground = light(getComputedStyle(document.body).backgroundColor);
        return (Math.max(edge, ground) + .05) / (Math.min(edge, ground) + .05);
    }"""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
        assert page.get_by_label("Search").evaluate(contrast) >= 3, theme
        assert page.get_by_label("State").evaluate(contrast) >= 3, theme


def test_whoever_goes_by_keyboard_sees_where_they_are_in_the_menu(world, serve, page):
    enter(page, serve(world.web), "approver", "/assessments/")
    seen = "getComputedStyle(document.activeElement).outlineStyle !== 'none'"
    for _ in range(4):
        page.keyboard.press("Tab")
        assert page.evaluate(seen), page.evaluate("document.activeElement.textContent")
