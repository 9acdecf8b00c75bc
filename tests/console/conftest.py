"""Fixtures in front of the real program: a browser, and who is signed in with it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.program import Program

#: What is shown takes at most so long (milliseconds).
PATIENCE = 15_000


@pytest.fixture(name="shared_program", scope="module")
def _shared_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Return the program, which the tests of a module share."""
    program = Program(tmp_path_factory.mktemp("console"))
    program.start(webhook_allow_networks="127.0.0.0/8")
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


@pytest.fixture(name="page")
def _page(chromium: Browser, shared_program: Program) -> Iterator[Page]:
    """Return a page of somebody who has signed in; nothing may go wrong on it."""
    context = chromium.new_context(
        base_url=shared_program.url, locale="en", reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE)
    page, errors = context.new_page(), list[str]()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.extend([m.text] * (m.type == "error")))
    page.goto("/console")
    page.fill("#token", shared_program.token)
    page.keyboard.press("Enter")
    page.wait_for_selector('.live[data-state="on"]')
    yield page
    context.close()

    assert [] == errors


def show(page: Page, name: str) -> None:
    """
    Keep a picture of a page, light and dark, for the docs.

    Only where the variable CONSOLE_PICTURES names a folder for them.
    """
    folder = os.environ.get("CONSOLE_PICTURES")
    if folder is None:
        return
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.screenshot(path=Path(folder) / f"{name}-{theme}.png")
