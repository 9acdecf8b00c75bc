"""Each block of a page is run, in order in a fresh folder, and prints what it says."""

import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.docs.examples import comparing
from tests.docs.examples.blocks import END, PAGES, ROOT, Block, blocks_of
from tests.docs.examples.not_run import not_printed
from tests.docs.examples.stage import prepare
from tests.docs.examples.terminal import PATIENCE
from tests.docs.examples.walk import Walk

#: The longest first: it takes a minute where all processors are busy.
_WITH_COMMANDS = sorted(
    (page for page in PAGES if any("sh" == each.language for each in blocks_of(page))),
    key=lambda page: -len(blocks_of(page)),
)

#: How blocks are compared with what the commands before them printed.
_COMPARED = {"text": comparing.is_shown, "json": comparing.is_json_shown}


@pytest.mark.parametrize(
    ("walk", "page"),
    [(page, page) for page in _WITH_COMMANDS],
    ids=[page.name for page in _WITH_COMMANDS],
    indirect=["walk"],
)
def test_page(walk: Walk, page: Path) -> None:
    """
    The page's commands end well, one after the other, and print what the page says.
    """
    prepare(walk, str(page.relative_to(ROOT)))
    for block, following in pairwise((*blocks_of(page), END)):
        walk.go(block, may_refuse="urn:pushserver:problem:" in following.text)
        _compare(block, walk)
    walk.terminal.end_jobs()


def _compare(block: Block, walk: Walk) -> None:
    """Compare what was printed with a block that says so, once it is all there."""
    if block.saved_as or block.language not in _COMPARED:
        return
    if check := not_printed(block):
        check(block.text)
        return
    is_shown = _COMPARED[block.language]
    deadline = time.monotonic() + PATIENCE
    while not is_shown(block.text, walk.screen):
        assert walk.look_again(), f"{block}\n{walk.screen}"
        assert time.monotonic() < deadline, f"{block}\n{walk.screen}"
