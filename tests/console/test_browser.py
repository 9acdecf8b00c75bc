"""The console in a real browser: live, by keyboard, in both themes, at each width."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.calls import api, poll, post_result
from tests.console.conftest import PATIENCE, show
from tests.console.installation import OTHER
from tests.console.pages import PAGES
from tests.each_case import each_case
from tests.program import Program

AXE = (Path(__file__).parent / "vendor/axe.min.js").read_text("utf-8")
SERIOUS = """async (rules) => (await axe.run(rules)).violations
    .filter(each => ["serious", "critical"].includes(each.impact))
    .map(each => [each.id, each.nodes[0].html.slice(0, 200)])"""

#: What one reaches by Tab and does not see, or not that it has the focus.
UNSEEN = """() => [...document.querySelectorAll(
        "a[href], button, input:not([type=hidden]), select, textarea, summary," +
        "[tabindex='0']")]
    .filter(each => each.checkVisibility({visibilityProperty: true}))
    .filter(each => {
        each.focus();
        const style = getComputedStyle(each);
        return document.activeElement !== each || style.outlineStyle === "none" ||
            parseFloat(style.outlineWidth) < 2;
    }).map(each => each.outerHTML.slice(0, 200))"""


@each_case("name", PAGES, ids=str)
def test_page_is_accessible(page: Page, ids: dict[str, str], name: str) -> None:
    """
    On no page, in neither theme, axe finds anything serious; none is wider than a
    phone; and whatever one reaches by keyboard shows that it has the focus.
    """
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(PAGES[name].format(**ids))
    show(page, name)
    # The page's own policy lets no script in but its own.
    page.evaluate(AXE)
    page.emulate_media(color_scheme="light")
    problems = page.evaluate(SERIOUS, {})
    page.emulate_media(color_scheme="dark")
    problems += page.evaluate(SERIOUS, {"runOnly": ["color-contrast"]})
    page.set_viewport_size({"width": 360, "height": 740})
    page.keyboard.press("Tab")

    assert [] == problems
    assert [] == page.evaluate(UNSEEN)
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_live(page: Page, ids: dict[str, str], shared_program: Program) -> None:
    """
    A command that is enqueued and withdrawn is seen without a reload.
    """
    page.goto("/console/commands?endpoint=reboot")
    page.wait_for_selector('.live[data-state="on"]')
    page.evaluate("window.stayed = true")
    path = f"/devices/{ids['device_id']}/commands"
    made = api(shared_program, "POST", path, {"endpoint": "reboot"})
    row = page.locator(f"#command-{made['id']}")

    expect(row.locator(".badge")).to_have_text("pending")
    api(shared_program, "DELETE", f"/commands/{made['id']}")
    expect(row.locator(".badge")).to_have_text("canceled")
    assert page.evaluate("window.stayed")


@pytest.mark.usefixtures("ids")
def test_session_ends(chromium: Browser, shared_program: Program) -> None:
    """
    A page whose session ends does not stay as it was for ever: it leads to the sign-in.
    """
    asked = {"name": "shift", "permissions": ["devices:read"]}
    made = api(shared_program, "POST", "/tokens", asked)
    context = chromium.new_context(base_url=shared_program.url, locale="en")
    page = context.new_page()
    page.clock.install()
    page.goto("/console/devices")
    page.fill("#token", made["token"])
    page.keyboard.press("Enter")
    page.wait_for_selector('.live[data-state="on"]')
    api(shared_program, "DELETE", f"/tokens/{made['id']}")
    page.wait_for_selector('.live[data-state="lost"]')
    page.clock.run_for(3000)

    page.wait_for_url("**/sign-in?next=%2Fconsole%2Fdevices", timeout=PATIENCE)
    context.close()


@pytest.mark.usefixtures("ids")
def test_open_door(page: Page, shared_program: Program) -> None:
    """
    Two clicks open a door, and what its device answers is seen without a reload,
    though the request is shown as a tree that stands open.
    """
    page.goto(f"/console/send?device={OTHER}")
    page.click('button[value="send"]')
    page.wait_for_selector('.live[data-state="on"]')
    poll(shared_program, OTHER)
    post_result(shared_program, OTHER, b'{"response": {"actions": []}}')

    expect(page.locator(".head .badge")).to_have_text("successful")


def test_typing_filters(page: Page, ids: dict[str, str]) -> None:
    """
    The list of devices follows what is typed, and so does the page's address.
    """
    page.goto("/console/devices")
    page.fill("#q", "state:quarantined")
    expect(page.locator(f"#device-{ids['device_id']}")).to_have_count(0)
    expect(page.locator("tbody tr")).not_to_have_count(0)

    assert page.url.endswith("q=state%3Aquarantined&sort=deviceId")


def test_keyboard_alone(page: Page, ids: dict[str, str]) -> None:
    """
    A command is withdrawn by keyboard alone: opened, confirmed, and said.
    """
    page.goto(f"/console/commands/{ids['waiting_id']}")
    page.keyboard.press("Tab")
    skipped = page.evaluate("document.activeElement.className")
    page.locator("details.confirm summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert "skip" == skipped
    expect(page.locator(".said")).to_be_visible()
    expect(page.locator(".head .badge")).to_have_text("canceled")


@pytest.mark.usefixtures("ids")
def test_without_scripts(chromium: Browser, shared_program: Program) -> None:
    """
    Without scripts one signs in, reads, filters, and changes the language.
    """
    context = chromium.new_context(
        base_url=shared_program.url, java_script_enabled=False, locale="en"
    )
    page = context.new_page()
    page.goto("/console/devices")
    page.fill("#token", shared_program.token)
    page.click("button.primary")
    page.fill("#q", "tag:site=north")
    page.click(".filters button")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(5)
    page.locator("details.account:not(.more) summary").click()
    page.click('button[value="pt-BR"]')
    expect(page.locator("h1")).to_have_text("Dispositivos")
    expect(rows).to_have_count(5)
    page.goto("/api/v1/docs#getServer")
    expect(page.locator("#getServer h3")).to_be_in_viewport()
    context.close()
