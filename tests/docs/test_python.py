"""The programs on docs/python.md run as they are printed, before the real program."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pushserver.client import __all__ as exported
from pushserver.client.sync import Client
from tests.client.conftest import have_events_written
from tests.clients.answering_device import DEVICE, AnsweringDevice
from tests.program import Program

PAGE = (Path(__file__).parents[2] / "docs/python.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
#: Seconds in which a program of the page ends, however busy the machine is.
ENDS = 100


@pytest.mark.only_on("sqlite")
def test_every_program_runs(program: Program, tmp_path: Path) -> None:
    """
    Each block is a program of its own that runs to its end and complains of nothing.
    """
    program.start(hold=1)
    with AnsweringDevice(program.url), Client(program.url, program.token) as client:
        have_events_written(program)
        client.commands.enqueue(DEVICE, {"endpoint": "reboot"})
        for block in BLOCKS:
            _run(block, program, tmp_path)
    program.stop()


def _run(block: str, program: Program, folder: Path) -> None:
    ran = subprocess.run(  # noqa: S603 - the page's own text
        [sys.executable, "-W", "error", "-c", block],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PUSHSERVER_SERVER": program.url,
            "PUSHSERVER_TOKEN": program.token,
        },
        capture_output=True,
        text=True,
        timeout=ENDS,
        cwd=folder,
        check=False,
    )

    assert (0, "") == (ran.returncode, ran.stderr), block


@pytest.mark.parametrize(
    "error", ["ClientError", "ApiError", "Unreachable", "WaitTimeout", "InvalidServer"]
)
def test_errors_are_named(error: str) -> None:
    """
    The page names the errors that are there to be caught.
    """
    assert error in exported
    assert f"`{error}`" in PAGE


def test_groups_are_named() -> None:
    """
    The page names every group of calls.
    """
    client = Client("http://127.0.0.1:1")
    groups = {name for name in vars(client) if not name.startswith("_")} - {"server"}

    assert {each for each in groups if f"`{each}`" not in PAGE} == set()
