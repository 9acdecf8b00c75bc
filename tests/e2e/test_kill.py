"""Killed at the worst moment: nothing acknowledged is lost, and no door opens twice."""

import asyncio

import pytest

from pushserver.client import Client
from tests.database_rows import open_reader
from tests.e2e.conftest import DEVICE, MakeDevice
from tests.e2e.raw_connection import connect
from tests.e2e.test_device_life import LOAD_USERS, OPEN_DOOR, held
from tests.program import Program

ME = str(DEVICE)


@pytest.fixture(name="number")
def _number(request: pytest.FixtureRequest) -> int:
    """Count how often a test is run: it depends on the moment."""
    number: int = request.param
    return number


#: How often it is run every day, and as a proof.
TIMES = [0, *(pytest.param(n, marks=pytest.mark.proof) for n in range(1, 10))]
HASTY = {"response_timeout": 1.5, "grace": 0.2}


async def after_restart(
    program: Program, device_of: MakeDevice, command_id: str
) -> tuple[list[str], str]:
    """
    Restart and poll until the command has ended: what was handed out, how it ended.
    """
    program.start(**HASTY)
    device, polled = device_of(program), []
    async with Client(program.url, program.token) as api, asyncio.timeout(20):
        await api.devices.patch(ME, hold=0)
        while True:
            order = await device.poll()
            polled += [order.endpoint] if order else []
            if order:
                await device.execute_and_post(order)
            state = (await api.commands.get(command_id))["state"]
            if state not in ("PENDING", "SENT", "DELIVERED"):
                return polled, state


@pytest.mark.parametrize("number", TIMES, indirect=True)
@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.usefixtures("number")
async def test_right_after_the_commit(
    program: Program, device_of: MakeDevice, *, waiting: bool
) -> None:
    """
    The server is killed after it committed a door's delivery, before or after the
    device got it: the door is never handed out again, and its outcome stays unknown.
    """
    program.start(**HASTY)
    device = device_of(program)
    async with Client(program.url, program.token) as api:
        if waiting:
            await api.devices.put(ME, hold=20)
            poll = asyncio.create_task(device.poll())
            await held(api, 1)
            command = await api.commands.enqueue(ME, OPEN_DOOR)
        else:
            command = await api.commands.enqueue(ME, OPEN_DOOR)
            poll = asyncio.create_task(device.poll())
        await asyncio.to_thread(_kill_once_sent, program)
    await asyncio.gather(poll, return_exceptions=True)

    polled, state = await after_restart(program, device_of, command["id"])

    assert [] == polled
    assert "TIMEOUT" == state


def _kill_once_sent(program: Program) -> None:
    """Kill the program as soon as the command was handed out, as committed."""
    with open_reader(program.database) as read:
        for _ in range(20_000):
            if read("SELECT state FROM command") != [("PENDING",)]:
                break
        program.kill()


async def test_before_the_answer_is_read(
    program: Program, device_of: MakeDevice
) -> None:
    """
    The same when the answer was on its way and the device never read it.
    """
    program.start(**HASTY)
    async with (
        Client(program.url, program.token) as api,
        connect(program) as (_, writer),
    ):
        command = await api.commands.enqueue(ME, OPEN_DOOR)
        writer.write(f"GET /push?deviceId={ME} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await asyncio.to_thread(_kill_once_sent, program)

    assert ([], "TIMEOUT") == await after_restart(program, device_of, command["id"])


async def test_before_the_result(program: Program, device_of: MakeDevice) -> None:
    """
    A device that has its command and answers when the server is back is believed.
    """
    program.start(**HASTY)
    async with Client(program.url, program.token) as api:
        command = await api.commands.enqueue(ME, OPEN_DOOR)
    order = await device_of(program).poll_command()
    program.kill()
    program.start(**HASTY)
    async with Client(program.url, program.token) as api:
        assert 200 == await device_of(program).execute_and_post(order)
        done = await api.commands.get(command["id"])

    assert ("SUCCESSFUL", 1) == (done["state"], done["attempts"])
    assert "uuid" == done["result"]["matchedBy"]


async def test_at_least_once_goes_out_again(
    program: Program, device_of: MakeDevice
) -> None:
    """
    A command that may be handed out again is, and is answered after the restart.
    """
    program.start(**HASTY)
    async with Client(program.url, program.token) as api:
        command = await api.commands.enqueue(ME, LOAD_USERS)
    await device_of(program).poll_command()
    program.kill()

    polled, state = await after_restart(program, device_of, command["id"])

    assert (["load_objects"], "SUCCESSFUL") == (polled, state)


async def test_late_result_after_timeout(
    program: Program, device_of: MakeDevice
) -> None:
    """
    A result for what was in flight at the kill, and timed out since, still counts.
    """
    program.start(**HASTY)
    async with Client(program.url, program.token) as api:
        command = await api.commands.enqueue(ME, OPEN_DOOR)
    order = await device_of(program).poll_command()
    program.kill()
    await after_restart(program, device_of, command["id"])
    async with Client(program.url, program.token) as api:
        before = await api.commands.get(command["id"])
        await device_of(program).execute_and_post(order)
        after = await api.commands.get(command["id"])

    assert ("TIMEOUT", "SUCCESSFUL") == (before["state"], after["state"])
