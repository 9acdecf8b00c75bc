"""Reads the JSON files that commands take, such as files of steps."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pushserver.cli.context import UsageError
from pushserver.cli.pairs import parse_json

if TYPE_CHECKING:
    from pushserver.client.types import StepInput

STDIN = "-"


def read_steps(file: str) -> "list[StepInput]":
    """
    Return the steps in *file*; `-` is the standard input.

    Raises:
        UsageError: it is not a JSON array of objects.
        OSError: it cannot be read.
    """
    name, steps = read_json(file)
    if not isinstance(steps, list) or not all(isinstance(s, dict) for s in steps):
        raise UsageError(f"{name} is not a JSON array of steps.")
    return steps


def read_json(file: str) -> tuple[str, Any]:
    """
    Return the JSON in *file* with a name for it; `-` is the standard input.

    Raises:
        UsageError: it is not JSON.
        OSError: it cannot be read.
    """
    name = "The standard input" if file == STDIN else file
    content = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    return name, parse_json(content, name)
