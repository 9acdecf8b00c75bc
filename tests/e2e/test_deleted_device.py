"""A device is deleted while it has a command, over the real wire."""

import pytest

from pushserver.client import Client
from pushserver.client.types import CommandInput
from tests.e2e.conftest import DEVICE, MakeDevice
from tests.program import Program

ME = str(DEVICE)
DESTROY: CommandInput = {"endpoint": "destroy_objects", "body": {"object": "users"}}


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_successor(
    program: Program, device_of: MakeDevice, *, is_restarted: bool
) -> None:
    """
    The next device with its id gets its own commands alone, also after a crash; the old
    one's result still counts.
    """
    program.start(grace=0)
    async with Client(program.url, program.token) as api:
        old = await api.commands.enqueue(ME, DESTROY)
        order = await device_of(program).poll_command()
        await api.devices.delete(ME)
        await api.devices.put(ME)
        if is_restarted:
            await program.kill_and_restart(grace=0)

        successor = device_of(program)
        assert await successor.poll() is None
        assert await successor.poll() is None
        assert "TIMEOUT" == (await api.commands.get(old["id"]))["state"]
        await api.devices.delete(ME)
        assert 200 == await successor.execute_and_post(order)

        ended = await api.commands.get(old["id"])
        assert ("SUCCESSFUL", 1) == (ended["state"], ended["attempts"])


@pytest.mark.proof_on("postgres")
async def test_withdrawn(program: Program, device_of: MakeDevice) -> None:
    """
    What was taken back while the device had it is not given again, also after a crash.
    """
    program.start(grace=0)
    async with Client(program.url, program.token) as api:
        command = await api.commands.enqueue(ME, DESTROY)
        device = device_of(program)
        await device.poll_command()
        taken = await api.commands.cancel(command["id"])
        assert taken["withdrawn"]
        await program.kill_and_restart(grace=0)

        assert await device.poll() is None
        ended = await api.commands.get(command["id"])
        assert ("TIMEOUT", True) == (ended["state"], ended["withdrawn"])
