"""The terminal at the standard output: whether there is one, its width and colours."""

import os
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

_DEFAULT_WIDTH = 80


def is_terminal() -> bool:
    """Tell whether people read what is printed."""
    return sys.stdout.isatty()


def terminal_width(environ: Mapping[str, str]) -> int:
    """Return the width that COLUMNS says, else that of the terminal."""
    columns = environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns):
        return int(columns)
    # A terminal that nobody has told its size says 0.
    return os.get_terminal_size(sys.stdout.fileno()).columns or _DEFAULT_WIDTH


def print_text(environ: Mapping[str, str], *lines: Text) -> None:
    """Print lines as they are, however long, in the colours that there are."""
    console = Console(
        file=sys.stdout,
        force_terminal=True,
        color_system=None if environ.get("NO_COLOR") else "auto",
        highlight=False,
        _environ=environ,
    )
    for line in lines:
        console.print(line, soft_wrap=True)
    sys.stdout.flush()
