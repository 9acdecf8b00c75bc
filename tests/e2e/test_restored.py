"""A restored database opens no door a second time by itself."""

import asyncio
import json
import os
import signal

import pytest

from pushserver.cli import main
from pushserver.client import Client
from pushserver.client.types import CommandInput
from tests.e2e.conftest import DEVICE, MakeDevice
from tests.e2e.test_device_life import LOAD_USERS, OPEN_DOOR
from tests.program import Program
from tests.web.local_server import wait_until

DOOR: CommandInput = {**OPEN_DOOR, "expiresIn": 3600}


async def test_restored(
    program: Program, device_of: MakeDevice, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Started with RESTORED, it holds the door, says so, and gives what may be repeated.
    """
    program.start()
    async with Client(program.url, program.token) as api:
        door = await api.commands.enqueue(str(DEVICE), DOOR)
        users = await api.commands.enqueue(str(DEVICE), LOAD_USERS)
    program.stop()
    program.start(restored="true")
    device = device_of(program)
    first = await device.poll_command()
    await device.execute_and_post(first)
    nothing = await device.poll()
    async with Client(program.url, program.token) as api:
        ended = await api.commands.get(users["id"], wait=10)
        held = await api.commands.list(held=True)
        later = await api.commands.enqueue(str(DEVICE + 1), DOOR)
    environ = {"PUSHSERVER_SERVER": program.url, "PUSHSERVER_TOKEN": program.token}
    codes = [
        await asyncio.to_thread(main, ["commands", *words, "--json"], environ)
        for words in (
            ["--held"],
            ["release", "--all"],
            ["release", "--all", "--yes"],
            ["--held"],
            ["release"],
        )
    ]
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    opened = await device.poll_command()
    program.stop()

    assert ("SUCCESSFUL", None) == (ended["state"], nothing)
    assert [door["id"]] == [each["id"] for each in held["items"]]
    assert [1] == [ln["commands"] for ln in program.log_lines("restore.commands_held")]
    assert "Remove RESTORED" in program.log.read_text()
    assert [0, 2, 0, 0, 2] == codes
    assert "Let 1 commands be handed out? If that is meant, give --yes." in printed.err
    assert [door["id"]] * 2 == [json.loads(line)["id"] for line in lines]
    assert "execute_actions" == opened.endpoint
    assert later["id"] not in [each["id"] for each in held["items"]]


@pytest.mark.only_on("postgres")
async def test_restored_once(program: Program) -> None:
    """
    Of several processes the first one alone holds; one that is made anew does not.
    """
    program.start(workers=2, restored="true")
    async with Client(program.url, program.token) as api:
        door = await api.commands.enqueue(str(DEVICE), DOOR)
        (first, _) = program.log_lines("process.listens")
        os.kill(first["pid"], signal.SIGKILL)
        await wait_until(
            lambda: len(program.log_lines("process.listens")) == 3, within=60
        )
        held = await api.commands.list(held=True)
    program.stop()

    assert door["id"] not in [each["id"] for each in held["items"]]
    assert 1 == len(program.log_lines("restore.commands_held"))
