"""What tests of the policy editor do with its pages: enter, find a cell, paste, copy, read the rules back."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from compensation.document.outline import read_outline
from compensation.drafts import get_draft
from tests.web_world import World

NAME = "o2-uk-2012-07"
BLOCK = '"Sky"\tbusiness\t< 5\t"Sky"\tits own\n"Voxi"\tconsumer\t-\t"Voxi"\t'


def enter(page: Page, world: World, address: str, wanted: str, name: str = "marketing") -> None:
    """Open a page as somebody who has signed in."""
    page.context.clear_cookies()
    cookie = world.client(name).get_cookie("outage_session")
    assert cookie is not None
    page.context.add_cookies([{"name": "outage_session", "value": cookie.value, "url": address}])
    page.goto(address + wanted)


def grid(page: Page, name: str = "promise") -> Locator:
    return page.get_by_role("grid", name=f"Rules of {name}")


def cell(page: Page, row: int, column: int, name: str = "promise") -> Locator:
    """A cell by rule and column, both from 1."""
    return grid(page, name).locator(f'tbody tr[data-row="{row - 1}"] [role=gridcell]').nth(column - 1)


def place(found: Locator) -> dict[str, float]:
    box = found.bounding_box()
    assert box is not None
    return {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}


def kept(page: Page) -> None:
    expect(page.locator("#kept")).to_have_text("Kept")


def paste(page: Page, text: str) -> None:
    page.evaluate(
        """text => { const data = new DataTransfer(); data.setData("text/plain", text);
        document.activeElement.dispatchEvent(
            new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })); }""",
        text,
    )


def copied(page: Page, kind: str = "copy") -> str:
    text: str = page.evaluate(
        """kind => { const data = new DataTransfer();
        document.activeElement.dispatchEvent(
            new ClipboardEvent(kind, { clipboardData: data, bubbles: true, cancelable: true }));
        return data.getData("text/plain"); }""",
        kind,
    )
    return text


def rules(world: World, name: str = "promise") -> list[list[str]]:
    """The rules of the working copy as the server keeps them."""
    with world.database.reading() as session:
        outline = read_outline(get_draft(session, NAME, author="marketing").text)
    assert outline is not None
    entry = next(one for one in outline["lists"]["decisions"] if one["fields"]["name"] == name)
    return [[*rule["tests"], *rule["results"], rule["note"]] for rule in entry["fields"]["table"]["rules"]]
