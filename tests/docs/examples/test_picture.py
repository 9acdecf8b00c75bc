"""The picture on the README is what its quick start leaves on a terminal."""

from pathlib import Path

import pytest

from tests.docs.examples.blocks import ROOT, blocks_of
from tests.docs.examples.picture import draw, seen
from tests.docs.examples.stage import prepare
from tests.docs.examples.walk import Walk

_README = ROOT / "README.md"
_PICTURE = ROOT / "docs/first-command.svg"
#: Between these is the quick start.
_FIRST = "## A first command"
_LAST = "Programs do the same over HTTP"


@pytest.mark.parametrize("walk", [_README], ids=["README.md"], indirect=True)
def test_picture(walk: Walk, tmp_path: Path) -> None:
    """
    The picture is drawn of what the commands write now, in their colours.
    """
    prepare(walk, "README.md")
    walk.run("unset NO_COLOR")
    text = _README.read_text("utf-8")
    first, last = (text[: text.index(each)].count("\n") for each in (_FIRST, _LAST))
    runs = []
    for block in (each for each in blocks_of(_README) if first < each.line < last):
        walk.go(block)
        runs += [run for run in walk.runs if run.written]
    walk.terminal.end_jobs()
    new = tmp_path / _PICTURE.name
    new.write_text(draw(runs), "utf-8")

    there = _PICTURE.read_text("utf-8") if _PICTURE.exists() else ""
    assert seen(there) == seen(new.read_text("utf-8")), f"Copy {new} to docs/."
