"""The fenced blocks of the pages, and the commands in them."""

import re
import subprocess
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[3]
PAGES = (
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
)
_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
#: The sentence that comes before a file, and names it.
_SAVED = re.compile(r"[Ss]ave (?:this|it) as `(?P<name>[^`]+)`[^`]*$")


@attrs.frozen
class Block:
    """A fenced block: its language, its text without indentation, and where it is."""

    page: str
    line: int
    language: str
    text: str
    #: The file that the sentence before it tells to save it as.
    saved_as: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


#: What comes after the last block of a page.
END = Block("", 0, "", "")


@cache
def blocks_of(page: Path) -> tuple[Block, ...]:
    """Return the blocks of a page, in order."""
    text = page.read_text("utf-8")
    return tuple(_blocks(str(page.relative_to(ROOT)), text))


def _blocks(page: str, text: str) -> Iterator[Block]:
    for found in _FENCE.finditer(text):
        before = text[: found.start()].rpartition("\n\n```")[2]
        saved = _SAVED.search(" ".join(before.split()))
        yield Block(
            page,
            text.count("\n", 0, found.start()) + 1,
            found["language"],
            textwrap.dedent(found["text"]),
            saved["name"] if saved else "",
        )


def commands_of(block: Block) -> Iterator[str]:
    """Yield the commands of a block of shell, each with all of its lines."""
    lines: list[str] = []
    for line in block.text.splitlines():
        lines.append(line)
        command = "\n".join(lines)
        if line.strip() and is_whole(command):
            yield command
            lines = []
    assert not any(line.strip() for line in lines), f"{block}: {lines}"


def is_whole(command: str) -> bool:
    """Return whether a shell would wait for no further line of *command*."""
    if command.endswith("\\"):
        return False
    checked = subprocess.run(
        ["bash", "-n"],  # noqa: S607 - whichever there is
        input=command,
        text=True,
        capture_output=True,
        check=False,
    )
    return not (checked.returncode or checked.stderr)
