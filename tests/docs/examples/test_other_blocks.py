"""Blocks that are no commands and no output are what they look like."""

import tomllib
from collections.abc import Callable, Mapping

import attrs
import pytest

from pushserver.settings import Settings
from tests.docs.examples.blocks import PAGES, Block, blocks_of


def _is_python(text: str) -> None:
    compile(text, "a page", "exec")


def _is_a_file_of_settings(text: str) -> None:
    names = {field.name for field in attrs.fields(Settings)}

    assert set() == set(tomllib.loads(text)["pushserver"]) - names


def _is_drawn(text: str) -> None:
    assert text.startswith(("sequenceDiagram", "stateDiagram-v2"))


#: How blocks of each language are checked; commands and outputs are run and compared.
_CHECKS: Mapping[str, Callable[[str], None]] = {
    "python": _is_python,
    "toml": _is_a_file_of_settings,
    "mermaid": _is_drawn,
}
_RUN_OR_COMPARED = frozenset({"sh", "text", "json"})
_OTHERS = [
    block
    for page in PAGES
    for block in blocks_of(page)
    if block.language not in _RUN_OR_COMPARED
]


@pytest.mark.parametrize("block", _OTHERS, ids=str)
def test_block(block: Block) -> None:
    """
    A block is of a language that is checked, and passes.
    """
    _CHECKS[block.language](block.text)


def test_outputs_follow_commands() -> None:
    """
    A page with an output has a command, so that it is run and compared.
    """
    languages = [{each.language for each in blocks_of(page)} for page in PAGES]

    assert [] == [
        each
        for each in languages
        if each & {"text", "json"} - {"sh"} and "sh" not in each
    ]
