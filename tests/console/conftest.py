"""Fixtures in front of the real program: a browser, and who is signed in with it."""

import base64
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    Page,
    StorageState,
    ViewportSize,
    sync_playwright,
)

from tests.console.installation import age, furnish, poll_again
from tests.program import Program

#: Devices say from where they poll, as through a proxy; webhooks reach this machine.
SETTINGS = {
    "device_keys": "optional",
    "hold": 0,
    "trusted_proxies": "127.0.0.0/8",
    "webhook_allow_networks": "127.0.0.0/8",
}
#: What a picture is like; only Chromium itself writes this kind.
PICTURE = {
    "format": "webp",
    "quality": 34,
    "clip": {"x": 0, "y": 0, "width": 1280, "height": 720, "scale": 0.8},
}
PICTURE_SIZE = ViewportSize(width=1280, height=720)
#: What is shown takes at most so long (milliseconds).
PATIENCE = 15_000


@pytest.fixture(name="shared_program", scope="module")
def _shared_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Return the program, which the tests of a module share."""
    folder = tmp_path_factory.mktemp("console")
    program = Program(folder, token=secrets.token_hex(32))
    program.start(**SETTINGS)
    yield program
    program.stop()


@pytest.fixture(name="chromium", scope="module")
def _chromium() -> Iterator[Browser]:
    """
    Return the browser, which the tests of a module share.

    No longer: an event loop runs while it is open, and other tests need their own.
    """
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("There is no chromium: apt-get install chromium")
        pytest.skip("There is no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(name="signed_in", scope="module")
def _signed_in(chromium: Browser, shared_program: Program) -> StorageState:
    """Return what the browser keeps of somebody who has signed in."""
    context = chromium.new_context(base_url=shared_program.url)
    page = context.new_page()
    page.goto("/console")
    page.fill("#token", shared_program.token)
    page.keyboard.press("Enter")
    page.wait_for_selector(".menu")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture(name="page")
def _page(
    chromium: Browser, shared_program: Program, signed_in: StorageState
) -> Iterator[Page]:
    """Return a page of somebody who has signed in; nothing may go wrong on it."""
    context = chromium.new_context(
        base_url=shared_program.url,
        locale="en",
        reduced_motion="reduce",
        storage_state=signed_in,
    )
    context.set_default_timeout(PATIENCE)
    page, errors = context.new_page(), list[str]()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.extend([m.text] * (m.type == "error")))
    yield page
    context.close()

    assert [] == errors


@pytest.fixture(name="ids", scope="module")
def _ids(shared_program: Program) -> dict[str, str]:
    """Return the ids of one of everything, in an installation as people have one."""
    ids = furnish(shared_program)
    shared_program.stop()
    age(shared_program)
    shared_program.start(**SETTINGS)
    poll_again(shared_program)
    return ids


def show(page: Page, name: str) -> None:
    """
    Keep a picture of a page, light and dark, for the docs: as small as they may be.

    Only where the variable CONSOLE_PICTURES names a folder for them.
    """
    folder = os.environ.get("CONSOLE_PICTURES")
    if folder is None:
        return
    session = page.context.new_cdp_session(page)
    page.set_viewport_size(PICTURE_SIZE)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        taken = session.send("Page.captureScreenshot", PICTURE)
        picture = base64.b64decode(taken["data"])
        (Path(folder) / f"{name}-{theme}.webp").write_bytes(picture)
