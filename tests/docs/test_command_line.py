"""docs/command-line.md names every command and every option."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from pushserver import cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/command-line.md").read_text("utf-8")
SETTINGS = (ROOT / "docs/settings.md").read_text("utf-8")


def _commands(app: App, name: str = "pushserver") -> Iterator[tuple[str, App]]:
    """Yield each command with its full name; one that only groups others is none."""
    parts = [part for part in app if not part.startswith("-")]
    if not parts:
        yield name, app
    for part in parts:
        yield from _commands(app[part], f"{name} {part}")


COMMANDS = dict(_commands(cli.build_app()))


def _options(app: App) -> Iterator[str]:
    for argument in app.assemble_argument_collection():
        if argument.parse:
            yield from (n for n in argument.names if n.startswith("--"))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_explained(name: str) -> None:
    """
    A command is on the page by its full name.
    """
    assert name in PAGE


@pytest.mark.parametrize("name", COMMANDS)
def test_its_options_are_explained(name: str) -> None:
    """
    Each option of a command is on the page, those of serve on that of the settings.
    """
    page = SETTINGS if name == "pushserver serve" else PAGE
    missing = [option for option in _options(COMMANDS[name]) if option not in page]

    assert [] == missing
