"""Answers of many megabytes, printed on a terminal."""

import json
from typing import Any

from pushserver.cli.printing.printer import Printer
from tests.cli.terminal import Terminal
from tests.each_case import each_case
from tests.growth import seconds_for

ON_TERMINAL = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
#: A machine that is busy makes work seem long now and then.
_TRIES = 4


def users(count: int) -> dict[str, Any]:
    """Return what a device may answer."""
    return {"response": {"users": [{"id": n, "name": "Ann"} for n in range(count)]}}


def print_on_terminal(value: dict[str, Any], *, as_json: bool) -> str:
    """Return what is printed for people."""
    with Terminal.as_stdout(80) as terminal:
        Printer(environ=ON_TERMINAL, json=as_json).print_fields(value)
    return terminal.output


@each_case("as_json", [True, False])
def test_quick(*, as_json: bool) -> None:
    """A long answer is printed in about the time that Python takes to write it."""
    value = users(5_000)
    took = [
        (
            seconds_for(lambda: print_on_terminal(value, as_json=as_json)),
            seconds_for(lambda: json.dumps(value, indent=2)),
        )
        for _ in range(_TRIES)
    ]

    assert any(printing < 3 * writing for printing, writing in took), took


def test_whole() -> None:
    """All of it is there, indented below its name, though without colours."""
    value = users(20_000)
    lines = json.dumps(value["response"], indent=2).replace("\n", "\n" + " " * 10)

    assert json.dumps(value, indent=2) + "\n" == print_on_terminal(value, as_json=True)
    printed = print_on_terminal(value, as_json=False)
    assert f"\x1b[1mresponse  \x1b[0m{lines}\n" == printed


def test_short_ones_have_colours() -> None:
    """One that people read has colours to its end."""
    printed = print_on_terminal(users(1), as_json=True)

    assert printed.endswith("\x1b[1m}\x1b[0m\n")
