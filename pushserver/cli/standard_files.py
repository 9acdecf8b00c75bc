"""Standard input, output and error are there, whoever started the program.

Where they are closed, the next files that are opened would get their numbers, and what
is meant for a terminal would be written into them.
"""

import os
import sys
from typing import TextIO, cast


def open_standard_files() -> None:
    """Open the null device in place of those that are closed."""
    sys.stdin = sys.stdin or _open_null("r")
    sys.stdout = sys.stdout or _open_null("w")
    sys.stderr = sys.stderr or _open_null("w")


def _open_null(mode: str) -> TextIO:
    """Open it; it gets the lowest free number, and so that of what is closed."""
    file = os.open(os.devnull, os.O_RDWR)
    return cast("TextIO", os.fdopen(file, mode, encoding="utf-8", closefd=False))
