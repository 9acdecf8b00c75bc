"""The types of the client: those of the API, and what mypy makes of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pushserver.client import types
from pushserver.web.api import ROUTES
from pushserver.web.api.openapi.document import document
from scripts import client_types

ROOT = Path(__file__).parents[2]
USERS = Path(__file__).parent / "typed_users"


def test_they_are_those_of_the_description() -> None:
    """
    Each module is what the API's description makes of it; `python -m
    scripts.client_types` writes them anew.
    """
    written = {each.name: each.read_text("utf-8") for each in _modules()}

    assert client_types.render() == written


def _modules() -> list[Path]:
    return sorted(client_types.FOLDER.glob("*.py"))


def test_there_is_one_for_each_schema() -> None:
    """
    Whatever the description names has a type of the same name.
    """
    schemas = document(ROUTES)["components"]["schemas"]

    assert set(schemas) <= set(types.__all__)


def _mypy(script: str) -> tuple[int, str]:
    """Return what mypy says in strict mode of a script that uses the client."""
    ran = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-m", "mypy", "--strict", str(USERS / script)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    return ran.returncode, ran.stdout


def test_a_right_use_is_accepted() -> None:
    """
    A program that uses both clients passes in strict mode.
    """
    code, said = _mypy("right.py")

    assert (0, True) == (code, "no issues" in said), said


def test_wrong_uses_are_refused() -> None:
    """
    Each line of the wrong program that says so is refused for what it says, no other.
    """
    text = (USERS / "wrong.txt").read_text("utf-8")
    expected = {
        (number, line.partition("# wrong: ")[2])
        for number, line in enumerate(text.splitlines(), 1)
        if "# wrong: " in line
    }
    code, said = _mypy("wrong.txt")
    found = set()
    for line in said.splitlines():
        if ": error: " in line:
            found.add((int(line.split(":")[1]), line.rpartition("[")[2].rstrip("]")))

    assert (1, expected) == (code, found), said


@pytest.mark.parametrize("module", ["pushserver.client", "pushserver.client.sync"])
def test_the_server_is_not_loaded(module: str) -> None:
    """
    To import the client loads neither the server nor what only calls need.
    """
    program = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    names = json.loads(ran.stdout)
    ours = {each.split(".")[1] for each in names if each.startswith("pushserver.")}

    assert ours <= {"client"}
    assert not {"aiohttp", "sqlite3", "structlog"} & set(names)


def test_the_package_says_that_it_has_types() -> None:
    """
    Type checkers read the types of an installed package only if it has `py.typed`.
    """
    assert (ROOT / "pushserver/py.typed").exists()
