"""The nightly check of the real program, which says what it found."""

import asyncio
import json
import time
from contextlib import redirect_stdout
from io import StringIO

import pytest

from pushserver.cli import main
from pushserver.client import Client
from tests.program import Program
from tests.web.local_server import wait_until

pytestmark = pytest.mark.only_on("sqlite")


def soon(program: Program) -> None:
    """Put the program where it is half past three in ten seconds."""
    east = (3 * 3600 + 30 * 60 - 10 - int(time.time())) % 86_400
    zone = f"NIGHT-{east // 3600:02}:{east // 60 % 60:02}:{east % 60:02}"
    program.wrapper = ("env", f"TZ={zone}")


def diagnosis(program: Program) -> list[tuple[str, bool]]:
    """Return how the doctor judges the database, and whether it was checked."""
    with redirect_stdout(StringIO()) as out:
        main(
            ["--server", program.url, "--token", program.token, "--json", "doctor"], {}
        )
    findings = [json.loads(line) for line in out.getvalue().splitlines()]
    return [
        (each["level"], "when it was checked" in each["found"])
        for each in findings
        if each["check"] == "integrity"
    ]


async def test_sound(program: Program) -> None:
    """
    Once the time has come, the file is checked; the log, the API and `doctor` say so,
    also after a restart.
    """
    soon(program)
    program.start()
    assert [("ok", False)] == await asyncio.to_thread(diagnosis, program)

    await wait_until(lambda: bool(program.log_lines("integrity.checked")), within=30)

    async with Client(program.url, program.token) as api:
        assert [] == (await api.status())["integrity"]["faults"]
    assert [("ok", True)] == await asyncio.to_thread(diagnosis, program)
    program.stop()
    program.wrapper = ()
    program.start()
    assert [("ok", True)] == await asyncio.to_thread(diagnosis, program)
    assert 0 == program.stop()
