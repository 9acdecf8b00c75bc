"""Draws commands and what they left on a terminal, as rich does, in SVG."""

import html
import io
import re

from rich.console import Console
from rich.text import Text

from tests.docs.examples.comparing import same_for_all
from tests.docs.examples.screen import shown_in_colour
from tests.docs.examples.terminal import COLUMNS, Run

_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_TEXT = re.compile(r'<text class="(?P<style>[^"]+)"[^>]*>(?P<text>[^<]*)</text>')


def draw(runs: list[Run]) -> str:
    """Return the picture of *runs*, in the colours of a terminal."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True
    )
    for run in runs:
        console.print(Text.assemble(("$ ", "bold green"), (run.command, "bold")))
        console.print(Text.from_ansi(shown_in_colour(run.written)))
    svg = console.export_svg(title="pushserver", unique_id="pushserver")
    # Whoever looks at it fetches no font from elsewhere.
    return _FONT.sub("", svg)


def seen(svg: str) -> list[str]:
    """Return what is to be seen in a picture, and in which style, but what varies."""
    styled = (f"{found['style']} {found['text']}" for found in _TEXT.finditer(svg))
    text = html.unescape("\n".join(styled)).replace("\xa0", " ")
    return same_for_all(text)
